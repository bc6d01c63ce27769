"""The request: one lead with its attributes and events, as plain JSON values."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, ValidationError

from leadlens.features import UsageError
from leadlens.features.errors import listed
from leadlens.features.regular_files import refuse_no_file
from leadlens.pipeline.config.parts import Timestamp

MOST_EVENTS = 10_000
MOST_CONVERSIONS = 1_000
LONGEST_TEXT = 10_000  # characters
MOST_BYTES = 20_000_000  # of a request as text
_MOST_MISTAKES = 10

Text = Annotated[str, Field(strict=True, max_length=LONGEST_TEXT)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Value = StrictBool | StrictInt | Number | Text | None
Row = dict[str, Value]


class RawLead(BaseModel):
    """A lead as it comes from a form or a CRM.

    Names are those of the data contract and the attributes that `leadlens check` lists, or your own where the project file
    maps them. What a lead does not have is left out or null.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lead: Row = Field(
        description="created_at, and if known lead_id, account_id, closed_at and the attributes of leads.",
        examples=[{"lead_id": "L1", "created_at": "2026-01-31T09:30:00Z", "country": "DE"}],
    )
    account: Row | None = Field(
        None,
        description="Attributes of the lead's account. What is left out is read from the history, where the account is known.",
        examples=[{"industry": "Software", "employees": 120}],
    )
    events: tuple[Row, ...] = Field(
        (),
        max_length=MOST_EVENTS,
        description="What the lead did: occurred_at, event_type, and if known known_at, retracted_at, event_id and the "
        "properties of events.",
        examples=[[{"occurred_at": "2026-01-31T09:31:00Z", "event_type": "page_viewed", "page": "Pricing"}]],
    )
    conversions: tuple[Row, ...] = Field(
        (),
        max_length=MOST_CONVERSIONS,
        description="Past conversions of the lead, where customers are scored again: converted_at, and if known kind, product "
        "and value.",
        examples=[[{"converted_at": "2025-11-03", "kind": "sale", "value": 120.0}]],
    )
    as_of: Timestamp | None = Field(
        None,
        description="Score as of then: only what was known before counts. By default the present. Without a zone it is UTC.",
    )

    def at(self, as_of: datetime | None) -> RawLead:
        """The same as of another time; of ``None`` as it is."""
        return self if as_of is None else self.model_copy(update={"as_of": as_of})


def read_raw_lead(given: RawLead | dict[str, Any], where: str = "lead") -> RawLead:
    """A request from plain values. Raises ``UsageError`` that lists every mistake by its place."""
    if isinstance(given, RawLead):
        return given
    try:
        return RawLead.model_validate(given)
    except ValidationError as error:
        mistakes = _one_a_place(error.errors(include_url=False, include_context=False))
        problems = [_explained(item, given, where) for item in mistakes[:_MOST_MISTAKES]]
        if len(mistakes) == 1:
            raise problems[0] from None
        lines = "\n".join(map(str, problems))
        more = f"\n… and {len(mistakes) - len(problems):,} more" if len(mistakes) > len(problems) else ""
        raise UsageError(f"this lead has {len(mistakes):,} mistakes\n{lines}{more}", where=where) from None


def text_of(path: str) -> bytes:
    """The text of a JSON file, or of standard input for ``-``. Raises ``UsageError`` for a file that cannot be read."""
    if path == "-":
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    refuse_no_file(path)
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        folder = Path(path).parent
        raise UsageError(
            f"this file cannot be read: {error.strerror}",
            value=path,
            known=[str(item) for item in folder.glob("*.json")] if folder.is_dir() else [],
            fix="name a JSON file, or - for standard input",
        ) from None


def parse_raw_lead(text: str | bytes, where: str = "lead") -> RawLead:
    """A request from JSON text. Raises ``UsageError`` for what is no JSON object, and as ``read_raw_lead`` does."""
    if len(text) > MOST_BYTES:
        raise UsageError(
            "this is too large for one lead",
            value=f"more than {MOST_BYTES:,} bytes",
            where=where,
            fix=f"at most {MOST_EVENTS:,} events: leave out events older than the longest window",
        )
    try:
        given = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "this is not valid JSON",
            value=str(error),
            where=where,
            fix='one object: {"lead": {"created_at": "2026-01-31T09:30:00Z", …}, "events": […]}',
        ) from None
    return read_raw_lead(given, where)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return names


_KINDS = {
    "model_type": 'an object is expected: {"lead": {…}, "events": […]}',
    "dict_type": "an object is expected: {name: value}",
    "tuple_type": "a list is expected: [ {…}, {…} ]",
    "finite_number": "this number is not finite",
}
_MEANT = ("finite_number", "string_too_long")


def _one_a_place(errors: list[Any]) -> list[Any]:
    """Of several mistakes at one place (a value may be one thing or another) one: of the kind that it was meant as."""
    chosen: dict[tuple[Any, ...], Any] = {}
    for item in errors:
        place = tuple(item["loc"])
        place = place if item["type"] in ("missing", "extra_forbidden") else _value_of(place)
        if place not in chosen or item["type"] in _MEANT:
            chosen[place] = item
    return list(chosen.values())


def _value_of(place: tuple[Any, ...]) -> tuple[Any, ...]:
    """The place of the value, without the names of the kinds that pydantic tried."""
    if place and place[0] in ("lead", "account"):
        return place[:2]
    return place[:3] if place and place[0] in ("events", "conversions") else place[:1]


def place_name(place: tuple[Any, ...]) -> str:
    """The place of a value in the request, events counted from 1.

    >>> place_name(("events", 2, "page"))
    'events[3].page'
    """
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def _explained(item: Any, given: Any, where: str) -> UsageError:
    kind, place = item["type"], tuple(item["loc"])
    if kind == "extra_forbidden":
        return UsageError(
            f"a lead has no {place_name(place)}",
            value=place[-1],
            known=list(RawLead.model_fields),
            where=where,
            fix=f"known here: {listed(RawLead.model_fields)}; attributes of the lead belong in `lead`",
        )
    if kind == "missing":
        return UsageError(
            f"{place_name(place)} is missing",
            where=where,
            fix=f"what goes there: {RawLead.model_fields[str(place[0])].description}",
        )
    place = _value_of(place)
    name = place_name(place)
    if kind == "too_long":
        most = MOST_EVENTS if name == "events" else MOST_CONVERSIONS
        return UsageError(
            f"{name}: these are too many for one lead",
            value=f"{len(item['input']):,} {name}",
            where=where,
            fix=f"at most {most:,}: leave out the oldest, or score by `leadlens score`, which has no such limit",
        )
    if kind == "string_too_long":
        return UsageError(
            f"{name}: this text is too long",
            value=f"{len(item['input']):,} characters",
            where=where,
            fix=f"at most {LONGEST_TEXT:,} characters",
        )
    message = _KINDS.get(kind)
    if message is None and item["msg"].startswith("Value error, "):
        message = item["msg"].removeprefix("Value error, ")
    if message is None:
        message = "a value is a number, a text, true, false or null"
    return UsageError(f"{name}: {message}" if name else message, value=item["input"], where=where)

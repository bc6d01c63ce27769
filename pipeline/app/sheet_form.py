"""The numbers of a sheet as fields of a form, and the sheet that comes of what was typed into them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.settings import MOST_POINTS
from leadlens.models.scorecard.language.yaml_edit import Place, with_values
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.pipeline.languages.language import Language
from leadlens.pipeline.languages.marks import N_, P_
from leadlens.pipeline.languages.typed_numbers import field_number, read_number

_DAY = timedelta(days=1)
_OF_STAGES = (
    ("points", P_("field", "{stage} from this many points on")),
    ("keep", P_("field", "{stage} lost below")),
)


@dataclass(frozen=True)
class Field:
    """One number: its ``name`` in the form, its place among the sheet's settings, and what it is called."""

    place: Place
    label: str
    number: float | None
    optional: bool = False
    days: bool = False

    @property
    def name(self) -> str:
        return _name(self.place)

    def value(self, language: Language) -> str:
        """What the field shows."""
        return "" if self.number is None else field_number(self.number, language)


@dataclass(frozen=True)
class Typed:
    """What came of a form: the new sheet, or what is wrong with which field (``""``: with all of them together).

    ``values`` are those that differ from the sheet that was edited.
    """

    sheet: Sheet | None
    values: Mapping[Place, str | int | float | None] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def fields_of(sheet: Sheet) -> dict[str, Field]:
    """Every number that can be edited, by its name in the form."""
    return {each.name: each for each in _fields(sheet)}


def field_of_rule(sheet: Sheet, label: str) -> str | None:
    """The name of the field with a rule's points; ``None`` of a rule that has none or is not of this sheet."""
    for section in ("attributes", "actions"):
        for at, rule in enumerate(getattr(sheet, section)):
            if rule.label == label:
                return _name((section, at, "points"))
    return None


def read_form(sheet: Sheet, typed: Mapping[str, str], language: Language) -> Typed:
    """The sheet with the numbers that were typed in this language; a field that was not sent stays as it is.

    Every field that is wrong is told at once: what is wrong by itself is left as it was, and the rest is judged with it.
    """
    values: dict[Place, str | int | float | None] = {}
    problems: dict[str, str] = {}
    for name, each in fields_of(sheet).items():
        if name not in typed:
            continue
        try:
            value = _number(typed[name], each, language)
            if value != each.number:
                values[each.place] = f"{value}d" if each.days else value
        except ValueError as error:
            problems[name] = str(error)
    while True:
        settings = deepcopy(sheet.settings())
        for place, setting in values.items():
            _put(settings, place, setting)
        try:
            edited = Sheet.model_validate(settings)
        except ValidationError as error:
            # of thresholds one may be judged here against a number that was put back in place of a wrong one
            is_unsure = any(name.startswith("thresholds.") for name in problems)
            for item in error.errors():
                if not (is_unsure and item["loc"][:1] == ("thresholds",)):
                    name = _name_at(sheet, tuple(item["loc"]), values)
                    problems.setdefault(name, _sentence(item["msg"]))
            kept = {place: value for place, value in values.items() if _name(place) not in problems}
            if len(kept) == len(values):
                return Typed(None, problems=problems)
            values = kept
        else:
            return Typed(None, problems=problems) if problems else Typed(edited, values)


def edited_yaml(text: str, edited: Typed) -> tuple[str, bool]:
    """The YAML of the edited sheet, and whether comments are kept: they are where numbers can be put in place."""
    assert edited.sheet is not None
    numbers = {place: value for place, value in edited.values.items() if value is not None}
    kept = with_values(text, edited.sheet, numbers) if len(numbers) == len(edited.values) else None
    return (yaml_text(edited.sheet), False) if kept is None else (kept, True)


def _fields(sheet: Sheet) -> Iterator[Field]:
    for dimension in sheet.all_dimensions:
        yield Field(
            ("base", dimension),
            P_("field", "Starting points: {label}").format(label=dimension),
            sheet.base.get(dimension, 0),
        )
    for section in ("attributes", "actions"):
        for at, rule in enumerate(getattr(sheet, section)):
            yield Field(
                (section, at, "points"), P_("field", "Points: {label}").format(label=rule.label), rule.points
            )
            if getattr(rule, "per", "once") != "once":
                yield Field(
                    (section, at, "cap"),
                    P_("field", "At most: {label}").format(label=rule.label),
                    rule.cap,
                    optional=True,
                )
            decay = getattr(rule, "decay", None)
            if decay is not None:
                kind = "half_life" if decay.half_life is not None else "to_zero"
                length = decay.half_life or decay.to_zero
                if length % _DAY == timedelta(0):  # others are shown in words
                    label = (
                        P_("field", "Days until half is left: {label}")
                        if kind == "half_life"
                        else P_("field", "Days until nothing is left: {label}")
                    ).format(label=rule.label)
                    yield Field((section, at, "decay", kind), label, length.days, days=True)
    for at, group in enumerate(sheet.groups):
        yield Field(
            ("groups", at, "cap"),
            P_("field", "At most, for the group {label}").format(label=group.name),
            group.cap,
        )
    for name, stage in reversed(sheet.thresholds.stages) if sheet.thresholds else ():
        for part, label in _OF_STAGES:
            number = getattr(stage, part)
            if number is not None:
                yield Field(("thresholds", name.lower(), part), label.format(stage=name), number)


def _number(text: str, each: Field, language: Language) -> int | float | None:
    """The number that was typed. Raises ``ValueError`` in words."""
    if not text.strip():
        if each.optional:
            return None
        raise ValueError(
            N_("A number is needed here.") if not each.days else N_("A number of days is needed here.")
        )
    number = read_number(text, language)
    if each.days and not (number == number // 1 and 1 <= number <= 36_500):
        raise ValueError(N_("A whole number of days is needed here, from 1 to 36,500."))
    if abs(number) > MOST_POINTS:
        words = N_("This must be a number between {n_low} and {n_high}.")
        raise ValueError(words.format(n_low=f"-{MOST_POINTS:,}", n_high=f"{MOST_POINTS:,}"))
    return number


def _sentence(message: str) -> str:
    """A complaint about a sheet as a sentence of its own."""
    words = message.removeprefix("Value error, ")
    return f"{words[:1].upper()}{words[1:]}."


def _name(place: Place) -> str:
    return ".".join(map(str, place))


def _put(settings: dict[str, Any], place: Place, value: Any) -> None:
    """Set a value at its place; short forms (``mql: 90``) are written out."""
    *path, last = place
    inner: Any = settings
    for part in path:
        if isinstance(inner, dict) and not isinstance(inner.get(part), dict | list):
            inner[part] = {} if inner.get(part) is None else {"points": inner[part]}
        inner = inner[part]
    inner[last] = value


def _name_at(sheet: Sheet, place: Place, changed: Collection[Place]) -> str:
    """The field that a complaint is about; ``""`` where it is about none of them.

    A complaint about one that was not touched, such as that SQL comes after MQL, is about the nearest that was.
    """
    fields = fields_of(sheet).values()
    for length in range(len(place), 0, -1):
        for each in fields:
            if each.place in changed and each.place[:length] == place[: min(length, len(each.place))]:
                return each.name
    about = (each.name for each in fields if each.place == place[: len(each.place)])
    return next(about, "")

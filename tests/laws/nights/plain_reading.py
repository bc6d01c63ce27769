"""The history that sources hold, read again in plain Python: row by row, every rule as the documentation says it.

Kinds of columns are given, not guessed: columns whose kind depends on their values (``code``) are not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from tests.laws.nights.files import COLUMNS, Row, SourceTable
from tests.laws.nights.rows import FUTURE
from tests.pipeline.slow_bots import recognised_at

Tables = dict[str, list[Row]]
_ACCEPTED = ("accepted", "accept", "approved", "qualified", "good", "yes", "true", "1")


class RefusedError(Exception):
    """The data are ambiguous, or hold no lead."""


@dataclass(frozen=True)
class PlainHistory:
    """The contract's tables as lists of rows, and the end of the data; of a crowd also the tables of each member."""

    tables: Tables
    data_end: datetime
    members: tuple[Tables, ...] = ()


class Sources(Protocol):
    """What a world is read from."""

    @property
    def tables(self) -> Mapping[str, SourceTable]: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def flat(self) -> bool: ...


def read_plainly(world: Sources, elsewhere: Row | None = None) -> PlainHistory:
    """What ``open_history`` must make of the sources. Raises ``RefusedError``.

    ``elsewhere`` is the first opened mail that is known of leads beside these: whether opens are recorded at all decides
    over clicks without one.
    """
    tables: Tables = {name: [] for name in COLUMNS}
    for name, source in world.tables.items():
        missing = world.settings["missing"] if name in ("leads", "events") else ()
        rows = [{column: _present(value, missing) for column, value in row.items()} for row in source.rows]
        if name == "events" and (where := world.settings["where"]):
            rows = [row for row in rows if _CONDITIONS[where](row)]
        tables[name] = [{column: _trimmed(value) for column, value in row.items()} for row in rows]
    outcomes = _outcomes(tables["leads"]) if world.flat else {}
    unseen = {name for name, out in (("won", world.flat), ("secret", world.settings["hide"])) if out}
    tables["leads"] = _leads([{n: v for n, v in row.items() if n not in unseen} for row in tables["leads"]])
    became = _merges(tables["aliases"], tables["leads"])
    _merge(tables, became)
    _exclude(tables, world)
    known = {row["lead_id"]: row for row in tables["leads"]}
    tables["verdicts"] = _verdicts(tables["verdicts"], known)
    tables["answers"] = _answers(tables["answers"], known)
    accounts = _distinct(row for row in tables["accounts"] if row["account_id"] is not None)
    tables["accounts"] = _one_per(accounts, "account_id")
    tables["events"] = _events(tables["events"], known, world, elsewhere)
    if world.flat:
        tables |= _flat(outcomes, became, known)
    else:
        tables["unlabelled"] = []
        tables["conversions"] = _past(
            _distinct(
                row
                for row in tables["conversions"]
                if row["lead_id"] in known and row["converted_at"] is not None
            ),
            "converted_at",
        )
    tables["changes"] = list(_changes(tables, world))
    del tables["aliases"]
    times = [row["created_at"] for row in tables["leads"]]
    times += [row["occurred_at"] for row in tables["events"]]
    times += [row["converted_at"] for row in tables["conversions"]]
    horizon = timedelta(days=10) if world.flat else timedelta(0)
    return PlainHistory(tables, max(times) + horizon + timedelta(microseconds=1))


# What the project files of the nights say, as Python.
_CONDITIONS: dict[str, Callable[[Row], bool]] = {
    "event_type <> 'noise'": lambda row: row["event_type"] is not None and row["event_type"] != "noise",
    "page = 'Pricing' OR page IS NULL": lambda row: row["page"] in ("Pricing", None),
    "city = 'Nowhere'": lambda row: row["city"] == "Nowhere",
    "keen AND city IS NOT NULL": lambda row: row["keen"] is True and row["city"] is not None,
}


def _present(value: Any, missing: Sequence[str]) -> Any:
    """``None`` for what stands for a missing value."""
    if isinstance(value, str):
        return None if value.strip() in ("", "n/a", *missing) else value
    return None if isinstance(value, float) and str(int(value)) in missing else value


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _past(rows: Iterable[Row], column: str) -> list[Row]:
    return [row for row in rows if row[column] < FUTURE]


def _distinct(rows: Iterable[Row]) -> list[Row]:
    return list({_key(row): row for row in rows}.values())


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row.items())


def _one_per(rows: list[Row], key: str) -> list[Row]:
    if any(count > 1 for count in Counter(row[key] for row in rows).values()):
        raise RefusedError(f"{key} twice")
    return rows


def _leads(rows: list[Row]) -> list[Row]:
    usable = [row for row in rows if row["lead_id"] is not None and row["created_at"] is not None]
    leads = _past(_one_per(_distinct(usable), "lead_id"), "created_at")
    if not leads:
        raise RefusedError("no lead is left")
    return leads


# merges and exclusions


def _merges(aliases: list[Row], leads: list[Row]) -> dict[str, str]:
    """Old id → the lead that it is in the end."""
    pairs = {
        (row["old_id"], row["lead_id"])
        for row in aliases
        if None not in (row["old_id"], row["lead_id"])
        and row["old_id"] != row["lead_id"]
        and (row["merged_at"] is None or row["merged_at"] < FUTURE)
    }
    became = dict(pairs)
    if len(became) < len(pairs):
        raise RefusedError("one old id became two leads")
    known = {row["lead_id"] for row in leads}
    ends = {}
    for old, lead in became.items():
        steps = 0
        while lead in became:
            lead, steps = became[lead], steps + 1
            if steps > len(became):
                raise RefusedError("a cycle")
        if lead in known:
            ends[old] = lead
    return ends


def _merge(tables: Tables, became: Mapping[str, str]) -> None:
    for name in ("events", "conversions", "verdicts", "answers"):
        tables[name] = [row | {"lead_id": became.get(row["lead_id"], row["lead_id"])} for row in tables[name]]
    leads = tables["leads"]
    tables["changes"] = list(_settled(leads, tables["changes"], became))
    for row in leads:
        born = [other["created_at"] for other in leads if became.get(other["lead_id"]) == row["lead_id"]]
        if row["lead_id"] not in became:
            row["created_at"] = min([row["created_at"], *born])
    tables["leads"] = [row for row in leads if row["lead_id"] not in became]


def _settled(leads: list[Row], changes: list[Row], became: Mapping[str, str]) -> Iterator[Row]:
    """Fill the survivors' rows with what they lack; the changes that are left, under the survivors' ids.

    The value of an attribute, with all of its changes, is the survivor's own, or that of the old id created last.
    """
    rows = {row["lead_id"]: row for row in leads}
    attributes = (
        [name for name in leads[0] if name not in ("lead_id", "created_at", "closed_at")] if leads else []
    )
    changed = {(row["id"], row["attribute"]) for row in changes if (row["entity"] or "").lower() == "lead"}
    owner: dict[tuple[str, str], str | None] = {}
    for lead in sorted(set(became.values())):
        old = sorted(id for id, end in became.items() if end == lead)
        old.sort(key=lambda id: rows[id]["created_at"] if id in rows else datetime.min, reverse=True)
        for name in attributes:
            having = (
                id
                for id in [lead, *old]
                if (id, name) in changed or (id in rows and rows[id][name] is not None)
            )
            owner[lead, name] = next(having, None)
    for (lead, name), id in owner.items():
        rows[lead][name] = rows[id][name] if id in rows else None
    for row in changes:
        if (row["entity"] or "").lower() != "lead":
            yield row
            continue
        lead = became.get(row["id"], row["id"])
        if owner.get((lead, row["attribute"]), row["id"]) == row["id"]:
            yield row | {"id": lead}


def _exclude(tables: Tables, world: Sources) -> None:
    hygiene = world.settings["hygiene"]
    out = set()
    for row in tables["leads"]:
        condition, mail = hygiene.get("exclude_leads"), row["email"] or ""
        if (
            (condition is not None and _CONDITIONS[condition](row))
            or mail.partition("@")[2] in hygiene.get("internal_domains", ())
            or (hygiene["test_leads"] == "filter" and mail.startswith("test@"))
        ):
            out.add(row["lead_id"])
    if out and not {row["lead_id"] for row in tables["leads"]} - out:
        raise RefusedError("no lead is left after hygiene")
    for name in ("leads", "events", "conversions", "verdicts", "answers"):
        tables[name] = [row for row in tables[name] if row["lead_id"] not in out]
    tables["changes"] = [
        row for row in tables["changes"] if (row["entity"] or "").lower() != "lead" or row["id"] not in out
    ]


# the tables of what happened


def _events(rows: list[Row], known: Mapping[str, Row], world: Sources, elsewhere: Row | None) -> list[Row]:
    usable = []
    for row in rows:
        if row["lead_id"] in known and row["occurred_at"] is not None and row["event_type"] is not None:
            first = row["known_at"] or row["occurred_at"]
            usable.append(row | {"known_at": max(first, row["occurred_at"])})
    events = [row for row in usable if row["event_id"] is None]
    by_id: dict[str, list[Row]] = {}
    for row in usable:
        if row["event_id"] is not None:
            by_id.setdefault(row["event_id"], []).append(row)
    events += [min(alike, key=_first_known) for alike in by_id.values()]
    events = _past(events, "known_at")
    return _without_bots(events, world, elsewhere)


def _first_known(row: Row) -> tuple[Any, ...]:
    """Of events that share an id: the first known, then the first to occur, then by columns; unknown is last."""
    order = ("known_at", "occurred_at", *(name for name in row if name not in ("known_at", "occurred_at")))
    return tuple((row[name] is None, row[name] or False) for name in order)


def _without_bots(events: list[Row], world: Sources, elsewhere: Row | None) -> list[Row]:
    bots = world.settings["hygiene"]["bots"]
    clicks = [row for row in events if row["event_type"] == "email_clicked"]
    if bots["mode"] not in ("filter", "feature") or not events:
        return events
    as_clicks = [{**row, "link": row["page"]} for row in (*events, *([elsewhere] if elsewhere else ()))]
    since = recognised_at(as_clicks, burst=bots["burst"], links=3, within=timedelta(seconds=20))[
        : len(events)
    ]
    changed = []
    for row, at in zip(events, since, strict=True):
        if bots["mode"] == "filter":
            row = row | {"retracted_at": min(filter(None, (row["retracted_at"], at)), default=None)}
        elif clicks:
            click = row["event_type"] == "email_clicked"
            row = row | {"machine": (at is not None and at <= row["known_at"]) if click else None}
        changed.append(row)
    return changed


def _outcomes(rows: list[Row]) -> dict[str, bool | None]:
    """Lead → whether it converted, ``None`` where that is not known."""
    answers = {(row["lead_id"], row["won"] and row["won"].lower() in ("1", "yes", "true")) for row in rows}
    if len(dict(answers)) < len(answers):
        raise RefusedError("a lead with two outcomes")
    return dict(answers)


def _flat(outcomes: Mapping[str, bool | None], became: Mapping[str, str], known: Mapping[str, Row]) -> Tables:
    """Conversions from a column of leads: of a merged lead, if one of its rows has converted."""
    won: dict[str, list[bool | None]] = {}
    for lead_id, converted in outcomes.items():
        won.setdefault(became.get(lead_id, lead_id), []).append(converted)
    nothing = dict.fromkeys(COLUMNS["conversions"])
    return {
        "conversions": [
            nothing | {"lead_id": lead_id, "converted_at": row["created_at"]}
            for lead_id, row in known.items()
            if True in won[lead_id]
        ],
        "unlabelled": [{"lead_id": lead_id} for lead_id in known if set(won[lead_id]) == {None}],
    }


def _changes(tables: Tables, world: Sources) -> Iterable[Row]:
    accounts = {row["account_id"] for row in tables["accounts"]}
    leads = {row["lead_id"] for row in tables["leads"]}
    kinds = {"lead": set(COLUMNS["leads"]), "account": set(COLUMNS["accounts"])}
    kinds["lead"] -= {"lead_id", "created_at", "account_id", "closed_at", *({"won"} if world.flat else ())}
    kinds["lead"] -= {"secret"} if world.settings["hide"] else set()
    kinds["account"] -= {"account_id"} if "accounts" in world.tables else kinds["account"]
    fits: dict[str, Callable[[str], bool]] = {
        "income": _is_number,
        "staff": _is_number,
        "keen": lambda text: text in ("true", "false"),
    }
    for row in tables["changes"]:
        entity = (row["entity"] or "").lower()
        ids = {"lead": leads, "account": accounts}.get(entity, set())
        if row["id"] in ids and row["attribute"] in kinds[entity] and row["known_at"] < FUTURE:
            value = row["value"]
            if value is not None and not fits.get(row["attribute"], lambda _: True)(value):
                value = None
            yield row | {"entity": entity, "value": value}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


# feedback


def _verdicts(rows: list[Row], known: Mapping[str, Row]) -> list[Row]:
    usable = [
        row | {"verdict": "accepted" if row["verdict"].lower() in _ACCEPTED else "rejected"}
        for row in rows
        if row["verdict"] is not None
    ]
    usable = _in_its_time(usable, "given_at", known)
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in usable:
        found.setdefault((row["lead_id"], row["given_at"]), []).append(row)
    by_reason = lambda row: tuple((row[name] is None, row[name] or "") for name in ("reason", "by"))  # noqa: E731
    return [
        min(alike, key=by_reason) for alike in found.values() if len({row["verdict"] for row in alike}) == 1
    ]


def _answers(rows: list[Row], known: Mapping[str, Row]) -> list[Row]:
    return _distinct(
        row
        for row in _in_its_time(rows, "answered_at", known)
        if None not in (row["question"], row["answer"])
    )


def _in_its_time(rows: list[Row], column: str, known: Mapping[str, Row]) -> list[Row]:
    """Of known leads, not in the future, not before the lead was created."""
    return [
        row
        for row in rows
        if row["lead_id"] in known
        and row[column] is not None
        and known[row["lead_id"]]["created_at"] <= row[column] < FUTURE
    ]

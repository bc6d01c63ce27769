"""Pages that can be run: a sheet, a history and what must come out, read from Markdown as it stands.

An example begins with a sheet: a ```yaml block with settings of a sheet (``sheet:`` may be left out), a ```diff block
that changes the sheet before it, or a line `Sheet: [name](path)`. Files beside the sheet are ```text blocks named
after the word. The tables below belong to it, by their first column:

- ``lead``    the leads; ``created`` is when they came in (else day 0), ``account.…`` what is known of their firm
- ``day``     what happened; ``lead`` is who did it (a name, several, ``all``, or the only lead), ``known`` and
  ``taken back`` are when it became known and when it was retracted
- ``as of``   what must come out: columns of the scores
- ``name``, ``line`` what the page says about the names and the lines of the sheet
- ``rule``    the ledger that must come out, of the lead and moment in the sentence above: “… as of day 4 …”

A moment is a day (0 is 2026-03-02 09:00; fractions are fine) or a date with a time. ``–`` is nothing; a number after
``≈`` is rounded to the decimals written, every other must be met exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from leadlens.features.history import History, Kind
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from tests.models.histories import START, open_small, set_spine

Row = dict[str, str]
INPUTS, EXPECTED, NOTES = ("lead", "day"), ("as of", "rule"), ("name", "line")
_LEDGER = {"day": "occurred_at", "given": "raw_points", "counted": "points"}
_LEDGER |= {"taken by decay": "taken_by_decay", "taken by cap": "taken_by_cap"}
_SUMMED = ("given", "taken by decay", "taken by cap", "counted")
_CAPTION = re.compile(r"(?:of (?P<lead>[\w, ]+?) )?as of (?P<moment>day [\d.]+|\d{4}-\d\d-\d\d \d\d:\d\d)")


@dataclass(frozen=True)
class Table:
    """A Markdown table: its line, the sentence above it, its rows as column -> text."""

    line: int
    caption: str
    rows: tuple[Row, ...]

    @property
    def kind(self) -> str:
        return next(iter(self.rows[0]))


@dataclass(frozen=True)
class Example:
    """A sheet with the tables that belong to it."""

    name: str
    text: str
    path: Path | None = None
    files: dict[str, str] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()

    def of(self, *kinds: str) -> list[Table]:
        return [table for table in self.tables if table.kind in kinds]

    @property
    def leads(self) -> list[Row]:
        found: dict[str, Row] = {}
        for table in self.of("lead"):
            for row in table.rows:
                found.setdefault(row["lead"], {}).update(row)
        return list(found.values()) or [{"lead": "ann"}]

    def who(self, told: str | None) -> list[str]:
        """The leads that a cell names; the only one where none is named."""
        names = [lead["lead"] for lead in self.leads]
        if told is None and len(names) > 1:
            raise ValueError(f"{self.name}: there are {len(names)} leads, so say which")
        picked = names if told in (None, "all") else [name.strip() for name in str(told).split(",")]
        if unknown := set(picked) - set(names):
            raise ValueError(f"{self.name}: there is no lead {unknown}")
        return picked

    def asked(self) -> list[tuple[str, datetime]]:
        """Every (lead, moment) that a table tells about: the spine."""
        pairs = [
            (lead, moment(row["as of"]))
            for table in self.of("as of")
            for row in table.rows
            for lead in self.who(row.get("lead"))
        ]
        return list(dict.fromkeys(pairs + [self.looked_at(table) for table in self.of("rule")]))

    def looked_at(self, table: Table) -> tuple[str, datetime]:
        """The lead and moment of a ledger, from the sentence above it."""
        found = _CAPTION.search(table.caption)
        if found is None:
            raise ValueError(f"line {table.line}: the sentence above a ledger says “as of day …”")
        (lead,) = self.who(found["lead"])
        return lead, moment(found["moment"].removeprefix("day "))


def read_page(path: Path) -> list[Example]:
    """All examples of a page, in order."""
    examples: list[Example] = []
    heading, caption, number = "", "", 0
    lines = path.read_text(encoding="utf-8").splitlines()
    while number < len(lines):
        line = lines[number]
        name = f"{path.stem}:{number + 1} {heading}"
        if line.startswith("```"):
            end = next(i for i in range(number + 1, len(lines)) if lines[i] == "```")
            _block(line[3:].strip(), "\n".join(lines[number + 1 : end]) + "\n", name, examples)
            number = end
        elif line.startswith("#"):
            heading, caption = line.lstrip("# "), ""
        elif told := re.match(r"Sheet: \[[^]]+\]\(([^)]+)\)", line):
            examples.append(Example(name, "", path=(path.parent / told[1]).resolve()))
        elif line.startswith("|"):
            end = next((i for i in range(number, len(lines)) if not lines[i].startswith("|")), len(lines))
            table = _table(lines[number:end], number + 1, caption)
            if table.rows and examples and table.kind in (*INPUTS, *EXPECTED, *NOTES):
                examples[-1] = replace(examples[-1], tables=(*examples[-1].tables, table))
            number, caption = end - 1, ""
        elif line.strip():
            caption = f"{caption} {line.strip()}".strip()
        elif number + 1 < len(lines) and not lines[number + 1].startswith("|"):
            caption = ""
        number += 1
    return examples


def _block(info: str, text: str, name: str, examples: list[Example]) -> None:
    word, _, file = info.partition(" ")
    if word == "yaml":
        named = re.search("^sheet:", text, re.MULTILINE)
        examples.append(Example(name, text if named else f"sheet: example\n{text}"))
    elif word == "text" and file:
        examples[-1] = replace(examples[-1], files={**examples[-1].files, file: text})
    elif word == "diff":
        before = examples[-1]
        changed = before.text
        for minus, plus in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)*)", text, re.MULTILINE):
            old, new = (re.sub(r"^[+-]", "", part, flags=re.MULTILINE) for part in (minus, plus))
            if changed.count(old) != 1:
                raise ValueError(f"{name}: these lines are not in the sheet above: {old}")
            changed = changed.replace(old, new)
        examples.append(replace(before, name=name, text=changed, tables=tuple(before.of(*INPUTS))))


def _table(lines: list[str], number: int, caption: str) -> Table:
    cells = [[cell.strip().strip("`*") for cell in line.strip()[1:-1].split("|")] for line in lines]
    head, *rows = [row for row in cells if not re.fullmatch(r"[-:]+", "".join(row))]
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"line {number}: a row of this table has another number of cells than its head")
    return Table(number, caption, tuple(dict(zip(head, row, strict=True)) for row in rows))


def moment(told: str) -> datetime:
    """A day, counted from 0, or a date with a time."""
    if re.fullmatch(r"[\d.]+", told):
        return START + timedelta(seconds=round(float(told) * 86_400))
    return datetime.strptime(told, "%Y-%m-%d %H:%M")


def value(told: str) -> Any:
    """A cell as a value: nothing, yes or no, a number, a text."""
    if told in ("–", ""):
        return None
    if told in ("yes", "no"):
        return told == "yes"
    plain = told.replace("−", "-")
    return float(plain) if re.fullmatch(r"-?\d+(\.\d+)?", plain) else told


def run(example: Example, folder: Path) -> SheetScores:
    """Score what the example asks for; the sheet and its files are written to ``folder``."""
    path = example.path or folder / "sheet.yaml"
    if example.path is None:
        path.write_text(example.text, encoding="utf-8")
        for name, text in example.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    history = told(example)
    asked = set_spine(history, example.asked(), "asked")
    came_in = f"SELECT a.* REPLACE (l.created_at AS created_at) FROM {asked} AS a JOIN leads AS l ON l.lead_id = a.lead_id"
    spine = Spine.make(history.engine, "spine", came_in)
    moves = any({"trend", "surge"} & set(row) for table in example.of("as of") for row in table.rows)
    return score_sheet(Sheet.load(path), history, spine, movement=moves)


def told(example: Example) -> History:
    """The history that the tables of the example tell."""
    leads, accounts = [], []
    for row in example.leads:
        lead = {key: value(told) for key, told in row.items() if not key.startswith("account.")}
        account = {
            key.partition(".")[2]: value(told) for key, told in row.items() if key.startswith("account.")
        }
        created = moment(row["created"]) if row.get("created", "–") != "–" else START
        own = {key: told for key, told in lead.items() if key not in ("lead", "created")}
        leads.append({**own, "lead_id": row["lead"], "created_at": created, "account_id": row["lead"]})
        accounts.append({**account, "account_id": row["lead"]})
    events = [
        {
            **{
                key: value(told)
                for key, told in row.items()
                if key not in ("day", "lead", "known", "taken back")
            },
            "lead_id": lead,
            "occurred_at": moment(row["day"]),
            "known_at": moment(row["known"]) if row.get("known", "–") != "–" else moment(row["day"]),
            "retracted_at": moment(row["taken back"]) if row.get("taken back", "–") != "–" else None,
        }
        for table in example.of("day")
        for row in table.rows
        for lead in example.who(row.get("lead"))
    ]
    return open_small(
        leads,
        events,
        accounts,
        lead_attributes=_kinds(leads, ("lead_id", "created_at", "account_id")),
        account_attributes=_kinds(accounts, ("account_id",)),
        event_properties=_kinds(events, ("lead_id", "occurred_at", "known_at", "retracted_at", "event_type")),
    )


def _kinds(rows: list[dict[str, Any]], fixed: tuple[str, ...]) -> dict[str, Kind]:
    names = dict.fromkeys(name for row in rows for name in row if name not in fixed)
    found: dict[str, Kind] = {}
    for name in names:
        types = {type(row[name]) for row in rows if row.get(name) is not None}
        found[name] = "number" if types == {float} else "boolean" if types == {bool} else "category"
    return found


def differences(example: Example, scored: SheetScores, tables: list[Table] | None = None) -> list[str]:
    """Where the tables (by default the example's own) say something else than what came out."""
    numbers = {pair: row for row, pair in enumerate(example.asked())}
    found: list[str] = []
    for table in example.of(*EXPECTED) if tables is None else tables:
        place = f"{example.name}, line {table.line}"
        if table.kind == "as of":
            found += [f"{place}: {told}" for told in _scores_differ(example, table, scored, numbers)]
        else:
            found += [f"{place}: {told}" for told in _ledger_differs(example, table, scored, numbers)]
    return found


def _scores_differ(
    example: Example, table: Table, scored: SheetScores, numbers: dict[tuple[str, datetime], int]
) -> Iterator[str]:
    for row in table.rows:
        for lead in example.who(row.get("lead")):
            number = numbers.get((lead, moment(row["as of"])))
            if number is None:
                yield f"{lead} was not looked at as of {row['as of']}"
                continue
            for column, told in row.items():
                if column not in ("as of", "lead") and not same(
                    told, came := scored.scores.loc[number, column]
                ):
                    yield f"{lead} as of {row['as of']}: {column} is {came}, not {told}"


def _ledger_differs(
    example: Example, table: Table, scored: SheetScores, numbers: dict[tuple[str, datetime], int]
) -> Iterator[str]:
    number = numbers[example.looked_at(table)]
    lines = scored.lines(number).rename(columns={own: name for name, own in _LEDGER.items()})
    rows = [row for row in table.rows if row["rule"] != "sum"]
    if len(rows) != len(lines):
        yield f"the ledger has {len(lines)} lines, not {len(rows)}: {lines['rule'].tolist()}"
        return
    for line, row in zip(lines.to_dict("records"), rows, strict=True):
        for column, told in row.items():
            if not same(told, line[column]):
                yield f"{row['rule']}: {column} is {line[column]}, not {told}"
    for row in table.rows:
        if row["rule"] == "sum":
            counted = lines[lines["dimension"].isin(scored.sheet.total)]
            for column, told in row.items():
                if column in ("given", "taken by decay", "taken by cap", "counted") and not same(
                    told, came := round(float(counted[column].sum()), 9)
                ):
                    yield f"the sum of {column} is {came}, not {told}"


def same(told: str, came: Any) -> bool:
    """Whether a cell tells what came out."""
    if came is None or pd.isna(came):
        return told == "–"
    if isinstance(came, datetime):
        return (
            told != "–" and re.fullmatch(r"[\d.]+|[\d-]+ [\d:]+", told) is not None and moment(told) == came
        )
    if isinstance(came, str):
        return told == came
    rounded = re.fullmatch(r"≈ ?(-?\d+\.(\d+))", told.replace("−", "-"))
    if rounded:
        return round(float(came), len(rounded[2])) == float(rounded[1])
    return isinstance(value(told), float) and abs(value(told) - float(came)) < 1e-9


def mutants(example: Example) -> Iterator[tuple[str, Table]]:
    """Each expected cell changed to something else, one at a time."""
    for table in example.of(*EXPECTED):
        for place, row in enumerate(table.rows):
            for column, told in row.items():
                unsaid = row.get("rule") == "sum" and column not in _SUMMED
                if unsaid or column in ("as of", "lead"):
                    continue
                rows = list(table.rows)
                rows[place] = {**row, column: _changed(told)}
                yield (
                    f"line {table.line}, row {place + 1}, {column}: {told}",
                    replace(table, rows=tuple(rows)),
                )


def _changed(told: str) -> str:
    digits = re.search(r"\d(?=\D*$)", told)
    if told == "–" or digits is None:
        return "1" if told == "–" else f"{told}x"
    return told[: digits.start()] + str((int(digits[0]) + 1) % 10) + told[digits.end() :]

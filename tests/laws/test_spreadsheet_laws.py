"""Laws of sheets written out: a table and a YAML text bring every sheet back, whatever a program saves them as."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadlens.models.scorecard import Disqualifier, Sheet
from leadlens.models.scorecard.language.lists import read_list
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.models.scorecard.spreadsheet.cells import cell_text, text_cell
from leadlens.models.scorecard.spreadsheet.table import from_csv, to_csv

_COUNT = int(os.environ.get("LEADLENS_EXAMPLES", "60"))
EXAMPLES = settings(
    max_examples=_COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
FORMULA = tuple("=+-@＝＋－＠")
NUMBER = re.compile(r"-?\d+([.,]\d+)?(e[+-]\d+)?")
MARKETERS = [
    "E-mail opened",
    "Größe ≥ 10",
    "🚗 dealer",
    "Over 30",
    'say "hi"',
    "a, b; c",
    "#1 choice",
    "list a",
]
HOSTILE = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "＝1", "'=1", "''", "'quoted'", "'007", "a;=1+1"),
    *("a\n=1+1", "a\t=1", 'a;"=1', "a,-1", "007", "1e-3", "2.5", "2,5", "1-2", "3/4", "1 May", "Mär 24", "12:30"),
    *("TRUE", "true", "WAHR", "Falsch", "null", "~", "yes", "off", "0x1F", "1_000", "50 %", "€5", "(5)", "1:30"),
    *('json:"x"', "json:x", "a\r\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b", "\ufeffa", "a: b", "a #b", "- a"),
    *("&a", "*a", "!!str a", "%a", "{a}", "[a]", "|", ">", "a\\n", "2024-01-01", "a  b", "a \n  b", "x\n\ny"),
]  # fmt: skip
TYPED = st.text(
    st.sampled_from("aZä🚗 \t\n\r;,'\"=+-@#:{}[]|\\0.5e/%\u2028\x85\x01"), min_size=1, max_size=12
)
TEXTS = st.one_of(
    st.sampled_from(MARKETERS), st.sampled_from(HOSTILE), TYPED, st.text(min_size=1, max_size=8)
)


def allowed(text: str) -> bool:
    try:
        Disqualifier(label=text, when=text)
    except ValidationError:
        return False
    return True


def listed(text: str) -> bool:
    try:
        read_list([text], None)
    except ValueError:
        return False
    return True


TEXTS = TEXTS.filter(allowed)
VALUES = TEXTS.filter(listed)
NAMES = st.sampled_from(["a", "007", "1e3", "true", "no", "mar1", "e_mail", "large", "x_1", "12", "null"])
OWN = ["platform", "services", "true", "jan1"]
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -10, 2.5, 1e-3, 1.125, -12.375, 999.999, 1e-7, 1000, 1_000_000, 0.1 + 0.2]),
    st.floats(-1_000_000, 1_000_000, allow_nan=False),
    st.integers(-1_000_000, 1_000_000),
)
POSITIVE = NUMBERS.map(abs).filter(lambda number: number > 0)
DURATIONS = st.sampled_from(["30d", "12h", "90m", "45s", "2w", "1d"])
COUNTS = st.integers(1, 10_000)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A sheet as YAML would give it, with any of its settings."""
    own = draw(st.lists(st.sampled_from(OWN), unique=True))
    every = st.sampled_from(["fit", "engagement", *own])
    groups = draw(st.lists(NAMES, unique=True, max_size=2))
    labels = draw(st.lists(TEXTS.map(str.strip), unique=True, min_size=1, max_size=6))
    labels = [label for label in labels if label != "Starting points"] or ["Any"]
    keys = iter(draw(st.lists(NAMES, unique=True, max_size=4)))
    document: dict[str, Any] = {"attributes": [], "actions": [], "disqualify": []}
    for label in labels:
        section = draw(st.sampled_from(list(document)))
        rule = {"label": label, "when": draw(TEXTS)}
        if section == "disqualify":
            rule["on"] = draw(st.sampled_from(["attribute", "action"]))
        else:
            rule |= {"points": draw(NUMBERS), "key": next(keys, None) if draw(st.booleans()) else None}
            rule |= {"group": draw(st.sampled_from([*groups, None])), "dimension": draw(maybe(every))}
            rule["also"] = draw(st.lists(every, max_size=3))
        document[section].append(rule | (draw(repeats()) if section == "actions" else {}))
    document |= {
        "sheet": draw(NAMES),
        "about": draw(maybe(TEXTS)),
        "for": draw(maybe(TEXTS)),
        "lists": draw(st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=5), max_size=2)),
        "base": draw(st.one_of(NUMBERS, st.dictionaries(every, NUMBERS))),
        "dimensions": own,
        "products": draw(st.lists(st.sampled_from(own), unique=True)) if own else [],
        "total": draw(maybe(st.lists(every, unique=True, min_size=1))),
        "groups": [{"name": name, "cap": draw(POSITIVE)} for name in groups],
        "routes": [
            {
                "label": label,
                "when": draw(TEXTS),
                "action": draw(TEXTS),
                "queue": draw(maybe(TEXTS)),
                "reason": draw(maybe(TEXTS)),
            }
            for label in draw(st.lists(TEXTS.map(str.strip), unique=True, max_size=2))
        ],
        "thresholds": draw(maybe(thresholds())),
        "grades": {name: draw(cuts()) for name in draw(st.sets(st.sampled_from(["fit", "engagement"])))},
        "scale": draw(
            maybe(st.tuples(NUMBERS, POSITIVE).map(lambda p: {"zero": min(p), "hundred": max(p) + 1}))
        ),
    }
    scale = document["scale"]
    if scale is not None and scale["hundred"] > 1_000_000:
        document["scale"] = None
    return {key: value for key, value in document.items() if value is not None}


@st.composite
def repeats(draw: st.DrawFn) -> dict[str, Any]:
    """How often and how long an action counts."""
    kind = draw(st.sampled_from(["once", "each", "day", "value", "at_least", "silent"]))
    if kind == "silent":
        return {"silent": draw(DURATIONS)}
    found = {"within": draw(maybe(DURATIONS)), "after": draw(maybe(TEXTS))}
    found["decay"] = draw(
        maybe(st.sampled_from(["half_life", "to_zero"]).flatmap(lambda k: DURATIONS.map(lambda d: {k: d})))
    )
    if kind == "at_least":
        unit = draw(st.sampled_from(["events", "days", "values", "bare"]))
        number = draw(COUNTS)
        found |= {
            "at_least": number if unit == "bare" else {unit: number},
            "of": draw(TEXTS) if unit == "values" else None,
        }
    elif kind != "once":
        found |= {"per": kind, "cap": draw(maybe(POSITIVE)), "of": draw(TEXTS) if kind == "value" else None}
    return found


@st.composite
def thresholds(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted(draw(st.lists(NUMBERS, min_size=2, max_size=2)))
    sql = draw(
        st.sampled_from([None, high, {"points": high, "keep": low}, {"when": draw(TEXTS), "keep": low}])
    )
    return {"mql": draw(st.sampled_from([low, {"points": low, "when": draw(TEXTS)}])), "sql": sql}


@st.composite
def cuts(draw: st.DrawFn) -> list[float]:
    return sorted(draw(st.lists(NUMBERS, min_size=3, max_size=3, unique=True)), reverse=True)


SHEETS = documents().map(Sheet.model_validate)


def same(one: Sheet, other: Sheet) -> None:
    assert one.content() == other.content()
    assert one.version == other.version


def cells_of(text: str, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def saved(rows: list[list[str]], delimiter: str, end: str = "\r\n", quoting: Any = csv.QUOTE_MINIMAL) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return file.getvalue()


@EXAMPLES
@given(SHEETS, st.booleans())
def test_a_table_brings_the_sheet_back(sheet: Sheet, comma: bool) -> None:
    same(from_csv(to_csv(sheet, decimal_comma=comma), "t.csv"), sheet)


@EXAMPLES
@given(SHEETS)
def test_a_yaml_text_brings_the_sheet_back(sheet: Sheet) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sheet.yaml")
        path.write_bytes(yaml_text(sheet).encode())
        same(Sheet.load(path), sheet)


@EXAMPLES
@given(SHEETS, st.data())
def test_a_table_that_a_program_has_saved_brings_the_sheet_back(sheet: Sheet, data: st.DataObject) -> None:
    comma = data.draw(st.booleans())
    rows = cells_of(to_csv(sheet, decimal_comma=comma), ";" if comma else ",")
    width = len(rows[0]) + data.draw(st.integers(0, 3))
    rows = [row + [""] * (width - len(row)) for row in rows]
    for _ in range(data.draw(st.integers(0, 3))):
        rows.insert(data.draw(st.integers(0, len(rows))), [""] * width)
    order = data.draw(st.permutations(range(width)))
    rows = [[row[i] for i in order] for row in rows]
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    # with "\r" at the end of lines, Python's writer leaves "\n" without quotation marks
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])) if end != "\r" else csv.QUOTE_ALL
    text = saved(rows, data.draw(st.sampled_from(",;\t")), end, quoting)
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    try:
        raw = text.encode(encoding)
    except UnicodeEncodeError:  # cp1252 has no cars
        raw = text.encode("utf-8")
    same(from_csv(raw, "t.csv"), sheet)


@EXAMPLES
@given(SHEETS, st.booleans(), st.data())
def test_a_table_saved_by_a_program_that_splits_elsewhere_comes_back(
    sheet: Sheet, comma: bool, data: st.DataObject
) -> None:
    """Opened without a word about the delimiter, whole lines stand in single cells; they are saved so."""
    outer = data.draw(st.sampled_from(",;\t".replace(";" if comma else ",", "")))
    rows = cells_of(to_csv(sheet, decimal_comma=comma), outer)
    width = max(map(len, rows))
    padded = [row + [""] * (width - len(row)) for row in rows]
    same(from_csv(saved(data.draw(st.sampled_from([rows, padded])), outer), "t.csv"), sheet)


@EXAMPLES
@given(SHEETS, st.booleans())
def test_no_cell_is_a_formula_wherever_a_program_splits(sheet: Sheet, comma: bool) -> None:
    text, ours = to_csv(sheet, decimal_comma=comma), ";" if comma else ","
    for delimiter in ",;\t":
        for cell in (cell for row in cells_of(text, delimiter) for cell in row):
            # split elsewhere, a quotation mark may stand before what a careless program takes for the start
            start = cell.strip() if delimiter == ours else cell.strip().lstrip('"').strip()
            assert NUMBER.fullmatch(cell) or not start.startswith(FORMULA)


@EXAMPLES
@given(TEXTS.map(str.strip), st.sampled_from(",;"))
@example("'x' = page", ",")
@example("'=1", ",")
def test_a_text_comes_back_even_if_the_program_takes_the_apostrophe(text: str, delimiter: str) -> None:
    cell = text_cell(text, delimiter)
    assert cell_text(cell) == text
    assert cell_text(cell.removeprefix("'")) == text


@EXAMPLES
@given(SHEETS)
def test_lines_of_a_yaml_text_are_short_or_hold_one_text(sheet: Sheet) -> None:
    for line in yaml_text(sheet).splitlines():
        assert len(line) <= 110 or line.count(": ") <= 2

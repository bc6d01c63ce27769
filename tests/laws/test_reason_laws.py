"""Laws of reasons: those of many rows at once are those of each row, in text, points and order."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadlens.features.bulk_wording import word_values
from leadlens.features.columns import FeatureColumn
from leadlens.models.reason_columns import reason_columns
from leadlens.models.reasons import START, Reason, reasons_of, reasons_text, stored_points

EXAMPLES = settings(max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "40")) * 5, deadline=None)
PHRASES = ("", "Did it {times}", "{value} things", "{value} days between", "On {value} different days", "Flag",
           "Did it, last on {date}", '{value} "quoted" \\ Größe 👍')  # fmt: skip
# Where a rounding or the number of decimals changes, nothing at all, signs, one, and what is too large to be rounded.
EDGES = [0.0, -0.0, 1.0, -1.0, 2.0, 0.05, 0.1, 0.0999, 0.09996, 0.1 - 1e-17, 0.125, 0.375, 2.675, 1.15, 0.95, 0.995,
         99.95, 1e-5, 1e-9, -1e-9, 4e-7, -6e-7, 1e-300, 1234.56, 12345678.25, 123456789.55, 1e15 + 0.5, 1e22, 1e300,
         np.nan, np.inf, -np.inf]  # fmt: skip
WORDS = ["ad", "fair", "", " ", 'say "hi"\\', "two\nlines", "nul\x00", "3.0", None, np.nan]
POINTS = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    0.50001,
    -0.4999,
    1.5,
    2.5,
    -2.5,
    0.0005,
    0.0015,
    1.0005,
    -1.0005,
    1e-12,
    1e-300,
    14.2,
]
AS_OF = [np.datetime64(text, "us") for text in ("2025-12-01", "2025-12-01T09:30:00.000001", "2024-02-29T23:59:59.999999")]  # fmt: skip

numbers = st.sampled_from(EDGES) | st.floats(-1000, 1000) | st.integers(-3, 400).map(float)
days = st.sampled_from([0.0, 17.0, 17.395833333333332, np.nan, -30.5]) | st.floats(-40_000, 40_000)
points = st.sampled_from(POINTS) | st.floats(-60, 60)


@st.composite
def feature_columns(draw: st.DrawFn) -> list[FeatureColumn]:
    names = draw(st.lists(st.sampled_from([f"{a}__{b}" for a in "pqr" for b in "xyz"] + list("stu") + ["sheet: p", "sheet: r__x", "sheet: r__y"]), min_size=1, max_size=9, unique=True))  # fmt: skip
    columns = []
    for name in names:
        kind = draw(st.sampled_from(["number", "number", "category"]))
        phrases = PHRASES if kind == "number" else ("", "Came by {value}")
        columns.append(
            FeatureColumn(
                name=name,
                label=f"Label of {name}",
                family=draw(st.sampled_from(["behavioural", "demographic", "firmographic"])),
                kind=kind,
                unit=draw(st.sampled_from(["", "times", "days", "yes/no"])),
                phrase=draw(st.sampled_from(phrases)),
                absent=draw(st.sampled_from(["", f"None of {name}"])),
                condition=draw(st.sampled_from(["leads.s", "event_type = 'q'", "feature.t", "any event"])),
                shown_as=draw(st.sampled_from(["", *names, "not there"])),
            )
        )
    return columns


def values_of(column: FeatureColumn) -> st.SearchStrategy[Any]:
    if column.kind == "category":
        return st.sampled_from(WORDS)
    return days if column.names_date else numbers


@st.composite
def explained(draw: st.DrawFn) -> tuple[list[FeatureColumn], pd.DataFrame, pd.DataFrame, np.ndarray]:
    columns, rows = draw(feature_columns()), draw(st.integers(0, 7))

    def row_of(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    values = pd.DataFrame(
        {
            c.name: pd.Series(row_of(values_of(c)), dtype="str" if c.kind == "category" else float)
            for c in columns
        }
    )
    contributions = pd.DataFrame({c.name: np.array(row_of(points), float) for c in columns})
    as_of = np.array(row_of(st.sampled_from(AS_OF)), "datetime64[us]")
    return columns, values, contributions, as_of


def stored(base: float, lines: Sequence[Reason]) -> list[dict[str, Any]]:
    begin = {"text": START, "points": float(stored_points(base)), "family": None}
    return [begin, *(line.to_dict() | {"text": line.text.replace("\0", "\ufffd")} for line in lines)]


def assert_alike(
    columns: Sequence[FeatureColumn],
    values: pd.DataFrame,
    contributions: pd.DataFrame,
    as_of: np.ndarray,
    most: int,
) -> None:
    by_name, base = {column.name: column for column in columns}, 49.57049
    each = reasons_of(contributions, values, by_name, most, as_of)
    every = reason_columns(
        contributions, dict(values.items()), by_name, base_value=base, most=most, as_of=as_of
    )  # fmt: skip
    found = [json.loads(text, parse_int=_refuse) for text in every["reasons"].to_pylist()]
    assert found == [stored(base, lines) for lines in each]
    assert not any(line["points"] == 0 and np.signbit(line["points"]) for lines in found for line in lines)
    assert every["reasons_text"].to_pylist() == [
        reasons_text(lines).replace("\0", "\ufffd") for lines in each
    ]


def _refuse(whole: str) -> None:
    raise AssertionError(f"points are numbers with decimals, as ever: {whole}")


@EXAMPLES
@given(case=explained(), most=st.integers(0, 10))
def test_reasons_of_many_rows_are_those_of_each(case: Any, most: int) -> None:
    assert_alike(*case, most)


@pytest.mark.parametrize("rows", [63, 64, 65, 300])
def test_reasons_of_more_rows_than_are_ranked_at_a_time(rows: int) -> None:
    rng, names = np.random.default_rng(rows), [f"{a}__{b}" for a in "pqrstuvw" for b in "xyz"]
    columns = [
        FeatureColumn(name=name, label=name, family="behavioural", phrase=PHRASES[at % 7])
        for at, name in enumerate(names)
    ]
    values = pd.DataFrame(np.round(rng.exponential(9, (rows, 24)), 1), columns=names)
    contributions = pd.DataFrame(np.round(rng.normal(0, 3, (rows, 24)), 1), columns=names)  # with ties
    assert_alike(columns, values, contributions, np.repeat(AS_OF[1], rows), 5)


def test_without_a_column_there_is_the_base_value_alone() -> None:
    table = reason_columns(pd.DataFrame(index=range(2)), {}, {}, base_value=50.0, most=10)
    alone = '[{"text":"Every lead starts at","points":50.0,"family":null}]'
    assert table.to_pydict() == {"reasons": [alone, alone], "reasons_text": ["", ""]}


@EXAMPLES
@given(case=explained())
def test_values_worded_at_once_are_worded_as_each(case: Any) -> None:
    columns, values, _, as_of = case
    for column in columns:
        codes, texts = word_values(column, values[column.name], as_of)
        each = [column.format(v, t) for v, t in zip(values[column.name], as_of, strict=True)]
        assert [texts[code] for code in codes] == each


@EXAMPLES
@given(value=st.sampled_from(EDGES) | st.floats(-2e3, 2e3), near=st.integers(-4, 4), most=st.integers(1, 6))
@example(value=1e15 + 0.5, near=-1, most=1)
def test_numbers_next_to_a_rounding_are_worded_as_each(value: float, near: int, most: int) -> None:
    """Neighbours of decimal ties and of powers of ten, one float apart."""
    tie = np.array([round(value, most) + 0.5 * 10.0**-most, 10.0 ** -(most % 4)])
    for _ in range(abs(near)):
        tie = np.nextafter(tie, np.inf if near > 0 else -np.inf)
    column = FeatureColumn(name="n", label="N", family="behavioural")
    numbers = pd.Series([value, *tie, *-tie, *tie])
    codes, texts = word_values(column, numbers, None)
    assert [texts[code] for code in codes] == [column.format(number) for number in numbers]


@pytest.mark.parametrize("phrase", ["N: {value}", "Did it {times}", "{value} days, {times}"])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_that_share_digits_keep_their_own_words(phrase: str, sign: int) -> None:
    """Of 0.12 and 1.2, of 2.96 and 3.02, of what rounds to nothing from either side, of what floats cannot tell apart."""
    column = FeatureColumn(name="n", label="N", family="behavioural", phrase=phrase)
    hard = [
        0.12,
        1.2,
        0.012,
        2.96,
        3.02,
        3.0,
        4e-7,
        0.09996,
        0.0999,
        0.1,
        0.0995,
        0.995,
        0.95,
        9.95,
        99.949999999999,
    ]
    hard += [
        123456789.45,
        123456789.55,
        1234567890123.25,
        1234567890123.0625,
        4503599627370495.5,
        1e-4,
        9.9999e-5,
    ]
    numbers = pd.Series(
        [*hard, *[-number for number in hard], *np.nextafter(hard, 0), *np.nextafter(hard, 9e99)]
    )
    codes, texts = word_values(column, sign * numbers, None)
    assert [texts[code] for code in codes] == [column.format(sign * number) for number in numbers]


def test_a_date_needs_the_as_of_time() -> None:
    column = FeatureColumn(name="n", label="N", family="behavioural", phrase="Last on {date}")
    with pytest.raises(ValueError, match="give the as-of time"):
        column.format(3.0)
    with pytest.raises(ValueError, match="give the as-of time"):
        word_values(column, pd.Series([3.0]), None)

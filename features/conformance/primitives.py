"""Promises about the dialect: each method, held against plain Python on awkward values."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd

from leadlens.features.conformance.case import Case, differences, plain
from leadlens.features.engines import Engine
from leadlens.features.engines.dialect import Dialect

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_TIMESTAMPS = (
    datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1), datetime(1883, 11, 18, 12, 3, 58),
    datetime(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59, 999_999), datetime(2024, 3, 10, 2, 30, 0, 1),
    datetime(2024, 3, 31, 1, 30), datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30, 0, 123_456),
    datetime(2023, 12, 31, 18), datetime(2024, 1, 1, 7, 59, 59, 999_999), datetime(2100, 3, 1, 0, 0, 0, 7), None,
)  # fmt: skip
_TEXTS = (
    "12", " 1.5 ", "1e3", "-0.5", "abc", "", "true", "2024-02-29 23:59:59.999999", "2024-02-30", "12d", "x ceo!",
    "A%b_c\\d", "ÄÖ straße", "ISTANBUL İ ΣΑΣ", "ann@Firm.co.uk", "\u00a0 padded \u2003",
)  # fmt: skip


def _samples() -> pd.DataFrame:
    size = max(len(_TIMESTAMPS), len(_TEXTS))
    timestamps = [_TIMESTAMPS[number % len(_TIMESTAMPS)] for number in range(size)]
    return pd.DataFrame(
        {
            "id": range(size),
            "t": pd.Series(timestamps, dtype="datetime64[us]"),
            "u": pd.Series([timestamps[(number * 5 + 3) % size] for number in range(size)], dtype="datetime64[us]"),
            "s": pd.Series(_TEXTS, dtype="str"),
            "x": [(-1.5) ** number if number % 4 else None for number in range(size)],
            "k": [number * 11 % 7 for number in range(size)],
            "b": pd.Series([(True, False, None)[number % 3] for number in range(size)], dtype="object"),
        }
    )  # fmt: skip


Row = dict[str, Any]
_LENGTHS = (
    timedelta(0),
    _MICROSECOND,
    timedelta(days=-400, microseconds=1),
    timedelta(days=10_000, seconds=0.25),
)


def _time(d: Dialect) -> dict[str, tuple[str, Callable[[Row], Any]]]:
    cases: dict[str, tuple[str, Callable[[Row], Any]]] = {
        "microseconds": (d.microseconds("t"), lambda r: (r["t"] - _EPOCH) // _MICROSECOND),
        "from_microseconds": (d.from_microseconds(d.microseconds("t")), lambda r: r["t"]),
        "day_number": (d.day_number("t"), lambda r: (r["t"] - _EPOCH) // timedelta(days=1)),
        "weekday_of": (d.weekday_of("t"), lambda r: r["t"].isoweekday()),
        "hour_of": (d.hour_of("t"), lambda r: r["t"].hour),
        "start_of_day": (d.start_of_day("t"), lambda r: datetime(r["t"].year, r["t"].month, r["t"].day)),
        "seconds_between": (d.seconds_between("t", "u"), lambda r: r["u"] and (r["t"] - r["u"]).total_seconds()),
        "before": (f"(t < {d.literal(_TIMESTAMPS[4])})", lambda r: r["t"] < _TIMESTAMPS[4]),
    }  # fmt: skip
    for number, length in enumerate(_LENGTHS):
        cases[f"minus_{number}"] = (d.minus("t", length), partial(_before, length))
    return cases


def _before(length: timedelta, row: Row) -> datetime:
    timestamp: datetime = row["t"]
    return timestamp - length


def _cast(value: Any, to: str) -> Any:
    if value is None:
        return None
    if to == "number":
        return float(value) if re.fullmatch(r"\s*-?\d+(\.\d+)?(e\d+)?\s*", value) else None
    if to == "boolean":
        return True if value == "true" else None
    if to == "time":
        return _TIMESTAMPS[4] if value == "2024-02-29 23:59:59.999999" else None
    return value


def _text(d: Dialect) -> dict[str, tuple[str, Callable[[Row], Any]]]:
    # '12' is not tried as a truth value or a timestamp: it is neither in the data that reach an engine.
    some = "CASE WHEN s <> '12' THEN s END"
    return {
        "lower": (d.lower("s"), lambda r: "".join("i" if c == "İ" else c.lower() for c in r["s"])),
        "upper": (d.upper("s"), lambda r: "".join("ẞ" if c == "ß" else c.upper() for c in r["s"])),
        "trim": (d.trim("s"), lambda r: r["s"].strip(" \u00a0\u2003")),
        "length": ("CAST(length(s) AS BIGINT)", lambda r: len(r["s"])),
        "hash_number": (d.hash_number("s"), lambda r: _hash(r["s"])),
        "try_cast_number": (d.try_cast("s", "number"), lambda r: _cast(r["s"], "number")),
        "try_cast_boolean": (d.try_cast(some, "boolean"), lambda r: _cast(r["s"], "boolean")),
        "try_cast_time": (d.try_cast(some, "time"), lambda r: _cast(r["s"], "time")),
        "try_cast_text": (d.try_cast("s", "text"), lambda r: r["s"]),
        "text_of_whole": (d.text("k"), lambda r: str(r["k"])),
        "matches": (d.matches("s", r"^[^@\s]+ (ceo|cto)\b"), lambda r: r["s"].startswith("x ceo")),
        "extract": (d.extract("s", r"@([A-Za-z.]+)$"), lambda r: "Firm.co.uk" if "@" in r["s"] else ""),
        "like": (d.like("s", "%\\d"), lambda r: r["s"].endswith("\\d")),
        "like_one": (d.like("s", "1_"), lambda r: r["s"] == "12"),
        "ilike": (d.ilike("s", "a%B_C%"), lambda r: r["s"].startswith("A%b")),
        "ilike_all": (d.ilike("s", "%STRASSE"), lambda r: False),
        "ilike_umlaut": (d.ilike("s", "äö%"), lambda r: r["s"].startswith("ÄÖ")),
    }  # fmt: skip


def _hash(text: str) -> int:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) % 1_000_000


def _number(d: Dialect) -> dict[str, tuple[str, Callable[[Row], Any]]]:
    return {
        "power": (d.power("2.0", "-x / 14"), lambda r: r["x"] and 2.0 ** (-r["x"] / 14)),
        "bit_count": (d.bit_count("k"), lambda r: r["k"].bit_count()),
        "text_of_truth": (d.text("b"), lambda r: None if r["b"] is None else str(r["b"]).lower()),
        "greatest": ("greatest(x, 0.5, NULL)", lambda r: max(r["x"] or 0.0, 0.5)),
        "least": ("least(x, CAST(k AS DOUBLE))", lambda r: float(r["k"]) if r["x"] is None else min(r["x"], r["k"])),
        "ratio": ("x / nullif(k, 0)", lambda r: r["x"] / r["k"] if r["x"] and r["k"] else None),
        "round": ("round(x / 3, 9)", lambda r: r["x"] and round(r["x"] / 3, 9)),
        "whole": ("CAST(round(x) AS BIGINT)", lambda r: r["x"] and round(r["x"] + math.copysign(1e-6, r["x"]))),
        "floor": ("CAST(floor(x) AS BIGINT)", lambda r: r["x"] and r["x"] // 1),
        "truth": ("CASE WHEN b THEN 1 WHEN NOT b THEN 0 END", lambda r: None if r["b"] is None else int(r["b"])),
    }  # fmt: skip


def _scalars(
    expressions: Callable[[Dialect], dict[str, tuple[str, Callable[[Row], Any]]]],
) -> Callable[[Engine, int], Iterator[str]]:
    def run(engine: Engine, _: int) -> Iterator[str]:
        samples = _samples()
        engine.register("conf_samples", samples)
        cases = expressions(engine.dialect)
        columns = ", ".join(f"{sql} AS {name}" for name, (sql, _) in cases.items())
        got = engine.frame(f"SELECT id, {columns} FROM conf_samples ORDER BY id")
        wanted = []
        for raw in samples.to_dict("records"):
            row = {str(name): plain(value) for name, value in raw.items()}
            timeless = row["t"] is None and expressions is _time
            wanted.append(
                {"id": row["id"]}
                | {name: None if timeless else want(row) for name, (_, want) in cases.items()}
            )
        yield from differences(got, wanted, ("id",))
        engine.drop("conf_samples")

    return run


def _aggregates(engine: Engine, _: int) -> Iterator[str]:
    d, at = engine.dialect, [datetime(2024, 1, day) for day in (1, 2, 3)]
    rows = [
        # group, timestamp, value, number, truth
        ("last", at[0], "z", 1, True), ("last", at[1], "a", 2, False), ("tie", at[1], "a", 4, None),
        ("tie", at[1], "é", 4, None), ("tie", at[0], "李", 8, None), ("null last", at[0], "a", 1, None),
        ("null last", at[1], None, 2, True), ("null tie", at[1], None, 1, False), ("null tie", at[1], "", 1, False),
        ("late only", at[2], "b", 1, None),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["g", "timestamp", "v", "k", "b"]).astype(
        {"v": "str", "timestamp": "datetime64[us]"}
    )
    engine.register("conf_groups", frame)
    early = f"timestamp < {d.literal(at[2])}"
    large = d.sum_of(f"CASE WHEN k > 1 THEN {d.as_double('k')} END")
    got = engine.frame(
        f"SELECT g, {d.latest('v', 'timestamp', early)} AS latest, {d.latest('k', 'timestamp')} AS latest_k, "
        f"{d.bool_or('b')} AS any_b, {d.bit_or('k')} AS bits, CAST(sum(k) AS BIGINT) AS total, count(v) AS known, "
        f"count(DISTINCT v) AS kinds, count(*) FILTER (WHERE {early}) AS early, avg(k) AS mean, "
        f"{large} AS large "
        "FROM conf_groups GROUP BY g ORDER BY g"
    )
    wanted = [
        _group("last", "a", 2, True, 3, 3, 2, 2, 2, 1.5, 2), _group("late only", None, 1, None, 1, 1, 1, 1, 0, 1, None),
        _group("null last", None, 2, True, 3, 3, 1, 1, 2, 1.5, 2), _group("null tie", "", 1, False, 1, 2, 1, 1, 2, 1, None),
        _group("tie", "é", 4, None, 12, 16, 3, 3, 3, 16 / 3, 16),
    ]  # fmt: skip
    yield from differences(got, wanted, ("g",))
    engine.drop("conf_groups")


def _group(*values: Any) -> Row:
    names = ("g", "latest", "latest_k", "any_b", "bits", "total", "known", "kinds", "early", "mean", "large")
    return dict(zip(names, values, strict=True))


def _timestamps(engine: Engine, _: int) -> Iterator[str]:
    d = engine.dialect
    for first, last, step in (
        (datetime(2024, 2, 28), datetime(2024, 3, 1, 12), timedelta(days=1)),
        (
            datetime(2024, 3, 31),
            datetime(2024, 3, 31, 4),
            timedelta(hours=1),
        ),  # 2 o'clock does not exist in Berlin
        (datetime(2024, 1, 1), datetime(2024, 1, 1), timedelta(days=7)),
        (datetime(2024, 1, 2), datetime(2024, 1, 1), timedelta(days=7)),
    ):
        sql = d.timestamp_series(d.literal(first), d.literal(last), step)
        got = [
            plain(timestamp)
            for timestamp in engine.frame(f"SELECT as_of FROM ({sql}) AS m ORDER BY as_of")["as_of"]
        ]
        wanted = [first + number * step for number in range((last - first) // step + 1)]
        if got != wanted:
            yield f"every {step} from {first} to {last}: got {got}"


PRIMITIVE_CASES = (
    Case("time", "functions of timestamps are exact to the microsecond, in UTC, before 1970 too", _scalars(_time)),
    Case("text", "functions of texts treat letters, patterns and misfits alike", _scalars(_text)),
    Case("number", "arithmetic and NULLs", _scalars(_number)),
    Case("aggregates", "latest value, bits, truth, counts, with ties and NULLs", _aggregates),
    Case("timestamps", "a calendar grid holds its ends, or nothing", _timestamps),
)  # fmt: skip

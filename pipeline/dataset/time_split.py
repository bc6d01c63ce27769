"""Rows to learn from and later rows to judge on, divided by time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pandas as pd

from features import DataError, History, Step, UsageError
from pipeline.config import Project

_NO_CLOCK = 946_684_800_000_000  # 2000-01-01 in microseconds: where leads without any order are strewn from


def outcome_horizon(project: Project) -> timedelta:
    """How long a row waits for its label; an outcome that stands in the row itself is waited for no time."""
    return project.outcome.horizon if project.outcome.column is None else timedelta(seconds=1)


def split_by_time(history: History, project: Project) -> datetime:
    """From ``spine`` and ``labels`` make ``parted(row_id, lead_id, as_of, created_at, label, part)``.

    ``part`` is train, test or NULL (embargo, after test_to); immature rows are left out. Returns where the later
    part begins. Raises ``DataError`` or ``UsageError`` where a part would be of no use.
    """
    engine, judge = history.engine, project.judge
    horizon = outcome_horizon(project)
    # By lead where leads are looked at by age, so that no lead stands on both sides; by moment on a calendar.
    by_moment = bool(project.spine.every or project.spine.dates)
    anchor = "s.as_of" if by_moment else "s.created_at"
    if history.clock == "none":
        anchor = engine.dialect.from_microseconds(
            f"{_NO_CLOCK} + 1000000 * {engine.dialect.hash_number('s.lead_id')}"
        )
    mature = (
        f"SELECT s.row_id, s.lead_id, s.as_of, s.created_at, l.label, {anchor} AS anchor FROM spine AS s "
        "JOIN labels AS l ON l.row_id = s.row_id WHERE l.label IS NOT NULL"
    )
    engine.run([Step("mature", mature)])
    if judge.test_from is None:
        test_from = _quantile(history, 1 - judge.test_share, "anchor" if by_moment else "lead_id, anchor")
        if test_from is None:
            raise DataError(
                "no row is mature: nothing can be learned or judged yet",
                value=f"the data end at {history.data_end:%Y-%m-%d}",
                why=f"a label needs {horizon.days} days after its row",
                fix="wait, give older data, or a shorter outcome.horizon",
            )
    else:
        test_from = judge.test_from
    embargo = judge.embargo if judge.embargo is not None else horizon
    engine.run([Step("parted", _parted(history, project, test_from, embargo))])
    engine.drop("mature")
    counts = engine.frame(
        "SELECT part, count(*) AS n, sum(label) AS conversions FROM parted WHERE part IS NOT NULL GROUP BY part"
    ).set_index("part")
    _check_parts(counts, test_from, embargo)
    return test_from


def _quantile(history: History, share: float, distinct: str) -> datetime | None:
    """The moment that this share of anchors does not lie after; written so that every engine gives the same."""
    anchors = f"SELECT DISTINCT {distinct} FROM mature"
    count = history.engine.count(f"({anchors}) AS anchors")
    nth = max(1, count - math.floor(count - share * count))
    found = history.engine.value(
        f"SELECT max(anchor) FROM (SELECT anchor FROM ({anchors}) AS anchors ORDER BY anchor LIMIT {nth}) AS early"
    )
    return None if found is None else datetime.fromisoformat(str(found))


def _parted(history: History, project: Project, test_from: datetime, embargo: timedelta) -> str:
    literal, judge = history.engine.dialect.literal, project.judge
    train = f"anchor < {literal(test_from)}"
    if history.clock != "none" and embargo:
        train += f" AND {history.engine.dialect.minus('as_of', -embargo)} <= {literal(test_from)}"
    test = f"anchor >= {literal(test_from)}"
    if judge.test_to:
        test += f" AND anchor < {literal(judge.test_to)}"
    return (
        "SELECT row_id, lead_id, as_of, created_at, label, "
        f"CASE WHEN {test} THEN 'test' WHEN {train} THEN 'train' END AS part FROM mature"
    )


def _check_parts(counts: pd.DataFrame, test_from: datetime, embargo: timedelta) -> None:
    if "train" not in counts.index:
        raise DataError(
            "no row is left to learn from",
            value=f"test from {test_from:%Y-%m-%d}, embargo {embargo.days} days",
            why="training rows must have their outcome known before the later rows begin",
            fix="a later judge.test_from, a shorter outcome.horizon, or older data",
        )
    if "test" not in counts.index:
        raise UsageError(
            "no mature row lies after judge.test_from",
            value=f"{test_from:%Y-%m-%d}",
            fix="an earlier judge.test_from, or leave it out to judge on the latest quarter",
        )
    rows, conversions = (int(number) for number in counts.loc["train", ["n", "conversions"]].to_numpy())
    if conversions in (0, rows):
        every = "every" if conversions else "no"
        raise DataError(
            f"{every} training row converted: there is nothing to tell apart",
            value=f"{rows:,} rows before {test_from:%Y-%m-%d}",
            fix="check outcome.positive / outcome.kind / the dates in conversions (`leadlens check` shows the rates)",
        )

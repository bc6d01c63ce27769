"""Rows to learn from and out-of-time rows to judge on, divided by time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadlens.features import DataError, History, UsageError, humanize
from leadlens.features.engines import Table
from leadlens.features.label import Labels, build_labels
from leadlens.features.spine import OutOfTimeRows, Spine, TrainingRows, build_spine
from leadlens.pipeline.config import Project
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.policies import outcome_horizon

# 2000-01-01 in microseconds: leads without any order are given anchors from here on, by their id.
_NO_CLOCK = 946_684_800_000_000


@dataclass(frozen=True, kw_only=True)
class Split:
    """The mature rows of a spine in two parts, with an embargo between them that belongs to neither.

    Attributes
    ----------
    train : rows whose outcome was known before the test rows begin; features are planned on these alone.
    test : the out-of-time rows.
    both : the rows of either part.
    outcomes : ``row_id, part, label`` of either part; ``part`` is ``"train"`` or ``"test"``, ``label`` 0 or 1.
    test_from : where the test rows begin. embargo : how long before then training rows must end.
    base_rate : share of training rows that converted.
    """

    train: TrainingRows
    test: OutOfTimeRows
    both: Spine
    outcomes: Table
    test_from: datetime
    embargo: timedelta
    base_rate: float


@dataclass(frozen=True)
class Period:
    """The rows of a span of time: from ``begins`` on, before ``ends``, by their as-of."""

    begins: datetime
    ends: datetime


@contextmanager
def split_snapshots(history: History, project: Project) -> Iterator[Split]:
    """The project's spine, labelled and split by time; every table is dropped at the end of the block."""
    with (
        build_spine(history, training_spine(history, project).policy) as spine,
        build_labels(history, spine, outcome_horizon(project), project.outcome.kind) as labels,
        split_by_time(history, spine, labels, project) as split,
    ):
        yield split


@contextmanager
def split_by_time(history: History, spine: Spine, labels: Labels, project: Project) -> Iterator[Split]:
    """Divide the mature rows of a spine; the tables of the split are dropped at the end of the block.

    Raises ``DataError`` or ``UsageError`` where a part would be of no use.
    """
    embargo = _embargo(project)
    with Table.make(history.engine, "mature", _mature(history, spine, labels, project)) as mature:
        test_from = project.judge.test_from or _quantile(history, mature, project)
        divided = _parted(history, mature, project, test_from, embargo)
        with _split(history, divided, test_from, embargo) as split:
            yield split


@contextmanager
def split_at(history: History, project: Project, period: Period) -> Iterator[Split]:
    """The split of a past date: learn from what was known when a period began, judge what was scored in it.

    A row is learned from if its horizon was over by then, whatever embargo the project has. Unlike in ``split_by_time`` a
    lead may be learned from at one age and judged at a later one, as in service. Raises as that does.
    """
    past, horizon = known_by(project, period.begins), outcome_horizon(project)
    literal, minus = history.engine.dialect.literal, history.engine.dialect.minus
    begins, ends = literal(period.begins), literal(period.ends)
    with (
        build_spine(history, training_spine(history, past).policy) as spine,
        build_labels(history, spine, horizon, project.outcome.kind) as labels,
    ):
        divided = f"""
            SELECT
              s.row_id, s.lead_id, s.as_of, s.created_at, l.label,
              CASE
                WHEN s.as_of >= {begins} AND s.as_of < {ends} THEN 'test'
                WHEN {minus("s.as_of", -horizon)} <= {begins} THEN 'train'
              END AS part
            FROM {spine} AS s
            JOIN {labels} AS l ON l.row_id = s.row_id
            WHERE l.label IS NOT NULL
        """
        with Table.make(history.engine, "divided", divided) as rows:
            _refuse_empty(rows, horizon)
            with _split(history, f"SELECT * FROM {rows}", period.begins, horizon) as split:
                yield split


def _refuse_empty(divided: Table, horizon: timedelta) -> None:
    """Raise ``DataError`` where a past date has no row to learn from, or none to judge."""
    parts = set(divided.engine.frame(f"SELECT DISTINCT part FROM {divided} WHERE part IS NOT NULL")["part"])
    if "train" not in parts:
        raise DataError(f"no outcome was known by then: a row waits {humanize(horizon)} for its own")
    if "test" not in parts:
        raise DataError("no lead was scored in the period after it, by the ages or dates of `spine`")


def known_by(project: Project, date: datetime) -> Project:
    """The project as it was used on a date: what is chosen by outcomes is chosen by those before it."""
    return project.model_copy(update={"judge": project.judge.model_copy(update={"test_from": date})})


@contextmanager
def _split(history: History, divided: str, test_from: datetime, embargo: timedelta) -> Iterator[Split]:
    """``divided`` is SQL of ``row_id, lead_id, as_of, created_at, label, part``."""
    engine = history.engine
    with ExitStack() as tables:
        keep = tables.enter_context
        parted = keep(Table.make(engine, "parted", divided))
        base_rate = _check_parts(parted, history.shown(test_from), embargo)
        rows = f"SELECT row_id, lead_id, as_of, created_at FROM {parted} WHERE part"
        outcomes = f"SELECT row_id, part, label FROM {parted} WHERE part IS NOT NULL"
        yield Split(
            train=keep(TrainingRows.make(engine, "training_rows", f"{rows} = 'train'")),
            test=keep(OutOfTimeRows.make(engine, "test_rows", f"{rows} = 'test'")),
            both=keep(Spine.make(engine, "split_rows", f"{rows} IS NOT NULL")),
            outcomes=keep(Table.make(engine, "outcomes", outcomes)),
            test_from=test_from,
            embargo=embargo,
            base_rate=base_rate,
        )


def _embargo(project: Project) -> timedelta:
    return project.judge.embargo if project.judge.embargo is not None else outcome_horizon(project)


def _by_as_of(project: Project) -> bool:
    """On a calendar, rows are split by as-of; by age, leads are split by creation, so that none has rows in both."""
    return bool(project.spine.every or project.spine.dates)


def _mature(history: History, spine: Spine, labels: Labels, project: Project) -> str:
    dialect = history.engine.dialect
    anchor = "s.as_of" if _by_as_of(project) else "s.created_at"
    if history.clock == "none":
        anchor = dialect.from_microseconds(f"{_NO_CLOCK} + 1000000 * {dialect.hash_number('s.lead_id')}")
    return f"""
        SELECT s.row_id, s.lead_id, s.as_of, s.created_at, l.label, {anchor} AS anchor
        FROM {spine} AS s
        JOIN {labels} AS l ON l.row_id = s.row_id
        WHERE l.label IS NOT NULL
    """


def _quantile(history: History, mature: Table, project: Project) -> datetime:
    """The anchor that ``test_share`` of them do not lie before; written so that every engine gives the same."""
    share = 1 - project.judge.test_share
    distinct = "anchor" if _by_as_of(project) else "lead_id, anchor"
    anchors = f"SELECT DISTINCT {distinct} FROM {mature}"
    count = history.engine.count(f"({anchors}) AS anchors")
    nth = max(1, count - math.floor(count - share * count))
    value = history.engine.value(
        f"SELECT max(anchor) FROM (SELECT anchor FROM ({anchors}) AS anchors ORDER BY anchor LIMIT {nth}) AS early"
    )
    if value is None:
        raise DataError(
            "no row is mature: nothing can be learned or judged yet",
            value=f"the data end at {history.data_end:%Y-%m-%d}" if history.clock == "time" else None,
            why=f"a label needs {outcome_horizon(project).days} days after its row",
            fix="wait, add older data, or set a shorter outcome.horizon",
        )
    return datetime.fromisoformat(str(value))


def _parted(
    history: History, mature: Table, project: Project, test_from: datetime, embargo: timedelta
) -> str:
    literal, judge = history.engine.dialect.literal, project.judge
    train = f"anchor < {literal(test_from)}"
    if history.clock != "none" and embargo:
        train += f" AND {history.engine.dialect.minus('as_of', -embargo)} <= {literal(test_from)}"
    test = f"anchor >= {literal(test_from)}"
    if judge.test_to:
        test += f" AND anchor < {literal(judge.test_to)}"
    return f"""
        SELECT
          row_id, lead_id, as_of, created_at, label,
          CASE WHEN {test} THEN 'test' WHEN {train} THEN 'train' END AS part
        FROM {mature}
    """


def _check_parts(parted: Table, test_from: datetime | None, embargo: timedelta) -> float:
    """The base rate of the training rows. Raises where there is nothing to learn from, or to judge on."""
    since = "the test rows" if test_from is None else f"{test_from:%Y-%m-%d}"
    counts = parted.engine.frame(
        f"""
        SELECT part, count(*) AS n, sum(label) AS conversions
        FROM {parted}
        WHERE part IS NOT NULL
        GROUP BY part
        """
    ).set_index("part")
    if "train" not in counts.index:
        raise DataError(
            "no row is left to learn from",
            value=f"test from {since}, embargo {embargo.days} days",
            why="training rows must have their outcome known before the out-of-time rows begin",
            fix="set a later judge.test_from or a shorter outcome.horizon, or add older data",
        )
    if "test" not in counts.index:
        raise UsageError(
            "no mature row lies after judge.test_from",
            value=since,
            fix="set an earlier judge.test_from, or leave it out to judge on the latest quarter",
        )
    rows, conversions = (int(number) for number in counts.loc["train", ["n", "conversions"]].to_numpy())
    if conversions in (0, rows):
        every = "every" if conversions else "no"
        raise DataError(
            f"{every} training row converted: there is nothing to tell apart",
            value=f"{rows:,} rows before {since}",
            fix="check outcome.positive / outcome.kind / the dates in conversions (`leadlens check` shows the rates)",
        )
    return conversions / rows

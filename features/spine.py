"""Which leads, as of when: one row per (lead, as_of), open leads only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from leadlens.features.engines import Table
from leadlens.features.errors import DataError, UsageError, counted, listed
from leadlens.features.history import History


class Spine(Table):
    """Snapshots of leads, as a table: ``row_id, lead_id, as_of, created_at``, unique by lead and as-of."""


class TrainingRows(Spine):
    """The rows of a spine that a model may learn from. Only a time split makes them, and only they can be planned on."""


class OutOfTimeRows(Spine):
    """The out-of-time rows of a spine: for the verdict alone."""


@dataclass(frozen=True)
class SpinePolicy:
    """Which as-of timestamps; exactly one of the first four is set.

    Attributes
    ----------
    at_ages : ages of a lead.
    every : step of a calendar grid over the whole history.
    dates : the timestamps themselves.
    column : a time column of ``leads``.
    repeat : keep leads that have converted before.
    kinds : kinds of conversion that close a lead; all when empty.
    since : only leads created from then on.
    objections : leave out the leads of the table ``objections``.
    finished : score none of the leads of the table ``finished``; a training set has them like others.
    """

    at_ages: tuple[timedelta, ...] = ()
    every: timedelta | None = None
    dates: tuple[datetime, ...] = ()
    column: str | None = None
    repeat: bool = False
    kinds: tuple[str, ...] = ()
    since: datetime | None = None
    objections: bool = False
    finished: bool = False


def build_spine(history: History, policy: SpinePolicy) -> Spine:
    """The leads that are open as of the timestamps of a policy, as a table that the caller drops.

    Rows are numbered from 0 by as_of and lead, and lie within the data: ``as_of`` is at most its end. A lead
    is open if it was created by then, not closed before, and (unless ``repeat``) not converted before.
    Raises ``DataError`` when no row is left.
    """
    spine = _number(history, _snapshots(history, policy), policy)
    if not spine.rows:
        spine.drop()
        raise DataError(
            "no lead is open at any of these times",
            value=f"{counted(history.engine.count('leads'), 'lead')}, data to {history.data_end:%Y-%m-%d}",
            why="a training set needs at least one row",
            fix="check `spine`, `closed_at` and the dates of the conversions",
        )
    return spine


def build_scoring_spine(history: History, as_of: datetime, policy: SpinePolicy) -> Spine:
    """All leads to score as of one timestamp: open then, and not ``finished``, as a table that the caller drops; may be empty."""
    snapshots = f"SELECT lead_id, {history.engine.dialect.literal(as_of)} AS as_of FROM leads"
    return _number(history, snapshots, policy, bounded=False)


def count_left_out(history: History, as_of: datetime, policy: SpinePolicy) -> tuple[int, int]:
    """How many leads are open as of one timestamp, but not scored: those that object, and of the others those ``finished``."""
    if not (policy.objections or policy.finished):
        return 0, 0
    everyone = replace(policy, objections=False, finished=False)
    moment = history.engine.dialect.literal(as_of)
    found = history.engine.frame(
        f"""
        SELECT count(o.lead_id) AS objected, count(f.lead_id) AS finished
        FROM leads
        LEFT JOIN objections AS o ON o.lead_id = leads.lead_id
        LEFT JOIN finished AS f ON f.lead_id = leads.lead_id AND o.lead_id IS NULL
        WHERE {" AND ".join(_open(history, everyone, moment))}
        """
    ).iloc[0]
    return int(found["objected"]), int(found["finished"])


def _snapshots(history: History, policy: SpinePolicy) -> str:
    """(lead_id, as_of) of every lead, open or not; the same pair may come twice."""
    literal, quote = history.engine.dialect.literal, history.engine.dialect.quote
    if policy.column:
        dates = ["created_at", *(name for name, kind in history.lead_attributes.items() if kind == "time")]
        if policy.column not in dates:
            exists = policy.column in history.lead_attributes
            raise UsageError(
                f"spine.column is not a {'date' if exists else 'column of leads'}",
                value=policy.column,
                known=dates,
                fix=f"columns that hold dates: {listed(dates)}",
            )
        return f"SELECT lead_id, {quote(policy.column)} AS as_of FROM leads WHERE {quote(policy.column)} IS NOT NULL"
    if policy.dates:
        asked = " UNION ALL ".join(f"SELECT {literal(date)} AS as_of" for date in policy.dates)
        return f"SELECT lead_id, asked.as_of FROM leads CROSS JOIN ({asked}) AS asked"
    if policy.every:
        dialect, first = history.engine.dialect, history.engine.value("SELECT min(created_at) FROM leads")
        if first is None:
            return "SELECT lead_id, created_at AS as_of FROM leads"
        day = literal(datetime(first.year, first.month, first.day))
        grid = dialect.timestamp_series(day, literal(history.data_end), policy.every)
        return f"SELECT lead_id, grid.as_of FROM leads CROSS JOIN ({grid}) AS grid"
    ages = policy.at_ages or (timedelta(0),)
    return " UNION ALL ".join(
        f"SELECT lead_id, {history.engine.dialect.minus('created_at', -age)} AS as_of FROM leads"
        for age in ages
    )


def _number(history: History, snapshots: str, policy: SpinePolicy, bounded: bool = True) -> Spine:
    conditions = _open(history, policy, "snapshots.as_of")
    if bounded:
        conditions.append(f"snapshots.as_of <= {history.engine.dialect.literal(history.data_end)}")
    elif policy.finished:
        conditions.append("NOT EXISTS (SELECT 1 FROM finished AS f WHERE f.lead_id = leads.lead_id)")
    with Table.make(
        history.engine, "spine_snapshots", f"SELECT DISTINCT lead_id, as_of FROM ({snapshots}) AS m"
    ) as asked:
        return Spine.make(
            history.engine,
            "spine",
            f"""
            SELECT
              CAST(row_number() OVER (ORDER BY as_of, lead_id) - 1 AS BIGINT) AS row_id,
              lead_id, as_of, created_at
            FROM (
              SELECT leads.lead_id, snapshots.as_of, leads.created_at
              FROM leads
              JOIN {asked} AS snapshots ON snapshots.lead_id = leads.lead_id
              WHERE {" AND ".join(conditions)}
            ) AS open_rows
            """,
        )


def _open(history: History, policy: SpinePolicy, moment: str) -> list[str]:
    """What holds for rows of ``leads`` that are open at a moment, and not left out by what the policy says of all rows."""
    conditions = [
        f"leads.created_at <= {moment}",
        f"(leads.closed_at IS NULL OR leads.closed_at >= {moment})",
    ]
    if policy.since:
        conditions.append(f"leads.created_at >= {history.engine.dialect.literal(policy.since)}")
    if policy.objections:
        conditions.append("NOT EXISTS (SELECT 1 FROM objections AS o WHERE o.lead_id = leads.lead_id)")
    if not policy.repeat:
        conditions.append(
            f"""
            NOT EXISTS (
              SELECT 1
              FROM conversions AS past
              WHERE past.lead_id = leads.lead_id
                AND past.converted_at < {moment}{kind_filter(history, policy.kinds, "past")}
            )
            """
        )
    return conditions


def kind_filter(history: History, kinds: tuple[str, ...], alias: str) -> str:
    """SQL that keeps the conversions of these kinds (all when empty), beginning with AND."""
    if not kinds:
        return ""
    known = history.engine.frame("SELECT DISTINCT kind FROM conversions WHERE kind IS NOT NULL")["kind"]
    for kind in kinds:
        if kind not in set(known):
            raise UsageError("no conversion is of this kind", value=kind, known=known, where="outcome.kind")
    return f" AND {alias}.kind IN ({', '.join(map(history.engine.dialect.literal, kinds))})"

"""A score over the coming days if the lead does nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from leadlens.features.engines import DuckDBEngine, Step
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard.insights.changes import COLUMNS, line_changes
from leadlens.models.scorecard.language.grades import STAGES
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import score_sheet
from leadlens.models.scorecard.scoring.probes import matching_events, set_rows

DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = datetime(9000, 1, 1)
_GRADUAL = ("decay", "cap")


@dataclass(frozen=True)
class Simulation:
    """A lead's score over days without any further action.

    Attributes
    ----------
    snapshots : one row per day and per exact time at which something drops: ``as_of``, ``exact`` (such a time),
        the dimensions, ``total``, ``score``, ``grade``, ``stage``, ``route``, by time. The first row is now.
    losses : what was lost between one snapshot and the next: ``as_of`` (of the later one), ``dimension``, ``rule``,
        ``kind`` (see ``changes``), ``occurred_at``, ``detail``, ``before``, ``after``, ``points``, ``why``.
    turns : changes of the stage: ``as_of``, ``was``, ``stage``, ``why``.
    """

    lead_id: str
    as_of: datetime
    snapshots: pd.DataFrame
    losses: pd.DataFrame
    turns: pd.DataFrame


def simulate_inactivity(
    sheet: Sheet, history: History, lead_id: str, as_of: datetime, days: int = 90
) -> Simulation:
    """Score one lead every day for ``days`` days from ``as_of`` on, as if nothing more happened.

    What the history knows from ``as_of`` on, events, edits and retractions alike, is ignored. Conditions that
    read features see them age too.
    """
    parsed = parse_conditions(sheet, history)
    with _as_known(history, lead_id, as_of) as known:
        with set_rows(known, [(lead_id, as_of)]) as now:
            exact = set(_drops(sheet, parsed, known, now, as_of + days * DAY))
        daily = [as_of + day * DAY for day in range(days + 1)]
        with set_rows(known, [(lead_id, at) for at in sorted({*daily, *exact})]) as coming:
            scored = score_sheet(sheet, known, coming, plan=parsed.plan)
    rows = scored.scores["row_id"]
    pairs = pd.DataFrame(
        {
            "pair": rows.iloc[1:],
            "lead_id": lead_id,
            "since": scored.scores["as_of"].shift(1).iloc[1:],
            "as_of": scored.scores["as_of"].iloc[1:],
        }
    )
    ledger = scored.ledger
    before = ledger.assign(pair=ledger["row_id"] + 1)
    lost = line_changes(
        sheet, before[before["pair"].isin(pairs["pair"])], ledger.assign(pair=ledger["row_id"]).query("pair > 0"),
        pairs,
    )  # fmt: skip
    losses = lost.assign(as_of=lost["pair"].map(dict(zip(pairs["pair"], pairs["as_of"], strict=True))))
    gone = set(lost.loc[~lost["kind"].isin(_GRADUAL), "pair"])
    stage = scored.scores["stage"]
    turning = gone | set(rows[stage != stage.shift(1)])
    rows_exact = scored.scores.assign(exact=scored.scores["as_of"].isin(list(exact - set(daily))))
    snapshots = rows_exact[~rows_exact["exact"] | rows_exact["row_id"].isin(turning)]
    shown = ["as_of", "exact", *sheet.all_dimensions, "total", "score", "grade", "stage", "route"]
    return Simulation(
        lead_id=lead_id,
        as_of=as_of,
        snapshots=snapshots[shown].reset_index(drop=True),
        losses=losses[["as_of", *COLUMNS[1:]]].reset_index(drop=True),
        turns=_turns(sheet, scored.scores),
    )


def _turns(sheet: Sheet, scores: pd.DataFrame) -> pd.DataFrame:
    """Where the stage changes, and which of its limits was passed."""
    turns = scores.assign(was=scores["stage"].shift(1)).iloc[1:]
    turns = turns[turns["stage"] != turns["was"]]
    whys = [_why(sheet, row) for row in turns.to_dict("records")]
    return turns.assign(why=pd.Series(whys, index=turns.index, dtype="str"))[
        ["as_of", "was", "stage", "why"]
    ].reset_index(drop=True)


def _why(sheet: Sheet, row: dict[Any, Any]) -> str:
    if "Disqualified" in (row["was"], row["stage"]):
        return (
            f"disqualified: {row['disqualified_by']}"
            if row["stage"] == "Disqualified"
            else "no longer disqualified"
        )
    stages = dict(sheet.thresholds.stages) if sheet.thresholds else {}
    if STAGES.index(row["stage"]) > STAGES.index(row["was"]):
        return f"{row['stage']} is reached again"
    lost = stages[row["was"]]
    if lost.keep is not None and row["total"] < lost.keep:
        return f"below {lost.keep:g}, where it was kept"
    if lost.keep is None and lost.points is not None and row["total"] < lost.points:
        return f"below {lost.points:g}"
    return "its condition no longer matches"


def _drops(sheet: Sheet, parsed: Parsed, history: History, now: Spine, end: datetime) -> Iterator[datetime]:
    """The times ahead at which an event leaves its window, has decayed to zero, or inactivity begins to count."""
    events = matching_events(sheet, history, now, parsed)
    row = history.engine.frame(f"SELECT as_of, created_at FROM {now}").iloc[0]
    start, created = row["as_of"].to_pydatetime(), row["created_at"].to_pydatetime()
    for rule in sheet.actions:
        mine = events.loc[(events["rule"] == rule.label) & (events["role"] == "when"), "occurred_at"]
        occurred = [at.to_pydatetime() for at in mine]
        ends: list[datetime] = []
        if rule.within is not None:
            ends += [at + rule.within + _MICROSECOND for at in occurred]
        if rule.decay is not None and rule.decay.to_zero is not None:
            ends += [at + rule.decay.to_zero for at in occurred]
        if rule.inactive_for is not None:
            ends.append(max([*occurred, created]) + rule.inactive_for)
        yield from (at for at in ends if start < at <= end)


@contextmanager
def _as_known(history: History, lead_id: str, as_of: datetime) -> Iterator[History]:
    """The lead and its colleagues in an engine of their own, with nothing that is known only from ``as_of`` on."""
    engine, sql = history.engine, history.engine.dialect
    at, never, lead = sql.literal(as_of), sql.literal(_NEVER), sql.literal(lead_id)
    account = f"SELECT account_id FROM leads WHERE lead_id = {lead}"
    leads = f"SELECT lead_id FROM leads WHERE lead_id = {lead} OR account_id IN ({account})"
    earlier = f"lead_id IN ({leads})"
    changed = {
        "leads": {"closed_at": f"CASE WHEN closed_at < {at} THEN closed_at END"},
        "events": {"retracted_at": f"CASE WHEN retracted_at < {at} THEN retracted_at END"},
        # an edit to come still shows that the value of today is not the value as of then
        "changes": {"known_at": f"CASE WHEN known_at < {at} THEN known_at ELSE {never} END"},
    }
    kept = {
        "leads": f"{earlier} AND (lead_id = {lead} OR created_at < {at})",
        "accounts": f"account_id IN ({account})",
        "events": f"{earlier} AND occurred_at < {at} AND known_at < {at}",
        "conversions": f"{earlier} AND converted_at < {at}",
        "changes": f"entity = 'lead' AND id IN ({leads}) OR entity = 'account' AND id IN ({account})",
    }
    with DuckDBEngine(threads=1) as own, TemporaryDirectory(prefix="leadlens-") as folder:
        for table, where in kept.items():
            columns = ", ".join(
                f"{changed.get(table, {}).get(name, sql.quote(name))} AS {sql.quote(name)}"
                for name in engine.columns(table)
            )
            path = Path(folder) / f"{table}.parquet"
            engine.write(f"SELECT {columns} FROM {table} WHERE {where}", path)
            own.read(f"stored_{table}", path)
            own.run([Step(table, f"SELECT * FROM stored_{table}")])
            own.drop(f"stored_{table}")
        yield History(
            own,
            history.data_end,
            history.lead_attributes,
            history.account_attributes,
            history.event_properties,
            history.clock,
            history.hidden,
        )

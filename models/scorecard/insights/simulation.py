"""What becomes of a score if the lead does nothing more: the engine asked about days to come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from features.engines import DuckDBEngine, Step
from features.history import History
from features.spine import Spine
from models.scorecard.insights.changes import COLUMNS, line_changes
from models.scorecard.language.grades import STAGES
from models.scorecard.language.parsing import Parsed, parse_conditions
from models.scorecard.language.sheet import Sheet
from models.scorecard.scoring.ledger import score_sheet
from models.scorecard.scoring.probes import hits_of, set_rows

DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_NEVER = datetime(9000, 1, 1)
_FADING = ("decay", "cap")


@dataclass(frozen=True)
class Simulation:
    """A lead's score over days without any further action.

    Attributes
    ----------
    looks : one row per day and per exact moment at which something drops: ``as_of``, ``exact`` (such a moment),
        the dimensions, ``total``, ``score``, ``grade``, ``stage``, ``route``, by time. The first row is now.
    losses : what went between one look and the next: ``as_of`` (of the later one), ``dimension``, ``rule``,
        ``kind`` (see ``changes``), ``occurred_at``, ``detail``, ``before``, ``after``, ``points``, ``why``.
    turns : changes of the stage: ``as_of``, ``was``, ``stage``, ``why``.
    """

    lead_id: str
    as_of: datetime
    looks: pd.DataFrame
    losses: pd.DataFrame
    turns: pd.DataFrame


def simulate_silence(
    sheet: Sheet, history: History, lead_id: str, as_of: datetime, days: int = 90
) -> Simulation:
    """Score one lead every day for ``days`` days from ``as_of`` on, as if nothing happened any more.

    What the history knows from ``as_of`` on, events, edits and retractions alike, is left aside. Conditions that
    read features see them age too.
    """
    parsed = parse_conditions(sheet, history)
    with _as_known(history, lead_id, as_of) as known:
        with set_rows(known, [(lead_id, as_of)]) as now:
            exact = set(_drops(sheet, parsed, known, now, as_of + days * DAY))
        daily = [as_of + day * DAY for day in range(days + 1)]
        with set_rows(known, [(lead_id, moment) for moment in sorted({*daily, *exact})]) as coming:
            found = score_sheet(sheet, known, coming, plan=parsed.plan)
    rows = found.scores["row_id"]
    pairs = pd.DataFrame(
        {
            "pair": rows.iloc[1:],
            "lead_id": lead_id,
            "since": found.scores["as_of"].shift(1).iloc[1:],
            "as_of": found.scores["as_of"].iloc[1:],
        }
    )
    ledger = found.ledger
    before = ledger.assign(pair=ledger["row_id"] + 1)
    lost = line_changes(
        sheet, before[before["pair"].isin(pairs["pair"])], ledger.assign(pair=ledger["row_id"]).query("pair > 0"),
        pairs,
    )  # fmt: skip
    losses = lost.assign(as_of=lost["pair"].map(dict(zip(pairs["pair"], pairs["as_of"], strict=True))))
    gone = set(lost.loc[~lost["kind"].isin(_FADING), "pair"])
    stage = found.scores["stage"]
    told = gone | set(rows[stage != stage.shift(1)])
    every = found.scores.assign(exact=found.scores["as_of"].isin(list(exact - set(daily))))
    looks = every[~every["exact"] | every["row_id"].isin(told)]
    shown = ["as_of", "exact", *sheet.all_dimensions, "total", "score", "grade", "stage", "route"]
    return Simulation(
        lead_id,
        as_of,
        looks[shown].reset_index(drop=True),
        losses[["as_of", *COLUMNS[1:]]].reset_index(drop=True),
        _turns(sheet, found.scores),
    )


def _turns(sheet: Sheet, scores: pd.DataFrame) -> pd.DataFrame:
    """Where the stage changes, and which of its limits was passed."""
    found = scores.assign(was=scores["stage"].shift(1)).iloc[1:]
    found = found[found["stage"] != found["was"]]
    whys = [_why(sheet, row) for row in found.to_dict("records")]
    return found.assign(why=pd.Series(whys, index=found.index, dtype="str"))[
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
    return "its condition no longer holds"


def _drops(sheet: Sheet, parsed: Parsed, history: History, now: Spine, end: datetime) -> Iterator[datetime]:
    """The moments ahead at which an event leaves its window, has faded, or has been silent for long enough."""
    hits = hits_of(sheet, history, now, parsed)
    row = history.engine.frame(f"SELECT as_of, created_at FROM {now}").iloc[0]
    start, created = row["as_of"].to_pydatetime(), row["created_at"].to_pydatetime()
    for rule in sheet.actions:
        mine = hits.loc[(hits["rule"] == rule.label) & (hits["role"] == "when"), "occurred_at"]
        found = [moment.to_pydatetime() for moment in mine]
        moments: list[datetime] = []
        if rule.within is not None:
            moments += [moment + rule.within + _MOMENT for moment in found]
        if rule.decay is not None and rule.decay.to_zero is not None:
            moments += [moment + rule.decay.to_zero for moment in found]
        if rule.inactive_for is not None:
            moments.append(max([*found, created]) + rule.inactive_for)
        yield from (moment for moment in moments if start < moment <= end)


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
        # an edit to come still tells that the value of today is not the value of then
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

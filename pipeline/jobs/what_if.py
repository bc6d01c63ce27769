"""`leadlens explain --what-if`: what each action would add to a lead's score, by scoring the lead as if it had just done it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

import pandas as pd

from leadlens.features import DuckDBEngine, History, Step, UsageError
from leadlens.features.plan import EventKey, FeaturePlan
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.config.parts import read_as_of
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_leads
from leadlens.pipeline.jobs.explain import one_row
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.prepared.opening import open_prepared
from leadlens.pipeline.private import private_files
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.scorecards.project import load_sheets

LEAST = 0.5  # points that round to more than nothing
CAVEAT = "What went with more conversions among past leads; nobody knows whether the action was the cause."
_JUST_NOW = timedelta(seconds=1)
_Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class WhatIfAction:
    """One more action of a lead, and what both lenses would say after it.

    Attributes
    ----------
    action : what the lead would have done, in words. event : as a row of ``events``, without lead and time.
    probability, score, shown : by the model after it.
    added : points of the model that it adds; negative where it takes some away.
    rule_points_added : points of the sheet; ``None`` without a sheet. rule_stage : the sheet's stage after it.
    """

    action: str
    event: _Event
    probability: float
    score: float
    shown: int
    added: float
    rule_points_added: float | None
    rule_stage: str | None


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What a lead's score would be had it just done one thing more.

    Attributes
    ----------
    actions : those after which the model scores the lead higher, the strongest first.
    little, lowering : those after which it scores about the same or lower, from which no advice follows; the strongest first.
    unseen : what the model counts, and no lead of those that were looked at did, so that nobody knows what it would look like.
    """

    lead_id: str
    as_of: datetime | None
    version: str
    alias: str
    probability: float
    score: float
    shown: int
    rule_points: float | None
    rule_stage: str | None
    actions: tuple[WhatIfAction, ...]
    little: tuple[WhatIfAction, ...]
    lowering: tuple[WhatIfAction, ...]
    unseen: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        kept["as_of"] = self.as_of.isoformat() if self.as_of else None
        for name in ("actions", "little", "lowering"):
            kept[name] = [dict(vars(each)) for each in getattr(self, name)]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    def frame(self) -> pd.DataFrame:
        """The actions as a table."""
        return pd.DataFrame(
            [
                {
                    "action": each.action,
                    "model": each.added,
                    "score after": each.shown,
                    "sheet": each.rule_points_added,
                    "stage after": each.rule_stage,
                }
                for each in self.actions
            ]
        )

    def _repr_html_(self) -> str:
        from leadlens.pipeline.html import table_html

        head = f"<p>Lead {escape(self.lead_id)}: {self.shown} now. {CAVEAT}</p>"
        return head + (table_html(self.frame(), 100) or "<p>No single action would raise it by a point.</p>")


@private_files()
def what_if(
    file: ProjectOrPath, lead_id: str, *, as_of: str | date | None = None, challenger: bool = False
) -> WhatIf:
    """What one more action would add to an open lead's score.

    Every behaviour that the model counts is tried: the lead is scored again, by the same code, with one event more, a second before
    ``as_of``. The event is the most usual one of its kind in the history. Raises as ``explain`` does, and ``UsageError``
    where the data have no dates or the model counts no events.
    """
    file = as_project(file)
    served = serving_model(file.project.name, challenger=challenger)
    if not isinstance(lead_id, str):
        raise UsageError("a lead must be named by text", value=lead_id, fix=f'in quotes: "{lead_id}"')
    named = find_lead(file, lead_id)
    history = named.history
    with history:
        if history.clock != "time":
            raise UsageError("--what-if needs dates, and the data have none", fix="leave --what-if out")
        at = history.moment(read_as_of(as_of))
        sheets, plan = load_sheets(file), served.bundle.recipe.plan
        usual, unseen = _usual_events(file, plan)
        if not usual and not unseen:
            raise UsageError(
                "--what-if tries one more action, and this model uses no events",
                value=served.display_name,
                fix="leave --what-if out, or train on events",
            )
        with one_row(file, named, at) as one:
            before = score_leads(history, one, served.bundle, sheets)
            after: dict[str, ScoredLeads] = {}
            for action, event in usual.items():
                with _one_event_more(history, named.lead_id, at - _JUST_NOW, event):
                    after[action] = score_leads(history, one, served.bundle, sheets)
    tried = [_action(action, usual[action], before, scored) for action, scored in after.items()]
    tried.sort(key=lambda each: -abs(each.added))
    table, sheet = before.prediction.table.iloc[0], _sheet(before)
    return WhatIf(
        lead_id=named.lead_id,
        as_of=history.shown(at),
        version=served.display_name,
        alias=served.alias,
        probability=float(table["probability"]),
        score=float(table["score"]),
        shown=int(table["shown"]),
        rule_points=None if sheet is None else float(sheet["total"]),
        rule_stage=None if sheet is None else str(sheet["stage"]),
        actions=tuple(each for each in tried if each.added >= LEAST),
        little=tuple(each for each in tried if abs(each.added) < LEAST),
        lowering=tuple(each for each in tried if each.added <= -LEAST),
        unseen=tuple(unseen),
        notes=(*named.notes, *served.cautions),
    )


def _action(action: str, event: _Event, before: ScoredLeads, after: ScoredLeads) -> WhatIfAction:
    was, now = before.prediction.table.iloc[0], after.prediction.table.iloc[0]
    sheet_was, sheet_now = _sheet(before), _sheet(after)
    return WhatIfAction(
        action=action,
        event=event,
        probability=float(now["probability"]),
        score=float(now["score"]),
        shown=int(now["shown"]),
        added=float(now["score"] - was["score"]),
        rule_points_added=None
        if sheet_was is None or sheet_now is None
        else float(sheet_now["total"] - sheet_was["total"]),
        rule_stage=None if sheet_now is None else str(sheet_now["stage"]),
    )


def _sheet(scored: ScoredLeads) -> pd.Series | None:
    return None if scored.sheet is None else scored.sheet.iloc[0]


@contextmanager
def _one_event_more(history: History, lead_id: str, at: datetime, event: _Event) -> Iterator[None]:
    """While inside, the lead has this event too."""
    engine = history.engine
    literal, quote = engine.dialect.literal, engine.dialect.quote
    values = {"lead_id": lead_id, "occurred_at": at, "known_at": at, **event}
    row = ", ".join(f"{literal(value)} AS {quote(name)}" for name, value in values.items())
    engine.run(
        [
            Step("events_without", "SELECT * FROM events"),
            Step("events", f"SELECT * FROM events_without UNION ALL BY NAME SELECT {row}"),
        ]
    )
    try:
        yield
    finally:
        engine.run([Step("events", "SELECT * FROM events_without")])
        engine.drop("events_without")


def _usual_events(file: ProjectFile, plan: FeaturePlan) -> tuple[dict[str, _Event], list[str]]:
    """The most usual event of each behaviour that the plan counts, by its words; and the behaviours that have none.

    Usual among the leads of one part of the history: a hundred thousand of them say it as well as all.
    """
    # The most usual event of a type is mostly that of one of its values, which says more of it.
    keys = sorted((key for key in plan.keys if key.event_type is not None), key=lambda key: key.prop is None)
    if not keys:
        return {}, []
    with open_prepared(file).part(0) as history:
        engine, quote = history.engine, history.engine.dialect.quote
        assert isinstance(engine, DuckDBEngine)
        kinds = history.event_properties
        texts = [name for name, kind in kinds.items() if kind in ("category", "boolean")]
        numbers = [name for name, kind in kinds.items() if kind == "number"]
        groups = ", ".join(map(quote, ["event_type", *texts]))
        real = "retracted_at IS NULL" + (" AND machine IS NOT TRUE" if "machine" in kinds else "")
        medians = "".join(f", median({quote(name)}) AS {quote(name)}" for name in numbers)
        counted = engine.frame(
            f"""
            SELECT {groups}{medians}, count(*) AS _n
            FROM events
            WHERE {real}
            GROUP BY {groups}
            ORDER BY _n DESC, {groups}
            """
        )
    events: dict[str, _Event] = {}
    unseen = []
    for key in keys:
        event = _first(counted, key)
        if event is None:
            unseen.append(key.phrase)
        elif event not in events.values():
            events[key.phrase] = event
    return events, unseen


def _first(counted: pd.DataFrame, key: EventKey) -> _Event | None:
    rows = counted[counted["event_type"] == key.event_type]
    if key.prop is not None:
        rows = rows[rows[key.prop].map(_as_planned) == key.value]
    if rows.empty:
        return None
    row = rows.iloc[0].drop("_n")
    return {str(name): _plain(value) for name, value in row.items() if not pd.isna(value)}


def _as_planned(value: Any) -> str:
    """A property's value as the plan of the features writes it."""
    return str(value).lower() if pd.api.types.is_bool(value) else str(value)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value

"""What a night looks like: of the opened history in a few scans, of the scores part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from leadlens.features import FeatureColumn, History
from leadlens.features.plan import FeaturePlan
from leadlens.pipeline.dataset.scored_leads import ScoredLeads
from leadlens.pipeline.drift.histogram import FEWEST, Histogram
from leadlens.pipeline.drift.profile import Flow, Profile

_DAYS = 63
_SPANS = (2, 7)
_MAIN_FEATURES, _MOST_ATTRIBUTES = 30, 60
_MOST_TYPES = 100
_MOST_COLUMNS = 300
_NEW = timedelta(days=28)
_AGEING = ("age", "years")  # read from dates
_CAME_IN = {"leads": "created_at", "events": "known_at", "conversions": "converted_at"}


def data_profile(history: History, as_of: datetime) -> Profile:
    """What the data of a night look like. Two scans over the events, one over each other table."""
    engine, until = history.engine, min(as_of, history.data_end)
    tables = {name: engine.count(name) for name in ("leads", "accounts", "events", "conversions", "changes")}
    types, flows = _event_types(history, until)
    if history.clock == "time":
        flows |= {name: _flows(_by_day(history, name, until)) for name in ("leads", "conversions")}
    else:
        flows = {}
    return Profile(
        as_of=as_of,
        data_end=history.data_end,
        tables={name: rows for name, rows in tables.items() if rows or name in ("leads", "events")},
        kinds=_kinds(history),
        missing=_missing(history, until),
        flows=flows,
        types=types,
    )


def main_features(scored: ScoredLeads, plan: FeaturePlan) -> dict[str, Histogram]:
    """The features that move the scores of these rows most, and attributes, with bins made of their values."""
    steady = {item.name for item in plan.attributes if item.reading not in _AGEING}
    weights = scored.prediction.contributions.abs().mean().sort_values(ascending=False, kind="stable")
    columns: Mapping[str, FeatureColumn] = {column.name: column for column in scored.matrix.columns}
    main = [str(name) for name in weights.index if name in columns and weights[name] > 0][:_MAIN_FEATURES]
    # A sheet, or the next model, may use what this model does not.
    names = list(dict.fromkeys([*main, *sorted(steady & set(columns))[:_MOST_ATTRIBUTES]]))
    return {
        name: Histogram.of(
            scored.matrix.frame[name],
            label=columns[name].label,
            moves=name not in steady,
        )
        for name in names
    }


class ScoreTally:
    """Adds up what is scored part by part, in the bins of the model's reference."""

    def __init__(self, reference: Profile | None) -> None:
        self._bins = dict(reference.features) if reference else {}
        self.features: dict[str, Histogram] = {}
        self.grades: Counter[str] = Counter()
        self.leads = 0

    def count(self, scored: ScoredLeads) -> None:
        """Count the leads of one part."""
        self.leads += len(scored)
        self.grades.update(scored.prediction.table["grade"].dropna().tolist())
        for name, bins in self._bins.items():
            if name in scored.matrix.frame:
                self._add(name, bins.count(scored.matrix.frame[name]))

    def add(self, part: ScoreTally) -> None:
        """Add a part that was counted alone."""
        self.leads += part.leads
        self.grades.update(part.grades)
        for name, counted in part.features.items():
            self._add(name, counted)

    def _add(self, name: str, counted: Histogram) -> None:
        self.features[name] = self.features[name] + counted if name in self.features else counted


def _event_types(history: History, until: datetime) -> tuple[dict[str, int], dict[str, tuple[Flow, ...]]]:
    """Events per type, and lately; types of few leads are not told apart."""
    frame = _by_day(history, "events", until, "event_type, approx_count_distinct(lead_id) AS leads,")
    by_type = frame.groupby("event_type", dropna=True)
    # A lead is counted in each day that it has events in: the largest of the counts is a safe lower bound.
    sizes = by_type["rows"].sum()[by_type["leads"].max() >= FEWEST].sort_values(ascending=False)
    types = {str(name): int(count) for name, count in sizes.head(_MOST_TYPES).items()}
    total = int(frame["rows"].sum())
    flows = {"events": _flows(frame)} if total else {}
    flows |= {f"events of type {name!r}": _flows(frame[frame["event_type"] == name]) for name in types}
    if rest := total - sum(types.values()):
        types[""] = rest
    return types, flows


def _by_day(history: History, table: str, until: datetime, grouped: str = "") -> pd.DataFrame:
    """Rows per day that they came in, counted back from ``until``; -1 is all else."""
    literal, column = history.engine.dialect.literal, _CAME_IN[table]
    since, day = literal(until - timedelta(days=_DAYS)), 86_400_000_000
    ago = f"CAST(floor((epoch_us({literal(until)}) - epoch_us({column})) / {day}) AS INTEGER)"
    return history.engine.frame(
        f"""
        SELECT {grouped}
          CASE WHEN {column} > {since} AND {column} <= {literal(until)} THEN {ago} ELSE -1 END AS day,
          count(*) AS rows
        FROM {table}
        GROUP BY ALL
        """
    )


def _flows(frame: pd.DataFrame) -> tuple[Flow, ...]:
    by_day = frame.groupby("day")["rows"].sum()
    days = [int(by_day.get(day, 0)) for day in range(_DAYS)]
    flows = []
    for span in _SPANS:
        sums = [sum(days[first : first + span]) for first in range(0, _DAYS - span + 1, span)]
        flows.append(Flow(span, sums[0], sorted(sums[1:])[round(len(sums) / 10)]))
    return tuple(flows)


def _kinds(history: History) -> dict[str, str]:
    own = (
        ("leads", history.lead_attributes),
        ("accounts", history.account_attributes),
        ("events", history.event_properties),
    )
    every = {f"{table}.{name}": kind for table, kinds in own for name, kind in kinds.items()}
    return dict(list(every.items())[:_MOST_COLUMNS])


def _missing(history: History, until: datetime) -> dict[str, tuple[int, int]]:
    lately = history.engine.dialect.literal(until - _NEW)
    scopes = [
        ("leads", "leads", history.lead_attributes, "leads"),
        ("accounts", "accounts", history.account_attributes, "accounts"),
    ]
    if history.clock == "time":
        scopes.append(("new leads", "leads", history.lead_attributes, f"leads WHERE created_at > {lately}"))
        scopes.append(("events", "events", history.event_properties, f"events WHERE known_at > {lately}"))
    found: dict[str, tuple[int, int]] = {}
    for name, _, kinds, source in scopes:
        columns = list(kinds)[:_MOST_COLUMNS]
        if not columns:
            continue
        quoted = (
            f"count({history.engine.dialect.quote(column)}) AS c{n}" for n, column in enumerate(columns)
        )
        row = history.engine.frame(f"SELECT count(*) AS n, {', '.join(quoted)} FROM {source}").iloc[0]
        if row["n"]:
            found |= {
                f"{name}.{column}": (int(row["n"] - row[f"c{n}"]), int(row["n"]))
                for n, column in enumerate(columns)
            }
    return found

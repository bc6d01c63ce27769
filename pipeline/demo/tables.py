"""Turns a simulated world into the five contract tables, as a CRM would export them on the last day."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from leadlens.pipeline.demo.draws import Draws, Floats, Ints, pick
from leadlens.pipeline.demo.habits import Occurrences
from leadlens.pipeline.demo.outcomes import Ends
from leadlens.pipeline.demo.people import People, timestamps
from leadlens.pipeline.demo.spec import WANTED, Process, Response, WorldSpec

_DAY = 86_400.0
_DUPLICATES = 0.004
"""Share of the events that the export contains twice, under the same event_id."""


def conversion_table(spec: WorldSpec, people: People, ends: Ends, draws: Draws) -> pd.DataFrame:
    """One conversion per buyer, dated up to the end of the world."""
    buyer = np.flatnonzero(ends.converted < spec.days * _DAY)
    rng = draws.of("conversions")
    products = spec.outcome.products
    # Most buy the product they wanted, some another one.
    other = pick(rng, [product.weight for product in products], len(buyer))
    bought = np.where(rng.random(len(buyer)) < 0.8, people.wanted[buyer], other)
    value = np.array([product.value for product in products])[bought]
    value = np.round(value * np.exp(0.35 * rng.standard_normal(len(buyer))), 2)
    table = pd.DataFrame(
        {
            "lead_id": people.leads["lead_id"].iloc[buyer].reset_index(drop=True),
            "converted_at": timestamps(spec, ends.converted[buyer]),
            "kind": spec.outcome.kind,
            "product": np.array([product.name for product in products], dtype=object)[bought],
            "value": value,
        }
    )
    return table.sort_values(["converted_at", "lead_id"], ignore_index=True)


def lead_table(spec: WorldSpec, people: People, ends: Ends, draws: Draws) -> pd.DataFrame:
    """The leads with ``closed_at`` and the leaking column, which sales fill in after the sale."""
    leads, leak, end = people.leads.copy(), spec.leaking_attribute, spec.days * _DAY
    closed = ends.closed < end
    at = timestamps(spec, np.where(closed, ends.closed, 0.0)).where(closed)
    leads.insert(2, "closed_at", at)
    rng = draws.of("leaking attribute")
    filled = rng.random(len(leads)) < np.where(ends.converted < end, leak.filled, leak.noise)
    value = np.array(list(leak.values), dtype=object)[pick(rng, list(leak.values.values()), len(leads))]
    leads[leak.name] = pd.Series(value, dtype="str").where(filled)
    return leads.sort_values(["created_at", "lead_id"], ignore_index=True)


def event_table(
    spec: WorldSpec, people: People, happened: dict[str, Occurrences], ends: Ends, draws: Draws
) -> pd.DataFrame:
    """All events up to the end of the world, some late (``known_at``), a few twice, in order of time."""
    kinds: list[Process | Response] = [*spec.processes, *spec.responses]
    parts = [_part(spec, kind, people, happened[kind.name], ends, draws) for kind in kinds]
    parts.append(_leaking_part(spec, people, ends, draws))
    events = pd.concat(parts, ignore_index=True)
    end = pd.Timestamp(spec.start) + pd.Timedelta(days=spec.days)
    events = events[(events["occurred_at"] < end) & ~(events["known_at"] >= end)]
    events = events.sort_values(["occurred_at", "lead_id"], kind="stable", ignore_index=True)
    events.insert(0, "event_id", [f"E{number:07d}" for number in range(len(events))])
    twice = draws.of("duplicates").random(len(events)) < _DUPLICATES
    order = np.sort(np.concatenate([np.arange(len(events)), np.flatnonzero(twice)]))
    events = events.iloc[order].reset_index(drop=True)
    text = [str(name) for name in events if not str(name).endswith("_at")]
    return events.astype(dict.fromkeys(text, "str"))


def _part(
    spec: WorldSpec,
    kind: Process | Response,
    people: People,
    occurred: Occurrences,
    ends: Ends,
    draws: Draws,
) -> pd.DataFrame:
    rng = draws.of(f"table {kind.name}")
    alive = occurred.at < ends.first[occurred.lead]
    occurred = occurred.only(alive | (rng.random(len(alive)) < spec.outcome.lingers))
    size = len(occurred.lead)
    source = _root(spec, kind)
    columns = _frame(spec, people, occurred.lead, occurred.at, kind.event_type)
    known = np.full(size, np.nan)
    if isinstance(kind, Process):
        late = rng.random(size) < kind.late
        delay = 60 + rng.standard_exponential(size) * kind.late_hours * 3600.0
        known = np.where(late, occurred.at + delay, known)
        before = occurred.at < people.created[occurred.lead]
        known = np.where(before, people.created[occurred.lead], known)
    columns["known_at"] = timestamps(spec, np.nan_to_num(known)).where(~np.isnan(known))
    products = np.array([product.name for product in spec.outcome.products], dtype=object)
    for number, (name, weights) in enumerate(source.properties.items()):
        values = np.array(list(weights), dtype=object)[_by_token(occurred.token, number, weights)]
        columns[name] = np.where(values == WANTED, products[people.wanted[occurred.lead]], values)
    return columns


def _leaking_part(spec: WorldSpec, people: People, ends: Ends, draws: Draws) -> pd.DataFrame:
    """Backdated to the first contact, and without ``known_at``: nothing in the row reveals it."""
    leak, rng = spec.leaking_event, draws.of("leaking event")
    buyer = np.flatnonzero(ends.converted < spec.days * _DAY)
    buyer = buyer[rng.random(len(buyer)) < leak.share]
    at = people.created[buyer] + 60 + rng.random(len(buyer)) * leak.within_hours * 3600.0
    part = _frame(spec, people, buyer, np.minimum(at, ends.converted[buyer] - 60), leak.event_type)
    return part.assign(
        known_at=pd.Series(pd.NaT, index=part.index, dtype="datetime64[us]"), **leak.properties
    )


def _frame(spec: WorldSpec, people: People, lead: Ints, at: Floats, event_type: str) -> pd.DataFrame:
    lead_id = people.leads["lead_id"].iloc[lead].reset_index(drop=True)
    return pd.DataFrame({"lead_id": lead_id, "occurred_at": timestamps(spec, at), "event_type": event_type})


def _by_token(token: Floats, number: int, weights: Mapping[str, float]) -> Ints:
    """A property value by weight; the token's later digits decide the second property, and so on."""
    uniform = (token * 1_009.0**number) % 1.0
    cumulative = np.cumsum(list(weights.values()))
    chosen = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.asarray(np.minimum(chosen, len(weights) - 1), dtype=np.int64)


def _root(spec: WorldSpec, kind: Process | Response) -> Process:
    """The process whose properties an event has: an open has the campaign of the mail it responds to."""
    kinds: list[Process | Response] = [*spec.processes, *spec.responses]
    by_name = {each.name: each for each in kinds}
    while isinstance(kind, Response):
        kind = by_name[kind.to]
    return kind

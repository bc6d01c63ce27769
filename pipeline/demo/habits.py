"""What people do and receive: the processes of the spec, driven by persona, fit and intent, and the responses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadlens.models.statistics import expit, log_odds
from leadlens.pipeline.demo.draws import Bools, Draws, Floats, Ints, poisson_cells
from leadlens.pipeline.demo.people import People, times_of_day
from leadlens.pipeline.demo.spec import Process, Response, WorldSpec

_DAY = 86_400.0
_YEAR_DAYS = 365.25
_BEHIND_A_SCANNER = 0.3
"""A person's chance of responding to a mail that a bot opened, relative to one that the person opened."""


@dataclass(frozen=True)
class Occurrences:
    """The events of one process; one array position per event."""

    lead: Ints
    """Position of the lead."""
    at: Floats
    """Seconds since the start of the world."""
    day: Ints
    """Column of the intent matrix."""
    token: Floats
    """A uniform number that decides the properties; a response has that of the mail it responds to."""
    machine: Bools
    """Done by a mail scanner."""

    def only(self, keep: Bools | Ints) -> Occurrences:
        """These events, in this order."""
        return Occurrences(
            self.lead[keep], self.at[keep], self.day[keep], self.token[keep], self.machine[keep]
        )


def draw_habits(spec: WorldSpec, people: People, intent: Floats, draws: Draws) -> dict[str, Occurrences]:
    """Occurrences by process or response name, as if no lead ever converted or was closed."""
    weekday = _weekday_factor(spec, people, intent.shape[1])
    happened = {
        process.name: _process(spec, process, people, intent, weekday, draws) for process in spec.processes
    }
    for process in spec.processes:
        if process.stops:
            stop = np.full(len(people.fit), np.inf)
            np.minimum.at(stop, happened[process.name].lead, happened[process.name].at)
            for name in process.stops:
                happened[name] = happened[name].only(happened[name].at < stop[happened[name].lead])
    for response in spec.responses:
        happened[response.name] = _response(response, happened[response.to], people, intent, draws)
    return happened


def _process(
    spec: WorldSpec, process: Process, people: People, intent: Floats, weekday: Floats, draws: Draws
) -> Occurrences:
    rng = draws.of(f"process {process.name}")
    per_lead = np.array([kind.rates.get(process.name, 1.0) for kind in spec.personas])[people.persona]
    years = people.created / _DAY / _YEAR_DAYS
    per_lead = per_lead * process.per_week / 7.0 * np.exp(process.fit * people.fit + process.trend * years)
    start = 0 if process.anonymous else spec.discovery
    rate = weekday[:, start:] * per_lead[:, None]
    if process.intent:
        rate *= np.exp(process.intent * intent[:, start:])
    lead, day = poisson_cells(rng, rate)
    day += start
    midnight = np.floor(people.created / _DAY)[lead] + day - spec.discovery
    at = midnight * _DAY + times_of_day(spec, rng, len(lead))
    # A lead created at noon does nothing in the morning of that day.
    too_soon = (day == spec.discovery) & (at <= people.created[lead])
    at = np.where(too_soon, people.created[lead] + 60 + rng.standard_exponential(len(lead)) * 1200.0, at)

    begins = np.flatnonzero(rng.random(len(people.fit)) < process.at_start * (per_lead > 0))
    lead = np.concatenate([begins, lead])
    at = np.concatenate([people.created[begins], at])
    day = np.concatenate([np.full(len(begins), spec.discovery), day])
    occurred = Occurrences(lead, at, day, rng.random(len(lead)), np.zeros(len(lead), dtype=bool))
    occurred = occurred.only(np.lexsort([at, lead]))
    if process.once:
        _, first = np.unique(occurred.lead, return_index=True)
        occurred = occurred.only(first)
    return occurred


def _response(
    response: Response, parent: Occurrences, people: People, intent: Floats, draws: Draws
) -> Occurrences:
    rng = draws.of(f"response {response.name}")
    size = len(parent.lead)
    probability = expit(log_odds(response.chance) + response.intent * intent[parent.lead, parent.day])
    probability = probability * np.where(parent.machine, _BEHIND_A_SCANNER, 1.0)
    by_person = np.flatnonzero(rng.random(size) < probability)
    delay = 30 + rng.standard_exponential(size) * response.delay_hours * 3600.0
    scans = people.scanner[parent.lead] & (rng.random(size) < response.scanned)
    # A scanner responds to what was delivered, or to its own responses, never to those of a person.
    may_scan = parent.machine | ~np.any(parent.machine)
    by_machine = np.repeat(np.flatnonzero(scans & may_scan), response.scanner_repeats)
    seconds = 1.0 + np.floor(rng.random(len(by_machine)) * 20.0)
    source = np.concatenate([by_person, by_machine])
    at = np.concatenate([parent.at[by_person] + delay[by_person], parent.at[by_machine] + seconds])
    machine = np.arange(len(source)) >= len(by_person)
    moved = np.floor(at / _DAY) - np.floor(parent.at[source] / _DAY)
    day = np.minimum(parent.day[source] + moved.astype(np.int64), intent.shape[1] - 1)
    return Occurrences(parent.lead[source], at, day, parent.token[source], machine)


def _weekday_factor(spec: WorldSpec, people: People, days: int) -> Floats:
    first = np.floor(people.created / _DAY).astype(np.int64) + spec.start.weekday() - spec.discovery
    weekday = (first[:, None] + np.arange(days)) % 7
    factor = np.array(spec.seasonality.weekdays)
    return np.asarray((factor / factor.mean())[weekday])

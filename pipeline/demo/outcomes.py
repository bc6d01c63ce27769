"""Who buys, who is lost, and when: competing daily hazards of fit, intent and past activity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadlens.pipeline.demo.draws import Draws, Floats
from leadlens.pipeline.demo.habits import Occurrences
from leadlens.pipeline.demo.people import People, times_of_day
from leadlens.pipeline.demo.spec import Process, WorldSpec

_DAY = 86_400.0
_YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Ends:
    """Seconds since the start of the world per lead; infinity where it never happens."""

    converted: Floats
    closed: Floats

    @property
    def first(self) -> Floats:
        """The end of the lead, either way."""
        return np.minimum(self.converted, self.closed)


def draw_ends(
    spec: WorldSpec, people: People, intent: Floats, happened: dict[str, Occurrences], draws: Draws
) -> Ends:
    """The earlier of conversion and loss; a lead that outlives ``spec.follow`` days is closed."""
    outcome, size = spec.outcome, len(people.fit)
    want = intent[:, spec.discovery + 1 :]
    years = people.created / _DAY / _YEAR_DAYS
    lead_part = np.log(outcome.per_day) + outcome.fit * people.fit + outcome.trend * years
    done = np.zeros_like(want)
    for process in spec.processes:
        if process.boost:
            done += _boost(process, happened[process.name], intent.shape)[:, spec.discovery + 1 :]
    converted = _first_day(np.exp(lead_part[:, None] + outcome.intent * want + done), draws, "converted")

    persona_lost = np.array([kind.lost for kind in spec.personas])[people.persona]
    lost = np.exp(np.log(outcome.lost_per_day) + persona_lost[:, None] + outcome.lost_intent * want)
    closed = np.minimum(_first_day(lost, draws, "lost"), spec.follow)

    midnight = np.floor(people.created / _DAY)
    hours = draws.of("end of life")
    converted_at = (midnight + converted) * _DAY + times_of_day(spec, hours, size)
    closed_at = (midnight + closed) * _DAY + times_of_day(spec, hours, size)
    bought = converted_at < closed_at
    return Ends(np.where(bought, converted_at, np.inf), np.where(bought, np.inf, closed_at))


def _boost(process: Process, occurred: Occurrences, shape: tuple[int, int]) -> Floats:
    """What events of earlier days add to the log hazard: full after one event, then decaying, never accumulating."""
    on_day = np.zeros(shape, dtype=bool)
    on_day[occurred.lead, occurred.day] = True
    keep = 0.5 ** (1.0 / process.half_life)
    level = np.zeros(shape[0])
    boost = np.empty((shape[1], shape[0]))
    for day in range(shape[1]):
        boost[day] = level
        level = np.where(on_day[:, day], 1.0, level * keep)
    return np.ascontiguousarray(boost.T) * process.boost


def _first_day(hazard: Floats, draws: Draws, purpose: str) -> Floats:
    """The day after creation on which a hazard first strikes; infinity if it never does."""
    budget = draws.of(purpose).standard_exponential(len(hazard))
    reached = np.cumsum(hazard, axis=1) > budget[:, None]
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)

"""The latent intent: how much each person wants to buy on each day. The CRM never sees it."""

from __future__ import annotations

import numpy as np

from leadlens.pipeline.demo.draws import Draws, Floats
from leadlens.pipeline.demo.people import People
from leadlens.pipeline.demo.spec import WorldSpec

_SECONDS = 86_400.0


def draw_intent(spec: WorldSpec, people: People, draws: Draws) -> Floats:
    """Intent by lead and day, shape ``(leads, discovery + follow)``; column ``discovery`` is the day created."""
    interest, size, days = spec.interest, len(people.fit), spec.discovery + spec.follow
    uniform = draws.of("interest").random((days, size))
    tempo = np.exp(0.5 * people.keen)
    warm = draws.of("warm at start").random(size) < interest.warm_start
    first_day = np.floor(people.created / _SECONDS) - spec.discovery
    intent = np.empty((days, size))
    level = np.where(warm, interest.warmth, 0.0)
    for day in range(days):
        flips = uniform[day] < np.where(warm, interest.fall / tempo, interest.rise * tempo)
        warm = warm ^ flips
        since_project = first_day + day - people.project_start
        in_project = (since_project >= 0) & (since_project < interest.project_days)
        goal = interest.warmth * warm + interest.project_warmth * in_project
        level = interest.inertia * level + (1.0 - interest.inertia) * goal
        intent[day] = level
    return np.ascontiguousarray(intent.T) + interest.keenness * people.keen[:, None] - interest.warmth / 2

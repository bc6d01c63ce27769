"""Draws attributes from their spec, with their effect on the latent fit and the delay until the CRM knows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadlens.pipeline.demo.draws import Draws, Floats, Ints, pick
from leadlens.pipeline.demo.spec import Amount, Choice, Persona

LEARNED_LATE_DAYS = 20.0
"""Mean delay of a value that is not known at the start."""


@dataclass(frozen=True)
class Drawn:
    """Columns by name, their total fit per entity, and per late attribute the days until it is known."""

    columns: dict[str, pd.Series]
    fit: Floats
    late_days: dict[str, Floats]
    """NaN where the value is known from the start."""


def draw_attributes(
    attributes: tuple[Choice | Amount, ...],
    years: Floats,
    draws: Draws,
    personas: tuple[Persona, ...] = (),
    persona: Ints | None = None,
) -> Drawn:
    """Draw every attribute for ``len(years)`` entities; ``years`` is when each is created, for the drift."""
    size = len(years)
    drawn = Drawn({}, np.zeros(size), {})
    for attribute in attributes:
        rng = draws.of(f"attribute {attribute.name}")
        missing = rng.random(size) < attribute.missing
        late = rng.random(size) < attribute.late
        wait = rng.standard_exponential(size) * LEARNED_LATE_DAYS
        if isinstance(attribute, Choice):
            columns, fit = _choice(attribute, years, rng, personas, persona)
        else:
            columns, fit = _amount(attribute, size, rng)
        drawn.fit[:] += fit
        for name, values in columns.items():
            drawn.columns[name] = values.mask(missing)
        if attribute.late:
            drawn.late_days[attribute.name] = np.where(late & ~missing, wait, np.nan)
    return drawn


def _choice(
    attribute: Choice,
    years: Floats,
    rng: np.random.Generator,
    personas: tuple[Persona, ...],
    persona: Ints | None,
) -> tuple[dict[str, pd.Series], Floats]:
    weight = np.array([level.weight for level in attribute.levels])
    trend = np.array([level.trend for level in attribute.levels])
    weights = weight * np.exp(np.outer(years, trend))
    for number, kind in enumerate(personas):
        if persona is not None and attribute.name in kind.values:
            own = kind.values[attribute.name]
            weights[persona == number] = [own.get(level.value, 0.0) for level in attribute.levels]
    index = pick(rng, weights, len(years))
    columns = {attribute.name: _values_at([level.value for level in attribute.levels], index)}
    for name in dict.fromkeys(name for level in attribute.levels for name in level.sets):
        columns[name] = _values_at([level.sets.get(name) for level in attribute.levels], index)
    return columns, np.array([level.fit for level in attribute.levels])[index]


def _amount(attribute: Amount, size: int, rng: np.random.Generator) -> tuple[dict[str, pd.Series], Floats]:
    value = attribute.median * np.exp(attribute.spread * rng.standard_normal(size))
    value = np.clip(np.round(value / attribute.step) * attribute.step, attribute.low, attribute.high)
    corners, effects = zip(*attribute.fit, strict=True)
    return {attribute.name: pd.Series(value)}, np.interp(value, corners, effects)


def _values_at(values: list[str | None], index: Ints) -> pd.Series:
    return pd.Series(np.array(values, dtype=object)[index], dtype="str")

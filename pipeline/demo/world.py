"""``simulate`` a demo world into contract tables plus its ground truth; ``write_world`` puts both on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from leadlens.features.errors import UsageError
from leadlens.pipeline.demo.b2b_software import B2B_SOFTWARE
from leadlens.pipeline.demo.car_dealer import CAR_DEALER
from leadlens.pipeline.demo.draws import Draws
from leadlens.pipeline.demo.habits import draw_habits
from leadlens.pipeline.demo.interest import draw_intent
from leadlens.pipeline.demo.outcomes import draw_ends
from leadlens.pipeline.demo.people import draw_people
from leadlens.pipeline.demo.spec import WorldSpec
from leadlens.pipeline.demo.tables import conversion_table, event_table, lead_table

WORLDS: Mapping[str, WorldSpec] = {spec.name: spec for spec in (B2B_SOFTWARE, CAR_DEALER)}
"""The worlds by name."""


@dataclass(frozen=True)
class World:
    """A simulated history.

    ``tables`` holds ``leads``, ``accounts``, ``events``, ``conversions`` and ``changes`` in contract form;
    ``truth`` is JSON-ready: what drives conversion, a verdict on every hand-written rule, the planted leaks.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, Any]


def simulate(world: str, seed: int = 7, leads: int | None = None) -> World:
    """Simulate one of ``WORLDS``; the same seed and size give the same frames on every machine.

    Parameters
    ----------
    world : ``"b2b_software"`` or ``"car_dealer"``.
    seed : any non-negative whole number.
    leads : how many leads; by default the world's own number.

    Raises
    ------
    UsageError : an unknown world, a negative seed, less than one lead.

    >>> simulate("car_dealer", leads=50).tables["leads"].shape[0]
    50
    """
    if world not in WORLDS:
        raise UsageError("there is no such demo world", value=world, known=WORLDS, fix=_choices())
    spec = WORLDS[world]
    size = spec.leads if leads is None else leads
    if size < 1:
        raise UsageError("a world needs at least one lead", value=size)
    if seed < 0:
        raise UsageError("a seed must not be negative", value=seed)
    draws = Draws(seed)
    people = draw_people(spec, size, draws)
    intent = draw_intent(spec, people, draws)
    happened = draw_habits(spec, people, intent, draws)
    ends = draw_ends(spec, people, intent, happened, draws)
    tables = {
        "leads": lead_table(spec, people, ends, draws),
        "accounts": people.accounts,
        "events": event_table(spec, people, happened, ends, draws),
        "conversions": conversion_table(spec, people, ends, draws),
        "changes": people.changes,
    }
    return World(tables, _truth(spec, seed, tables))


def write_world(world: World, directory: str | Path) -> dict[str, Path]:
    """Write each table as ``<name>.parquet`` and the ground truth as ``truth.json``; returns the paths."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {name: directory / f"{name}.parquet" for name in world.tables}
    for name, path in paths.items():
        world.tables[name].to_parquet(path, index=False)
    paths["truth"] = directory / "truth.json"
    text = json.dumps(world.truth, indent=2, ensure_ascii=False)
    paths["truth"].write_text(text + "\n", encoding="utf-8")
    return paths


def _truth(spec: WorldSpec, seed: int, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    leads = len(tables["leads"])
    return {
        "world": spec.name,
        "about": spec.about,
        "seed": seed,
        "leads": leads,
        "conversion_rate": round(len(tables["conversions"]) / leads, 4),
        "drivers": [asdict(driver) for driver in spec.drivers],
        "rules": [asdict(verdict) for verdict in spec.verdicts],
        "leaks": {
            "attribute": spec.leaking_attribute.name,
            "event_type": spec.leaking_event.event_type,
        },
    }


def _choices() -> str:
    return "choose " + " or ".join(WORLDS)

"""Every probe is registered, fires where it should, and is silent on similar data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from leadlens.pipeline.audit import PROBES, AuditData, probes
from leadlens.pipeline.audit.evidence import Evidence, Subject, flag
from leadlens.pipeline.audit.registry import Probe, probe
from tests.pipeline.audit_cases import CASES, Cases, data, leads

FIRES = [(code, *case) for code, cases in CASES.items() for case in cases.fires]
SILENT = [(code, make) for code, cases in CASES.items() for make in cases.silent]


@pytest.mark.parametrize(("code", "make", "subject", "strength"), FIRES)
def test_a_probe_fires(code: str, make: Callable[[], AuditData], subject: Subject, strength: str) -> None:
    evidence = list(PROBES[code].run(make()))

    assert [(item.probe, item.subject, item.strength) for item in evidence] == [(code, subject, strength)]
    assert evidence[0].message


@pytest.mark.parametrize(("code", "make"), SILENT)
def test_a_probe_is_silent(code: str, make: Callable[[], AuditData]) -> None:
    assert not list(PROBES[code].run(make()))


def complaints(
    modules: Iterable[ModuleType], registry: Mapping[str, Probe], cases: Mapping[str, Cases]
) -> list[str]:
    """What is not wired: functions that nobody registered, probes without a case either way."""
    registered = {entry.run for entry in registry.values()}
    found = [
        f"{name} is defined but not registered"
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_") and function not in registered
    ]
    found += [f"{code}: no case fires" for code in registry if not (code in cases and cases[code].fires)]
    found += [f"{code}: no case is silent" for code in registry if not (code in cases and cases[code].silent)]
    return found + [f"{code} is not registered" for code in cases if code not in registry]


def _modules() -> list[ModuleType]:
    return [getattr(probes, name) for name in probes.__all__ if name != "PROBES"]


def test_every_probe_is_wired() -> None:
    files = {path.stem for path in Path(probes.__file__).parent.glob("*.py")} - {"__init__"}

    assert set(probes.__all__) - {"PROBES"} == files, "a file of probes is not imported"
    assert complaints(_modules(), PROBES, CASES) == []


def test_a_probe_that_is_not_wired_is_noticed() -> None:
    def idle(_facts: AuditData) -> list[Evidence]:
        return []

    module = ModuleType("somewhere")
    idle.__module__ = "somewhere"
    module.idle = idle  # type: ignore[attr-defined]

    assert complaints([module], {}, {}) == ["idle is defined but not registered"]
    assert complaints([], {"idle": Probe("idle", "nothing", idle)}, {}) == [
        "idle: no case fires",
        "idle: no case is silent",
    ]
    assert complaints([], {}, {"gone": Cases((), ())}) == ["gone is not registered"]


def test_a_code_is_given_once() -> None:
    with pytest.raises(ValueError, match="two probes have the code"):
        probe("filled-in-bulk", "the same again")(lambda _facts: [])


def test_each_probe_says_in_a_sentence_what_it_looks_for() -> None:
    for entry in PROBES.values():
        assert entry.looks_for.endswith(".")
        assert entry.code == entry.code.lower().replace(" ", "-")


@pytest.mark.parametrize("hits", [0, 5])
def test_without_conversions_no_column_is_flagged(hits: int) -> None:
    found = leads(400)
    found["converted"] = np.arange(400) < hits
    column = Subject("lead", "outcome")
    seen = AuditData(
        leads=found, columns={column: found["converted"].astype(str)}, kinds={column: "category"}
    )

    assert not [item for entry in PROBES.values() for item in entry.run(seen) if item.strength != "note"]


def test_one_proof_or_two_probes_prove() -> None:
    def verdict(*evidence: tuple[str, str]) -> str:
        subject = Subject("lead", "a")
        return flag([Evidence(code, subject, strength, "") for code, strength in evidence])[0].verdict  # type: ignore[arg-type]

    assert verdict(("a", "proof")) == "proven"
    assert verdict(("a", "strong"), ("b", "weak")) == "proven"
    assert verdict(("a", "strong"), ("a", "weak")) == "suspect"
    assert verdict(("a", "weak"), ("b", "weak")) == "suspect"
    assert verdict(("a", "weak"), ("b", "note")) == "noted"


def test_random_plausible_columns_are_not_flagged() -> None:
    """Thirty worlds of optional fields, strong numbers, good and bad groups, at rates from 2 % to 60 %."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rate = float(rng.choice([0.02, 0.05, 0.1, 0.3, 0.6]))
        world = plausible_world(rng, rate)
        found = [item for entry in PROBES.values() if not entry.late for item in entry.run(world)]
        assert not [str(item.subject) for item in flag(found) if item.suspected], (seed, rate)


def plausible_world(rng: np.random.Generator, rate: float) -> AuditData:
    """Columns that influence the odds as legitimate ones do, and outcomes drawn from them."""
    count = int(rng.integers(1500, 6000))
    fit = rng.standard_normal(count)
    group = rng.choice(6, count, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    effects = rng.normal(0.0, 1.2, 6)
    odds = 1.2 * fit + effects[group]
    level = np.quantile(odds + rng.logistic(size=count), 1 - rate)
    converted = odds + rng.logistic(size=count) > level
    found = leads(count)
    found["converted"] = converted
    late = np.arange(count) > count / 2
    known = 1 / (1 + np.exp(-(fit + rng.normal(0.0, 1.0, count))))
    made = {
        "fit": (pd.Series(fit + rng.standard_normal(count) * 0.5), "number"),
        "group": (pd.Series(group.astype(str)), "category"),
        "optional": (pd.Series(fit).where(rng.random(count) < known), "number"),
        "rarely_given": (pd.Series("x", index=range(count)).where(rng.random(count) < 0.02 + 0.1 * (fit > 1)), "category"),
        "new_field": (pd.Series(group.astype(str)).where(late), "category"),
        "id": (pd.Series([f"i{n}" for n in range(count)]), "category"),
        "noise": (pd.Series(rng.standard_normal(count)), "number"),
        "joined": (pd.Series(found["created_at"].to_numpy() - pd.to_timedelta(rng.integers(1, 900, count), unit="D")), "time"),
    }  # fmt: skip
    subjects = {Subject("lead", name): pair for name, pair in made.items()}
    return AuditData(
        leads=found,
        columns={subject: values.set_axis(found.index) for subject, (values, _) in subjects.items()},
        kinds={subject: kind for subject, (_, kind) in subjects.items()},  # type: ignore[misc]
        data_end=pd.Timestamp("2026-01-01"),
    )


def test_a_leak_planted_in_an_plausible_world_is_found() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        world = plausible_world(rng, 0.08)
        planted = Subject("lead", "planted")
        values = pd.Series("x", index=world.leads.index).where(
            rng.random(len(world.leads)) < np.where(world.converted, 0.9, 0.005)
        )
        seen = AuditData(
            leads=world.leads,
            columns={**world.columns, planted: values},
            kinds={**world.kinds, planted: "category"},
        )
        found = [item for entry in PROBES.values() if not entry.late for item in entry.run(seen)]
        assert [str(item.subject) for item in flag(found) if item.suspected] == ["leads.planted"], seed


def test_columns_of_the_changes_table_are_trusted_to_their_history() -> None:
    """A name is no reason to suspect what `changes` dates."""
    seen = data(
        lambda found, rng: rng.standard_normal(len(found)) + found["converted"], "lead_status", "number"
    )
    changed = replace(seen, changed=frozenset(seen.columns))

    assert list(PROBES["named-after-the-fact"].run(seen))
    assert not list(PROBES["named-after-the-fact"].run(changed))

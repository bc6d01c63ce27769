"""A quick look before training: one in a hundred finds signal where there is none, and when a lead came is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from leadlens.models.data_checks import quick_look as module
from leadlens.models.data_checks.quick_look import QuickLook, quick_look
from leadlens.models.data_checks.readiness import judge_readiness
from leadlens.models.judging.signal import time_strata
from leadlens.models.statistics import expit


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As `check` has it: the matrices are small, and threads mostly wait for each other."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def rows_of(
    rng: np.random.Generator, leads: int, effect: float, ages: int = 3, columns: int = 6
) -> dict[str, Any]:
    """Leads with a row at each of several ages; the label is the lead's own, so that its rows are alike."""
    lead = np.repeat(np.arange(leads), ages)
    traits = np.repeat(rng.normal(size=(leads, columns)), ages, axis=0)
    won = np.repeat(rng.random(leads) < expit(effect * traits[::ages, 0] - 1.5), ages)
    frame = pd.DataFrame(traits, columns=[f"trait {number}" for number in range(columns)])
    frame["city"] = np.repeat(rng.choice(["Bern", "Rome", "Oslo"], leads), ages)
    age = np.tile(np.arange(ages), leads)
    label = pd.Series(won.astype(int)) * (rng.random(len(lead)) < 0.9)
    return {"frame": frame, "label": label, "lead": lead, "as_of": lead + age, "stratum": age}


def looked(**rows: Any) -> QuickLook:
    found = quick_look(**rows)
    assert found is not None
    return found


def test_without_signal_one_look_in_a_hundred_finds_some() -> None:
    """Cross-validated margins of the same model, or rows taken as independent, would find it many times as often."""
    rng = np.random.default_rng(0)
    looks = [looked(**rows_of(rng, 240, effect=0.0, columns=3), seed=seed) for seed in range(150)]
    assert np.mean([look.found for look in looks]) <= 0.03
    z = np.array([look.ranking.z for look in looks])
    assert abs(z.mean()) < 0.25
    assert z.std() == pytest.approx(1, abs=0.2)


def test_signal_is_found_on_leads_that_were_not_learned_from() -> None:
    rows = rows_of(np.random.default_rng(1), 600, effect=1.0)
    look = looked(**rows)
    assert look.found
    assert look.ranking.leads == 300, "half of them"
    assert look.message.startswith(
        "a quick look finds signal: a small model ranks 300 leads that it did not learn from better than chance (ROC AUC 0."
    )
    assert looked(**rows) == look, "the same look at the same rows"


def test_labels_dealt_anew_are_said_without_claiming_that_there_is_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = rows_of(rng, 1_500, effect=1.0)
    dealt = rows["label"].to_numpy().reshape(-1, 3)[rng.permutation(1_500)].ravel()
    look = looked(**rows | {"label": pd.Series(dealt)})
    assert not look.found
    assert look.ranking.enough
    assert look.message.startswith("no signal found in this quick look: a small model ranks 750 leads")
    assert "eight times in ten" in look.message
    assert "training looks longer and may find some" in look.message


def test_few_conversions_are_not_called_no_signal() -> None:
    rows = rows_of(np.random.default_rng(3), 120, effect=0.0)
    look = looked(**rows)
    assert not look.found
    assert not look.ranking.enough
    assert "so few leads show little" in look.message
    assert "outcome and data belong together" not in look.message


@pytest.mark.parametrize("label", [0, 1])
def test_where_either_half_has_fewer_than_ten_there_is_no_look(label: int) -> None:
    rows = rows_of(np.random.default_rng(4), 100, effect=0.0, ages=1)
    rows["label"] = pd.Series(np.where(np.arange(100) < 15, 1 - label, label))
    assert quick_look(**rows) is None
    nothing = {"frame": rows["frame"].iloc[:0], "label": rows["label"].iloc[:0]}
    assert quick_look(**nothing, lead=[], as_of=[], stratum=[]) is None


def seasons(leads: int = 2_000) -> dict[str, Any]:
    """Which of two campaigns runs changes nine times, and the conversion rate with it; nothing else tells anything."""
    rng = np.random.default_rng(5)
    season = np.arange(leads) * 10 // leads % 2
    label = pd.Series((rng.random(leads) < np.where(season, 0.5, 0.1)).astype(int))
    frame = pd.DataFrame({"campaign": np.where(season, "spring", "autumn"), "noise": rng.normal(size=leads)})
    return {"frame": frame, "label": label, "lead": np.arange(leads)}


def test_knowing_when_a_lead_came_is_no_signal() -> None:
    rows = seasons()
    assert looked(**rows).found, "where no order is known it cannot be told from any other"
    assert not looked(**rows, as_of=np.arange(2_000)).found


def test_a_time_proxy_is_left_out_as_in_training() -> None:
    rng = np.random.default_rng(6)
    came = np.arange(2_000)
    label = pd.Series((rng.random(2_000) < came / 2_000).astype(int))
    frame = pd.DataFrame({"lead_number": came.astype(float)})
    look = looked(frame=frame, label=label, lead=came, as_of=came)
    assert not look.found
    assert look.ranking.roc_auc == 0.5


def test_many_rows_are_drawn_by_lead_and_those_that_converted_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROWS", 600)
    monkeypatch.setattr(module, "_FEWEST_ROWS", 600)
    rng = np.random.default_rng(7)
    rows = rows_of(rng, 3_000, effect=1.5)
    rare = np.repeat(rng.random(3_000) < 0.1, 3)
    rows["label"] *= rare
    look = looked(**rows)
    assert look.found
    assert look.ranking.rows <= 301
    assert look.ranking.rows == 3 * look.ranking.leads, "all rows of a lead, or none"
    assert look.ranking.converted_leads > 25, "drawn evenly there were about four"


def test_tenths_keep_equal_times_together() -> None:
    times = pd.to_datetime(["2024-01-01"] * 30 + ["2024-03-01"] * 50 + ["2024-05-01"] * 20)
    assert len(np.unique(time_strata(times))) == 3
    assert len(np.unique(time_strata(np.zeros(7)))) == 1
    assert len(np.unique(time_strata(np.arange(1_000)))) == 10
    assert len(np.unique(time_strata(np.arange(1_000), np.arange(1_000) % 3))) == 30


def test_data_without_signal_are_usable_at_best() -> None:
    now = pd.Timestamp("2026-01-01").to_pydatetime()
    plenty: dict[str, Any] = {
        "leads": 9_000,
        "conversions": 900,
        "first": pd.Timestamp("2024-01-01").to_pydatetime(),
        "data_end": now,
        "horizon": pd.Timedelta(days=30).to_pytimedelta(),
        "now": now,
    }
    rows = rows_of(np.random.default_rng(8), 900, effect=1.0)
    assert judge_readiness(**plenty, look=looked(**rows)).level == "ready"
    dealt = rows | {"label": rows["label"].sample(frac=1, random_state=0, ignore_index=True)}
    readiness = judge_readiness(**plenty, look=looked(**dealt))
    assert readiness.level == "usable"
    assert [reason.code for reason in readiness.reasons] == ["no-signal"]

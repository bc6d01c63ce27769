"""What is told from chance: right error rates by lead, nothing for knowing age, and words for what few rows can show."""

from __future__ import annotations

import numpy as np
import pytest

from leadlens.models.judging.signal import measure_signal, ranking_test
from leadlens.models.statistics import expit, roc_auc


def rows_of(
    rng: np.random.Generator, leads: int, effect: float, ages: int = 3, rate: float = -2.0
) -> dict[str, np.ndarray]:
    """Leads with up to ``ages`` rows, whose trait drives both score and outcome; older rows convert less."""
    lead = np.repeat(np.arange(leads), ages)
    age = np.tile(np.arange(ages), leads)
    trait = np.repeat(rng.normal(size=leads), ages)
    frailty = np.repeat(rng.normal(size=leads), ages)  # the rows of a lead share more than the score knows
    label = (rng.random(leads * ages) < expit(rate - 0.8 * age + effect * trait + 2 * frailty)).astype(float)
    return {"label": label, "score": trait - 0.8 * age, "lead": lead, "stratum": age}


def test_without_signal_one_ranking_in_a_hundred_passes() -> None:
    """Many rows per lead, which are alike: as independent rows they would pass far too often."""
    rng = np.random.default_rng(0)
    found = [rows_of(rng, 120, effect=0.0) for _ in range(500)]
    by_lead = np.mean([ranking_test(**rows).found for rows in found])
    as_if_independent = np.mean(
        [ranking_test(**{**rows, "lead": np.arange(len(rows["lead"]))}).found for rows in found]
    )
    assert by_lead <= 0.02
    assert np.mean([ranking_test(**rows).p < 0.05 for rows in found]) == pytest.approx(0.05, abs=0.025)
    assert as_if_independent > 2 * max(by_lead, 0.01)


def test_knowing_how_old_a_lead_is_proves_nothing() -> None:
    rows = rows_of(np.random.default_rng(1), 800, effect=0.0)
    pooled = ranking_test(rows["label"], rows["score"], rows["lead"])
    assert pooled.found, "over all ages the ranking is better than chance"
    assert not ranking_test(**rows).found, "among leads of one age it is not"


def test_a_ranking_with_signal_is_found_as_often_as_promised() -> None:
    rng = np.random.default_rng(2)
    tests = [ranking_test(**rows_of(rng, 200, effect=0.9)) for _ in range(100)]
    reached = np.mean([test.roc_auc for test in tests])
    promised = np.mean([test.detectable for test in tests])
    found = np.mean([test.found for test in tests])
    assert (found > 0.8) == (reached > promised) or abs(reached - promised) < 0.01
    assert abs(found - 0.8) < 0.2, "the effect was chosen near what is detectable"


def test_with_one_stratum_it_is_the_roc_auc() -> None:
    rows = rows_of(np.random.default_rng(3), 300, effect=1.0, ages=1)
    test = ranking_test(rows["label"], rows["score"], rows["lead"])
    assert test.roc_auc == pytest.approx(roc_auc(rows["label"], rows["score"]), abs=1e-12)
    assert (test.rows, test.leads, test.conversions) == (300, 300, int(rows["label"].sum()))


@pytest.mark.parametrize("label", [np.zeros(40), np.ones(40)])
def test_one_outcome_shows_nothing(label: np.ndarray) -> None:
    test = ranking_test(label, np.arange(40), np.arange(40))
    assert (test.roc_auc, test.p, test.detectable, test.found) == (0.5, 0.5, 1.0, False)


def signal(effect: float, leads: int, overconfident: float = 1.0):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    score = rng.normal(size=leads)
    label = rng.random(leads) < expit(effect * score - 2)
    return measure_signal(
        label, expit(overconfident * effect * score - 2), base_rate=float(label.mean()), lead=np.arange(leads)
    )


def test_the_verdict_says_which_of_three_things_is_lacking() -> None:
    good, nothing, few = signal(1.0, 2000), signal(0.0, 2000), signal(0.6, 60)
    assert good.learned
    assert good.interval[0] > 0
    assert not nothing.learned
    assert "learned nothing" in nothing.verdict
    assert not few.learned
    assert "too few conversions" in few.verdict, "not: no signal"
    assert few.ranking.power.startswith(f"{few.ranking.conversions} conversions")
    boastful = signal(1.0, 2000, overconfident=6.0)
    assert boastful.ranking.found
    assert not boastful.learned
    assert "probabilities" in boastful.verdict
    for each in (good, nothing, few, boastful):
        assert each.to_dict()["learned"] is each.learned

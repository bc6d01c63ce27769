"""A sheet that misleads on the latest rows is left out of the model and named; one that helps stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.sheet_check import World, world
from leadlens.models import sheet_check
from leadlens.models.folds import Fold, make_folds
from leadlens.models.learners.encoding import Encoding
from leadlens.models.rows import Rows
from leadlens.models.sheet_check import SheetCheck, check_sheet
from leadlens.models.training import TrainedModel, TrainSettings, train_model

ROWS = 2000


def trained(case: World) -> TrainedModel:
    settings = TrainSettings(trials=1, drop_time_proxies=False, n_jobs=1)
    return train_model(
        case.frame, case.label, as_of=case.time, rule_points=case.points, settings=settings, seed=1
    )


def as_rows(case: World) -> Rows:
    encoding = Encoding.of(case.frame)
    return Rows(
        encoding=encoding,
        matrix=encoding.encode(case.frame),
        y=case.label,
        time=case.time,
        signs=[0] * len(encoding.names),
        points=case.points.to_numpy()[:, None],
        names=("points",),
    )


@pytest.mark.parametrize("kind", ["reversed", "scrambled"])
def test_a_sheet_that_was_right_once_is_left_out_and_named(kind: str) -> None:
    case = world(kind, ROWS, seed=1)
    result = trained(case)
    assert result.sheet is not None
    assert result.sheet.left_out
    assert result.model.sheet is None
    assert result.model.rule_names == ()
    assert result.model.about["sheet"] == result.sheet.to_dict()
    assert result.sheet.message is not None
    assert f"{result.sheet.cost:.4f} of log loss" in result.sheet.message
    assert result.tuned is not None
    assert result.tuned.sheet_value is None
    # Points go on being given by those who do not know: they change nothing.
    scored = result.model.log_odds(case.frame, case.points)
    np.testing.assert_array_equal(scored, result.model.log_odds(case.frame))
    explained = result.model.explain(case.frame, case.points)
    assert "points" not in explained.contributions


def test_a_sheet_that_knows_what_no_feature_says_stays() -> None:
    result = trained(world("private", ROWS, seed=1))
    assert result.sheet is not None
    assert result.sheet.cost < -0.01
    assert not result.sheet.left_out
    assert result.sheet.message is None
    assert result.model.rule_names == ("points",)


def test_the_latest_folds_decide_and_not_the_early_ones() -> None:
    """The sheet was right for 70 % of the time: the folds together say that it helps, the last two that it does not."""
    case = world("private", ROWS, seed=2)
    turned = case.points.where(case.time < np.quantile(case.time, 0.7), -case.points)
    rows = as_rows(case._replace(points=turned))
    folds = make_folds(case.label, case.time)
    asked = {
        timed: check_sheet(each, folds, seed=0, n_jobs=1)
        for timed, each in ((True, rows), (False, replace(rows, time=None)))
    }
    assert asked[True].left_out
    assert asked[True].cost > asked[False].cost + 0.01


def test_rows_of_one_lead_are_one_piece_of_evidence() -> None:
    case = world("private", 800, seed=3)
    twice = as_rows(case).take(np.repeat(np.arange(800), 2))
    folds = [Fold(np.arange(800), np.arange(800, 1600))]
    alone = check_sheet(twice, folds, seed=0, n_jobs=1)
    together = check_sheet(twice, folds, np.arange(1600) // 2, seed=0, n_jobs=1)
    assert together.cost == alone.cost
    assert together.error == pytest.approx(alone.error * np.sqrt(2))


def test_a_row_of_weight_three_is_three_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    case = world("private", 400, seed=3)
    rows, times = as_rows(case), np.random.default_rng(0).integers(1, 4, 400)
    loss = np.random.default_rng(1).random((2, 400)) * 0.1

    def losses(of: np.ndarray) -> None:
        def known(given: Rows, folds: list[Fold], *_: int) -> list[np.ndarray]:
            return [of[int(given.points is None)][fold.validation] for fold in folds]

        monkeypatch.setattr(sheet_check, "_losses", known)

    folds = [Fold(np.arange(200), np.arange(200, 300)), Fold(np.arange(300), np.arange(300, 400))]
    losses(loss)
    one = check_sheet(replace(rows, weight=times.astype(float)), folds, np.arange(400), seed=0, n_jobs=1)
    alike = np.repeat(np.arange(400), times)
    losses(loss[:, alike])
    repeated = [Fold(*(np.flatnonzero(np.isin(alike, side)) for side in fold)) for fold in folds]
    other = check_sheet(rows.take(alike), repeated, alike, seed=0, n_jobs=1)
    assert (one.cost, one.error) == pytest.approx((other.cost, other.error))
    assert one.cost == pytest.approx(one.with_sheet - one.without)
    bare = check_sheet(rows.take(alike), repeated, seed=0, n_jobs=1)
    assert bare.error < other.error


def test_without_a_sheet_or_folds_nothing_is_asked() -> None:
    case = world("private", 400, seed=1)
    assert trained(case._replace(points=None)).sheet is None
    few = np.zeros(400)
    few[:5] = 1.0
    assert trained(case._replace(label=few)).sheet is None


@pytest.mark.parametrize(
    ("cost", "error", "left_out"),
    [
        (0.0009, 0.0001, False),
        (0.0011, 0.0001, True),
        (0.004, 0.003, False),
        (0.006, 0.003, True),
        (-0.1, 0.01, False),
    ],
)
def test_it_must_cost_enough_and_beyond_chance(cost: float, error: float, left_out: bool) -> None:
    asked = SheetCheck(with_sheet=0.4 + cost, without=0.4, error=error)
    assert asked.left_out is left_out
    assert (asked.message is not None) is left_out

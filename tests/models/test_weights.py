"""Weights of training rows: a row of weight three is three equal rows, and a sample learns what the whole does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from leadlens.features import FeatureColumn
from leadlens.features.errors import DataError
from leadlens.models.data_checks.suspects import find_suspects
from leadlens.models.data_checks.time_proxy import find_time_proxies
from leadlens.models.fitting import at_recent_base_rate, fit, without_learning
from leadlens.models.folds import Fold, time_folds
from leadlens.models.learners.blend import blend_weights
from leadlens.models.learners.calibration import intercept_shift, loss_at_own_intercept
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.linear_fit import AdditiveDesign
from leadlens.models.learners.parts import FoldBench, ModelParams
from leadlens.models.rows import Rows
from leadlens.models.statistics import expit, log_odds, roc_auc, weighted_mean, weighted_quantile
from leadlens.models.training import TrainedModel, TrainSettings, train_model
from leadlens.models.tuning import Tuned, tune
from leadlens.pipeline.dataset.judged import fit_sheet_probability

ROWS = 900


class World:
    """Rows with whole weights, and the same rows written out as often as they weigh."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.weight = rng.integers(1, 5, ROWS).astype(float)
        self.matrix = np.column_stack(
            [rng.normal(size=ROWS), rng.integers(0, 4, ROWS), rng.poisson(2, ROWS)]
        ).astype(float)
        self.matrix[rng.random(ROWS) < 0.2, 0] = np.nan
        pull = np.nan_to_num(self.matrix[:, 0]) + 0.7 * self.matrix[:, 1] - 2
        self.y = (rng.random(ROWS) < expit(pull)).astype(float)
        self.points = 10.0 * self.matrix[:, 1] + 5.0 * (rng.random(ROWS) < 0.5)
        self.time = rng.integers(0, 300, ROWS).astype(float)
        self.categorical = np.array([False, True, False])
        self.again = np.repeat(np.arange(ROWS), self.weight.astype(int))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_means_quantiles_and_ranks(world: World) -> None:
    values, w, again = world.points + world.time, world.weight, world.again
    assert weighted_mean(values, w) == pytest.approx(values[again].mean())
    shares = np.linspace(0, 1, 41)
    np.testing.assert_allclose(weighted_quantile(values, shares, w), np.quantile(values[again], shares))
    assert roc_auc(world.y, values, w) == pytest.approx(roc_auc(world.y[again], values[again]))


def test_shift_loss_and_blend(world: World) -> None:
    y, w, again = world.y, world.weight, world.again
    margins = np.column_stack([np.nan_to_num(world.matrix[:, 0]), world.matrix[:, 1] - 1])
    margin, fold = margins.sum(axis=1), (np.arange(ROWS) % 3).astype(np.intp)
    shift = intercept_shift(margin, y, weight=w)
    assert shift == pytest.approx(intercept_shift(margin[again], y[again]))
    assert abs(shift - intercept_shift(margin, y)) > 0.01, "the weights matter"
    loss = loss_at_own_intercept(margin, y, w)
    assert loss == pytest.approx(loss_at_own_intercept(margin[again], y[again]))
    blended = blend_weights(margins, y, fold, weight=w)
    np.testing.assert_allclose(blended, blend_weights(margins[again], y[again], fold[again]), atol=1e-4)
    assert np.abs(blended - blend_weights(margins, y, fold)).max() > 0.005


def test_the_additive_part(world: World) -> None:
    weighted = AdditiveDesign(world.matrix, world.categorical, weight=world.weight)
    repeated = AdditiveDesign(world.matrix[world.again], world.categorical)
    one = weighted.fit(world.y, 0.1, world.points / 20)
    other = repeated.fit(world.y[world.again], 0.1, world.points[world.again] / 20)
    for mine, theirs in zip(one.tables, other.tables, strict=True):
        if mine.edges is not None and theirs.edges is not None:
            np.testing.assert_allclose(mine.edges, theirs.edges)
    np.testing.assert_allclose(one.margin(world.matrix), other.margin(world.matrix), atol=2e-3)
    plain = AdditiveDesign(world.matrix, world.categorical).fit(world.y, 0.1, world.points / 20)
    assert np.abs(plain.margin(world.matrix) - one.margin(world.matrix)).max() > 0.02
    parts = one.contributions(world.matrix)
    np.testing.assert_allclose(world.weight @ parts / world.weight.sum(), 0, atol=1e-9)


def test_what_is_rare_is_counted_in_rows() -> None:
    """Nineteen rows of a category have no entry of their own, whatever they stand for."""
    code = np.r_[np.zeros(19), np.ones(200)]
    for weight in (None, np.where(code == 0, 50.0, 1.0)):
        design = AdditiveDesign(code[:, None], np.array([True]), weight=weight)
        assert design._basis.shape[1] == 1, "the other category's"
    assert AdditiveDesign(np.r_[0.0, code][:, None], np.array([True]))._basis.shape[1] == 2


def test_a_fold_bench(world: World) -> None:
    sides = {"train": np.arange(600), "validation": np.arange(600, ROWS)}
    bench = FoldBench(
        world.matrix,
        world.y,
        **sides,
        categorical=world.categorical,
        monotone=(),
        points=world.points,
        n_jobs=1,
        weight=world.weight,
    )
    again = world.again
    repeated = FoldBench(
        world.matrix[again],
        world.y[again],
        train=np.flatnonzero(again < 600),
        validation=np.flatnonzero(again >= 600),
        categorical=world.categorical,
        monotone=(),
        points=world.points[again],
        n_jobs=1,
    )
    assert bench.mass == repeated.mass == world.weight[:600].sum()
    late = again[again >= 600] - 600
    assert bench.sheet is not None
    assert repeated.sheet is not None
    np.testing.assert_allclose(bench.sheet[late], repeated.sheet, atol=1e-9)
    np.testing.assert_allclose(bench.linear(0.1)[late], repeated.linear(0.1), atol=5e-3)
    margin = bench.linear(0.1)
    assert bench.loss(margin) == pytest.approx(repeated.loss(margin[late]))
    # LightGBM counts rows per leaf and bag, so trees are alike on average only.
    params = ModelParams(trees_on_sheet=False)
    first, other = bench.trees(params, 0, 20)[-1], repeated.trees(params, 0, 20)[-1]
    assert abs(first[late].mean() - other.mean()) < 0.05


def test_trees_start_from_the_weighted_base_rate(world: World) -> None:
    rare = np.where(world.y > 0, 1.0, 9.0)
    sides = {"train": np.arange(600), "validation": np.arange(600, ROWS)}
    mean = {}
    for name, weight in (("weighted", rare), ("not", None)):
        bench = FoldBench(
            world.matrix,
            world.y,
            **sides,
            categorical=world.categorical,
            monotone=(),
            points=None,
            n_jobs=1,
            weight=weight,
        )
        mean[name] = bench.trees(ModelParams(), 0, 20)[-1].mean()
    assert mean["not"] - mean["weighted"] == pytest.approx(np.log(9), abs=0.15)


def test_a_study(world: World, tmp_path: Path) -> None:
    """The sheet's loss on the folds is exact; another weight is another study."""
    again, place = world.again, f"sqlite:///{(tmp_path / 'study.db').as_posix()}"

    folds = time_folds(world.time, n_folds=2, weight=world.weight)

    def study(at: np.ndarray, weight: np.ndarray | None, folds: list[Fold], **where: str) -> Tuned:
        return tune(
            world.matrix[at],
            world.y[at],
            folds,
            categorical=world.categorical,
            points=world.points[at],
            weight=weight,
            n_trials=1,
            n_jobs=1,
            **where,
        )

    every = np.arange(ROWS)
    mine = study(every, world.weight, folds, storage=place, study_name="mine")
    assert mine.sheet_value == pytest.approx(
        study(again, None, time_folds(world.time[again], n_folds=2)).sheet_value
    )
    with pytest.raises(DataError, match="belongs to other rows"):
        study(every, 2 * world.weight, folds, storage=place, study_name="mine")


def test_folds_are_cut_where_those_of_the_whole_are(world: World) -> None:
    again = world.again
    mine = time_folds(world.time, weight=world.weight, horizon=5.0)
    theirs = time_folds(world.time[again], horizon=5.0)
    assert len(mine) == len(theirs) == 4
    for fold, other in zip(mine, theirs, strict=True):
        for side, whole in zip(fold, other, strict=True):
            assert sorted(set(again[whole])) == side.tolist()
    plain = time_folds(world.time, horizon=5.0)
    ones = time_folds(world.time, horizon=5.0, weight=np.ones(ROWS))
    for fold, other in zip(ones, plain, strict=True):
        for side, whole in zip(fold, other, strict=True):
            np.testing.assert_array_equal(side, whole)


def test_leads_on_both_sides_are_weighed_too() -> None:
    """Half of the early rows are of leads that come back: dealt into halves, unless those rows stand for few."""
    as_of, lead = np.repeat([0.0, 1.0], [40, 60]), np.r_[np.arange(40), np.arange(20), np.arange(100, 140)]
    assert len(time_folds(as_of, lead, n_folds=1)) == 2
    few = np.where(lead < 20, 1.0, 5.0)
    assert len(time_folds(as_of, lead, n_folds=1, weight=few)) == 1


def test_time_proxies(world: World) -> None:
    rng, again = np.random.default_rng(1), world.again
    frame = pd.DataFrame(
        {
            "rate": world.time // 12 + rng.integers(0, 6, ROWS),
            "fine": world.time + rng.normal(0, 40, ROWS),
            "year": pd.Series(np.where(world.time < 150, "one", "two")),
            "noise": rng.normal(size=ROWS),
        }
    )
    frame.loc[::17, "fine"] = np.nan
    found = find_time_proxies(frame, pd.Series(world.time), 0.0, weight=world.weight)
    whole = find_time_proxies(frame.iloc[again], pd.Series(world.time[again]), 0.0)
    assert [each.name for each in found] == list(frame)
    for mine, theirs in zip(found, whole, strict=True):
        # the corrections for the number of rows count rows, not what they stand for
        assert mine.share == pytest.approx(theirs.share, abs=0.05)
    late = np.where(world.time > 150, 200.0, 1.0)
    assert find_time_proxies(frame[["year"]], pd.Series(world.time), 0.0, weight=late)[0].share < 0.1


def test_suspects(world: World) -> None:
    again, known = world.again, (world.y > 0) & (np.arange(ROWS) % 7 > 0)
    frame = pd.DataFrame(
        {
            "after": np.where(known, 1.0, np.nan),
            "strong": 4 * world.y + np.random.default_rng(2).normal(size=ROWS),
            "town": pd.Series([f"town {code}" for code in (world.y + 2 * (np.arange(ROWS) % 3))]),
        }
    )
    columns = tuple(
        FeatureColumn(name=name, label=name, family="demographic", kind=kind, condition=f"leads.{name}")
        for name, kind in (("after", "number"), ("strong", "number"), ("town", "category"))
    )
    label, weight = pd.Series(world.y), pd.Series(world.weight)
    found = find_suspects(frame, label, columns, weight)
    whole = find_suspects(
        frame.iloc[again].reset_index(drop=True), label.iloc[again].reset_index(drop=True), columns
    )
    assert {each.column for each in found} == {each.column for each in whole} == set(frame)
    by_name = {each.column: each for each in whole}
    for each in found:
        assert each.auc == pytest.approx(by_name[each.column].auc, abs=0.002)
        assert each.filled_only == by_name[each.column].filled_only
    rare = pd.Series(np.where(world.y > 0, 1.0, 60.0))
    strays = frame.assign(after=np.where(known | (np.arange(ROWS) % 40 == 0), 1.0, np.nan))
    assert any(each.column == "after" and each.filled_only for each in find_suspects(strays, label, columns))
    weighed = find_suspects(strays, label, columns, rare)
    assert not any(each.filled_only for each in weighed), "the strays stand for sixty each"


def test_the_probability_of_a_sheet(world: World) -> None:
    def rules(at: np.ndarray) -> SimpleNamespace:
        out = pd.Series(np.where(world.matrix[at, 2] > 3, "Student", None), dtype=object)
        return SimpleNamespace(
            scores=pd.DataFrame({"row_id": range(len(at)), "total": world.points[at], "disqualified_by": out})
        )

    one = fit_sheet_probability(rules(np.arange(ROWS)), pd.Series(world.y), pd.Series(world.weight))  # type: ignore[arg-type]
    other = fit_sheet_probability(rules(world.again), pd.Series(world.y[world.again]))  # type: ignore[arg-type]
    assert one == pytest.approx(other, abs=1e-7)


def _rows(world: World, at: np.ndarray, weight: np.ndarray | None) -> Rows:
    frame = pd.DataFrame({"visits": world.matrix[:, 0], "kind": world.matrix[:, 1]}).iloc[at]
    encoding = Encoding.of(frame)
    return Rows(
        encoding=encoding,
        matrix=encoding.encode(frame),
        y=world.y[at],
        time=world.time[at],
        signs=[0, 0],
        points=np.column_stack([world.points, world.matrix[:, 2]])[at],
        names=("fit", "engagement"),
        weight=weight,
    )


def test_the_latest_rows_and_what_is_taken_from_them(world: World) -> None:
    mine, theirs = _rows(world, np.arange(ROWS), world.weight), _rows(world, world.again, None)
    for window in (1.0, 0.3, 0.1):
        assert mine.latest(window).tolist() == sorted(set(world.again[theirs.latest(window)]))
    tuned = Tuned(
        params=ModelParams(n_trees=20, linear_strength=0.1),
        value=0,
        sheet_value=None,
        weights=np.array([0.5, 0.5, 0.0]),
        trials=pd.DataFrame(),
    )
    grown = replace(
        tuned, params=replace(tuned.params, trees_on_sheet=False), weights=np.array([0.0, 0.0, 1.0])
    )
    trees = fit(mine, grown, 0, 1).trees
    assert trees is not None
    assert trees.intercept_ == pytest.approx(log_odds(float(theirs.y.mean())))
    for fitted in (without_learning, lambda rows: fit(rows, tuned, 0, 1)):
        one, other = fitted(mine), fitted(theirs)
        assert one.average_log_odds == pytest.approx(other.average_log_odds)
        assert one.sheet is not None
        assert other.sheet is not None
        np.testing.assert_allclose(one.sheet.centre, other.sheet.centre)
        np.testing.assert_allclose(one.sheet.line, other.sheet.line, atol=1e-7)
        one, other = at_recent_base_rate(one, mine, 0.3), at_recent_base_rate(other, theirs, 0.3)
        assert one.average_log_odds == pytest.approx(other.average_log_odds)
        assert one.calibration.shift == pytest.approx(other.calibration.shift, abs=2e-3)
    assert one.average_log_odds != pytest.approx(log_odds(float(world.y[mine.latest(0.3)].mean())), abs=1e-3)


# --- a world with a known probability


def _known_world(leads: int, seed: int, rise: float = 0.6) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Two rows per lead in time order, the probability of each, and its outcome; after ``rise`` more convert."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "lead": np.tile(np.arange(leads), 2),
            "time": np.tile(np.arange(leads, dtype=float), 2) + np.repeat([0.0, 0.5], leads),
            "visits": rng.normal(size=2 * leads),
            "fit": np.tile(rng.normal(size=leads), 2),
            "kind": np.tile(rng.choice(["ad", "fair", "search"], leads), 2),
        }
    ).sort_values("time", ignore_index=True)
    lift = frame["kind"].map({"ad": -0.4, "fair": 0.0, "search": 0.5}).to_numpy()
    lift = lift + 0.8 * (frame["time"].to_numpy() >= rise * leads)
    chance = expit(-3.8 + 0.9 * frame["visits"].to_numpy() + 0.7 * frame["fit"].to_numpy() + lift)
    return frame, chance, (rng.random(len(frame)) < chance).astype(float)


FEATURES = ["visits", "fit", "kind"]


def _trained(frame: pd.DataFrame, y: np.ndarray, weight: np.ndarray | None) -> TrainedModel:
    return train_model(
        frame[FEATURES],
        y,
        as_of=frame["time"],
        lead_id=frame["lead"],
        weight=weight,
        settings=TrainSettings(trials=2, folds=3, n_jobs=1),
    )


def _calibration_line(margin: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of outcomes on predicted log-odds: 0 and 1 for honest probabilities."""
    at = np.array([0.0, 1.0])
    for _ in range(50):
        p = expit(at[0] + at[1] * margin)
        curve, miss = p * (1 - p), y - p
        hessian = np.array([[curve.sum(), curve @ margin], [curve @ margin, curve @ margin**2]])
        at = at + np.linalg.solve(hessian, [miss.sum(), miss @ margin])
    return float(at[0]), float(at[1])


@pytest.fixture(scope="module")
def sampled() -> tuple[TrainedModel, TrainedModel, TrainedModel]:
    """Models of the whole, of a sample with weights, and of the same sample without: one in ten other leads."""
    frame, _, y = _known_world(20_000, seed=1)
    converted = frame["lead"].isin(frame["lead"][y > 0]).to_numpy()
    kept = converted | (frame["lead"].to_numpy() * 7919 % 10 == 3)
    others = ~converted
    weight = np.where(others, others.sum() / (others & kept).sum(), 1.0)
    part, label = frame[kept].reset_index(drop=True), y[kept]
    assert weight[kept].sum() == pytest.approx(len(frame))
    assert kept.mean() < 0.3
    return _trained(frame, y, None), _trained(part, label, weight[kept]), _trained(part, label, None)


def _judged(model: TrainedModel) -> tuple[float, float, float, float]:
    """On new leads: mean predicted over mean true probability, calibration line, mean absolute error."""
    frame, chance, y = _known_world(30_000, seed=2, rise=0)
    margin = model.model.log_odds(frame[FEATURES])
    intercept, slope = _calibration_line(margin, y)
    return (
        float(expit(margin).mean() / chance.mean()),
        intercept,
        slope,
        float(np.abs(margin - np.log(chance / (1 - chance))).mean()),
    )


def test_a_model_of_a_weighted_sample_is_calibrated(sampled: tuple[TrainedModel, ...]) -> None:
    ratio, intercept, slope, error = _judged(sampled[1])
    assert ratio == pytest.approx(1, abs=0.08)
    assert intercept == pytest.approx(0, abs=0.25)
    assert slope == pytest.approx(1, abs=0.1)
    assert error < _judged(sampled[0])[-1] + 0.05, "it is as near to the truth as the model of the whole"
    assert sampled[1].kind == "learned"
    assert sampled[1].model.about["stands_for"] == pytest.approx(40_000)


def test_its_average_lead_is_that_of_the_whole(sampled: tuple[TrainedModel, ...]) -> None:
    whole, weighted, _ = sampled
    assert weighted.base_rate_window["window"] == whole.base_rate_window["window"] == 0.3
    assert weighted.model.average_log_odds == pytest.approx(whole.model.average_log_odds, abs=0.05)


def test_without_weights_the_sample_promises_too_much(sampled: tuple[TrainedModel, ...]) -> None:
    ratio, intercept, _, _ = _judged(sampled[2])
    assert ratio > 2
    assert intercept < -0.7
    assert sampled[2].model.average_log_odds > sampled[0].model.average_log_odds + 1


def test_training_hands_weights_to_every_step() -> None:
    """A column that is as old as its row, but for rows that stand for many; and the sheet on the folds."""
    frame, _, y = _known_world(1000, seed=3)
    y[::9] = 1
    late = np.where(frame["time"] >= 500, 200.0, 1.0)
    dated = frame.assign(year=np.where(frame["time"] < 500, "one", "two"))
    points = 10.0 * (frame["visits"] > 0) + 5.0 * y  # it knows more than the columns, so that it stays

    def trained(weight: np.ndarray | None, at: np.ndarray) -> TrainedModel:
        return train_model(
            dated.iloc[at][[*FEATURES, "year"]],
            y[at],
            as_of=frame["time"].iloc[at],
            lead_id=frame["lead"].iloc[at],
            rule_points=points.iloc[at],
            weight=weight,
            settings=TrainSettings(trials=1, folds=2, n_jobs=1),
        )

    every, twice = np.arange(len(y)), np.where(np.arange(len(y)) % 3, 1, 2)
    assert [proxy.name for proxy in trained(None, every).dropped] == ["year"]
    assert trained(late, every).dropped == []
    one, other = trained(twice, every), trained(None, np.repeat(every, twice))
    assert one.tuned is not None
    assert other.tuned is not None
    assert one.tuned.sheet_value == pytest.approx(other.tuned.sheet_value)
    np.testing.assert_allclose(one.folds["sheet_log_loss"], other.folds["sheet_log_loss"])
    np.testing.assert_allclose(one.folds["sheet_roc_auc"], other.folds["sheet_roc_auc"])


def test_equal_weights_change_nothing_and_odd_ones_are_refused() -> None:
    frame, _, y = _known_world(1000, seed=3)
    y[::9] = 1
    one, other = _trained(frame, y, None), _trained(frame, y, np.ones(len(y)))
    assert one.model.to_dict() == other.model.to_dict()
    for odd in (0.0, -1.0, np.inf):
        with pytest.raises(DataError, match="positive"):
            _trained(frame, y, np.r_[odd, np.ones(len(y) - 1)])
    with pytest.raises(DataError, match="one value per row"):
        _trained(frame, y, np.ones(3))

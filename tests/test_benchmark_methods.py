"""A method of the benchmark gets the fixed rows and no outcome of those it predicts; what breaks the rules is refused in words."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import cards, gates, little_data, quality
from benchmarks import method as methods
from benchmarks.data_sets import in_words
from benchmarks.method import PEERS, SHIPPED, Given, Method, check_names, predicted
from benchmarks.run_method import Refused, Train, learn_and_predict, read
from leadlens import load_project
from leadlens.pipeline.starter import write_starter
from tests.pipeline.little_project import LittleProject

TINY = """
def fit(train):
    return train.features["number"].mean(), train.label.mean()

def predict(model, test):
    mean, rate = model
    return [min(1.0, rate * 2) if value > mean else rate / 2 for value in test["number"]]
"""


@pytest.fixture(autouse=True)
def _nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "KEPT", tmp_path / "kept")


@pytest.fixture
def given() -> Given:
    return small_given()


def small_given() -> Given:
    """300 rows to learn from and 100 to predict: a number and a category, both of which say something."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["web", "fair", None], 400, p=[0.5, 0.4, 0.1]).astype(object)
    number = rng.normal(size=400)
    label = (rng.random(400) < 1 / (1 + np.exp(-2 * number - 1.5 * (kind == "fair")))).astype(int)
    frame = pd.DataFrame({"kind [x]": kind, "number": number}, index=np.arange(400) + 7)
    known = pd.DataFrame({"label": label, "lead_id": np.arange(400).astype(str)}, index=frame.index)
    return Given(
        train=frame.iloc[:300],
        known=known.iloc[:300],
        folds=[[list(range(200)), list(range(200, 300))]],
        test=frame.iloc[300:],
        seed=0,
        seconds=1,
    )


def written(folder: Path, code: str, name: str = "my_method") -> Method:
    path = folder / f"{name}.py"
    path.write_text(code, encoding="utf-8")
    return Method(path, Path(sys.executable))


def test_a_python_named_from_where_one_stands_is_that_one(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``make bench-quality`` names it; the method runs in a folder of its own."""
    python = Path(sys.executable)
    monkeypatch.chdir(python.parent.parent)
    method = replace(written(tmp_path, TINY), python=Path(python.parent.name, python.name))
    assert len(predicted(method, given)[0]) == len(given.test)


def rows_of(given: Given, folder: Path) -> tuple[Train, pd.DataFrame]:
    folder.mkdir()
    given.write(folder)
    return read(folder, given.seed, given.seconds)


def test_a_method_learns_in_a_process_of_its_own_and_its_predictions_are_kept(
    given: Given, tmp_path: Path
) -> None:
    method = written(tmp_path, TINY)
    found, seconds = predicted(method, given)
    rate = given.known["label"].mean()
    above = given.test["number"] > given.train["number"].mean()
    np.testing.assert_allclose(found, np.where(above, min(1 - 1e-6, 2 * rate), rate / 2))
    assert seconds >= 0
    (kept,) = methods.KEPT.iterdir()
    pd.DataFrame({"probability": np.full(100, 0.25)}).to_parquet(kept / "predicted.parquet")
    assert set(predicted(method, given)[0]) == {0.25}, "what is kept is read, nothing is learned again"
    assert set(predicted(method, replace(given, seed=1))[0]) != {0.25}
    written(tmp_path, TINY.replace("rate / 2", "rate / 4"))
    assert predicted(method, given)[0].min() == pytest.approx(rate / 4), "another method"


def test_it_is_given_features_and_no_outcome_of_what_it_predicts(given: Given, tmp_path: Path) -> None:
    train, test = rows_of(given, tmp_path / "rows")
    assert list(test) == list(train.features) == ["kind [x]", "number"]
    assert train.categories == ["kind [x]"]
    assert train.as_of is None
    assert len(train.features) == len(train.label) == len(train.lead_id) == 300
    assert len(test) == 100
    pd.testing.assert_series_equal(test["number"], given.test["number"].reset_index(drop=True))
    both = {path.name: pd.read_parquet(path) for path in (tmp_path / "rows").glob("*.parquet")}
    assert {name: len(each) for name, each in both.items()} == {
        "train.parquet": 300, "test.parquet": 100, "known.parquet": 300
    }  # fmt: skip


def test_the_process_is_told_of_no_data(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_DATA", str(tmp_path))
    told = "import os\n" + TINY.replace("rate / 2", 'float("LEADLENS_DATA" in os.environ)')
    assert predicted(written(tmp_path, told), given)[0].min() == pytest.approx(1e-6)


def test_a_category_that_was_not_learned_from_is_another(given: Given, tmp_path: Path) -> None:
    late = given.test.assign(**{"kind [x]": "new"})
    train, test = rows_of(replace(given, test=late), tmp_path / "rows")
    assert set(test["kind [x]"]) == {"(other)"}
    assert set(train.features["kind [x]"].dropna()) == {"web", "fair"}


@pytest.mark.parametrize("name", ["logistic_regression", "hist_gradient_boosting"])
def test_shipped_methods_keep_the_rules_and_learn(name: str, given: Given, tmp_path: Path) -> None:
    found, _ = learn_and_predict(SHIPPED / f"{name}.py", *rows_of(given, tmp_path / "rows"))
    odds = 2 * given.test["number"] + 1.5 * (given.test["kind [x]"] == "fair")
    assert np.corrcoef(found, odds)[0, 1] > 0.7


def test_every_peer_is_a_file() -> None:
    assert {path.stem for path in SHIPPED.glob("*.py")} == set(PEERS)


PREDICT = TINY.partition("def predict")[0] + "def predict(model, test):\n    "
BROKEN = {
    "no fit": ("def predict(model, test): ...", "no function fit"),
    "does not import": ("import no_such_package", "import failed with ModuleNotFoundError"),
    "raises": (PREDICT + "raise ValueError('too few')", "predict failed with ValueError: too few"),
    "too few": (PREDICT + "return [0.5] * (len(test) - 1)", "shape (99,) for 100 rows"),
    "two columns": (PREDICT + "return [[0.5, 0.5]] * len(test)", "take the second column"),
    "no numbers": (PREDICT + "return ['high'] * len(test)", "not one number per row"),
    "nothing": (PREDICT + "return None", "shape ()"),
    "NaN": (PREDICT + "return [float('nan')] + [0.5] * (len(test) - 1)", "no finite number for 1 of 100 rows"),
    "points": (PREDICT + "return [55] * len(test)", "probabilities lie between 0 and 1"),
    "asks for the outcome": (PREDICT + "return test['label']", "asks for 'label', which is not given"),
    "ranks among the others": (PREDICT + "return test['number'].rank(pct=True)", "in another order"),
    "goes by the place": (PREDICT + "return [row / len(test) for row in range(len(test))]", "in another order"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "words"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_the_rules_is_refused_in_words(
    code: str, words: str, given: Given, tmp_path: Path
) -> None:
    method = written(tmp_path, code)
    with pytest.raises(Refused) as refused:
        learn_and_predict(method.path, *rows_of(given, tmp_path / "rows"))
    assert words in str(refused.value)


def test_a_refusal_ends_the_benchmark_and_keeps_nothing(
    given: Given, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    method = written(tmp_path, BROKEN["NaN"][0])
    with pytest.raises(SystemExit, match=r"my_method\.py gave no probabilities"):
        predicted(method, given)
    assert "my_method.py is refused: predict gave no finite number" in capfd.readouterr().err
    assert not methods.KEPT.exists()


def test_a_method_that_is_never_done_is_refused(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "LIMIT", 0.5)
    method = written(tmp_path, "import time\n" + TINY.replace("return train", "time.sleep(60); return train"))
    with pytest.raises(SystemExit, match="not done after"):
        predicted(method, given)


def test_two_lenses_of_one_name_are_refused(tmp_path: Path) -> None:
    method = written(tmp_path, TINY, "scorecard")
    with pytest.raises(SystemExit, match="there is another scorecard"):
        check_names([method], quality.OWN)
    check_names([method], ["leadlens"])


def test_a_method_is_judged_beside_leadlens_and_the_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    project = LittleProject(tmp_path / "little")
    project.settings["model"] = {"trials": 1}
    code = TINY.replace('"number"', '"income"')
    judged = quality.judge(load_project(project.write()), 1, [written(tmp_path, code)])
    assert set(judged.predicted) >= {quality.OURS, quality.ALONE, quality.BASE_RATE, "my_method"}
    assert len(judged.predicted["my_method"][0]) == len(judged.label)
    assert judged.others == ["my_method"]
    assert judged.gaps("my_method", resamples=20)["roc_auc"][quality.OURS].other == quality.OURS


RATE = """
def fit(train):
    return float(train.label.mean())

def predict(rate, test):
    return [rate] * len(test)
"""


def test_with_few_conversions_a_method_learns_from_the_leads_that_were_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    write_starter(tmp_path / "starter")
    (figures,) = little_data.judge(
        load_project(tmp_path / "starter"), [12], 1, [written(tmp_path, RATE, "rate")]
    )
    assert figures["loss: rate"] == figures["loss: base rate"]
    assert figures["auc: rate"] == 0.5 < figures["auc: leadlens + sheet"]
    table = little_data.markdown(
        pd.DataFrame([figures]).groupby(["set", "conversions"])[["auc: rate", "loss: rate"]].mean(), ["rate"]
    )
    assert f"0.500 / {figures['loss: rate']:.3f}" in table


def test_on_labels_dealt_anew_a_method_is_asked_for_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    file = load_project(LittleProject(tmp_path / "little").write())
    (nothing,) = gates.signals_of_nothing(file, 1, 1, method=written(tmp_path, RATE, "rate"))
    assert nothing.ranking.roc_auc == 0.5
    assert nothing.gain == pytest.approx(0, abs=1e-6)
    code = TINY.replace('"number"', '"income"')
    signals = list(gates.signals_of_nothing(file, 3, 1, method=written(tmp_path, code)))
    assert len({signal.gain for signal in signals}) == 3, "other labels each time"
    assert gates.counted(iter(signals))["pass"] == 0


def test_what_is_not_there_is_said_before_anything_is_learned(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    methods.add_options(parser)
    method = written(tmp_path, TINY)
    there = methods.methods_of(parser.parse_args(["--method", str(method.path)]))
    assert there == [method]
    with pytest.raises(SystemExit, match=r"there is no file .*absent\.py"):
        methods.methods_of(parser.parse_args(["--method", str(tmp_path / "absent.py")]))
    nowhere = ["--python", str(tmp_path / "nowhere")]
    assert methods.methods_of(parser.parse_args(nowhere)) == [], "nobody asks for it"
    with pytest.raises(SystemExit, match=r"there is no file .*nowhere"):
        methods.methods_of(parser.parse_args([*nowhere, "--method", str(method.path)]))
    with pytest.raises(SystemExit, match=r"there is no file .*nowhere"):
        methods.shipped(tmp_path / "nowhere")


def test_data_that_are_not_there_end_a_benchmark_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["cards", "cdnow"])
    with pytest.raises(SystemExit, match="there is no such file"):
        in_words(cards.main)

"""`leadlens scorecard learn`: from past conversions to a sheet like any other, without a look at out-of-time rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens import load_project, open_history, train, write_starter
from leadlens.models.judging.lenses import MODEL
from leadlens.models.scorecard import Sheet, check_sheet
from leadlens.pipeline.jobs.scorecard.learn import LEARNED, YOURS, LearnedSheet, learn
from tests.models.warehouse_cases import check_ledger, check_scores, expected
from tests.pipeline.little_project import leadlens, thin_out


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The starter project with a trained model."""
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_starter(folder / "project")
        thin_out(folder / "project", 2)
        train(load_project(folder / "project"), trials=1)
        yield folder / "project"


@pytest.fixture(scope="module")
def learned(project: Path) -> LearnedSheet:
    return learn(load_project(project))


def test_it_is_a_sheet_like_any_other(project: Path, learned: LearnedSheet) -> None:
    assert learned.path == project / "scorecards" / f"{load_project(project).project.name}_learned.yaml"
    sheet = Sheet.load(learned.path)
    assert sheet.version == learned.sheet.version
    assert 2 <= len(sheet.rules) <= 20
    assert all(isinstance(rule.points, int) and abs(rule.points) >= 2 for rule in sheet.rules)
    assert sheet.actions, "what leads did counts"
    findings = check_sheet(sheet, open_history(load_project(project)))
    assert [finding for finding in findings if finding.level == "warning"] == []
    head = learned.path.read_text(encoding="utf-8").splitlines()[:3]
    assert all(line.startswith("# ") for line in head)
    assert f"learned sheet: ROC AUC {learned.price.of(LEARNED)['roc_auc']:.3f}" in head[1]


def test_batch_ledger_and_sql_give_the_same_points(project: Path, learned: LearnedSheet) -> None:
    from leadlens.models.scorecard.sql_export.warehouse import sheet_sql

    history = open_history(load_project(project))
    as_of = history.data_end - timedelta(days=20)
    wanted = expected(learned.sheet, history, as_of)
    assert wanted.scores["total"].nunique() > 5
    sums = wanted.ledger.groupby("row_id")["points"].sum().reindex(wanted.scores["row_id"], fill_value=0)
    assert np.allclose(sums, wanted.scores["total"])
    check_scores(history.engine.frame(sheet_sql(learned.sheet, history, "duckdb", as_of)), wanted)
    check_ledger(
        history.engine.frame(sheet_sql(learned.sheet, history, "duckdb", as_of, ledger=True)), wanted
    )


def test_it_is_priced_beside_the_own_sheet_and_the_model(learned: LearnedSheet) -> None:
    price = learned.price
    assert price.names == [YOURS, LEARNED, MODEL]
    yours, own, model = (price.of(name) for name in price.names)
    assert model["kept"] == 1
    assert own["average_precision"] > yours["average_precision"] > price.base_rate
    gain = (own["average_precision"] - price.base_rate) / (model["average_precision"] - price.base_rate)
    assert own["kept"] == pytest.approx(gain)
    assert own["kept_low"] < own["kept"] < own["kept_high"]
    assert 0 < own["found"] <= price.conversions


def test_no_out_of_time_outcome_moves_it(project: Path, learned: LearnedSheet, tmp_path: Path) -> None:
    other = tmp_path / "project"
    shutil.copytree(project, other)
    (other / "scorecards" / learned.path.name).unlink()
    assert learned.test_from is not None
    leads = pd.read_csv(other / "data" / "leads.csv")
    late = set(leads.loc[pd.to_datetime(leads["created_at"]) >= learned.test_from, "lead_id"])
    conversions = pd.read_csv(other / "data" / "conversions.csv")
    # Of the later leads others convert now: those that came before them in the file.
    mine = conversions["lead_id"].isin(late)
    kept = ~mine | (np.arange(len(conversions)) % 3 == 0)
    assert mine.sum() > 15
    conversions[kept].to_csv(other / "data" / "conversions.csv", index=False)
    again = learn(load_project(other))
    assert again.sheet.version == learned.sheet.version
    assert again.price.conversions < learned.price.conversions


def test_no_file_is_ever_overwritten(project: Path, learned: LearnedSheet) -> None:
    before = learned.path.read_bytes()
    refused = leadlens("scorecard", "learn", project)
    assert refused.code == 2
    assert "there is a file already" in refused.err
    assert "--force" not in refused.err
    assert learned.path.read_bytes() == before
    assert leadlens("scorecard", "learn", project, "--out", project / "sheet.txt").code == 2


def test_the_command_prints_the_lines_the_price_and_what_is_next(
    project: Path, learned: LearnedSheet, tmp_path: Path
) -> None:
    done = leadlens("scorecard", "learn", project, "--out", tmp_path / "short.yaml", "--lines", "3")
    assert done.code == 0, done.err
    assert "short " in done.out.splitlines()[0]
    for word in ("your sheet", "learned sheet", "model", "kept of the model's gain", "wrote "):
        assert word in done.out
    assert len(Sheet.load(tmp_path / "short.yaml").rules) <= 3
    beside = leadlens("scorecard", "diff", project, "starter", learned.path)
    assert beside.code == 0, beside.err
    assert learned.sheet.rules[0].label in beside.out

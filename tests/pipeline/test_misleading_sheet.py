"""A sheet that the model does better without: the command says so, the report, the card and MLflow too, and the sheet goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from leadlens.models.sheet_check import SheetCheck
from leadlens.pipeline.registry.card import card_lines
from tests.pipeline.little_project import LittleProject, leadlens

SHEET = {
    "sheet": "prices",
    "about": "Who looked at prices",
    "base": 0,
    "attributes": [{"label": "Earns well", "when": "income > 1700", "points": 10}],
    "thresholds": {"mql": 5, "sql": 8},
}


def test_it_is_left_out_of_the_model_and_told_by_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the folds say is put into their mouths: `tests/models/test_sheet_check.py` has worlds where they do."""
    from leadlens.models import training

    asked = SheetCheck(with_sheet=0.4321, without=0.4102, error=0.002)
    monkeypatch.setattr(training, "check_sheet", lambda *_, **__: asked)
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = LittleProject(tmp_path)
    project.files["sheet.yaml"] = yaml.safe_dump(SHEET).encode()
    project.settings["scorecards"] = ["sheet.yaml"]
    path = project.write()

    done = leadlens("train", path, "--trials", "1", "--json")
    assert done.code == 0, done.err
    assert done.facts["sheet"] == asked.to_dict()
    assert [asked.message] == [text for text in done.facts["warnings"] if "score sheet costs" in text]
    assert asked.message is not None
    assert "0.0219 of log loss" in asked.message

    card = leadlens("models", path, "--card", "1", "--json").facts
    assert card["model"]["sheet"] == asked.to_dict()
    assert asked.message in card["limits"]
    assert any("; without the score sheet" in line for line in card_lines(card))

    import mlflow

    from leadlens.pipeline.registry.mlflow_registry import Registry

    registry = Registry("little")
    run = registry.client.get_run(done.facts["run_id"]).data
    assert run.params["sheet_in_model"] == "False"
    assert run.metrics["sheet.cost"] == pytest.approx(0.0219)
    report = mlflow.artifacts.load_text(f"runs:/{done.facts['run_id']}/report.html")
    assert "0.0219 of log loss" in report

    # Scores by the sheet are unaffected: points, and the comparison of both lenses, are there.
    assert done.facts["figures"]["scorecard"]["roc_auc"] >= 0
    explained = leadlens("explain", path, "L140", "--challenger", "--json").facts
    total = explained["start"] + sum(reason["points"] for reason in explained["reasons"])
    assert total == pytest.approx(explained["score"], abs=0.05)
    assert explained["rule_points"] in (0, 10)
    assert explained["ledger"]

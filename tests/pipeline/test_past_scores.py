"""A past score is made again to the last digit, after new data and a new champion; and each version has its card."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from leadlens.pipeline.registry.mlflow_registry import Registry
from tests.pipeline.little_project import START, LittleProject, leadlens

NIGHT = START + timedelta(days=79)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    little = LittleProject(tmp_path / "little")
    little.settings["model"] = {"trials": 1, "folds": 2}
    little.settings["scores"] = {"to": f"duckdb:///{tmp_path / 'scores.duckdb'}"}
    return little


def written(tmp_path: Path, run: str) -> pd.DataFrame:
    with duckdb.connect(str(tmp_path / "scores.duckdb"), read_only=True) as connection:
        return connection.execute(
            "SELECT lead_id, probability, score FROM lead_scores_history WHERE run_id = ? ORDER BY lead_id",
            [run],
        ).df()


def score(path: Path) -> str:
    done = leadlens("score", path, "--as-of", NIGHT.isoformat(), "--force", "a test", "--json")
    assert done.code == 0, done.err
    return str(done.facts["run_id"])


def has_a_card(path: Path, trained: dict[str, Any]) -> None:
    """Version 1, just trained."""
    card = leadlens("models", path, "--card", "1", "--json").facts
    assert card["data"]["version"] == 1
    assert card["data"]["rows"]["leads"] == 160
    assert card["label"]["horizon"] == "10d"
    assert card["rows"] == trained["rows"]
    assert card["conversions"] == trained["conversions"]
    figures = {each["metric"]: each for each in card["metrics"]}
    for name, value in trained["figures"]["leadlens"].items():
        assert figures[name]["value"] == pytest.approx(value)
        assert figures[name]["low"] <= value <= figures[name]["high"]
    assert any(limit.startswith("it has seen nothing after 2024-") for limit in card["limits"])
    assert set(trained["warnings"]) <= set(card["limits"])
    text = leadlens("models", path, "--card", "1").out
    assert "- Data: version 1 of the prepared history (160 leads" in text
    assert "| Model, ROC AUC | " in text
    tags = Registry("little").client.get_model_version("little", "1").tags
    assert tags["leadlens.data_version"] == "1"
    none = leadlens("models", path, "--card", "2")
    assert none.code == 1
    assert "'little' has no such version" in none.err


def test_a_past_score_is_made_again_to_the_last_digit(project: LittleProject, tmp_path: Path) -> None:
    path = project.write()
    has_a_card(path, leadlens("train", path, "--json").facts)
    assert leadlens("promote", path, "--force", "a test").code == 0
    first = score(path)
    then = written(tmp_path, first)
    assert len(then) > 20

    # New data that change what was known by that night, and a model that learned otherwise.
    project.events = project.events.iloc[::2]
    project.leads["income"] = project.leads["income"].iloc[::-1].to_numpy()
    project.settings["model"]["seed"] = 8
    path = project.write()
    assert leadlens("train", path).code == 0
    assert leadlens("promote", path, "--force", "a test").code == 0
    second = score(path)
    assert not np.allclose(written(tmp_path, second)["probability"].iloc[:20], then["probability"].iloc[:20])

    for row in then.iloc[::12].to_dict("records"):
        facts = leadlens("explain", path, row["lead_id"], "--run", first, "--json").facts
        assert facts["probability"] == row["probability"], "to the last digit"
        assert (facts["model_version"], facts["alias"]) == ("little/1", "former")
        assert datetime.fromisoformat(facts["as_of"]) == NIGHT
        assert sum(each["points"] for each in facts["reasons"]) + facts["start"] == pytest.approx(
            facts["score"]
        )
    shown = leadlens("explain", path, then["lead_id"][0], "--run", first)
    assert f"as run {first} scored: little/1" in shown.out

    still_open = next(
        each for each in project.leads["lead_id"] if each not in set(project.conversions["lead_id"])
    )
    assert "note: the data end" not in leadlens("explain", path, still_open).out
    assert (
        "note: the data end on 2024-05-" in leadlens("explain", path, still_open, "--as-of", "2030-01-01").out
    )

    lead = then["lead_id"][0]
    unknown = leadlens("explain", path, lead, "--run", first[:-1] + "?")
    assert unknown.code == 2
    assert first in unknown.err
    both = leadlens("explain", path, lead, "--run", first, "--challenger")
    assert both.code == 2
    for version in (tmp_path / "home" / "prepared" / "little").glob("*/versions/1.json"):
        version.unlink()  # as after eight more changes of the sources
    gone = leadlens("explain", path, lead, "--run", first)
    assert gone.code == 1
    assert "this version of the prepared history is no longer kept" in gone.err
    project.settings["known_after"] = ["income"]
    other = leadlens("explain", project.write(), lead, "--run", second)
    assert other.code == 1
    assert "this run read its data with other settings" in other.err

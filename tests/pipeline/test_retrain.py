"""The routine of a model in service: retrain, see what became of each version, and go back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadlens import load_project, train
from leadlens.pipeline.jobs.retrain import rollback
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.runs import RunStore
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.test_promotion_gates import flat


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return flat(tmp_path)


def serving(project: LittleProject) -> str:
    return serving_model(project.settings["name"]).version


def test_it_is_retrained_refused_rolled_back_and_listed(project: LittleProject, tmp_path: Path) -> None:
    path, store = project.write(), RunStore(tmp_path / "home" / "runs")
    empty = leadlens("models", path)
    assert (empty.code, empty.out) == (0, "flat has no model yet: leadlens train\n")
    first = leadlens("rollback", path, "--reason", "none")
    assert first.code == 1
    assert "'flat' has no champion" in first.err

    done = leadlens("retrain", path, "--trials", "1", "--json")
    assert done.code == 0, done.err
    assert done.facts["promotion"]["version"] == done.facts["training"]["version"] == "1"
    record = store.records()[0]
    assert (record.run_id, record.status, record.exit_code) == (done.facts["run_id"], "done", 0)
    assert (record.model_version, record.rows) == ("1", done.facts["training"]["rows"]["train"])
    assert record.notes["figures"] == done.facts["training"]["figures"]
    alone = leadlens("rollback", path, "--reason", "none")
    assert alone.code == 1
    assert "flat/1 is the only version that was ever champion" in alone.err

    again = leadlens("retrain", path, "--trials", "1")  # no worse than itself
    assert again.code == 0, again.err
    assert "flat version 2 learned from" in again.out
    assert "flat/2 is champion now: no clear difference." in again.out
    assert serving(project) == "2"

    # A night on which labels came in at random: the challenger stays one.
    labels = project.leads["won"].to_numpy().copy()
    project.leads["won"] = np.random.default_rng(7).permutation(labels)
    refused = leadlens("retrain", project.write(), "--trials", "1", "--json")
    assert refused.code == 1
    assert "signal" in {refusal["gate"] for refusal in refused.facts["refusals"]}
    record = store.records()[0]
    assert (record.status, record.exit_code, record.model_version) == ("refused", 1, "3")
    assert serving(project) == "2"
    project.leads["won"] = labels
    project.write()

    assert leadlens("rollback", path, "--reason", " ").code == 2
    back = leadlens("rollback", path, "--reason", "calls to students")
    assert back.code == 0
    assert back.out.startswith("flat/1 is champion again, in place of flat/2: calls to students.\n")
    assert serving(project) == "1"
    stuck = leadlens("rollback", path, "--reason", "further back")
    assert stuck.code == 1
    assert "every version that was champion before flat/1 was rolled back itself" in stuck.err
    assert serving(project) == "1", "a refused rollback moves nothing"

    shown = leadlens("models", path)
    rows = [line.split() for line in shown.out.splitlines() if line[:1].isdigit()]
    assert [(row[0], row[1]) for row in rows][::2] == [("3", "challenger"), ("1", "champion")]
    assert "flat/2 was rolled back on " in shown.out
    facts = leadlens("models", path, "--json").facts["versions"]
    assert [each["aliases"] for each in facts] == [["challenger"], [], ["champion"]]
    assert [each["rolled_back"] for each in facts] == [None, "calls to students", None]
    assert facts[2]["figures"]["log_loss"] == done.facts["training"]["figures"]["leadlens"]["log_loss"]


def test_what_was_rolled_back_does_not_become_champion_again_unnoticed(project: LittleProject) -> None:
    path = project.write()
    for _ in range(2):
        assert leadlens("retrain", path, "--trials", "1").code == 0
    rollback(load_project(path), reason="too many calls")
    refused = leadlens("promote", path, "--json")
    assert refused.code == 1
    assert [refusal["gate"] for refusal in refused.facts["refusals"]] == ["rolled_back"]
    assert refused.facts["refusals"][0]["value"] == "too many calls"
    assert "- Rolled back: too many calls" in leadlens("models", path, "--card", "2").out
    assert leadlens("promote", path, "--force", "the calls were right").code == 0
    assert serving(project) == "2"
    card = leadlens("models", path, "--card", "2")
    assert (
        "- Promoted by force: the calls were right (overruled: flat/2 was champion and was rolled back)"
        in card.out
    )
    assert "Rolled back" not in card.out, "it serves again"
    assert "Promoted by force" not in leadlens("models", path, "--card", "1").out
    facts = leadlens("models", path, "--json").facts["versions"]
    assert facts[0]["promoted_at"] >= facts[0]["rolled_back_at"]
    shown = " ".join(leadlens("models", path).out.split())
    assert "and has been promoted again since: too many calls" in shown
    assert leadlens("rollback", path, "--reason", "they were not").code == 0, "it can be left again"
    assert serving(project) == "1"
    assert leadlens("promote", path, "--force", "now they are").code == 0
    facts = leadlens("models", path, "--json").facts["versions"]
    assert facts[0]["forced"] == "the calls were right / now they are", "no reason is lost"


def test_a_rollback_that_dies_half_way_is_ended_by_the_next(
    project: LittleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.write()
    for _ in range(2):
        assert leadlens("retrain", path, "--trials", "1").code == 0
    client = type(Registry("flat").client)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client, "set_registered_model_alias", dies)
        assert leadlens("rollback", path, "--reason", "first").code == 130
    assert serving(project) == "2"
    assert leadlens("rollback", path, "--reason", "second").code == 0
    assert serving(project) == "1"


def test_promoted_twice_it_is_the_last_that_counts(project: LittleProject) -> None:
    """1, then 2, then 1 again by force of a rollback, then 3: back from 3 is 1, not the later numbered 2."""
    path = project.write()
    for _ in range(2):
        assert leadlens("retrain", path, "--trials", "1").code == 0
    rollback(load_project(path), reason="bad")
    train(load_project(path), trials=1)
    assert leadlens("promote", path).code == 0
    assert serving(project) == "3"
    assert rollback(load_project(path), reason="worse").version == "1"

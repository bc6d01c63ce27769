"""`leadlens score --to` a CRM: written to the project's target first, then pushed; what is wrong there is said before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadlens.features import UsageError
from leadlens.pipeline.jobs.score import score
from tests.kill_nights import NIGHT, trained_state
from tests.pipeline.crm_server import FakeCrm, serving
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.pushed_leads import HASTY, scores_at
from tests.pipeline.test_webhook import receiving


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_state(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def crm(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCrm]:
    monkeypatch.setenv("LEADLENS_HOME", str(state))
    with serving(FakeCrm("hubspot")) as crm:
        for name, value in crm.environment().items():
            monkeypatch.setenv(name, value)
        yield crm


def project(folder: Path, **settings: Any) -> Path:
    little = LittleProject(folder)
    little.settings.update(settings)
    target = {"to": "duckdb:///" + str(folder / "scores.duckdb")}
    little.settings["scores"] = target | settings.get("scores", {})
    return little.write()


def test_scores_are_written_and_then_pushed(crm: FakeCrm, tmp_path: Path) -> None:
    config = project(tmp_path)
    answer = leadlens("score", config, "--to", crm.to, "--as-of", NIGHT)
    assert answer.code == 0, answer.err
    assert "Written to duckdb" in answer.out
    assert "/contacts: " in answer.out
    found = scores_at(crm)
    assert len(found) > 20
    facts = json.loads(leadlens("push", config, "--to", crm.to, "--json").out)
    assert (facts["same"], facts["waiting"]) == (len(found), 0)
    again = score(config, to=crm.to, as_of=NIGHT, patience=HASTY)
    assert again.pushed is not None
    assert again.written is not None
    assert (again.written.unchanged, again.pushed.same) == (len(found), len(found))


def test_a_push_that_fails_leaves_the_scores_and_the_command_to_go_on(crm: FakeCrm, tmp_path: Path) -> None:
    config = project(tmp_path)
    crm.faults = ["503"] * 100
    done = score(config, to=crm.to, as_of=NIGHT, patience=HASTY)
    assert done.written is not None
    assert done.written.inserted > 20
    assert done.exit_code == 3
    crm.faults = []
    assert leadlens("push", config, "--to", crm.to).code == 0
    assert len(scores_at(crm)) == done.written.inserted


def test_a_dry_run_shows_ten_and_touches_nothing(crm: FakeCrm, tmp_path: Path) -> None:
    config = project(tmp_path)
    answer = leadlens("score", config, "--to", crm.to, "--as-of", NIGHT, "--dry-run")
    assert answer.code == 0, answer.err
    assert answer.out.count("leadlens_score: ") == 10
    assert not crm.asked
    assert not (tmp_path / "scores.duckdb").exists()


@pytest.mark.parametrize("wrong", ["field", "token", "challenger", "create"])
def test_what_is_wrong_there_costs_no_scoring(
    wrong: str, crm: FakeCrm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, more = project(tmp_path), {}
    if wrong == "field":
        crm.missing = {"leadlens_grade"}
    elif wrong == "token":
        for name in crm.environment():
            monkeypatch.delenv(name)
    else:
        more = {"challenger": {"challenger": True}, "create": {"create_fields": True}}[wrong]
    to = f"duckdb:///{tmp_path}/other.duckdb" if wrong == "create" else crm.to
    with pytest.raises(UsageError, match=r"has no field|no token|not pushed|only be created in a CRM"):
        score(config, to=to, as_of=NIGHT, patience=HASTY, **more)
    assert not (tmp_path / "scores.duckdb").exists()


def test_names_stand_in_the_table_where_the_project_says_so(crm: FakeCrm, tmp_path: Path) -> None:
    page = {"name": "city", "email": [], "owner": "income"}
    config = project(tmp_path, page=page, scores={"people": ["name", "email", "owner"]})
    done = score(config, as_of=NIGHT)
    assert any("scores.people asks for email" in warning for warning in done.warnings)
    with duckdb.connect(str(tmp_path / "scores.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT lead_id, lead_name, lead_email, lead_company, lead_owner FROM lead_scores"
        ).fetchall()
    leads = LittleProject(tmp_path).leads.set_index("lead_id")
    assert rows
    for lead, name, email, company, owner in rows:
        assert (name, email, company) == (leads.loc[lead, "city"], None, None)
        assert float(owner) == leads.loc[lead, "income"]


def test_a_webhook_hears_of_runs_that_end_well_and_of_those_that_do_not(
    crm: FakeCrm, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(state, tmp_path / "state")
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LEADLENS_WEBHOOK_SECRET", "a-secret-that-nobody-guesses")
    with receiving() as receiver:
        config = project(tmp_path, webhook={"url": receiver.url})
        assert leadlens("score", config, "--as-of", NIGHT).code == 0
        assert leadlens("score", config, "--as-of", "2024-04-01").code == 1, "an older date is refused"
        assert leadlens("score", config, "--as-of", NIGHT, "--dry-run").code == 0
        ends = [body["data"] for body in receiver.bodies if body["type"] == "run.ended"]
        assert [(end["status"], end["exit_code"]) for end in ends] == [("done", 0), ("refused", 1)]
        assert "newer" in ends[1]["error"]
        monkeypatch.delenv("LEADLENS_WEBHOOK_SECRET")
        answer = leadlens("score", config, "--as-of", NIGHT)
    assert answer.code == 2
    assert "has no secret" in answer.err

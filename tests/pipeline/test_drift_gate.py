"""The gate of a night, through the command: what is unlike before stops it, and the target stays as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from leadlens.features.errors import LeadlensError
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.runs.store import RunStore
from tests.drift_nights import FAULTS, Dealer
from tests.pipeline.little_project import Answer, LittleProject, leadlens

AS_OF = "2024-05-24"


class Night:
    """A trained project that was scored once, and is scored again after its sources were changed."""

    def __init__(self, folder: Path) -> None:
        self.project = LittleProject(folder)
        self.config = self.project.write()
        self.target = folder / "scores.duckdb"

    def score(self, *options: str) -> Answer:
        return leadlens("score", self.config, "--to", f"duckdb:///{self.target}", *options)

    def rows(self) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.target), read_only=True) as connection:
            return connection.sql("SELECT * FROM lead_scores ORDER BY lead_id").fetchall()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        night = Night(folder)
        assert leadlens("train", night.config, "--trials", "1").code == 0
        assert leadlens("promote", night.config, "--force", "a small example").code == 0
        assert night.score("--as-of", AS_OF).code == 0
        yield night


@pytest.fixture
def night(trained: Night, tmp_path: Path) -> Iterator[Night]:
    """Whatever a test writes, the next one begins after the one good night: tests come in any order."""
    before, runs = trained.project, trained.target.parent / "home" / "runs"
    shutil.copy2(trained.target, tmp_path / "scores.duckdb")
    shutil.copytree(runs, tmp_path / "runs")
    trained.project = LittleProject(before.folder)
    yield trained
    before.write()
    trained.project = before
    shutil.rmtree(runs)
    shutil.copytree(tmp_path / "runs", runs)
    shutil.copy2(tmp_path / "scores.duckdb", trained.target)


def no_events(project: LittleProject) -> None:
    project.events = project.events.iloc[:0]


def renamed(project: LittleProject) -> None:
    project.events = project.events.replace({"event_type": {"page_viewed": "pageview"}})


def thousands(project: LittleProject) -> None:
    project.leads["income"] = project.leads["income"] / 1000


def all_closed(project: LittleProject) -> None:
    project.leads["closed_at"] = project.leads["created_at"]


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (no_events, "rows-lost", "rows of events: 0, after 400"),
        (renamed, "type-gone", "new are pageview: was it renamed?"),
        (all_closed, "open-none", "no lead is open"),
    ],
)
def test_a_fault_stops_the_night(
    night: Night, fault: Callable[[LittleProject], None], code: str, words: str
) -> None:
    before = night.rows()
    fault(night.project)
    night.project.write()
    refused = night.score("--as-of", AS_OF, "--json")
    assert refused.code == 1
    assert words in refused.err
    assert "--force" in refused.err
    assert "--as-of" not in refused.err
    assert code in [found["code"] for found in refused.facts["differences"] if found["level"] == "stop"]
    assert night.rows() == before
    tried = leadlens("score", night.config, "--as-of", AS_OF, "--dry-run")
    assert tried.code == 0, "a dry run says what would stop"
    assert f"beyond its limit: {words}" in tried.out or words in tried.out
    assert night.rows() == before


def test_old_data_are_refused_unless_asked_for(night: Night) -> None:
    before = night.rows()
    refused = night.score()
    assert refused.code == 1
    assert "the data end at 2024-05-23 12:00" in refused.err
    assert "--as-of 2024-05-24" in refused.err
    assert night.score("--as-of", "2024-07-01").code == 1, "so are those that are old by the date asked for"
    assert night.rows() == before
    assert night.score("--as-of", AS_OF).code == 0


def test_data_that_are_growing_old_are_said_before_all_else(night: Night) -> None:
    tried = night.score("--as-of", "2024-06-04", "--dry-run", "--force", "a look")
    assert tried.code == 0
    said = [line for line in tried.out.splitlines() if line.startswith("note: ")]
    assert len(said) > 2
    assert said[0] == (
        "note: the data end at 2024-05-23 12:00, 11 days before 2024-06-04: what leads did since is unknown"
    )


def test_force_writes_and_keeps_the_reason(night: Night) -> None:
    thousands(night.project)
    no_events(night.project)
    night.project.write()
    assert night.score("--as-of", AS_OF).code == 1
    done = night.score("--as-of", AS_OF, "--force", "the shop was closed", "--json")
    assert done.code == 0
    assert "forced: the shop was closed" in done.facts["warnings"]
    assert done.facts["written"]["updated"] > 0
    assert {found["level"] for found in done.facts["differences"]} >= {"stop"}


def test_what_was_forced_is_not_to_be_forced_every_night(night: Night) -> None:
    """Somebody said that it is right; but where all was as usual again since, the same fault is one again."""
    events = night.project.events
    for _ in range(2):
        assert night.score("--as-of", AS_OF).code == 0
    renamed(night.project)
    night.project.write()
    assert night.score("--as-of", AS_OF).code == 1
    assert night.score("--as-of", AS_OF, "--force", "the website was made anew").code == 0
    next_night = night.score("--as-of", AS_OF, "--json")
    assert next_night.code == 0
    assert [found["level"] for found in next_night.facts["differences"] if found["code"] == "type-gone"] == [
        "warning"
    ]
    assert any(each.endswith("as in the night that was forced") for each in next_night.facts["warnings"])
    night.project.events = events
    night.project.write()
    assert night.score("--as-of", AS_OF).code == 0, "all is as usual again"
    renamed(night.project)
    night.project.write()
    again = night.score("--as-of", AS_OF)
    assert again.code == 1
    assert "events of type 'page_viewed': 0" in again.err


def test_limits_are_settings(night: Night) -> None:
    no_events(night.project)
    night.project.settings["drift"] = {"mode": "warn"}
    night.project.write()
    done = night.score("--as-of", AS_OF)
    assert done.code == 0
    assert "beyond its limit: rows of events: 0" in done.out
    night.project.settings["drift"] = {"lots": 0.5}
    night.project.write()
    assert night.score("--as-of", AS_OF).code == 2


def test_a_folder_that_is_made_for_a_target_is_said(night: Night, tmp_path: Path) -> None:
    to = tmp_path / "scroes" / "of the night" / "scores.csv"
    said = f"Made the folder {tmp_path / 'scroes'} for it."
    made = leadlens("score", night.config, "--to", to, "--as-of", AS_OF)
    assert made.code == 0
    assert said in made.out.splitlines()
    assert said not in leadlens("score", night.config, "--to", to, "--as-of", AS_OF).out


def test_a_trial_is_not_what_readers_are_shown(night: Night, tmp_path: Path) -> None:
    """To another target a night is held against none before it, and the gate lets more through."""
    shown = CopyFolder.of("little")
    usual = night.score("--as-of", AS_OF)
    assert f"The page shows these scores now: leadlens app {night.config}" in usual.out.splitlines()
    before = shown.latest()
    assert before is not None
    trial = ("score", night.config, "--as-of", AS_OF, "--to", tmp_path / "trial.csv")
    tried = leadlens(*trial)
    assert tried.code == 0
    assert f"note: the page goes on showing the scores in duckdb:///{night.target}" in tried.out
    assert "The page shows these scores" not in tried.out
    assert shown.latest() == before
    night.project.settings["scores"] = {"to": str(tmp_path / "trial.csv")}
    night.project.write()
    assert leadlens(*trial, "--json").facts["published"], "the project's own"
    assert not night.score("--as-of", AS_OF, "--json").facts["published"]


def test_a_model_without_a_picture_of_its_training_says_so(night: Night, tmp_path: Path) -> None:
    (found,) = (night.project.folder / "home" / "serving").glob("*/*/reference.json")
    text = found.read_text(encoding="utf-8")
    bundle = Bundle.load(found.parent)
    assert bundle.reference is not None
    assert json.loads(text)["tables"]["events"] == 400
    found.unlink()
    try:
        assert Bundle.load(found.parent).reference is None
        from leadlens.pipeline.registry import serving

        serving._load.cache_clear()
        answer = leadlens("score", night.config, "--as-of", AS_OF, "--dry-run")
        assert "keeps no profile of its training data" in answer.out
    finally:
        found.write_text(text, encoding="utf-8")
        serving._load.cache_clear()


def test_the_record_of_a_run_keeps_the_comparison(night: Night) -> None:
    runs = RunStore(night.project.folder / "home" / "runs")
    no_events(night.project)
    night.project.write()
    assert night.score("--as-of", AS_OF).code == 1
    refused = runs.records()[0]
    assert (refused.status, refused.exit_code) == ("refused", 1)
    assert refused.error is not None
    assert "unlike the nights before" in refused.error
    assert "(beyond its limit: rows of events: " in refused.error
    assert [found["code"] for found in refused.notes["differences"]] == ["rows-lost"]
    assert night.score("--as-of", AS_OF, "--force", "the shop was closed").code == 0
    forced = runs.records()[0]
    assert (forced.status, forced.notes["forced"]) == ("done", "the shop was closed")
    assert "forced: the shop was closed" in forced.warnings
    assert any("beyond its limit: rows of events: 0" in warning for warning in forced.warnings)


def test_no_personal_value_is_in_a_profile(night: Night) -> None:
    """No id, and no value of less than twenty leads."""
    home = night.project.folder / "home"
    profiles = [
        record.notes["profile"] for record in RunStore(home / "runs").records() if "profile" in record.notes
    ]
    profiles += [json.loads(file.read_text(encoding="utf-8")) for file in home.rglob("reference.json")]
    assert len(profiles) >= 3
    texts = [json.dumps(profile) for profile in profiles]
    assert any("page_viewed" in text for text in texts)
    for text in texts:
        assert "L0" not in text
        assert '"Lima"' not in text


def test_good_nights_pass_and_faults_do_not(tmp_path: Path) -> None:
    """A few of what `python -m tests.drift_nights` tries."""
    dealer = Dealer(tmp_path, leads=1_500, nights=3)
    dealer.train()
    assert {verdict for _, verdict, _ in dealer.good_nights()} <= {"pass", "warn"}
    tried = (
        "events: a header only", "event type renamed in all", "income in thousands", "column gone",
        "all leads closed", "conversions: a header only", "data that ended 515 days ago",
    )  # fmt: skip
    assert {name: dealer.fault(name)[0] for name in tried} == dict.fromkeys(tried, "stop")


def test_a_refusal_is_an_error_of_the_data() -> None:
    from leadlens.pipeline.dataset.night_gate import NightRefused

    assert issubclass(NightRefused, LeadlensError)
    assert NightRefused([]).exit_code == 1
    assert pd.Series(list(FAULTS)).is_unique

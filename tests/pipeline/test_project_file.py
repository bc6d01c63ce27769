"""The project file: every shipped one loads, the schema for editors is fresh, and settings mean what they say."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url

from leadlens.features import UsageError
from leadlens.features import secrets as memory
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.config import Project, expand, load_project, unexpanded
from leadlens.pipeline.dataset.saved_matrix import deciding_settings
from leadlens.pipeline.schemas import schemas
from tests.pipeline.bad_yaml import FINE

CONFIGS = Path(__file__).parents[2] / "configs"


def write(folder: Path, told: str = FINE) -> Path:
    path = folder / "project.yaml"
    path.write_text(told, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_project_loads_with_its_sheets(path: Path) -> None:
    file = load_project(path)
    assert file.project.name == path.stem
    for sheet in file.project.scorecards:
        assert Sheet.load(file.resolve(sheet)).all_dimensions


@pytest.mark.parametrize("name", schemas())
def test_the_schema_for_editors_is_fresh(name: str) -> None:
    committed = (CONFIGS / "schema" / name).read_text(encoding="utf-8")
    assert committed == schemas()[name], "run: make schema"


def test_every_shipped_project_uses_only_what_the_schema_knows() -> None:
    known = json.loads(schemas()["project.json"])["properties"]
    for path in CONFIGS.glob("*.yaml"):
        assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= set(known)


def test_every_setting_is_described() -> None:
    """The schema is the reference that an editor shows: a setting without a description is not finished."""
    schema = json.loads(schemas()["project.json"])
    for section in [schema, *schema["$defs"].values()]:
        for name, setting in section.get("properties", {}).items():
            section_like = "$ref" in setting or name in ("data",)
            assert section_like or setting.get("description"), f"{section['title']}.{name}"


def test_a_folder_stands_for_its_project_file(tmp_path: Path) -> None:
    write(tmp_path)
    assert load_project(tmp_path).path == (tmp_path / "project.yaml").absolute()


def test_a_missing_project_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(UsageError, match=r"did you mean: project\.yaml"):
        load_project(tmp_path / "projekt.yaml")


def test_settings_are_read_as_they_are_meant(tmp_path: Path) -> None:
    more = "judge: {test_from: 2026-01-31T09:30:00+01:00}\nspine: {at_ages: [0d, 12h, 2w]}\n"
    project = load_project(write(tmp_path, FINE + more)).project
    assert project.outcome.horizon == timedelta(days=10)
    assert project.spine.at_ages == (timedelta(0), timedelta(hours=12), timedelta(days=14))
    assert project.judge.test_from == datetime(2026, 1, 31, 8, 30)


def test_what_is_written_down_loads_again(tmp_path: Path) -> None:
    project = load_project(write(tmp_path)).project
    assert Project.model_validate(project.canonical()) == project


def test_the_fingerprint_follows_the_settings_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    plain = load_project(write(tmp_path)).fingerprint
    assert load_project(write(tmp_path / "other", "# a comment\n" + FINE)).fingerprint == plain
    assert load_project(write(tmp_path, FINE.replace("10d", "11d"))).fingerprint != plain


def test_paths_start_at_the_project_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = load_project(write(tmp_path))
    monkeypatch.chdir("/")
    assert file.resolve("data/leads.csv") == tmp_path / "data" / "leads.csv"
    assert file.resolve("/srv/leads.csv") == Path("/srv/leads.csv").absolute()


@pytest.mark.skipif(os.name == "nt", reason="there it is a path")
@pytest.mark.parametrize("path", [r"C:\crm\leads.csv", "d:/crm/leads.csv"])
def test_a_windows_path_elsewhere_is_told(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="Windows"):
        load_project(write(tmp_path)).resolve(path)


def test_the_environment_is_put_in_but_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_TEST", "p@ss/word")
    monkeypatch.delenv("LEADLENS_UNSET", raising=False)
    written = "${LEADLENS_TEST}/${LEADLENS_UNSET:-data}/x.csv"
    assert expand(written, "here") == "p@ss/word/data/x.csv"
    assert unexpanded(written) == "${LEADLENS_TEST}/data/x.csv"
    assert expand("pg://ann:${LEADLENS_TEST}@host", "here") == "pg://ann:p%40ss%2Fword@host"
    with pytest.raises(UsageError, match="LEADLENS_UNSET") as caught:
        expand("${LEADLENS_UNSET}", "here")
    assert "p@ss" not in str(caught.value)


ODD = "p@ss/w:rd%41 #?é&=$"


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://ann:${PW}@host:5432/crm",
        "postgresql://${WHO}:${PW}@host:5432/crm",
        "postgresql://${WHO}:${PW}@${HOST}:5432/${BASE:-crm}",
        "postgresql+psycopg://ann:${UNSET:-p@ss/w:rd%41 #?é&=$}@host:5432/crm",
        "postgresql://ann:p%40ss${REST}@host:5432/crm",
    ],
)
def test_a_password_in_the_environment_is_taken_as_it_is(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PW": ODD, "WHO": "ann", "HOST": "host", "REST": ODD.removeprefix("p@ss")}.items():
        monkeypatch.setenv(name, value)
    url = make_url(expand(written, "here"))
    assert (url.username, url.password, url.host, url.port, url.database) == ("ann", ODD, "host", 5432, "crm")


@pytest.fixture(autouse=True)
def nothing_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is met here as a secret is an ordinary word elsewhere."""
    monkeypatch.setattr(memory, "_met", {})


def test_user_and_password_in_one_variable_stay_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTH", "ann:p%40ss")
    assert expand("postgresql://${BOTH}@host/crm", "here") == "postgresql://ann:p%40ss@host/crm"
    monkeypatch.setenv("URL", "postgresql://ann:p%40ss@host/crm")
    assert expand("${URL}", "here") == "postgresql://ann:p%40ss@host/crm"


OLD = """\
name: old1
data: {leads: {read: a.csv}, conversions: {read: b.csv}}
model: {drop_clock: false, trials: 3}
hygiene: {test_leads: tell, bots: {mode: tell}}
"""
NEW = OLD.replace("drop_clock", "drop_time_proxies").replace("tell", "report")


def test_old_spellings_go_on_working_with_a_note_each(tmp_path: Path) -> None:
    old, new = load_project(write(tmp_path, OLD)), load_project(write(tmp_path, NEW))
    assert old.project == new.project
    assert old.notes == (
        "hygiene.test_leads: tell is now called report; the old name goes on working",
        "hygiene.bots.mode: tell is now called report; the old name goes on working",
        "model.drop_clock is now called model.drop_time_proxies; the old name goes on working",
    )
    assert new.notes == ()


def test_a_renamed_setting_changes_no_fingerprint(tmp_path: Path) -> None:
    """The digits are those that 0.3.0 gave: models and matrices of it still belong to the file."""
    for text in (OLD, NEW):
        file = load_project(write(tmp_path, text))
        assert (file.fingerprint, deciding_settings(file)) == ("9dd1c6444a93", "16245fa77d61022a")
        assert file.project.canonical()["model"]["drop_clock"] is False


def test_both_spellings_of_a_setting_are_refused(tmp_path: Path) -> None:
    both = NEW.replace("model: {", "model: {drop_clock: true, ")
    with pytest.raises(UsageError, match="drop_clock is the old name of drop_time_proxies: keep"):
        load_project(write(tmp_path, both))


def test_a_mistake_in_an_old_setting_is_found_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.drop_clock: true or false is expected") as caught:
        load_project(write(tmp_path, OLD.replace("drop_clock: false", "drop_clock: maybe")))
    assert "project.yaml:3" in str(caught.value)


def test_the_schema_accepts_old_spellings() -> None:
    settings = json.loads(schemas()["project.json"])["$defs"]
    assert settings["Model"]["properties"]["drop_clock"]["deprecated"]
    assert {"tell", "report"} <= set(settings["Hygiene"]["properties"]["test_leads"]["enum"])

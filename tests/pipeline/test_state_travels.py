"""A state that is moved, copied, or can only be read; and what a registered model says of itself."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.score import score
from leadlens.pipeline.registry import serving
from leadlens.pipeline.registry.mlflow_registry import Registry, requirements
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.registry.state_artifacts import LOCATION, beside, forget_places
from tests.pipeline.little_project import LittleProject, leadlens

ROOT = Path(__file__).parents[2]
AS_OF = "2024-05-24"
SHEET = b"""
sheet: little
attributes: [{label: Rome, when: "city = 'Rome'", points: 4}]
actions: [{label: Prices, when: "page = 'Pricing'", points: 6, per: each, cap: 9}]
"""


@pytest.fixture(scope="module")
def trained() -> Iterator[Path]:
    """A project with a champion, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="leadlens-test-"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        project = LittleProject(folder)
        project.files["little.yaml"] = SHEET
        project.settings["scorecards"] = ["little.yaml"]
        config = project.write()
        assert leadlens("train", config, "--trials", "1").code == 0
        shutil.copytree(folder, folder / "unpromoted")
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def unpromoted(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as it was before any promotion, whichever test comes first."""
    folder = trained / "unpromoted"
    monkeypatch.setenv("LEADLENS_HOME", str(folder / "home"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def champion(trained: Path) -> Path:
    assert leadlens("promote", trained / "project.yaml", "--force", "a small example").code == 0
    return trained


def test_the_challenger_scores_until_there_is_a_champion(unpromoted: Path) -> None:
    file = load_project(unpromoted)
    first = score(file, dry_run=True)
    assert (first.alias, "no champion yet" in " ".join(first.warnings)) == ("challenger", True)
    assert leadlens("promote", unpromoted / "project.yaml", "--force", "a small example").code == 0
    assert score(file, dry_run=True).alias == "champion"
    asked = score(file, dry_run=True, challenger=True)
    assert (asked.alias, "no champion yet" in " ".join(asked.warnings)) == ("challenger", False)
    assert (
        leadlens("explain", unpromoted / "project.yaml", "L140", "--challenger", "--json").facts["alias"]
        == "challenger"
    )
    # A champion that is taken away is not replaced unnoticed.
    registry = Registry("little")
    registry.client.delete_registered_model_alias("little", "champion")
    refused = leadlens("score", unpromoted / "project.yaml", "--dry-run")
    assert refused.code == 1
    assert "had a champion, and has none now" in refused.err
    assert "--challenger" in refused.err
    assert leadlens("score", unpromoted / "project.yaml", "--dry-run", "--challenger").code == 0


def test_scoring_writes_nothing_into_the_registry(champion: Path) -> None:
    def files() -> dict[Path, tuple[int, int]]:
        home = champion / "home"
        found = [home / "mlflow.db", *(home / "mlartifacts").rglob("*"), *(home / "serving").rglob("*")]
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    before = files()
    assert (
        leadlens(
            "score", champion / "project.yaml", "--as-of", AS_OF, "--to", f"duckdb:///{champion}/s.duckdb"
        ).code
        == 0
    )
    assert leadlens("explain", champion / "project.yaml", "L140").code == 0
    assert files() == before


def test_no_place_is_noted_in_the_registry(champion: Path) -> None:
    home = champion / "home"
    for path in (home / "mlflow.db", *(home / "mlartifacts").rglob("*"), *(home / "serving").rglob("*")):
        if path.is_file():
            assert str(champion).encode() not in path.read_bytes(), path


def test_a_moved_state_serves(champion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = score(load_project(champion), dry_run=True)
    moved = champion / "elsewhere"
    shutil.move(champion / "home", moved)
    try:
        monkeypatch.setenv("LEADLENS_HOME", str(moved))
        serving._load.cache_clear()
        after = score(load_project(champion), dry_run=True)
        assert after.alias == "champion"
        pd.testing.assert_frame_equal(after.scores, before.scores)
        assert leadlens("promote", champion / "project.yaml", "--force", "in its new place").code == 0
        registry = Registry("little")
        loaded = registry.mlflow.pyfunc.load_model("models:/little@champion")
        assert len(loaded.predict(loaded.input_example)) == 1
        shutil.rmtree(moved / "serving")
        assert serving_model("little").alias == "champion", "MLflow finds it too"
    finally:
        shutil.move(moved, champion / "home")


def test_who_may_only_read_the_state_can_score(champion: Path) -> None:
    home, out = champion / "home", champion / "theirs"
    out.mkdir()
    lines = [
        "from tests.pipeline.little_project import leadlens",
        f"config = {str(champion / 'project.yaml')!r}",
        "for words in (['score', config, '--dry-run'], ['explain', config, 'L140'], ['compare', config, '--out', 'report'],",
        f"              ['score', config, '--as-of', '{AS_OF}', '--to', 'duckdb:///s.duckdb'], ['train', config]):",
        "    answer = leadlens(*words); print(words[0], answer.code); print(answer.err if answer.code else '')",
        "    print('\\n'.join(line for line in answer.out.splitlines() if 'is read-only' in line))",
    ]
    subprocess.run(["chmod", "-R", "a+rX,a-w", home], check=True)
    # Root may write anywhere, unless that is taken from it.
    without = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        ran = subprocess.run(
            [*(without if os.geteuid() == 0 else []), sys.executable, "-c", "\n".join(lines)],
            cwd=out,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        subprocess.run(["chmod", "-R", "u+w", home], check=True)
    codes = [
        line
        for line in ran.stdout.splitlines()
        if line.split(" ")[0] in ("score", "explain", "compare", "train")
    ]
    assert codes == ["score 0", "explain 0", "compare 0", "score 0", "train 2"], ran.stdout + ran.stderr
    assert "note: the state folder is read-only: this run leaves no record" in ran.stdout
    assert "models, runs and reports cannot be stored here" in ran.stdout


def test_addresses_of_earlier_releases(tmp_path: Path) -> None:
    """They noted where artifacts were: after a move they are looked for beside the database, and rewritten on the next run."""
    place, store = (
        tmp_path / "mlartifacts" / "models" / "m-1" / "artifacts",
        f"sqlite:///{tmp_path}/mlflow.db",
    )
    place.mkdir(parents=True)
    noted = "file:///long/gone/mlartifacts/models/m-1/artifacts"
    assert beside(noted, store) == place
    assert beside(place.as_uri(), store) is None, "it is where it is said to be"
    assert beside("file:///long/gone/mlartifacts/models/m-2/artifacts", store) is None
    assert beside("s3://bucket/mlartifacts/models/m-1", store) is None
    assert beside(noted, "https://mlflow.example.com") is None
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        for table, column in (
            ("experiments", "artifact_location"), ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"), ("model_versions", "storage_location"),
        ):  # fmt: skip
            database.execute(f"CREATE TABLE {table} ({column} TEXT)")
        rows = [("file:///long/gone/mlartifacts",), ("s3://bucket/mlartifacts",), ("/somewhere/mlruns/0",)]
        database.executemany("INSERT INTO experiments VALUES (?)", rows)
        database.execute("INSERT INTO model_versions VALUES (?)", (noted,))
        database.execute("INSERT INTO runs VALUES ('file:///long/gone/mlartifacts/not-here')")
    forget_places(store)
    forget_places(store)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("SELECT * FROM experiments").fetchall() == [
            (LOCATION,), ("s3://bucket/mlartifacts",), (f"{LOCATION}/0",)
        ]  # fmt: skip
        assert database.execute("SELECT * FROM model_versions").fetchall() == [
            (f"{LOCATION}/models/m-1/artifacts",)
        ]
        assert database.execute("SELECT * FROM runs").fetchall() == [
            ("file:///long/gone/mlartifacts/not-here",)
        ]


def test_a_registered_model_tells_what_it_is(champion: Path) -> None:
    registry = Registry("little")
    version = registry.client.get_model_version_by_alias("little", "champion")
    assert "out-of-time rows" in version.description
    assert version.tags["leadlens.trained_to"].startswith("2024-")
    run = registry.client.get_run(version.run_id)
    assert run.info.run_name.startswith("little, trained to 2024-")
    assert run.data.tags["mlflow.note.content"] == version.description
    assert run.data.tags["mlflow.source.name"] == "leadlens"
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "little training rows"
    assert given.dataset.digest == run.data.params["data_fingerprint"]
    loaded = registry.mlflow.pyfunc.load_model("models:/little@champion")
    predicted = loaded.predict(loaded.input_example)
    assert predicted["score"].between(1, 99).all()
    needed = (
        Path(registry.mlflow.artifacts.download_artifacts("models:/little@champion")) / "requirements.txt"
    )
    assert set(needed.read_text(encoding="utf-8").split()) == set(requirements())
    assert any(line.startswith("leadlens==") for line in requirements())


def test_no_lead_is_the_input_example(champion: Path) -> None:
    registry = Registry("little")
    loaded = registry.mlflow.pyfunc.load_model("models:/little@champion")
    example = json.loads(loaded.input_example.to_json(orient="records"))[0]
    bundle = serving_model("little").bundle
    assert set(example) == {*bundle.model.columns, *bundle.model.rule_names}
    assert all(
        value is None or isinstance(value, str) or float(f"{value:.3g}") == value
        for value in example.values()
    )

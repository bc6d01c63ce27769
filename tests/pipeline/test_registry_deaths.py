"""A process that dies before any write to the registry leaves it whole, and the same command again ends as it would have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens import load_project, train
from leadlens.pipeline.registry.dead_runs import PROCESS, this_process
from leadlens.pipeline.registry.description import typical_row
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.versions import roll_back, versions
from tests.pipeline.little_project import LittleProject

WRITES = (
    "create_registered_model",
    "create_model_version",
    "update_model_version",
    "set_model_version_tag",
    "set_registered_model_alias",
)


class Died(BaseException):
    """SIGKILL, as far as the registry can see."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with one version."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        little = LittleProject(folder / "little")
        little.settings["model"] = {"trials": 1, "folds": 2}
        train(load_project(little.write()))
        yield folder / "home"


@pytest.fixture
def state(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Registry]:
    """A copy of it, anew with each call."""

    def anew() -> Registry:
        home = tmp_path / f"home{len(list(tmp_path.iterdir()))}"
        shutil.copytree(trained, home)
        monkeypatch.setenv("LEADLENS_HOME", str(home))
        return Registry("little")

    return anew


def deaths(registry: Registry, act: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, before: int) -> bool:
    """Whether ``act`` died: before the write of that number."""
    left, client = [before], type(registry.client)
    with monkeypatch.context() as patch:
        for name in WRITES:
            real = getattr(client, name)

            def counted(*given: Any, _real: Any = real, **named: Any) -> Any:
                if not left[0]:
                    raise Died
                left[0] -= 1
                return _real(*given, **named)

            patch.setattr(client, name, counted)
        try:
            act()
        except Died:
            return True
    return False


def whole(registry: Registry) -> None:
    """Every version is complete, and what serves is one of them."""
    found = versions(registry)
    for each in found:
        assert each.trained_to, f"version {each.version} is half made"
        assert each.train_rows
        registry.version(each.version)
    serving = registry.serving()
    assert serving.version in {each.version for each in found}


def test_a_promotion_that_dies(state: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0
    for before in range(9):
        registry = state()
        died = deaths(registry, lambda on=registry: on.promote("1"), monkeypatch, before)
        whole(registry)
        registry.promote("1")
        assert registry.serving().alias == "champion"
        assert versions(registry)[0].promoted_at
        seen += died
        if not died:
            break
    assert seen == 2, "the alias, and when"


def test_after_a_promotion_that_died_the_former_champion_is_known(
    state: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = state()
    assert deaths(registry, lambda: registry.promote("1"), monkeypatch, before=1)
    assert registry.serving().alias == "champion"
    another(registry)
    registry.promote("2")
    assert roll_back(registry, "worse") == ("1", "2")


def another(registry: Registry) -> str:
    """Register the same model once more."""
    bundle = registry.version("1").bundle
    names = [*bundle.model.columns, *bundle.model.rule_names]
    example = typical_row(pd.DataFrame({name: pd.Series([], dtype="float64") for name in names}))
    folder = Path(registry.client.tracking_uri.removeprefix("sqlite:///")).parent / "another"
    with registry.run("another", {"leadlens.kind": "training"}):
        registry.mlflow.log_params({"train_rows": 1, "test_rows": 1})
        return registry.register(
            bundle, example, pd.DataFrame({"probability": [0.5]}), folder, "the same again"
        )


def test_a_registration_that_dies(state: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0
    for before in range(9):
        registry = state()
        died = deaths(registry, lambda on=registry: another(on), monkeypatch, before)
        whole(registry)
        seen += died
        if not died:
            break
        another(registry)
        whole(registry)
        challenger = registry.open("challenger")
        assert challenger is not None
        assert challenger.version == versions(registry)[0].version
    assert seen == 3, "the model, its version, the alias"


def test_a_rollback_that_dies(state: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0
    for before in range(9):
        registry = state()
        registry.promote("1")
        another(registry)
        registry.promote("2")
        died = deaths(registry, lambda on=registry: roll_back(on, "worse"), monkeypatch, before)
        whole(registry)
        seen += died
        if not died:
            break
        assert roll_back(registry, "worse") == ("1", "2")
        whole(registry)
        assert registry.serving().version == "1"
    assert seen == 3, "when, why, and the alias"


def test_runs_of_dead_processes_are_marked_by_the_next_run(state: Callable[[], Registry]) -> None:
    registry = state()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    machine = this_process().partition("/")[0]
    experiment = registry.client.get_experiment_by_name("little").experiment_id
    marks = {
        "dead": f"{machine}/{gone.pid}",
        "living": this_process(),
        "elsewhere": f"another/{gone.pid}",
        "earlier": None,
    }
    runs = {
        name: registry.client.create_run(experiment, tags={PROCESS: mark} if mark else {}).info.run_id
        for name, mark in marks.items()
    }
    with registry.run("the next", {}):
        pass
    found = {name: registry.client.get_run(run).info.status for name, run in runs.items()}
    assert found == {"dead": "KILLED", "living": "RUNNING", "elsewhere": "RUNNING", "earlier": "RUNNING"}

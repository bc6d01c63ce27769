"""What people give by mistake in a notebook is refused in words, and a path or a date as text is taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import leadlens
from leadlens.features.errors import UsageError
from leadlens.pipeline.config.parts import read_as_of
from leadlens.pipeline.jobs.target import as_target
from tests.pipeline.little_project import LittleProject

api: Any = leadlens

MISTAKES: dict[str, Callable[[str], Any]] = {
    "no project": lambda path: api.load_project(None),
    "check": lambda path: api.check(3),
    "train": lambda path: api.train(None),
    "models": lambda path: api.list_models(None),
    "no trials": lambda path: api.train(path, trials=0),
    "half a trial": lambda path: api.train(path, trials=1.5),
    "retrain without trials": lambda path: api.retrain(path, trials=0),
    "as_of": lambda path: api.score(path, as_of="yesterday"),
    "as_of of a lead": lambda path: api.explain(path, "L001", as_of=20250701),
    "a number for a lead": lambda path: api.explain(path, 1),
    "force of a promotion": lambda path: api.promote(path, force=True),
    "a number for a target": lambda path: api.score(path, to=5),
    "bytes for a target": lambda path: api.score(path, to=b"scores.csv"),
    "force of a score": lambda path: api.score(path, force=True),
    "reason": lambda path: api.rollback(path, reason=None),
    "curve": lambda path: api.learning_curve(path),
    "beeswarm": lambda path: api.beeswarm(path),
    "waterfall": lambda path: api.waterfall(path),
    "a feature alone": lambda path: api.training_set(
        path, features=api.feature(label="Mine", family="behavioural", name="mine")(len)
    ),
    "bare feature": lambda path: api.feature(len),
    "regressor": lambda path: api.train(path, estimator=HistGradientBoostingRegressor()),
    "estimator by name": lambda path: api.train(path, estimator="xgboost"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return str(LittleProject(tmp_path).write())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_with_a_fix(project: str, mistake: str) -> None:
    with pytest.raises(UsageError, match="how to fix it"):
        MISTAKES[mistake](project)


def test_a_path_is_a_project(project: str) -> None:
    assert leadlens.list_models(project) == leadlens.list_models(leadlens.load_project(project)) == []
    assert leadlens.check(project).project == "little"


def test_a_target_may_be_a_path() -> None:
    assert as_target(Path("/a/scores.csv")) == as_target("/a/scores.csv") == "/a/scores.csv"
    assert as_target(None) is None


@pytest.mark.parametrize(
    "given",
    [
        "2025-07-01",
        date(2025, 7, 1),
        datetime(2025, 7, 1),
        datetime(2025, 7, 1, tzinfo=UTC),
        datetime(2025, 7, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2025-07-01"),
    ],
)
def test_an_as_of_is_text_a_date_or_a_time_in_any_zone(given: Any) -> None:
    assert read_as_of(given) == datetime(2025, 7, 1)
    assert type(read_as_of(given)) is datetime

"""The training set of a project: planned on training rows, and of one piece."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leadlens import load_project, open_history
from leadlens.features import History
from leadlens.features.spine import OutOfTimeRows
from leadlens.pipeline.dataset import training_set
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set
from tests.pipeline.little_project import LEADS, LittleProject, events, leads


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingSet, History]:
    """Every lead of the last fifth does something that none before did."""
    project = LittleProject(tmp_path_factory.mktemp("little"))
    late = leads().iloc[LEADS * 4 // 5 :]
    news = pd.DataFrame(
        {
            "event_id": [f"n{lead}" for lead in late["lead_id"]],
            "lead_id": late["lead_id"],
            "occurred_at": late["created_at"] + pd.Timedelta(hours=2),
            "event_type": "only_of_late",
        }
    )
    project.events = pd.concat([events(), news], ignore_index=True)
    project.write()
    file = load_project(project.folder)
    history = open_history(file)
    return build_training_set(file, history), history


def test_features_are_planned_on_the_training_rows(built: tuple[TrainingSet, History]) -> None:
    rows, history = built
    assert history.engine.count("events WHERE event_type = 'only_of_late'") >= len(rows.test) // 4
    names = {key.event_type for key in rows.plan.keys}
    assert "page_viewed" in names
    assert "only_of_late" not in names


def test_no_row_is_in_both_parts_and_none_in_neither(built: tuple[TrainingSet, History]) -> None:
    rows, _ = built
    assert set(rows.part) == {"train", "test"}
    assert not set(rows.train) & set(rows.test)
    assert sorted([*rows.train, *rows.test]) == list(rows.matrix.frame.index) == list(rows.label.index)
    assert (rows.sheets, rows.rules) == (None, None)
    spine = rows.matrix.spine.set_index("row_id")
    assert spine.loc[rows.train, "created_at"].max() < rows.test_from
    assert spine.loc[rows.test, "created_at"].min() >= rows.test_from


def test_other_rows_than_training_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hands the out-of-time rows to the planner gets no plan."""
    project = LittleProject(tmp_path)
    project.write()
    file = load_project(project.folder)
    plan = training_set.plan_features

    def leaky(history: History, rows: object, settings: object) -> object:
        return plan(history, OutOfTimeRows(history.engine, str(rows)), settings)  # type: ignore[arg-type]

    monkeypatch.setattr(training_set, "plan_features", leaky)
    with pytest.raises(TypeError, match="training rows alone"):
        build_training_set(file, open_history(file))

"""The time split against a slow reading of its rules: who may be learned from, who is judged on, and who is neither."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens.features import DataError, History, UsageError
from leadlens.features.label import build_labels
from leadlens.features.planning import plan_features
from leadlens.features.spine import OutOfTimeRows, Spine, TrainingRows, build_spine
from leadlens.pipeline.config import Project
from leadlens.pipeline.dataset.policies import feature_settings, outcome_horizon, spine_policy
from leadlens.pipeline.dataset.time_split import Split, split_by_time, split_snapshots
from tests.models.histories import DAY, open_small

START = datetime(2026, 3, 2)
LEADS = 60


def history_of(events: list[dict[str, Any]] | None = None) -> History:
    """A lead a day; every third converts after six days and an hour. The data end 20 days after the last lead."""
    leads = [{"lead_id": f"L{n:02}", "created_at": START + n * DAY} for n in range(LEADS)]
    history = open_small(leads, events or [])
    sold = pd.DataFrame(
        {
            "lead_id": [f"L{n:02}" for n in range(0, LEADS, 3)],
            "converted_at": [START + n * DAY + timedelta(days=6, hours=1) for n in range(0, LEADS, 3)],
        }
    )
    history.engine.register(
        "conversions", sold.assign(kind=None, product=None, value=None).astype({"kind": "str"})
    )
    history.engine.register("unlabelled", pd.DataFrame({"lead_id": pd.Series(dtype="str")}))
    return History(history.engine, START + (LEADS + 20) * DAY, {}, {}, {})


def project_of(**sections: dict[str, Any]) -> Project:
    data = {"leads": {"read": "leads.csv"}, "conversions": {"read": "sold.csv"}}
    spine = {"at_ages": ["0d", "2d", "5d"]}
    return Project.model_validate(
        {"name": "little", "data": data, "outcome": {"horizon": "10d"}, "spine": spine, **sections}
    )


def by_part(history: History, split: Split) -> dict[str, pd.DataFrame]:
    read = history.engine.frame
    parts = {"train": split.train, "test": split.test, "both": split.both, "outcomes": split.outcomes}
    return {name: read(f"SELECT * FROM {table} ORDER BY row_id") for name, table in parts.items()}


def slow_parts(project: Project, test_from: datetime) -> Iterator[tuple[str, datetime, str | None]]:
    """(lead, as_of, part) of every mature row, by the rules as the design tells them."""
    horizon = outcome_horizon(project)
    embargo = horizon if project.judge.embargo is None else project.judge.embargo
    for number in range(LEADS):
        created = START + number * DAY
        converted = created + timedelta(days=6, hours=1) if number % 3 == 0 else None
        for age in project.spine.at_ages:
            as_of = created + age
            if as_of + horizon > START + (LEADS + 20) * DAY or (converted and converted < as_of):
                continue
            if created >= test_from:
                late = project.judge.test_to is not None and created >= project.judge.test_to
                yield f"L{number:02}", as_of, None if late else "test"
            else:
                # an embargo of no time is none at all: who asks for it takes rows by their lead alone
                known = not embargo or as_of + embargo <= test_from
                yield f"L{number:02}", as_of, "train" if known else None


@pytest.mark.parametrize(
    "judge",
    [
        {},
        {"embargo": "0d"},
        {"embargo": "3d"},
        {"test_from": "2026-04-01"},
        {"test_from": "2026-04-01", "test_to": "2026-04-11"},
        {"test_share": 0.5},
    ],
    ids=str,
)
def test_the_parts_are_those_of_a_slow_reading(judge: dict[str, Any]) -> None:
    history, project = history_of(), project_of(judge=judge)
    with split_snapshots(history, project) as split:
        parts = by_part(history, split)
        want = list(slow_parts(project, split.test_from))
        for part in ("train", "test"):
            rows = [(row.lead_id, row.as_of.to_pydatetime()) for row in parts[part].itertuples()]
            assert sorted(rows) == sorted((lead, as_of) for lead, as_of, of in want if of == part)
        outcomes = parts["outcomes"].set_index("row_id")
        assert list(outcomes.index) == list(parts["both"]["row_id"])
        for part in ("train", "test"):
            assert list(outcomes.index[outcomes["part"] == part]) == list(parts[part]["row_id"])
        trained = outcomes.loc[outcomes["part"] == "train", "label"]
        assert split.base_rate == pytest.approx(trained.mean())
        assert len(parts["train"]) > 20
        assert len(parts["test"]) > 5


def test_by_default_the_embargo_is_the_horizon_and_some_rows_fall_into_it() -> None:
    history, project = history_of(), project_of()
    with split_snapshots(history, project) as split:
        parts = by_part(history, split)
        assert split.embargo == outcome_horizon(project) == 10 * DAY
        known = parts["train"]["as_of"] + split.embargo
        assert known.max() == split.test_from, "the last training row's outcome is known just then"
        with split_snapshots(history, project_of(judge={"embargo": "0d"})) as open_fence:
            assert open_fence.train.rows > split.train.rows


def test_a_quarter_of_the_leads_is_judged_on() -> None:
    history = history_of()
    with split_snapshots(history, project_of()) as split:
        leads = by_part(history, split)
        assert leads["test"]["lead_id"].nunique() == pytest.approx(LEADS / 4, abs=1)
        assert not set(leads["train"]["lead_id"]) & set(leads["test"]["lead_id"]), (
            "by age no lead is on both sides"
        )
        assert leads["train"]["created_at"].max() < leads["test"]["created_at"].min()


def test_on_a_calendar_rows_are_split_by_as_of() -> None:
    history, project = history_of(), project_of(spine={"every": "7d"}, outcome={"horizon": "5d"})
    with split_snapshots(history, project) as split:
        parts = by_part(history, split)
        assert parts["test"]["as_of"].min() == split.test_from
        assert parts["train"]["as_of"].max() + split.embargo <= split.test_from
        assert set(parts["train"]["lead_id"]) & set(parts["test"]["lead_id"]), (
            "a lead may be on both sides then"
        )


def test_features_are_planned_on_training_rows_alone() -> None:
    """An event type that only the out-of-time leads have, and one that all have."""
    events = [
        {"lead_id": f"L{n:02}", "occurred_at": START + n * DAY + timedelta(hours=1), "event_type": kind}
        for n in range(LEADS)
        for kind in (("seen_always", "seen_by_most") if n < LEADS - 16 else ("seen_always", "only_of_late"))
    ]
    history, project = history_of(events), project_of()
    with split_snapshots(history, project) as split:
        plan = plan_features(history, split.train, feature_settings(project))
        names = {key.event_type for key in plan.keys}
        assert "seen_by_most" in names
        assert "only_of_late" not in names
        for rows in (split.both, split.test):
            with pytest.raises(TypeError, match="training rows alone"):
                plan_features(history, rows, feature_settings(project))  # type: ignore[arg-type]


def test_every_table_is_dropped_by_its_owner() -> None:
    history = history_of()
    names = "SELECT table_name AS name FROM duckdb_tables() ORDER BY name"
    before = list(history.engine.frame(names)["name"])
    with split_snapshots(history, project_of()) as split:
        assert isinstance(split.train, TrainingRows)
        assert isinstance(split.test, OutOfTimeRows)
        assert len(history.engine.frame(names)) > len(before)
    assert list(history.engine.frame(names)["name"]) == before
    with pytest.raises(DataError), split_snapshots(history, project_of(outcome={"horizon": "90d"})):
        pass
    assert list(history.engine.frame(names)["name"]) == before
    with pytest.raises(RuntimeError), split_snapshots(history, project_of()):
        raise RuntimeError("a step failed")
    assert list(history.engine.frame(names)["name"]) == before


def test_two_spines_live_side_by_side() -> None:
    history, policy = history_of(), spine_policy(project_of())
    with build_spine(history, policy) as one, build_spine(history, policy) as other:
        assert one.name != other.name
        assert one.rows == other.rows > 0
        assert isinstance(one, Spine)
    with build_spine(history, policy) as again:
        assert again.name == one.name, "a name that was given back is used again"


def test_what_cannot_be_split_is_refused_in_words() -> None:
    history = history_of()
    for judge, words in (
        ({"test_from": "2026-03-03"}, "no row is left to learn from"),
        ({"test_from": "2027-03-03"}, "no mature row lies after"),
    ):
        project = project_of(judge=judge)
        with (
            build_spine(history, spine_policy(project)) as spine,
            build_labels(history, spine, outcome_horizon(project)) as labels,
            pytest.raises((DataError, UsageError), match=words),
            split_by_time(history, spine, labels, project),
        ):
            pass


def test_training_rows_are_made_by_the_time_split_alone() -> None:
    packages = (Path(name) for name in ("features", "models", "pipeline"))
    makers = {
        str(path)
        for package in packages
        for path in package.rglob("*.py")
        if re.search(
            r"\bTrainingRows(\.make|\.of)?\(",
            path.read_text(encoding="utf-8").replace("class TrainingRows(", ""),
        )
    }
    assert makers == {"pipeline/dataset/time_split.py"}

"""A project with a handful of conversions: it trains, says how, explains its scores, and is not promoted unasked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leadlens.pipeline.cli.render.jobs import _how
from tests.pipeline.little_project import LittleProject, leadlens


@pytest.mark.parametrize(
    ("kept", "kind", "told"),
    [(26, "few conversions", "to choose settings by"), (6, "base rate", "every lead gets the base rate")],
)
def test_a_handful_of_conversions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int, kind: str, told: str
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    project = LittleProject(tmp_path)
    every = len(project.conversions) // kept
    project.conversions = project.conversions.iloc[::every].head(kept)
    path = project.write()
    done = leadlens("train", path, "--trials", "1")
    assert done.code == 0, done.err
    assert told in done.out
    facts = leadlens("train", path, "--trials", "1", "--json").facts
    assert (facts["kind"], facts["half_life"], facts["trials"]) == (kind, None, 0)
    assert leadlens("promote", path).code == 1
    explained = leadlens("explain", path, "L140", "--challenger", "--json").facts
    total = explained["start"] + sum(reason["points"] for reason in explained["reasons"])
    assert total == pytest.approx(explained["score"], abs=0.05)


def test_that_recent_rows_count_more_is_told() -> None:
    def how(**facts: Any) -> str:
        return " ".join(_how(SimpleNamespace(**facts)))  # type: ignore[arg-type]

    assert how(kind="learned", half_life=None) == ""
    assert "a row's weight halves over every quarter of the training period" in how(
        kind="learned", half_life=0.25
    )
    assert "a row's weight halves over the whole training period" in how(kind="learned", half_life=1.0)

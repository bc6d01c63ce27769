"""Flat data without dates show none: not in text, JSON, files or reports. And no grade that would mean nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.pipeline.little_project import leadlens

# Leads without a date are held at 2000-01-01 and thereabouts inside; what people read has dates of today at most.
MADE_UP = re.compile(r"\b(19\d\d|200\d)-\d\d")
SHEET = {
    "sheet": "plain",
    "attributes": [
        {"label": "Swiss", "when": "country = 'CH'", "points": 20},
        {"label": "Often here", "when": "visits > 10", "points": 15},
    ],
    "thresholds": {"mql": 15, "sql": 30},
}


def project(folder: Path, order: Any, **more: Any) -> Path:
    rng, count = np.random.default_rng(0), 300
    leads = pd.DataFrame(
        {
            "lead_id": [f"P{number:03}" for number in range(count)],
            "place": range(count),
            "country": rng.choice(["CH", "DE", "FR"], count),
            "income": rng.choice(["50-74K", "25-49K", "75-99K"], count),
            "visits": rng.integers(0, 20, count),
        }
    )
    chance = 1 / (1 + np.exp(3 - 0.2 * leads["visits"] - (leads["country"] == "CH")))
    leads["converted"] = (rng.random(count) < chance).astype(int)
    if order == "none":
        del leads["place"]
    leads.to_csv(folder / "leads.csv", index=False)
    (folder / "plain.yaml").write_text(yaml.safe_dump(SHEET), encoding="utf-8")
    settings = {
        "name": "flat",
        "data": {"leads": {"read": "leads.csv"}},
        "outcome": {"column": "converted"},
        "order": order,
        "scorecards": ["plain.yaml"],
        "model": {"trials": 1, "folds": 2},
        **more,
    }
    path = folder / "project.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@pytest.mark.parametrize("order", ["none", {"column": "place"}])
def test_no_date_is_shown_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = project(tmp_path, order)
    leads = pd.read_csv(tmp_path / "leads.csv")
    open_lead = str(leads.loc[leads["converted"] == 0, "lead_id"].iloc[0])
    commands: list[tuple[str | Path, ...]] = [
        ("check", path),
        ("check", path, "--only-read"),
        ("features", path, "--out", tmp_path / "all.parquet"),
        ("train", path),
        ("score", path, "--to", tmp_path / "scores.csv"),
        ("explain", path, open_lead),
        ("compare", path, "--out", tmp_path / "report"),
        ("scorecard", "test", path, open_lead),
        ("scorecard", "preview", path),
        ("scorecard", "diff", path, "plain", "plain"),
    ]
    for command in commands:
        twice = (
            [command] if command[0] in ("train", "compare", "features") else [command, (*command, "--json")]
        )
        for words in twice:
            answer = leadlens(*words)
            assert answer.code == 0, (words, answer.err)
            assert not MADE_UP.search(answer.out + answer.err), words
    for name in ("scores.csv", "report/report.json", "report/report.html", "report/report_leads.csv"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert not MADE_UP.search(text), name
    matrix = pd.read_parquet(tmp_path / "all.parquet")
    assert matrix["as_of"].isna().all()
    assert matrix["created_at"].isna().all()
    assert leadlens("explain", path, open_lead, "--json").facts["as_of"] is None
    # Scores are as of the run: a true time, and one that a later run comes after.
    scores = pd.read_csv(tmp_path / "scores.csv", encoding="utf-8-sig")
    assert (pd.to_datetime(scores["as_of"]) > pd.Timestamp("2026-01-01")).all()
    # Without behaviour there is no grade of engagement, where everybody used to have 3.
    assert set(scores["grade"]) <= set("ABCD")
    assert len(set(scores["grade"])) > 1
    checked = leadlens("check", path, "--json").facts
    assert [item["code"] for item in checked["findings"] if item["code"] == "no-engagement"]


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "CONFIG", "P001", "--as-of", "2020-01-01"),
        ("score", "CONFIG", "--as-of", "2020-01-01", "--dry-run"),
        ("scorecard", "test", "CONFIG", "P001", "--as-of", "2020-01-01"),
        ("scorecard", "preview", "CONFIG", "--as-of", "2020-01-01"),
        ("scorecard", "simulate", "CONFIG", "P001"),
        ("scorecard", "changed", "CONFIG", "P001", "--since", "2020-01-01"),
        ("scorecard", "stages", "CONFIG"),
    ],
)
def test_what_needs_dates_says_so(tmp_path: Path, words: tuple[str, ...], trained: Path) -> None:
    answer = leadlens(*(str(trained) if word == "CONFIG" else word for word in words))
    assert answer.code == 2
    assert "dates" in answer.err
    assert not MADE_UP.search(answer.err.replace("2020-01-01", ""))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a model; one column is declared to be behaviour."""
    folder = tmp_path_factory.mktemp("flat")
    path = project(folder, "none", features={"behavioural": ["visits"]}, name="flat_trained")
    answer = leadlens("train", path)
    assert answer.code == 0, answer.err
    return path


def test_a_lead_that_converted_is_not_asked_for_an_earlier_date(trained: Path) -> None:
    leads = pd.read_csv(trained.parent / "leads.csv")
    answer = leadlens("explain", trained, str(leads.loc[leads["converted"] == 1, "lead_id"].iloc[0]))
    assert answer.code == 1
    assert "converted already" in answer.err
    assert "as-of" not in answer.err


def test_declared_behaviour_is_graded(trained: Path) -> None:
    scored = leadlens("score", trained, "--dry-run", "--json").facts
    assert {len(grade) for grade in scored["grades"]} == {2}
    checked = leadlens("check", trained, "--json").facts
    assert not [item for item in checked["findings"] if item["code"] == "no-engagement"]

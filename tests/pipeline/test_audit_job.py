"""`leadlens audit` from the files to the exit code: rows rebuilt, leaks proven, what is kept out confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.audit import judge, world
from leadlens.pipeline.audit.rebuild import rebuild
from leadlens.pipeline.cli.render.audit import render_audit
from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.jobs.audit import Audit, audit
from leadlens.pipeline.sources import open_history
from tests.pipeline.little_project import LittleProject, leadlens


@pytest.fixture
def little(tmp_path: Path) -> LittleProject:
    return LittleProject(tmp_path)


def run(project: LittleProject, **options: int) -> Audit:
    return audit(load_project(project.write()), **options)


def with_leaking_column(project: LittleProject) -> LittleProject:
    bought = project.leads["lead_id"].isin(project.conversions["lead_id"])
    project.leads["welcome_pack"] = pd.Series(["blue", "red"] * 80).where(bought)
    return project


def with_leaking_event(project: LittleProject) -> LittleProject:
    """A mail to every buyer, dated a few minutes after the lead came."""
    bought = project.leads[project.leads["lead_id"].isin(project.conversions["lead_id"])]
    mails = pd.DataFrame(
        {
            "event_id": [f"w{number}" for number in range(len(bought))],
            "lead_id": bought["lead_id"].to_numpy(),
            "occurred_at": bought["created_at"].to_numpy() + np.timedelta64(5, "m"),
            "event_type": "welcome_mail",
        }
    )
    project.events = pd.concat([project.events, mails], ignore_index=True)
    return project


def test_a_clean_project_passes(little: LittleProject) -> None:
    found = run(little)

    assert found.exit_code == 0
    assert (found.rebuilt.rows, found.rebuilt.mismatched) == (50, 0)
    assert not [item for item in found.flagged if item.suspected]
    assert set(found.on_trust) == {"leads.income", "leads.city"}
    assert 0.5 < found.auc["time"] <= 1


def test_a_column_that_is_filled_after_the_sale_is_proven_and_named(little: LittleProject) -> None:
    found = run(with_leaking_column(little))

    (leak,) = (item for item in found.flagged if item.suspected)
    assert (str(leak.subject), leak.verdict, leak.used, leak.kept_out) == (
        "leads.welcome_pack",
        "proven",
        True,
        False,
    )
    assert leak.auc is not None
    assert leak.auc > found.auc["time"] + 0.05
    assert found.exit_code == 1


def test_declared_it_is_confirmed_and_nothing_fails(little: LittleProject) -> None:
    with_leaking_column(little).settings["known_after"] = ["welcome_pack", "income"]

    found = run(little)

    (leak,) = (item for item in found.flagged if item.suspected)
    assert (leak.verdict, leak.used, leak.kept_out) == ("proven", False, True)
    assert [str(subject) for subject in found.unconfirmed] == ["leads.income"]
    assert found.on_trust == ("leads.city",)
    assert found.exit_code == 0


def test_an_event_that_is_dated_back_is_proven(little: LittleProject) -> None:
    found = run(with_leaking_event(little))

    (leak,) = (item for item in found.flagged if item.suspected)
    assert (str(leak.subject), leak.verdict, leak.used) == ("events.welcome_mail", "proven", True)
    assert leak.auc is not None
    assert found.auc["time"] + 0.05 < leak.auc
    assert found.auc["time"] + 0.05 < found.auc["as_it_stands"]
    assert found.exit_code == 1


def test_an_event_that_is_kept_out_is_confirmed(little: LittleProject) -> None:
    with_leaking_event(little).data["events"]["where"] = "event_type <> 'welcome_mail'"

    found = run(little)

    (leak,) = (item for item in found.flagged if item.suspected)
    assert (str(leak.subject), leak.kept_out, leak.used) == ("events.welcome_mail", True, False)
    assert found.exit_code == 0


def test_an_event_that_no_row_sees_is_told_but_not_used(little: LittleProject) -> None:
    """The record of the outcome itself: it comes with the sale, after every as-of date."""
    sold = little.conversions
    little.events = pd.concat(
        [
            little.events,
            pd.DataFrame(
                {
                    "event_id": [f"s{number}" for number in range(len(sold))],
                    "lead_id": sold["lead_id"].to_numpy(),
                    "occurred_at": sold["converted_at"].to_numpy() + np.timedelta64(2, "s"),
                    "event_type": "stage_won",
                }
            ),
        ],
        ignore_index=True,
    )

    found = run(little)

    (leak,) = (item for item in found.flagged if item.suspected)
    assert (str(leak.subject), leak.verdict, leak.used) == ("events.stage_won", "proven", False)
    assert found.exit_code == 0


def test_a_calendar_shares_leads_across_the_fence(little: LittleProject) -> None:
    little.settings["spine"] = {"every": "7d"}
    little.conversions["converted_at"] += timedelta(days=30)

    found = run(little)

    (split,) = (item for item in found.flagged if item.suspected)
    assert split.subject.kind == "split"
    assert split.verdict == "suspect"
    assert found.exit_code == 0


def test_what_changes_tell_is_not_on_trust(little: LittleProject) -> None:
    assert run(little.use("changes")).on_trust == ("leads.income",)


def test_a_value_that_was_not_so_then_fails_the_audit(little: LittleProject) -> None:
    file = load_project(little.write())
    history = open_history(file)
    rows = build_training_set(file, history)
    name = next(column.name for column in rows.matrix.columns if column.kind == "number")
    frame = rows.matrix.frame.copy()
    frame[name] += 1e-6
    tampered = rebuild(history, rows.plan, replace(rows.matrix, frame=frame), sample=20)

    assert rebuild(history, rows.plan, rows.matrix, sample=20).mismatched == 0
    assert tampered.mismatched == 20
    assert {mismatch.column for mismatch in tampered.mismatches} == {name}
    found = replace(run(little), rebuilt=tampered)
    assert found.exit_code == 1
    assert "20 values that cannot be rebuilt from the history" in render_audit(found)[0]


def test_the_same_seed_takes_the_same_rows(little: LittleProject) -> None:
    file = load_project(little.write())
    history = open_history(file)
    rows = build_training_set(file, history)
    wrong = replace(
        rows.matrix,
        frame=rows.matrix.frame.map(lambda value: value + 1 if isinstance(value, float) else value),
    )

    def leads(seed: int) -> list[str]:
        return [mismatch.lead_id for mismatch in rebuild(history, rows.plan, wrong, 5, seed).mismatches]

    assert leads(1) == leads(1)
    assert leads(1) != leads(2)


def test_the_command_line_prints_text_and_json(little: LittleProject) -> None:
    path = with_leaking_column(little).write()

    text, json_output = (
        leadlens("audit", path, "--sample", "10"),
        leadlens("audit", path, "--sample", "10", "--json"),
    )

    assert (text.code, json_output.code) == (1, 1)
    assert text.out.startswith("little: 1 proven leak that the model would use\n")
    assert "list welcome_pack under known_after" in text.out
    assert json_output.facts["accused"][0]["subject"] == "leads.welcome_pack"
    assert json_output.facts["rebuilt"]["rows"] == 10
    assert set(json_output.facts["roc_auc"]) == {"time", "random", "as_it_stands"}


def test_a_mistake_of_the_user_is_no_traceback(little: LittleProject) -> None:
    little.settings["known_after"] = ["incme"]

    answer = leadlens("audit", little.write())

    assert answer.code == 2
    assert "did you mean: income" in answer.err


@pytest.mark.parametrize("name", ["b2b_software", "car_dealer"])
def test_both_leaks_of_a_world_are_found_and_nothing_clean_is_flagged(name: str, tmp_path: Path) -> None:
    file, truth = world(name, tmp_path, seed=5, leads=1500)
    score = judge(found := audit(file, sample=10), truth)

    assert found.rebuilt.mismatched == 0
    assert (score.missed, score.wrongly_flagged) == ((), ())
    assert found.exit_code == 1


def test_properties_may_be_called_anything(little: LittleProject) -> None:
    """Also as the audit's own columns are: a user's names stay theirs."""
    names = ["converted", "as_of", "until", "value", "ended_at", "label"]
    for name in names:
        little.events[name] = little.events["page"]
    little.leads["converted"] = little.leads["as_of"] = little.leads["city"]

    found = run(little)

    assert found.exit_code == 0
    assert not [item for item in found.flagged if item.suspected]


@pytest.mark.parametrize("order", ["none", {"column": "income"}])
def test_flat_data_without_dates_are_audited(little: LittleProject, order: object) -> None:
    bought = little.leads["lead_id"].isin(little.conversions["lead_id"])
    little.leads = (
        with_leaking_column(little).leads.drop(columns=["created_at", "closed_at"]).assign(won=bought)
    )
    little.settings = {
        "name": "flat",
        "data": {"leads": little.data["leads"]},
        "outcome": {"column": "won"},
        "order": order,
    }

    found = run(little)

    assert [str(item.subject) for item in found.flagged if item.suspected] == ["leads.welcome_pack"]
    assert found.exit_code == 1


def test_with_few_conversions_it_says_so(little: LittleProject) -> None:
    little.conversions = little.conversions.iloc[::5]

    found = run(little)

    assert not found.enough
    assert found.exit_code == 0
    assert any("Too few conversions" in line for line in render_audit(found))


def test_a_value_that_a_filter_keeps_out_is_confirmed(little: LittleProject) -> None:
    """A leak inside an event type: one page that only buyers see, dated back."""
    with_leaking_event(little)
    leaks = little.events["event_type"] == "welcome_mail"
    little.events.loc[leaks, ["event_type", "page"]] = ["page_viewed", "Welcome"]
    undeclared = run(little)
    little.data["events"]["where"] = "page IS NULL OR page <> 'Welcome'"
    declared = run(little)

    (leak,) = (item for item in undeclared.flagged if item.suspected)
    assert (str(leak.subject), leak.used) == ("events.page_viewed (page=Welcome)", True)
    assert undeclared.exit_code == 1
    (leak,) = (item for item in declared.flagged if item.suspected)
    assert (leak.kept_out, leak.used) == (True, False)
    assert declared.exit_code == 0

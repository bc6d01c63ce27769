"""The jobs on score sheets, on a real project folder: exact sums, plain words, and clear refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from leadlens.features import DataError, UsageError
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.cli.render import scorecard as words
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.jobs import scorecard as jobs
from tests.pipeline.little_project import START, LittleProject

DAY = timedelta(days=1)
TOLD: dict[str, Any] = {
    "sheet": "little",
    "for": "city <> 'Oslo' AND feature.lead_age >= 0",
    "dimensions": ["platform"],
    "products": ["platform"],
    "base": 5,
    "groups": [{"name": "mail", "cap": 6}],
    "attributes": [
        {"label": "Earns well", "when": "income > 1500", "points": 10},
        {"label": "In Lima", "when": "city = 'Lima'", "points": 3},
        {"label": "Long known", "when": "feature.lead_age > 3", "points": 2},
        {"label": "Any city", "when": "city IS NOT NULL", "points": 0},
    ],
    "actions": [
        {
            "label": "Looked at prices", "when": "event_type = 'page_viewed' AND page = 'Pricing'",
            "points": 10, "per": "each", "decay": {"half_life": "10d"}, "also": ["platform"], "cap": 15,
        },
        {"label": "Opened a mail", "when": "event_type = 'email_opened'", "points": 8, "group": "mail",
         "within": "30d"},
        {"label": "Three careers pages", "when": "page = 'Careers'", "points": -5, "at_least": 3},
        {"label": "Recent page", "when": "event_type = 'page_viewed'", "points": 1, "within": "3d"},
        {"label": "Page after mail", "when": "page = 'Pricing'", "points": 2, "after": "event_type = 'email_opened'"},
        {"label": "Demo", "when": "event_type = 'demo'", "points": 9},
        {"label": "Prices", "when": "page = 'Pricing'", "points": 0, "key": "prices"},
        {"label": "Silent", "when": "TRUE", "points": -4, "silent": "14d"},
    ],
    "disqualify": [{"label": "Student", "when": "city = 'Student'"}],
    "thresholds": {"mql": {"points": 20, "keep": 12}, "sql": {"points": 28, "when": "rule.prices"}},
    "grades": {"fit": [15, 10, 5], "engagement": [20, 10, 5]},
    "routes": [
        {"label": "Call", "when": "stage = 'SQL'", "action": "call", "queue": "reps", "reason": "Read prices"},
        {"label": "Nurture", "when": "stage = 'Lead'", "action": "nurture"},
    ],
}  # fmt: skip


def sheet(**parts: Any) -> Sheet:
    return Sheet.model_validate({**TOLD, **parts})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> ProjectFile:
    """Leads of eighty days; who came last is still open."""
    folder = tmp_path_factory.mktemp("sheets")
    project = LittleProject(folder).use("accounts", "changes")
    (folder / "sheet.yaml").write_text(yaml.safe_dump(TOLD))
    project.settings["scorecards"] = ["sheet.yaml"]
    return load_project(project.write())


def shown(told: list[str], found: Any) -> str:
    """The words as one text, once what stands behind them went through JSON and fits a terminal."""
    json.dumps(found.to_dict(), allow_nan=False)
    assert max(map(len, told)) <= 170
    return "\n".join(told)


def test_one_lead_is_held_against_every_line_of_the_sheet(file: ProjectFile) -> None:
    found = jobs.lead_test(file, sheet(), "L141", START + 75 * DAY)
    by = {rule.label: rule for rule in found.rules}
    assert list(by) == [rule["label"] for rule in (*TOLD["attributes"], *TOLD["actions"])]
    summed = sum(found.starting.values()) + sum(rule.points for rule in found.rules)
    assert summed == pytest.approx(found.total, abs=1e-9)
    assert found.total == pytest.approx(sum(found.dimensions[name] for name in found.summed))
    assert found.dimensions["platform"] == by["Looked at prices"].points
    [mail] = by["Opened a mail"].lines
    assert (mail["raw_points"], mail["taken_by_cap"], mail["points"]) == (8, 2, 6)
    assert [rule.matched for rule in (by["Prices"], by["Any city"], by["Demo"])] == [True, True, False]
    why = {label: rule.why for label, rule in by.items() if not rule.matched}
    assert why == {
        "Earns well": "income 1111",
        "In Lima": "city Bern",
        "Three careers pages": "never",
        "Recent page": "not within 3d: last 2024-05-10",
        "Page after mail": "not since 2024-05-10, when what must come first happened",
        "Demo": "never",
        "Silent": "last 2024-05-10: not yet inactive for 14d",
    }
    text = shown(words.render_lead_test(found), found)
    assert "Opened a mail  (a cap took 2)" in text
    assert "also platform" in text


def test_it_counts_what_is_missing_and_tells_of_leads_beyond_the_sheet(file: ProjectFile) -> None:
    found = jobs.lead_test(file, sheet(), "L002")
    why = {rule.label: rule.why for rule in found.rules}
    assert why["Three careers pages"] == "only 2 of 3 times"
    assert found.notes == (f"the sheet is not for this lead (for: {TOLD['for']})",)
    assert jobs.lead_test(file, sheet(), "L003").notes == ()
    assert jobs.lead_test(file, sheet(), "L001").notes[0].startswith("converted on 2024-03-06")
    assert (
        jobs.lead_test(file, sheet(disqualify=[{"label": "All", "when": "TRUE"}]), "L002").stage
        == "Disqualified"
    )


def test_an_unknown_lead_and_a_moment_before_it_are_refused_with_the_nearest(file: ProjectFile) -> None:
    with pytest.raises(UsageError, match="L14") as error:
        jobs.lead_test(file, sheet(), "L14X")
    assert "L140" in str(error.value)
    for job in (jobs.simulate, jobs.stages):
        with pytest.raises(UsageError, match="no such lead"):
            job(file, sheet(), "nobody")
    with pytest.raises(DataError, match="did not exist"):
        jobs.lead_test(file, sheet(), "L141", START)


def test_a_preview_counts_the_open_leads_and_what_became_of_past_ones(file: ProjectFile) -> None:
    found = jobs.preview(file, sheet(), against=sheet(thresholds={"mql": 13, "sql": 90}))
    assert found.leads == sum(band.leads for band in found.bands) == sum(found.stages.values())
    assert found.leads == sum(found.grades.values()) > 40
    assert found.outside > 10
    assert set(found.never) == {"In Lima", "Three careers pages", "Recent page", "Page after mail", "Demo"}
    assert found.always == ("Long known", "Any city")
    assert found.crossing is not None
    assert found.crossing.compared == found.leads
    assert found.crossing.down > 0
    past = found.past
    assert past is not None
    assert past.snapshots == past.bands["rows"].sum() == past.stages["rows"].sum()
    assert past.conversions == past.bands["conversions"].sum() > 20
    known = past.bands[past.bands["rows"] > 0]
    assert ((known["low"] <= known["rate"]) & (known["rate"] <= known["high"])).all()
    hot = past.stages.set_index("stage").loc[["MQL", "SQL"]].sum()
    assert past.hot["share_of_looks"] == pytest.approx(hot["rows"] / past.snapshots)
    assert past.hot["share_of_conversions"] == pytest.approx(hot["conversions"] / past.conversions)
    text = shown(words.render_preview(found), found)
    assert "5 rules match no lead now" in text
    assert "too many to be called hot" in text


def test_a_preview_without_stages_takes_the_leads_that_sales_can_work_on_as_hot(file: ProjectFile) -> None:
    found = jobs.preview(file, sheet(thresholds=None, routes=[]))
    assert found.past is not None
    assert found.past.hot["band"].startswith("total ")
    assert 0.1 < found.past.hot["share_of_looks"] < 0.4  # leads of equal points are not torn apart


def test_a_preview_recommends_nothing_that_would_fail(file: ProjectFile) -> None:
    """Comparing needs a model that was trained with the sheet; a threshold is raised where there is one."""
    found = jobs.preview(file, sheet())
    assert found.past is not None
    few = {
        **found.past.hot,
        "share_of_conversions": 0.3,
        "share_of_looks": 0.2,
        "rate": 0.5,
        "rate_of_others": 0.1,
    }

    def said(of_project: bool, **hot: Any) -> str:
        past = replace(found.past, hot={**few, **hot})  # type: ignore[type-var]
        return "\n".join(words.render_preview(replace(found, past=past, of_project=of_project)))

    assert "`leadlens train` and `leadlens compare` show what each rule" in said(True)
    assert "name the sheet under `scorecards:`, then `leadlens train`" in said(False)
    assert "raise the threshold" in said(True, share_of_looks=0.5)
    assert "threshold" not in said(True, share_of_looks=0.5, by_threshold=False)
    assert "threshold" not in said(True, share_of_looks=0.1, by_threshold=False)
    assert found.of_project
    assert not jobs.preview(file, sheet(sheet="another")).of_project
    assert jobs.preview(file, sheet(thresholds=None, routes=[])).past.hot["by_threshold"] is False  # type: ignore[union-attr]


def test_a_preview_early_in_the_history_tells_that_no_outcome_is_known(file: ProjectFile) -> None:
    young = file.project.model_copy(
        update={"outcome": file.project.outcome.model_copy(update={"horizon": 400 * DAY})}
    )
    found = jobs.preview(ProjectFile(file.path, young), sheet())
    assert found.past is None
    assert "Past leads: no outcome of these leads" in shown(words.render_preview(found), found)
    with pytest.raises(DataError, match="none of the open leads"):
        jobs.preview(file, sheet(**{"for": "city = 'Atlantis'"}))


def test_a_diff_tells_what_was_written_and_who_moves_by_which_line(file: ProjectFile) -> None:
    actions = [{**TOLD["actions"][0], "points": 14}, *TOLD["actions"][2:]]
    newer = sheet(actions=actions, thresholds={"mql": 18, "sql": 28}, total=["fit", "engagement", "platform"])
    found = jobs.diff(file, sheet(), newer, START + 76 * DAY)
    told = {difference.text for difference in found.differences}
    assert "action “Looked at prices”: points 10 → 14" in told
    assert any(line.startswith("action “Opened a mail”: removed") for line in told)
    assert found.compared > 40
    assert found.moved["total"] >= 20
    for mover in found.movers:
        change = round(mover["total_after"] - mover["total_before"], 9)
        assert round(sum(line["points"] for line in mover["lines"]), 9) == change == round(mover["change"], 9)
    assert any(line["dimension"] == "total" for mover in found.movers for line in mover["lines"])
    assert sum(way["leads"] for way in found.stages) == found.moved["stage"] > 0
    assert "points 10 → 14" in shown(words.render_diff(found), found)


def test_a_diff_counts_the_leads_that_only_one_of_the_sheets_is_for(file: ProjectFile) -> None:
    found = jobs.diff(file, sheet(), sheet(**{"for": "city <> 'Bern'"}))
    assert found.only_before > 10
    assert found.only_after > 10
    assert found.moved == {"total": 0, "stage": 0, "grade": 0, "route": 0}
    same = jobs.diff(file, sheet(), sheet())
    assert "are the same" in shown(words.render_diff(same), same)


def test_the_days_to_come_are_told_with_what_is_lost(file: ProjectFile) -> None:
    found = jobs.simulate(file, sheet(), "L141", days=60, as_of=START + 76 * DAY)
    text = shown(words.render_simulation(found), found)
    assert "Opened a mail -6 (more than 30 days ago)" in text
    assert "Silent -4 (no such event for 14 days)" in text
    assert "MQL → Lead (below 12, where it was kept)" in text
    lost = found.losses[found.losses["dimension"].isin(found.summed)]["points"].sum()
    assert lost == pytest.approx(
        found.snapshots["total"].iloc[-1] - found.snapshots["total"].iloc[0], abs=1e-6
    )
    for days in (0, 5000):
        with pytest.raises(UsageError, match="cannot be simulated"):
            jobs.simulate(file, sheet(), "L141", days=days)


@pytest.mark.parametrize("total", [["fit", "engagement"], ["engagement", "platform"]])
def test_what_changed_sums_to_the_change_with_another_sheet_too(file: ProjectFile, total: list[str]) -> None:
    old = sheet(
        actions=[{**TOLD["actions"][0], "points": 14}],
        total=total,
        base={"fit": 1},
        thresholds=None,
        routes=[],
    )
    found = jobs.changed(file, sheet(), "L141", START + 71 * DAY, START + 80 * DAY, old_sheet=old)
    moved = round(found.after["total"] - found.before["total"], 9)
    assert round(found.lines.loc[found.lines["in_total"], "points"].sum(), 9) == moved != 0
    for name in ("fit", "engagement", "platform"):
        lines = found.lines[found.lines["dimension"] == name]["points"].sum()
        assert round(lines, 9) == round(found.after[name] - found.before[name], 9)
    assert {"sheet", "decay"} <= set(found.lines["kind"])
    text = shown(words.render_changed(found), found)
    assert "The sheet was changed" in text
    assert f"{moved:+.2f}".rstrip("0").rstrip(".") in text


def test_what_changed_since_before_a_lead_was_there_starts_with_its_creation(file: ProjectFile) -> None:
    found = jobs.changed(file, sheet(), "L141", START, START + 71 * DAY)
    assert found.notes[-1].startswith("created on 2024-05-10")
    assert found.before["total"] == 5
    assert set(found.lines["kind"]) == {"event", "decay"} - {"decay"}
    same = jobs.changed(file, sheet(), "L141", START + 71 * DAY, START + 71 * DAY + timedelta(microseconds=1))
    assert same.lines["points"].abs().sum() < 1e-6
    with pytest.raises(UsageError, match="no time between"):
        jobs.changed(file, sheet(), "L141", START + 75 * DAY, START + 75 * DAY)


def test_stages_are_told_with_their_dates(file: ProjectFile) -> None:
    found = jobs.stages(file, sheet(), "L141", START + 100 * DAY)
    assert found.history["stage"].tolist() == ["Lead", "MQL", "SQL", "MQL", "Lead"]
    assert found.history["rule"].tolist()[1] == "Looked at prices"
    assert found.flow[0] == {
        "stage": "MQL",
        "ever": 1,
        "now": 0,
        "fell": 1,
        "median_days": pytest.approx(5 / 24),
    }
    assert "Lead  MQL" in shown(words.render_stages(found), found)
    last = jobs.lead_test(file, sheet(), "L141", START + 100 * DAY)
    assert last.stage == "Lead"


def test_stages_of_all_open_leads_end_where_scores_stand(file: ProjectFile) -> None:
    found = jobs.stages(file, sheet())
    seen = jobs.preview(file, sheet())
    assert found.leads == seen.leads
    assert found.now == seen.stages
    assert found.flow[0]["ever"] >= found.flow[0]["now"]
    assert "ever entered" in shown(words.render_stages(found), found)


def test_what_a_lead_typed_cannot_steer_the_terminal(tmp_path: Path) -> None:
    project = LittleProject(tmp_path)
    project.leads["city"] = "Bern\x1b[31m\n"
    file = load_project(project.write())
    seen = sheet(**{"for": None}, attributes=[{"label": "City", "when": "city IS NOT NULL", "points": 1}])
    found = jobs.lead_test(file, seen, "L000", datetime(2024, 5, 1))
    assert "\x1b" not in "".join(words.render_lead_test(found))
    assert isinstance(found.rules[0].lines[0]["detail"], str)
    assert pd.notna(found.total)

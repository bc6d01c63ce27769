"""The job on verdicts and answers of a real little project, and the words that people read."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from leadlens.features import DataError
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.cli.render.feedback import render_feedback
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.jobs.scorecard import Feedback, feedback
from tests.pipeline.feedback_example import SHEET, answers, created, give, parts, project, verdicts
from tests.pipeline.little_project import START, LittleProject

PAGE = Path(__file__).parents[2] / "docs" / "scorecards" / "feedback.md"
DAY = timedelta(days=1)


@pytest.fixture
def little(tmp_path: Path) -> LittleProject:
    return LittleProject(tmp_path)


def run(little: LittleProject, **sheet: Any) -> Feedback:
    return feedback(load_project(little.write()), Sheet.model_validate({**SHEET, **sheet}))


def test_without_feedback_there_is_nothing_to_tell(little: LittleProject) -> None:
    with pytest.raises(DataError, match=r"no feedback on any lead[\s\S]*verdicts: \{read"):
        run(little)
    give(little, "verdicts", verdicts(("nobody", START + DAY, "yes", None)))
    with pytest.raises(
        DataError, match=r"none of 1 verdict belongs to a lead[\s\S]*left out of data.verdicts"
    ):
        run(little)


def test_a_sheet_for_none_of_the_leads_is_refused(little: LittleProject) -> None:
    give(little, "verdicts", verdicts(("L000", START + DAY, "yes", None)))

    with pytest.raises(DataError, match="for none of the leads with feedback"):
        run(little, **{"for": "city = 'Oslo'"})


def test_a_lead_is_looked_at_as_of_its_verdict(little: LittleProject) -> None:
    """L001 views prices one and five hours after it came, and opens a mail after nine."""
    come = created("L001")
    for hours, total, held in (
        (1, 0, []),
        (1.5, 20, ["Prices"]),
        (9, 20, ["Prices"]),
        (9.5, 30, ["Prices", "Mail"]),
    ):
        give(little, "verdicts", verdicts(("L001", come + timedelta(hours=hours), "rejected", None)))
        found = run(little).verdicts

        assert found is not None
        rules = found.rules.set_index("rule")
        assert list(rules.index[rules["held"] == 1]) == held
        assert found.stages["stage"].tolist() == ["MQL" if total == 30 else "Lead"]
        assert list(rules.index[rules["made_mql"] == 1]) == (held if total == 30 else [])


def test_the_last_verdict_on_a_lead_counts(little: LittleProject) -> None:
    at = created("L001") + DAY + timedelta(hours=1)
    give(little, "verdicts", verdicts(("L001", at, "rejected", "No budget"), ("L001", at + DAY, "accepted", None),
                                      ("L002", at + DAY, "rejected", None)))  # fmt: skip
    found = run(little)

    assert found.verdicts is not None
    assert (found.verdicts.leads, found.verdicts.accepted, found.verdicts.rejected) == (2, 1, 1)
    assert found.verdicts.reasons["reason"].isna().all()
    assert [note for note in found.notes if "earlier verdict" in note] == [
        "1 earlier verdict is left out: the last verdict on a lead counts"
    ]


def test_what_the_table_does_not_tell_is_noted(little: LittleProject) -> None:
    give(little, "verdicts", verdicts(("L001", "2025-06-01", "yes", None), ("L000", "2025-06-01", "yes", None),
                                      ("nobody", "2025-06-01", "yes", None)))  # fmt: skip
    told = " | ".join(run(little, **{"for": "city = 'Bern'"}).notes)

    assert "1 verdict of leads that are not in leads (such as nobody): left out" in told
    assert "dated to the day" in told
    assert "2 verdicts after the data's end" in told
    assert "1 lead with verdicts is left out: the sheet is not for them" in told


def test_customers_are_looked_at_as_of_their_conversion(little: LittleProject) -> None:
    """L000 buys after five days; what it does afterwards is no reason. L002 does not buy: as of its answer."""
    late = pd.DataFrame(
        [("x1", "L000", created("L000") + 8 * DAY, "email_opened"), ("x2", "L002", created("L002") + 8 * DAY, "email_opened")],
        columns=["event_id", "lead_id", "occurred_at", "event_type"],
    )  # fmt: skip
    little.conversions = pd.DataFrame(
        {"lead_id": ["L000", "L001"], "converted_at": [created(lead) + 5 * DAY for lead in ("L000", "L001")]}
    )
    little.events = pd.concat([little.events, late])
    asked = [(lead, created(lead) + 20 * DAY, "Why?", "brochure") for lead in ("L000", "L002")]
    give(little, "answers", answers(*asked))
    found = run(little)

    assert found.verdicts is None
    assert found.answers is not None
    assert (found.answers.customers, found.answers.bought) == (2, 1)
    rules = found.answers.rules.set_index("rule")["held"]
    assert rules.to_dict() == {"From Bern": 1, "Prices": 1, "Mail": 1}
    assert found.answers.counts[["answer", "leads"]].to_numpy().tolist() == [["brochure", 2]]


def test_flat_data_look_at_customers_as_of_their_answer(little: LittleProject) -> None:
    """They date a conversion as the lead's creation, when nothing was known of it yet."""
    little.leads["sold"] = "yes"
    little.settings.update(data={name: little.data[name] for name in ("leads", "events")}, spine={})
    little.settings["outcome"] = {"column": "sold"}
    give(little, "answers", answers(("L001", created("L001") + DAY, "Why?", "brochure")))
    found = run(little).answers

    assert found is not None
    assert found.bought == 0
    assert found.rules.set_index("rule")["held"].to_dict() == {"From Bern": 0, "Prices": 1, "Mail": 1}


@pytest.mark.parametrize(
    "sheet",
    [
        {"sheet": "bars", "disqualify": [{"label": "Rome", "when": "city = 'Rome'"}]},
        {"sheet": "never", "actions": [{"label": "Never", "when": "event_type = 'x'", "points": 3}]},
        {"sheet": "signal", "actions": [{"label": "Came", "when": "page = 'Pricing'", "points": 0}]},
    ],
    ids=lambda sheet: sheet["sheet"],
)
def test_a_sheet_without_points_has_its_verdicts(little: LittleProject, sheet: dict[str, Any]) -> None:
    at = created("L001") + 2 * DAY
    give(little, "verdicts", verdicts(("L001", at, "yes", None), ("L002", at, "no", "Too far")))
    give(little, "answers", answers(("L001", at, "Why?", "brochure")))
    found = feedback(load_project(little.write()), Sheet.model_validate(sheet))
    told = "\n".join(render_feedback(found))

    assert found.verdicts is not None
    assert found.verdicts.stages["leads"].sum() == 2
    assert found.verdicts.rules["held"].tolist() == {"bars": [], "never": [0], "signal": [1]}[sheet["sheet"]]
    assert "Sales rejected 1 of 2 leads (50%" in told
    assert "1  100%  Too far" in told
    assert "1  100%  brochure" in told


# what people read


def test_no_line_is_wider_than_the_page_or_steers_the_terminal(little: LittleProject) -> None:
    nasty = "x" * 300 + "\x1b[2J\r\n\u202e" + "y" * 50
    at = START + 90 * DAY
    give(little, "verdicts", verdicts(*[(f"L{n:03}", at, "rejected", f"{nasty}{n}") for n in range(40)]))
    give(little, "answers", answers(*[(f"L{n:03}", at, nasty, f"{nasty}{n}") for n in range(40)]))
    long = [{**rule, "label": f"{place} {nasty}"[:200]} for place, rule in enumerate(SHEET["actions"])]
    lines = render_feedback(run(little, actions=long))

    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert any("30 more reasons" in line for line in lines)


def test_everything_is_json(little: LittleProject) -> None:
    give(little, "verdicts", verdicts(("L001", START + 90 * DAY, "yes", None)))
    told = json.loads(json.dumps(run(little, thresholds=None).to_dict(), allow_nan=False))

    assert told["mql"] is None
    assert told["answers"] is None
    assert told["verdicts"]["accepted"] == 1
    assert told["verdicts"]["rules"][0]["made_share"] is None


def example(folder: Path) -> tuple[ProjectFile, Sheet]:
    """The example of the page: its sheet, and data whose settings are those that it shows."""
    settings, sheet = map(yaml.safe_load, parts(PAGE.read_text("utf-8"), "yaml"))
    found = project(folder)
    for table, source in settings["data"].items():
        frame = pd.read_csv(io.BytesIO(found.files[source["read"]]))
        renamed = frame.rename(columns=source.get("columns", {}))
        found.files[source["read"]] = renamed.to_csv(index=False).encode()
        found.data[table] = source
    return load_project(found.write()), Sheet.model_validate(sheet)


def test_the_page_for_marketers_shows_what_comes_out(tmp_path: Path) -> None:
    lines = render_feedback(feedback(*example(tmp_path)))
    shown = "".join(parts(PAGE.read_text("utf-8"), "text")).splitlines()

    assert [line for line in shown if line] == [line for line in lines if line]

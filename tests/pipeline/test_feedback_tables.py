"""Verdicts and answers as tables of a project: how they are opened, what is refused, and that no model sees them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from leadlens.features import DataError, History, UsageError
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.scoring.probes import set_rows
from leadlens.pipeline.cli.render.jobs import render_check
from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.jobs.check import check
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.transfer import data_fingerprint
from tests.pipeline.feedback_example import SHEET, answers, created, give, verdicts
from tests.pipeline.little_project import START, LittleProject, leads

DAY = timedelta(days=1)


@pytest.fixture
def little(tmp_path: Path) -> LittleProject:
    return LittleProject(tmp_path)


def opened(little: LittleProject) -> History:
    return open_history(load_project(little.write()))


def said(little: LittleProject, table: str = "verdicts") -> list[tuple[Any, ...]]:
    history = opened(little)
    columns = "lead_id, given_at, verdict" if table == "verdicts" else "lead_id, question, answer"
    return [
        tuple(row) for row in history.engine.frame(f"SELECT {columns} FROM {table} ORDER BY ALL").to_numpy()
    ]


def codes(little: LittleProject) -> dict[str, int | None]:
    found = opened(little).findings
    return {item.code: item.count for item in found if item.code.startswith(("verdict", "answer", "future"))}


# how the tables are opened


def test_the_tables_are_always_there(little: LittleProject) -> None:
    engine = opened(little).engine

    assert list(engine.columns("verdicts")) == ["lead_id", "given_at", "verdict", "reason", "by"]
    assert list(engine.columns("answers")) == ["lead_id", "answered_at", "question", "answer"]
    assert engine.count("verdicts") == engine.count("answers") == 0


def test_they_open_like_other_tables(little: LittleProject) -> None:
    """Renamed, filtered, by a query, in UTC, with the words that CRMs write."""
    rows = pd.DataFrame(
        {
            "Lead": ["L001", "L002", "L003", "L004"],
            "Said at": ["2024-06-01T10:00:00+02:00", "2024-06-01T08:00:00Z", "2024-06-02", "2024-06-03"],
            "Said": ["Accept", " no ", "TRUE", "later"],
            "rating": [1, 2, 3, 4],
        }
    )
    give(little, "verdicts", rows, columns={"lead_id": "Lead", "given_at": "Said at", "verdict": "Said"},
         where="verdict <> 'later'")  # fmt: skip
    give(little, "answers", rows, query="SELECT Lead AS lead_id, \"Said at\" AS answered_at, 'Why?' AS question, "
         'Said AS answer FROM source', missing=["later"])  # fmt: skip

    assert said(little) == [
        ("L001", datetime(2024, 6, 1, 8), "accepted"),
        ("L002", datetime(2024, 6, 1, 8), "rejected"),
        ("L003", datetime(2024, 6, 2), "accepted"),
    ]
    assert list(opened(little).engine.columns("verdicts")) == [
        "lead_id",
        "given_at",
        "verdict",
        "reason",
        "by",
    ]
    assert said(little, "answers") == [
        ("L001", "Why?", "Accept"), ("L002", "Why?", "no"), ("L003", "Why?", "TRUE")
    ]  # fmt: skip


@pytest.mark.parametrize(("yes", "no"), [(True, False), (1, 0), ("approved", "declined"), ("Yes", "No")])
def test_a_verdict_may_be_a_check_box_or_a_common_word(little: LittleProject, yes: Any, no: Any) -> None:
    at = START + 90 * DAY
    give(little, "verdicts", verdicts(("L001", at, yes, None), ("L002", at, no, None)))

    assert [row[2] for row in said(little)] == ["accepted", "rejected"]


def test_what_was_said_of_merged_leads_is_said_of_the_survivor(little: LittleProject) -> None:
    at = START + 90 * DAY
    give(little, "verdicts", verdicts(("L001", at, "accepted", None), ("OLD", at + DAY, "rejected", None)))
    give(little, "answers", answers(("L001", at, "Why?", "a friend")))
    give(little, "aliases", pd.DataFrame({"old_id": ["L001", "OLD"], "lead_id": ["L002", "L002"]}))

    assert said(little) == [("L002", at, "accepted"), ("L002", at + DAY, "rejected")]
    assert said(little, "answers") == [("L002", "Why?", "a friend")]
    found = opened(little).findings
    (merged,) = [item.message for item in found if item.code == "leads-merged"]
    assert "2 verdicts" in merged
    assert "1 answer" in merged
    assert "alias-unused" not in {item.code for item in found}


def test_excluded_leads_take_what_was_said_of_them_along(little: LittleProject) -> None:
    at = START + 90 * DAY
    give(little, "verdicts", verdicts(("L001", at, "accepted", None), ("L003", at, "accepted", None)))
    little.settings["hygiene"] = {"exclude_leads": "lead_id = 'L001'"}

    assert said(little) == [("L003", at, "accepted")]
    assert codes(little) == {}


def test_what_cannot_be_used_is_left_out_and_told(little: LittleProject) -> None:
    at = START + 90 * DAY
    rows = verdicts(
        ("L001", at, "accepted", None),
        ("L001", at, "Accepted", "Asked for a price"),  # the same once more: the one with a reason is kept
        ("L002", at, "accepted", None),
        ("L002", at, "rejected", None),  # both at once
        ("L003", None, "accepted", None),
        ("L004", at, None, None),
        ("L005", created("L005") - DAY, "accepted", None),
        ("nobody", at, "accepted", None),
        ("L006", datetime(2200, 1, 1), "accepted", None),
    )
    give(little, "verdicts", rows)
    answered = answers(
        ("L001", at, "Why?", "price"), ("L001", at, "Why?", "price"), ("L002", at, None, "price"),
        ("nobody", at, "Why?", "price"), ("L003", created("L003") - DAY, "Why?", "price"),
    )  # fmt: skip
    give(little, "answers", answered)

    assert said(little) == [("L001", at, "accepted")]
    assert opened(little).engine.value("SELECT reason FROM verdicts") == "Asked for a price"
    assert said(little, "answers") == [("L001", "Why?", "price")]
    assert codes(little) == {
        "verdict-torn": 2, "verdict-repeated": 1, "verdict-incomplete": 1, "verdict-early": 1,
        "verdict-unknown-lead": 1, "future": 1, "answer-repeated": 1, "answer-incomplete": 1,
        "answer-unknown-lead": 1, "answer-early": 1,
    }  # fmt: skip


def test_check_counts_them(little: LittleProject) -> None:
    give(
        little,
        "verdicts",
        verdicts(("L001", START + 90 * DAY, "yes", None), ("L002", START + 90 * DAY, "no", None)),
    )
    give(little, "answers", answers(("L001", START + 90 * DAY, "Why?", "price")))
    found = check(load_project(little.write()))

    assert (found.counts["verdicts"], found.counts["answers"]) == (2, 1)
    told = "\n".join(render_check(found))
    assert "2  sales verdicts" in told
    assert "1  customer answers" in told


# refused


def refused(little: LittleProject, error: type[Exception], *told: str) -> None:
    with pytest.raises(error) as found:
        opened(little)
    for words in told:
        assert words in str(found.value)


def test_an_unknown_word_for_a_verdict_is_refused(little: LittleProject) -> None:
    at = START + 90 * DAY
    rows = [("L001", at, "aproved", None), ("L002", at, "aproved", None), ("L003", at, "no", None)]
    give(little, "verdicts", verdicts(*rows))

    refused(little, DataError, "data.verdicts: 2 verdicts are neither accepted nor rejected", "received: aproved",
            "did you mean: approved", "write accepted (or accept, ", "`where`")  # fmt: skip


def test_several_unknown_words_are_shown_by_their_number(little: LittleProject) -> None:
    at = START + 90 * DAY
    rows = [("L001", at, "maybe", None), ("L002", at, "later\x1b[2J", None), ("L003", at, "maybe", None)]
    give(little, "verdicts", verdicts(*rows))

    refused(little, DataError, "received: maybe, later\\x1b[2J")


@pytest.mark.parametrize(
    ("table", "column"),
    [("verdicts", "lead_id"), ("verdicts", "given_at"), ("verdicts", "verdict"), ("answers", "lead_id"),
     ("answers", "answered_at"), ("answers", "question"), ("answers", "answer")],
)  # fmt: skip
def test_a_missing_column_is_refused(little: LittleProject, table: str, column: str) -> None:
    rows = (
        verdicts(("L001", START, "yes", None)) if table == "verdicts" else answers(("L001", START, "?", "!"))
    )
    give(little, table, rows.rename(columns={column: "mine"}))

    refused(
        little,
        UsageError,
        f"the table {table} needs a column {column}",
        f"columns: {{{column}: your_column}}",
    )


@pytest.mark.parametrize(("table", "column"), [("verdicts", "given_at"), ("answers", "answered_at")])
def test_a_moment_that_cannot_be_read_is_refused(little: LittleProject, table: str, column: str) -> None:
    rows = verdicts(("L001", "31.12.24", "yes", None))
    if table == "answers":
        rows = answers(("L001", "31.12.24", "?", "!"))
    give(little, table, rows)

    refused(little, DataError, f"1 of 1 value in {table}.{column} is not a timestamp", "31.12.24", "%d.%m.%y")


# never a feature


def test_feedback_is_never_a_feature(little: LittleProject) -> None:
    """Whatever was said: the features, the matrix, the sheet's points and the data's fingerprint stay the same."""
    path = little.folder / "little.yaml"
    path.write_text(yaml.safe_dump(SHEET), encoding="utf-8")
    little.settings["scorecards"] = ["little.yaml"]

    def looked() -> tuple[Any, ...]:
        file = load_project(little.write())
        history = open_history(file)
        fingerprint = data_fingerprint(history)
        told = (
            history.lead_attributes,
            history.account_attributes,
            history.event_properties,
            history.data_end,
        )
        rows = build_training_set(file, history)
        return fingerprint, rows.plan, told, rows

    before = looked()
    sold = little.conversions["lead_id"].tolist()
    ids = leads()["lead_id"].tolist()
    rows = [
        (lead, created(lead) + DAY, "accepted" if lead in sold else "rejected", "because") for lead in ids
    ]
    give(little, "verdicts", verdicts(*rows).assign(rating=[9 if lead in sold else 1 for lead in ids]))
    told = [(lead, created(lead) + 300 * DAY, "Why?", lead) for lead in sold]
    give(little, "answers", answers(*told).assign(city="Nowhere"))
    after = looked()

    assert before[:3] == after[:3]
    pd.testing.assert_frame_equal(before[3].matrix.frame, after[3].matrix.frame)
    pd.testing.assert_series_equal(before[3].label, after[3].label)
    pd.testing.assert_frame_equal(before[3].rules.scores, after[3].rules.scores)
    pd.testing.assert_frame_equal(before[3].rules.ledger, after[3].rules.ledger)


@pytest.mark.parametrize(
    "when", ["verdict = 'accepted'", "verdicts.verdict = 'accepted'", "given_at IS NOT NULL"]
)
def test_no_rule_can_name_a_verdict(little: LittleProject, when: str) -> None:
    give(little, "verdicts", verdicts(("L001", START + 90 * DAY, "accepted", "Good")))
    history = opened(little)
    for section in ("attributes", "actions"):
        sheet = Sheet.model_validate({"sheet": "s", section: [{"label": "R", "when": when, "points": 1}]})
        with pytest.raises(UsageError):
            score_sheet(sheet, history, set_rows(history, []))

"""A raw lead: what a request may say, and what is said of one that does not fit."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leadlens.features import DataError, DuckDBEngine, UsageError
from leadlens.pipeline.config import Project
from leadlens.pipeline.raw_lead.columns import RawColumns
from leadlens.pipeline.raw_lead.history import raw_history, refuse_times
from leadlens.pipeline.raw_lead.request import (
    LONGEST_TEXT,
    MOST_BYTES,
    MOST_EVENTS,
    RawLead,
    parse_raw_lead,
    read_raw_lead,
    text_of,
)
from leadlens.pipeline.raw_lead.rows import NEW_LEAD, RawRows, raw_rows

COLUMNS = RawColumns(
    lead={"income": "number", "city": "category", "consent": "boolean", "born": "time", "email": "text"},
    account={"employees": "number", "industry": "category"},
    event={"page": "category", "seconds": "number"},
    hidden=("contract",),
    data_end=datetime(2026, 1, 1),
)
CREATED = {"created_at": "2025-06-01T10:00:00+02:00"}


def project(**settings: Any) -> Project:
    data = {
        "leads": {"read": "leads.csv", "columns": {"city": "Town"}, "missing": ["-1", "unbekannt"]},
        "events": {"read": "events.csv", "columns": {"event_type": "type"}},
        "conversions": {"read": "conversions.csv"},
    }
    return Project.model_validate({"name": "raw", "data": data, **settings})


def rows(lead: dict[str, Any], **more: Any) -> RawRows:
    return raw_rows(read_raw_lead({"lead": {**CREATED, **lead}, **more}), COLUMNS, project())


def refused(lead: dict[str, Any], **more: Any) -> str:
    with pytest.raises(UsageError) as error:
        rows(lead, **more)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("income", 1200, 1200.0),
        ("income", "1200.5", 1200.5),
        ("income", "n. a.", None),
        ("income", -1, None),
        ("income", " ", None),
        ("city", "  Rome ", "Rome"),
        ("Town", "Rome", "Rome"),
        ("city", 8000, "8000"),
        ("city", 12.0, "12"),
        ("city", "None", "None"),
        ("city", "#N/A", None),
        ("city", "unbekannt", None),
        ("city", True, "true"),
        ("consent", True, True),
        ("consent", "FALSE", False),
        ("consent", "none", None),
        ("born", "1980-02-29", datetime(1980, 2, 29)),
        ("born", "2025-01-01T00:30:00+01:00", datetime(2024, 12, 31, 23, 30)),
        ("closed_at", None, None),
        ("account_id", 17, "17"),
        ("account_id", 17.0, "17"),
        ("account_id", "--", None),
        ("Account_ID", "A", "A"),
    ],
)
def test_a_value_is_read_by_the_kind_of_its_column(name: str, given: object, read: object) -> None:
    own = {"Town": "city", "Account_ID": "account_id"}.get(name, name)
    found = rows({name: given}).lead[own]
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("lead", "more", "words"),
    [
        ({"incme": 1}, {}, ("leads have no such column", "incme", "did you mean: income?")),
        ({"income": "big"}, {}, ("lead.income: this is not a number", "received: big")),
        ({"income": True}, {}, ("lead.income: this is not a number",)),
        ({"income": 1e200}, {}, ("too large",)),
        ({"income": float("nan")}, {}, ("lead.income",)),
        ({"consent": "perhaps"}, {}, ("this is not true or false",)),
        ({"consent": 1}, {}, ("this is not true or false",)),
        ({"born": 20250131}, {}, ("this is not a timestamp",)),
        ({"born": "31.01.2025"}, {}, ("this is not a timestamp", "2026-01-31")),
        ({"city": ["Rome"]}, {}, ("lead.city: a value is a number, a text, true, false or null",)),
        ({"city": "x" * (LONGEST_TEXT + 1)}, {}, ("this text is too long", f"{LONGEST_TEXT:,}")),
        ({"city": "Rome", "Town": "Bern"}, {}, ("two names of one column", "city and Town")),
        ({"created_at": None}, {}, ("lead has no created_at", "2026-01-31T09:30:00Z")),
        ({}, {"events": [{"event_type": "x"}]}, ("events[1] has no occurred_at", "placed in time")),
        ({}, {"events": [{"occurred_at": "2025-06-01"}]}, ("events[1] has no event_type",)),
        ({}, {"events": [{"occurred_at": "yesterday", "event_type": "x"}]}, ("events[1].occurred_at",)),
        ({}, {"events": [{"occurred_at": "2025-06-01", "type": "x", "pge": "y"}]}, ("did you mean: page",)),
        ({}, {"events": {}}, ("events: a list is expected",)),
        ({}, {"events": [7]}, ("events[1]: an object is expected",)),
        ({}, {"evnts": []}, ("a lead has no evnts", "did you mean: events?")),
        ({}, {"as_of": "soon"}, ("as_of: a timestamp is written",)),
        ({}, {"account": {"employes": 3}}, ("accounts have no such column", "did you mean: employees?")),
        ({"account_id": "A"}, {"account": {"account_id": "B"}}, ("one account", "A, B")),
        (
            {"lead_id": "L1"},
            {"events": [{"lead_id": "L2", "occurred_at": "2025-06-01", "event_type": "x"}]},
            ("this row is of another lead", "L2"),
        ),
        (
            {},
            {"events": [{"occurred_at": "2025-06-01", "event_type": "x"}] * (MOST_EVENTS + 1)},
            (
                "events: these are too many for one lead",
                f"{MOST_EVENTS + 1:,} events",
                f"at most {MOST_EVENTS:,}",
            ),
        ),
    ],
)
def test_a_request_that_does_not_fit_is_refused_in_words(
    lead: dict[str, Any], more: dict[str, Any], words: tuple[str, ...]
) -> None:
    message = refused(lead, **more)
    assert all(word in message for word in words), message


def test_all_mistakes_of_a_request_are_named_at_once() -> None:
    with pytest.raises(UsageError) as error:
        read_raw_lead({"leads": {}, "events": [3, {"event_type": []}]}, "lead.json")
    message = str(error.value)
    assert "this lead has 4 mistakes" in message
    assert all(
        word in message for word in ("lead is missing", "events[1]", "events[2].event_type", "no leads")
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"lead": {', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"lead": {"created_at": "2025-06-01", "created_at": "2025-06-02"}}', "occurs twice"),
        ("[]", "an object is expected"),
        ('{"lead": {"created_at": "2025-06-01", "income": NaN}}', "lead.income"),
        (b" " * (MOST_BYTES + 1), "too large for one lead"),
    ],
)
def test_text_that_is_no_request_is_refused(text: str | bytes, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        parse_raw_lead(text)


def test_a_file_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "lead.json").write_text("{}")
    with pytest.raises(UsageError, match=r"did you mean: .*lead\.json"):
        text_of(str(tmp_path / "leads.json"))


def test_what_is_left_out_or_not_known_is_said() -> None:
    read = rows({"contract": "signed", "income": "N/A", "city": "Rome"}, account={"industry": "IT"})
    assert read.lead["lead_id"] == NEW_LEAD
    assert "contract" not in read.lead
    said = " | ".join(read.notes)
    assert "left out, since no feature may read it: leads.contract" in said
    assert "leads.income: 1 value" in said
    assert "'N/A'" in said
    assert "taken as not known: consent, born, email" in said
    assert "the account has no account_id" in said
    assert read.absent == ("employees",)


def history_of(read: RawRows, made: Project) -> tuple[list[str], DuckDBEngine]:
    engine = DuckDBEngine()
    _, notes = raw_history(engine, read, COLUMNS, made, "project.yaml")
    return notes, engine


def test_events_are_cleaned_as_those_of_a_source_are() -> None:
    soon = (datetime.now() + timedelta(days=400)).isoformat()
    event = {"event_id": "e1", "event_type": "x", "occurred_at": "2025-06-02", "page": "Pricing"}
    read = rows(
        {},
        events=[event, event, {**event, "page": "Docs"}, {"event_type": "x", "occurred_at": soon}],
    )
    notes, engine = history_of(read, project())
    found = engine.frame("SELECT page, known_at FROM events")
    assert list(found["page"]) == ["Docs"], "of one id the first, as in sources"
    assert found["known_at"].notna().all()
    said = " | ".join(notes)
    assert all(
        word in said for word in ("kept once", "with the event_id of a different event", "in the future")
    )


@pytest.mark.parametrize(
    ("settings", "lead", "word"),
    [
        ({"hygiene": {"exclude_leads": "city = 'Rome'"}}, {"city": "Rome"}, "city = 'Rome'"),
        ({"hygiene": {"internal_domains": ["ours.com"]}}, {"email": "a@mail.ours.com"}, "ours.com"),
        ({"hygiene": {"test_leads": "filter"}}, {"email": "test@x.org"}, "obvious test"),
    ],
)
def test_a_lead_that_is_no_prospect_is_refused(
    settings: dict[str, Any], lead: dict[str, Any], word: str
) -> None:
    history_of(rows({"email": "a@b.org", "city": "Bern"}), project(**settings))
    history_of(rows({}), project(**settings))
    with pytest.raises(DataError, match="hygiene leaves this lead out") as error:
        history_of(rows(lead), project(**settings))
    assert word in str(error.value)


def test_where_of_a_source_holds_for_a_raw_lead() -> None:
    made = project()
    data = made.data
    leads = data.leads.model_copy(update={"where": "city <> 'Oslo'"})
    events = (data.events or data.leads).model_copy(update={"where": "seconds < 100"})
    made = made.model_copy(update={"data": data.model_copy(update={"leads": leads, "events": events})})
    slow = {"occurred_at": "2025-06-02", "event_type": "x", "seconds": 200}
    notes, engine = history_of(rows({"city": "Bern"}, events=[slow, {**slow, "seconds": 3}]), made)
    assert engine.count("events") == 1
    assert any("1 events left out by data.events.where" in note for note in notes)
    with pytest.raises(DataError, match="the project file leaves this lead out"):
        history_of(rows({"city": "Oslo"}), made)


def test_a_lead_of_the_future_is_refused() -> None:
    with pytest.raises(DataError, match="created in the future"):
        refuse_times(rows({"created_at": (datetime.now() + timedelta(days=9)).isoformat()}), "lead")


def test_the_schema_of_a_request_is_one_of_openapi() -> None:
    schema = RawLead.model_json_schema()
    assert schema["required"] == ["lead"]
    assert set(schema["properties"]) == {"lead", "account", "events", "conversions", "as_of"}
    assert schema["properties"]["events"]["maxItems"] == MOST_EVENTS
    assert schema["additionalProperties"] is False
    json.dumps(schema)

"""Merged, internal and test leads: who is mapped, who is left out, and what is told about it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.features import DataError, DuckDBEngine, Finding, History, Step, UsageError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.forget import forget
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.hygiene.merges import merge_leads
from leadlens.pipeline.starter import write_starter
from tests.pipeline.little_project import START, LittleProject, leadlens

DAY = timedelta(days=1)


@pytest.fixture
def project(tmp_path: Path) -> LittleProject:
    return LittleProject(tmp_path)


def opened(project: LittleProject, **hygiene: Any) -> History:
    if hygiene:
        project.settings["hygiene"] = hygiene
    return open_history(load_project(project.write()))


def merges(project: LittleProject, *rows: tuple[str, str], **more: Any) -> None:
    """Write ``data.aliases`` of (old id, what it became)."""
    frame = pd.DataFrame(rows, columns=["old_id", "lead_id"]).assign(**more)
    project.files["data/aliases.csv"] = frame.to_csv(index=False).encode()
    project.data["aliases"] = {"read": "data/aliases.csv"}


def told(history: History) -> dict[str, int | None]:
    return {finding.code: finding.count for finding in history.findings}


# merges


def test_what_old_ids_did_is_the_survivor_s(project: LittleProject) -> None:
    plain = opened(project.use("changes"))
    merges(project, ("L001", "L010"), ("L010", "L020"), ("L005", "L020"))  # L001 is the one of the change
    merged = opened(project)
    family = "('L001', 'L005', 'L010', 'L020')"
    for table in ("events", "conversions"):
        count = plain.engine.count(f"{table} WHERE lead_id IN {family}")
        assert count > 0
        assert merged.engine.count(f"{table} WHERE lead_id = 'L020'") == count
        assert merged.engine.count(table) == plain.engine.count(table)
    assert merged.engine.count("changes") == 0  # of the city, which L020 has
    assert merged.engine.count("leads") == 157
    row = merged.engine.frame("SELECT * FROM leads WHERE lead_id = 'L020'").iloc[0]
    own = plain.engine.frame("SELECT * FROM leads WHERE lead_id = 'L020'").iloc[0]
    assert row["created_at"] == START + DAY / 2  # of L001, the oldest
    assert row.drop("created_at").equals(own.drop("created_at"))
    assert told(merged) == {"leads-merged": 3}
    message = merged.findings[0].message
    assert message.startswith("3 old ids merged into 1 lead: 3 rows of leads, ")
    assert "1 change left out, for the leads have a value of their own" in message
    assert "1 lead with an earlier created_at" in message


def test_who_asks_for_an_old_id_gets_the_survivor(
    project: LittleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(project.folder / "state"))
    merges(project, ("L001", "L010"), ("L010", "L020"))
    file = load_project(project.write())
    for asked in ("L001", "L010"):
        named = find_lead(file, asked)
        with named.history as history:
            assert (named.lead_id, named.notes) == ("L020", (f"{asked} was merged into lead L020",))
            assert history.engine.count("leads WHERE lead_id = 'L020'") == 1
    own = find_lead(file, "L020")
    own.history.engine.close()
    assert own.notes == ()
    with pytest.raises(UsageError, match="no such lead"):
        find_lead(file, "L001x")
    with pytest.raises(UsageError, match="name the lead: L020"):
        forget(file, "L001")  # which cannot be undone
    with find_lead(file, "L020").history as history:
        assert history.engine.count("leads WHERE lead_id = 'L020'") == 1
    (project.folder / "state" / "serving").write_text("mine")
    assert forget(file, "L020").lead_ids == ("L020", "L001", "L010")


def edited(project: LittleProject, *rows: tuple[str, str, str, str]) -> None:
    """``changes`` of leads: id, attribute, value, known_at."""
    frame = pd.DataFrame(rows, columns=["id", "attribute", "value", "known_at"]).assign(entity="lead")
    project.changes = frame.assign(known_at=pd.to_datetime(frame["known_at"]))
    project.use("changes")


def cities(history: History, lead: str) -> tuple[Any, list[str]]:
    """The city in the lead's row, and those of its changes."""
    row = history.engine.value(f"SELECT city FROM leads WHERE lead_id = '{lead}'")
    return row, list(
        history.engine.frame(f"SELECT value FROM changes WHERE id = '{lead}' ORDER BY 1")["value"]
    )


def test_the_survivor_s_own_value_wins_over_a_later_edit_of_the_old_id(project: LittleProject) -> None:
    edited(
        project,
        ("L005", "city", "Lima", "2024-06-01"),  # of an old id, whose survivor has a city
        ("L006", "city", "Quito", "2024-06-02"),
        ("L020", "income", "9", "2024-06-01"),
        ("L005", "income", "7", "2024-06-03"),  # the survivor has an edit of its own
    )
    merges(project, ("L005", "L020"), ("L006", "L020"))
    history = opened(project)
    assert cities(history, "L020") == ("Oslo", ["9"])
    assert "3 changes left out, for the leads have a value of their own" in history.findings[0].message
    assert "filled" not in history.findings[0].message


def test_what_the_survivor_lacks_is_filled_from_the_others(project: LittleProject) -> None:
    project.leads.loc[20, ["city", "account_id", "income"]] = None
    project.leads.loc[[5, 6], "city"] = ["Lima", None]
    project.leads.loc[[5, 6], "income"] = [1.0, 2.0]
    project.leads.loc[6, "closed_at"] = pd.Timestamp("2024-06-01")
    merges(project, ("L005", "L020"), ("L006", "L020"))
    history = opened(project)
    row = history.engine.frame("SELECT * FROM leads WHERE lead_id = 'L020'").iloc[0]
    # from the one created last that has one; an old id is closed because it was merged
    assert (row["city"], row["account_id"], row["income"], row["closed_at"]) == ("Lima", "A6", 2.0, pd.NaT)
    assert "3 values filled that the leads lacked" in history.findings[0].message


def test_a_filled_value_comes_with_its_changes_alone(project: LittleProject) -> None:
    project.leads.loc[20, "city"] = None
    edited(
        project,
        ("L006", "city", "Lima", "2024-06-01"),  # created last: its city, and its changes
        ("L005", "city", "Quito", "2024-06-02"),
        ("gone", "city", "Cusco", "2024-06-03"),
    )
    merges(project, ("L005", "L020"), ("L006", "L020"), ("gone", "L020"))
    history = opened(project)
    assert cities(history, "L020") == (project.leads.loc[6, "city"], ["Lima"])
    assert "1 value filled" in history.findings[0].message
    assert "2 changes left out" in history.findings[0].message


def test_an_edit_of_an_id_without_a_row_fills_what_nobody_else_has(project: LittleProject) -> None:
    project.leads.loc[20, "city"] = None
    edited(project, ("gone", "city", "Cusco", "2024-06-03"))
    merges(project, ("gone", "L020"))
    assert cities(opened(project), "L020") == (None, ["Cusco"])


def test_an_older_survivor_keeps_its_age_and_old_ids_need_no_row(project: LittleProject) -> None:
    merges(project, ("L030", "L020"), ("gone", "L020"), merged_at="2024-05-01")
    project.events.loc[0:3, "lead_id"] = "gone"
    history = opened(project)
    assert history.engine.value("SELECT created_at FROM leads WHERE lead_id = 'L020'") == START + 10 * DAY
    assert history.engine.count("events") == 400
    assert "earlier created_at" not in history.findings[0].message


def test_a_merge_into_nobody_changes_nothing(project: LittleProject) -> None:
    merges(project, ("L001", "L999"), ("L002", "L001"))
    history = opened(project)
    assert history.engine.count("leads WHERE lead_id IN ('L001', 'L002')") == 2
    assert told(history) == {"alias-unknown-lead": 2}
    assert "such as L999" in history.findings[0].message


def test_old_ids_that_occur_nowhere_are_counted(project: LittleProject) -> None:
    merges(project, ("L001", "L002"), ("gone", "L002"))
    some = opened(project)
    assert told(some) == {"alias-unused": 1, "leads-merged": 2}
    assert "1 of 2 old ids in aliases occur nowhere (such as gone)" in some.findings[0].message
    merges(project, ("gone", "L002"), ("L2", "L002"))
    none = opened(project)
    assert [(finding.code, finding.level) for finding in none.findings] == [("alias-unused", "warning")]
    assert "0 leads merged" in none.findings[0].message


def test_flat_data_convert_if_one_of_the_merged_rows_did(project: LittleProject) -> None:
    project.settings |= {"data": {"leads": {"read": "data/leads.csv"}}, "spine": {}}
    project.settings["outcome"] = {"column": "won"}
    project.leads["won"] = ["yes" if number == 5 else None if number < 4 else "no" for number in range(160)]
    merges(project, ("L005", "L006"), ("L001", "L002"), ("L003", "L007"))
    history = opened(project)
    assert list(history.engine.frame("SELECT lead_id FROM conversions")["lead_id"]) == ["L006"]
    assert sorted(history.engine.frame("SELECT lead_id FROM unlabelled")["lead_id"]) == ["L000", "L002"]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 9), st.integers(0, 9), max_size=9))
def test_any_merges_end_where_a_walk_along_them_ends(became: dict[int, int]) -> None:
    engine = DuckDBEngine()
    rows = " UNION ALL ".join(f"SELECT '{a}' AS old_id, '{b}' AS lead_id" for a, b in became.items())
    engine.run([
        Step("aliases", f"SELECT *, CAST(NULL AS TIMESTAMP) AS merged_at FROM ({rows})" if became else
             "SELECT '' AS old_id, '' AS lead_id, CAST(NULL AS TIMESTAMP) AS merged_at WHERE FALSE"),
        Step("leads", "SELECT CAST(i AS VARCHAR) AS lead_id, TIMESTAMP '2024-01-01' - to_days(CAST(i AS INT)) "
             "AS created_at FROM range(10) AS r(i)"),
        Step("events", "SELECT lead_id, lead_id AS was FROM leads"),
        Step("conversions", "SELECT lead_id FROM leads"),
        Step("changes", "SELECT 'lead' AS entity, lead_id AS id, 'city' AS attribute FROM leads"),
    ])  # fmt: skip
    findings: list[Finding] = []
    ends = {}
    for start in range(10):
        walk = [start]
        while became.get(walk[-1], walk[-1]) != walk[-1]:
            walk.append(became[walk[-1]])
            if len(walk) > 10:
                with pytest.raises(DataError, match="form a cycle"):
                    merge_leads(engine, findings, flat=False)
                return
        ends[str(start)] = str(walk[-1])
    merge_leads(engine, findings, flat=False)
    assert dict(engine.connection.execute("SELECT was, lead_id FROM events").fetchall()) == ends
    oldest = {end: max(int(start) for start in ends if ends[start] == end) for end in ends.values()}
    ages = "SELECT lead_id, CAST(DATE '2024-01-01' - CAST(created_at AS DATE) AS INT) FROM leads"
    assert dict(engine.connection.execute(ages).fetchall()) == oldest


# leads left out


def with_mails(project: LittleProject) -> LittleProject:
    """Two of ours, two tests (one of them ours), one without an address."""
    project.leads["E-Mail"] = [f"person{number}@firm{number % 7}.io" for number in range(160)]
    odd = [
        "Ann@Ours.com",
        "bob@eu.ours.com ",
        "test@ours.com",
        "x@example.org",
        None,
        "eve@notours.com",
        "eve@ours.com.br",
    ]
    project.leads.loc[0:6, "E-Mail"] = odd
    return project


def test_internal_and_test_leads_leave_with_all_they_did(project: LittleProject) -> None:
    plain = opened(with_mails(project.use("changes")), test_leads="off")
    history = opened(project, internal_domains=["@ours.com"], test_leads="filter")
    assert sorted(history.engine.frame("SELECT lead_id FROM leads")["lead_id"])[:3] == [
        "L004",
        "L005",
        "L006",
    ]
    gone = "('L000', 'L001', 'L002', 'L003')"
    for table in ("leads", "events", "conversions"):
        left = plain.engine.count(f"{table} WHERE lead_id NOT IN {gone}")
        assert history.engine.count(table) == left < plain.engine.count(table)
    assert history.engine.count("changes") == 0
    assert told(plain) == {}
    assert told(history) == {"lead-internal": 3, "lead-test": 1}
    assert history.findings[0].message == (
        "3 leads of ours.com (by E-Mail), with 7 events, 2 conversions: left out (hygiene.internal_domains)"
    )


@pytest.mark.parametrize(
    ("column", "mails"),
    [
        ("email_domain", ["gmail.com", "eu.Ours.com", "ours.com", "@ours.com", "notours.com"]),
        ("domain", ["gmail.com", "eu.ours.com", "ours.com.", "ours.com", "notours.com"]),
        ("mail", ["a@gmail.com", "a@eu.ours.com", "a@ours.com", "<b@ours.com>", "c@notours.com"]),
        ("contact", ["a@gmail.com", "a@eu.ours.com", "a@ours.com", "b@ours.com", "c@notours.com"]),
    ],
)
def test_colleagues_are_known_by_addresses_and_by_domains(
    project: LittleProject, column: str, mails: list[str]
) -> None:
    project.leads[column] = mails * 32
    assert told(opened(project, internal_domains=["ours.com"])) == {"lead-internal": 96}


@pytest.mark.parametrize("values", [["yes", "no"], [1, 0]])
def test_a_column_that_only_sounds_like_mail_is_none(project: LittleProject, values: list[object]) -> None:
    project.leads["email_opt_in"] = values * 80
    with pytest.raises(UsageError, match="no column of e-mail addresses or their domains") as caught:
        opened(project, internal_domains=["ours.com"])
    assert "columns: {email: your_column}" in str(caught.value)


def test_the_starter_s_domains_are_read(tmp_path: Path) -> None:
    write_starter(tmp_path)
    project = tmp_path / "project.yaml"
    project.write_text(project.read_text() + "\nhygiene: {internal_domains: [gmail.com]}\n")
    history = open_history(load_project(project))
    assert history.engine.count("leads") == 800
    assert told(history)["lead-internal"] == 700


def test_filters_that_match_nobody_say_so(project: LittleProject) -> None:
    project.data["events"]["where"] = "seconds IS NULL OR seconds > 0"
    asked = {"internal_domains": ["firm3.io", "fimr4.io"], "exclude_leads": "city = 'Berne'"}
    history = opened(with_mails(project), **asked, test_leads="filter")
    found = {finding.code: finding for finding in history.findings}
    assert found["internal-domain-unknown"].message == (
        "hygiene.internal_domains: no lead has an address of fimr4.io (E-Mail); did you mean "
        "firm4.io or firm6.io or firm5.io?"
    )
    assert found["internal-domain-unknown"].level == "warning"
    assert found["lead-excluded"].message == (
        "0 leads for which \"city = 'Berne'\" holds (no lead has city = 'Berne'; did you mean 'Bern'?): "
        "nothing left out (hygiene.exclude_leads)"
    )
    assert found["where"].message == "0 rows of 400 left out by data.events.where"


def test_a_filter_of_tests_without_addresses_says_so(project: LittleProject) -> None:
    (finding,) = opened(project, test_leads="filter").findings
    assert finding.message.startswith("0 leads whose e-mail address is an obvious test (leads have no column")


def test_test_leads_are_only_told_unless_asked_for(project: LittleProject) -> None:
    history = opened(with_mails(project))
    assert history.engine.count("leads") == 160
    assert told(history) == {"lead-test": 2}
    assert "still in; hygiene: {test_leads: filter} leaves them out" in history.findings[0].message
    assert history.findings[0].share == 2 / 160


def test_a_finding_says_of_how_many_leads_or_events_it_speaks(project: LittleProject) -> None:
    """What is left out is a share of what was there; what is of other tables has none."""
    rows = len(project.events)
    project.events.loc[: rows // 4 - 1, "lead_id"] = "nobody"
    project.events.loc[rows // 4 : rows // 2 - 1, "event_type"] = None
    project.leads.loc[:39, "created_at"] = None
    project.events["seconds"] = (
        project.events["seconds"].astype(float).where(project.events.index % 5 > 0, np.inf)
    )
    project.conversions.loc[:4, "converted_at"] = None
    findings = {finding.code: finding for finding in opened(project).findings}
    shares = {code: finding.share for code, finding in findings.items()}
    for code in ("event-incomplete", "event-unknown-lead"):
        assert shares[code] == (findings[code].count or 0) / rows
        assert 0.2 < shares[code] < 0.6
    assert shares["lead-incomplete"] == 40 / 160
    assert shares["not-finite"] == pytest.approx(0.2, abs=0.01)
    assert shares["conversion-incomplete"] is None
    again = {finding.code: finding.share for finding in opened(project).findings}
    assert again == shares, "read from what is kept"


def test_clicks_of_bots_are_a_share_of_all_events(project: LittleProject) -> None:
    clicks = project.events.iloc[:1].assign(event_type="email_clicked")
    many = pd.concat([clicks] * 40, ignore_index=True)
    many["event_id"] = [f"click{number}" for number in range(40)]
    project.events = pd.concat([project.events, many], ignore_index=True)
    (seen,) = [each for each in opened(project).findings if each.code == "bots-seen"]
    assert seen.count == 40
    assert seen.share == 40 / len(project.events)


@pytest.mark.parametrize(
    ("address", "test"),
    [("test@gmail.com", True), ("TEST12@gmail.com", True), ("test.user@acme.io", True), ("a+test@acme.io", True),
     ("a@example.com", True), ("a@mail.example.net", True), ("a@b.invalid", True), ("a@test.com", True),
     ("asdf@asdf.de", True), ("contest@acme.io", False), ("testa@acme.io", False), ("a@bestest.com", False),
     ("a@myexample.com", False), ("a@examples.com", False), ("a@testing-labs.com", False), ("", False)],
)  # fmt: skip
def test_which_addresses_are_obvious_tests(address: str, test: bool, project: LittleProject) -> None:
    project.leads["email"] = [address] + [f"p{number}@firm.io" for number in range(159)]
    assert told(opened(project)) == ({"lead-test": 1} if test else {})


def test_leads_left_out_by_a_condition(project: LittleProject) -> None:
    project.leads.loc[3, "city"] = None
    history = opened(project, exclude_leads="city = 'Bern' AND created_at < DATE '2024-03-11'")
    assert told(history) == {"lead-excluded": 6}
    assert history.engine.count("leads WHERE lead_id = 'L003'") == 1  # not known is not Bern
    assert history.engine.count("events WHERE lead_id = 'L006'") == 0


def test_check_says_how_much_each_filter_removed(
    project: LittleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))  # that of the checkout may be open to others
    project.events = pd.concat([project.events, project.events.tail(5)])
    merges(project, ("L158", "L157"))
    project.data["events"]["where"] = "event_type <> 'email_opened'"
    project.settings["hygiene"] = {
        "exclude_leads": "city = 'Rome'",
        "internal_domains": ["ours.com"],
        "test_leads": "filter",
    }
    facts = leadlens("check", with_mails(project).write(), "--json").facts
    counts = {finding["code"]: finding["count"] for finding in facts["findings"]}
    assert counts == {
        "leads-merged": 1,
        "lead-excluded": 53,
        "lead-internal": 2,
        "lead-test": 1,
        "event-repeated": 2,
        "where": 81,
    }
    words = leadlens("check", project.folder / "project.yaml").out
    for finding in facts["findings"]:
        assert finding["message"] in words

"""The copy for readers: what a night leaves there, night after night, whatever goes wrong."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from leadlens.features.errors import DataError, UsageError
from leadlens.features.own.known import Known
from leadlens.features.spine import build_spine
from leadlens.models.scorecard import ScorecardSet, Sheet
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.published import bounded_queries, publishing
from leadlens.pipeline.published.asked import Query
from leadlens.pipeline.published.bounded_queries import SlowQueryError
from leadlens.pipeline.published.copy import PublishedScores
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.published.kept_results import KeptResults
from leadlens.pipeline.published.people import people_of, rules_kept_short, shown_columns
from leadlens.pipeline.published.publishing import Publishing
from leadlens.pipeline.sources.opening import open_history as open_anew
from leadlens.pipeline.sources.transfer import data_fingerprint
from tests.pipeline.little_project import LittleProject, leadlens, leads
from tests.pipeline.page_example import HOSTILE, NIGHT, STAGES, Night, little_file, publish

DAY = timedelta(days=1)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return little_file(tmp_path)


def latest(file: ProjectFile) -> PublishedScores:
    path = CopyFolder.of(file.project.name).latest()
    assert path is not None
    return PublishedScores(path)


def test_leads_are_listed_best_first_in_pages_that_hold_each_once(file: ProjectFile) -> None:
    rng = random.Random(3)
    scores = {f"L{number:03}": rng.randint(1, 99) for number in range(230)}
    publish(file, Night(scores), "one")
    copy, seen, query = latest(file), list[str](), Query(disqualified=True)
    for _ in range(10):  # more pages than there are
        page = copy.leads(query)
        assert page.total == 230
        seen += [row.lead_id for row in page.rows]
        if page.next is None:
            break
        query = Query(disqualified=True, after=page.next)
    assert seen == sorted(scores, key=lambda lead: (-scores[lead], lead))
    assert [row.lead_id for row in copy.every(Query(disqualified=True))] == seen


@pytest.mark.parametrize("sort", ["score", "points", "moved"])
def test_pages_of_a_filtered_list_are_those_of_a_slow_reading(file: ProjectFile, sort: str) -> None:
    rng = random.Random(5)
    first = {f"L{number:03}": rng.randint(1, 99) for number in range(300)}
    second = {lead: min(99, max(1, score + rng.choice((0, 0, -9, 4)))) for lead, score in first.items()}
    publish(file, Night(first), "one")
    publish(file, Night(second, as_of=NIGHT + DAY), "two")
    copy = latest(file)
    stage = {lead: STAGES[at % 4] for at, lead in enumerate(second)}
    wanted = [lead for lead in second if stage[lead] != "Disqualified"]
    by_score = sorted(wanted, key=lambda lead: (-second[lead], lead))
    expected = {
        "score": by_score,
        "points": by_score,  # twice the score
        # Who was never scored otherwise did not move.
        "moved": sorted(by_score, key=lambda lead: -(abs(second[lead] - first[lead]) or -1)),
    }[sort]
    seen, after = list[str](), ""
    for _ in range(10):  # more pages than there are
        page = copy.leads(Query(sort=sort, after=after), most=40)  # type: ignore[arg-type]
        seen += [row.lead_id for row in page.rows]
        if page.next is None:
            break
        after = page.next
    assert seen == expected


def test_a_lead_has_what_its_night_said_and_sums_to_it(file: ProjectFile) -> None:
    night = Night({"L1": 66}, {"L1": {"name": "Liam Silva", "company": "Firm 2389", "owner": "mia"}})
    publish(file, night, "one")
    lead = latest(file).lead("L1")
    assert lead is not None
    assert (lead.row.name, lead.row.company, lead.row.owner, lead.row.email) == (
        "Liam Silva",
        "Firm 2389",
        "mia",
        None,
    )
    assert sum(line.points for line in lead.reasons) == pytest.approx(66)
    assert sum(line.points for line in lead.ledger) == pytest.approx(132)
    assert lead.before is None
    assert [past.score for past in lead.past] == [66]
    assert latest(file).lead("L2") is None


def test_what_moved_adds_up_to_how_far_the_score_went(file: ProjectFile) -> None:
    was = Night({"L1": 61, "L2": 40}, reasons={"L1": [("Trial", 9.0), ("Mail", 4.0)]})
    now = Night({"L1": 66, "L2": 40}, reasons={"L1": [("Trial", 13.0), ("Docs", 5.0)]}, as_of=NIGHT + DAY)
    publish(file, was, "one")
    publish(file, now, "two")
    lead, other = (latest(file).lead(name) for name in ("L1", "L2"))
    assert lead is not None
    assert other is not None
    assert lead.before is not None
    assert lead.before[:2] == (NIGHT, 61)
    assert {line.text: line.points for line in lead.moved} == {
        "Docs": 5.0, "Trial": 4.0, "no longer: Mail": -4.0,
    }  # fmt: skip
    assert sum(line.points for line in lead.moved) == 66 - 61
    assert [past.score for past in lead.past] == [61, 66]
    assert other.before is None, "it did not move"
    assert [past.score for past in other.past] == [40]
    # A quiet night keeps what moved before it.
    publish(file, Night({"L1": 66, "L2": 40}, reasons=now.reasons, as_of=NIGHT + 2 * DAY), "three")
    lead = latest(file).lead("L1")
    assert lead is not None
    assert lead.before is not None
    assert lead.before.score == 61
    assert [past.score for past in lead.past] == [61, 66]


def test_a_night_that_is_scored_again_moves_each_lead_from_the_score_before(file: ProjectFile) -> None:
    for run, score in (("one", 60), ("two", 61), ("three", 62), ("four", 62), ("five", 64)):
        publish(file, Night({"L1": score}, reasons={"L1": [(f"Reason {run}", float(score))]}), run)
    lead = latest(file).lead("L1")
    assert lead is not None
    assert lead.before is not None
    assert lead.before.score == 62
    assert {line.text for line in lead.moved} == {"Reason five", "no longer: Reason four"}
    assert [past.score for past in lead.past] == [64], "one score as of a time"


def test_leads_that_left_stay_closed_with_their_last_score_until_they_come_back(file: ProjectFile) -> None:
    publish(file, Night({"L1": 60, "L2": 50}), "one")
    publish(file, Night({"L1": 61}, as_of=NIGHT + DAY), "two", why="converted")
    publish(file, Night({"L1": 61}, as_of=NIGHT + 2 * DAY), "three")
    copy = latest(file)
    assert [row.lead_id for row in copy.leads(Query()).rows] == ["L1"]
    (closed,) = copy.leads(Query(status="closed")).rows
    assert (closed.lead_id, closed.score, closed.closed_reason) == ("L2", 50, "converted")
    lead = copy.lead("L2")
    assert lead is not None
    assert lead.as_of == NIGHT
    publish(file, Night({"L1": 61, "L2": 70}, as_of=NIGHT + 3 * DAY), "four")
    lead = latest(file).lead("L2")
    assert lead is not None
    assert (lead.row.status, lead.row.closed_reason) == ("open", None)
    assert [past.score for past in lead.past] == [50, 70]


def test_whoever_objects_is_in_no_copy_any_more(file: ProjectFile) -> None:
    night = Night({"L1": 60, "L2": 50}, {"L2": {"name": "Zebulon Quist"}})
    publish(file, night, "one")
    publish(file, Night({"L1": 61}, as_of=NIGHT + DAY), "two", why="objected")
    publish(file, Night({"L1": 61}, as_of=NIGHT + 2 * DAY), "three")
    assert latest(file).lead("L2") is None
    kept = [path for path in CopyFolder.of("little").path.iterdir() if path.suffix == ".duckdb"]
    assert kept
    for path in kept:
        assert b"Zebulon" not in path.read_bytes()


def test_older_scores_replace_newer_ones_only_where_that_is_asked_for(file: ProjectFile) -> None:
    publish(file, Night({"L1": 60}, as_of=NIGHT + DAY), "new")
    said = publish(file, Night({"L1": 10}), "old")
    assert said is not None
    assert "newer" in said
    assert latest(file).run_id == "new"
    assert publish(file, Night({"L1": 10}), "asked", replace_newer=True) is None
    assert latest(file).run_id == "asked"


def test_two_copies_are_kept_and_an_open_one_goes_on_being_read(file: ProjectFile) -> None:
    publish(file, Night({"L1": 60}), "one")
    first = latest(file)
    for day, name in enumerate(("two", "three"), 1):
        publish(file, Night({"L1": 60 + day}, as_of=NIGHT + day * DAY), name)
    assert first.leads(Query()).rows[0].score == 60
    folder = CopyFolder.of("little").path
    assert sorted(path.name for path in folder.iterdir()) == ["latest", "three.duckdb", "two.duckdb"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.iterdir()])


def test_many_leads_with_long_reasons_take_little_memory(
    file: ProjectFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_MEMORY", "64MB")
    leads = 20_000
    text = pa.array([f"{number} " + 3_000 * chr(97 + number % 26) for number in range(leads)])
    for run, score in (("one", 40), ("two", 50)):
        rows = pa.table(
            {
                "lead_id": [f"L{number:06}" for number in range(leads)],
                "as_of": pa.array([NIGHT] * leads, pa.timestamp("us")),
                "score": [score + number % 7 for number in range(leads)],
                "reasons": text,
                "ledger": text,
            }
        )
        with Publishing(file, run) as copy:
            for start in range(0, leads, 10_000):
                copy.add(rows.slice(start, 10_000), Night({}).names())
            facts = {"as_of": NIGHT, "leads": leads}
            assert copy.publish(facts, lambda left: ["closed"] * len(left)) is None
    copied = latest(file)
    assert copied.run_id == "two"
    assert copied.rows("SELECT count(*), count(DISTINCT detail) FROM detail") == [(leads, leads)]
    ((place,),) = copied.rows("SELECT detail FROM place WHERE lead_id = 'L000777'")
    assert copied.rows(f"SELECT reasons FROM detail WHERE detail = {place}")[0][0].startswith("777 ")


def test_a_full_disk_keeps_the_copy_before_and_is_said(
    file: ProjectFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(file, Night({"L1": 60}), "one")

    def full(*_: object) -> None:
        raise duckdb.IOException("could not write: No space left on device\nmore")

    monkeypatch.setattr(publishing.Publishing, "_before", full)
    said = publish(file, Night({"L1": 70}, as_of=NIGHT + DAY), "two")
    assert said is not None
    assert "No space left on device" in said
    assert "scores are written" in said
    assert latest(file).run_id == "one"
    assert not list(CopyFolder.of("little").path.glob(".*"))


def test_a_damaged_copy_is_refused_in_words_and_replaced(file: ProjectFile) -> None:
    publish(file, Night({"L1": 60}), "one")
    path = CopyFolder.of("little").latest()
    assert path is not None
    path.write_bytes(b"no database" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        PublishedScores(path)
    publish(file, Night({"L1": 70}, as_of=NIGHT + DAY), "two")
    assert latest(file).run_id == "two"


def test_a_query_that_takes_too_long_holds_up_nobody(
    file: ProjectFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_queries, "_SECONDS", 0.2)
    publish(file, Night({"L001": 50}), "one")
    scores = latest(file)
    for _ in range(2):
        with ThreadPoolExecutor(4) as pool:
            slow = [
                pool.submit(scores.rows, "SELECT count(*) FROM range(300000) AS a, range(300000) AS b")
                for _ in range(2)
            ]
            quick = [pool.submit(scores.rows, "SELECT 1") for _ in range(20)]
            assert [each.result(timeout=20) for each in quick] == [[(1,)]] * 20
            for each in slow:
                with pytest.raises(SlowQueryError):
                    each.result(timeout=20)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("silva", {"L1"}), ("SIL", {"L1"}), ("müller", {"L2"}), ("muller", {"L2"}), ("firm", {"L1", "L2"}), ("liam firm", {"L1"}),
        ("liam@silva.example", {"L1"}), ("L2", {"L2"}), ("nobody", set()), ("' OR 1=1 --", set()), ("%", {"L1", "L2", "L3"}),
    ],
)  # fmt: skip
def test_words_are_searched_by_their_beginnings(file: ProjectFile, text: str, found: set[str]) -> None:
    people = {
        "L1": {"name": "Liam Silva", "email": "liam@silva.example", "company": "Firm 2389"},
        "L2": {"name": "Jürgen Müller", "company": "Firm O'Hara"},
    }
    publish(file, Night({"L1": 60, "L2": 50, "L3": 40}, people), "one")
    assert {row.lead_id for row in latest(file).leads(Query(text=text)).rows} == found


def test_hostile_texts_come_back_as_they_were(file: ProjectFile) -> None:
    people = {f"L{at}": {"name": text, "company": text, "owner": text} for at, text in enumerate(HOSTILE)}
    publish(file, Night(dict.fromkeys(people, 50), people), "one")
    copy = latest(file)
    for lead, own in people.items():
        found = copy.lead(lead)
        assert found is not None
        assert (found.row.name or "").strip() == (own["name"] or "").strip()
    for text in HOSTILE:
        copy.leads(Query(text=text, owner=text, after=text, stage=text))


def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    frame = leads().assign(
        first_name=[("Ann", "Bo", None)[at % 3] for at in range(160)],
        last_name="Lee",
        e_mail="a@b.example",
        owner="mia",
    )
    project = LittleProject(tmp_path, leads=frame).use("accounts")
    project.accounts["account_name"] = "Firm"
    return project


def test_names_are_recognised_and_each_can_be_named_or_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = little(tmp_path, monkeypatch)
    file = load_project(project.write())
    with open_history(file) as history:
        people = people_of(history, file.project.page).to_pandas().set_index("lead_id")
    assert people.loc["L000"].to_dict() == {
        "name": "Ann Lee", "email": "a@b.example", "company": "Firm", "owner": "mia",
    }  # fmt: skip
    assert people.loc["L002", "name"] == "Lee"
    project.settings["page"] = {"name": "city", "email": [], "company": ["industry", "city"]}
    file = load_project(project.write())
    with open_history(file) as history:
        people = people_of(history, file.project.page).to_pandas().set_index("lead_id")
        columns = shown_columns(history, file.project.page)
    assert people.loc["L000", "name"] == "Bern"
    assert people.loc["L000", "company"] == "IT Bern"
    assert people["email"].isna().all()
    assert columns["email"] == ()


def test_a_column_that_nothing_may_learn_from_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = little(tmp_path, monkeypatch)
    project.settings["known_after"] = ["owner", "account_name", "e_mail"]
    unseen = load_project(project.write())
    with open_history(unseen) as history:
        assert "owner" not in history.engine.columns("leads")
        before = data_fingerprint(history)
    project.settings["page"] = {"owner": "owner", "company": "account_name"}
    file = load_project(project.write())
    with open_history(file) as history, open_anew(file) as anew:
        people = people_of(history, file.project.page).to_pandas().set_index("lead_id")
        assert people.loc["L000", ["name", "company", "owner"]].tolist() == ["Ann Lee", "Firm", "mia"]
        assert people["email"].isna().all()
        for each in (history, anew):
            assert not {"owner", "e_mail"} & {*each.lead_attributes}
            assert "account_name" not in each.account_attributes
            assert data_fingerprint(each) == before, "who owns a lead is no part of what is learned from"
        with build_spine(history, spine_policy(file.project)) as spine:
            known = Known(history, spine)
            assert "owner" not in known.leads
            assert "account_name" not in known.accounts
    project.settings["features"] = {"read": ["owner"]}
    assert "owner" in leadlens("check", project.write()).err


def test_a_ledger_shows_no_value_of_a_column_that_says_who_somebody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = little(tmp_path, monkeypatch)
    project.leads = project.leads.assign(
        Phone="+41 79 669 12 34", remarks="ill, call later", email_kind="free"
    )
    project.events["sent_by"] = "Anna Meier"
    (tmp_path / "points.yaml").write_text(
        """
sheet: points
attributes:
  - {label: Has a phone, when: Phone IS NOT NULL, points: 1}
  - {label: Was ill, when: remarks LIKE '%ill%' AND city = 'Bern', points: 1}
  - {label: Has a firm, when: account.account_name IS NOT NULL, points: 1}
  - {label: Free mail, when: email_kind = 'free', points: 1}
  - {label: In Bern, when: city = 'Bern', points: 1}
  - {label: Has an address, when: e_mail IS NOT NULL, points: 1}
actions:
  - {label: Many senders, when: event_type IS NOT NULL, points: 1, per: value, of: sent_by}
  - {label: Many pages, when: event_type IS NOT NULL, points: 1, per: value, of: page}
"""
    )
    sheets = ScorecardSet((Sheet.load(tmp_path / "points.yaml"),))
    for page, more in (
        ({}, set()),
        ({"email": []}, {"Has an address"}),
        ({"email": "Phone"}, {"Has an address"}),
    ):
        project.settings["page"] = page
        file = load_project(project.write())
        with open_history(file) as history:
            short = rules_kept_short(history, file.project.page, sheets)
            assert rules_kept_short(history, file.project.page, None) == []
        assert (
            set(short)
            == {"Has a phone", "Was ill", "Many senders"} - ({"Has a phone"} if page.get("email") else set())
            | more
        )

    class Told(Night):
        def rows(self) -> pa.Table:
            rows = super().rows()
            lines = [
                {"rule": rule, "detail": f"{rule} Anna", "occurred_at": None, "points": 1.0, "taken_by_decay": 1.0, "taken_by_cap": 0.0}
                for rule in ("Has a phone", "In Bern")
            ]  # fmt: skip
            at = rows.column_names.index("ledger")
            return rows.set_column(at, "ledger", pa.array([json.dumps(lines)] * len(rows)))

    publish(file, Told({"L1": 60, "L2": 50}), "one", kept_short=["Has a phone"])
    publish(file, Told({"L1": 60}, as_of=NIGHT + DAY), "two", kept_short=["Another"])
    for lead in ("L1", "L2"):
        found = latest(file).lead(lead)
        assert found is not None
        assert [(line.text, line.note) for line in found.ledger] == [
            ("Has a phone", "decayed -1"),
            ("In Bern", "In Bern Anna, decayed -1"),
        ], "whoever left has the ledger of the sheet before"


def test_a_wrong_name_is_refused_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = little(tmp_path, monkeypatch)
    project.settings["page"] = {"owner": "onwer"}
    file = load_project(project.write())
    with open_history(file) as history, pytest.raises(UsageError) as wrong:
        shown_columns(history, file.project.page)
    assert "page.owner" in str(wrong.value)
    assert "owner" in str(wrong.value)
    project.settings["page"] = {"url": "leads.example.com"}
    assert "page.url" in leadlens("check", project.write()).err


def test_results_that_are_kept_are_those_of_a_copy_that_was_never_asked(file: ProjectFile) -> None:
    people = {
        f"L{number:03}": {"name": ("Ann Lee", "Bo Lee")[number % 2], "owner": ("kim", "lea")[number % 3 == 0]}
        for number in range(120)
    }
    publish(file, Night(dict(zip(people, range(120), strict=True)), people), "one")
    asked = [
        Query(text=text, owner=owner, status=status, disqualified=disqualified, sort=sort, after=after)
        for text in ("", "lee", "ann")
        for owner in ("", "kim", "lea")
        for status in ("open", "any")
        for disqualified in (False, True)
        for sort in ("score", "moved")
        for after in ("", "0:20")
    ]
    random.Random(1).shuffle(asked)
    copy, forgetful = latest(file), latest(file)
    vars(forgetful)["_kept"] = KeptResults(0)
    for _ in range(2):
        for query in asked:
            assert copy.leads(query, 30) == forgetful.leads(query, 30), query
    assert copy.leads(asked[0], 5).rows == latest(file).leads(asked[0], 5).rows


def test_only_the_last_results_are_kept_and_never_an_error() -> None:
    kept, made = KeptResults(2), list[str]()

    def work_out(name: str) -> str:
        made.append(name)
        if name == "broken":
            raise SlowQueryError
        return name

    for name in ("a", "b", "a", "c", "a", "b"):  # b was asked for longest ago when c came
        assert kept.get(name, lambda name=name: work_out(name)) == name
    assert made == ["a", "b", "c", "b"]
    for _ in range(2):
        with pytest.raises(SlowQueryError):
            kept.get("broken", lambda: work_out("broken"))
    assert made[4:] == ["broken", "broken"]

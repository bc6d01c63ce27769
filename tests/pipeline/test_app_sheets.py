"""Sheets on the page: a file is kept, numbers become drafts, nothing typed is lost, and comments stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import yaml

from leadlens.models.scorecard import ScorecardSet, Sheet
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.scorecards.project import load_sheets, store_of
from leadlens.pipeline.scorecards.versions import SheetStore
from tests.pipeline.page_example import (
    HOSTILE,
    SHEET,
    Night,
    Served,
    little_file,
    publish,
    publish_compared,
    served,
)

FIRST = Sheet.model_validate(yaml.safe_load(SHEET)).version
PATH = f"/little/sheets/points/{FIRST}"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFile:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return little_file(tmp_path, sheet=SHEET)


@pytest.fixture
def site(file: ProjectFile) -> Iterator[Served]:
    publish(file, Night({"L001": 50}), "one")
    with served(file) as site:
        yield site


@pytest.fixture
def store(file: ProjectFile) -> SheetStore:
    return store_of(file)


def wrong(text: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'class="wrong"[^>]*>([^<]*)<', text)]


def typed(text: str) -> dict[str, str]:
    """The fields of a page, as a browser shows them."""
    return {
        unescape(name): unescape(value)
        for tag in re.findall(r"<input [^>]*>", text)
        for name, value in re.findall(r'name="([^"]*)".* value="([^"]*)"', tag)
    }


def test_a_file_that_was_never_kept_is_shown_and_kept(site: Served, store: SheetStore) -> None:
    listed = site.get("/little/sheets").text
    assert "leads are scored by the file points.yaml" in listed
    assert PATH in listed
    shown = site.get(PATH).text
    for text in (
        "Large firm",
        "account.employees &gt;= 1000",
        "each time",
        "last 30 days",
        "half after",
        "not kept yet",
    ):
        assert text in shown
    assert not store.path.exists(), "looking keeps nothing"
    assert site.post(f"{PATH}/keep", {"reason": " "}).status == 400
    assert site.post(f"{PATH}/keep", {"reason": "the first"}).headers["location"] == PATH
    (kept,) = store.versions("points")
    assert (kept.version, kept.stage, kept.author, kept.reason) == (FIRST, "draft", "ann", "the first")
    assert store.yaml("points", FIRST) == SHEET
    assert "kept a sheet file" in site.get("/little/log").text
    assert "the first" in site.get("/little/sheets").text


def test_numbers_become_a_draft_that_keeps_the_comments(site: Served, store: SheetStore) -> None:
    numbers = {
        "base.fit": "−5", "attributes.0.points": "17.5", "actions.0.points": "3", "actions.0.cap": "12",
        "actions.1.decay.half_life": "45", "thresholds.mql.points": "35", "thresholds.sql.keep": "55",
    }  # fmt: skip
    answer = site.post(f"{PATH}/draft", numbers | {"reason": "agreed in June"})
    version = answer.headers["location"].rpartition("/")[2]
    assert store.yaml("points", version) == (
        SHEET.replace("fit: 5", "fit: -5").replace("points: 15", "points: 17.5").replace("points: 2 #", "points: 3 #")
        .replace("cap: 10", "cap: 12").replace("half_life: 30d", "half_life: 45d").replace("mql: 30", "mql: 35")
        .replace("keep: 50", "keep: 55")
    )  # fmt: skip
    assert store.get("points", version).attributes[0].points == 17.5
    (kept,) = store.versions("points")
    assert (kept.stage, kept.author, kept.reason) == ("draft", "ann", "agreed in June")
    shown = site.get(answer.headers["location"]).text
    assert "attribute “Large firm”: points 15 → 17.5" in shown
    assert "attribute “Large firm”: points 15 → 17.5" in site.get("/little/log").text
    assert typed(shown)["attributes.0.points"] == "17.5"


def test_a_setting_that_is_taken_out_costs_the_comments_and_says_so(site: Served, store: SheetStore) -> None:
    answer = site.post(f"{PATH}/draft", {"actions.0.cap": "", "reason": "no cap"})
    assert "note=comments" in answer.headers["location"]
    assert "comments of the file could not be kept" in site.get(answer.headers["location"]).text
    (kept,) = store.versions("points")
    assert store.get("points", kept.version).actions[0].cap is None
    assert Sheet.model_validate(yaml.safe_load(store.yaml("points", kept.version))).version == kept.version


def test_the_same_numbers_are_the_same_version(site: Served, store: SheetStore) -> None:
    answer = site.post(f"{PATH}/draft", {"attributes.0.points": "15.0", "reason": "x"})
    assert (answer.status, "No number differs" in answer.text) == (400, True)
    first = site.post(f"{PATH}/draft", {"attributes.0.points": "16", "reason": "x"}).headers["location"]
    again = site.post(f"{PATH}/draft", {"attributes.0.points": "16", "reason": "y"}).headers["location"]
    assert again == f"{first}?note=same"
    assert "nothing new was saved" in site.get(again).text
    assert len(store.versions("points")) == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("attributes.0.points", "many", "This cannot be read as a number: write it like 1500 or 1,500.5."),
        ("attributes.0.points", "", "A number is needed here."),
        ("attributes.0.points", "1,50", "This cannot be read as a number: write it like 1500 or 1,500.5."),
        ("attributes.0.points", "2000000", "This must be a number between -1,000,000 and 1,000,000."),
        ("attributes.0.points", "9" * 30, "This must be a number between -1,000,000 and 1,000,000."),
        ("attributes.0.points", "1e999", "This must be a number between -1,000,000 and 1,000,000."),
        ("attributes.0.points", "nan", "This cannot be read as a number: write it like 1500 or 1,500.5."),
        ("attributes.0.points", "1" * 50, "This is too long for a number."),
        ("attributes.0.points", "<script>", "This cannot be read as a number: write it like 1500 or 1,500.5."),
        ("actions.0.cap", "0", "This must be above 0: a cap of 30 lets a rule give or take at most 30 points."),
        ("actions.1.decay.half_life", "0", "A whole number of days is needed here, from 1 to 36,500."),
        ("actions.1.decay.half_life", "1.5", "A whole number of days is needed here, from 1 to 36,500."),
        ("thresholds.sql.points", "20", "Keep must be below points (20): it is where the stage is lost again."),
        ("thresholds.mql.points", "61", "SQL comes after MQL: it cannot be lower than 61."),
    ],
)  # fmt: skip
def test_a_wrong_number_is_said_beside_its_field_and_nothing_is_lost(
    site: Served, store: SheetStore, name: str, value: str, words: str
) -> None:
    sent = {name: value, "actions.0.points": "7", "reason": 'a "good" one'}
    answer = site.post(f"{PATH}/draft", sent)
    assert answer.status == 400
    assert wrong(answer.text) == [words]
    assert re.findall(r'id="wrong\.([^"]*)"', answer.text) == [name], "the field that was typed into"
    assert sent.items() <= typed(answer.text).items()
    assert not store.path.exists()


@pytest.mark.parametrize(
    ("code", "unread", "range_", "order", "above"),
    [
        ("de", "1500 oder 1.500,5", "zwischen -1.000.000 und 1.000.000", "SQL kommt nach MQL", "über 0"),
        ("fr", "1500 ou 1\u202f500,5", "entre -1\u202f000\u202f000 et 1\u202f000\u202f000", "SQL vient après MQL", "plus de 0"),
        ("id", "1500 atau 1.500,5", "antara -1.000.000 dan 1.000.000", "SQL datang setelah MQL", "di atas 0"),
    ],
)  # fmt: skip
def test_all_wrong_numbers_are_said_at_once_in_the_readers_language(
    site: Served, code: str, unread: str, range_: str, order: str, above: str
) -> None:
    sent = {
        "base.fit": "zehn", "attributes.0.points": "99999999999", "actions.0.cap": "0",
        "thresholds.mql.points": "61", "written": code, "reason": "x",
    }  # fmt: skip
    text = site.post(f"{PATH}/draft", sent, Accept_Language=code).text
    said = wrong(text)
    assert len(said) == 4, "each of the four"
    for words in (unread, range_, order, above):
        assert sum(words in each for each in said) == 1, words
    assert 'class="wrong" id="wrong.base.fit"><span lang="en">' not in text
    assert "sql" not in " ".join(said)


def test_a_threshold_is_not_judged_by_one_that_cannot_be_read(site: Served) -> None:
    sent = {
        "thresholds.mql.points": "zehn",
        "thresholds.sql.points": "20",
        "thresholds.sql.keep": "10",
        "reason": "x",
    }
    text = site.post(f"{PATH}/draft", sent).text
    assert re.findall(r'id="wrong\.([^"]*)"', text) == ["thresholds.mql.points"]


@pytest.mark.parametrize("code", ["en", "de", "fr", "id"])
def test_the_editor_reads_what_it_shows_in_every_language(site: Served, store: SheetStore, code: str) -> None:
    odd = {
        "base.fit": 1234.5,
        "attributes.0.points": 1500,
        "actions.0.points": -0.001,
        "actions.0.cap": 123456.789,
    }
    first = site.post(
        f"{PATH}/draft",
        {name: str(number) for name, number in odd.items()} | {"written": "en", "reason": "x"},
    )
    version = first.headers["location"].partition("?")[0]
    shown = typed(site.get(version, Accept_Language=code).text)
    assert shown["written"] == code
    answer = site.post(
        f"{version}/draft", shown | {"reason": "nothing"}
    )  # sent by a browser that has another language by now
    assert answer.status == 400
    assert "No number differs" in answer.text
    more = site.post(
        f"{version}/draft", shown | {"base.fit": "1.000", "reason": "a thousand"}, Accept_Language=code
    )
    if code == "fr":
        assert len(wrong(more.text)) == 1, "1.000 may be either in French"
    else:
        kept = store.get("points", more.headers["location"].partition("?")[0].rpartition("/")[2])
        assert kept.base["fit"] == (1 if code == "en" else 1000)


def test_unknown_versions_and_broken_files_are_said_in_words(
    site: Served, file: ProjectFile, store: SheetStore
) -> None:
    for path in (
        "/little/sheets/points/000000000000",
        f"/little/sheets/other/{FIRST}",
        "/little/sheets/points/%2e%2e",
    ):
        for answer in (site.get(path), site.post(f"{path}/draft", {"reason": "x"})):
            assert (answer.status, "Traceback" in answer.text) == (404, False), path
    site.post(f"{PATH}/keep", {"reason": "x"})
    file.resolve("points.yaml").write_text("sheet: [")
    listed = site.get("/little/sheets")
    assert (listed.status, "not valid YAML" in listed.text, FIRST in listed.text) == (200, True, True)
    assert str(file.path.parent) not in listed.text, "where files are is for whoever runs the page"
    assert "points.yaml" in listed.text
    assert site.get(PATH).status == 200, "a version does not need the file"


def test_where_no_lead_can_be_scored_the_page_says_so_and_not_that_all_is_well(
    site: Served, file: ProjectFile, tmp_path: Path
) -> None:
    site.post(f"{PATH}/keep", {"reason": "x"})
    file.resolve("points.yaml").write_text("sheet: [")
    for path in ("/little/sheets", PATH):
        assert "No lead can be scored" in site.get(path).text, "no version is active, and the file is broken"
    file.resolve("points.yaml").write_text(SHEET)
    (tmp_path / "twin.yaml").write_text(SHEET.replace("points: 15", "points: 16"))
    text = yaml.safe_load(file.path.read_text()) | {"scorecards": ["points.yaml", "twin.yaml"]}
    file.path.write_text(yaml.safe_dump(text))
    with served(load_project(file.path)) as other:
        listed = other.get("/little/sheets").text
        assert "No lead can be scored" in listed, "two sheets of one name"
        assert "points" in listed


def test_a_store_that_cannot_be_read_is_said_in_words(site: Served, store: SheetStore) -> None:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_bytes(b"no database at all" * 100)
    for path in ("/little/sheets", PATH):
        answer = site.get(path)
        assert answer.status in (409, 503)
        assert "does not hold versions of score sheets" in answer.text
        assert "published scores cannot" not in answer.text


def test_an_edited_file_is_not_kept_under_the_address_of_what_was_read(
    site: Served, file: ProjectFile, store: SheetStore
) -> None:
    file.resolve("points.yaml").write_text(SHEET.replace("points: 15", "points: 99"))
    answer = site.post(f"{PATH}/keep", {"reason": "as I saw it"})
    assert (answer.status, "edited since" in answer.text) == (404, True)
    assert not store.path.exists()


def test_hostile_texts_in_a_sheet_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    texts = [text for text in HOSTILE if text.strip() and "\u0000" not in text]
    sheet = {
        "sheet": "points", "about": texts[0], "for": texts[1],
        "actions": [{"label": text, "when": text, "points": 1, "per": "value", "of": text, "after": text} for text in texts],
        "disqualify": [{"label": f"{text} no", "when": text} for text in texts],
        "routes": [{"label": text, "when": text, "action": text, "queue": text} for text in texts],
    }  # fmt: skip
    file = little_file(tmp_path, sheet=yaml.safe_dump(sheet, allow_unicode=True))
    version = Sheet.load(tmp_path / "points.yaml").version
    path = f"/little/sheets/points/{version}"
    with served(file, person="<i>ann</i>") as site:
        assert site.post(f"{path}/keep", {"reason": texts[1]}).status == 303
        pages = [site.get(path).text, site.get("/little/sheets").text]
        refused = site.post(f"{path}/draft", {"actions.0.points": '"><script>', "reason": texts[1]})
        assert refused.status == 400
        saved = site.post(f"{path}/draft", {"actions.0.points": "9", "reason": texts[0]}).headers["location"]
        pages += [refused.text, site.get(saved).text, site.get("/little/log").text]
    for text in pages:
        for tag in ("<script", "<img", "<svg onload", "<!--", "<i>", 'href="javascript:'):
            assert tag not in text, tag
        assert "49" not in text.replace("{{7*7}}", "") or "7*7" in text


def test_a_version_goes_from_draft_to_test_to_active_and_scores_leads(
    site: Served, file: ProjectFile, store: SheetStore
) -> None:
    site.post(f"{PATH}/keep", {"reason": "the first"})
    for stage in ("test", "active"):
        assert site.post(f"{PATH}/move", {"to": stage, "reason": f"to {stage}"}).headers["location"] == PATH
    second = site.post(f"{PATH}/draft", {"base.fit": "9", "reason": "the second"}).headers["location"]
    assert live(file) == sheet_set(store, FIRST), "a draft scores nobody"
    assert "not by this one" in site.get(second).text
    for stage in ("test", "active"):
        site.post(f"{second}/move", {"to": stage, "reason": f"to {stage}"})
    version = second.rpartition("/")[2]
    assert live(file) == sheet_set(store, version)
    assert [(kept.version, kept.stage) for kept in store.versions("points")] == [
        (FIRST, "archived"),
        (version, "active"),
    ]
    assert [(move.author, move.reason) for move in store.history("points")][-1] == ("ann", "to active")
    listed = site.get("/little/sheets").text
    assert re.search(rf'Leads are scored by version <a href="[^"]*">2 · {version}</a>', listed)
    assert f">1 · {FIRST}</a>" in listed
    assert f"Version 2 · {version}" in site.get(second).text
    log = site.get("/little/log").text
    assert f"before: test; after: active; reason: to active; archived: {FIRST}" in log
    site.post(f"{PATH}/move", {"to": "active", "reason": "back"})
    assert live(file) == sheet_set(store, FIRST), "an archived one is made active again"


def test_a_draft_is_withdrawn_by_whoever_edits_and_listed_apart(
    file: ProjectFile, store: SheetStore, tmp_path: Path
) -> None:
    sign_in = {"header": "X-Who", "roles": {"mark": "marketer", "mia": "viewer"}}
    file = little_file(tmp_path, {"sign_in": sign_in}, sheet=SHEET)
    publish(file, Night({"L001": 50}), "one")
    with served(file) as site:
        site.post(f"{PATH}/keep", {"reason": "the first"}, X_Who="mark")
        assert "Where a version of a sheet is active" not in site.get("/little/sheets", X_Who="mark").text
        assert "Withdraw this draft" not in site.get(PATH, X_Who="mia").text
        assert "Withdraw this draft" in site.get(PATH, X_Who="mark").text
        withdraw = {"to": "withdrawn", "reason": "a slip"}
        assert site.post(f"{PATH}/move", withdraw, X_Who="mia").status == 403
        assert site.post(f"{PATH}/move", withdraw, X_Who="mark").status == 303
        text = site.get("/little/sheets", X_Who="mark").text
        assert text.index("1 withdrawn draft<") < text.index(f'/sheets/points/{FIRST}">1 ·'), "folded away"
        assert "Make it a draft again" in site.get(PATH, X_Who="mark").text
        assert ("draft", "withdrawn", "a slip") in [
            (m.from_stage, m.to_stage, m.reason) for m in store.history("points")
        ]
        for to in ("draft", "test", "draft"):
            assert site.post(f"{PATH}/move", {"to": to, "reason": "x"}, X_Who="mark").status == 303
        assert "Withdraw this draft" not in site.get(PATH, X_Who="mark").text, "it was on test"
        assert site.post(f"{PATH}/move", withdraw, X_Who="mark").status == 400
        for to in ("test", "active"):
            site.post(f"{PATH}/move", {"to": to, "reason": "x"}, X_Who="mark")
        assert "Where a version of a sheet is active" in site.get("/little/sheets", X_Who="mark").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"to": "active", "reason": "at once"}, "is draft, not ready for this (active). From draft it can go to test or withdrawn."),
        ({"to": "draft", "reason": "x"}, "is already in this stage (draft). From draft it can go to test or withdrawn."),
        ({"to": "gone", "reason": "x"}, "There is no such stage (gone). One of draft, test, active, archived, withdrawn."),
        ({"reason": "x"}, "There is no such stage"),
        ({"to": "test", "reason": " "}, "Say in a few words why"),
        ({"to": "test"}, "Say in a few words why"),
    ],
)  # fmt: skip
def test_a_move_that_cannot_be_is_said_in_words(
    site: Served, store: SheetStore, fields: dict[str, str], words: str
) -> None:
    assert "Keep it as a version first" in site.post(f"{PATH}/move", {"to": "test", "reason": "x"}).text
    site.post(f"{PATH}/keep", {"reason": "the first"})
    answer = site.post(f"{PATH}/move", fields)
    assert (answer.status, words in unescape(answer.text)) == (400, True)
    assert [kept.stage for kept in store.versions("points")] == ["draft"]
    assert "moved a sheet version" not in site.get("/little/log").text


def test_where_two_are_wanted_nobody_makes_active_what_they_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    roles = {"Mia  M": "marketer", "tom": "marketer"}
    page = {"second_person": True, "sign_in": {"header": "X-Who", "roles": roles}}
    file = little_file(tmp_path, page, sheet=SHEET)
    with served(file) as site:
        site.post(f"{PATH}/keep", {"reason": "x"}, X_Who="Mia  M")
        assert site.post(f"{PATH}/move", {"to": "test", "reason": "x"}, X_Who="Mia  M").status == 303
        answer = site.post(f"{PATH}/move", {"to": "active", "reason": "x"}, X_Who="Mia  M")
        assert (answer.status, "somebody else has to" in answer.text) == (400, True)
        assert "Make active" not in site.get(PATH, X_Who="Mia  M").text
        assert [kept.stage for kept in store_of(file).versions("points")] == ["test"]
        assert "Make active" in site.get(PATH, X_Who="tom").text
        assert site.post(f"{PATH}/move", {"to": "active", "reason": "x"}, X_Who="tom").status == 303


def live(file: ProjectFile) -> str:
    """The version that the next night scores by."""
    sheets = load_sheets(file)
    assert sheets is not None
    return sheets.version


def sheet_set(store: SheetStore, version: str) -> str:
    return ScorecardSet((store.get("points", version),)).version


@pytest.mark.parametrize("action", ["keep", "draft", "move", "preview"])
@pytest.mark.parametrize("site_of_form", ["cross-site", "same-site", "none"])
def test_forms_of_other_sites_change_no_sheet(
    site: Served, store: SheetStore, action: str, site_of_form: str
) -> None:
    sent = {"reason": "x", "base.fit": "6", "to": "test"}
    assert site.post(f"{PATH}/{action}", sent, Sec_Fetch_Site=site_of_form).status == 403
    assert site.get(f"{PATH}/{action}").status in (404, 405), "nothing is changed by a link"
    assert not store.path.exists()


def test_verdicts_are_those_of_the_comparison_and_of_its_points(file: ProjectFile, tmp_path: Path) -> None:
    audit = {str(rule["rule"]): rule for rule in publish_compared(file).to_dict()["audit"]}
    label, judged = next((label, rule) for label, rule in audit.items() if rule["points"])
    sheet = {
        "sheet": "points",
        "attributes": [
            {"label": label, "when": "x", "points": judged["points"]},
            {"label": "Never judged", "when": "x", "points": 1},
        ],
    }
    (tmp_path / "points.yaml").write_text(yaml.safe_dump(sheet))
    version = Sheet.load(tmp_path / "points.yaml").version
    with served(file) as site:
        shown = site.get(f"/little/sheets/points/{version}").text
        assert f">{judged['leads']:,}<" in shown
        assert judged["verdict"] in shown
        assert "<small>with" not in shown
        other = site.post(
            f"/little/sheets/points/{version}/draft", {"attributes.0.points": "1", "reason": "x"}
        )
        assert "<small>with" in site.get(other.headers["location"]).text


def test_a_project_without_sheets_says_what_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    with served(little_file(tmp_path)) as site:
        assert "has no score sheet" in site.get("/little/sheets").text

"""The comparison on the page: it says what the report says, at each capacity, and every count leads to its leads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pytest

from leadlens.models.judging import Comparison, compare, report_model
from leadlens.models.judging.at_capacity import at_capacities
from leadlens.models.judging.thresholds import point_thresholds
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.published.compared import PublishedComparison
from leadlens.pipeline.published.comparing import publish_comparison
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.report.page import model_page, page
from leadlens.pipeline.scorecards.project import store_of
from leadlens.pipeline.views.words import percent, signed
from tests.models.judged_example import judged_example
from tests.pipeline.page_example import (
    HOSTILE,
    SHEET,
    Night,
    Served,
    address,
    little_file,
    publish,
    publish_compared,
    served,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFile]:
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "state"))
        yield little_file(folder)


@pytest.fixture(scope="module")
def comparison(file: ProjectFile) -> Comparison:
    ids = sorted(set(judged_example(600, snapshots=2)[0]["lead_id"]))
    people = {lead: {"name": HOSTILE[at % len(HOSTILE)], "owner": "mia"} for at, lead in enumerate(ids)}
    publish(file, Night({ids[0]: 70, ids[1]: 30}, people), "one")
    return publish_compared(file, people)


@pytest.fixture(scope="module")
def site(file: ProjectFile, comparison: Comparison) -> Iterator[Served]:
    with served(file) as site:
        yield site


def latest(file: ProjectFile) -> PublishedComparison:
    path = CopyFolder.compared(file.project.name).latest()
    assert path is not None
    return PublishedComparison(path)


def test_at_the_projects_capacity_it_says_what_the_report_says(
    file: ProjectFile, comparison: Comparison
) -> None:
    there, own = latest(file).at(comparison.capacity.share), comparison.to_dict()
    for name in ("headline", "advice", "status", "trust"):
        assert there[name] == own[name]
    assert there["capacity"] == own["capacity"]
    assert there["quadrants"] == own["quadrants"]


SHARED = ("", "checks", "agreement", "rules", "bands", "calibration", "grades", "words")


def by_heading(html: str) -> dict[str, str]:
    """The words under each heading of the second level, by its id; "" is what stands before the first."""
    main = re.sub(
        r'<form.*?</form>|<p class="(?:sub|note[^"]*)">.*?</p>',
        "",
        html.split("<h1>")[1].split("</main>")[0],
        flags=re.S,
    )
    parts = re.split(r'<h2 id="([^"]*)">', f'<h2 id="">{main}')[1:]
    texts = [" ".join(unescape(re.sub(r"<[^>]+>", " ", part)).split()) for part in parts[1::2]]
    return dict(zip(parts[::2], texts, strict=True))


def test_page_and_report_have_equal_words_and_equal_charts(site: Served, comparison: Comparison) -> None:
    shown, report = site.get("/little/compare").text, page(comparison)
    words, reported = by_heading(shown), by_heading(report)
    assert {part: words[part] for part in SHARED} == {part: reported[part] for part in SHARED}
    assert set(words) == set(SHARED)
    assert all(len(text) > 40 for text in words.values())
    charts = re.compile(r'<svg class="(?:chart|strip)".*?</svg>', re.DOTALL)
    drawn = charts.findall(shown)
    assert drawn == charts.findall(report)
    assert len(drawn) == 3 + len(comparison.audit["worth"].dropna())


def test_rules_are_captioned_by_the_scale_that_they_are_shown_on(comparison: Comparison) -> None:
    """Where a point of the sheet is worth nobody knows what, each rule is shown on the model's scale."""
    unknown = dict.fromkeys(("suggested_low", "suggested_high"), float("nan"))
    for audit, scale, marked in (
        (comparison.audit, "points of the sheet", True),
        (comparison.audit.assign(**unknown), "on the model's scale", False),
    ):
        shown = unescape(page(replace(comparison, audit=audit)))
        captions = re.findall(r"<caption>Points given beside.*?</caption>", shown)
        assert len(captions) == 2
        assert all(f", {scale})" in caption for caption in captions)
        assert ("<small>model's scale</small>" in shown) == marked, "what a caption says is not said again"


def test_a_model_alone_is_said_in_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    file, (judged, _, meta) = little_file(tmp_path), judged_example(400)
    report = report_model(judged, {**meta, "warnings": ["an <odd> column"]}, resamples=20)
    nobody = pa.table(
        {name: pa.array([], pa.string()) for name in ("lead_id", "name", "email", "company", "owner")}
    )
    assert publish_comparison(file, report, nobody, None) is None
    with served(file) as site:
        words, reported = by_heading(site.get("/little/compare").text), by_heading(model_page(report))
    assert set(words) == {"", "checks"}
    assert words.items() <= reported.items()
    assert report.headline() in words[""]
    assert words["checks"].count("an <odd> column") == 1, "a note is said once"


def test_its_sentences_are_of_the_capacity_that_was_asked_for(file: ProjectFile, site: Served) -> None:
    copy = latest(file)
    for there in map(copy.at, copy.shares):
        both = next(each["leads"] for each in there["quadrants"] if each["quadrant"] == "both")
        assert any(sentence.startswith(f"Both call {both:,} leads hot") for sentence in there["story"])


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_other_capacities_are_those_of_a_comparison_of_their_own(share: float) -> None:
    judged, ledger, meta = judged_example(400, snapshots=2)
    (each,) = at_capacities(judged, [share], resamples=40)
    whole = compare(judged, ledger, meta, capacity=share, resamples=40)
    assert each.capacity == whole.capacity
    pd.testing.assert_frame_equal(each.quadrants, whole.quadrants)
    assert len(each.leads) == whole.leads
    assert each.leads["lead_id"].is_unique


def test_the_chance_of_a_lead_is_that_of_its_band(
    file: ProjectFile, site: Served, comparison: Comparison
) -> None:
    bands = comparison.bands[comparison.bands["lens"] == "leadlens"].set_index("band")
    band = bands.loc["50–59"]
    assert band["leads"] >= 30
    lead = sorted(set(judged_example(600, snapshots=2)[0]["lead_id"]))[0]
    publish(file, Night({lead: 55}), "chance", replace_newer=True)
    said = f"Of 100 such leads {100 * band['conversions'] / band['leads']:.0f} convert"
    assert said in site.get(address(lead)).text
    publish(file, Night({lead: 99}), "other", replace_newer=True)
    assert "Too few leads had such a score" in site.get(address(lead)).text


def test_every_count_leads_to_its_leads(file: ProjectFile, site: Served) -> None:
    copy = latest(file)
    for share in copy.shares:
        for cell in copy.at(share)["quadrants"]:
            leads = list(copy.every_of_cell(share, cell["quadrant"]))
            assert len(leads) == len({lead.lead_id for lead in leads}) == cell["leads"]
            assert sum(lead.converted for lead in leads) == cell["conversions"]
    for label, audit in copy.rules.items():
        if not label.startswith("Disqualified"):
            assert copy.rule(label).total == audit["leads"], label
    text = site.get("/little/compare?capacity=10").text
    assert copy.at(0.1)["headline"] in text.replace("&#39;", "'")
    for check in copy.at(0.1)["trust"]:
        assert check["title"] in text
    assert copy.at(0.1)["status"]["words"] in text
    counts = re.findall(r'href="(/little/compare/[^"]+)">([\d,]+) leads', text)
    assert len(counts) == 4
    for path, count in counts:
        assert f": {count} leads</h1>" in site.get(path.replace("&amp;", "&")).text


def test_the_rules_to_change_first_come_first_and_say_why(site: Served, comparison: Comparison) -> None:
    text = site.get("/little/compare").text
    flagged = comparison.audit[comparison.audit["words"].str.contains("Wrong direction")]["rule"].tolist()
    assert flagged
    first = re.search(r'href="/little/rules/([^"]+)"', text)
    assert first is not None
    assert first[1] == quote(flagged[0], safe="")
    for rule in comparison.audit.to_dict("records"):
        got = site.get(f"/little/rules/{quote(str(rule['rule']), safe='')}")
        assert got.status == 200
        assert str(rule["words"]) in got.text
    assert site.get("/little/rules/nothing").status == 404


def test_a_rule_leads_back_and_to_its_field_for_those_who_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    sign_in = {"header": "X-Who", "roles": {"mark": "marketer", "mia": "viewer"}}
    sheet = SHEET.replace("Large firm", "Right industry")
    file = little_file(tmp_path, {"sign_in": sign_in}, sheet=sheet)
    publish_compared(file)
    with served(file) as site:
        text = site.get("/little/rules/Right%20industry", X_Who="mark").text
        assert '<a href="/little/compare#rules">' in text
        assert 'id="rules"' in site.get("/little/compare", X_Who="mia").text
        edit = re.search(r'href="(/little/sheets/[^"#]+)#([^"]+)">Edit it in the sheet<', text)
        assert edit is not None
        assert (
            f'<input class="number" id="{edit[2]}" name="attributes.0.points"'
            in site.get(edit[1], X_Who="mark").text
        )
        assert "Edit it in the sheet" not in site.get("/little/rules/Right%20industry", X_Who="mia").text
        assert "Edit it in the sheet" not in site.get("/little/rules/Decision%20maker", X_Who="mark").text, (
            "not of this sheet"
        )


def test_disqualified_leads_of_a_cell_are_counted_above_them(file: ProjectFile, site: Served) -> None:
    counts = {}
    for cell in ("model-only", "neither"):
        for share in (20, 40):
            rows = list(latest(file).every_of_cell(share / 100, cell.replace("-", " ")))
            out = counts[cell, share] = sum(row.rule_stage == "Disqualified" for row in rows)
            text = site.get(f"/little/compare/{cell}?capacity={share}").text
            said = re.search(r"The sheet disqualifies ([0-9]+) of these leads", text)
            assert (0 if said is None else int(said[1])) == out
    assert max(counts.values()) > 1


def test_a_rule_counts_what_sales_said_of_its_leads(file: ProjectFile, site: Served) -> None:
    copy = latest(file)
    label = "Right industry"
    known = {lead.lead_id for lead in copy.rule(label, most=10_000).rows}
    assert (
        "Converting leads reached: change without the rule" in site.get(f"/little/rules/{quote(label)}").text
    )
    scored = [row.lead_id for row in copy.rule(label, most=10_000).rows]
    assert known
    before = site.get(f"/little/rules/{quote(label)}").text
    assert "0 / 0" in before
    night = PublishedComparison(copy.path)
    night.close()
    publish(file, Night(dict.fromkeys(scored[:3], 50)), "two", replace_newer=True)
    for lead in scored[:3]:
        assert (
            site.post(f"{address(lead)}/verdict", {"verdict": "rejected", "reason": "No budget"}).status
            == 303
        )
    assert site.post(f"{address(scored[0])}/verdict", {"verdict": "accepted"}).status == 303
    assert "1 / 2" in site.get(f"/little/rules/{quote(label)}").text, "the last word on a lead counts"


def test_whoever_sees_own_leads_alone_sees_no_others_here_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    sign_in = {"header": "X-Who", "owners_only": True, "roles": {"Mark": "marketer"}}
    file = little_file(tmp_path, {"sign_in": sign_in})
    ids = sorted(set(judged_example(600, snapshots=2)[0]["lead_id"]))
    people = {lead: {"name": f"Lead {lead}", "owner": ("mia", "tom")[at % 2]} for at, lead in enumerate(ids)}
    publish_compared(file, people)
    with served(file) as site:
        for path in ("compare/neither", "compare/both", "rules/Right%20industry"):
            seen = site.get(f"/little/{path}", **{"X-Who": "mia"}).text
            assert "<small>mia</small>" in seen
            assert "tom" not in seen
            assert "<small>tom</small>" in site.get(f"/little/{path}", **{"X-Who": "mark"}).text


def test_a_cell_is_taken_out_whole_and_safe(file: ProjectFile, site: Served) -> None:
    got = site.post("/little/compare/neither/export", {"capacity": "20"})
    rows = list(csv.reader(io.StringIO(got.text.removeprefix("\ufeff"))))
    cell = next(each for each in latest(file).at(0.2)["quadrants"] if each["quadrant"] == "neither")
    assert len(rows) == cell["leads"] + 1
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row)
    assert "exported" in site.get("/little/log").text


def test_what_other_capacities_say_is_said_too(site: Served) -> None:
    """Who is better can differ from capacity to capacity: whoever looks at one is told of the others."""
    path = CopyFolder.compared("little").latest()
    assert path is not None
    compared = PublishedComparison(path)
    for share in compared.shares:
        text = site.get(f"/little/compare?capacity={100 * share:g}").text
        for who, words in (
            ("model", "The model is clearly better at"),
            ("sheet", "The sheet is clearly better at"),
            ("unclear", "There is no clear difference at"),
        ):
            others = [
                each["share"]
                for each in compared.facts["at"]
                if each["share"] != share and _winner(each["capacity"]["more_interval"]) == who
            ]
            said = ", ".join(percent(each) for each in others)
            assert (f"{words} {said} of the new leads." in text) == bool(others), (share, who)


def _winner(interval: list[float]) -> str:
    return "model" if interval[0] > 0 else "sheet" if interval[1] < 0 else "unclear"


@pytest.mark.parametrize("path", ["compare/nothing", "rules/", "compare/both?from=-1", "compare?capacity=nan", "compare?capacity=1e999",
                                  "compare/both?capacity=x&from=99999999999999999999", "threshold?reps=-1&calls=٣", "threshold?reps=99999&calls=99999"])  # fmt: skip
def test_odd_addresses_are_answered_in_words(site: Served, path: str) -> None:
    got = site.get(f"/little/{quote(path, safe='/?=&')}")
    assert got.status in (200, 404)
    assert "Traceback" not in got.text
    assert "<script" not in got.text


def test_the_threshold_is_the_lowest_that_sales_can_call(file: ProjectFile, site: Served) -> None:
    copy = latest(file)
    weeks, cuts = copy.figures["weeks"], copy.facts["cuts"]
    for room in (1, 3, 10):
        text = site.get(f"/little/threshold?reps={room}&calls=1").text
        assert "every lead" not in text
        expected = next((cut for cut in cuts if cut["leads"] <= room * weeks), None)
        if expected is None:
            assert "MQL from" not in text
        else:
            assert f"MQL from {expected['points']:g} points" in text


def test_sales_that_can_call_everybody_need_no_threshold(site: Served) -> None:
    assert (
        "You can call every lead: no threshold is needed"
        in site.get("/little/threshold?reps=900&calls=90").text
    )


def test_point_thresholds_are_those_of_a_slow_count() -> None:
    judged, _, _ = judged_example(300, snapshots=3, seed=4)
    table = point_thresholds(judged)
    assert len(table) > 5
    assert table["leads"].is_monotonic_decreasing
    rows = judged.sort_values("as_of", kind="stable")
    for cut in table.itertuples():
        reached: dict[str, int] = {}
        for row in rows.itertuples():
            if row.rule_points >= cut.points and not row.disqualified and row.lead_id not in reached:
                reached[str(row.lead_id)] = int(row.label)
        assert (len(reached), sum(reached.values())) == (cut.leads, cut.conversions)


def test_the_threshold_in_force_is_marked_and_another_becomes_a_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    sign_in = {"header": "X-Who", "roles": {"mark": "marketer", "mia": "viewer"}}
    file = little_file(tmp_path, {"sign_in": sign_in}, sheet=SHEET.replace("mql: 30", "mql: 33"))
    publish_compared(file)
    assert 33.0 in {cut["points"] for cut in latest(file).facts["cuts"]}
    draft, points = "/little/threshold/draft", {"points": "45", "reason": "Five reps"}
    with served(file) as site:
        shown = site.get("/little/threshold", X_Who="mark").text
        assert "calls leads MQL from <b>33 points</b> on" in shown
        assert re.search(r">33 <small>in force</small>", shown)
        assert re.search(r">60 <small>hot</small>", shown)
        assert "Make a draft of points" in shown
        assert "Make a draft" not in site.get("/little/threshold", X_Who="mia").text
        assert site.post(draft, points, X_Who="mia").status == 403
        assert site.post(draft, points, X_Who="mark", Sec_Fetch_Site="cross-site").status == 403
        assert not store_of(file).path.exists()
        for wrong, words in (
            ({"points": "many"}, "This cannot be read as a number"), ({"points": "61"}, "SQL comes after MQL"), ({"points": ""}, "A number is needed"),
            ({"points": "33"}, "MQL begins at 33 points already"), ({"reason": " "}, "Say in a few words why"),
        ):  # fmt: skip
            answer = site.post(draft, points | wrong | {"reps": "7"}, X_Who="mark")
            assert (answer.status, words in answer.text, 'value="7"' in answer.text) == (400, True, True), (
                wrong
            )
        assert not store_of(file).path.exists()
        answer = site.post(draft, points, X_Who="mark")
        version = answer.headers["location"].rpartition("/")[2]
        (kept,) = store_of(file).versions("points")
        assert (kept.version, kept.stage, kept.author, kept.reason) == (version, "draft", "mark", "Five reps")
        assert store_of(file).yaml("points", version) == SHEET.replace("mql: 30", "mql: 45")
        assert site.get(answer.headers["location"], X_Who="mark").status == 200


def test_profit_is_said_with_its_interval_and_no_threshold_is_best_that_is_not_shown_to_be(
    file: ProjectFile, site: Served
) -> None:
    copy = latest(file)
    weeks, cuts = copy.figures["weeks"], copy.facts["cuts"]
    text = site.get("/little/threshold?cost=10&gain=90.5").text
    best = max(cuts, key=lambda cut: 90.5 * cut["conversions"] - 10 * cut["leads"])
    assert f"calls from <b>{best['points']:g} points</b> on earn most" in text
    assert signed((90.5 * best["conversions"] - 10 * best["leads"]) / weeks) in text
    assert text.count("<b>best</b>") == 2
    assert "≈ best" in text
    assert "Not shown to earn less:" in text
    none = site.get("/little/threshold?cost=1000&gain=1").text
    assert none.count("no threshold pays") == 2
    assert ">best</b>" not in none
    assert "≈" not in none
    assert "Profit needs both" in site.get("/little/threshold?cost=5").text
    for odd in ("x", "-1", "1e99", "nan", "<b>", "99999999999"):
        text = site.get(f"/little/threshold?gain=5&cost={quote(odd)}").text
        assert ("Cost of a call (optional):</b> " in text, "Profit a week" in text, '<b>"' in text) == (
            True,
            False,
            False,
        )


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("de", ["1.500", "1500", "1500,0", "1.500,00"]),
        ("id", ["1.500", "1500,0"]),
        ("en", ["1,500", "1500", "1500.0", "1,500.00"]),
        ("fr", ["1 500", "1\u00a0500", "1\u202f500,00", "1500"]),
    ],
)
def test_amounts_are_read_in_the_readers_language(site: Served, code: str, texts: list[str]) -> None:
    pages = {
        profits(site.get(f"/little/threshold?cost=12&gain={quote(text)}", Accept_Language=code).text)
        for text in texts
    }
    assert len(pages) == 1
    assert pages != {profits(site.get("/little/threshold?cost=0.1&gain=1.5", Accept_Language="en").text)}
    link = f"/little/threshold?cost=12&written={code}&gain={quote(texts[0])}&reps=7"
    passed_on = site.get(link, Accept_Language="en").text
    assert 'name="gain" inputmode="decimal" autocomplete="off" maxlength="40" value="1500"' in passed_on
    assert 'name="written" value="en"' in passed_on


def profits(text: str) -> tuple[str, ...]:
    found = tuple(re.findall(r"<b>([+−][^<]*)</b>", text))
    assert found
    return found


@pytest.mark.parametrize(
    ("code", "query", "words"),
    [
        ("en", "gain=1.500,5&cost=1", "Value of a conversion (optional):</b> This cannot be read as a number: write it like 1500 or 1,500.5."),
        ("fr", "cost=1.500&gain=1", "1500 ou 1\u202f500,5."),
        ("de", "cost=1,234.5&gain=1", "1500 oder 1.500,5."),
        ("en", "reps=2.5", "Reps:</b> A whole number from 1 to 9,999 is needed here. The figures below are for 5 reps with 20 calls each."),
        ("en", "calls=0", "Calls a week, each:</b> A whole number"),
        ("en", "cost=-3&gain=1", "Cost of a call (optional):</b> An amount from 0 to 1,000,000,000 is needed here."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_the_name_of_its_field(
    site: Served, code: str, query: str, words: str
) -> None:
    text = site.get(f"/little/threshold?{query}", Accept_Language=code).text
    assert words in unescape(text)
    assert text.count('aria-invalid="true"') == 1


@pytest.mark.parametrize(
    ("code", "words", "one"),
    [
        ("en", "too few to say", "That gives 1 lead a week"),
        ("de", "zu wenige für eine Aussage", "Das ergibt 1 Lead in der Woche"),
        ("fr", "trop peu pour conclure", "Cela donne 1 lead par semaine"),
        ("id", "terlalu sedikit", "Itu menghasilkan 1 lead per minggu"),
    ],
)
def test_a_threshold_of_few_leads_says_so_in_every_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str, one: str
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    file = little_file(tmp_path)
    publish_compared(file, leads=1_300)
    copy = latest(file)
    few = [cut for cut in copy.facts["cuts"] if cut["leads"] < 30]
    assert few
    weeks = copy.figures["weeks"]
    with served(file) as site:
        text = unescape(site.get("/little/threshold?reps=1&calls=1", Accept_Language=code).text)
    table = text[text.rindex("<h2") :]
    rows = re.findall(r"<tr[^>]*><th scope=\"row\" class=\"n\">.*?</tr>", table)
    cuts = [*copy.facts["cuts"], *(each for each in copy.figures["thresholds"] if each["lens"] == "leadlens")]
    assert len(rows) == len(cuts)
    assert [words in row for row in rows] == [cut["leads"] < 30 for cut in cuts]
    lists = (copy.facts["cuts"], cuts[len(copy.facts["cuts"]) :])
    chosen = [next(cut for cut in each if cut["leads"] <= weeks)["leads"] / weeks for each in lists]
    assert text.count(one) == sum(round(each, 1) == 1 for each in chosen) > 0


def test_weeks_are_drawn_and_told_and_a_few_leads_are_too_few_to_say(file: ProjectFile, site: Served) -> None:
    text = site.get("/little/threshold?reps=2&calls=9").text
    weeks = latest(file).weeks("leadlens", 60.0)
    assert len(weeks) > 10
    assert text.count('class="weekly') == 2
    assert re.findall(r'<p class="legend"><span class="(\w+)"><span aria-hidden="true">(.)<', text) == [
        ("sheet", "╍"),
        ("model", "▬"),
    ]
    assert text.count("<circle") == sum(
        each["above"] >= 30 for lens, cut in courses(text) for each in latest(file).weeks(lens, cut)
    )
    assert "too few to say" in text
    assert "are not counted: a lead has" in text


def courses(text: str) -> list[tuple[str, float]]:
    """The thresholds that are shown week by week."""
    heads = re.findall(r"Week by week: (a score of )?([\d.]+) ", text)
    return [("leadlens" if is_score else "scorecard", float(cut)) for is_score, cut in heads]


def test_nothing_compared_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    with served(little_file(tmp_path)) as site:
        for path in ("compare", "compare/both", "rules/x", "threshold"):
            got = site.get(f"/little/{path}")
            assert (got.status, "leadlens compare" in got.text) == (404, True)

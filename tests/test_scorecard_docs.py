"""The pages about score sheets are run: every number, date, stage and route in them is what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.models.scorecard import Sheet, SheetScores, check_sheet
from leadlens.models.scorecard.language.outcomes import Grades, Route, Scale, Stage, Thresholds
from leadlens.models.scorecard.language.parsing import parse_conditions
from leadlens.models.scorecard.language.rules import (
    ActionRule,
    AtLeast,
    AttributeRule,
    Decay,
    Disqualifier,
    Group,
)
from leadlens.pipeline.scorecards import templates
from tests.scorecard_pages import EXPECTED, INPUTS, NOTES, Example, differences, mutants, read_page, run, told

PAGES = Path(__file__).parents[1] / "docs" / "scorecards"
EXAMPLES = {name: read_page(PAGES / f"{name}.md") for name in ("language", "worked_examples", "ready_sheets")}
ALL = [example for examples in EXAMPLES.values() for example in examples]
READY = {example.path.stem: example for example in EXAMPLES["ready_sheets"] if example.path}
Scored = Callable[[Example], SheetScores]
# tables for people: nothing in them is run
_PROSE = {"you want", "you write", "column", "sign", "setting", "data"}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """What comes out of an example, run once."""
    done: dict[str, SheetScores] = {}

    def score(example: Example) -> SheetScores:
        if example.name not in done:
            done[example.name] = run(example, tmp_path_factory.mktemp("example"))
        return done[example.name]

    return score


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_what_the_page_says_comes_out(example: Example, scored: Scored) -> None:
    assert example.of(*EXPECTED), f"{example.name} tells nothing that can be checked"
    assert differences(example, scored(example)) == []


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_a_changed_result_in_a_page_is_found(example: Example, scored: Scored) -> None:
    came = scored(example)

    unseen = [place for place, table in mutants(example) if not differences(example, came, [table])]

    assert unseen == []


@pytest.mark.parametrize("example", EXAMPLES["worked_examples"], ids=lambda example: example.name)
def test_changed_points_in_a_sheet_of_the_worked_examples_are_found(example: Example, tmp_path: Path) -> None:
    points = list(re.finditer(r"label: ([^,]+),.*?points: (-?\d+)", example.text))
    unseen = []
    for found in points:
        start, end = found.span(2)
        changed = replace(example, text=f"{example.text[:start]}{int(found[2]) + 1}{example.text[end:]}")
        if not differences(changed, run(changed, tmp_path)):
            unseen.append(found[1])

    assert points
    assert unseen == []


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_no_table_of_a_page_goes_unread(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    heads = [line for line, below in pairwise(lines) if re.match(r"\|[-:|]+\|$", below)]

    unread = {head.split("|")[1].strip(" `") for head in heads} - {*INPUTS, *EXPECTED, *NOTES, *_PROSE}

    assert heads
    assert not unread, f"no table begins with {unread}"


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_link_leads_to_a_heading(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        target = page.parent / file if file else page
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in anchors, f"{page.name}: {target.name} has no heading {anchor}"


def test_the_page_about_the_language_tells_every_setting() -> None:
    text = (PAGES / "language.md").read_text(encoding="utf-8")
    sections = (Sheet, AttributeRule, ActionRule, Disqualifier, Group, Decay, AtLeast)
    settings = {
        field.alias or name
        for section in (*sections, Scale, Stage, Thresholds, Grades, Route)
        for name, field in section.model_fields.items()
    }

    untold = [name for name in sorted(settings) if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", text)]

    assert not untold


def test_every_ready_sheet_has_its_place_in_the_page() -> None:
    assert set(READY) == set(templates.names())
    assert all(READY[name].path.samefile(templates.path(name)) for name in READY)
    assert list(templates.about()) == sorted(READY)


@pytest.mark.parametrize("name", sorted(READY))
def test_a_ready_sheet_tells_hot_cold_and_disqualified_leads_apart(name: str, scored: Scored) -> None:
    found = scored(READY[name]).scores

    last = found.sort_values("as_of").groupby("lead_id").tail(1).set_index("lead_id")
    best = found[found["lead_id"] == "hot"].sort_values("total").iloc[-1]

    assert best["stage"] == "SQL"
    assert isinstance(best["route"], str)
    assert last.loc["cold", "stage"] == "Lead"
    assert last.loc["cold", "total"] < best["total"] / 2
    assert last.loc["out", "stage"] == "Disqualified"
    assert isinstance(last.loc["out", "disqualified_by"], str)


@pytest.mark.parametrize("name", sorted(READY))
def test_the_page_gives_reasons_for_lines_as_they_stand_in_the_ready_sheet(name: str) -> None:
    points = {rule.label: rule.points for rule in Sheet.load(templates.path(name)).rules}
    (reasons,) = READY[name].of("line")

    for row in reasons.rows:
        assert points[row["line"]] == float(row["points"].replace("−", "-")), row["line"]


@pytest.mark.parametrize("name", sorted(READY))
def test_the_page_lists_every_name_that_a_ready_sheet_needs(name: str) -> None:
    example, sheet = READY[name], Sheet.load(templates.path(name))
    parsed = parse_conditions(sheet, told(example))
    acted = [c for rule, c in zip(sheet.disqualify, parsed.disqualifiers, strict=True) if rule.on == "action"]
    events = [*parsed.actions, *parsed.after.values(), *acted]
    columns = {
        column
        for condition in (*events, *parsed.attributes, *parsed.disqualifiers)
        for column in condition.columns_used
    }
    columns |= {*parsed.of.values(), *(parsed.segment.columns_used if parsed.segment else ())}
    types = {
        text for condition in events for column, text in condition.texts_sought() if column == "event_type"
    }
    (names,) = example.of("name")

    assert {row["name"] for row in names.rows} == columns | types


@pytest.mark.parametrize("name", sorted(READY))
def test_mails_alone_make_no_mql_by_a_ready_sheet(name: str) -> None:
    """A scanner opens and clicks whatever comes: the page says that this is not enough."""
    sheet = Sheet.load(templates.path(name))
    mails = [rule for rule in sheet.actions if "email_" in rule.when and rule.inactive_for is None]

    assert mails or name == "estate_planner", "the page says which sheet counts no mails"
    assert {rule.per for rule in mails} <= {"day"}
    assert sheet.thresholds
    assert sum(rule.cap or rule.points for rule in mails) < (sheet.thresholds.mql.points or 0)


@pytest.mark.parametrize("name", sorted(READY))
def test_every_limit_of_a_ready_sheet_can_be_reached(name: str) -> None:
    found = check_sheet(Sheet.load(templates.path(name)), told(READY[name]))

    assert [finding for finding in found if finding.code == "sheet-out-of-reach"] == []


@pytest.mark.parametrize("name", sorted(READY))
def test_the_parts_of_a_ready_sheet_can_be_copied_elsewhere(name: str, tmp_path: Path) -> None:
    folder = templates.path(name).parent
    for part in templates.parts(name):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).write_bytes((folder / part).read_bytes())

    assert Sheet.load(tmp_path / f"{name}.yaml").version == Sheet.load(templates.path(name)).version


def test_an_unknown_ready_sheet_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="car_dealer"):
        templates.path("car_dealr")
    with pytest.raises(UsageError):
        templates.path("../starter")

"""Sheets as files: what they say, what they refuse and where, their version, schema and check."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from leadlens.features import History, UsageError
from leadlens.models.scorecard import Sheet, check_sheet
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.models.scorecard.spreadsheet.table import from_csv, to_csv
from tests.models.histories import START, open_small

GOOD = """\
sheet: small
about: One of everything
base: {fit: 5}
dimensions: [services]
attributes:
  - {label: Over 30, when: age > 30, points: 10}
actions:
  - label: Opened an e-mail
    when: event_type = 'email_open'
    points: 3
    per: each
    within: 30d
    cap: 9
    also: [services]
disqualify:
  - {label: Student, when: occupation = 'student'}
  - {label: Applied, when: event_type = 'job_application', on: action}
thresholds: {mql: 10, sql: 20}
grades: {fit: [30, 20, 10]}
"""
BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghij")
)


def load(tmp_path: Path, text: str | bytes) -> Sheet:
    path = tmp_path / "small.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Sheet.load(path)


def history() -> History:
    return open_small(
        [{"lead_id": "a", "age": 40.0, "occupation": "nurse"}],
        [{"lead_id": "a", "occurred_at": START, "event_type": "email_open"}],
        lead_attributes={"age": "number", "occupation": "category"},
    )


def test_a_sheet_is_read_as_written(tmp_path: Path) -> None:
    sheet = load(tmp_path, GOOD)
    assert (sheet.name, sheet.base) == ("small", {"fit": 5})
    assert sheet.all_dimensions == ("fit", "engagement", "services")
    action = sheet.actions[0]
    assert (action.points, action.per, action.within, action.cap) == (3, "each", timedelta(days=30), 9)
    assert [bar.on for bar in sheet.disqualify] == ["attribute", "action"]
    assert sheet.grades.fit == (30, 20, 10)
    assert sheet.grades.engagement == (75, 50, 25)


def test_sections_whose_lines_are_commented_out_are_empty(tmp_path: Path) -> None:
    rule = "{label: L, when: 'TRUE', points: 1, also: }"
    text = f"sheet: x\nattributes:\n# - {{}}\ndimensions:\nactions:\n  - {rule}\n"
    sheet = load(tmp_path, text)
    assert (len(sheet.attributes), len(sheet.dimensions), len(sheet.actions[0].also)) == (0, 0, 0)
    assert sheet.thresholds is None


def test_a_sheet_cannot_be_changed(tmp_path: Path) -> None:
    sheet = load(tmp_path, GOOD)
    with pytest.raises(ValidationError):
        sheet.about = "other"  # type: ignore[misc]


def test_the_version_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    version = load(tmp_path, GOOD).version
    assert len(version) == 12
    for same in (
        "# a comment\n" + GOOD,
        GOOD.replace("30d", "720h"),
        GOOD.replace("points: 3", "points: 3.0"),
        GOOD.replace("    per: each\n    within: 30d\n", "    within: 30d\n    per: each\n"),
        GOOD.replace("{fit: 5}", "5"),
        GOOD.replace("[30, 20, 10]}", "[30, 20, 10], engagement: [75, 50, 25]}"),
    ):
        assert load(tmp_path, same).version == version
    for other in (GOOD.replace("points: 3", "points: 4"), GOOD.replace("mql: 10", "mql: 11")):
        assert load(tmp_path, other).version != version


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("    points: 3\n", "    poinst: 3\n", 10, "did you mean: points?"),
        ("    points: 3\n", "", 8, "points is missing"),
        ("points: 3", 'points: "3"', 10, "write it without quotes: 3"),
        ("points: 3", "points: three", 10, "this must be a number"),
        ("points: 3", "points: yes", 10, "this must be a number"),
        ("points: 3", "points: .nan", 10, "this must be a number between"),
        ("points: 3", "points: .inf", 10, "this must be a number between"),
        ("points: 3", "points: 10000000", 10, "this must be a number between"),
        ("points: 3", "points: [3]", 10, "this must be a number"),
        ("points: 3", "points:", 10, "this must be a number"),
        ("when: event_type = 'email_open'", "when: yes", 9, "put it in quotes"),
        ("when: event_type = 'email_open'", "when: 3", 9, "put it in quotes"),
        ("when: event_type = 'email_open'", "when: ''", 9, "must not be empty"),
        ("label: Opened an e-mail", "label: off", 8, "put it in quotes"),
        ("label: Opened an e-mail", "label: 2026-01-01", 8, "put it in quotes"),
        ("label: Opened an e-mail", "label: Over 30", 8, "labels identify rules in the ledger"),
        ("label: Opened an e-mail", "label: Starting points", 8, "taken by the base points"),
        ("per: each", "per: daily", 11, "'once', 'each', 'day' or 'value'"),
        ("per: each", "per: once", 13, "a cap limits repeated points"),
        ("within: 30d", "within: 30 days", 12, "30m, 12h, 7d or 2w"),
        ("within: 30d", "within: 30", 12, "30m, 12h, 7d or 2w"),
        ("within: 30d", "within: 0d", 12, "nothing happens within no time"),
        ("within: 30d", "within: 900000d", 12, "30m, 12h, 7d or 2w"),
        ("cap: 9", "cap: -9", 13, "above 0"),
        ("cap: 9", "cap: 0", 13, "above 0"),
        ("also: [services]", "also: [servises]", 14, "did you mean services?"),
        ("also: [services]", "also: services", 14, "a list is expected"),
        ("dimensions: [services]", "dimensions: [services, fit]", 4, "this name is taken"),
        ("dimensions: [services]", "dimensions: [services, services]", 4, "this name is taken"),
        ("dimensions: [services]", "dimensions: [services, grade]", 4, "this name is taken"),
        ("dimensions: [services]", "dimensions: [services, 'A B']", 4, "lower-case letters"),
        ("sheet: small", "sheet: Small Sheet", 1, "lower-case letters"),
        ("sheet: small", "sheets: small", 1, "did you mean: sheet?"),
        ("on: action", "on: actions", 17, "'attribute' or 'action'"),
        ("mql: 10, sql: 20", "mql: 10, sql: 5", 18, "cannot be lower than 10"),
        ("mql: 10, sql: 20", "sql: 20", 18, "mql is missing"),
        ("[30, 20, 10]", "[10, 20, 30]", 19, "grade cuts fall"),
        ("[30, 20, 10]", "[30, 20]", 19, "three numbers"),
        ("[30, 20, 10]", "[30, 20, ten]", 19, "this must be a number"),
        ("{fit: 5}", "{fitt: 5}", 3, "did you mean fit?"),
        ("{fit: 5}", "yes", 3, "this must be a number"),
        ("  - {label: Over 30, when: age > 30, points: 10}", "  label: Over 30", 5, "a list is expected"),
        ("    points: 3\n", "    points: 3\n    points: 4\n", 11, "this key occurs twice"),
        ("actions:\n", "attributes:\n", 7, "this key occurs twice"),
        ("about: One of everything", "about: [", 4, "not valid YAML"),
        ("about: One of everything", "about: !!python/object/apply:os.system [echo]", 2, "plain values only"),
        ("about: One of everything", "about: !!python/name:os.system x", 2, "plain values only"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, told: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    message = str(caught.value)
    assert told in message
    assert f"small.yaml:{line}: " in message


def test_a_mistake_inside_a_rule_names_the_rule(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'Opened an e-mail'"):
        load(tmp_path, GOOD.replace("points: 3", "points: x"))


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    text = GOOD.replace("points: 3", "points: x").replace("30d", "x").replace("sheet: small", "sheet: S")
    with pytest.raises(UsageError, match="3 mistakes"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no settings"),
        ("- a\n- b\n", "no settings"),
        ("just text", "no settings"),
        ("sheet: x\n", "the sheet has no rule"),
        (b"sheet: caf\xe9\n", "not UTF-8"),
        (b"\x00\x01", "YAML"),
        ("sheet: x\nabout: " + "y" * 1_100_000, "larger than 1 MB"),
        (BOMB, "too large"),
        ("a: &a [*a]\n", "too deeply"),
        ("a: " + "[" * 5_000, "YAML"),
        ("a: " + "{b: " * 3_000, "YAML"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load(tmp_path, text)


def test_a_missing_file_is_told_with_its_neighbours(tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    with pytest.raises(UsageError, match=r"did you mean: small\.yaml\?"):
        Sheet.load(tmp_path / "smal.yaml")
    with pytest.raises(UsageError):
        Sheet.load(tmp_path)


def test_a_condition_is_checked_against_the_data_with_file_line_and_rule(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"small\.yaml:9 \('Opened an e-mail'\): there is no column 'evnt_type'"
    ):
        check_sheet(
            load(tmp_path, GOOD.replace("event_type = 'email_open'", "evnt_type = 'email_open'")), history()
        )


def test_a_misspelt_event_type_is_a_warning_with_the_nearest_one(tmp_path: Path) -> None:
    found = check_sheet(load(tmp_path, GOOD.replace("'email_open'", "'emial_open'")), history())
    told = {finding.code: finding.message for finding in found if "Opened" in finding.message}
    assert list(told) == ["sheet-unknown-value"]
    assert "did you mean 'email_open'?" in told["sheet-unknown-value"]
    assert "small.yaml:9" in told["sheet-unknown-value"]


def test_a_rule_that_never_fires_is_noted(tmp_path: Path) -> None:
    found = check_sheet(load(tmp_path, GOOD.replace("age > 30", "age > 90")), history())
    assert [f.level for f in found if f.code == "sheet-rule-never-fires"] == ["note"]


def test_thresholds_out_of_reach_are_a_warning(tmp_path: Path) -> None:
    found = check_sheet(load(tmp_path, GOOD.replace("sql: 20", "sql: 200")), history())
    [finding] = [f for f in found if f.level == "warning" and f.code == "sheet-out-of-reach"]
    assert "at most 24 points" in finding.message


def test_the_schema_for_editors_describes_every_setting() -> None:
    schema = Sheet.to_json_schema()
    json.dumps(schema)
    for section in (schema, *schema["$defs"].values()):
        for name, setting in section["properties"].items():
            assert "description" in setting, name
    assert schema["properties"]["base"]["anyOf"][0] == {"type": "number"}
    assert schema["$defs"]["ActionRule"]["additionalProperties"] is False


def test_the_smallest_sheet_survives_its_record() -> None:
    """What a model keeps of its sheet, defaults left out, is the same sheet again."""
    sheet = Sheet.model_validate(
        {"sheet": "tiny", "attributes": [{"label": "A", "when": "x = 1", "points": 1}]}
    )
    again = Sheet.model_validate(sheet.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    assert again.version == sheet.version


@pytest.mark.parametrize("key", ["within: {}", "silent: {}", "inactive_for: {}", "decay: {{half_life: {}}}"])
@pytest.mark.parametrize("length", ["999999999w", "9" * 5000 + "d"])
def test_a_length_beyond_counting_is_refused_in_words(tmp_path: Path, key: str, length: str) -> None:
    rule = f"{{label: L, when: 'TRUE', points: 1, {key.format(length)}}}"
    with pytest.raises(UsageError, match="a duration is a whole number and a unit"):
        load(tmp_path, f"sheet: x\nactions:\n  - {rule}\n")


QUIET = """\
sheet: quiet
actions:
  - {label: Quiet for a month, when: "event_type IS NOT NULL", points: -10, %s: 30d}
"""


def test_inactive_for_keeps_the_version_it_had_as_silent(tmp_path: Path) -> None:
    """Versions are in users' stores and beside their scores: release 0.3.0 hashed this sheet so."""
    old, new = load(tmp_path, QUIET % "silent"), load(tmp_path, QUIET % "inactive_for")
    assert old.version == new.version == "b4c0adf8d010"
    assert Sheet.model_validate(json.loads(json.dumps(new.content()))).settings() == new.settings()
    assert old.content()["actions"][0]["silent"] == "30d"
    for again in (load(tmp_path, yaml_text(old)), from_csv(to_csv(old))):
        assert (again.version, again.actions[0].inactive_for) == (old.version, timedelta(days=30))
    assert "inactive_for: 30d" in yaml_text(old)
    assert from_csv(to_csv(old).replace(",inactive_for,", ",silent,")).version == old.version


def test_the_old_name_of_a_setting_is_noted_and_both_at_once_are_refused(tmp_path: Path) -> None:
    notes = [finding.message for finding in check_sheet(load(tmp_path, QUIET % "silent"), history())]
    assert notes == [f"{tmp_path / 'small.yaml'}:3 ('Quiet for a month'): silent is now called inactive_for"]
    assert check_sheet(load(tmp_path, QUIET % "inactive_for"), history()) == []
    with pytest.raises(UsageError, match="silent"):
        load(tmp_path, QUIET % "silent: 9d, inactive_for")

"""Sheets as tables and as YAML text: how they look, what people and programs write, what is refused and where."""

from __future__ import annotations

import shutil
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from leadlens.features.errors import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.models.scorecard.spreadsheet.reading import SECTIONS
from leadlens.models.scorecard.spreadsheet.table import COLUMNS, from_csv, to_csv

FULL: dict[str, Any] = {
    "sheet": "dealer",
    "about": "Größen: alles",
    "for": "account.country = 'DE'",
    "lists": {"rivals": ["Acme, Inc.", "007", "=x"]},
    "base": {"fit": 20},
    "dimensions": ["platform", "services"],
    "products": ["platform"],
    "groups": [{"name": "mail", "cap": 25}],
    "attributes": [
        {"label": "Large", "when": "account.employees >= 1000", "points": 2.5, "key": "large", "also": ["platform", "services"]}
    ],
    "actions": [
        {"label": "Page", "when": "event_type = 'page'", "points": 1, "per": "value", "of": "page", "within": "30d", "cap": 5, "decay": {"half_life": "30d"}},
        {"label": "-3 mails", "when": "campaign IN rivals\n  AND page = 'x'", "points": -10, "at_least": {"days": 3}, "after": "page = 'y'", "group": "mail"},
        {"label": "Silent", "when": "TRUE", "points": -1, "silent": "30d", "dimension": "services"},
    ],
    "disqualify": [{"label": "Student", "when": "occupation = 'student'"}],
    "thresholds": {"mql": 30, "sql": {"points": 55, "keep": 45, "when": "rule.large"}},
    "routes": [{"label": "Call", "when": "rule.large", "action": "call", "queue": "reps", "reason": "It is large, and near"}],
}  # fmt: skip
TABLE = """\
section,label,key,when,points,per,of,within,cap,decay,at_least,after,inactive_for,group,dimension,also,keep,on,action,queue,reason
"# One line per rule or setting. Lines that begin with # are not read, nor are empty ones"
sheet,dealer,,,,,,,,,,,,,,,,,,,
about,Größen: alles,,,,,,,,,,,,,,,,,,,
for,,,account.country = 'DE',,,,,,,,,,,,,,,,,
# Points that every lead starts with
base,fit,,,20,,,,,,,,,,,,,,,,
"# Dimensions besides fit and engagement, and which of them are product lines"
dimensions,platform,,,,,,,,,,,,,,,,,,,
dimensions,services,,,,,,,,,,,,,,,,,,,
products,platform,,,,,,,,,,,,,,,,,,,
# Dimensions that add up to the total
total,fit,,,,,,,,,,,,,,,,,,,
total,engagement,,,,,,,,,,,,,,,,,,,
# Totals that are shown as 0 and as 100
scale,zero,,,0,,,,,,,,,,,,,,,,
scale,hundred,,,100,,,,,,,,,,,,,,,,
# Rules of a group give and take at most this many points together
groups,mail,,,,,,,25,,,,,,,,,,,,
# Who the lead is: moves fit
attributes,Large,large,account.employees >= 1000,2.5,,,,,,,,,,,"platform, services",,,,,
# What the lead did: moves engagement
actions,Page,,event_type = 'page',1,value,page,30d,5,half_life 30d,,,,,,,,,,,
actions,'-3 mails,,"campaign IN rivals
  AND page = 'x'",-10,once,,,,,3 days,page = 'y',,mail,,,,,,,
actions,Silent,,'TRUE,-1,once,,,,,,,30d,,services,,,,,,
"# Takes a lead out, whatever its points"
disqualify,Student,,occupation = 'student',,,,,,,,,,,,,,attribute,,,
# Stages: from how many points on and/or when
thresholds,mql,,,30,,,,,,,,,,,,,,,,
thresholds,sql,,rule.large,55,,,,,,,,,,,,45,,,,
# Lowest points for a grade
grades,fit A,,,75,,,,,,,,,,,,,,,,
grades,fit B,,,50,,,,,,,,,,,,,,,,
grades,fit C,,,25,,,,,,,,,,,,,,,,
grades,engagement 4,,,75,,,,,,,,,,,,,,,,
grades,engagement 3,,,50,,,,,,,,,,,,,,,,
grades,engagement 2,,,25,,,,,,,,,,,,,,,,
# What to do with whom: the first line that matches
routes,Call,,rule.large,,,,,,,,,,,,,,,call,reps,"It is large, and near"
"# Values for `x IN name` in conditions, one a line"
list rivals,"Acme, Inc.",,,,,,,,,,,,,,,,,,,
list rivals,'007,,,,,,,,,,,,,,,,,,,
list rivals,'=x,,,,,,,,,,,,,,,,,,,
"""
SMALL = """\
section,label,when,points,per,within,cap,decay,at_least,also
sheet,small,,,,,,,,
dimensions,services,,,,,,,,
attributes,Over 30,age > 30,10,,,,,,
actions,Opened,event_type = 'open',3,each,30d,9,,,services
thresholds,mql,,10,,,,,,
grades,fit A,,30,,,,,,
grades,fit B,,20,,,,,,
grades,fit C,,10,,,,,,
"""


def full() -> Sheet:
    return Sheet.model_validate(FULL)


def told(source: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        from_csv(source, "small.csv")
    return str(caught.value)


def test_a_table_reads_like_the_sheet() -> None:
    assert to_csv(full()).replace("\r\n", "\n") == TABLE
    assert from_csv(TABLE).content() == full().content()


def test_every_setting_has_a_column_and_every_column_a_section() -> None:
    assert {name.rstrip("_") for name in Sheet.model_fields} == {*SECTIONS, "lists"} - {"list"}
    assert set(chain(*SECTIONS.values())) - {"name"} == set(COLUMNS) - {"section"}


def test_semicolons_and_decimal_commas_for_programs_that_expect_them() -> None:
    table = to_csv(full(), decimal_comma=True)
    assert "attributes;Large;large;account.employees >= 1000;2,5;" in table
    assert from_csv(table).version == full().version


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_encoding_of_spreadsheet_programs(encoding: str) -> None:
    assert from_csv(to_csv(full()).encode(encoding)).version == full().version


def test_what_a_german_program_makes_of_a_table() -> None:
    """Semicolons, decimal commas, WAHR, a line for the delimiter, quotes everywhere, empty columns and rows."""
    rows = [
        "sep=;",
        '"Points";"Section";"Label";"When";"At least";"Decay";"Per";"";""',
        ";;;;;;;;",
        '"";"sheet";"klein";;;;;;',
        '"2,5";"Attribute";"Größe";"WAHR";;;;;',
        '"-1,25";"Actions";"He said ""hi""";"page = \'a;b\'";"Days: 3";"Half-life: 30d";"ONCE";;',
        '"1E-03";"action";"Tiny";"TRUE";;;"each";;',
        '"−7";"action";"Minus";"TRUE";"3,0";;;;',
        ";;;;;;;;",
    ]
    sheet = from_csv("\r\n".join(rows).encode("utf-8-sig"), "klein.csv")
    assert [rule.points for rule in sheet.rules] == [2.5, -1.25, 0.001, -7]
    assert sheet.attributes[0].when == "TRUE"
    action = sheet.actions[0]
    assert (action.label, action.when) == ('He said "hi"', "page = 'a;b'")
    assert sheet.content()["actions"][0]["decay"] == {"half_life": "30d"}
    assert sheet.content()["actions"][0]["at_least"] == {"days": 3}
    assert sheet.content()["actions"][2]["at_least"] == 3


def test_lines_that_a_program_has_put_into_single_cells() -> None:
    lines = TABLE.splitlines()
    wrapped = ['"' + line.replace('"', '""') + '"' if '"' in line else line for line in lines]
    assert from_csv("\r\n".join(line + ";;" for line in wrapped)).version == full().version


@pytest.mark.parametrize(
    ("cell", "delimiter", "others", "points"),
    [
        ("1.125", ",", "7", 1.125),
        ("1.500", ";", "2.5", 1.5),
        ("1,500", ";", "2,5", 1.5),
        ("1.500", ";", "7", None),
        ("1,500", ";", "7", None),
        ("1,500", ",", "7", None),
        ("1,500", "\t", "2.5", None),
        ("1.500", "\t", "2,5", None),
        ("0,125", ";", "7", 0.125),
        ("1,5", ",", "7", 1.5),
        ("12,50", "\t", "2.5", 12.5),
        ("1.000.000", ";", "7", None),
        ("02. Mai", ";", "7", None),
        ("15 %", ",", "7", None),
        ("nan", ",", "7", None),
        ("'15", ",", "7", 15),
        ("+5", ",", "7", 5),
        ("5.0", ",", "7", 5),
    ],
)
def test_numbers_as_programs_write_them(cell: str, delimiter: str, others: str, points: float | None) -> None:
    rows = [["section", "label", "when", "points"], ["sheet", "s", "", ""]]
    rows += [["attributes", "A", "TRUE", cell], ["attributes", "B", "TRUE", others]]
    table = "\n".join(delimiter.join(f'"{value}"' for value in row) for row in rows)
    if points is None:
        assert "small.csv:3 ('A'): points: this m" in told(table)
    else:
        assert from_csv(table).attributes[0].points == points


def test_an_ambiguous_number_is_told_both_ways() -> None:
    message = told(SMALL.replace("30,10,", '30,"1,500",'))
    assert "this may be 1500 or 1.5: write 1500, or 1,5000 with one more digit" in message


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("section,label,when,points", "section,label,when,poinst", 1, "did you mean: points?"),
        ("section,label,when,points", "section,label,when,when", 1, "this column is repeated"),
        ("section,label", "part,label", 1, "no such column"),
        (",also\n", ",\n", 5, "a column without a name"),
        ("3,each,30d,9,,,services", "3,each,30d,9,,,services,x", 5, "a column without a name"),
        ("attributes,Over", "atributes,Over", 4, "did you mean: attributes"),
        ("attributes,Over", ",Over", 4, "the section of this line is missing"),
        ("dimensions,services", "list,services", 3, "a list has a name"),
        ("dimensions,services", "list Rivals!,services", 3, "lower-case letters"),
        ("dimensions,services", "list rivals,", 3, "this list is empty"),
        ("age > 30,10,", "age > 30,ten,", 4, "points: this must be a number"),
        ("age > 30,10,", "age > 30,,", 4, "points is missing"),
        ("age > 30,10,", "age > 30,10000000,", 4, "points: this must be a number between"),
        ("age > 30,10,", ",10,", 4, "when is missing"),
        ("age > 30,10,", "age > 30,10,each", 4, "per says nothing in attributes"),
        ("attributes,Over 30,", "attributes,,", 4, "label is missing"),
        ("attributes,Over 30,", "attributes,Opened,", 5, "this label is taken"),
        ("3,each", "3,eech", 5, "did you mean: each?"),
        ("30d,9", "30 days,9", 5, "30m, 12h, 7d or 2w"),
        ("30d,9,,,", "30d,9,30d,,", 5, "`half_life 30d` or `to_zero 60d`"),
        ("30d,9,,,", "30d,9,half_life 3x,,", 5, "30m, 12h, 7d or 2w"),
        ("each,30d,9,,,", "once,30d,,,3 hours,", 5, "`3 days` or `3 values`"),
        ("each,30d,9,,,", "once,30d,,,0,", 5, "a whole number from 1"),
        ("each,30d,9,", "once,30d,9,", 5, "a cap limits repeated points"),
        ("each,30d,9,", "each,30d,-9,", 5, "above 0"),
        (",services\ngr", ",servises\ngr", 5, "did you mean services?"),
        (",services\nth", ",servises\nth", 5, "did you mean services?"),
        ("sheet,small", "sheet,Small Sheet", 2, "lower-case letters"),
        ("sheet,small,,,,,,,,\n", "sheet,small,,,,,,,,\nsheet,other,,,,,,,,\n", 3, "the first is in line 2"),
        ("thresholds,mql", "thresholds,mq", 6, "did you mean: mql?"),
        ("thresholds,mql,,10", "thresholds,sql,,10", None, "small.csv: thresholds mql is missing"),
        ("thresholds,mql,,10", "thresholds,mql,,", 6, "a stage needs points, when, or both"),
        ("grades,fit B,,20", "grades,fit B,,90", 7, "grade cuts fall"),
        ("grades,fit B,,20", "grades,fitt B,,20", 8, "did you mean: fit B"),
        ("grades,fit B,,20", "grades,fit B,,", 8, "points is missing"),
        ("grades,fit B,,20,,,,,,\n", "", 7, "three numbers"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int | None, message: str) -> None:
    if old.startswith(",services\n"):
        old, new = old[:-2], new[:-2]
    assert old in SMALL
    found = told(SMALL.replace(old, new, 1))
    assert message in found
    assert line is None or f"small.csv:{line}" in found


def test_the_line_is_the_row_of_the_spreadsheet_and_the_label_is_named() -> None:
    table = TABLE.replace("-1,once", "x,once")  # behind a cell of two lines
    assert "small.csv:25 ('Silent'): points" in told("sep=,\n" + table)


def test_every_mistake_is_listed() -> None:
    found = told(SMALL.replace("age > 30,10", "age > 30,x").replace("3,each", "y,each"))
    assert "2 mistakes" in found
    assert "small.csv:4 ('Over 30')" in found
    assert "small.csv:5 ('Opened')" in found


def test_a_sheet_knows_the_lines_it_came_from() -> None:
    sheet = from_csv(SMALL, "small.csv")
    assert sheet.where("actions", 0) == "small.csv:5 ('Opened')"
    assert sheet.place(("thresholds", "mql", "when"), "MQL") == "small.csv:6 ('MQL')"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "not the table of a score sheet"),
        ("sheet: small\nattributes: []\n", "not the table of a score sheet"),
        (b"PK\x03\x04rest", "Save as … CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0rest", "Save as … CSV UTF-8"),
        (b"\x81\x8d\x8f", "this is not text"),
        (b"x" * 20_000_001, "larger than 20 MB"),
        ("section,label\n", "sheet is missing"),
        ("section,label\nsheet,x\n", "the sheet has no rule"),
        ('section,label\nsheet,"x\n', "a quotation mark missing"),
        ("section,label\nsheet," + "x" * 200_000, "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(source: str | bytes, message: str) -> None:
    assert message in told(source)


def test_a_text_longer_than_a_cell_is_refused() -> None:
    long = Sheet.model_validate({"sheet": "x", "about": "y" * 40_000, "disqualify": FULL["disqualify"]})
    with pytest.raises(UsageError, match="at most 32,767 characters"):
        to_csv(long)


def test_a_yaml_text_reads_as_a_person_writes_it() -> None:
    assert (
        yaml_text(full())
        == """\
sheet: dealer
about: "Größen: alles"
for: "account.country = 'DE'"

lists: {rivals: ["Acme, Inc.", "007", "=x"]} # values for `x IN name` in conditions

base: {fit: 20} # points that every lead starts with
dimensions: [platform, services]
products: [platform] # the dimensions that are product lines
groups: # rules that share a cap
  - {name: mail, cap: 25}

attributes: # who the lead is: they move fit
  - {label: Large, when: "account.employees >= 1000", points: 2.5, key: large, also: [platform, services]}

actions: # what the lead did: they move engagement
  - label: Page
    when: "event_type = 'page'"
    points: 1
    per: value
    of: page
    within: 30d
    cap: 5
    decay: {half_life: 30d}
  - label: "-3 mails"
    when: |-
      campaign IN rivals
        AND page = 'x'
    points: -10
    at_least: {days: 3}
    after: "page = 'y'"
    group: mail
  - {label: Silent, when: "TRUE", points: -1, inactive_for: 30d, dimension: services}

disqualify: # out, whatever the points
  - {label: Student, when: "occupation = 'student'"}

thresholds: {mql: 30, sql: {points: 55, when: rule.large, keep: 45}} # stages

routes: # the first that matches is taken
  - {label: Call, when: rule.large, action: call, queue: reps, reason: "It is large, and near"}
"""
    )


def test_a_long_list_is_broken_into_lines(tmp_path: Path) -> None:
    values = [f"value {number}" for number in range(500)]
    sheet = Sheet.model_validate({**FULL, "lists": {"rivals": values}})
    path = tmp_path / "long.yaml"
    path.write_text(yaml_text(sheet), encoding="utf-8")
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 110
    assert Sheet.load(path).version == sheet.version


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("filters", ["44,34,76,1", "59,34,76,1"])
def test_a_round_through_libreoffice(tmp_path: Path, filters: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(to_csv(full()), encoding="utf-8-sig", newline="")
    office = [
        "soffice",
        "--headless",
        f"-env:UserInstallation={(tmp_path / 'office').as_uri()}",
        "--convert-to",
    ]
    subprocess.run([*office, "ods", "--outdir", tmp_path, path], check=True, capture_output=True)
    told = [*office, f"csv:Text - txt - csv (StarCalc):{filters}", "--outdir", tmp_path / "back"]
    subprocess.run([*told, tmp_path / "sheet.ods"], check=True, capture_output=True)
    assert from_csv((tmp_path / "back" / "sheet.csv").read_bytes()).version == full().version

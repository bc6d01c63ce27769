"""Numbers put into the YAML of real sheets: the sheet says the new ones, and every comment is where it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.yaml_edit import with_values
from leadlens.pipeline.app.sheet_form import fields_of, read_form
from leadlens.pipeline.languages.language import language

ROOT = Path(__file__).parents[2]
SHEETS = [
    *(ROOT / "configs" / "scorecards").glob("*.yaml"),
    *(ROOT / "pipeline" / "templates" / "scorecards" / "ready").glob("*.yaml"),
]
_NUMBER = re.compile(r"\d+(\.\d+)?")


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_every_number_that_is_written_is_replaced_in_place(path: Path) -> None:
    sheet = Sheet.load(path)
    # one more everywhere keeps the order of thresholds, and what is not written stays so
    numbers = {
        name: f"{each.number + 1:g}"
        for name, each in fields_of(sheet).items()
        if each.number is not None and (name.partition(".")[0] != "base" or each.number)
    }
    edited = read_form(sheet, numbers, language("en"))
    assert edited.sheet is not None, edited.problems
    assert len(edited.values) == len(numbers) > 3
    text = path.read_text(encoding="utf-8")
    after = with_values(
        text, edited.sheet, {place: value for place, value in edited.values.items() if value is not None}
    )
    assert after is not None
    assert after != text
    assert [_NUMBER.sub("n", line) for line in after.splitlines()] == [
        _NUMBER.sub("n", line) for line in text.splitlines()
    ]


def test_what_cannot_be_put_in_place_is_not_put_anywhere() -> None:
    text = "sheet: s\nbase: &five 5\nactions:\n  - {label: a, when: x, points: *five}\n  - {label: b, when: x, points: 'no'}\n"
    sheet = Sheet.model_validate(
        {"sheet": "s", "base": 6, "actions": [{"label": "a", "when": "x", "points": 5}]}
    )
    assert with_values(text, sheet, {("base", "fit"): 6}) is None, "an alias would change with it"
    assert with_values("sheet: [", sheet, {("base", "fit"): 6}) is None
    assert with_values("", sheet, {("base", "fit"): 6}) is None

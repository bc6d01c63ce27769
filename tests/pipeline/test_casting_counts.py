"""What decides over a column of text is counted over its rows, or once over each of its values where these repeat."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from leadlens.features import DuckDBEngine, Finding
from leadlens.features.history import Kind
from leadlens.pipeline.config import load_project
from leadlens.pipeline.sources import casting
from leadlens.pipeline.sources.casting import Caster
from leadlens.pipeline.sources.opening import contract_columns
from tests.pipeline.little_project import LittleProject

COLUMNS = {
    "numbers": ["1", "2.5", "-3", " 4 ", "17", "88", "9", "10", "11", "12", "13", "14"],
    "with words": ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"] * 5 + ["n/a", "oops"],
    "codes": ["012", "013", "22"],
    "written": [f"1.{place:03},50 €" for place in range(20)],
    "dates": ["1/2/2024", "28/01/2024", None],
    "rows": ["few", "values", " padded ", "", None],
    "{odd} \"name\"": ["x", "%s"],
    "empty": [None],
    "infinite": ["1", "2", "inf", "nan", "1e200"] + [str(place) for place in range(200)],
}  # fmt: skip


def _decided(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first_rows: int
) -> tuple[list[Finding], dict[str, Kind], int]:
    monkeypatch.setattr(casting, "_FIRST_ROWS", first_rows)
    rng, project = random.Random(3), load_project(LittleProject(folder).write()).project
    with DuckDBEngine() as engine:
        quote = engine.dialect.quote
        names = ", ".join(f"{quote(name)} VARCHAR" for name in COLUMNS)
        engine.connection.execute(f"CREATE TABLE raw_leads (lead_id VARCHAR, created_at TIMESTAMP, {names})")
        rows = [
            [f"L{row}", "2024-01-01", *(rng.choice(values) for values in COLUMNS.values())]
            for row in range(3_000)
        ]
        marks = ", ".join("?" * len(rows[0]))
        engine.connection.executemany(f"INSERT INTO raw_leads VALUES ({marks})", rows)
        caster = Caster(engine, "leads", "project.yaml: data.leads")
        caster.ask_ahead(lambda: contract_columns(caster, project))
        by_value = caster._repetitive({"lead_id", *COLUMNS})
        _, kinds = contract_columns(caster, project)
    return caster.findings, kinds, len(by_value)


def test_counting_by_value_decides_as_counting_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings, kinds, by_value = _decided(tmp_path, monkeypatch, 10_000)
    assert by_value == 0  # too few rows
    again, kinds_again, by_value = _decided(tmp_path, monkeypatch, 2_500)
    assert by_value == len(COLUMNS)  # all but the ids
    assert (again, kinds_again) == (findings, kinds)
    assert {finding.code for finding in findings} == {
        "text-in-number", "not-finite", "number-as-text", "dates-as-text", "unknown-words",
    }  # fmt: skip
    assert kinds["numbers"] == "number"
    assert kinds["codes"] == "category"

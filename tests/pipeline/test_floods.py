"""Much of one kind: many columns, many events of one lead. Ways through are linear, and what is printed is bounded."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.cli.render.jobs import render_explanation
from leadlens.pipeline.jobs.explain import Explanation, largest_lines
from leadlens.pipeline.sources.csv_files import read_csv_files
from leadlens.pipeline.sources.csv_types import fitting_types


def test_types_of_two_thousand_columns_are_found_in_seconds() -> None:
    rng = np.random.default_rng(0)
    columns = {f"c{n}": [f"{value:.2f}" for value in rng.normal(size=150)] for n in range(2000)}
    columns |= {
        "empty": [""] * 150,
        "day": ["2024-01-31"] * 150,
        "word": ["unknown", *["3"] * 149],
        "code": ["007"] * 150,
    }
    with connect_in_memory() as connection:
        connection.from_arrow(pa.table(columns)).create("csv_text")
        started = time.process_time()
        found = fitting_types(connection, list(columns), "csv_text", codes=["code"])
        assert time.process_time() - started < 20  # 1.4 on an idle machine; 500 beside each other took 11
    assert found.narrowest("c7") == found.narrowest("c1999") == "DOUBLE"
    assert found.narrowest("day") == "TIMESTAMP"
    assert found.narrowest("word") == "BIGINT"
    assert found.narrowest("code") is None
    assert found.empty == ("empty",)
    assert found.wordy == ("word",)


def test_a_file_of_two_thousand_columns_is_read_in_seconds(tmp_path: Path) -> None:
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2000)).round(2)).add_prefix("c")
    rows.to_csv(tmp_path / "wide.csv", index=False)
    with connect_in_memory() as connection:
        started = time.process_time()
        read_csv_files(connection, "wide", [str(tmp_path / "wide.csv")], "utf-8", "here")
        assert time.process_time() - started < 30
        assert connection.execute("SELECT current_setting('disabled_optimizers')").fetchone() == ("",)
        pd.testing.assert_frame_equal(connection.execute("FROM wide").df(), rows)


def _explained(lines: int) -> Explanation:
    points = np.arange(lines) % 50 + 1.0
    ledger = pd.DataFrame(
        {
            "rule": [f"Looked {n}" for n in range(lines)],
            "occurred_at": pd.Timestamp("2024-01-31"),
            "points": points,
            "taken_by_decay": 0.0,
            "taken_by_cap": 0.0,
            "counts": True,
        }
    )
    given = dict.fromkeys(Explanation.__dataclass_fields__) | {
        "lead_id": "L1", "as_of": datetime(2024, 2, 1), "version": "1", "alias": "champion", "probability": 0.1,
        "score": 50.0, "shown": 50, "grade": "A", "start": 50.0, "reasons": (), "rule_points": float(points.sum()),
        "rule_grade": "A1", "rule_stage": "mql", "notes": (), "ledger": ledger,
    }  # fmt: skip
    return Explanation(**given)  # type: ignore[arg-type]


def test_a_million_lines_of_a_ledger_are_told_in_a_hundred() -> None:
    lead = _explained(1_000_000)
    started = time.process_time()
    text = render_explanation(lead)
    plain = lead.to_dict()
    assert time.process_time() - started < 20
    assert len(text) < 130
    assert any("999,900 more lines with fewer points each" in line for line in text)
    shown = sum(float(line.split()[0]) for line in text if "Looked" in line)
    rest = next(float(line.split()[0]) for line in text if "more lines" in line)
    assert shown + rest == lead.rule_points
    assert len(plain["ledger"]) == 1000
    assert plain["ledger_left_out"]["lines"] == 999_000
    assert (
        sum(line["points"] for line in plain["ledger"]) + plain["ledger_left_out"]["points"]
        == lead.rule_points
    )


def test_a_ledger_of_ordinary_length_is_whole() -> None:
    lead = _explained(60)
    assert largest_lines(lead.ledger, 100)[1:] == (0, 0.0)
    assert sum("Looked" in line for line in render_explanation(lead)) == 60
    assert lead.to_dict()["ledger_left_out"] == {"lines": 0, "points": 0.0}

"""Texts that are as they are written are not cleaned in every row: whether they are is seen beforehand, and each that is not still counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.memory import reused_memory
from leadlens.pipeline.prepared import event_codes, open_prepared
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.unknown_words import WordKind
from leadlens.pipeline.sources.words_in_parquet import look_at_texts
from tests.pipeline.little_project import LittleProject

IDS: dict[str, WordKind] = {"id": "id"}
MANY = [f"k{number:05}" for number in range(20_000)]  # as which no dictionary is written
COLUMNS = ["lead_id", "event_id", "event_type", "page"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path)
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = table["lead_id"].str[1:]  # digits, of which 12.0 may be another writing
    project.events["event_id"] = [str(number) for number in range(len(project.events))]
    project.events["page"] = ["/home", "/pricing", None] * (len(project.events) // 3) + ["/home"] * (
        len(project.events) % 3
    )
    project.write()
    return project


@pytest.mark.parametrize(
    ("values", "wordy", "tidy"),
    [
        (["a", "b", None], False, True),
        (["a", "b "], False, False),
        ([" a", "b"], False, False),
        (["a", ""], False, False),
        (["1", "12.0"], False, False),
        (["a", "n/a", "zz"], True, False),
        (MANY, False, True),
        ([*MANY, "k1 "], False, False),
        ([*MANY, "k1.0"], False, False),
        ([*MANY, "null", "zzzzzz"], True, False),
        ([None, None], False, True),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_what_is_seen_of_ids(tmp_path: Path, values: list[str | None], wordy: bool, tidy: bool) -> None:
    path = str(tmp_path / "ids.parquet")
    pq.write_table(pa.table({"id": pa.array(values, pa.string())}), path, use_dictionary=len(values) < 9)
    with duckdb.connect() as connection:
        seen = look_at_texts(connection, path, IDS)
        assert bool(seen.wordy) >= wordy  # perhaps is enough: they are counted then
        assert bool(seen.tidy) is tidy
        unseen = look_at_texts(connection, path, IDS, look=False)
        assert not unseen.tidy
        assert not wordy or unseen.wordy


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("column", "written"),
    [(name, written) for name in COLUMNS for written in ("{} ", " {}")]
    + [(name, "{}.0") for name in ("lead_id", "event_id")],
)
def test_one_that_is_written_another_way_counts_as_the_others(
    project: LittleProject, column: str, written: str, form: str
) -> None:
    """In one row of a file that is read alone, since the other is known; first instead of the usual writing, then beside it."""
    events, changed = project.events, project.events.copy()
    row = int(events.index[(events.index > len(events) * 3 // 4) & events["page"].notna()][0])
    changed.loc[row, column] = written.format(events.loc[row, column])
    asked = f"SELECT {', '.join(f'CAST({name} AS VARCHAR)' for name in COLUMNS if name != 'event_id')}, occurred_at FROM events ORDER BY ALL"

    def put(frame: pd.DataFrame, name: str) -> None:
        path = project.folder / "data" / f"part-{name}.{form}"
        frame.to_parquet(path) if form == "parquet" else frame.to_csv(path, index=False)

    def rows(prepared: bool) -> list[tuple[object, ...]]:
        file = load_project(project.write())
        with open_prepared(file).history() if prepared else open_history(file) as history:
            return history.engine.connection.execute(asked).fetchall()

    project.data["events"] = {"read": f"data/part-*.{form}"}
    half = len(events) // 2
    put(events[:half], "a")
    put(events[half:], "b")
    expected = rows(prepared=False)
    assert rows(prepared=True) == expected
    put(changed[half:], "b")
    assert rows(prepared=False) == expected
    assert rows(prepared=True) == expected
    again = pd.concat([changed[half:], events[row : row + 1]])  # the same event, written both ways
    put(again, "b")
    assert rows(prepared=True) == expected


def test_tidy_texts_are_not_cleaned(project: LittleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    select = event_codes.EventCodes.select

    def seen(self: event_codes.EventCodes, rows: str, expressions: dict[str, str]) -> str:
        asked.append(str({name: expressions[name] for name in COLUMNS}))
        return select(self, rows, expressions)

    monkeypatch.setattr(event_codes.EventCodes, "select", seen)
    with open_prepared(load_project(project.write())).history():
        assert "suffix" not in asked.pop()


CHURN = """
import resource
from contextlib import nullcontext
from leadlens.pipeline.memory import reused_memory

def faults(how):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with how:
        for size in range(40, 60):
            bytearray(size << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(nullcontext()), faults(reused_memory()), faults(nullcontext()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own option")
def test_memory_that_is_freed_is_used_again() -> None:
    done = subprocess.run([sys.executable, "-c", CHURN], capture_output=True, text=True, check=True)
    without, within, after = map(int, done.stdout.split())
    assert within < without / 3
    assert after > 3 * within  # given back, as before


def test_an_error_within_ends_it() -> None:
    with pytest.raises(ValueError, match="seen"), reused_memory():
        raise ValueError("seen")

"""A database that is read in parts, here or by workers, gives what it gives as a whole: rows, findings, prepared history.

On a cluster, the parts are read in ``tests/pipeline/test_spark_night.py``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import psycopg
import pytest

from leadlens.features import UsageError
from leadlens.features.errors import UnavailableError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import part_reading
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.prepared.preparing import prepare, prepared_folder
from leadlens.pipeline.prepared.verifying import _unlike
from leadlens.pipeline.sources import database_parts
from leadlens.pipeline.sources.database import (
    Asked,
    database_batches,
    spool_database,
    spooled_batches,
    together,
)
from leadlens.pipeline.sources.database_parts import database_parts as parts_of
from leadlens.pipeline.sources.database_ranges import Part, cut
from tests.laws.nights.odd_workers import OddWorkers
from tests.pipeline.little_project import LittleProject
from tests.pipeline.postgres import PASSWORD
from tests.pipeline.postgres_events import EventsTable


@pytest.fixture
def table(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventsTable:
    """The little project with its events in PostgreSQL; parts of few rows are parts."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CRM_PASSWORD", PASSWORD)
    monkeypatch.setattr(database_parts, "FEWEST_ROWS", 20)
    return EventsTable(postgres_url, LittleProject(tmp_path / "project"))


def _prepared(made: EventsTable, folder: Path, workers: Any = None, **settings: Any) -> PreparedHistory:
    file = load_project(made.project(**settings))
    return PreparedHistory(file, *prepare(file, PreparedFolder(folder), workers))


def _same(one: PreparedHistory, other: PreparedHistory) -> None:
    with one.history() as mine, other.history() as theirs:
        assert _unlike(mine, theirs) == []
        assert mine.findings == theirs.findings


PARTS = {"column": "no", "count": 4}


def test_parts_give_the_history_of_the_whole(table: EventsTable, tmp_path: Path) -> None:
    whole = _prepared(table, tmp_path / "whole")
    there = _prepared(table, tmp_path / "there", OddWorkers(tmp_path, 1), partitions=PARTS)
    assert len(whole.manifest.events.sources) == 1
    assert len(there.manifest.events.sources) == 4
    _same(whole, there)
    # Read here it is the same to the byte, so nothing is made anew.
    again = _prepared(table, tmp_path / "there", partitions=PARTS)
    assert again.manifest.events.sources == there.manifest.events.sources


def test_nights_with_a_cursor_read_what_came(table: EventsTable, tmp_path: Path) -> None:
    settings = {"cursor": "no", "partitions": PARTS}
    _prepared(table, tmp_path / "parts", **settings)
    table.add(70, first=1000)
    prepared = _prepared(table, tmp_path / "parts", OddWorkers(tmp_path, 1), **settings)
    read = prepared.manifest.events.sources
    assert [source.cursor for source in read] == ["408"] * 4 + ["1069"] * 3
    assert sum(source.rows for source in read[4:]) == 70
    _same(_prepared(table, tmp_path / "whole"), prepared)
    # The setting says how, and not what: without it the same history goes on.
    plain = _prepared(table, tmp_path / "parts", cursor="no")
    assert plain.manifest.events.sources == prepared.manifest.events.sources
    assert prepared_folder(plain.file).path == prepared_folder(prepared.file).path
    assert plain.file.fingerprint == prepared.file.fingerprint


class _Busy:
    """Reads parts while others write: before each part, some rows come, go, and change."""

    def __init__(self, between: Callable[[int], None]) -> None:
        self._between, self.parts = between, 0

    def run(
        self, function: Callable[[dict[str, Any]], dict[str, Any]], tasks: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        answers = []
        for task in tasks:
            if function is part_reading.spool_part:
                self._between(self.parts)
                self.parts += 1
            answers.append(function(task))
        return answers


def test_rows_that_come_meanwhile_are_read_next_time(
    table: EventsTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts are of one view, so nothing is lost and nothing counts twice, with any column beside the cursor."""

    def write(number: int) -> None:
        table.add(3, first=50_000 + 10 * number)
        table.execute(f"DELETE FROM events WHERE no = {300 - number}")
        table.execute(
            f"UPDATE events SET occurred_at = occurred_at - interval '20 days' WHERE no = {200 + number}"
        )

    whole = _prepared(table, tmp_path / "whole")
    busy = _Busy(write)
    settings = {"cursor": "no", "partitions": {"column": "occurred_at", "count": 4}}
    with monkeypatch.context() as patch:
        patch.setattr(part_reading, "run_here", busy.run)
        first = _prepared(table, tmp_path / "parts", **settings)
    assert busy.parts == 4
    _same(whole, first)
    rows = sum(source.rows for source in first.manifest.events.sources)
    second = _prepared(table, tmp_path / "parts", **settings)
    assert sum(source.rows for source in second.manifest.events.sources) == rows + 3 * busy.parts


def _rows(batches: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for batch in batches for row in batch.to_pylist()), key=repr)


_QUERY = "SELECT *, 'a:b 100%' AS note FROM odd WHERE small IS NULL OR mixed::text NOT LIKE '%nowhere%';"


@pytest.mark.parametrize("query", [None, _QUERY])
@pytest.mark.parametrize("column", ["small", "huge", "exact", "day", "plain", "zoned"])
def test_parts_hold_every_row_once(
    column: str, query: str | None, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extremes of every type, rows without a value, and infinity, which Python does not know."""
    monkeypatch.setattr(database_parts, "FEWEST_ROWS", 1)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            """
            CREATE TABLE odd AS
            SELECT
              CASE WHEN n % 7 > 0 THEN n END AS small,
              CASE WHEN n % 5 > 0 THEN (n - 20) * 461168601842738790 END AS huge,
              CASE WHEN n % 3 > 0 THEN n * 12345678901234567890.125 - 7 END AS exact,
              CASE n WHEN 1 THEN date '-infinity' WHEN 2 THEN NULL ELSE date '2024-01-30' + n % 9 END AS day,
              CASE n WHEN 1 THEN timestamp 'infinity' WHEN 2 THEN timestamp '0044-03-15 BC' WHEN 3 THEN NULL
                ELSE timestamp '2024-03-31' + n * interval '1 minute 1 microsecond' END AS plain,
              CASE n WHEN 4 THEN NULL ELSE timestamptz '2024-03-31 00:30 Europe/Berlin' + n * interval '7 minutes' END AS zoned,
              CASE WHEN n < 20 THEN to_jsonb(n) ELSE to_jsonb('w' || n) END AS mixed
            FROM generate_series(1, 40) AS n
            """
        )
    asked = Asked("odd" if query is None else None, query, "here")
    with parts_of(postgres_url, "shown", asked, column, 7) as parts:
        assert len(parts) == 7
        spooled = {}
        for number, part in enumerate(parts):
            sent, folder = Part.from_plain(part.to_plain()), tmp_path / str(number)
            assert sent == part
            folder.mkdir()
            spooled[str(folder)] = spool_database(
                postgres_url, "shown", asked._replace(part=sent), str(folder)
            )
    schema = together([each for schemas in spooled.values() for each in schemas])
    read = [list(spooled_batches(folder, len(schemas), schema)) for folder, schemas in spooled.items()]
    assert sum(1 for rows in read if sum(batch.num_rows for batch in rows)) >= 2
    expected = list(database_batches(postgres_url, "shown", asked.table, query, "here"))
    assert schema == expected[0].schema
    assert _rows(batch for rows in read for batch in rows) == _rows(expected)


@pytest.mark.parametrize("seed", range(40))
def test_ranges_hold_every_value_once(seed: int) -> None:
    draw = Random(seed)
    make: Callable[[], Any] = draw.choice(
        [
            lambda: draw.randint(-5, 5),
            lambda: draw.randint(-(1 << 80), 1 << 80),
            lambda: Decimal(draw.randint(-900, 900)) / draw.choice((1, 8, 1000)),
            lambda: date(2024, 2, 20) + timedelta(days=draw.randint(0, 20)),
            lambda: datetime(2024, 2, 20, tzinfo=UTC) + timedelta(microseconds=draw.randint(0, 9)),
            lambda: draw.choice([datetime.min, datetime.max, datetime(2024, 1, 1)]),
        ]
    )
    values = [make() for _ in range(draw.randint(1, 30))]
    open_end, count = draw.random() < 0.5, draw.randint(1, 9)
    parts = cut(Part("c"), min(values), max(values), count, open_end)
    assert 1 <= len(parts) <= count
    assert [part.with_empty for part in parts] == [True, *[False] * (len(parts) - 1)]
    for value in values:
        holds = [
            (part.first is None or value >= part.first)
            and (part.before is None or value < part.before)
            and (part.last is None or value <= part.last)
            for part in parts
        ]
        assert sum(holds) == 1
    assert all(part.first < part.before for part in parts[1:-1])


def test_another_database_is_read_up_to_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has no view for several connections: rows that come meanwhile are beyond the last part, and read next time."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(database_parts, "FEWEST_ROWS", 20)
    project, base = LittleProject(tmp_path / "project"), tmp_path / "crm.sqlite"
    frame = project.events.assign(no=range(len(project.events)))

    def add(rows: pd.DataFrame) -> None:
        with closing(sqlite3.connect(base)) as connection:
            rows.to_sql("events", connection, if_exists="append", index=False)

    add(frame)
    source = {"read": f"sqlite:///{base}", "table": "events", "cursor": "no"}

    def rows(folder: str, **settings: Any) -> int:
        project.data["events"] = source | settings
        file = load_project(project.write())
        _, manifest = prepare(file, PreparedFolder(tmp_path / folder))
        return sum(each.rows for each in manifest.events.sources)

    later = [
        frame.tail(2).assign(no=[1000 + 2 * night, 1001 + 2 * night], event_id=f"x{night}")
        for night in range(4)
    ]
    busy = _Busy(lambda number: add(later[number]))
    with monkeypatch.context() as patch:
        patch.setattr(part_reading, "run_here", busy.run)
        assert rows("parts", partitions=PARTS) == len(frame)
    assert busy.parts == 4
    assert rows("parts", partitions=PARTS) == rows("whole") == len(frame) + 8
    with pytest.raises(UsageError, match="must be the cursor"):
        rows("parts", partitions={"column": "occurred_at"})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"partitions": {"column": "page"}}, ["cannot be cut into ranges", "received: page", "it holds text"]),
        ({"partitions": {"column": "token"}}, ["cannot be cut into ranges", "received: token", "min(uuid)"]),
        ({"partitions": {"column": "occured_at"}}, ["not in the events", "did you mean: occurred_at", "no,"]),
        ({"partitions": {"column": "no"}, "query": "SELECT * FROM source"}, ["only what a database returns"]),
    ],
)  # fmt: skip
def test_what_has_no_parts_is_said(
    settings: dict[str, Any], told: list[str], table: EventsTable, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        _prepared(table, tmp_path / "parts", **settings)
    for words in told:
        assert words in str(refused.value)


def test_files_and_other_tables_have_no_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    project = LittleProject(tmp_path / "project")
    project.data["events"]["partitions"] = PARTS
    with pytest.raises(UsageError, match="leave partitions out"):
        prepare(load_project(project.write()))
    del project.data["events"]["partitions"]
    project.data["leads"]["partitions"] = PARTS
    with pytest.raises(UsageError, match="only events are read in parts"):
        load_project(project.write())


def test_no_secret_travels_with_the_work(
    table: EventsTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(OddWorkers):
        def run(self, function: Any, tasks: Any) -> Any:
            assert not [
                word for word in ("p/ss", "w@rd", "p%2Fss") if word in repr(tasks) and "spool" in repr(tasks)
            ]
            return super().run(function, tasks)

    _prepared(table, tmp_path / "one", Watched(tmp_path, 3), partitions=PARTS)
    with pytest.raises(UsageError, match="would travel with their work") as refused:
        _prepared(table, tmp_path / "two", Watched(tmp_path, 3), partitions=PARTS, read=table.url)
    assert "w@rd" not in str(refused.value)
    assert "w%40rd" not in str(refused.value)

    class Elsewhere(OddWorkers):
        def run(self, function: Any, tasks: Any) -> Any:
            with monkeypatch.context() as there:
                there.delenv("CRM_PASSWORD")
                return super().run(function, tasks)

    with pytest.raises(UsageError, match="not set where a worker runs") as unset:
        _prepared(table, tmp_path / "three", Elsewhere(tmp_path, 3), partitions=PARTS)
    assert "received: CRM_PASSWORD" in str(unset.value)


def test_a_database_that_is_gone_is_said_with_its_reader(
    table: EventsTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(OddWorkers):
        def run(self, function: Any, tasks: Any) -> Any:
            with monkeypatch.context() as there:
                there.setenv("CRM_PASSWORD", "not-the-password")
                return super().run(function, tasks)

    with pytest.raises(UnavailableError, match="read by") as refused:
        _prepared(table, tmp_path / "parts", Cut(tmp_path, 3), partitions=PARTS)
    assert "not-the-password" not in str(refused.value)

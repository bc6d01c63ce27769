"""What a worker answers where a task fails: an error that stands, or none, so that another worker tries."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from leadlens.features.errors import DataError, LeadlensError, RoomError
from leadlens.pipeline.cluster import workers
from leadlens.pipeline.config import Source
from leadlens.pipeline.sources.reading import reading_errors

_FULL = duckdb.IOException(
    'IO Error: Async write failed: Could not write file "/w/spool/1.parquet": No space left on device'
)


def _answer(error: Exception) -> dict[str, Any]:
    def task(_: dict[str, Any]) -> dict[str, Any]:
        with reading_errors(Source(read="events.csv"), "data.events"):
            raise error

    (batch,) = workers._work(task, ["{}"], {}, iter([pa.record_batch({"number": pa.array([0])})]))
    answer: dict[str, Any] = json.loads(batch["answer"][0].as_py())
    return answer


def test_a_disk_that_is_full_is_no_file_that_cannot_be_read() -> None:
    with pytest.raises(RoomError) as caught:
        _answer(_FULL)
    assert caught.value.what == "there is no disk space left"
    assert "/w/spool/1.parquet" in str(caught.value.why)


def test_no_worker_having_room_is_said_with_the_file() -> None:
    text = f"Job aborted due to stage failure\nTraceback:\n  leadlens.features.errors.RoomError: {_FULL}\n\tat java.lang.Thread"
    said = workers._failed(Exception(text), "spark://there:7077")
    assert isinstance(said, RoomError)
    assert (said.what, "/w/spool/1.parquet" in str(said.why)) == ("a worker has no disk space left", True)


def test_memory_that_is_full_in_a_statement_is_the_answer() -> None:
    def task(_: dict[str, Any]) -> dict[str, Any]:
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block")

    (batch,) = workers._work(task, ["{}"], {}, iter([pa.record_batch({"number": pa.array([0])})]))
    said = workers._raised(json.loads(batch["answer"][0].as_py())["error"])
    assert (type(said), said.what) == (RoomError, "there is no memory left")


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (duckdb.IOException("No magic bytes found"), DataError, "this file cannot be read"),
        (
            DataError("a lead says: no space left on device"),
            DataError,
            "a lead says: no space left on device",
        ),
        (
            duckdb.OutOfMemoryException("could not allocate"),
            RoomError,
            "there is not enough memory to read this",
        ),
    ],
)
def test_an_error_that_the_next_attempt_would_repeat_is_the_answer(
    error: Exception, kind: type[LeadlensError], what: str
) -> None:
    said = workers._raised(_answer(error)["error"])
    assert (type(said), said.what) == (kind, what)

"""The last run in figures, as a Prometheus text file: for the textfile collector of node_exporter."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from leadlens.features import UsageError
from leadlens.pipeline.runs.record import RunRecord

_LAST = "leadlens_score_last_success_timestamp_seconds"


def write_metrics(path: Path, record: RunRecord, exit_code: int, seconds: float) -> None:
    """Replace the file at once: who reads it sees the run before or this one. It has no personal data and is readable by all.

    After a run that failed it still says when the last one succeeded. Raises ``UsageError`` where it cannot be written.
    """
    replace_file(path, "".join(f"{line}\n" for line in _lines(path, record, exit_code, seconds)))


def replace_file(path: Path, text: str) -> None:
    """Replace a text file at once, readable by all. Raises ``UsageError`` where it cannot be written."""
    unfinished = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.chmod(0o644)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(
            "the metrics cannot be written here",
            value=str(path),
            why=error.strerror or str(error),
            where="--metrics-file",
            fix="name a file in a folder that exists and that you may write to",
        ) from None


def _lines(path: Path, record: RunRecord, exit_code: int, seconds: float) -> Iterator[str]:
    project = f'project="{record.project}"'
    now = datetime.now(UTC).timestamp()

    def gauge(name: str, about: str, *values: tuple[str, float | None]) -> Iterator[str]:
        known = [(labels, value) for labels, value in values if value is not None]
        if known:
            yield f"# HELP leadlens_score_{name} {about}"
            yield f"# TYPE leadlens_score_{name} gauge"
            yield from (
                f"leadlens_score_{name}{{{','.join(filter(None, (project, labels)))}}} {value:.15g}"
                for labels, value in known
            )

    yield from gauge("exit_code", "Exit code of the last run.", ("", exit_code))
    yield from gauge("timestamp_seconds", "When the last run ended.", ("", now))
    succeeded = now if exit_code == 0 else _before(path)
    yield from gauge("last_success_timestamp_seconds", "When a run last succeeded.", ("", succeeded))
    yield from gauge("duration_seconds", "How long the last run took.", ("", seconds))
    if record.as_of is not None:
        as_of = record.as_of.replace(tzinfo=UTC).timestamp()
        yield from gauge("as_of_timestamp_seconds", "As-of date of the last run.", ("", as_of))
    yield from gauge("leads", "Leads scored by the last run.", ("", record.rows))
    changes = (
        ("inserted", record.inserted),
        ("updated", record.updated),
        ("unchanged", record.unchanged),
        ("closed", record.closed),
    )
    yield from gauge(
        "rows",
        "Rows of the target by what the last run did.",
        *((f'change="{name}"', rows) for name, rows in changes),
    )
    yield from gauge("warnings", "Warnings of the last run.", ("", len(record.warnings)))
    found = [difference.get("level") for difference in record.notes.get("differences", ())]
    yield from gauge(
        "differences",
        "What differs from the nights before, or from the training data.",
        *((f'level="{level}"', found.count(level)) for level in ("stop", "warning")),
    )
    stages = ((f'stage="{stage["name"]}"', float(stage["seconds"])) for stage in record.stages)
    yield from gauge("stage_seconds", "How long the stages of the last run took.", *stages)


def _before(path: Path) -> float | None:
    with suppress(OSError, UnicodeDecodeError):
        if found := re.search(rf"^{_LAST}\{{.*\}} (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            return float(found[1])
    return None

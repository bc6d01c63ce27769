"""The parts of a night on the workers of Spark: each scores some, writes the rows for this machine to take, and tells the counts."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from leadlens.models.scorecard import ScorecardSet
from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.dataset.night_profile import ScoreTally
from leadlens.pipeline.dataset.old_leads import OldLeads
from leadlens.pipeline.drift.histogram import Histogram
from leadlens.pipeline.night.parts import Night, ScoredPart, score_part
from leadlens.pipeline.prepared.handed import handed_over, opened
from leadlens.pipeline.progress import Progress
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.stages import Stages

_NIGHT, _BUNDLE = "night.json", "model"
_SHEET_SCORE = "_sheet_score"


def scored_on_spark(
    night: Night, workers: Workers, stages: Stages, progress: Progress
) -> Iterator[ScoredPart]:
    """All parts that have an open lead, in the order of ``scored_here``, with the same numbers.

    The folder that workers share holds the model, the sheets and the project file while they score, and their rows until those are
    taken; nothing but counts passes through Spark. Raises ``LeadlensError`` for what a worker meets.
    """
    folder = workers.folder / f"night-{uuid4().hex[:12]}"
    _hand_over(night, folder)
    try:
        progress("Scoring open leads on Spark", 0, 0)
        answers = workers.run(
            score_task, [{"folder": str(folder), "part": part} for part in range(night.prepared.parts)]
        )
        for number, answer in enumerate(answers):
            progress("Collecting scores", number, len(answers))
            stages.add(answer["stages"])
            if answer["leads"]:
                yield _taken(night, folder, answer)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def score_task(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: score one part; the rows go to the shared folder, under a name that no other attempt has."""
    folder, stages = Path(task["folder"]), Stages()
    scored = score_part(_opened(str(folder)), task["part"], stages)
    if scored is None:
        return {"leads": 0, "stages": stages.to_list()}
    rows, attempt = scored.rows, uuid4().hex
    if scored.sheet_score is not None:
        rows = rows.append_column(_SHEET_SCORE, pa.array(scored.sheet_score))
    with stages("hand over", len(rows)):
        _write(folder / f"{attempt}.rows", rows)
        if scored.people is not None:
            _write(folder / f"{attempt}.people", scored.people)
    return {
        "leads": len(rows),
        "attempt": attempt,
        "grades": dict(scored.tally.grades),
        "features": {name: counts.to_dict() for name, counts in scored.tally.features.items()},
        "old": scored.old.old,
        "long_ledgers": scored.long_ledgers,
        "undecided": scored.undecided,
        "stages": stages.to_list(),
    }


def _hand_over(night: Night, folder: Path) -> None:
    """Write what all parts have in common, so that a worker needs neither the registry nor the project's folder."""
    folder.mkdir()
    night.bundle.save(folder / _BUNDLE)
    plain = {
        **handed_over(night.prepared),
        "sheets": None if night.sheets is None else night.sheets.content(),
        "as_of": night.as_of.isoformat(),
        "written_as_of": None if night.written_as_of is None else night.written_as_of.isoformat(),
        "people": list(night.people),
        "published": night.published,
    }
    (folder / _NIGHT).write_text(json.dumps(plain), encoding="utf-8")


@lru_cache(maxsize=1)
def _opened(folder: str) -> Night:
    """The night that was handed over; a worker process opens it once."""
    place = Path(folder)
    plain = json.loads((place / _NIGHT).read_text(encoding="utf-8"))
    prepared = opened(plain)
    written = plain["written_as_of"]
    return Night(
        file=prepared.file,
        prepared=prepared,
        bundle=Bundle.load(place / _BUNDLE),
        sheets=None if plain["sheets"] is None else ScorecardSet.from_content(plain["sheets"]),
        as_of=datetime.fromisoformat(plain["as_of"]),
        written_as_of=None if written is None else datetime.fromisoformat(written),
        people=tuple(plain["people"]),
        published=plain["published"],
    )


def _taken(night: Night, folder: Path, answer: dict[str, Any]) -> ScoredPart:
    rows, sheet_score = _read(folder / f"{answer['attempt']}.rows"), None
    if _SHEET_SCORE in rows.column_names:
        sheet_score = rows[_SHEET_SCORE].to_numpy()
        rows = rows.drop_columns([_SHEET_SCORE])
    people = folder / f"{answer['attempt']}.people"
    tally, old = (
        ScoreTally(night.bundle.reference),
        OldLeads.of(night.file.project, night.bundle.recipe.spine),
    )
    tally.leads, tally.grades = answer["leads"], Counter(answer["grades"])
    tally.features = {name: Histogram.from_dict(counts) for name, counts in answer["features"].items()}
    old.leads, old.old = answer["leads"], answer["old"]
    return ScoredPart(
        rows=rows,
        people=_read(people) if people.exists() else None,
        sheet_score=sheet_score,
        tally=tally,
        old=old,
        long_ledgers=answer["long_ledgers"],
        undecided=answer["undecided"],
    )


def _write(path: Path, table: pa.Table) -> None:
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer,
    ):
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    """The rows, and the file removed: they are taken once."""
    with pa.OSFile(str(path), "rb") as file:
        table = pa.ipc.open_file(file).read_all()
    path.unlink()
    return table

"""A past scoring run, by its record: which model scored, as of when, from which version of the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadlens.features import DataError, UsageError
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.prepared.preparing import prepared_folder
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.state import state_folder

HISTORY_NOTE = "history"  # in the record of a run: which prepared history its data_version counts


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """What a score of a run is made of again. ``notes`` say what may differ."""

    run_id: str
    served: Registered
    as_of: datetime
    data_version: int
    sheets_version: str
    notes: tuple[str, ...]


def past_run(file: ProjectFile, run_id: str) -> PastRun:
    """Find a scoring run of this project in the state folder, and its model in the registry.

    Raises ``UsageError`` for an unknown run, ``DataError`` for one that did not score, whose model is gone, or whose data
    were read with other settings, so that a version of today's prepared history is not what it saw.
    """
    records = [
        each for each in RunStore(state_folder() / "runs").records() if each.project == file.project.name
    ]
    scored = [each for each in records if each.target]
    record = next((each for each in records if each.run_id == run_id), None)
    if record is None:
        raise UsageError(
            "no such run is known here",
            value=run_id,
            known=[each.run_id for each in scored],
            why="records are in the state folder of the machine that scored (.leadlens/runs)",
            fix="name a run_id of lead_scores or scoring_runs; for one of another machine: --as-of, --data-version",
        )
    if not record.target or record.as_of is None or record.data_version is None or not record.model_version:
        ended = "" if record.target else ", and was no scoring run"
        raise DataError(
            "this run made no scores",
            value=f"{run_id} ({record.status}{ended})",
            why="there is nothing to explain again",
            fix="name a run that is done: scoring_runs lists them",
        )
    _refuse_other_history(file, record)
    version = record.model_version.rpartition("/")[2]
    notes = [
        f"as run {run_id} scored: {record.model_version}, as of {record.as_of:%Y-%m-%d %H:%M}, data version {record.data_version}"
    ]
    if record.config_fingerprint != file.fingerprint:
        notes.append(
            "the project file has changed since; the model keeps its own features and sheets, so its score is the same"
        )
    return PastRun(
        run_id=run_id,
        served=Registry(file.project.name).version(version),
        as_of=record.as_of,
        data_version=record.data_version,
        sheets_version=(record.scorecard_version or "").rpartition(" ")[2],
        notes=tuple(notes),
    )


def _refuse_other_history(file: ProjectFile, record: RunRecord) -> None:
    """A version number counts the changes of one prepared history: with other sources or settings it begins anew."""
    noted, now = record.notes.get(HISTORY_NOTE), prepared_folder(file).path.name
    other = noted != now if noted is not None else record.config_fingerprint != file.fingerprint
    if other:
        raise DataError(
            "this run read its data with other settings",
            value=f"run {record.run_id}, data version {record.data_version}",
            why="sources, hygiene, outcome or known_after have changed since, so that version is not among those kept now",
            fix="explain with the project file as it was then (a copy will do, with the same LEADLENS_HOME)",
        )

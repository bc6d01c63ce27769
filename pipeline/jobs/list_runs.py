"""`leadlens runs`: the last nights, and what else ran, from the records that each run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadlens.features import UsageError
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.target import target_of
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.runs.record import CHALLENGER_NOTE
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.writeback.listed_runs import listed_runs
from leadlens.pipeline.writeback.target import parse_target

COMMANDS = ("score", "push", "retrain", "backtest", "monitor")


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Runs of one command, the latest first. ``others``: of each other command the last run, where it did not end well."""

    project: str
    command: str
    target: str | None
    runs: list[RunRecord]
    others: list[RunRecord]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "command": self.command,
            "target": self.target,
            "runs": [run_facts(run) for run in self.runs],
            "others": [run_facts(run) for run in self.others],
        }


def list_runs(file: ProjectFile, *, last: int = 10, to: str | None = None, command: str = "score") -> Runs:
    """The last runs of a command that are on record in the state folder; a run that was killed is marked as such.

    ``to`` asks for the runs to one target, and asks that target too, if it is a database: it knows the nights of other machines.
    Raises ``UsageError`` where it names no target that was ever written to, ``UnavailableError`` where it cannot be reached.
    """
    target = None if to is None else parse_target(target_of(file, to))
    store = RunStore(state_folder() / "runs")
    store.killed()
    own = [record for record in store.records() if record.project == file.project.name]
    wanted = [
        record
        for record in own
        if record.command == command and (target is None or record.target == target.shown)
    ]
    if target is not None and command == "score":
        wanted = [record for record in wanted if record.table == file.project.scores.table]
        known = {record.run_id for record in wanted}
        try:
            told = listed_runs(target, file.project.scores.table, file.project.name, last)
        except UsageError:
            if not wanted:
                raise UsageError(
                    "no run ever wrote to this target",
                    value=target.shown,
                    known=sorted({record.target for record in own if record.target}),
                    fix="name the target that `leadlens score` writes to, or leave out --to for all that is on record here",
                    where="--to",
                ) from None
            told = []
        wanted += [record for record in told if record.run_id not in known]
        wanted.sort(key=lambda record: record.started_at, reverse=True)
    latest = {record.command: record for record in reversed(own) if record.status != "started"}
    return Runs(
        project=file.project.name,
        command=command,
        target=None if target is None else target.shown,
        runs=wanted[:last],
        others=[
            latest[name]
            for name in COMMANDS
            if name != command and name in latest and latest[name].status != "done"
        ],
    )


def seconds_of(run: RunRecord) -> float | None:
    """How long a run took; ``None`` while it works, and of one that was killed: its record ends when a later run found it."""
    ended = None if run.status == "killed" else run.finished_at
    return None if ended is None else (ended - run.started_at).total_seconds()


def written_by(run: RunRecord) -> int | None:
    """Rows of the target that are new or changed, those of leads that left included."""
    return None if run.inserted is None else run.inserted + (run.updated or 0) + (run.closed or 0)


def run_facts(run: RunRecord) -> dict[str, Any]:
    """JSON-ready: times are UTC."""
    seconds = seconds_of(run)
    return {
        "run_id": run.run_id,
        "command": run.command,
        "challenger": bool(run.notes.get(CHALLENGER_NOTE)),
        "status": run.status,
        "exit_code": run.exit_code,
        "error": run.error,
        "started_at": _utc(run.started_at),
        "finished_at": _utc(run.finished_at),
        "seconds": None if seconds is None else round(seconds, 1),
        "stage": run.stage,
        "as_of": _utc(run.as_of),
        "target": run.target,
        "table": run.table,
        "model_version": run.model_version,
        "scorecard_version": run.scorecard_version,
        "data_version": run.data_version,
        "leads": run.rows,
        "inserted": run.inserted,
        "updated": run.updated,
        "unchanged": run.unchanged,
        "closed": run.closed,
        "written": written_by(run),
        "warnings": run.warnings,
    }


def _utc(at: datetime | None) -> str | None:
    return None if at is None else f"{at.isoformat(timespec='seconds')}Z"

"""A run that leaves a record, whatever happens to it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from leadlens.features.errors import LeadlensError
from leadlens.features.secrets import masked
from leadlens.pipeline import exit_codes
from leadlens.pipeline.progress import Progress
from leadlens.pipeline.runs.record import RunRecord, Status, new_run_id
from leadlens.pipeline.runs.store import RunStore
from leadlens.pipeline.stages import Stages
from leadlens.pipeline.stopping import Stopped, stopped_by

_LONGEST_REASON = 600  # characters: a line of a table, on the page and in the target


class Refusal(LeadlensError):
    """A gate refuses the run: exit code 1, unless the gate has another."""


# Tells a target of runs at work or over; returns the ids of those that are done there.
Tell = Callable[[Sequence[RunRecord]], set[str]]


class RecordedRun:
    """A run while it works. ``recorded_run`` makes one.

    Attributes
    ----------
    record : what is known of it so far; ``keep`` saves it.
    stages : counts what each stage costs.
    """

    def __init__(self, record: RunRecord, store: RunStore | None, earlier: RunStore) -> None:
        self.record, self.stages = record, Stages()
        self._store, self._earlier = store, earlier
        self._tell: Tell | None = None

    def warn(self, message: str, *, first: bool = False) -> None:
        """Something is near a limit or odd: the run goes on and the record says so, ``first`` before all else."""
        self.record.warnings.insert(0 if first else len(self.record.warnings), message)

    def refuse(
        self,
        what: str,
        *,
        value: object = None,
        why: str | None = None,
        fix: str | None = None,
        exit_code: int = exit_codes.REFUSED,
    ) -> NoReturn:
        """End the run as refused: raises ``Refusal``. Call it before anything is written."""
        refusal = Refusal(what, value=value, why=why, fix=fix)
        refusal.exit_code = exit_code
        raise refusal

    def note(self, name: str, value: Any) -> None:
        """Keep something JSON-ready that later runs compare themselves with; it never goes to the target."""
        self.record.notes[name] = value

    def earlier(self, status: Status = "done") -> list[RunRecord]:
        """The kept runs of the same project, target and table with this status, the latest first."""
        own = self.record
        return [
            record
            for record in self._earlier.records()
            if record.status == status
            and record.run_id != own.run_id
            and (record.project, record.target, record.table) == (own.project, own.target, own.table)
        ]

    def report_to(self, tell: Tell) -> None:
        """From now on the target knows of this run, and of earlier ones whose end it was not told: that were killed, or
        could not reach it. A run that was killed just after it had written is *done*.

        Raises what ``tell`` raises: what cannot be reported to now could not be written to later.
        """
        store, own = self._store, self.record
        if store is None:
            return
        untold = [
            record
            for record in store.records()
            if (record.target, record.table) == (own.target, own.table)
            and not record.told
            and record.status != "started"
        ]
        done = tell([*reversed(untold), own])
        for record in untold:
            record.told = True
            if record.run_id in done:
                record.end("done", exit_codes.DONE)
            store.save(record)
        self._tell = tell

    def keep(self) -> None:
        """Save what is known until now."""
        self.record.stages = self.stages.to_list()
        if self._store is not None:
            self._store.save(self.record)

    def follow(self, progress: Progress) -> Progress:
        """The same progress; the record says what the run was last seen doing."""

        def followed(stage: str, done: int = 0, total: int = 0) -> None:
            if stage != self.record.stage:
                self.record.stage = stage
                self.keep()
            progress(stage, done, total)

        return followed


@contextmanager
def recorded_run(
    project: str,
    *,
    folder: Path,
    target: str = "",
    table: str = "",
    command: str = "score",
    kept: bool = True,
    run_id: str | None = None,
) -> Iterator[RecordedRun]:
    """Record a run in ``folder``, from *started* to how the block ends; first, mark runs that were killed.

    Leaving the block without an error is *done*, an error with exit code 1 *refused*, SIGTERM and Ctrl-C *stopped*,
    any other error *failed*. With ``kept=False`` (a dry run) nothing is saved, and earlier runs can still be asked for.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with recorded_run("cars", folder=Path(folder)) as run:
    ...         run.warn("half of the leads have no e-mail address")
    ...     [(record.status, record.exit_code, len(record.warnings)) for record in RunStore(Path(folder)).records()]
    [('done', 0, 1)]
    """
    store = RunStore(folder)
    record = RunRecord(
        project=project, target=target, table=table, command=command, run_id=run_id or new_run_id()
    )
    run = RecordedRun(record, store if kept else None, store)
    if kept:
        store.killed()
        store.begin(run.record)
    try:
        yield run
    except BaseException as error:
        code = exit_codes.exit_code(error)
        run.record.end(_status(error, code), code, _reason(exit_codes.as_user_error(error)))
        if kept:
            with suppress(OSError):  # a full disk: the error on its way says more
                _end(run, store)
        raise
    run.record.end("done", exit_codes.DONE)
    if kept:
        _end(run, store)


def _end(run: RecordedRun, store: RunStore) -> None:
    run.record.stages = run.stages.to_list()
    try:
        if run._tell is not None and run.record.status != "done":  # what is done was written with its scores
            with suppress(LeadlensError):  # the next run tells it
                if run.record.run_id in run._tell([run.record]):
                    run.record.status = "done"  # it had written all when it was stopped, or lost the answer
                run.record.told = True
        run.record.told |= run.record.status == "done"
    finally:
        store.end(run.record)


def _status(error: BaseException, code: int) -> Status:
    if stopped_by() is not None or isinstance(error, KeyboardInterrupt | Stopped):
        return "stopped"
    return "refused" if isinstance(error, Refusal) or code == exit_codes.REFUSED else "failed"


def _reason(error: BaseException) -> str:
    """What is wrong in one line, and in brackets what was received and why it matters: a refusal's reasons stand below its first line."""
    if (number := stopped_by()) is not None:  # whatever a library made of it
        return f"stopped by {signal.Signals(number).name}"
    if not isinstance(error, LeadlensError):
        lines = masked(str(error)).splitlines()
        return _cut(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
    first, *more = error.what.splitlines() or [""]
    details = [line.strip().removeprefix("- ") for line in more]
    details += [] if error.value is None else [f"received: {error.value}"]
    details += (error.why or "").splitlines()
    said = f"{error.where}: {first}" if error.where else first
    return _cut(f"{said} ({'; '.join(details)})" if details else said)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"

"""Takes the scores of a run chunk by chunk, and writes all of them at the end, or none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from leadlens.features.errors import LeadlensError, RoomError, UsageError
from leadlens.pipeline.exit_codes import is_full
from leadlens.pipeline.runs.record import RunRecord, now
from leadlens.pipeline.writeback.closings import WhyLeft, vanished
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.run import Account, Counts, RunManifest, WriteResult
from leadlens.pipeline.writeback.target import Target, parse_target

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from leadlens.pipeline.writeback.layout import Layout
    from leadlens.pipeline.writeback.spool import Spool


class Writer(Protocol):
    """One kind of target."""

    def check(self) -> None:
        """Raise ``LeadlensError`` for what could not be written later either; change nothing."""

    def report(self, records: Sequence[RunRecord]) -> set[str]:
        """See that all can be written, and keep what became of runs, at work or over; the ids of those that are done."""

    def commit(self, spool: Spool, account: Account, why_left: WhyLeft) -> Counts:
        """Write all rows and close the leads that left, or raise ``LeadlensError`` with the target as it was."""


class StagedScores:
    """The scores of a run on their way to their target, which sees nothing of them before ``commit``.

    They wait in a file without a name: memory does not grow with them, no connection or lock is held while leads are
    being scored, and nothing is left of a run that is killed. Use ``stage_scores`` to make one.

    >>> import pandas as pd, tempfile
    >>> from leadlens.pipeline.writeback import RunManifest, stage_scores
    >>> run = RunManifest(as_of=pd.Timestamp("2026-03-01"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with stage_scores(f"{folder}/scores.parquet", run=run) as staged:
    ...         for lead in ("Anna", "Ben"):
    ...             staged.add(pd.DataFrame({"lead_id": [lead], "probability": [0.5], "score": [50]}))
    ...         staged.commit().inserted
    2
    """

    def __init__(self, target: Target, writer: Writer, run: RunManifest, spool: Spool) -> None:
        self._target, self._writer, self._run, self._spool = target, writer, run, spool

    def __enter__(self) -> StagedScores:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def add(self, chunk: pd.DataFrame | pa.Table) -> None:
        """Take one row per lead, with columns of ``SCORE_COLUMNS``; JSON columns may be text.

        Raises
        ------
        DataError : the chunk cannot be used (see ``leadlens.pipeline.writeback.prepare``).
        LeadlensError : there is no room for it.
        """
        from leadlens.pipeline.writeback.prepare import prepare

        rows = prepare(chunk, self._run)
        if self._target.kind == "csv":
            from leadlens.pipeline.writeback.files import spreadsheet_safe

            rows = spreadsheet_safe(rows)
        try:
            self._spool.add(rows)
        except OSError as error:
            raise _no_room(error) from None

    def commit(
        self,
        stages: Sequence[Mapping[str, Any]] = (),
        warnings: Sequence[str] = (),
        why_left: WhyLeft = vanished,
    ) -> WriteResult:
        """Write everything that was added, at once and once, and close the open leads that were not added.

        Parameters
        ----------
        stages, warnings : what the run cost and warned of until now, for its record.
        why_left : gives the reason for each of the leads that left.

        Raises
        ------
        DataError : a lead was added twice; an existing table cannot be used; it has newer scores.
        LeadlensError : the target cannot be reached or written. In every case it is left as it was.
        """
        try:
            self._spool.finish()
        except OSError as error:
            raise _no_room(error) from None
        account = Account(
            json.dumps(list(stages)) if stages else None,
            json.dumps(list(warnings), ensure_ascii=False) if warnings else None,
        )
        counts = self._writer.commit(self._spool, account, why_left)
        self._spool.close()
        return WriteResult(
            counts.rows,
            counts.inserted,
            counts.updated,
            counts.unchanged,
            counts.closed,
            self._target.shown,
        )


def stage_scores(
    to: str,
    *,
    table: str = "lead_scores",
    run: RunManifest,
    folder: Path | None = None,
    layout: Layout | None = None,
) -> StagedScores:
    """Begin to write the scores of one run: ``add`` them in chunks, then ``commit``; use it in a ``with`` block.

    A database table is kept up to date: new leads are inserted, changed ones updated, unchanged ones not
    touched, and open leads of the project that are not among the scores are closed. ``<table>_history`` gains a row per
    change and ``scoring_runs`` one per run; ``open_<table>`` shows the open leads. A Parquet or CSV file is a snapshot of this run and is replaced as a whole.
    Leaving the block without ``commit`` discards what was added.

    Parameters
    ----------
    to : ``duckdb:///file.duckdb``, a PostgreSQL URL, or a path that ends in .parquet, .csv or .xlsx;
        environment variables are already expanded. A missing folder is created.
    table : ``table`` or ``schema.table``; not used for files.
    run : the manifest of the run.
    folder : keeps the rows until ``commit``, and from run to run what saves sending unchanged leads to PostgreSQL
        again: 16 bytes a lead (see ``leadlens.pipeline.writeback.receipts``). Without it the system's folder for temporary
        files keeps the rows, and every lead is sent.
    layout : the columns of a .csv, for the import of a CRM; without it a .csv has those of ``lead_scores``.

    Raises
    ------
    UsageError : ``to`` or ``table`` is invalid.
    DataError : an existing table cannot be used.
    LeadlensError : the target cannot be reached.
    """
    target = parse_target(to)
    writer = _writer(target, TableNames.parse(table), run, folder, layout)
    writer.check()
    from leadlens.pipeline.writeback.spool import Spool

    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        spool = Spool(folder)
    except OSError as error:
        raise _no_room(error) from None
    return StagedScores(target, writer, run, spool)


def report_runs(to: str, table: str, records: Sequence[RunRecord], layout: Layout | None = None) -> set[str]:
    """See that a target can be written to, and keep there what became of runs, at work or over.

    The last of the records is of the run at work. Returns the ids of those that are done there: a run that was killed
    after its commit is one. Raises as ``stage_scores``.
    """
    target = parse_target(to)
    run = RunManifest(as_of=now(), run_id=records[-1].run_id)
    return _writer(target, TableNames.parse(table), run, None, layout).report(records)


def write_scores(
    frame: pd.DataFrame | pa.Table, to: str, *, table: str = "lead_scores", run: RunManifest
) -> WriteResult:
    """Write the scores of one run from a single frame (see ``stage_scores``); the same again changes nothing."""
    with stage_scores(to, table=table, run=run) as staged:
        staged.add(frame)
        return staged.commit()


def _writer(
    target: Target, names: TableNames, run: RunManifest, folder: Path | None, layout: Layout | None
) -> Writer:
    if layout is not None and target.kind != layout.ending:
        raise UsageError(
            f"the layout {layout.name} is for .{layout.ending} files",
            value=target.shown,
            fix=f"write {layout.name}.{layout.ending}, or leave the layout out",
            where="--layout",
        )
    if target.url is not None:
        from leadlens.pipeline.writeback.postgres import PostgresWriter

        return PostgresWriter(target.url, target.shown, names, run, folder)
    if target.kind == "duckdb":
        from leadlens.pipeline.writeback.duckdb import DuckDBWriter

        return DuckDBWriter(target.path, target.shown, names, run)
    if layout is not None or target.kind == "xlsx":
        from leadlens.pipeline.writeback.laid_out import LaidOutWriter
        from leadlens.pipeline.writeback.layout import for_people

        return LaidOutWriter(target.path, target.shown, run, layout or for_people(run.people))
    from leadlens.pipeline.writeback.files import FileWriter

    return FileWriter(target.path, target.shown, run)


def _no_room(error: OSError) -> LeadlensError:
    kind = RoomError if is_full(error) else LeadlensError
    return kind(
        "the scores cannot be kept until all of them are there",
        why=f"nothing was written: {error.strerror or error}",
        fix="free some space (0.3 GB for a million leads), or set TMPDIR to a folder on a disk with room",
    )

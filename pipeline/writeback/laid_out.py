"""Writes a run as a workbook for people (.xlsx), or as a CSV in the layout of a CRM's import; replaced as a whole."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from leadlens.features.errors import DataError, LeadlensError, RoomError
from leadlens.features.regular_files import refuse_no_file
from leadlens.pipeline.exit_codes import is_full
from leadlens.pipeline.runs.record import RunRecord
from leadlens.pipeline.writeback import run_rows
from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.layout import Cell, Layout
from leadlens.pipeline.writeback.run import Account, Counts, RunManifest
from leadlens.pipeline.writeback.spool import Spool
from leadlens.pipeline.writeback.unfinished import replacing

MOST_ROWS = 2**20 - 1  # of a worksheet, less its header
_LEADS, _ABOUT, _MARK = "Leads", "About", "Written by Leadlens"


@dataclass(frozen=True)
class LaidOutWriter:
    """Replaces the file by the rows of a run, in a layout: who is open now, the highest score first.

    In CSV, text that a spreadsheet would run as a formula has a leading apostrophe already. In a workbook every text is a text cell,
    which no program takes for anything else.
    """

    path: Path
    shown: str
    run: RunManifest
    layout: Layout

    def check(self) -> None:
        """Refuse an existing file that is not ours, or that has newer scores."""
        refuse_no_file(self.path, self.shown)
        with self._explained():
            if self.path.exists():
                self._refuse(self._workbook_run() if self._is_workbook else self._headed())

    def report(self, records: Sequence[RunRecord]) -> set[str]:
        """Refuse a folder that cannot be written to; the file keeps no record of runs."""
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(Path(os.path.realpath(self.path)).parent, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return set()

    def commit(self, spool: Spool, account: Account, why_left: WhyLeft) -> Counts:
        """Write all rows of ``spool``."""
        if self._is_workbook and spool.rows > MOST_ROWS:
            raise DataError(
                "a worksheet holds fewer leads than were scored",
                value=f"{spool.rows:,}",
                why=f"the most is {MOST_ROWS:,}, and a list without its end would look complete",
                fix="write .csv or .parquet, or score fewer leads",
                where=self.shown,
            )
        with self._explained():
            self.check()
            before = dict(self._present()) if self.path.exists() else {}
            rows = spool.read(list(dict.fromkeys([*self.layout.columns, "score", "lead_id"]))).read_all()
            path = Path(os.path.realpath(self.path))  # a symbolic link stays one
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                after = self._write_workbook(rows, file) if self._is_workbook else self._write_csv(rows, file)
        new = sum(lead not in before for lead in after)
        changed = sum(before.get(lead, cells) != cells for lead, cells in after.items())
        return Counts(len(after), new, changed, sum(lead not in after for lead in before))

    @property
    def _is_workbook(self) -> bool:
        return self.path.suffix.lower() == ".xlsx"

    def _write_csv(self, rows: pa.Table, file: BinaryIO) -> dict[str, int]:
        after = {}
        # Without a mark of its encoding: imports would take it for a part of the first heading.
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(self.layout.headings)
        for cells in self.layout.rows(rows):
            writer.writerow(["" if cell is None else cell for cell in cells])
            after[str(cells[0])] = _mark(cells)
        text.flush()
        text.detach()
        return after

    def _write_workbook(self, rows: pa.Table, file: BinaryIO) -> dict[str, int]:
        import xlsxwriter

        after = {}
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        with xlsxwriter.Workbook(file, options) as book:
            sheet, about = book.add_worksheet(_LEADS), book.add_worksheet(_ABOUT)
            bold = book.add_format({"bold": True, "bottom": 1})
            formats = {"percent": book.add_format({"num_format": "0.0%"})}
            for number, place in enumerate(self.layout.places):
                sheet.set_column(number, number, place.width)
                sheet.write_string(0, number, place.heading, bold)
            sheet.freeze_panes(1, 1)
            sheet.autofilter(0, 0, len(rows), len(self.layout.places) - 1)
            for at, cells in enumerate(self.layout.rows(rows), start=1):
                for number, (place, cell) in enumerate(zip(self.layout.places, cells, strict=True)):
                    if isinstance(cell, str):
                        sheet.write_string(at, number, cell)
                    elif cell is not None:
                        sheet.write_number(at, number, cell, formats.get(place.kind))
                after[str(cells[0])] = _mark(cells)
            about.set_column(0, 1, 24)
            facts = (
                (_MARK, ""),
                ("as of (UTC)", self.run.as_of.isoformat()),
                ("run", self.run.run_id),
                ("project", self.run.project or ""),
                ("leads", str(len(rows))),
            )
            for at, fact in enumerate(facts):
                for number, text in enumerate(fact):
                    about.write_string(at, number, text)
        return after

    def _present(self) -> Iterator[tuple[str, int]]:
        """Leads of the existing file, and what it says of each."""
        if self._is_workbook:
            rows: Sequence[Sequence[object]] = _sheet(self.path, _LEADS)
        else:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.reader(file))
        for row in rows[1:]:
            yield str(row[0]), _mark(row)

    def _headed(self) -> bool:
        """Whether a CSV has the header of this layout."""
        with self.path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            return next(csv.reader(file), []) == self.layout.headings

    def _workbook_run(self) -> bool:
        """Whether a workbook is ours; refuses one with newer scores."""
        facts = {str(row[0]): str(row[1]) for row in _sheet(self.path, _ABOUT) if len(row) > 1}
        if _MARK not in facts:
            return False
        with contextlib.suppress(ValueError, KeyError):
            at = datetime.fromisoformat(facts["as of (UTC)"])
            if facts["run"] != self.run.run_id:
                run_rows.refuse_older((facts["run"], at), self.run)
        return True

    def _refuse(self, ours: bool) -> None:
        if not ours:
            raise DataError(
                "this file exists already and does not contain scores of Leadlens in this layout",
                where=self.shown,
                why="it was left unchanged, so that nothing of yours is lost",
                fix="name another file, or move this one away",
            )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = RoomError if is_full(error) else LeadlensError
            raise kind(
                "the file cannot be written",
                where=self.shown,
                why=f"an existing file is untouched: {error.strerror or error}",
                fix="check the folder, its permissions and the space left; close the file in other programs",
            ) from None


def _sheet(path: Path, name: str) -> Sequence[Sequence[object]]:
    """The cells of a worksheet; none where there is no such sheet, or the file is no workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        return book.get_sheet_by_name(name).to_python() if name in book.sheet_names else []
    except CalamineError:
        return []


def _mark(cells: Sequence[Cell | object]) -> int:
    """A number for what a row says, the same of what was written and of what is read again."""
    return hash(tuple(_text(cell) for cell in cells))


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{float(cell):.10g}" if isinstance(cell, int | float) else _as_number(str(cell))


def _as_number(text: str) -> str:
    try:
        return f"{float(text):.10g}"
    except ValueError:
        return text

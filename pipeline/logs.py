"""The log of a command: lines for people, or with ``--log-format json`` one object per line for machines.

What goes to machines travels far, so it has neither secrets nor personal data: what an error quotes from the data stays
on the terminal and in the record of the run.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from leadlens.features.errors import LeadlensError, UsageError
from leadlens.features.printable import printable
from leadlens.features.secrets import masked
from leadlens.pipeline.elsewhere import noting_written
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, shown
from leadlens.pipeline.runs.record import new_run_id

Format = Literal["text", "json"]
_PERSONAL = (
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<address>"),
    (re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|‘[^’]*’"), "<value>"),
    (re.compile(r"\b(lead|account|id) (?=\S*\d)\S+"), r"\1 <id>"),
    (re.compile(r"\+?\d[\d ()/-]{6,}\d(?![\d:-])"), "<number>"),
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?")
_machine = False


def for_machines() -> bool:
    """Whether standard error belongs to a machine now: nothing but the log's objects goes there."""
    return _machine


def impersonal(text: str) -> str:
    """The text without secrets, and without what may be a value of the data: addresses, quoted values, ids, long numbers.

    >>> impersonal("lead L000646: 'Anna Keller' of anna@firm.com, +41 79 669 12 34, since 2025-06-30")
    'lead <id> <value> of <address>, <number>, since 2025-06-30'
    """
    dates: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        dates.append(match[0])
        return "\0"

    text = _DATE.sub(put_aside, masked(text))
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    for date in dates:
        text = text.replace("\0", date, 1)
    return text


@dataclass
class Log:
    """What a command says while it works. ``logged`` makes one.

    Attributes
    ----------
    command, run_id : of each line for machines.
    stage : what the command was last seen doing.
    """

    command: str
    format: Format = "text"
    file: IO[str] | None = None
    run_id: str = field(default_factory=new_run_id)
    stage: str = ""
    _started: float = field(default_factory=time.monotonic)

    def event(self, level: Literal["info", "warning", "error"], message: str, **more: Any) -> None:
        """One line; for people only into the file, since the command itself prints to them."""
        if self.format == "json":
            line = json.dumps(
                {
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    "level": level,
                    "command": self.command,
                    "run_id": self.run_id,
                    "stage": impersonal(self.stage),
                    "message": impersonal(message),
                    **more,
                },
                ensure_ascii=False,
            )
            print(line, file=sys.stderr, flush=True)
        else:
            seconds = time.monotonic() - self._started
            line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {seconds:7.1f}s  {level:<7}  {printable(masked(message))}"
        if self.file is not None:
            print(line, file=self.file, flush=True)

    def warnings(self, messages: Iterator[str] | tuple[str, ...] | list[str]) -> None:
        """One line each."""
        for message in messages:
            self.event("warning", message)

    def follow(self, progress: Progress) -> Progress:
        """The same progress, with a line for each stage that begins."""

        def followed(stage: str, done: int = 0, total: int = 0) -> None:
            if stage != self.stage:
                self.stage = stage
                self.event("info", stage)
            if self.format == "text":
                progress(stage, done, total)

        return followed


@contextmanager
def logged(
    command: str, log_format: Format = "text", log_file: Path | None = None
) -> Iterator[tuple[Log, Progress]]:
    """The log of a command, and its progress. An error is logged with its exit code and goes on its way.

    ``log_file`` is appended to; it is for its owner alone. Raises ``UsageError`` where it cannot be written.
    """
    global _machine
    from leadlens.pipeline.exit_codes import as_user_error, exit_code

    # What goes to machines names nobody.
    personal = [log_file] if log_file is not None and log_format == "text" else []
    with (
        _appended(log_file) as file,
        noting_written("", "log", *personal),
        shown() if log_format == "text" else nullcontext(_nothing) as progress,
    ):
        log, before, _machine = Log(command, log_format, file), _machine, log_format == "json"
        try:
            yield log, log.follow(progress)
        except BaseException as error:
            code, said = exit_code(error), as_user_error(error)
            log.event("error", _what(said, log_format), exit_code=code, error=type(said).__name__)
            error.__dict__["logged"] = log_format == "json"
            raise
        finally:
            _machine = before


def _nothing(stage: str, done: int = 0, total: int = 0) -> None:
    pass


def _what(error: BaseException, log_format: Format) -> str:
    if isinstance(error, LeadlensError):
        return error.what.splitlines()[0] if log_format == "json" else str(error)
    return type(error).__name__ if log_format == "json" else f"{type(error).__name__}: {error}"


@contextmanager
def _appended(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    try:
        with private_files():
            file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "the log cannot be written here",
            value=str(path),
            why=error.strerror or str(error),
            where="--log-file",
            fix="name a file in a folder that exists and that you may write to",
        ) from None
    with file:
        yield file

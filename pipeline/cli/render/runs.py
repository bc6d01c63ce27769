"""What `runs` prints for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from leadlens.features.errors import counted
from leadlens.pipeline.cli.render.tables import minute, safe, table
from leadlens.pipeline.cli.render.terminal import from_here

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.list_runs import Runs
    from leadlens.pipeline.runs import RunRecord

_PAGE = 80
_HEADERS = ("started (UTC)", "status", "took", "as of", "leads", "written", "model")


def render_runs(found: Runs) -> list[str]:
    """`leadlens runs`: one line for each, and below it what else is to say."""
    if not found.runs:
        said = f"{found.project}: no run of leadlens {found.command} is on record here."
        if found.target is None and found.command == "score":
            said += " Those of another machine are listed by --to and the database that it writes to."
        return [*_wrapped(said, "  "), *_others(found)]
    head, *lines = table([_cells(run) for run in found.runs], _HEADERS, "llrlrrl").split("\n")
    several = len({run.target for run in found.runs}) > 1
    printed = [head]
    above: list[str] = []
    for line, run in zip(lines, found.runs, strict=True):
        printed.append(line)
        for said in [*_remarks(run, several), *_warnings(run, above, every=len(found.runs) == 1)]:
            printed += _wrapped(f"    {said}", "      ")
        above = run.warnings or above
    return [*printed, *_others(found)]


def _cells(run: RunRecord) -> tuple[str, ...]:
    from leadlens.pipeline.jobs.list_runs import seconds_of, written_by

    written = written_by(run)
    return (
        minute(run.started_at),
        run.status,
        _took(seconds_of(run)),
        "" if run.as_of is None else minute(run.as_of),
        "" if run.rows is None else f"{run.rows:,}",
        "" if written is None else f"{written:,}",
        (run.model_version or "").rpartition("/")[2],
    )


def _took(seconds: float | None) -> str:
    """Short enough for a column: a night takes seconds or hours."""
    if seconds is None:
        return ""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def _remarks(run: RunRecord, several: bool) -> Iterator[str]:
    from leadlens.pipeline.jobs.list_runs import run_facts

    if several and run.target:
        yield f"to {from_here(run.target)}"
    if run_facts(run)["challenger"]:
        yield "by the challenger, beside the champion"
    if run.status == "started" and run.stage:
        yield f"at work: {run.stage}"
    if run.status not in ("started", "done") or run.exit_code:
        yield _reason(run)


def _warnings(run: RunRecord, above: list[str], every: bool) -> Iterator[str]:
    """What is the matter night after night is said once, of the latest of them."""
    if run.warnings and run.warnings == above:
        yield f"the same {'warning' if len(above) == 1 else f'{len(above)} warnings'} as above"
        return
    shown = run.warnings if every else run.warnings[:1]
    yield from (f"warning: {text}" for text in shown)
    if left := len(run.warnings) - len(shown):
        yield f"and {counted(left, 'more warning')}"


def _others(found: Runs) -> Iterator[str]:
    for run in found.others:
        yield from _wrapped(
            f"leadlens {run.command}, {minute(run.started_at)}: {run.status}: {_reason(run)}", "  "
        )


def _reason(run: RunRecord) -> str:
    code = "" if run.exit_code is None else f" (exit code {run.exit_code})"
    return f"{run.error or 'no reason was recorded'}{code}"


def _wrapped(text: str, indent: str) -> list[str]:
    plain = safe(text)
    first = plain[: len(plain) - len(plain.lstrip())]
    return textwrap.wrap(
        plain.strip(),
        _PAGE,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )

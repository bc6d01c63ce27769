"""Which target a job reads or writes: ``--to``, else the project's, else a file in the state folder."""

from __future__ import annotations

import os
from pathlib import Path

from leadlens.features import LeadlensError, UsageError
from leadlens.features.secrets import masked
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.config.loading import expand
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.runs import RunStore
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.writeback.target import Target, parse_target

_FILE = "scores.duckdb"


def as_target(to: str | Path | None) -> str | None:
    """A target as text. Raises ``UsageError`` for what is neither a path nor an address."""
    if to is None or isinstance(to, str | Path):
        return None if to is None else str(to)
    raise UsageError(
        "scores are written to a path or an address",
        value=to,
        fix='to="scores.xlsx", or a database: to="${DATABASE_URL}"',
    )


def target_of(file: ProjectFile, to: str | None) -> str:
    """``--to`` as it is typed; the project's target with its environment, a relative path from the project file."""
    if to is not None:
        return expand(to, "--to")
    if _follows_state(file):
        return f"duckdb:///{(state_folder() / _FILE).as_posix()}"
    named = expand(file.project.scores.to, f"{file.path.name}: scores.to")
    return named if "://" in named else str(file.resolve(named))


def shown_target(file: ProjectFile, to: str | None) -> str:
    """Where the scores go, for the record from its first second on: whoever stops the run at once, the target is known.

    What cannot be read fails the run. Of the project file it is shown as it stands there, for that is a night that failed; empty
    for what was typed.
    """
    try:
        return parse_target(target_of(file, to)).shown
    except LeadlensError:
        return masked(file.project.scores.to) if to is None else ""


def shown_elsewhere(file: ProjectFile, to: str | None) -> str | None:
    """The target whose scores the page shows, where ``--to`` names neither that one nor the project's: a trial, which readers
    are not to take for a night. ``None`` where these scores are to be shown, also where it is not known whose are."""
    if to is None:
        return None
    asked, own = (parse_target(target_of(file, each)) for each in (to, None))
    copy = CopyFolder.of(file.project.name).latest()
    shown = None if copy is None else RunStore(state_folder() / "runs").record(copy.stem)
    if shown is None or shown.target == asked.shown or _same_place(asked, own):
        return None
    return shown.target


def _same_place(one: Target, other: Target) -> bool:
    if one.url is None and other.url is None:
        return os.path.realpath(one.path) == os.path.realpath(other.path)
    return one.shown == other.shown


def missing_folder(target: Target) -> Path | None:
    """The topmost folder that writing to a target makes: it may be a slip of the pen."""
    if target.url is not None:
        return None
    missing = [folder for folder in target.path.parents if not os.path.exists(folder)]
    return missing[-1] if missing else None


def left_behind(file: ProjectFile, to: str | None) -> list[str]:
    """A warning where an earlier release wrote the default target into the working directory and the state folder is elsewhere."""
    new, old = state_folder() / _FILE, Path(".leadlens") / _FILE
    if to is not None or not _follows_state(file) or new.exists() or not old.is_file():
        return []
    return [
        f"scores are written to {new} now, in the folder that LEADLENS_HOME names; those of earlier runs are still in {old.absolute()}: "
        "move that file there, or name it in scores.to"
    ]


def _follows_state(file: ProjectFile) -> bool:
    """Whether nobody named a target and the state folder is elsewhere; in the working directory it stays the relative address
    by which earlier runs know it."""
    return "to" not in file.project.scores.model_fields_set and bool(os.environ.get("LEADLENS_HOME"))

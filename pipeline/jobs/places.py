"""Where a project's leads are outside of the state folder: targets of scores, files of pulls, and what is only known by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.elsewhere import written_elsewhere
from leadlens.pipeline.jobs.target import target_of
from leadlens.pipeline.pulling.files import pulled_from
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.writeback.target import parse_target

_ADDRESS = "duckdb:///"


def targets_of(file: ProjectFile, to: Sequence[str]) -> list[str]:
    """The project's target, those that were named, and the databases and files that its runs were written to.

    Files that are noted as written (``leadlens.pipeline.elsewhere``) are left out, but for databases.
    """
    written = written_elsewhere(file.project.name)
    noted = {os.path.realpath(each.path) for each in written if not each.database}
    before = (record.target for record in _records(file) if _is_file(record.target))
    databases = (f"{_ADDRESS}{each.path}" for each in written if each.database)
    every = (target_of(file, None), *(target_of(file, each) for each in to), *before, *databases)
    found: dict[str, str] = {}
    for each in every:
        target = parse_target(each)
        place = os.path.realpath(target.path) if target.url is None else each
        if place not in noted:
            found.setdefault(place, each)
    return list(found.values())


def pulled_folders(file: ProjectFile) -> list[Path]:
    """Folders that `leadlens pull` filled and the project reads."""
    local = (
        file.resolve(address).parent
        for _, source in file.project.data.every_place()
        for address in source.reads
        if "://" not in address
    )
    return [folder for folder in dict.fromkeys(local) if pulled_from(folder)]


def places_beyond(file: ProjectFile) -> Iterator[str]:
    """Places that are known by name and not looked into, each with what to do."""
    for folder in pulled_folders(file):
        yield (
            f"{pulled_from(folder)}, from which {folder} was pulled: delete the person there, or the next pull brings their rows "
            "back into these files, and they are left out of what is read"
        )
    targets = [parse_target(each) for each in targets_of(file, ())]
    if any(target.kind == "postgresql" for target in targets):
        yield "PostgreSQL's log of changes and its backups, until they are rotated"
    shown = {target.shown for target in targets}
    others = {
        record.target
        for record in _records(file)
        if record.target.startswith("postgresql") and record.target not in shown
    }
    for other in sorted(others):
        yield f"{other}, which a run wrote scores to: name it by --to, with its password"
    if unseen := _out_of_sight(file):
        yield (
            f"scores that were written to {', '.join(unseen)}, named from the folder that `score` ran in, and not looked into: run this "
            "there once more, or name them by --to"
        )
    written = [each for each in written_elsewhere(file.project.name) if not each.removed]
    if gone := [each.path for each in written if not Path(each.path).exists()]:
        yield (
            f"files that commands wrote and that are no longer there: {', '.join(gone)}; if they were moved, name them by --also"
        )
    pushed = sorted({record.target for record in _records(file) if record.command == "push"})
    places = f", to which scores were pushed ({', '.join(pushed)})" if pushed else ""
    yield f"the CRM{places}: it is sent nothing of them any more; delete them there"
    if file.project.webhook.url is not None:
        yield "whoever the webhook told of their stage"


def _records(file: ProjectFile) -> list[RunRecord]:
    records = RunStore(state_folder() / "runs").records()
    own = (record for record in records if record.project == file.project.name and record.target)
    return [record for record in own if not _wrote_nothing(record)]


def _wrote_nothing(record: RunRecord) -> bool:
    """It ended before its first row: the target may be a slip of the pen, which nobody will ever reach."""
    stages = {stage["name"] for stage in record.stages}  # none are kept where the disk was full
    ended = record.command == "score" and record.status in ("failed", "refused")
    return ended and bool(stages) and "write" not in stages


def _out_of_sight(file: ProjectFile) -> list[str]:
    """Files of runs of earlier releases, which kept no more of them than a name from the folder that they ran in.

    A workbook goes as a whole, and one of the same name here may be another's: it is for whoever asks to name it.
    """
    noted, unseen = [each.path for each in written_elsewhere(file.project.name)], []
    for record in _records(file):
        path = Path(record.target.removeprefix(_ADDRESS))
        here, workbook = path.exists(), path.suffix == ".xlsx"
        left = (workbook and here) or (not here and not path.is_absolute())
        known = any(Path(each).parts[-len(path.parts) :] == path.parts for each in noted)
        if (workbook or _is_file(record.target)) and left and not known:
            unseen.append(str(path))
    return list(dict.fromkeys(unseen))


def _is_file(target: str) -> bool:
    return target.startswith(_ADDRESS) or target.endswith((".parquet", ".csv"))

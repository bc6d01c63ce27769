"""`leadlens forget`: remove a person from every store that Leadlens writes, and keep them from coming back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features import UsageError
from features.errors import LeadlensError
from pipeline.config import ProjectFile
from pipeline.forgetting.person import Person, unfinished
from pipeline.forgetting.removal import Removal
from pipeline.forgetting.score_targets import forget_in_file, forget_in_target
from pipeline.forgetting.state_files import forget_in_state, left_in_state
from pipeline.jobs.sought_person import find_person
from pipeline.jobs.target import target_of
from pipeline.private import private_files
from pipeline.runs.store import RunStore
from pipeline.sources.forgotten import Forgotten, add_forgotten
from pipeline.state import one_at_a_time, state_folder, writable_state


@dataclass(frozen=True)
class ForgottenPerson:
    """What was removed of a person, and what could not be: ``beyond`` says for each how to go on, ``failed`` what to try again."""

    lead_ids: tuple[str, ...]
    removed: tuple[Removal, ...] = ()
    beyond: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "lead_ids": list(self.lead_ids),
            "removed": [removal._asdict() for removal in self.removed],
            "beyond": list(self.beyond),
            "failed": list(self.failed),
            "notes": list(self.notes),
        }


@private_files()
def forget(
    file: ProjectFile,
    asked: str,
    *,
    to: Sequence[str] = (),
    also: Sequence[Path] = (),
    progress: Callable[[str], None] | None = None,
) -> ForgottenPerson:
    """Forget the person with this id, address or name.

    ``to`` are targets of scores beyond the project's own and those in files that its runs wrote to, ``also`` files of saved rows (Parquet, CSV, or folders of
    them) with a column ``lead_id``. A run that was killed is completed first, whoever it was about. Raises ``UsageError`` for somebody who
    is not known.
    """
    project, removed, notes, failed = file.project.name, list[Removal](), list[str](), list[str]()
    writable_state()
    say = progress or (lambda text: None)
    with one_at_a_time("forget"):
        if (before := unfinished(project)) is not None:
            say("completing what a run before began")
            add_forgotten(project, before.ids)
            removed += _everywhere(file, before, to, also, failed)
            notes.append("a run before was killed; what it began is done")
            if failed:
                return _result(before, removed, failed, notes, file)
            Person.done(project)
        person = _person(file, asked, before, notes)
        if person is None:
            assert before is not None
            return _result(before, removed, failed, notes, file)
        person.save(project)
        add_forgotten(project, person.ids)
        say("removing")
        removed += _everywhere(file, person, to, also, failed)
        if not failed:
            Person.done(project)
    return _result(person, removed, failed, notes, file)


def _person(file: ProjectFile, asked: str, before: Person | None, notes: list[str]) -> Person | None:
    """Who is meant; ``None`` where it is who was completed just now."""
    if before is not None and asked in (*before.ids, *before.words):
        return None
    forgotten = Forgotten.of(file.project.name)
    if forgotten.holds(asked):
        notes.append("this id was forgotten before; all stores are looked through once more, by the id alone")
        return Person((asked,))
    try:
        return find_person(file, asked)
    except UsageError as error:
        raise UsageError(
            "no lead is known by this",
            value=asked,
            known=error.nearest,
            why="whom nobody knows cannot be found in the stores either",
            fix="give the id as data.leads has it; who was forgotten by address is known by id alone",
        ) from None


def _everywhere(
    file: ProjectFile, person: Person, to: Sequence[str], also: Sequence[Path], failed: list[str]
) -> list[Removal]:
    """Remove from one place after the other; a place that cannot be reached keeps no other from being done."""
    removed: list[Removal] = []
    for target in targets_of(file, to):
        with _noting(failed):
            removed += forget_in_target(target, file.project.scores.table, person.ids)
    for path in _files(also):
        with _noting(failed):
            count = forget_in_file(path, person.ids)
            removed += [Removal(str(path), "rows removed", count)] if count else []
    with _noting(failed):
        removed += list(forget_in_state(file.project.name, person))
    return removed


class _noting:
    """Notes an error of Leadlens, and goes on."""

    def __init__(self, failed: list[str]) -> None:
        self.failed = failed

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, LeadlensError):
            self.failed.append(str(error))
            return True
        return False


def targets_of(file: ProjectFile, to: Sequence[str]) -> list[str]:
    """The project's target, those that were named, and the files that its runs were written to."""
    written = (
        record.target
        for record in RunStore(state_folder() / "runs").records()
        if record.project == file.project.name and record.target and _is_file(record.target)
    )
    return list(dict.fromkeys((target_of(file, None), *(target_of(file, each) for each in to), *written)))


def _out_of_sight(file: ProjectFile) -> list[str]:
    """Files of earlier runs that are not looked into: relative ones that are not here, and workbooks.

    A workbook goes as a whole, and one of the same name here may be another's: it is for whoever asks to name it.
    """
    unseen = []
    for record in RunStore(state_folder() / "runs").records():
        target = record.target or ""
        path = Path(target.removeprefix("duckdb:///"))
        here, workbook = path.exists(), path.suffix == ".xlsx"
        left = (workbook and here) or (not here and not path.is_absolute())
        if record.project == file.project.name and (workbook or _is_file(target)) and left:
            unseen.append(str(path))
    return list(dict.fromkeys(unseen))


def _is_file(target: str) -> bool:
    return target.startswith("duckdb:///") or target.endswith((".parquet", ".csv"))


def _files(also: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in also:
        if path.is_dir():
            found += sorted((*path.rglob("*.parquet"), *path.rglob("*.csv")))
        elif path.exists():
            found.append(path)
        else:
            raise UsageError("there is no such file", value=str(path), where="--also")
    return found


def _result(
    person: Person, removed: list[Removal], failed: list[str], notes: list[str], file: ProjectFile
) -> ForgottenPerson:
    left = [] if failed else left_in_state(person)
    beyond = [
        "the sources: "
        + ", ".join(address for _, source in file.project.data.every_place() for address in source.reads)
        + "; they are only read, and the person's rows are left out from now on",
        "models that were trained before: they hold no rows, but learned from them; train again",
        "files that you wrote elsewhere (--out, downloads, exports of the page): name tables by --also",
        "the CRM, mail programs and backups of any of these",
    ]
    if any("postgresql" in target for target in targets_of(file, ())):
        beyond.append("PostgreSQL's log of changes and its backups, until they are rotated")
    if elsewhere := _out_of_sight(file):
        beyond.append(
            "scores that were written to "
            + ", ".join(elsewhere)
            + ", named from the folder that `score` ran in, and not looked into: run "
            "this there once more, or name them by --to"
        )
    if left:
        beyond.append("files of the state folder that mention the person all the same: " + ", ".join(left))
    return ForgottenPerson(person.ids, tuple(removed), tuple(beyond), tuple(failed), tuple(notes))

"""`leadlens forget`: remove a person from every store that Leadlens writes, and keep them from coming back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.features.errors import LeadlensError, UnavailableError
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.elsewhere import written_elsewhere
from leadlens.pipeline.forgetting.outside import (
    LeftToOwner,
    forget_in_named,
    forget_in_pulled,
    forget_in_written,
)
from leadlens.pipeline.forgetting.person import Person, unfinished
from leadlens.pipeline.forgetting.removal import Removal
from leadlens.pipeline.forgetting.score_targets import forget_in_target
from leadlens.pipeline.forgetting.state_files import WAIT_SECONDS, forget_in_state, left_in_state
from leadlens.pipeline.jobs.places import places_beyond, pulled_folders, targets_of
from leadlens.pipeline.jobs.sought_person import find_person
from leadlens.pipeline.prepared import merged_into
from leadlens.pipeline.private import private_files
from leadlens.pipeline.sources.forgotten import Forgotten, add_forgotten
from leadlens.pipeline.state import one_at_a_time, work_has_ended, writable_state


@dataclass(frozen=True)
class ForgottenPerson:
    """What was removed of a person, and what was not.

    Attributes
    ----------
    left : files that still have them and are not ours to take away; each says what to do.
    beyond : places that nothing is known of, and how to go on there.
    failed : what could not be reached, to be tried again.
    """

    lead_ids: tuple[str, ...]
    removed: tuple[Removal, ...] = ()
    left: tuple[LeftToOwner, ...] = ()
    beyond: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "lead_ids": list(self.lead_ids),
            "removed": [removal._asdict() for removal in self.removed],
            "left_to_you": [str(each) for each in self.left],
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

    ``to`` are targets of scores beyond the project's own and those in files that its runs wrote to, ``also`` files that nothing is known of, or
    folders of them: rows of tables (Parquet, CSV) are removed, other files that mention the person are named. A run that was killed is completed
    first, whoever it was about. Raises ``UsageError`` for somebody who is not known.
    """
    project, notes, named = file.project.name, list[str](), _existing(also)
    targets_of(file, to)  # a wrong one is said before anything is removed
    writable_state()
    say = progress or (lambda text: None)
    with one_at_a_time("forget"):
        if (before := unfinished(project)) is not None:
            say("completing what an earlier run began")
            add_forgotten(project, before.ids)
            done = _everywhere(file, before, to, named)
            notes.append("an earlier run was killed; what it began is now complete")
            if done.failed:
                return _result(before, done, notes, file)
            Person.done(project)
        else:
            done = _Done()
        person = _person(file, asked, before, notes)
        if person is None:
            assert before is not None
            return _result(before, done, notes, file)
        person.save(project)
        add_forgotten(project, person.ids)
        say("removing")
        done = done.then(_everywhere(file, person, to, named))
        if not done.failed:
            Person.done(project)
    return _result(person, done, notes, file)


@dataclass
class _Done:
    """What became of each place."""

    removed: list[Removal] = field(default_factory=list)
    left: list[LeftToOwner] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def then(self, after: _Done) -> _Done:
        return _Done(self.removed + after.removed, self.left + after.left, self.failed + after.failed)

    def add(self, results: Callable[[], Iterable[Removal | LeftToOwner]]) -> None:
        """What one place gives; an error in it keeps no other from being looked into."""
        try:
            for result in results():
                if isinstance(result, Removal):
                    self.removed.append(result)
                else:
                    self.left.append(result)
        except (LeadlensError, OSError) as error:
            self.failed.append(str(error))


def _person(file: ProjectFile, asked: str, before: Person | None, notes: list[str]) -> Person | None:
    """Who is meant; ``None`` where it is who was completed just now."""
    if before is not None and asked in (*before.ids, *before.words):
        return None
    forgotten = Forgotten.of(file.project.name)
    if forgotten.holds(asked):
        notes.append("this id was forgotten before; all stores are searched once more, by the id only")
        return Person((asked,))
    if (survivor := merged_into(file, asked)) is not None:
        raise UsageError(
            "this id was merged into another lead, with which it would be removed",
            value=asked,
            why="what is removed cannot be brought back, so nobody is removed under another id than the one that was given",
            fix=f"to remove them with all their old ids, name the lead: {survivor}",
        )
    try:
        return find_person(file, asked)
    except UsageError as error:
        raise UsageError(
            "no lead is known under this id, address or name",
            value=asked,
            known=error.nearest,
            why="a lead that is not known cannot be found in the stores either",
            fix="give the id as data.leads has it; a lead that was forgotten by address is known only by its id",
        ) from None


def _everywhere(file: ProjectFile, person: Person, to: Sequence[str], also: Sequence[Path]) -> _Done:
    """Remove from one place after the other."""
    done, project = _Done(), file.project.name
    # Who began before the person was forgotten may be about to write them.
    done.add(lambda: _wait(project))
    for target in targets_of(file, to):
        done.add(partial(forget_in_target, target, file.project.scores.table, person.ids, project=project))
    for written in written_elsewhere(project):
        if not written.database:
            done.add(partial(forget_in_written, written, person))
    for folder in pulled_folders(file):
        done.add(partial(forget_in_pulled, folder, person))
    for path in also:
        done.add(partial(forget_in_named, path, person))
    done.add(lambda: forget_in_state(project, person))
    return done


def _wait(project: str) -> Iterable[Removal]:
    if not work_has_ended(project, WAIT_SECONDS):
        raise UnavailableError(
            "a command that started earlier is still working on this project",
            value=project,
            why="it may write data of the person again",
            fix="run this again when it has ended; what was removed stays removed",
        )
    return ()


def _existing(also: Sequence[Path]) -> list[Path]:
    for path in also:
        if not path.exists():
            raise UsageError("there is no such file", value=str(path), where="--also")
    return list(also)


def _result(person: Person, done: _Done, notes: list[str], file: ProjectFile) -> ForgottenPerson:
    mentioned = [] if done.failed else left_in_state(file.project.name, person)
    beyond = [
        "the sources: "
        + ", ".join(address for _, source in file.project.data.every_place() for address in source.reads)
        + "; they are only read, and the person's rows are left out from now on",
        "models that were trained before: they hold no rows, but learned from them; train again (until then `compare` may "
        "refuse to judge one, since with fewer rows the split by time may fall into its training period)",
        "copies of what commands wrote, downloads and exports of the page: name them by --also",
        *places_beyond(file),
        "mail programs and backups of any of these",
    ]
    if mentioned:
        beyond.append("files of the state folder that still mention the person: " + ", ".join(mentioned))
    return ForgottenPerson(
        person.ids, tuple(done.removed), tuple(done.left), tuple(beyond), tuple(done.failed), tuple(notes)
    )

"""Plan an update of the prepared events, source by source: which files stay as they are, which are read, which are gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from leadlens.features import DataError
from leadlens.pipeline.prepared.identity import same_contents
from leadlens.pipeline.prepared.manifest import EventSource, FileMark, StoredFile
from leadlens.pipeline.prepared.sources import EventReader, NewSource
from leadlens.pipeline.sources.reading import runs_there


@dataclass
class Plan:
    """Files that stay as they are, that are read, and numbers of those whose rows go."""

    kept: list[EventSource] = field(default_factory=list)
    new: list[NewSource] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    def add(self, other: Plan) -> None:
        """What is planned for another source."""
        self.kept += other.kept
        self.new += other.new
        self.gone += other.gone


@dataclass(frozen=True)
class Change:
    """What became of the files of events: those there were, and those of before and of now that are not the same."""

    before: tuple[StoredFile, ...]
    gone: tuple[StoredFile, ...]
    came: tuple[StoredFile, ...]

    @staticmethod
    def between(before: Sequence[StoredFile], now: Sequence[StoredFile]) -> Change:
        """Of the files of two versions."""
        old, new = set(before), set(now)
        return Change(
            tuple(before),
            tuple(file for file in before if file not in new),
            tuple(file for file in now if file not in old),
        )


class SourcePlan:
    """Plans for one source of the events; ``marks`` are those of its files now, ``old_marks`` those of before."""

    def __init__(
        self, reader: EventReader, marks: tuple[FileMark, ...] | None, old_marks: tuple[FileMark, ...]
    ) -> None:
        self.reader, self.marks, self.old_marks = reader, marks, old_marks

    @property
    def file_by_file(self) -> bool:
        """Whether a file that was read before can be read again without the others."""
        return self.reader.one_by_one and self.reader.source.cursor is None

    def of(self, old: Sequence[EventSource]) -> Plan:
        """What is to be done; ``old`` are files of all sources as they were read before."""
        own = [source for source in old if source.place == self.reader.place]
        if not self.reader.one_by_one:
            return self._whole(own)
        return self._growing(own) if self.reader.source.cursor is not None else self._files(own)

    def again(self, sources: Iterable[EventSource]) -> list[NewSource]:
        """Those of some files that are of this source, read again."""
        own = [source.mark for source in sources if source.place == self.reader.place and source.mark]
        return self.reader.read(own)

    def every_row(self, plan: Plan) -> list[NewSource]:
        """All rows of this source as new ones, those of before among them; of files nothing else is found out."""
        kept = [source for source in plan.kept if source.place == self.reader.place]
        new = [source for source in plan.new if source.place == self.reader.place]
        if not kept:
            return new
        if not self.reader.one_by_one:
            return self.reader.whole()
        marks = {source.mark.path: source.mark for source in kept if source.mark}
        growing = self.reader.source.cursor is not None  # the one file is read from its beginning
        return self.reader.read(marks.values(), rows_only=True) + ([] if growing else new)

    def _files(self, old: Sequence[EventSource]) -> Plan:
        plan, left = Plan(), {source.number: source for source in old}
        assert self.marks is not None
        by_path = {source.mark.path: source for source in old if source.mark}
        waiting, unknown = [], []
        for mark in self.marks:
            source = by_path.get(mark.path)
            if source is not None and source.mark is not None and source.mark.same_content(mark):
                plan.kept.append(source.model_copy(update={"mark": mark}))
                del left[source.number]
            else:
                waiting.append(mark)
        by_content: dict[object, list[EventSource]] = {}
        for source in left.values():
            if source.mark:
                by_content.setdefault(source.mark.content, []).append(source)
        for mark in waiting:  # a file that only has another name now is known by its content
            if same := by_content.get(mark.content):
                known = same.pop(0)
                plan.kept.append(known.model_copy(update={"mark": mark}))
                del left[known.number]
            else:
                unknown.append(mark)
        plan.new = self.reader.read(unknown)
        plan.gone = list(left)
        return plan

    def _growing(self, old: Sequence[EventSource]) -> Plan:
        assert self.marks is not None
        if len(self.marks) != 1:
            raise DataError(
                "cursor is for a single file or a database, and these are several files",
                value=len(self.marks),
                where=f"{self.reader.where}.cursor",
                fix="leave `cursor` out: of several files only the new and changed ones are read anyway",
            )
        mark = self.marks[0]
        if old and old[-1].mark is not None and old[-1].mark.same_content(mark):
            return Plan(kept=[source.model_copy(update={"mark": mark}) for source in old])
        new = self.reader.read([mark])[0]
        if not old or old[-1].cursor is None:
            return Plan(new=[self.reader.with_cursor(new)], gone=[source.number for source in old])
        more = self.reader.beyond(new, old[-1].cursor)
        kept = [source.model_copy(update={"mark": mark}) for source in old]
        return Plan(kept=kept, new=[more])

    def _whole(self, old: Sequence[EventSource]) -> Plan:
        kept = list(old)
        after = old[-1].cursor if old else None
        if old and self.marks is not None and same_contents(self.marks, self.old_marks):
            return Plan(kept=kept)
        new = self.reader.whole(after)
        if after is not None:
            if not runs_there(self.reader.source, self.reader.where):  # a file gives all of its rows
                new = [self.reader.beyond(part, after) for part in new]
            return Plan(kept=kept, new=[part for part in new if part.rows])
        if old and same_contents(_marks(old), _marks(new)):
            return Plan(kept=kept)
        return Plan(new=new, gone=[source.number for source in old])


def _marks(sources: Iterable[EventSource | NewSource]) -> list[FileMark]:
    return [source.mark for source in sources if source.mark is not None]

"""Many small worlds in one project: each has leads, events and files of its own, and its own nights.

Opening a history costs about as much for forty leads as for four, so that a crowd tries many more nights in the same
time. What the worlds share is what belongs to the project: its settings, the form of its tables and their columns' names.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.laws.nights.files import Row, SourceFile, SourceTable
from tests.laws.nights.plain_reading import PlainHistory, RefusedError, Tables, read_plainly
from tests.laws.nights.world import World

_GROUPS = 3  # files of each table that is read as a whole
# A lead that vanishes or is another one's makes everything be read anew, of all members: on calm nights none does.
_STIRRING = ("_vanish", "_more", "_widen")
_CALM = 0.6
_IDS = ("lead_id", "account_id", "old_id", "event_id", "id")


@dataclass(frozen=True)
class _View:
    """A world as the plain reading sees it."""

    tables: Mapping[str, SourceTable]
    settings: dict[str, Any]
    flat: bool


class Member(World):
    """One world of a crowd. Its ids get the ``tag`` of the world only in the files, where they are told from others'."""

    def __init__(self, seed: str, shared: World, tag: str, without: frozenset[str]) -> None:
        self.rng, self.without, self.tag = Random(seed), without, tag
        self.calm = False  # whether nothing may happen for which all is read anew
        self.log: list[str] = []
        self.made = 0
        self.ids, self.flat, self.lacking = shared.ids, shared.flat, shared.lacking
        self.settings = shared.settings
        self.tables = {
            name: SourceTable(name, source.form, names=source.names, groups=source.groups)
            for name, source in shared.tables.items()
        }
        self.width = shared.width
        self._start()
        self.before = copy.deepcopy(self.tables)

    def _reset(self) -> None:
        """Settings are those of the crowd."""

    def _happen(self, name: str) -> None:
        super()._happen("_append" if self.calm and name in _STIRRING else name)

    def _some_file(self) -> tuple[str, SourceFile]:
        if not self.calm:
            return super()._some_file()
        return "events", self.rng.choice(list(self.tables["events"].files.values()))

    def view(self) -> _View:
        """What it puts into the files."""
        self._keep_kinds()
        tables = {
            name: replace(source, files={key: self._tagged(file) for key, file in source.files.items()})
            for name, source in self.tables.items()
        }
        return _View(tables, self.settings, self.flat)

    def take_back(self) -> None:
        """Undo the night, before it is in any file."""
        self.log.append("taken back")
        self.tables = copy.deepcopy(self.before)

    def _tagged(self, file: SourceFile) -> SourceFile:
        return replace(file, rows=[self._tagged_row(row) for row in file.rows])

    def _tagged_row(self, row: Row) -> Row:
        return row | {name: self._tag(row[name]) for name in _IDS if name in row}

    def _tag(self, value: str | None) -> str | None:
        """The id with the tag behind it; spaces around it stay."""
        if value is None:
            return None
        bare = value.rstrip()
        return f"{bare}{self.tag}{value[len(bare) :]}"


@dataclass
class _Night:
    """The plain readings of all members."""

    plain: dict[str, PlainHistory] = field(default_factory=dict)
    refused: str = ""


class Crowd(World):
    """Up to a hundred members in one project; ``only`` names the tags of those that are in it."""

    def __init__(
        self, seed: int, size: int, without: frozenset[str] = frozenset(), only: frozenset[str] | None = None
    ) -> None:
        super().__init__(seed, without)
        self.shared = Random(f"crowd {seed}")
        members = [
            Member(f"{seed} {number}", self, f"{number:02}", without)
            for number in range(size)
            if only is None or f"{number:02}" in only
        ]
        self.night_of = _Night()
        self.members = [member for member in members if self._reads(member)]
        self.spots: dict[str, dict[str, SourceFile]] = {}
        self._gather()

    @property
    def tags(self) -> frozenset[str]:
        """Of its members."""
        return frozenset(member.tag for member in self.members)

    def night(self) -> None:
        """Another night of each member; what alone would be refused is taken back, but of one member now and then."""
        self.log.append("night")
        self._reset_settings()
        self.night_of = _Night()
        bad = self.shared.random() < 0.1
        calm = self.shared.random() < _CALM
        for member in self.members:
            member.calm = calm
            member.night()
            if self._reads(member):
                continue
            if bad and not self.night_of.refused and "no lead" not in self.why:
                self.night_of.refused = self.why
                continue
            member.take_back()
            assert self._reads(member), "it was read the night before"
        self._gather()

    def mend(self) -> None:
        """Take back the night of all."""
        self.log.append("refused, mended")
        self.night_of = _Night()
        for member in self.members:
            member.mend()
            assert self._reads(member), "it was read the night before"
        self._gather()

    def write(self, folder: Path) -> Path:
        """Bring the files in ``folder`` to this night."""
        path = super().write(folder)
        for member in self.members:
            for key, file in member.tables["events"].files.items():
                written = self.tables["events"].files[f"{key}-{member.tag}"]
                file.on_disk, file.written = written.on_disk, written.written
        return path

    def plain(self) -> PlainHistory:
        """The plain readings of all members together. Raises ``RefusedError``."""
        if self.night_of.refused:
            raise RefusedError(self.night_of.refused)
        plain = list(self.night_of.plain.values())
        opens = [
            row for each in plain for row in each.tables["events"] if row["event_type"] == "email_opened"
        ]
        if opens:
            first = min(opens, key=lambda row: row["known_at"]) | {"lead_id": "of another"}
            plain = [read_plainly(member.view(), first) for member in self.members]
        together: Tables = {
            name: [row for each in plain for row in each.tables[name]] for name in plain[0].tables
        }
        members = tuple(each.tables for each in plain)
        return PlainHistory(together, max(each.data_end for each in plain), members)

    def _reads(self, member: Member) -> bool:
        try:
            self.night_of.plain[member.tag] = read_plainly(member.view())
        except RefusedError as error:
            self.why = str(error)
            return False
        return True

    def _reset_settings(self) -> None:
        """Now and then other settings, unless they leave a member without any lead."""
        if self.shared.random() > 0.15 or "_reset" in self.without:
            return
        before, drawn = self.settings, self._draw_settings()
        self._settle(drawn)
        if all(self._reads(member) for member in self.members):
            self.log.append("reset")
        else:
            self._settle(before)

    def _settle(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        for member in self.members:
            member.settings = settings

    def _keep_kinds(self) -> None:
        """Every member has done so."""

    def _gather(self) -> None:
        """Each file of events as it is; of the other tables the members' rows in a few files."""
        views = {member.tag: member.view() for member in self.members}
        for name, source in self.tables.items():
            if name == "events":
                source.files = {
                    f"{key}-{tag}": file
                    for tag, view in views.items()
                    for key, file in view.tables[name].files.items()
                }
                continue
            spots = self.spots.setdefault(name, {})
            for spot in spots.values():
                spot.rows = []
            for place, view in enumerate(views.values()):
                for file in view.tables[name].files.values():
                    spot = spots.setdefault(
                        f"g{place % _GROUPS}", replace(file, rows=[], on_disk=None, written=None)
                    )
                    spot.rows += file.rows
            source.files = spots

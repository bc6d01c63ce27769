"""A project whose sources change from night to night, all drawn from a seed: equal seeds give equal nights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.laws.nights import rows as draw
from tests.laws.nights.files import COLUMNS, Form, Row, SourceFile, SourceTable

_PROPERTIES = ("page", "amount", "paid", "due", "campaign", "code")
_OPTIONAL = ("event_id", "known_at", "retracted_at")
_OTHERWISE = {"lead_id": "who", "occurred_at": "at", "event_type": "type", "page": "url", "paid": "Lead_Paid"}
_RENAMED = {"lead_id": "customer", "occurred_at": "when it was", "created_at": "since", "event_type": "what"}


class World:
    """The sources of a project on some night.

    ``without`` names nuisances (methods of this class that begin with an underscore) that never happen: by leaving
    out one after the other, a failure is brought down to what causes it. ``log`` tells what happened.
    """

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        self.rng = rng = Random(seed)
        self.without = without
        self.log: list[str] = []
        self.made = 0  # numbers files and events
        self.ids = draw.NUMBERS if rng.random() < 0.25 else draw.NAMES
        self.flat = rng.random() < 0.1
        tables = ["leads", "events"] + ([] if self.flat else ["conversions"])
        tables += [
            name
            for name, share in (
                ("accounts", 0.5),
                ("changes", 0.5),
                ("aliases", 0.4),
                ("verdicts", 0.3),
                ("answers", 0.2),
            )
            if rng.random() < share
        ]
        self.tables = {
            name: SourceTable(name, "duckdb" if rng.random() < 0.06 else rng.choice(("csv", "parquet")))
            for name in tables
        }
        if rng.random() < 0.3:
            for source in self.tables.values():
                source.names = {name: new for name, new in _RENAMED.items() if name in COLUMNS[source.table]}
        self._draw_groups(seed)
        # A contract column that no file has, and how many properties the first files have.
        self.lacking = {name for name in _OPTIONAL if rng.random() < 0.15}
        self.width = rng.randint(1, len(_PROPERTIES))
        self.settings = self._draw_settings()
        self._start()
        self.before = copy.deepcopy(self.tables)

    def _draw_groups(self, seed: int) -> None:
        """Several sources of events, each with names and perhaps a form of its own."""
        rng, events = Random(f"several {seed}"), self.tables["events"]
        if events.form == "duckdb" or rng.random() < 0.6:
            return
        other: Form = "csv" if events.form == "parquet" else "parquet"
        events.groups = {
            "a": (events.form, events.names),
            "b": (rng.choice((events.form, other)), {} if events.names else dict(_OTHERWISE)),
            "c": (events.form, {"page": "Seite", "amount": "Betrag", "event_id": "Nr."}),
        }

    # settings

    def _draw_settings(self) -> dict[str, Any]:
        rng = self.rng
        hygiene: dict[str, Any] = {
            "bots": {"mode": rng.choice(("report", "filter", "feature", "off")), "burst": 3},
            "test_leads": rng.choice(("report", "filter", "off")),
        }
        if rng.random() < 0.3:
            hygiene["exclude_leads"] = rng.choice(("city = 'Nowhere'", "keen AND city IS NOT NULL"))
        if rng.random() < 0.2:
            hygiene["internal_domains"] = ["ours.com"]
        settings: dict[str, Any] = {"name": "nights", "hygiene": hygiene, "where": None, "missing": []}
        if rng.random() < 0.3:
            settings["where"] = rng.choice(("event_type <> 'noise'", "page = 'Pricing' OR page IS NULL"))
        if rng.random() < 0.4:
            settings["missing"] = [draw.NO_VALUE, *(["-1"] if rng.random() < 0.5 else [])]
        settings["hide"] = rng.random() < 0.3
        settings["query"] = rng.random() < 0.1
        return settings

    def project(self) -> dict[str, Any]:
        """The project file."""
        data: dict[str, Any] = {}
        for name, source in self.tables.items():
            data[name] = source.read
        for number, events in enumerate(data["events"]):
            if self.settings["where"]:
                events["where"] = self.settings["where"]
            if self.settings["query"] and self.tables["events"].form != "duckdb" and number != 1:
                events["query"] = "SELECT * FROM source WHERE TRUE"
        for name in ("leads", "events"):
            for source in data[name]:
                if self.settings["missing"]:
                    source["missing"] = self.settings["missing"]
        return {
            "name": "nights",
            "data": data,
            "outcome": {"column": "won", "horizon": "10d"} if self.flat else {"horizon": "10d"},
            "known_after": ["secret"] if self.settings["hide"] else [],
            "hygiene": self.settings["hygiene"],
        }

    def write(self, folder: Path) -> Path:
        """Bring the files in ``folder`` to this night; returns the path of the project file."""
        (folder / "data").mkdir(parents=True, exist_ok=True)
        self._keep_kinds()
        for source in self.tables.values():
            source.write(folder / "data")
        path = folder / "project.yaml"
        path.write_text(yaml.safe_dump(self.project(), allow_unicode=True), encoding="utf-8")
        return path

    def _keep_kinds(self) -> None:
        """An attribute without any value has no kind, and conditions on it would be refused: the first lead has all."""
        first = next((file.rows[0] for file in self.tables["leads"].files.values() if file.rows), None)
        if first is not None:
            for name, value in {"income": 3.0, "keen": True, "email": "a@gmail.com", "city": "Bern"}.items():
                first[name] = value if first[name] is None else first[name]

    # the first night

    def _start(self) -> None:
        rng = self.rng
        leads = [draw.lead(rng, lead_id) for lead_id in self.ids[: rng.randint(2, 5)]]
        self._add_file("leads", leads)
        for _ in range(rng.randint(1, 3)):
            self._append()
        more: dict[str, Callable[[], list[Row]]] = {
            "accounts": lambda: [draw.account(rng, "x"), draw.account(rng, "y"), draw.account(rng, "z")],
            "conversions": lambda: [draw.conversion(rng, self.ids[:4]) for _ in range(rng.randint(0, 3))],
            "changes": lambda: [draw.change(rng, self.ids[:4]) for _ in range(rng.randint(0, 5))],
            "aliases": lambda: [draw.alias(rng, self.ids[-1], self.ids[0])],
            "verdicts": lambda: [draw.verdict(rng, self.ids[:4]) for _ in range(rng.randint(0, 4))],
            "answers": lambda: [draw.answer(rng, self.ids[:4]) for _ in range(rng.randint(0, 3))],
        }
        for table, make in more.items():
            if table in self.tables:
                self._add_file(table, make())
        self.log = ["first night"]

    def _add_file(self, table: str, rows: list[Row]) -> SourceFile:
        columns = tuple(COLUMNS[table])
        if table == "events":
            properties = _PROPERTIES[: self.width]
            columns = tuple(
                name
                for name in columns
                if name not in self.lacking and (name not in _PROPERTIES or name in properties)
            )
        self.made += 1
        file = SourceFile([], columns, zone=self.rng.random() < 0.15, whole=self.rng.random() < 0.4)
        file.rows = [file.fit(row) for row in rows]
        # New files stand behind, before or between the others.
        self.tables[table].files[f"{self.rng.choice('aabc')}{self.made:03}"] = file
        return file

    # the nights after

    def night(self) -> None:
        """Another night: mostly a file more, and up to three other things."""
        self.log.append("night")
        self.before = copy.deepcopy(self.tables)
        if self.rng.random() < 0.8:
            self._happen("_append")
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3))):
            self._happen(self.rng.choice(NUISANCES))

    def mend(self) -> None:
        """Take the night back: its data were refused. Every file is written again."""
        self.log.append("refused, mended")
        self.tables = copy.deepcopy(self.before)
        for source in self.tables.values():
            for file in source.files.values():
                file.on_disk = file.written = None

    def _happen(self, name: str) -> None:
        state = self.rng.getstate()
        if name not in self.without:
            self.log.append(name.strip("_"))
            getattr(self, name)()
        # What happens next does not depend on whether this was left out.
        self.rng.setstate(state)
        self.rng.random()
        self.rng = Random(self.rng.getrandbits(64))

    def _event_ids(self, count: int) -> list[str | None]:
        """New ones, known ones (of another event), and none."""
        ids: list[str | None] = []
        for _ in range(count):
            self.made += 1
            known = self.rng.randint(1, self.made)
            ids.append(
                self.rng.choice((f"e{self.made}", f"e{self.made}", f"e{self.made}", f"e{known}", None))
            )
        return ids

    def _append(self) -> None:
        """A new file of events: new and old ones, some of them in the files already, some of leads to come."""
        rng, known = self.rng, self.tables["events"].rows
        created = [row["created_at"] for row in self.tables["leads"].rows if row["created_at"]]
        ids = self.ids if rng.random() < 0.5 else self.ids[:4]
        rows = [draw.event(rng, event_id, ids, created) for event_id in self._event_ids(rng.randint(0, 9))]
        repeated = [dict(rng.choice(known)) for _ in range(rng.choice((0, 0, 1, 3))) if known]
        rows += repeated + [dict(row) for row in rng.sample(rows, min(len(rows), rng.choice((0, 0, 1))))]
        rng.shuffle(rows)
        self._add_file("events", rows)

    def _burst(self) -> None:
        """A file of clicks within seconds."""
        ids = [f"b{self.made}-{number}" for number in range(self.rng.randint(3, 5))]
        self._add_file("events", draw.burst(self.rng, ids, self.rng.choice(self.ids[:3])))

    def _edit(self) -> None:
        """Rows of one file are changed, taken out or put in; or only their order changes."""
        table, file = self._some_file()
        rows = file.rows
        if self.rng.random() < 0.3:
            self.rng.shuffle(rows)
        for _ in range(self.rng.randint(0, 2)):
            if not rows:
                break
            place = self.rng.randrange(len(rows))
            if self.rng.random() < 0.4 and table != "leads":
                del rows[place]
                continue
            other = self._row_of(table, rows[place])
            names = [name for name in file.columns if self.rng.random() < 0.4 and name in other]
            rows[place] = rows[place] | {name: other[name] for name in names}

    def _row_of(self, table: str, row: Row) -> Row:
        """Another row with the same key."""
        make: dict[str, Callable[[], Row]] = {
            "leads": lambda: draw.lead(self.rng, row["lead_id"]),
            "accounts": lambda: draw.account(self.rng, row["account_id"]),
            "events": lambda: draw.event(self.rng, row.get("event_id"), self.ids, ()),
            "conversions": lambda: draw.conversion(self.rng, self.ids),
            "changes": lambda: draw.change(self.rng, self.ids),
            "aliases": lambda: draw.alias(self.rng, row["old_id"], self.rng.choice(self.ids)),
            "verdicts": lambda: draw.verdict(self.rng, self.ids),
            "answers": lambda: draw.answer(self.rng, self.ids),
        }
        return make[table]()

    def _delete(self) -> None:
        """A file of events is gone."""
        files = self.tables["events"].files
        if len(files) > 1:
            del files[self.rng.choice(list(files))]

    def _rename(self) -> None:
        """A file has another name, and perhaps another place among the others; or two have swapped theirs."""
        files = self.tables["events"].files
        name = self.rng.choice(list(files))
        if self.rng.random() < 0.4 and len(files) > 1:
            other = self.rng.choice([each for each in files if each != name])
            files[name], files[other] = files[other], files[name]
        else:
            self.made += 1
            files[f"{self.rng.choice('abc')}{self.made:03}r"] = files.pop(name)

    def _split(self) -> None:
        """The rows of one file are moved in part to a new one: nothing else changes."""
        file = self.rng.choice(list(self.tables["events"].files.values()))
        cut = len(file.rows) // 2
        rows, file.rows = file.rows[cut:], file.rows[:cut]
        self.made += 1
        new = SourceFile(rows, file.columns, file.zone, file.whole)
        self.tables["events"].files[f"c{self.made:03}"] = new

    def _touch(self) -> None:
        """A file is written again as it was."""
        self._some_file()[1].written = None

    def _restore(self) -> None:
        """A file comes back from a backup: other rows, and a time of writing before the last."""
        table, file = self._some_file()
        self.made += 1
        file.age, file.written = self.made, None
        if file.rows and table == "events":
            place = self.rng.randrange(len(file.rows))
            file.rows[place] = file.rows[place] | file.fit(
                {**file.rows[place], "page": self.rng.choice(draw.PAGES)}
            )

    def _widen(self) -> None:
        """Later files have more properties."""
        self.width = min(len(_PROPERTIES), self.width + 2)
        self._append()

    def _newcomer(self) -> None:
        """Leads that were unknown until now, with what they did before."""
        known = {row["lead_id"] for row in self.tables["leads"].rows}
        new = [lead_id for lead_id in self.ids if lead_id not in known]
        if new:
            self._add_file("leads", [draw.lead(self.rng, self.rng.choice(new))])

    def _vanish(self) -> None:
        """A lead is no longer in leads."""
        files = self.tables["leads"].files.values()
        if sum(len(file.rows) for file in files) > 1:
            file = self.rng.choice([file for file in files if file.rows])
            del file.rows[self.rng.randrange(len(file.rows))]

    def _twice(self) -> None:
        """A lead is in leads twice: alike is once, else the data are refused until a later edit."""
        rows = self.tables["leads"].rows
        row = self.rng.choice(rows)
        if self.rng.random() < 0.2:
            row = {**row, "income": 77.0}
        self._add_file("leads", [row])

    def _more(self) -> None:
        """Rows for one of the other tables."""
        tables = [name for name in self.tables if name not in ("leads", "events")]
        if not tables:
            return
        table = self.rng.choice(tables)
        if table == "aliases" and self.rng.random() < 0.9:  # else old ids that became two leads, or cycles
            merged = {row["old_id"] for row in self.tables[table].rows}
            old = [place for place in range(1, len(self.ids)) if self.ids[place] not in merged]
            if old:
                place = self.rng.choice(old)
                self._add_file(
                    table, [draw.alias(self.rng, self.ids[place], self.rng.choice(self.ids[:place]))]
                )
            return
        self.made += 1
        keys = {
            "account_id": self.rng.choice(["x", *[f"w{self.made}"] * 9]),
            "old_id": self.rng.choice(self.ids),
        }
        self._add_file(table, [self._row_of(table, dict.fromkeys(COLUMNS[table]) | keys)])

    def _reset(self) -> None:
        """Other settings, over the same data."""
        self.settings = self._draw_settings()

    def _some_file(self) -> tuple[str, SourceFile]:
        table = self.rng.choice([*self.tables, "events", "events", "events"])
        return table, self.rng.choice(list(self.tables[table].files.values()))


NUISANCES = ("_append", "_burst", "_edit", "_edit", "_edit", "_delete", "_rename", "_split", "_touch", "_restore", "_widen",
             "_newcomer", "_newcomer", "_vanish", "_twice", "_more", "_more", "_reset")  # fmt: skip

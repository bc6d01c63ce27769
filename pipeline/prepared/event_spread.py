"""The pass over new events and the merging of runs, spread over workers: a source file to each, then a part of the leads to each.

What workers make is what one machine makes: files of sorted events in the folder of the prepared history. Which keys
stand twice in files of different workers, they find out together; what becomes of their rows is settled here, as ever.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from leadlens.features import DuckDBEngine
from leadlens.pipeline.cluster.workers import Workers
from leadlens.pipeline.prepared.event_layout import Array, Layout
from leadlens.pipeline.prepared.event_pass import EventPass, PassResult
from leadlens.pipeline.prepared.event_scan import EventScan
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import EventRun, StoredFile
from leadlens.pipeline.prepared.repeated_keys import repeated_keys
from leadlens.pipeline.prepared.sorted_files import scan, write_sorted
from leadlens.pipeline.prepared.spread_reading import MEMORY

_TABLES = ("numbers", "created", "event_values", "forgotten_ids")


class SpreadEvents:
    """Does on workers what ``EventPass`` and ``EventFiles`` do here.

    Parameters
    ----------
    engine : has the tables ``numbers``, ``created`` and ``event_values``, and perhaps ``forgotten_ids``.
    folder : of the prepared history, which workers see under the same name.
    """

    def __init__(
        self, workers: Workers, engine: DuckDBEngine, folder: PreparedFolder, layout: Layout
    ) -> None:
        self._workers, self._engine, self._folder, self._layout = workers, engine, folder, layout
        self._shared = workers.folder / f"events-{uuid4().hex[:12]}"
        self._shared.mkdir()

    def read(
        self,
        scans: Sequence[EventScan],
        expressions: Mapping[str, str],
        parts: int,
        first_run: int,
        rows: int,
    ) -> PassResult:
        """As ``EventPass(…).run``: each scan by a worker; runs are numbered anew in the order of the scans."""
        self._hand_over(
            {"expressions": dict(expressions), "parts": parts, "rows": rows, "folder": str(self._folder.path)}
        )
        answers = self._workers.run(
            read_events,
            [
                {"shared": str(self._shared), "numbers": list(scan.numbers), "rows": scan.rows}
                for scan in scans
            ],
        )
        made, next_run = PassResult(), first_run
        for answer in answers:
            self._add(made, answer, next_run)
            next_run += len(answer["runs"])
        made.suspects = [self.repeated_keys(made.files)]
        return made

    def repeated_keys(self, files: Iterable[StoredFile]) -> Array:
        """Every key that stands twice or more in some files."""
        return repeated_keys(self._workers, self._folder, files)

    def merge(self, files: Sequence[StoredFile], run: int) -> list[StoredFile]:
        """The events of some files, sorted into one file a part: each part by a worker."""
        by_part: dict[int, list[StoredFile]] = {}
        for file in files:
            by_part.setdefault(file.part, []).append(file)
        answers = self._workers.run(
            merge_part,
            [
                {
                    "folder": str(self._folder.path),
                    "layout": _plain(self._layout),
                    "files": [file.path for file in some],
                    "run": run,
                }
                for _, some in sorted(by_part.items())
            ],
        )
        return [StoredFile.model_validate(file) for answer in answers for file in answer["files"]]

    def _hand_over(self, task: dict[str, Any]) -> None:
        present = {
            row[0]
            for row in self._engine.connection.execute(
                "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views()"
            ).fetchall()
        }
        for table in _TABLES:
            if table in present:
                path = self._engine.dialect.literal(str(self._shared / f"{table}.parquet"))
                self._engine.connection.execute(f"COPY (SELECT * FROM {table}) TO {path} (FORMAT parquet)")
        text = json.dumps({**task, "layout": _plain(self._layout)})
        (self._shared / "pass.json").write_text(text, encoding="utf-8")

    def _add(self, made: PassResult, answer: dict[str, Any], next_run: int) -> None:
        """Add what a worker made, with runs numbered from ``next_run``."""
        new = {int(run): next_run + place for place, run in enumerate(answer["runs"])}
        files = [StoredFile.model_validate(file) for file in answer["files"]]
        made.files += [file.model_copy(update={"run": new[file.run]}) for file in files]
        made.strangers += [StoredFile.model_validate(file) for file in answer["strangers"]]
        for run, sources in answer["runs"].items():
            made.runs[new[int(run)]] = set(sources)
            facts = EventRun.model_validate(answer["facts"][run])
            made.facts[new[int(run)]] = facts.model_copy(update={"number": new[int(run)]})
        made.rows.update({int(number): count for number, count in answer["rows"].items()})
        for number, tallies in answer["tallies"].items():
            made.tallies.setdefault(int(number), Counter()).update(tallies)
        made.pairs.update({(winner, loser, why): count for winner, loser, why, count in answer["pairs"]})


def read_events(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: read the rows of one scan into sorted files."""
    given = _given(task["shared"])
    engine = given.engine
    events = EventPass(
        engine,
        given.folder,
        given.layout,
        given.plain["parts"],
        0,
        given.plain["rows"],
        finds_repeated=False,
    )
    made = events.run([EventScan(tuple(task["numbers"]), task["rows"])], given.plain["expressions"])
    return {
        "files": [file.model_dump(mode="json") for file in made.files],
        "strangers": [file.model_dump(mode="json") for file in made.strangers],
        "runs": {run: sorted(sources) for run, sources in made.runs.items()},
        "rows": dict(made.rows),
        "tallies": {number: dict(tallies) for number, tallies in made.tallies.items()},
        "pairs": [[*pair, count] for pair, count in made.pairs.items()],
        "facts": {run: facts.model_dump(mode="json") for run, facts in made.facts.items()},
    }


def merge_part(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: sort the events of some files of one part into one."""
    folder = PreparedFolder(Path(task["folder"]))
    with DuckDBEngine(memory=MEMORY, threads=1, spill=folder.path / "spill") as engine:
        paths = [str(folder.path / name) for name in task["files"]]
        layout = _layout(task["layout"])
        columns = ", ".join(map(engine.dialect.quote, layout.columns))
        rows = f"SELECT {columns} FROM {scan(engine, paths)}"
        files = write_sorted(engine, folder, layout, rows, task["run"])
    return {"files": [file.model_dump(mode="json") for file in files]}


class _Given(NamedTuple):
    engine: DuckDBEngine
    folder: PreparedFolder
    layout: Layout
    plain: dict[str, Any]


@lru_cache(maxsize=1)
def _given(shared: str) -> _Given:
    """What all workers were given; a worker process opens it once."""
    place = Path(shared)
    plain = json.loads((place / "pass.json").read_text(encoding="utf-8"))
    folder = PreparedFolder(Path(plain["folder"]))
    engine = DuckDBEngine(memory=MEMORY, threads=1, spill=folder.path / "spill")
    for table in _TABLES:
        path = place / f"{table}.parquet"
        if path.exists():
            rows = f"SELECT * FROM {engine.dialect.parquet(str(path))}"
            engine.connection.execute(f"CREATE TEMP TABLE {table} AS {rows}")
    return _Given(engine, folder, _layout(plain["layout"]), plain)


def _plain(layout: Layout) -> dict[str, Any]:
    return {"properties": dict(layout.properties), "optional": sorted(layout.optional)}


def _layout(plain: dict[str, Any]) -> Layout:
    return Layout(plain["properties"], frozenset(plain["optional"]))

"""A person in the state folder: prepared histories, copies for the page, reports, records, verdicts, artifacts of runs."""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from leadlens.features import DataError
from leadlens.features.errors import UnavailableError
from leadlens.pipeline.forgetting.outside import TEXTS
from leadlens.pipeline.forgetting.person import Person, spellings
from leadlens.pipeline.forgetting.removal import Removal
from leadlens.pipeline.sources.spark_tables import COPIES
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.writeback.unfinished import replacing

WAIT_SECONDS = 60.0
_GONE = "(forgotten)"
_BY_PROJECT = ("prepared", COPIES, "page", "reports", "jobs", "pushed", "serving")


def forget_in_state(project: str, person: Person) -> Iterator[Removal]:
    """Remove a person from all that is kept of a project; each step may be repeated."""
    folder = state_folder()
    yield from _histories(folder / "prepared" / project)
    yield from _tables(folder / COPIES / project)
    yield from _copies(folder / "page" / project)
    yield from _mentioning(folder / "reports" / project, person)
    yield from _mentioning(folder / "jobs" / project, person)
    yield from _artifacts(folder / "mlartifacts", person)
    yield from _records(folder / "runs", person)
    for path in stores(folder, project):
        yield from _sqlite(path, project, person)


def stores(folder: Path, project: str) -> list[Path]:
    """SQLite files of all projects, and of this one."""
    return sorted(
        (*folder.glob("*.sqlite"), *folder.glob(f"*/{project}.sqlite"), *folder.glob(f"*/{project}/*.sqlite"))
    )


def left_in_state(project: str, person: Person) -> list[str]:
    """Files of the state folder in whose bytes a word of the person still stands; those of other projects are about others."""
    folder, words = state_folder(), [each.encode() for word in person.distinct for each in spellings(word)]
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = path.relative_to(folder).parts
        if place[0] == "forgotten" or (place[0] in _BY_PROJECT and place[1:2] != (project,)):
            continue
        try:
            raw = path.read_bytes()
        except OSError:
            continue
        if any(word in raw for word in words):
            found.append(str(path.relative_to(folder)))
    return found


def _histories(folder: Path) -> Iterator[Removal]:
    """Prepared histories go as a whole: the next command reads the sources again, without the person."""
    for each in sorted(folder.glob("*")) if folder.is_dir() else ():
        with _nobody_reads(each):
            shutil.rmtree(each)
        yield Removal(f"prepared history {each.name}", "rebuilt by the next command", 1)


def _tables(folder: Path) -> Iterator[Removal]:
    """Copies of Spark's tables go as a whole, too: the next command on Spark makes them again."""
    for each in sorted(folder.glob("*")) if folder.is_dir() else ():
        shutil.rmtree(each)
        yield Removal(f"copy of a table of Spark {each.name}", "rebuilt by the next command on Spark", 1)


@contextmanager
def _nobody_reads(folder: Path) -> Iterator[None]:
    """While inside, nobody has the history open or prepares it. Raises ``UnavailableError`` where it does not become free."""
    deadline = time.monotonic() + WAIT_SECONDS
    with (folder / "lock").open("a") as making, (folder / "in_use").open("a") as reading:
        for lock in (making, reading):
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise UnavailableError(
                            "another command or the page is using the prepared history",
                            where=str(folder),
                            why="it holds the person, and could not be removed",
                            fix="run this again when it has ended; what was removed so far stays removed",
                        ) from None
                    time.sleep(0.2)
        yield


def _copies(folder: Path) -> Iterator[Removal]:
    """Copies for the page go as a whole: the next `score` and `compare` publish new ones."""
    copies = sorted(folder.rglob("*.duckdb")) if folder.is_dir() else []
    if folder.is_dir():
        shutil.rmtree(folder)
    if copies:
        yield Removal(
            "copies for the page", "published again by the next score, compare and monitor", len(copies)
        )


def _mentioning(folder: Path, person: Person) -> Iterator[Removal]:
    """Files that mention the person are removed: they can be made again."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix.lower() in TEXTS and person.mentioned_in(_text(path)):
            path.unlink()
            yield Removal(str(path.relative_to(state_folder())), "file removed", 1)


def _artifacts(folder: Path, person: Person) -> Iterator[Removal]:
    """Reports of trainings that list the person, and the picture of one lead beside them."""
    for path in sorted(folder.glob("*/artifacts")) if folder.is_dir() else ():
        reports = [path / "report.html", path / "report.json"]
        if any(each.is_file() and person.mentioned_in(_text(each)) for each in reports):
            for each in (*reports, path / "shap_waterfall.png"):
                if each.is_file():
                    each.unlink()
                    yield Removal(str(each.relative_to(state_folder())), "file removed", 1)


def _records(folder: Path, person: Person) -> Iterator[Removal]:
    """Records of runs stay; what an error said of the person is taken out of them."""
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        text = _text(path)
        if not any(each in text for word in person.distinct for each in spellings(word)):
            continue
        try:
            record = json.loads(text)
        except ValueError:
            continue
        cleaned = json.dumps(_redacted(record, person.distinct), ensure_ascii=False)
        with replacing(path) as file:
            file.write(cleaned.encode().ljust(len(text.encode())))
        yield Removal(str(path.relative_to(state_folder())), "mentions taken out", 1)


def _redacted(value: Any, words: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        for word in words:
            value = value.replace(word, _GONE)
        return value
    if isinstance(value, list):
        return [_redacted(each, words) for each in value]
    if isinstance(value, dict):
        return {_redacted(name, words): _redacted(each, words) for name, each in value.items()}
    return value


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


# SQLite


def _sqlite(path: Path, project: str, person: Person) -> Iterator[Removal]:
    """Rows of the person in every table with a column ``lead_id``, and lines of the page's log about it."""
    shown = str(path.relative_to(state_folder()))
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as store:
            store.execute("PRAGMA secure_delete = ON")
            done = 0
            with store:
                for table, columns in tables_of(store).items():
                    own = project if "project" in columns else None
                    if "lead_id" in columns:
                        done += (rows := _delete_rows(store, table, person, own))
                        if rows:
                            yield Removal(shown, f"rows of {table} removed", rows)
                    elif "body" in columns:
                        done += (rows := _delete_messages(store, table, person))
                        if rows:
                            yield Removal(shown, f"rows of {table} removed", rows)
                    elif {"subject", "details", "project"} <= columns:
                        done += (rows := _redact_log(store, table, person, project))
                        if rows:
                            yield Removal(shown, f"lines of {table} emptied", rows)
            if done:
                store.execute("VACUUM")
    except sqlite3.Error as error:
        raise DataError(
            "the person cannot be taken out of this file",
            value=str(error),
            where=str(path),
            fix="run this again when nothing else has it open",
        ) from None


def tables_of(store: sqlite3.Connection) -> dict[str, set[str]]:
    names = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: {row[1] for row in store.execute(f"PRAGMA table_info({quoted(name)})")} for name in names}


def _delete_rows(store: sqlite3.Connection, table: str, person: Person, project: str | None) -> int:
    these = ", ".join("?" * len(person.ids))
    where, values = f"lead_id IN ({these})", list(person.ids)
    if project is not None:
        where, values = f"{where} AND project = ?", [*values, project]
    return store.execute(f"DELETE FROM {quoted(table)} WHERE {where}", values).rowcount


def _delete_messages(store: sqlite3.Connection, table: str, person: Person) -> int:
    """Messages that wait to be sent, and mention the person."""
    rows = store.execute(f"SELECT rowid, body FROM {quoted(table)}").fetchall()
    theirs = [(number,) for number, body in rows if person.is_in_message(str(body))]
    store.executemany(f"DELETE FROM {quoted(table)} WHERE rowid = ?", theirs)
    return len(theirs)


def _redact_log(store: sqlite3.Connection, table: str, person: Person, project: str) -> int:
    """Lines stay, so that nobody can say there were none; who they are about does not. Triggers keep the log from all others."""
    these = ", ".join("?" * len(person.ids))
    theirs = [(number,) for number, _ in log_lines(store, table, person, project)]
    if not theirs:
        return 0
    triggers = store.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
    ).fetchall()
    for name, _ in triggers:
        store.execute(f"DROP TRIGGER {quoted(name)}")
    # Who said something of others, and mentioned the person in it, said it of those.
    store.executemany(
        f"""
        UPDATE {quoted(table)}
        SET details = '{{}}', subject = CASE WHEN subject IN ({these}) THEN '{_GONE}' ELSE subject END
        WHERE rowid = ?
        """,
        [(*person.ids, *number) for number in theirs],
    )
    for _, text in triggers:
        store.execute(text)
    return len(theirs)


def log_lines(
    store: sqlite3.Connection, table: str, person: Person, project: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Lines of the page's log about a person, or that mention them, each with its number."""
    cursor = store.execute(
        f"SELECT rowid, * FROM {quoted(table)} WHERE project = ? ORDER BY rowid", (project,)
    )
    names, known = [each[0] for each in cursor.description], person.by_distinct_words
    for number, *row in cursor.fetchall():
        line = dict(zip(names[1:], row, strict=True))
        if line["subject"] in person.ids or known.mentioned_in(line["details"]):
            yield number, line


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""Publish a night for readers: an immutable copy of its scores, made beside the run and pointed to when it is whole.

Readers never open the tables that scores are written to: an open reader would block the next writer of a DuckDB file,
and PostgreSQL is for the CRM. The copy knows more than those: names, what a lead's score was, and why it moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from features.engines.duckdb_connections import connect_in_memory, connect_own
from pipeline.config import ProjectFile
from pipeline.private import private_files
from pipeline.published.folder import CopyFolder
from pipeline.published.people import SHOWN
from pipeline.writeback.closings import WhyLeft
from pipeline.writeback.columns import SCORE_COLUMNS

FORMAT = 1
_MOST_PAST = 60  # scores of a lead that are kept, the latest ones
_MEMORY = "1GB"
_TYPES = {
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "number": "DOUBLE",
    "whole": "INTEGER",
    "json": "VARCHAR",
}
_SCORED = (
    "lead_id", "as_of", "probability", "score", "grade", "trend", "route", "fit_points", "engagement_points",
    "rule_points", "rule_grade", "rule_stage", "reasons", "reasons_text", "ledger", "scorecard_version",
)  # fmt: skip
_KINDS = {column.name: _TYPES[column.kind] for column in SCORE_COLUMNS}
_LONG = ("reasons", "ledger")
_PAST = "STRUCT(as_of TIMESTAMP, score INTEGER, rule_points DOUBLE, rule_stage VARCHAR)"
_BEFORE = "STRUCT(as_of TIMESTAMP, score INTEGER, reasons VARCHAR)"
_ORDER = "status = 'closed', score DESC, rule_points DESC NULLS LAST, lead_id"


class Publishing:
    """A copy in the making: ``add`` the parts of the night, then ``publish`` it. Leaving without that leaves nothing.

    A disk that is full does not cost the night its scores: readers keep the copy that they have, and ``publish`` says so.
    """

    def __init__(self, file: ProjectFile, run_id: str) -> None:
        self._page, self._run = file.project.page, run_id
        self._folder = CopyFolder.of(file.project.name)
        self._unfinished = self._folder.path / f".{run_id}.parts"
        self._copy = self._folder.path / f".{run_id}.copy"
        self._failure: str | None = None
        self._parts = connect_in_memory()

    def __enter__(self) -> Self:
        with self._noting_failure():
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._clean()
            self._parts.close()
            self._parts = connect_own(self._unfinished)
            self._parts.execute(f"SET memory_limit = '{_MEMORY}'")
            columns = ", ".join(f"{name} {_KINDS[name]}" for name in _SCORED)
            shown = ", ".join(f"{name} VARCHAR" for name in SHOWN)
            self._parts.execute(f"CREATE TABLE scored ({columns}, {shown})")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()
        self._clean()

    def add(self, rows: pa.Table, people: pa.Table) -> None:
        """Rows of ``lead_scores``, and by what people know their leads (``people_of``)."""
        if self._failure is not None:
            return
        names = [name for name in _SCORED if name in rows.column_names]
        listed = ", ".join(f"r.{name}" for name in names)
        shown = ", ".join(f"p.{name}" for name in SHOWN)
        with self._noting_failure():
            self._parts.register("rows", rows)
            self._parts.register("people", people)
            self._parts.execute(
                f"""
                INSERT INTO scored ({", ".join([*names, *SHOWN])})
                SELECT {listed}, {shown}
                FROM rows AS r
                LEFT JOIN people AS p ON p.lead_id = r.lead_id
                """
            )
            self._parts.unregister("rows")
            self._parts.unregister("people")

    def publish(self, facts: dict[str, Any], why_left: WhyLeft, *, replace_newer: bool = False) -> str | None:
        """Make the copy and point readers to it; returns why not, where theirs stays.

        ``facts`` are JSON-ready: what the page says of the night as a whole; ``as_of`` among them. Leads of the copy before
        that are not in this night are closed with the reason that ``why_left`` gives.
        """
        if self._failure is None:
            with self._noting_failure():
                return self._publish(facts, why_left, replace_newer)
        return (
            f"the scores are written, but the page goes on showing those of the run before: {self._failure}"
        )

    def _publish(self, facts: dict[str, Any], why_left: WhyLeft, replace_newer: bool) -> str | None:
        before = self._folder.latest()
        newest = None if before is None else _as_of(before)
        as_of: datetime = facts["as_of"]
        if newest is not None and newest > as_of and not replace_newer:
            return f"the page goes on showing the scores as of {newest:%Y-%m-%d %H:%M}, which are newer than these"
        self._parts.execute(f"ATTACH {_literal(self._copy)} AS copy")
        self._before(before)
        self._close(why_left)
        for statement in _TABLES:
            self._parts.execute(statement)
        self._parts.execute("CREATE TABLE copy.facts (name VARCHAR, value VARCHAR)")
        facts = facts | {"format": FORMAT, "run_id": self._run}
        self._parts.executemany(
            "INSERT INTO copy.facts VALUES (?, ?)",
            [(name, json.dumps(value, default=str)) for name, value in facts.items()],
        )
        self._parts.execute("DETACH copy")
        self._copy.rename(self._folder.copy(self._run))
        self._folder.point_to(self._run)
        return None

    def _before(self, before: Path | None) -> None:
        """The leads of the copy before as ``before``; an empty table where there is none that this version can read."""
        names = [*_SCORED, *SHOWN, "status", "closed_reason"]
        kinds = _KINDS | dict.fromkeys(SHOWN, "VARCHAR")
        if before is not None and _format(before) == FORMAT:
            self._parts.execute(f"ATTACH {_literal(before)} AS was (READ_ONLY)")
            listed = ", ".join(f"{'d' if name in _LONG else 'l'}.{name}" for name in names)
            self._parts.execute(
                f"""
                CREATE TABLE before AS
                SELECT {listed}, d.past, d.before
                FROM was.lead AS l
                JOIN was.lead_detail AS d ON d.lead_id = l.lead_id
                """
            )
            self._parts.execute("DETACH was")
        else:
            columns = ", ".join(f"{name} {kinds[name]}" for name in names)
            self._parts.execute(f"CREATE TABLE before ({columns}, past {_PAST}[], before {_BEFORE})")

    def _close(self, why_left: WhyLeft) -> None:
        """``gone``: leads that were open and are not scored now, with the reason."""
        gone = [
            row[0]
            for row in self._parts.execute(
                "SELECT lead_id FROM before WHERE status = 'open' AND lead_id NOT IN (SELECT lead_id FROM scored)"
                " ORDER BY lead_id"
            ).fetchall()
        ]
        reasons: Sequence[str] = why_left(gone) if gone else ()
        table = pa.table({"lead_id": pa.array(gone, pa.string()), "reason": pa.array(reasons, pa.string())})
        self._parts.register("left_now", table)
        self._parts.execute("CREATE TABLE gone AS SELECT * FROM left_now")
        self._parts.unregister("left_now")

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """What goes wrong with the files inside is kept as the failure; new ones are the owner's alone."""
        try:
            with private_files():
                yield
        except (duckdb.Error, OSError) as error:
            self._failure = (str(error).splitlines() or [type(error).__name__])[0]

    def _clean(self) -> None:
        for path in self._folder.path.glob(f".{self._run}.*"):
            with suppress(OSError):
                path.unlink()


_MOVED = "b.score IS DISTINCT FROM s.score OR b.rule_stage IS DISTINCT FROM s.rule_stage OR round(b.rule_points) IS DISTINCT FROM round(s.rule_points)"
_OWN = ", ".join(f"s.{name}" for name in (*_SCORED, *SHOWN) if name not in _LONG)
_TABLES: tuple[str, ...] = (
    f"""
    CREATE TABLE whole AS
    SELECT {_OWN}, s.reasons, s.ledger, 'open' AS status, CAST(NULL AS VARCHAR) AS closed_reason,
        CASE WHEN b.lead_id IS NULL OR {_MOVED}
            THEN list_append(
                coalesce(b.past, []),
                {{'as_of': s.as_of, 'score': s.score, 'rule_points': s.rule_points, 'rule_stage': s.rule_stage}}::{_PAST}
            )[-{_MOST_PAST}:]
            ELSE b.past
        END AS past,
        CASE WHEN b.score <> s.score THEN {{'as_of': b.as_of, 'score': b.score, 'reasons': b.reasons}}::{_BEFORE}
            ELSE b.before
        END AS before
    FROM scored AS s
    LEFT JOIN before AS b ON b.lead_id = s.lead_id
    UNION ALL BY NAME
    SELECT b.* EXCLUDE (status, closed_reason, owner, name, email, company),
        b.name, b.email, b.company, b.owner, 'closed' AS status, coalesce(g.reason, b.closed_reason) AS closed_reason
    FROM before AS b
    LEFT JOIN gone AS g ON g.lead_id = b.lead_id
    WHERE b.lead_id NOT IN (SELECT lead_id FROM scored) AND coalesce(g.reason, b.closed_reason) <> 'objected'
    """,
    f"""
    CREATE TABLE copy.lead AS
    SELECT
        row_number() OVER (ORDER BY {_ORDER}) AS rank,
        * EXCLUDE (reasons, ledger, past, before),
        before.score AS score_before,
        before.as_of AS before_as_of
    FROM whole
    ORDER BY rank
    """,
    "CREATE TABLE copy.lead_detail AS SELECT lead_id, reasons, ledger, past, before FROM whole ORDER BY lead_id",
    "CREATE TABLE copy.place AS SELECT lead_id, rank FROM copy.lead ORDER BY lead_id",
    """
    CREATE TABLE copy.token AS
    SELECT DISTINCT word, rank
    FROM (
        SELECT rank, unnest(regexp_split_to_array(
            strip_accents(lower(concat_ws(' ', lead_id, name, email, company))), '[^\\p{L}\\p{N}]+')) AS word
        FROM copy.lead
    )
    WHERE word <> ''
    ORDER BY word, rank
    """,
    """
    CREATE TABLE copy.facet AS
    SELECT kind, value, count(*) AS leads
    FROM (
        SELECT unnest(['owner', 'stage', 'grade', 'band']) AS kind,
            unnest([owner, rule_stage, grade, CAST(score // 10 * 10 AS VARCHAR)]) AS value
        FROM copy.lead
        WHERE status = 'open'
    )
    WHERE value IS NOT NULL
    GROUP BY kind, value
    ORDER BY kind, value
    """,
)


def facts_of(path: Path) -> dict[str, Any]:
    """What a copy says of its night as a whole. Raises ``duckdb.Error`` for a file that is no copy."""
    with connect_own(path, read_only=True) as copy:
        return {name: json.loads(value) for name, value in copy.execute("SELECT * FROM facts").fetchall()}


def _as_of(path: Path) -> datetime | None:
    text = _known(path).get("as_of")
    return None if text is None else datetime.fromisoformat(str(text))


def _format(path: Path) -> object:
    return _known(path).get("format")


def _known(path: Path) -> dict[str, Any]:
    """What a copy says of its night; nothing of a damaged one, which the next replaces."""
    try:
        return facts_of(path)
    except (duckdb.Error, ValueError):
        return {}


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

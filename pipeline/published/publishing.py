"""Publish a night for readers: an immutable copy of its scores, made beside the run and pointed to when it is whole.

Readers never open the tables that scores are written to: an open reader would block the next writer of a DuckDB file,
and PostgreSQL is for the CRM. The copy knows more than those: names, what a lead's score was, and why it moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadlens.features.engines.duckdb_connections import connect_in_memory, connect_own
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.private import private_files
from leadlens.pipeline.published.facts import read_facts, write_facts
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.published.people import SHOWN
from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.columns import SCORE_COLUMNS

FORMAT = 4
_DAYS_OF_HISTORY = 90
_MEMORY = "1GB"
_GROUP = 2_048
_TYPES = {
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "number": "DOUBLE",
    "whole": "INTEGER",
    "json": "VARCHAR",
}
_SCORED = (
    "lead_id", "as_of", "probability", "score", "grade", "trend", "route", "fit_points", "engagement_points",
    "rule_points", "rule_grade", "rule_stage", "reasons_text", "scorecard_version", "sheet_score",
)  # fmt: skip
_LONG = ("reasons", "ledger")
_KINDS = (
    {column.name: _TYPES[column.kind] for column in SCORE_COLUMNS}
    | dict.fromkeys(SHOWN, "VARCHAR")
    | {"sheet_score": "INTEGER"}
)
_LIGHT = (*_SCORED, *SHOWN)


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
        self._added = 0
        self._parts = connect_in_memory()

    def __enter__(self) -> Self:
        with self._noting_failure():
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._clean()
            self._parts.close()
            self._parts = connect_own(self._unfinished)
            self._parts.execute(f"SET memory_limit = '{_MEMORY}'; SET threads = 2")
            columns = ", ".join(f"{name} {_KINDS[name]}" for name in _LIGHT)
            self._parts.execute(f"CREATE TABLE scored ({columns}, detail BIGINT)")
            # Long texts of a group of rows are held until it is full: small groups need little memory, and are read soon.
            self._parts.execute(f"ATTACH {_literal(self._copy)} AS copy (ROW_GROUP_SIZE {_GROUP})")
            self._parts.execute("CREATE TABLE copy.detail (detail BIGINT, reasons VARCHAR, ledger VARCHAR)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()
        self._clean()

    def add(self, rows: pa.Table, people: pa.Table, sheet_score: NDArray[np.int64] | None = None) -> None:
        """Rows of ``lead_scores``, by what people know their leads (``people_of``), and the sheet on the model's scale."""
        if self._failure is not None:
            return
        if sheet_score is not None:
            rows = rows.append_column("sheet_score", pa.array(sheet_score))
        names = [name for name in _SCORED if name in rows.column_names]
        listed = ", ".join(f"r.{name}" for name in names)
        shown = ", ".join(f"p.{name}" for name in SHOWN)
        numbers = pa.array(range(self._added, self._added + len(rows)), pa.int64())
        self._added += len(rows)
        long = [
            rows[name] if name in rows.column_names else pa.nulls(len(rows), pa.string()) for name in _LONG
        ]
        with self._noting_failure():
            self._parts.register("rows", rows.select(names).append_column("detail", numbers))
            self._parts.register("people", people)
            self._parts.register("long", pa.table([numbers, *long], names=["detail", *_LONG]))
            self._parts.execute(
                f"""
                INSERT INTO scored ({", ".join([*names, *SHOWN])}, detail)
                SELECT {listed}, {shown}, r.detail
                FROM rows AS r
                LEFT JOIN people AS p ON p.lead_id = r.lead_id
                """
            )
            # Long texts are never sorted or joined: they go where they stay, and are found by their number.
            self._parts.execute("INSERT INTO copy.detail SELECT * FROM long")
            for name in ("rows", "people", "long"):
                self._parts.unregister(name)

    def publish(
        self,
        facts: dict[str, Any],
        why_left: WhyLeft,
        *,
        verdicts: pa.Table | None = None,
        replace_newer: bool = False,
    ) -> str | None:
        """Make the copy and point readers to it; returns why not, where theirs stays.

        ``facts`` are JSON-ready: what the page says of the night as a whole; ``as_of`` among them. Leads of the copy before
        that are not in this night are closed with the reason that ``why_left`` gives. ``verdicts`` are the latest of each lead that the data
        have: ``lead_id, given_at``.
        """
        if self._failure is None:
            with self._noting_failure():
                return self._publish(facts, why_left, verdicts, replace_newer)
        return (
            f"the scores are written, but the page goes on showing those of the run before: {self._failure}"
        )

    def _publish(
        self, facts: dict[str, Any], why_left: WhyLeft, verdicts: pa.Table | None, replace_newer: bool
    ) -> str | None:
        before = self._folder.latest()
        newest = None if before is None else _as_of(before)
        as_of: datetime = facts["as_of"]
        if newest is not None and newest > as_of and not replace_newer:
            return f"the page goes on showing the scores as of {newest:%Y-%m-%d %H:%M}, which are newer than these"
        # Leads that left keep the ledger of an earlier sheet.
        then = [] if before is None else _known(before).get("kept_short", [])
        facts |= {"kept_short": sorted({*facts.get("kept_short", ()), *then})}
        self._before(before)
        self._close(why_left)
        self._parts.register("verdicts", _NO_VERDICTS if verdicts is None else verdicts)
        for statement in _TABLES:
            self._parts.execute(statement)
        self._parts.unregister("verdicts")
        self._parts.execute("DETACH was")
        write_facts(self._parts, facts | {"format": FORMAT, "run_id": self._run}, "copy.facts")
        self._parts.execute("DETACH copy")
        self._copy.rename(self._folder.copy(self._run))
        self._folder.point_to(self._run)
        return None

    def _before(self, before: Path | None) -> None:
        """The copy before as ``was``; empty tables where there is none that this version can read."""
        if before is not None and _format(before) == FORMAT:
            self._parts.execute(f"ATTACH {_literal(before)} AS was (READ_ONLY)")
        else:
            columns = ", ".join(f"{name} {_KINDS[name]}" for name in _LIGHT)
            self._parts.execute("ATTACH ':memory:' AS was")
            self._parts.execute(
                f"""
                CREATE TABLE was.lead ({columns}, detail BIGINT, status VARCHAR, closed_reason VARCHAR, score_before INTEGER,
                    before_as_of TIMESTAMP);
                CREATE TABLE was.detail (detail BIGINT, reasons VARCHAR, ledger VARCHAR);
                CREATE TABLE was.reasons_before (detail BIGINT, reasons VARCHAR);
                CREATE TABLE was.history (lead_id VARCHAR, as_of TIMESTAMP, score INTEGER, rule_points DOUBLE, rule_stage VARCHAR);
                """
            )

    def _close(self, why_left: WhyLeft) -> None:
        """``gone``: leads that were open and are not scored now, with the reason."""
        gone = [
            row[0]
            for row in self._parts.execute(
                "SELECT lead_id FROM was.lead WHERE status = 'open' AND lead_id NOT IN (SELECT lead_id FROM scored)"
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


_NO_VERDICTS = pa.table({"lead_id": pa.array([], pa.string()), "given_at": pa.array([], pa.timestamp("us"))})
_CALLED = "coalesce(rule_stage, '') IN ('MQL', 'SQL')"
_MOVED = "b.score IS DISTINCT FROM s.score OR b.rule_stage IS DISTINCT FROM s.rule_stage OR round(b.rule_points) IS DISTINCT FROM round(s.rule_points)"
_OWN, _CLOSED = (", ".join(f"{table}.{name}" for name in _LIGHT) for table in ("s", "b"))
_TABLES: tuple[str, ...] = (
    # Leads that left keep their last row; their long texts are numbered after those of the night.
    f"""
    CREATE TABLE left_leads AS
    SELECT {_CLOSED}, coalesce(g.reason, b.closed_reason) AS closed_reason, b.score_before, b.before_as_of, b.detail AS old_detail,
        (SELECT count(*) FROM scored) + row_number() OVER (ORDER BY b.detail) - 1 AS detail
    FROM was.lead AS b
    LEFT JOIN gone AS g ON g.lead_id = b.lead_id
    WHERE b.lead_id NOT IN (SELECT lead_id FROM scored) AND coalesce(g.reason, b.closed_reason) <> 'objected'
    """,
    """
    INSERT INTO copy.detail
    SELECT l.detail, d.reasons, d.ledger
    FROM was.detail AS d
    JOIN left_leads AS l ON l.old_detail = d.detail
    """,
    f"""
    CREATE TABLE copy.lead AS
    SELECT row_number() OVER (ORDER BY status = 'closed', score DESC, rule_points DESC NULLS LAST, lead_id) AS rank, *
    FROM (
        SELECT {_OWN}, s.detail, 'open' AS status, CAST(NULL AS VARCHAR) AS closed_reason,
            CASE WHEN b.score <> s.score THEN b.score ELSE b.score_before END AS score_before,
            CASE WHEN b.score <> s.score THEN b.as_of ELSE b.before_as_of END AS before_as_of
        FROM scored AS s
        LEFT JOIN was.lead AS b ON b.lead_id = s.lead_id
        UNION ALL
        SELECT {_CLOSED}, b.detail, 'closed', b.closed_reason, b.score_before, b.before_as_of
        FROM left_leads AS b
    )
    ORDER BY rank
    """,
    # Why leads were scored as they were before they moved. Not sorted either: scanned in order, they stay nearly so.
    """
    CREATE TABLE numbers AS
    SELECT b.detail AS old, s.detail AS new, b.score <> s.score AS moved
    FROM was.lead AS b
    JOIN scored AS s ON s.lead_id = b.lead_id
    UNION ALL
    SELECT old_detail, detail, FALSE
    FROM left_leads
    """,
    """
    CREATE TABLE copy.reasons_before AS
    SELECT n.new AS detail, d.reasons
    FROM was.detail AS d
    JOIN numbers AS n ON n.old = d.detail AND n.moved
    UNION ALL
    SELECT n.new, r.reasons
    FROM was.reasons_before AS r
    JOIN numbers AS n ON n.old = r.detail AND NOT n.moved
    """,
    # A lead has one score as of a time: where a night is scored again, the last one.
    f"""
    CREATE TABLE copy.history AS
    WITH fresh AS (
        SELECT s.lead_id, s.as_of, s.score, s.rule_points, s.rule_stage
        FROM scored AS s
        LEFT JOIN was.lead AS b ON b.lead_id = s.lead_id
        WHERE b.lead_id IS NULL OR {_MOVED}
    )
    SELECT * FROM fresh
    UNION ALL
    SELECT h.*
    FROM was.history AS h
    SEMI JOIN copy.lead AS l ON l.lead_id = h.lead_id
    ANTI JOIN fresh AS f ON f.lead_id = h.lead_id AND f.as_of = h.as_of
    WHERE h.as_of > (SELECT max(as_of) FROM scored) - INTERVAL {_DAYS_OF_HISTORY} DAY
    ORDER BY lead_id, as_of
    """,
    # Since when each open lead has been MQL or SQL without a break. A lead that did not move for so long that its history is
    # over has been so for as long as a history is kept.
    f"""
    CREATE TABLE copy.waiting AS
    WITH called AS (
        SELECT rank, lead_id, owner, as_of
        FROM copy.lead
        WHERE status = 'open' AND {_CALLED}
    ), own AS (
        SELECT h.lead_id, h.as_of, {_CALLED} AS is_called
        FROM copy.history AS h
        SEMI JOIN called AS c ON c.lead_id = h.lead_id
    ), ended AS (
        SELECT lead_id, max(as_of) AS at FROM own WHERE NOT is_called GROUP BY lead_id
    ), began AS (
        SELECT o.lead_id, min(o.as_of) AS since
        FROM own AS o
        LEFT JOIN ended AS e ON e.lead_id = o.lead_id
        WHERE o.is_called AND (e.at IS NULL OR o.as_of > e.at)
        GROUP BY o.lead_id
    )
    SELECT c.rank, c.lead_id, c.owner, coalesce(b.since, c.as_of - INTERVAL {_DAYS_OF_HISTORY} DAY) AS since, v.given_at AS judged_at
    FROM called AS c
    LEFT JOIN began AS b ON b.lead_id = c.lead_id
    LEFT JOIN verdicts AS v ON v.lead_id = c.lead_id
    ORDER BY c.rank
    """,
    "CREATE TABLE copy.place AS SELECT lead_id, rank, detail FROM copy.lead ORDER BY lead_id",
    """
    CREATE TABLE copy.token AS
    SELECT row_number() OVER (ORDER BY word, rank) AS place, word, rank
    FROM (
    SELECT DISTINCT word, rank
    FROM (
        SELECT rank, unnest(regexp_split_to_array(
            strip_accents(lower(concat_ws(' ', lead_id, name, email, company))), '[^\\p{L}\\p{N}]+')) AS word
        FROM copy.lead
    )
    WHERE word <> ''
    )
    ORDER BY place
    """,
    """
    CREATE TABLE copy.facet AS
    SELECT kind, value, count(*) AS leads
    FROM (
        SELECT unnest(['owner', 'stage', 'grade', 'score']) AS kind,
            unnest([owner, rule_stage, grade, CASE WHEN rule_stage IS DISTINCT FROM 'Disqualified' THEN CAST(score AS VARCHAR) END]) AS value
        FROM copy.lead
        WHERE status = 'open'
    )
    WHERE value IS NOT NULL
    GROUP BY kind, value
    ORDER BY kind, value
    """,
)


def _as_of(path: Path) -> datetime | None:
    text = _known(path).get("as_of")
    return None if text is None else datetime.fromisoformat(str(text))


def _format(path: Path) -> object:
    return _known(path).get("format")


def _known(path: Path) -> dict[str, Any]:
    """What a copy says of its night; nothing of a damaged one, which the next replaces."""
    try:
        with connect_own(path, read_only=True) as copy:
            return read_facts(copy)
    except (duckdb.Error, ValueError):
        return {}


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

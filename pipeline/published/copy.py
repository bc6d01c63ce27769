"""Read a published copy: lists, searches and single leads, in milliseconds at a million leads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from leadlens.features.engines.duckdb_connections import connect_own
from leadlens.features.errors import DataError
from leadlens.pipeline.published.asked import SORTED_BY, Query, condition, place_of, words_of
from leadlens.pipeline.published.bounded_queries import bounded
from leadlens.pipeline.published.facts import read_facts
from leadlens.pipeline.published.kept_results import KeptResults

PAGE = 50
_MEMORY, _THREADS = "512MB", 1
_KEPT_LISTS = 256
_NO_LINE_OF_THEIR_OWN = (" smaller reasons", " smaller reason")
_AFTER_ALL = chr(0x10FFFF)


class LeadRow(NamedTuple):
    """A lead as a list shows it."""

    rank: int
    lead_id: str
    name: str | None
    email: str | None
    company: str | None
    owner: str | None
    score: int
    grade: str | None
    rule_stage: str | None
    rule_points: float | None
    rule_grade: str | None
    trend: str | None
    reasons_text: str | None
    score_before: int | None
    status: str
    closed_reason: str | None


@dataclass(frozen=True)
class Leads:
    """A page of a list: its rows, how many match in all, and where the next page begins (``None`` on the last)."""

    rows: Sequence[LeadRow]
    total: int
    next: str | None


class Line(NamedTuple):
    """A reason, or a line of the ledger that the sheet's points are the sum of."""

    text: str
    points: float
    occurred_at: datetime | None = None
    note: str | None = None


class Past(NamedTuple):
    """What a lead's score was from some day on."""

    as_of: datetime
    score: int
    rule_points: float | None
    rule_stage: str | None


@dataclass(frozen=True)
class Lead:
    """All that the copy knows of one lead.

    ``sheet_score`` is the sheet on the model's scale. ``reasons`` begin with the base value and sum to the score; ``moved`` are those that differ from ``before``, the last
    other score, the strongest first.
    """

    row: LeadRow
    as_of: datetime
    probability: float
    sheet_score: int | None
    route: str | None
    scorecard: str | None
    reasons: Sequence[Line]
    ledger: Sequence[Line]
    past: Sequence[Past]
    before: Past | None
    moved: Sequence[Line]


class Copy:
    """A published file. Several threads may read it at once; it never changes. ``facts`` are what it says as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = connect_own(path, read_only=True)
            self._connection.execute(f"SET memory_limit = '{_MEMORY}'; SET threads = {_THREADS}")
            self.facts = read_facts(self._connection)
        except (duckdb.Error, ValueError) as error:
            raise DataError(
                "a published copy cannot be read",
                value=str(path),
                why=str(error).splitlines()[0],
                fix="leadlens score rebuilds the copy of the scores, leadlens compare that of the comparison",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a statement of ours gives. Raises ``SlowQueryError``."""
        cursor = self._connection.cursor()
        with bounded(cursor):
            return cursor.execute(sql, list(values)).fetchall()


class PublishedScores(Copy):
    """The copy of a night."""

    @property
    def run_id(self) -> str:
        """The run that made it."""
        return str(self.facts["run_id"])

    @property
    def as_of(self) -> datetime:
        """As of when its leads are scored."""
        return datetime.fromisoformat(self.facts["as_of"])

    @cached_property
    def facets(self) -> dict[str, dict[str, int]]:
        """Of open leads: owners, stages, grades and, of those that are not disqualified, scores, each with its number of leads."""
        facets: dict[str, dict[str, int]] = {kind: {} for kind in ("owner", "stage", "grade", "score")}
        for kind, value, leads in self.rows("SELECT kind, value, leads FROM facet ORDER BY kind, value"):
            facets[kind][value] = leads
        return facets

    @cached_property
    def _kept(self) -> KeptResults:
        return KeptResults(_KEPT_LISTS)

    def leads(self, query: Query, most: int = PAGE) -> Leads:
        """A page of the leads that match."""
        where, values = self._asked(query)
        if query.untouched:  # those change with every verdict
            return self._page(query, most, where, values, self._total(where, values))
        asked = where, *values
        return self._kept.get(
            (asked, query.sort, query.after, most),
            lambda: self._page(
                query, most, where, values, self._kept.get(asked, lambda: self._total(where, values))
            ),
        )

    def _total(self, where: str, values: Sequence[Any]) -> int:
        ((total,),) = self.rows(f"SELECT count(*) FROM lead WHERE {where}", values)
        return int(total)

    def _page(self, query: Query, most: int, where: str, values: list[Any], total: int) -> Leads:
        key, place = SORTED_BY[query.sort], place_of(query.after)
        if place is not None:
            where, values = f"{where} AND ({key}, rank) > (?, ?)", [*values, *place]
        # Which leads first, by narrow columns alone; then what is shown of them.
        order = self.rows(
            f"SELECT rank, {key} FROM lead WHERE {where} ORDER BY {key}, rank LIMIT {most + 1}", values
        )
        rows = self._of_ranks([rank for rank, _ in order[:most]])
        more = f"{order[most - 1][1]}:{order[most - 1][0]}" if len(order) > most else None
        return Leads(rows, total, more)

    def _asked(self, query: Query) -> tuple[str, list[Any]]:
        """The condition of a query; whoever types a whole id is given that lead, and not all whose ids begin alike."""
        exact = (
            self.rows("SELECT rank FROM place WHERE lead_id = ?", [query.text.strip()]) if query.text else []
        )
        where, values = condition(query)
        if query.untouched:
            among, own = self._untouched(query.untouched, query.judged)
            where, values = f"{where} AND rank IN (SELECT rank FROM {among})", [*values, *own]
        if exact:
            return f"{where} AND rank = ?", [*values, exact[0][0]]
        spans = sorted(
            (self._span(word) for word in words_of(query.text)), key=lambda span: span[1] - span[0]
        )
        if spans:
            # The rarest word first: of a word that nearly all leads share, only their rows are looked at.
            found = ""
            for first, end in spans:
                among = f" AND rank IN ({found})" if found else ""
                found = f"SELECT rank FROM token WHERE place BETWEEN {first} AND {end - 1}{among}"
            where = f"{where} AND rank IN ({found})"
        return where, values

    @cached_property
    def knows_untouched(self) -> bool:
        """Whether the copy says since when leads have been MQL; one of an earlier version does not."""
        return bool(self.rows("SELECT 1 FROM information_schema.tables WHERE table_name = 'waiting'"))

    def untouched(
        self, days: int, judged: Mapping[str, datetime], owner: str | None = None
    ) -> list[tuple[str | None, int]]:
        """Owners with their open leads that have been MQL or SQL for so many days without a verdict, the most first.

        ``judged`` as in ``Query``; ``owner``: the leads of this one alone.
        """
        among, values = self._untouched(days, judged)
        own, more = ("", []) if owner is None else (" WHERE owner = ?", [owner])
        rows = self.rows(
            f"SELECT owner, count(*) FROM {among}{own} GROUP BY owner ORDER BY count(*) DESC, owner",
            [*values, *more],
        )
        return [(name, leads) for name, leads in rows]

    def _untouched(self, days: int, judged: Mapping[str, datetime]) -> tuple[str, list[Any]]:
        """The rows of ``waiting`` without a verdict since they began; none of a copy that has no such table."""
        if not self.knows_untouched:
            return "(SELECT NULL::BIGINT AS rank, NULL::VARCHAR AS owner WHERE FALSE)", []
        return (
            """(
            SELECT w.rank, w.owner
            FROM waiting AS w
            LEFT JOIN (SELECT unnest(?::VARCHAR[]) AS lead_id, unnest(?::TIMESTAMP[]) AS judged_at) AS v ON v.lead_id = w.lead_id
            WHERE w.since <= ? AND coalesce(greatest(w.judged_at, v.judged_at) < w.since, TRUE)
            )""",
            [list(judged), list(judged.values()), self.as_of - timedelta(days=days)],
        )

    def _span(self, word: str) -> tuple[int, int]:
        """From which place among the sorted words on this one begins them, and where that ends."""
        # Plain values: what DuckDB had to work out first could not be sought in the sorted words.
        ((first, count),) = self.rows(
            "SELECT min(place), count(*) FROM token WHERE word >= ? AND word < ?", [word, word + _AFTER_ALL]
        )
        return (0, 0) if not count else (first, first + count)

    def _of_ranks(self, ranks: Sequence[int]) -> list[LeadRow]:
        """The leads of these ranks, in this order."""
        if not ranks:
            return []
        listed = ", ".join(map(str, ranks))
        found = self.rows(f"SELECT {', '.join(LeadRow._fields)} FROM lead WHERE rank IN ({listed})")
        rows = {row[0]: LeadRow(*row) for row in found}
        return [rows[rank] for rank in ranks]

    def every(self, query: Query) -> Iterator[LeadRow]:
        """All leads that match, in order."""
        where, values = self._asked(query)
        cursor = self._connection.cursor()
        cursor.execute(
            f"SELECT {', '.join(LeadRow._fields)} FROM lead WHERE {where} ORDER BY {SORTED_BY[query.sort]}, rank",
            values,
        )
        while batch := cursor.fetchmany(1_000):
            yield from map(LeadRow._make, batch)

    def rows_of(self, leads: Sequence[str]) -> dict[str, LeadRow]:
        """These leads by id, as far as there are such."""
        found = self.rows(
            f"SELECT {', '.join(LeadRow._fields)} FROM lead WHERE lead_id IN (SELECT unnest(?))",
            [list(leads)],
        )
        return {row.lead_id: row for row in map(LeadRow._make, found)}

    @cached_property
    def _kept_short(self) -> frozenset[str]:
        return frozenset(self.facts.get("kept_short", ()))

    def has_scores_by(self, sheet: str) -> bool:
        """Whether open leads have their points by this version, ``name version``."""
        return bool(
            self.rows("SELECT 1 FROM lead WHERE status = 'open' AND scorecard_version = ? LIMIT 1", [sheet])
        )

    def lead(self, lead_id: str) -> Lead | None:
        """One lead; ``None`` where there is none."""
        found = self.rows("SELECT rank, detail FROM place WHERE lead_id = ?", [lead_id])
        if not found:
            return None
        rank, detail = found[0]
        fields = ", ".join(LeadRow._fields)
        ((*own, as_of, probability, sheet_score, route, scorecard, before_as_of),) = self.rows(
            f"SELECT {fields}, as_of, probability, sheet_score, route, scorecard_version, before_as_of FROM lead WHERE rank = ?",
            [rank],
        )
        row = LeadRow(*own)
        ((reasons, ledger),) = self.rows("SELECT reasons, ledger FROM detail WHERE detail = ?", [detail])
        past = self.rows(
            "SELECT as_of, score, rule_points, rule_stage FROM history WHERE lead_id = ? ORDER BY as_of",
            [lead_id],
        )
        was = self.rows("SELECT reasons FROM reasons_before WHERE detail = ?", [detail])
        now = _reasons(reasons)
        return Lead(
            row=row,
            as_of=as_of,
            probability=probability,
            sheet_score=sheet_score,
            route=route,
            scorecard=scorecard,
            reasons=now,
            ledger=[_ledger_line(line, self._kept_short) for line in json.loads(ledger or "[]")],
            past=[Past(*each) for each in past],
            before=None if row.score_before is None else Past(before_as_of, row.score_before, None, None),
            moved=_moved(_reasons(was[0][0]), now) if was else (),
        )


def _reasons(text: str | None) -> list[Line]:
    return [Line(reason["text"], reason["points"]) for reason in json.loads(text or "[]")]


def _ledger_line(line: dict[str, Any], kept_short: Collection[str]) -> Line:
    """A line; of the rules that are kept short without the values that they read."""
    taken = [
        f"{words} {-points:+.0f}"
        for words, points in (("decayed", line["taken_by_decay"]), ("over the cap", line["taken_by_cap"]))
        if abs(points) >= 0.5
    ]
    at = line["occurred_at"]
    detail = None if line["rule"] in kept_short else line["detail"]
    details = ", ".join(filter(None, [detail, *taken]))
    return Line(
        line["rule"], line["points"], None if at is None else datetime.fromisoformat(at), details or None
    )


def _moved(before: Sequence[Line], now: Sequence[Line]) -> list[Line]:
    """What the score moved by, by reason: those of now less those of before, at least half a point, the strongest first.

    >>> [line[:2] for line in _moved([Line("start", 50.0), Line("3 visits", 2.0)], [Line("start", 50.0), Line("4 visits", 5.0)])]
    [('4 visits', 5.0), ('no longer: 3 visits', -2.0)]

    What has no line of its own is not one behaviour that moved: it is in the rest that the page adds.

    >>> _moved([Line("70 smaller reasons", 3.0)], [Line("70 smaller reasons", -1.0)])
    []
    """
    old, new = (
        {line.text: line.points for line in lines if not line.text.endswith(_NO_LINE_OF_THEIR_OWN)}
        for lines in (before, now)
    )
    moved = [Line(text, points - old.get(text, 0.0)) for text, points in new.items()]
    moved += [Line(f"no longer: {text}", -points) for text, points in old.items() if text not in new]
    return sorted((line for line in moved if abs(line.points) >= 0.5), key=lambda line: -abs(line.points))

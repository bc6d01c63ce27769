"""Read a published comparison: its figures at each capacity, the leads of each cell, and those of each rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from leadlens.models.judging.agreement import QUADRANTS
from leadlens.models.judging.chances import chance_of_score
from leadlens.models.judging.lenses import MODEL
from leadlens.pipeline.published.copy import PAGE, Copy

_SHOWN = (
    "c.lead_id, p.name, p.email, p.company, p.owner, c.as_of, c.score, c.grade, c.rule_points, c.rule_grade, c.rule_stage, "
    "c.converted"
)


class JudgedLead(NamedTuple):
    """An out-of-time lead, as it was when it was called; ``converted`` within the horizon after that."""

    lead_id: str
    name: str | None
    email: str | None
    company: str | None
    owner: str | None
    as_of: Any
    score: int
    grade: str | None
    rule_points: float
    rule_grade: str | None
    rule_stage: str | None
    converted: int


@dataclass(frozen=True)
class JudgedLeads:
    """A page of judged leads, how many there are, and from which on the next page is."""

    rows: Sequence[JudgedLead]
    total: int
    next: int | None


class PublishedComparison(Copy):
    """The copy of a comparison."""

    @property
    def figures(self) -> dict[str, Any]:
        """The JSON of the comparison, as beside the report."""
        figures: dict[str, Any] = self.facts["comparison"]
        return figures

    @property
    def asked(self) -> float | None:
        """The project's capacity; ``None`` where the model was judged alone."""
        return self.facts.get("asked")

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """The capacities that were judged."""
        return tuple(each["share"] for each in self.facts["at"])

    def at(self, share: float) -> dict[str, Any]:
        """``share, headline, capacity, quadrants`` at the judged capacity that is nearest."""
        return min(self.facts["at"], key=lambda each: abs(each["share"] - share))

    def elsewhere(self, share: float) -> dict[str, list[float]]:
        """Who is clearly better at the other capacities: their shares under ``model``, ``sheet`` and ``unclear``."""
        shares: dict[str, list[float]] = {"model": [], "sheet": [], "unclear": []}
        for each in self.facts["at"]:
            low, high = each["capacity"]["more_interval"]
            who = "model" if low > 0 else "sheet" if high < 0 else "unclear"
            if each["share"] != share:
                shares[who].append(each["share"])
        return shares

    @cached_property
    def rules(self) -> dict[str, dict[str, Any]]:
        """The audit of each rule, by its label."""
        return {rule["rule"]: rule for rule in self.figures.get("audit") or []}

    def weeks(self, lens: str, cut: float) -> list[dict[str, Any]]:
        """``week, leads, above, converted`` of a threshold, the earliest week first; none where they were not counted."""
        return [
            each for each in self.facts.get("weekly") or [] if each["lens"] == lens and each["cut"] == cut
        ]

    def chance(self, score: int) -> str:
        """What became of out-of-time leads with such a score, in words."""
        if score not in self._chances:
            figures = self.figures
            bands = pd.DataFrame(figures["bands"])
            self._chances[score] = chance_of_score(
                bands, MODEL, score, figures["conversions"] / figures["leads"]
            )
        return self._chances[score]

    @cached_property
    def _chances(self) -> dict[int, str]:
        """Of the scores that were asked for: every page of a lead asks."""
        return {}

    def cell(
        self, share: float, cell: str, start: int = 0, most: int = PAGE, owner: str | None = None
    ) -> JudgedLeads:
        """The leads of a cell, one of ``QUADRANTS``, best first; those of one ``owner`` alone where one is given."""
        return self._page(
            "cell", "c.share = ? AND c.quadrant = ?", [self.at(share)["share"], cell], start, most, owner
        )

    def disqualified(self, share: float, cell: str, owner: str | None = None) -> int:
        """How many leads of a cell the sheet disqualifies; those of one ``owner`` alone where one is given."""
        own, values = ("", []) if owner is None else (" AND p.owner = ?", [owner])
        return int(
            self.rows(
                f"""
                SELECT count(*)
                FROM cell AS c
                LEFT JOIN person AS p ON p.lead_id = c.lead_id
                WHERE c.share = ? AND c.quadrant = ? AND c.rule_stage = 'Disqualified'{own}
                """,
                [self.at(share)["share"], cell, *values],
            )[0][0]
        )

    def rule(self, label: str, start: int = 0, most: int = PAGE, owner: str | None = None) -> JudgedLeads:
        """The leads that a rule matched."""
        return self._page("rule_lead", "c.rule = ?", [label], start, most, owner)

    def every_of_cell(self, share: float, cell: str) -> Iterator[JudgedLead]:
        """All leads of a cell."""
        start: int | None = 0
        while start is not None:
            page = self.cell(share, cell, start, 5_000)
            yield from page.rows
            start = page.next

    def matched(self, label: str, leads: Sequence[str]) -> int:
        """How many of these leads a rule matched."""
        return int(
            self.rows(
                "SELECT count(DISTINCT lead_id) FROM rule_lead WHERE rule = ? AND list_contains(?, lead_id)",
                [label, list(leads)],
            )[0][0]
        )

    def _page(
        self, table: str, where: str, values: list[Any], start: int, most: int, owner: str | None
    ) -> JudgedLeads:
        if owner is not None:
            where, values = f"{where} AND p.owner = ?", [*values, owner]
        order = "c.place" if table == "cell" else "c.score DESC, c.lead_id"
        ((total,),) = self.rows(
            f"SELECT count(*) FROM {table} AS c LEFT JOIN person AS p ON p.lead_id = c.lead_id WHERE {where}",
            values,
        )
        found = self.rows(
            f"""
            SELECT {_SHOWN}
            FROM {table} AS c
            LEFT JOIN person AS p ON p.lead_id = c.lead_id
            WHERE {where}
            ORDER BY {order}
            LIMIT {int(most)} OFFSET {int(start)}
            """,
            values,
        )
        end = start + len(found)
        return JudgedLeads([JudgedLead(*row) for row in found], total, end if found and end < total else None)


CELLS = {cell.replace(" ", "-"): cell for cell in QUADRANTS}

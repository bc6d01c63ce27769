"""From points to what sales acts on: stage, route, trend. A sheet as passes of steps, each over a spine.

A pass is all of ``units`` and ``points`` for one spine: the rows that are asked for, the same rows a week before
(for ``trend``), and the moments at which a lead's stage is reviewed (for ``keep``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from features.attributes.as_of import attribute_steps
from features.engines import Step
from features.history import History
from features.spine import Spine
from models.scorecard.language.outcomes import Stage
from models.scorecard.language.parsing import Parsed
from models.scorecard.language.sheet import Sheet
from models.scorecard.scoring.points import EXACT, WEEK, PointSteps

_ALIASES = {"": "v", "lead": "l", "account": "a", "feature": "f", "rule": "k"}
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Pass:
    """Steps over one spine. ``before`` makes the spine; between the two, features are made where rules read them."""

    spine: Spine
    before: tuple[Step, ...]
    steps: tuple[Step, ...]


class Standing:
    """A sheet over a spine, as passes whose last one makes ``sheet_scores``.

    ``movement`` asks for trend and surge, which routes may need anyway. ``reviewed`` reviews the stage of every row
    at every moment, for its history; the reviews stay in ``review_reached``. ``plain`` is for queries that people read.
    """

    def __init__(
        self,
        sheet: Sheet,
        parsed: Parsed,
        history: History,
        spine: Spine,
        movement: bool = False,
        reviewed: bool = False,
        plain: bool = False,
    ) -> None:
        self.sheet, self.parsed, self.history = sheet, parsed, history
        self.dialect, self.spine, self.reviewed = history.engine.dialect, spine, reviewed
        self.movement = movement or parsed.asks("trend", "surge")
        self.stages = sheet.thresholds.stages if sheet.thresholds else ()
        self.kept = [(name, stage) for name, stage in self.stages if stage.keep is not None]
        self.plain = plain
        self.main = self._points(spine, "sheet", first=True)

    @property
    def lines(self) -> str:
        """The table of the ledger's lines, by rule number."""
        return self.main.lines

    @property
    def plans_features(self) -> bool:
        """Whether rules read features."""
        return self.parsed.plan is not None

    def passes(self) -> list[Pass]:
        """In order; see ``Pass``."""
        found = [Pass(self.spine, (), tuple(self.main.steps(self.movement)))]
        if self.movement:
            found.append(self._week(self.spine, "sheet"))
        found.append(self._again(self.spine, self._reached("sheet", self.main)))
        if self.kept or self.reviewed:
            rows = self._made("review_spine")
            review = self._points(rows, "review")
            moments = (Step("sheet_waiting", self._waiting()), Step("review_spine", self._reviews()))
            found.append(Pass(rows, moments, tuple(review.steps(self.movement))))
            if self.movement:
                found.append(self._week(rows, "review"))
            found.append(self._again(rows, self._reached("review", review), *self._kept()))
        found.append(self._again(self.spine, self._staged(), self._scores()))
        return found

    def _again(self, spine: Spine, *steps: Step) -> Pass:
        """Steps that read attributes of a spine; a pass in between may have left others behind."""
        other = self.movement or self.kept or self.reviewed
        attributes = attribute_steps(self.history, spine) if other and self.parsed.outcomes else ()
        return Pass(spine, (), (*attributes, *steps))

    def _week(self, spine: Spine, prefix: str) -> Pass:
        """The totals of a week before each row, in ``<prefix>_week_base``."""
        name = f"{prefix}_week"
        rows = self._made(f"{name}_spine")
        before = (
            f"SELECT s.row_id, s.lead_id, {self.dialect.minus('s.as_of', WEEK)} AS as_of, l.created_at "
            f"FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id"
        )
        points = self._points(rows, name)
        return Pass(rows, (Step(rows.name, before),), tuple(points.steps()))

    def _made(self, name: str) -> Spine:
        """A spine that a step of ours makes."""
        return Spine(self.history.engine, name)

    def _points(self, spine: Spine, prefix: str, first: bool = False) -> PointSteps:
        alone = not (self.movement or self.kept or self.reviewed or self.plain)
        return PointSteps(self.sheet, self.parsed, self.history, spine, prefix, first, self.plain, alone)

    def _source(self, prefix: str, points: PointSteps, staged: bool = False) -> str:
        """FROM clause with everything that stages and routes may ask for; ``v`` has a row per spine row."""
        quote = self.dialect.quote
        asked = {name for condition in self.parsed.outcomes for name in condition.columns_used}
        own = ["b.*", "b.bar IS NOT NULL AS disqualified"]
        joins = ""
        if staged:
            own.append("g.stage")
            joins += " JOIN sheet_staged AS g ON g.row_id = b.row_id"
        if self.movement:
            own.append(f"{self.dialect.rounded('b.total - w.total', EXACT)} AS trend")
            joins += f" LEFT JOIN {prefix}_week_base AS w ON w.row_id = b.row_id"
        source = f"(SELECT {', '.join(own)} FROM {prefix}_base AS b{joins}) AS v"
        for table, alias in (("lead", "l"), ("account", "a")):
            if any(name.startswith(f"{table}.") for name in asked):
                source += f" LEFT JOIN {table}_as_of AS {alias} ON {alias}.row_id = v.row_id"
        if any(name.startswith("feature.") for name in asked):
            source += " LEFT JOIN sheet_features AS f ON f.row_id = v.row_id"
        keys = {rule.key: n for n, rule in points.numbers.rules.items() if f"rule.{rule.key}" in asked}
        if keys:
            held = ", ".join(
                f"{self.dialect.bool_or(f'u.rule = {n}')} AS {quote(str(key))}" for key, n in keys.items()
            )
            of = ", ".join(map(str, keys.values()))
            found = (
                f"SELECT u.row_id, {held} FROM {prefix}_units AS u WHERE u.rule IN ({of}) GROUP BY u.row_id"
            )
            filled = ", ".join(f"coalesce(h.{quote(str(key))}, FALSE) AS {quote(str(key))}" for key in keys)
            every = f"SELECT b.row_id, {filled} FROM {prefix}_base AS b LEFT JOIN ({found}) AS h ON h.row_id = b.row_id"
            source += f" LEFT JOIN ({every}) AS k ON k.row_id = v.row_id"
        return source

    def _reached(self, prefix: str, points: PointSteps) -> Step:
        """Which stages are reached at each row; the routes that hold wait for the stage."""
        told = "".join(
            f", coalesce({self._holds(name, stage)}, FALSE) AS reached_{name}" for name, stage in self.stages
        )
        return Step(
            f"{prefix}_reached",
            f"SELECT v.row_id, v.lead_id, v.as_of, v.total{told} FROM {self._source(prefix, points)}",
        )

    def _holds(self, name: str, stage: Stage) -> str:
        parts = [] if stage.points is None else [f"v.total >= {stage.points!r}"]
        if name in self.parsed.stages:
            parts.append(self.parsed.stages[name].sql(self.dialect, _ALIASES))
        return f"({' AND '.join(parts)})"

    def _waiting(self) -> str:
        """The rows whose stage depends on what was before: not reached now, and not below ``keep``."""
        band = " OR ".join(f"NOT reached_{name} AND total >= {stage.keep!r}" for name, stage in self.kept)
        return f"SELECT row_id, lead_id, as_of FROM sheet_reached WHERE {'TRUE' if self.reviewed else band}"

    def _reviews(self) -> str:
        """Every moment at which something of the lead began or ceased to count, and just before and after it.

        Only of what is known by the row's own moment: a later event must not add a look at the past.
        """
        plus, rules = self.dialect.plus, self.main.numbers.actions
        created = "sheet_waiting AS w JOIN leads AS l ON l.lead_id = w.lead_id"
        moments = [f"SELECT w.row_id, l.created_at AS moment FROM {created}"]
        moments += [
            f"SELECT w.row_id, {plus('l.created_at', length)} AS moment FROM {created}"
            for length in sorted({rule.inactive_for for rule in rules.values() if rule.inactive_for})
        ]
        if self.main.hits:
            begins = "CASE WHEN h.known_at > h.occurred_at THEN h.known_at ELSE h.occurred_at END"
            source, marker = self.main.marked_hits("h")
            counts = f"{begins} < w.as_of AND (h.retracted_at IS NULL OR h.retracted_at > {begins})"
            hits = f"sheet_waiting AS w JOIN {source} ON h.lead_id = w.lead_id WHERE {counts}"
            moments.append(f"SELECT w.row_id, {begins} AS moment FROM {hits}")
            moments.append(
                f"SELECT w.row_id, h.retracted_at AS moment FROM {hits} AND h.retracted_at IS NOT NULL"
            )
            for length, numbers in self.lasting():
                ends = plus("h.occurred_at", length)
                of = f"{marker} IN ({', '.join(map(str, numbers))})"
                moments.append(
                    f"SELECT w.row_id, {ends} AS moment FROM {hits} AND {of} AND {ends} > {begins}"
                )
        about = " UNION ALL ".join(
            f"SELECT row_id, {plus('moment', shift * _MOMENT)} AS moment FROM ({part}) AS m"
            for part in moments
            for shift in (-1, 0, 1)
        )
        return (
            "SELECT row_number() OVER (ORDER BY d.of_row, d.as_of) AS row_id, d.of_row, w.lead_id, d.as_of, "
            f"l.created_at FROM (SELECT DISTINCT row_id AS of_row, moment AS as_of FROM ({about}) AS m) AS d "
            "JOIN sheet_waiting AS w ON w.row_id = d.of_row JOIN leads AS l ON l.lead_id = w.lead_id "
            "WHERE d.as_of < w.as_of AND d.as_of >= l.created_at"
        )

    def lasting(self) -> list[tuple[timedelta, list[int]]]:
        """How long an event counts for which rules: windows, times to zero, and silence that it ends."""
        found: dict[timedelta, set[int]] = {}
        for number, rule in self.main.numbers.actions.items():
            for length in (rule.within, rule.inactive_for, rule.decay.to_zero if rule.decay else None):
                if length is not None:
                    found.setdefault(length, set()).add(number)
        return [(length, sorted(numbers)) for length, numbers in sorted(found.items())]

    def _kept(self) -> Sequence[Step]:
        if not self.kept:
            return ()
        told = ", ".join(
            f"max(CASE WHEN r.reached_{name} THEN r.as_of END) AS reached_{name}, "
            f"max(CASE WHEN r.total < {stage.keep!r} THEN r.as_of END) AS fell_{name}"
            for name, stage in self.kept
        )
        kept = ", ".join(
            f"(reached_{name} IS NOT NULL AND (fell_{name} IS NULL OR fell_{name} <= reached_{name})) AS kept_{name}"
            for name, _ in self.kept
        )
        return [
            Step(
                "sheet_kept",
                f"SELECT row_id, {kept} FROM (SELECT s.of_row AS row_id, {told} FROM review_reached AS r "
                "JOIN review_spine AS s ON s.row_id = r.row_id GROUP BY s.of_row) AS k",
            )
        ]

    def _staged(self) -> Step:
        whens = ["WHEN b.bar IS NOT NULL THEN 'Disqualified'"]
        for name, stage in self.stages:
            kept = ""
            if stage.keep is not None:
                kept = f" OR coalesce(h.kept_{name}, FALSE) AND b.total >= {stage.keep!r}"
            whens.append(f"WHEN g.reached_{name}{kept} THEN '{name}'")
        join = " LEFT JOIN sheet_kept AS h ON h.row_id = b.row_id" if self.kept else ""
        return Step(
            "sheet_staged",
            f"SELECT b.row_id, CASE {' '.join(whens)} ELSE 'Lead' END AS stage FROM sheet_base AS b "
            f"JOIN sheet_reached AS g ON g.row_id = b.row_id{join}",
        )

    def _scores(self) -> Step:
        names = [*self.sheet.all_dimensions, "total", "score", "grade", "product", "bar"]
        names += ["trend", "surge"] if self.movement else []
        told = ", ".join(
            f"v.{self.dialect.quote(name)}" for name in ["row_id", "lead_id", "as_of", *names, "stage"]
        )
        holds = " ".join(
            f"WHEN {condition.sql(self.dialect, _ALIASES)} THEN {number}"
            for number, condition in enumerate(self.parsed.routes)
        )
        route = f"CASE {holds} END" if holds else "CAST(NULL AS BIGINT)"
        source = self._source("sheet", self.main, staged=True)
        return Step("sheet_scores", f"SELECT {told}, {route} AS route FROM {source}")

"""The steps of a sheet for one query: each table is read as few times as possible.

An engine makes a table once and reads it as often as it likes. In one query a warehouse may compute a CTE anew wherever
it is read (Spark does), and ten steps that each read the one before twice are a thousand computations of the first.
The results are those of ``points`` and ``standing``, whose methods these replace.
"""

from __future__ import annotations

from datetime import timedelta

from features.engines import Step
from features.spine import Spine
from models.scorecard.scoring.occurrences import UNDATED
from models.scorecard.scoring.points import PointSteps
from models.scorecard.scoring.stage_and_route import Standing

_LINE = "SELECT row_id, rule, occurred_at, detail, raw_points, faded"


class SingleScanPoints(PointSteps):
    """``PointSteps`` with caps and attribute rules in one look each."""

    def _units(self) -> str:
        told = super()._units()
        if not self.numbers.attributes:
            return told
        held = [
            f"CASE WHEN t.trait_{number} IS NOT NULL THEN {number} END" for number in self.numbers.attributes
        ]
        details = " ".join(f"WHEN {number} THEN t.trait_{number}" for number in self.numbers.attributes)
        looked = (
            f"SELECT t.row_id, t.rule, {UNDATED} AS occurred_at, CASE t.rule {details} END AS detail "
            f"FROM (SELECT t.*, {self.dialect.row_for_each(held)} AS rule FROM {self.name('traits')} AS t) AS t"
        )
        for number in self.numbers.attributes:
            told = told.removeprefix(self._trait(number)).removeprefix(" UNION ALL ")
        return f"{looked} UNION ALL {told}" if told else looked

    def _trait(self, number: int) -> str:
        return (
            f"SELECT row_id, {number} AS rule, {UNDATED} AS occurred_at, trait_{number} AS detail "
            f"FROM {self.name('traits')} WHERE trait_{number} IS NOT NULL"
        )

    def _raw(self) -> str:
        first_action = self.numbers.first_action
        whens = "".join(
            f"WHEN {first_action + index} THEN n.value_{self._valued.index(name)} "
            for index, name in self.parsed.of.items()
        )
        value = f"CASE n.marker {whens}END" if whens else self._no_text()
        kept = self._window(self.raw, "n.marker", "n.occurred_at")
        if of := [str(first_action + index) for index in self.parsed.of]:
            kept += f" AND (n.marker NOT IN ({', '.join(of)}) OR {value} IS NOT NULL)"
        source = f"{self.name('seen')} AS n JOIN {self.spine} AS s ON s.row_id = n.row_id"
        if self.later:
            first = self._moments(map(self.numbers.after, self.later))
            source += f" LEFT JOIN ({first}) AS y ON y.row_id = n.row_id AND y.marker = n.marker + {self.numbers.size}"
            kept += (
                f" AND (n.marker NOT IN ({', '.join(map(str, self.later))}) OR n.occurred_at > y.earliest)"
            )
        return (
            f"SELECT n.row_id, n.marker, n.occurred_at, {value} AS value FROM {source} "
            f"WHERE n.marker IN ({', '.join(map(str, self.raw))}){kept}"
        )

    @property
    def lines(self) -> str:
        return self.name("grouped" if self._in_groups else "lines")

    def _lines(self) -> str:
        every = list(self.numbers.rules)
        if not self._capped_rules():
            return self._faded(every)
        # lines of rules without a cap pass through
        before = (
            "sum(abs(n.points)) OVER (PARTITION BY n.row_id, n.rule ORDER BY n.occurred_at "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - abs(n.points)"
        )
        return (
            f"{_LINE}, CASE WHEN cap IS NULL THEN points ELSE {self._left('cap')} END AS points "
            f"FROM (SELECT n.*, r.cap, {before} AS before FROM ({self._faded(every)}) AS n "
            "JOIN sheet_rules AS r ON r.rule = n.rule) AS c"
        )

    def _grouped_points(self) -> str:
        before = (
            "sum(abs(n.points)) OVER (PARTITION BY n.row_id, r.group_no, n.points < 0 "
            "ORDER BY n.occurred_at NULLS FIRST, n.rule, abs(n.points) DESC "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - abs(n.points)"
        )
        return (
            f"{_LINE}, CASE WHEN group_cap IS NULL THEN points ELSE {self._left('group_cap')} END AS points "
            f"FROM (SELECT n.*, r.group_cap, {before} AS before FROM {self.name('lines')} AS n "
            "JOIN sheet_rules AS r ON r.rule = n.rule) AS c"
        )


class SingleScanStanding(Standing):
    """``Standing`` as a chain in which reached, staged and scores each add to the one before.

    With ``forgoes`` no row waits for the past alone: every row is reviewed, which is more work, but the reviews do not
    depend on all that was before.
    """

    forgoes = False
    hair = timedelta(microseconds=1)

    def _points(self, spine: Spine, prefix: str, first: bool = False) -> PointSteps:
        return SingleScanPoints(self.sheet, self.parsed, self.history, spine, prefix, first, plain=True)

    def _source(self, prefix: str, points: PointSteps, staged: bool = False) -> str:
        quote = self.dialect.quote
        asked = {name for condition in self.parsed.outcomes for name in condition.columns_used}
        if staged:
            source = "sheet_staged AS v"
        else:
            own, joins = ["b.*", "b.bar IS NOT NULL AS disqualified"], ""
            if self.movement:
                own.append("b.total - w.total AS trend")
                joins += f" LEFT JOIN {prefix}_week_base AS w ON w.row_id = b.row_id"
            source = f"(SELECT {', '.join(own)} FROM {prefix}_base AS b{joins}) AS v"
        for table, alias in (("lead", "l"), ("account", "a")):
            if any(name.startswith(f"{table}.") for name in asked):
                source += f" LEFT JOIN {table}_as_of AS {alias} ON {alias}.row_id = v.row_id"
        keys = {rule.key: n for n, rule in points.numbers.rules.items() if f"rule.{rule.key}" in asked}
        if not keys:
            return source
        held = ", ".join(
            f"coalesce({self.dialect.bool_or(f'u.rule = {n}')}, FALSE) AS {quote(str(key))}"
            for key, n in keys.items()
        )
        return source + (
            f" LEFT JOIN (SELECT s.row_id, {held} FROM {points.spine} AS s LEFT JOIN {prefix}_units AS u "
            "ON u.row_id = s.row_id GROUP BY s.row_id) AS k ON k.row_id = v.row_id"
        )

    def _reached(self, prefix: str, points: PointSteps) -> Step:
        told = "".join(
            f", coalesce({self._holds(name, stage)}, FALSE) AS reached_{name}" for name, stage in self.stages
        )
        return Step(f"{prefix}_reached", f"SELECT v.*{told} FROM {self._source(prefix, points)}")

    def _staged(self) -> Step:
        whens = ["WHEN g.bar IS NOT NULL THEN 'Disqualified'"]
        for name, stage in self.stages:
            kept = ""
            if stage.keep is not None:
                kept = f" OR coalesce(h.kept_{name}, FALSE) AND g.total >= {stage.keep!r}"
            whens.append(f"WHEN g.reached_{name}{kept} THEN '{name}'")
        join = " LEFT JOIN sheet_kept AS h ON h.row_id = g.row_id" if self.kept else ""
        return Step(
            "sheet_staged",
            f"SELECT g.*, CASE {' '.join(whens)} ELSE 'Lead' END AS stage FROM sheet_reached AS g{join}",
        )

    def _waiting(self) -> str:
        if self.forgoes:
            return f"SELECT row_id, lead_id, as_of FROM {self.spine}"
        return super()._waiting()

    def _reviews(self) -> str:
        plus = self.dialect.plus
        silent = sorted({rule.inactive_for for rule in self.sheet.actions if rule.inactive_for})
        moments, join = ["l.created_at", *(plus("l.created_at", length) for length in silent)], ""
        if self.main.hits:
            begins = "CASE WHEN h.known_at > h.occurred_at THEN h.known_at ELSE h.occurred_at END"
            counts = f"{begins} < w.as_of AND (h.retracted_at IS NULL OR h.retracted_at > {begins})"
            moments += [f"CASE WHEN {counts} THEN {at} END" for at in (begins, "h.retracted_at")]
            for length, numbers in self.lasting():
                ends, of = plus("h.occurred_at", length), ", ".join(map(str, numbers))
                moments.append(
                    f"CASE WHEN {counts} AND h.marker IN ({of}) AND {ends} > {begins} THEN {ends} END"
                )
            join = " LEFT JOIN sheet_hits AS h ON h.lead_id = w.lead_id"
        around = [plus("t.moment", shift * self.hair) for shift in (-1, 0, 1)]
        turns = (
            f"SELECT w.row_id, w.lead_id, w.as_of AS until, l.created_at, {self.dialect.row_for_each(moments)} AS moment "
            f"FROM sheet_waiting AS w JOIN leads AS l ON l.lead_id = w.lead_id{join}"
        )
        each = (
            f"SELECT t.row_id AS of_row, t.lead_id, t.until, t.created_at, {self.dialect.row_for_each(around)} AS as_of "
            f"FROM ({turns}) AS t"
        )
        return (
            "SELECT row_number() OVER (ORDER BY d.of_row, d.as_of) AS row_id, d.of_row, d.lead_id, d.as_of FROM "
            f"(SELECT DISTINCT e.of_row, e.lead_id, e.as_of FROM ({each}) AS e "
            "WHERE e.as_of < e.until AND e.as_of >= e.created_at) AS d"
        )

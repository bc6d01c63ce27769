"""From points to what sales acts on: stage, route, trend. A sheet as passes of steps, each over a spine.

A pass is all of ``occurrences`` and ``points`` for one spine: the rows that are asked for, the same rows a week before
(for ``trend``), and the times at which a lead's stage is reviewed (for ``keep``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.engines import Step
from leadlens.features.engines.dialect import Dialect
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.outcomes import Stage
from leadlens.models.scorecard.language.parsing import Parsed
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.matches import marked_matches
from leadlens.models.scorecard.scoring.occurrences import UNION
from leadlens.models.scorecard.scoring.points import EXACT, WEEK, PointForm, point_steps
from leadlens.models.scorecard.scoring.sheet_pass import SheetPass, listed

MICROSECOND = timedelta(microseconds=1)
BEGINS = "CASE WHEN h.known_at > h.occurred_at THEN h.known_at ELSE h.occurred_at END"
_ALIASES = {"": "v", "lead": "l", "account": "a", "feature": "f", "rule": "k"}


@dataclass(frozen=True)
class Pass:
    """Steps over one spine. ``before`` makes the spine; between the two, features are made where rules read them."""

    spine: Spine
    before: tuple[Step, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class SheetPasses:
    """A sheet over a spine, as passes whose last one makes ``sheet_scores``.

    ``movement`` asks for trend and surge, which routes may need anyway. ``reviewed`` reviews the stage of every row
    at every time something changed, for its history; the reviews stay in ``review_reached``. ``form`` is how the steps
    are written: for an engine, or for one query.
    """

    sheet: Sheet
    parsed: Parsed
    history: History
    spine: Spine
    movement: bool = False
    reviewed: bool = False
    form: StageForm = field(default_factory=lambda: ENGINE)

    @cached_property
    def stages(self) -> tuple[tuple[str, Stage], ...]:
        return self.sheet.thresholds.stages if self.sheet.thresholds else ()

    @cached_property
    def kept(self) -> list[tuple[str, Stage]]:
        """Stages that are kept until the total falls below ``keep``."""
        return [(name, stage) for name, stage in self.stages if stage.keep is not None]

    @cached_property
    def moves(self) -> bool:
        """Whether trend and surge are made."""
        return self.movement or self.parsed.asks("trend", "surge")

    @cached_property
    def main(self) -> SheetPass:
        """The pass over the rows that are asked for."""
        return self._pass(self.spine, "sheet", first=True)

    @property
    def dialect(self) -> Dialect:
        return self.history.engine.dialect

    @property
    def lines(self) -> str:
        """The ledger's lines by rule number, to read FROM."""
        return self.form.points.source(self.main)

    def passes(self) -> list[Pass]:
        """In order; see ``Pass``. An engine runs those of reviews in rounds (``scoring/reviews.py``)."""
        waiting, rows = Step("sheet_waiting", self.form.waiting(self)), self.review.spine
        reviews = (waiting, Step(rows.name, self.form.reviews(self)))
        kept = [Step("sheet_kept", _kept(self))] if self.kept else []
        reviewed = self.review_passes(reviews, *kept) if self.kept or self.reviewed else []
        return [*self.first_passes(), *reviewed, self.last_pass()]

    def first_passes(self) -> list[Pass]:
        """The rows that are asked for: points, and stages that are reached."""
        main = self.main
        week = [self._week(main)] if self.moves else []
        reached = self._again(self.spine, _reached(self, main))
        return [self._points(main, (), surge=self.moves), *week, reached]

    @cached_property
    def review(self) -> SheetPass:
        """The pass over the times at which the stage of a row is reviewed."""
        return self._pass(Spine(self.history.engine, "review_spine"), "review")

    def review_passes(self, before: tuple[Step, ...], *after: Step) -> list[Pass]:
        """Reviews: ``before`` makes ``review_spine``, ``after`` reads which stages were reached."""
        review = self.review
        week = [self._week(review)] if self.moves else []
        reached = self._again(review.spine, _reached(self, review), *after)
        return [self._points(review, before, surge=self.moves), *week, reached]

    def last_pass(self) -> Pass:
        """Stage and route of the rows that are asked for."""
        staged, scores = Step("sheet_staged", self.form.staged(self)), Step("sheet_scores", _scores(self))
        return self._again(self.spine, staged, scores)

    def _pass(self, spine: Spine, prefix: str, first: bool = False) -> SheetPass:
        plain = self.form.plain
        return SheetPass(
            sheet=self.sheet,
            parsed=self.parsed,
            history=self.history,
            spine=spine,
            prefix=prefix,
            first=first,
            plain=plain,
            alone=not (self.moves or self.kept or self.reviewed or plain),
        )

    def _points(self, p: SheetPass, before: tuple[Step, ...], surge: bool = False) -> Pass:
        return Pass(p.spine, before, tuple(point_steps(p, self.form.points, surge)))

    def _again(self, spine: Spine, *steps: Step) -> Pass:
        """Steps that read attributes of a spine; a pass in between may have left others behind."""
        other = self.moves or self.kept or self.reviewed
        attributes = attribute_steps(self.history, spine) if other and self.parsed.outcomes else ()
        return Pass(spine, (), (*attributes, *steps))

    def _week(self, p: SheetPass) -> Pass:
        """The totals of a week before each row, in ``<prefix>_week_base``."""
        rows = Spine(self.history.engine, f"{p.prefix}_week_spine")
        before = f"""
            SELECT s.row_id, s.lead_id, {self.dialect.minus("s.as_of", WEEK)} AS as_of, l.created_at
            FROM {p.spine} AS s
            JOIN leads AS l ON l.lead_id = s.lead_id
        """
        return self._points(self._pass(rows, f"{p.prefix}_week"), (Step(rows.name, before),))


def outcome_source(x: SheetPasses, p: SheetPass, staged: bool = False) -> str:
    """FROM clause with everything that stages and routes may ask for; ``v`` has a row per spine row."""
    own = ["b.*", "b.disqualified_by IS NOT NULL AS disqualified"]
    joins = ""
    if staged:
        own.append("g.stage")
        joins += " JOIN sheet_staged AS g ON g.row_id = b.row_id"
    if x.moves:
        own.append(f"{x.dialect.rounded('b.total - w.total', EXACT)} AS trend")
        joins += f" LEFT JOIN {p.prefix}_week_base AS w ON w.row_id = b.row_id"
    source = f"(SELECT {', '.join(own)} FROM {p.name('base')} AS b{joins}) AS v" + attribute_joins(x)
    keys = keyed_rules(x)
    if not keys:
        return source
    quoted = {x.dialect.quote(key): number for key, number in keys.items()}
    matched = ", ".join(
        f"{x.dialect.bool_or(f'u.rule = {number}')} AS {key}" for key, number in quoted.items()
    )
    filled = ", ".join(f"coalesce(h.{key}, FALSE) AS {key}" for key in quoted)
    return f"""
        {source}
        LEFT JOIN (
          SELECT b.row_id, {filled}
          FROM {p.name("base")} AS b
          LEFT JOIN (
            SELECT u.row_id, {matched}
            FROM {p.name("occurrences")} AS u
            WHERE u.rule IN ({listed(quoted.values())})
            GROUP BY u.row_id
          ) AS h ON h.row_id = b.row_id
        ) AS k ON k.row_id = v.row_id
    """


def attribute_joins(x: SheetPasses) -> str:
    """Joins to ``v`` of the attributes and features that stages and routes read."""
    tables = (
        ("lead", "lead_as_of", "l"),
        ("account", "account_as_of", "a"),
        ("feature", "sheet_features", "f"),
    )
    read = _read(x)
    return "".join(
        f" LEFT JOIN {table} AS {alias} ON {alias}.row_id = v.row_id"
        for prefix, table, alias in tables
        if any(name.startswith(f"{prefix}.") for name in read)
    )


def keyed_rules(x: SheetPasses) -> dict[str, int]:
    """By key, the numbers of the rules that stages and routes ask for."""
    read = _read(x)
    return {str(rule.key): n for n, rule in x.main.numbers.rules.items() if f"rule.{rule.key}" in read}


def _read(x: SheetPasses) -> set[str]:
    return {name for condition in x.parsed.outcomes for name in condition.columns_used}


def _reached(x: SheetPasses, p: SheetPass) -> Step:
    """Which stages are reached at each row; routes wait for the stage."""
    flags = "".join(
        f", coalesce({_holds(x, name, stage)}, FALSE) AS reached_{name}" for name, stage in x.stages
    )
    own = x.form.reached
    return Step(p.name("reached"), f"SELECT {own}{flags} FROM {x.form.source(x, p, False)}")


def _holds(x: SheetPasses, name: str, stage: Stage) -> str:
    parts = [] if stage.points is None else [f"v.total >= {stage.points!r}"]
    if name in x.parsed.stages:
        parts.append(x.parsed.stages[name].sql(x.dialect, _ALIASES))
    return f"({' AND '.join(parts)})"


def waiting_rows(x: SheetPasses) -> str:
    """The rows whose stage depends on what was before: not reached now, and not below ``keep``."""
    band = " OR ".join(f"NOT reached_{name} AND total >= {stage.keep!r}" for name, stage in x.kept)
    return f"SELECT row_id, lead_id, as_of FROM sheet_reached WHERE {'TRUE' if x.reviewed else band}"


def review_times(x: SheetPasses) -> str:
    """Every time at which something of the lead began or ceased to count, and just before and after it.

    Only of what is known by the row's own ``as_of``: a later event must not add a review of the past.
    """
    plus, rules = x.dialect.plus, x.main.numbers.actions
    created = "sheet_waiting AS w JOIN leads AS l ON l.lead_id = w.lead_id"
    times = [f"SELECT w.row_id, l.created_at AS moment FROM {created}"]
    times += [
        f"SELECT w.row_id, {plus('l.created_at', length)} AS moment FROM {created}"
        for length in sorted({rule.inactive_for for rule in rules.values() if rule.inactive_for})
    ]
    if x.main.event_conditions:
        source, marker = marked_matches(x.main, "h")
        events = f"""
            sheet_waiting AS w
            JOIN {source} ON h.lead_id = w.lead_id
            WHERE {BEGINS} < w.as_of AND (h.retracted_at IS NULL OR h.retracted_at > {BEGINS})
        """
        times.append(f"SELECT w.row_id, {BEGINS} AS moment FROM {events}")
        times.append(
            f"SELECT w.row_id, h.retracted_at AS moment FROM {events} AND h.retracted_at IS NOT NULL"
        )
        for length, numbers in lasting(x):
            ends = plus("h.occurred_at", length)
            lasts = f"{marker} IN ({listed(numbers)}) AND {ends} > {BEGINS}"
            times.append(f"SELECT w.row_id, {ends} AS moment FROM {events} AND {lasts}")
    around = UNION.join(
        f"SELECT row_id, {plus('moment', shift * MICROSECOND)} AS moment FROM ({part}) AS m"
        for part in times
        for shift in (-1, 0, 1)
    )
    return f"""
        SELECT
          row_number() OVER (ORDER BY d.of_row, d.as_of) AS row_id,
          d.of_row, w.lead_id, d.as_of, l.created_at
        FROM (SELECT DISTINCT row_id AS of_row, moment AS as_of FROM ({around}) AS m) AS d
        JOIN sheet_waiting AS w ON w.row_id = d.of_row
        JOIN leads AS l ON l.lead_id = w.lead_id
        WHERE d.as_of < w.as_of AND d.as_of >= l.created_at
    """


def lasting(x: SheetPasses) -> list[tuple[timedelta, list[int]]]:
    """How long an event counts for which rules: windows, times to zero, and inactivity that it ends."""
    lengths: dict[timedelta, set[int]] = {}
    for number, rule in x.main.numbers.actions.items():
        for length in (rule.within, rule.inactive_for, rule.decay.to_zero if rule.decay else None):
            if length is not None:
                lengths.setdefault(length, set()).add(number)
    return [(length, sorted(numbers)) for length, numbers in sorted(lengths.items())]


def _kept(x: SheetPasses) -> str:
    latest = ", ".join(
        f"max(CASE WHEN r.reached_{name} THEN r.as_of END) AS reached_{name}, "
        f"max(CASE WHEN r.total < {stage.keep!r} THEN r.as_of END) AS fell_{name}"
        for name, stage in x.kept
    )
    kept = ", ".join(
        f"(reached_{name} IS NOT NULL AND (fell_{name} IS NULL OR fell_{name} <= reached_{name})) AS kept_{name}"
        for name, _ in x.kept
    )
    return f"""
        SELECT row_id, {kept}
        FROM (
          SELECT s.of_row AS row_id, {latest}
          FROM review_reached AS r
          JOIN review_spine AS s ON s.row_id = r.row_id
          GROUP BY s.of_row
        ) AS k
    """


def stage_sql(x: SheetPasses, base: str) -> str:
    """CASE of the stage; ``base`` is the alias of the row's total and disqualifier."""
    whens = [f"WHEN {base}.disqualified_by IS NOT NULL THEN 'Disqualified'"]
    for name, stage in x.stages:
        kept = ""
        if stage.keep is not None:
            kept = f" OR coalesce(h.kept_{name}, FALSE) AND {base}.total >= {stage.keep!r}"
        whens.append(f"WHEN g.reached_{name}{kept} THEN '{name}'")
    return f"CASE {' '.join(whens)} ELSE 'Lead' END"


def staged_rows(x: SheetPasses) -> str:
    """``row_id, stage``."""
    return f"""
        SELECT b.row_id, {stage_sql(x, "b")} AS stage
        FROM sheet_base AS b
        JOIN sheet_reached AS g ON g.row_id = b.row_id
        {"LEFT JOIN sheet_kept AS h ON h.row_id = b.row_id" if x.kept else ""}
    """


def _scores(x: SheetPasses) -> str:
    names = ["row_id", "lead_id", "as_of", *x.sheet.all_dimensions, "total", "score", "grade", "product"]
    names += ["disqualified_by", *(["trend", "surge"] if x.moves else []), "stage"]
    columns = ", ".join(f"v.{x.dialect.quote(name)}" for name in names)
    whens = " ".join(
        f"WHEN {condition.sql(x.dialect, _ALIASES)} THEN {number}"
        for number, condition in enumerate(x.parsed.routes)
    )
    route = f"CASE {whens} END" if whens else "CAST(NULL AS BIGINT)"
    return f"SELECT {columns}, {route} AS route FROM {x.form.source(x, x.main, True)}"


@dataclass(frozen=True, kw_only=True)
class StageForm:
    """How the steps are written that have two forms: for an engine, which keeps each table, and for one query.

    ``reached`` are the columns of ``…_reached`` besides the flags; ``plain`` as in ``SheetPass``.
    """

    points: PointForm
    source: Callable[[SheetPasses, SheetPass, bool], str] = outcome_source
    reached: str = "v.row_id, v.lead_id, v.as_of, v.total"
    staged: Callable[[SheetPasses], str] = staged_rows
    waiting: Callable[[SheetPasses], str] = waiting_rows
    reviews: Callable[[SheetPasses], str] = review_times
    plain: bool = False


ENGINE: StageForm = StageForm(points=PointForm())

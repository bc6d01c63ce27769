"""Score every row of a spine by a sheet, with the dated lines that sum to each score."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from leadlens.features.engines import Step
from leadlens.features.history import History
from leadlens.features.matrix import make_features
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.contradictions import STARTING
from leadlens.models.scorecard.language.parsing import parse_conditions
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.occurrences import UNDATED, UNION
from leadlens.models.scorecard.scoring.reviews import review_stages
from leadlens.models.scorecard.scoring.stage_and_route import Pass, SheetPasses

LEDGER_COLUMNS = (
    "row_id",
    "lead_id",
    "dimension",
    "rule",
    "occurred_at",
    "detail",
    "raw_points",
    "taken_by_decay",
    "taken_by_cap",
    "points",
)


@dataclass(frozen=True)
class SheetScores:
    """What a sheet says about every row of a spine.

    Attributes
    ----------
    sheet : the sheet.
    scores : one row per spine row, by row_id: ``row_id``, ``lead_id``, ``as_of``, ``fit``, ``engagement``,
        the sheet's own dimensions, ``total``, ``score`` (0–100), ``grade`` (A4 … D1), ``stage`` (Lead, MQL, SQL,
        Disqualified), ``disqualified_by`` (the label, else missing), ``product`` (the product line with the most
        points), ``route``, ``action``, ``queue`` and ``reason`` of the first route that matches, and, where asked for,
        ``trend`` (points won in the last 7 days) and ``surge`` (engagement of the last 7 days less the weekly mean
        of the three weeks before). Points stay when disqualified.
    ledger : one row per line and dimension, by row, dimension and time: ``row_id``, ``lead_id``,
        ``dimension``, ``rule`` (its label), ``occurred_at`` (missing for attributes and starting points),
        ``detail`` (the values read), ``raw_points``, ``taken_by_decay``, ``taken_by_cap``, ``points``: raw_points less
        what was taken. The points of a dimension sum to its column in ``scores``.
    """

    sheet: Sheet
    scores: pd.DataFrame
    ledger: pd.DataFrame
    undecided: int = 0

    def lines(self, row_id: int) -> pd.DataFrame:
        """The ledger of one spine row."""
        return self.ledger[self.ledger["row_id"] == row_id].reset_index(drop=True)

    def by_rule(self) -> pd.DataFrame:
        """Points counted for the total, (rows, rules): 0 where a rule does not match.

        One column per rule of the sheet in its order, named by label; starting points, alike for all, are
        left out, so a row sums to ``total`` less those.
        """
        labels = [rule.label for rule in self.sheet.rules]
        rows, lines = self.scores["row_id"].to_numpy(), self.ledger
        codes, names = lines["rule"].factorize()  # texts are compared once each, not once a line
        rule = np.append(pd.Index(labels).get_indexer(pd.Index(names)), -1)[codes]
        counted = lines["dimension"].isin(self.sheet.total).to_numpy() & (rule >= 0)
        row = np.searchsorted(rows, lines["row_id"].to_numpy()[counted])
        cells = lines["points"][counted].groupby(row * len(labels) + rule[counted]).sum()
        points = np.zeros((len(rows), len(labels)))
        points.ravel()[cells.index.to_numpy()] = cells.to_numpy()
        return pd.DataFrame(points, index=pd.Index(rows, name="row_id"), columns=labels)

    def _repr_html_(self) -> str:
        stages = self.scores["stage"].value_counts()
        text = ", ".join(f"{count:,} {stage}" for stage, count in stages.items())
        text = f"<p><b>{self.sheet.name}</b> {self.sheet.version}: {text or 'no rows'}</p>"
        return text + self.scores.head(10).to_html(index=False)


def score_sheet(
    sheet: Sheet,
    history: History,
    spine: Spine,
    *,
    ledger: bool = True,
    movement: bool = False,
    plan: FeaturePlan | None = None,
) -> SheetScores:
    """Score the rows of a spine by a sheet: a function of the history at each ``as_of``.

    An event counts if it occurred and was known strictly before ``as_of``, and, with ``within``, did not
    occur before ``as_of - within``. Attributes have the value they had then. With ``ledger=False`` the lines
    are not read out (the frame is empty), which halves the time. ``movement`` adds ``trend`` and ``surge``, which
    costs a second pass, a week before. ``plan`` holds the features that conditions may name (by default all).

    Raises ``UsageError`` for a condition that the history's columns do not support.
    """
    engine = history.engine
    with _scored(sheet, history, spine, movement, plan) as (passes, undecided):
        scores = engine.frame("SELECT * FROM sheet_scores ORDER BY row_id")
        lines = engine.frame(
            f"{ledger_sql(passes)}{'' if ledger else ' WHERE FALSE'} "
            "ORDER BY row_id, dimension, occurred_at NULLS FIRST, rule, abs(points) DESC, detail NULLS FIRST"
        )
    return SheetScores(sheet, _scores(scores, sheet), _ledger(lines, scores, sheet), undecided)


def write_sheet(
    sheet: Sheet,
    history: History,
    spine: Spine,
    *,
    scores: Path,
    ledger: Path,
    movement: bool = False,
    plan: FeaturePlan | None = None,
) -> None:
    """The same as Parquet, never whole in memory: columns of ``SheetScores``, in no particular order."""
    engine, literal = history.engine, history.engine.dialect.literal
    with _scored(sheet, history, spine, movement, plan) as (passes, _):

        def names_of(names: tuple[str, ...]) -> str:
            rows = ", ".join(f"({number}, {literal(name)})" for number, name in enumerate(names))
            return f"(SELECT * FROM (VALUES {rows}) AS t(number, name))"

        def named(column: str, names: list[str]) -> str:
            whens = " ".join(f"WHEN {number} THEN {literal(name)}" for number, name in enumerate(names))
            return f"CASE {column} {whens} END" if names else f"CAST(NULL AS {engine.dialect.text_type})"

        dimensions = [engine.dialect.quote(name) for name in sheet.all_dimensions]
        columns = ["row_id", "lead_id", "as_of", *dimensions, "total", "score", "grade", "stage", "product"]
        columns += ["trend", "surge"] if passes.moves else []
        columns += [
            f"{named('disqualified_by', [rule.label for rule in sheet.disqualify])} AS disqualified_by",
            f"{named('route', [route.label for route in sheet.routes])} AS route",
            f"{named('route', [route.action for route in sheet.routes])} AS action",
        ]
        engine.write(f"SELECT {', '.join(columns)} FROM sheet_scores", scores)
        engine.write(
            f"""
            SELECT
              n.row_id, s.lead_id, d.name AS dimension, l.name AS rule, n.occurred_at, n.detail, n.raw_points,
              n.raw_points - n.decayed AS taken_by_decay, n.decayed - n.points AS taken_by_cap, n.points
            FROM ({ledger_sql(passes)}) AS n
            JOIN {spine} AS s ON s.row_id = n.row_id
            JOIN {names_of(rule_labels(sheet))} AS l ON l.number = n.rule
            JOIN {names_of(sheet.all_dimensions)} AS d ON d.number = n.dimension
            """,
            ledger,
        )


def rule_labels(sheet: Sheet) -> tuple[str, ...]:
    """Labels by rule number: the starting points of each dimension, attributes, actions."""
    return (*(STARTING for _ in sheet.all_dimensions), *(rule.label for rule in sheet.rules))


def ledger_sql(passes: SheetPasses) -> str:
    """SELECT of all lines after the passes: one per line and dimension that it moves, by number."""
    sheet, numbers = passes.sheet, passes.main.numbers
    places = {name: place for place, name in enumerate(sheet.all_dimensions)}
    moves = [(n, places[name]) for n, rule in numbers.rules.items() for name in rule.moves]
    values = ", ".join(f"({n}, {place})" for n, place in moves or [(-1, -1)])
    parts = [
        f"""
        SELECT n.row_id, m.dimension, n.rule, n.occurred_at, n.detail, n.raw_points, n.decayed, n.points
        FROM {passes.lines} AS n
        JOIN (SELECT * FROM (VALUES {values}) AS v(rule, dimension)) AS m ON m.rule = n.rule
        """
    ]
    for name, points in sheet.base.items():
        given, place = passes.dialect.as_double(points), places[name]
        parts.append(f"""
            SELECT s.row_id, {place}, {place}, {UNDATED}, {passes.main.no_text}, {given}, {given}, {given}
            FROM {passes.spine} AS s
        """)
    return f"SELECT * FROM ({UNION.join(parts)}) AS n"


@contextmanager
def _scored(
    sheet: Sheet, history: History, spine: Spine, movement: bool, plan: FeaturePlan | None
) -> Iterator[tuple[SheetPasses, int]]:
    parsed = parse_conditions(sheet, history, plan)
    passes = SheetPasses(sheet=sheet, parsed=parsed, history=history, spine=spine, movement=movement)
    with history.engine.unordered(), passes_run(passes) as undecided:
        yield passes, undecided


@contextmanager
def passes_run(passes: SheetPasses) -> Iterator[int]:
    """Run the passes in order; their tables are there inside, and dropped at the end. Yields ``SheetScores.undecided``."""
    history, made = passes.history, list[str]()

    def run(steps: tuple[Step, ...]) -> None:
        made.extend(step.name for step in steps)
        history.engine.run(steps)

    of: Spine | None = None  # whose features are in ``sheet_features``

    def run_pass(item: Pass) -> None:
        nonlocal of
        run(item.before)
        if item.steps and passes.parsed.plan is not None and (item.before or item.spine != of):
            made.append("sheet_features")
            make_features(history, passes.parsed.plan, item.spine, "sheet_features")
            of = item.spine
        run(item.steps)

    undecided = 0
    try:
        if passes.kept and not passes.reviewed:
            for item in passes.first_passes():
                run_pass(item)
            undecided = review_stages(passes, run_pass)
            run_pass(passes.last_pass())
        else:
            for item in passes.passes():
                run_pass(item)
        yield undecided
    finally:
        history.engine.drop(*dict.fromkeys(made))


def _scores(frame: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    disqualified, route = frame["disqualified_by"].fillna(-1), frame["route"].fillna(-1)
    routes = sheet.routes
    moved = [name for name in ("trend", "surge") if name in frame]
    columns = ["row_id", "lead_id", "as_of", *sheet.all_dimensions, "total", "score", "grade", "stage"]
    return frame[columns].assign(
        disqualified_by=_named(disqualified, [rule.label for rule in sheet.disqualify]),
        product=frame["product"].astype("str"),
        route=_named(route, [route.label for route in routes]),
        action=_named(route, [route.action for route in routes]),
        queue=_named(route, [route.queue for route in routes]),
        reason=_named(route, [route.reason or route.label for route in routes]),
        **{name: frame[name].astype("float64") for name in moved},
    )


def _ledger(lines: pd.DataFrame, scores: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    at = np.searchsorted(scores["row_id"].to_numpy(), lines["row_id"].to_numpy())
    named = lines.assign(
        lead_id=scores["lead_id"].take(at).set_axis(lines.index),
        dimension=_named(lines["dimension"], sheet.all_dimensions),
        rule=_named(lines["rule"], rule_labels(sheet)),
        detail=lines["detail"].astype("str"),
        # adding 0 turns -0.0, which a cap makes of a negative rule, into 0.0
        points=lines["points"] + 0.0,
        taken_by_decay=(lines["raw_points"] - lines["decayed"]).round(9) + 0.0,
        taken_by_cap=(lines["decayed"] - lines["points"]).round(9) + 0.0,
    )
    return named[list(LEDGER_COLUMNS)]


def _named(codes: pd.Series, names: list[str | None] | list[str] | tuple[str, ...]) -> pd.Series:
    """Numbers to names; -1 is missing."""
    lookup = pd.array([*names, None], dtype="str")
    return pd.Series(lookup.take(codes.to_numpy(dtype=np.int64)), index=codes.index)

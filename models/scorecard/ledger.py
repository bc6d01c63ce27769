"""Score every row of a spine by a sheet, with the dated lines that sum to each score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.history import History
from models.scorecard.points import TABLES, compile_sheet, rule_labels
from models.scorecard.sheet import Sheet

LEDGER_COLUMNS = (
    "row_id",
    "lead_id",
    "dimension",
    "rule",
    "occurred_at",
    "raw_points",
    "points",
    "taken_by_cap",
)


@dataclass(frozen=True)
class SheetScores:
    """What a sheet says about every row of a spine.

    Attributes
    ----------
    sheet : the sheet.
    scores : one row per spine row, by row_id: ``row_id``, ``lead_id``, ``as_of``, ``fit``, ``engagement``,
        the sheet's own dimensions, ``total`` = fit + engagement, ``grade`` (A4 … D1), ``stage`` (Lead, MQL,
        SQL, Disqualified) and ``disqualified_by`` (the label, else missing). Points stay when disqualified.
    ledger : one row per line and dimension, by row, dimension and time: ``row_id``, ``lead_id``,
        ``dimension``, ``rule`` (its label), ``occurred_at`` (missing for attributes and starting points),
        ``raw_points``, ``points``, ``taken_by_cap`` (raw_points less points). The points of a dimension sum
        to its column in ``scores``.
    """

    sheet: Sheet
    scores: pd.DataFrame
    ledger: pd.DataFrame

    def lines(self, row_id: int) -> pd.DataFrame:
        """The ledger of one spine row."""
        return self.ledger[self.ledger["row_id"] == row_id].reset_index(drop=True)

    def by_rule(self) -> pd.DataFrame:
        """Points counted for fit or engagement, (rows, rules): 0 where a rule does not hold.

        One column per rule of the sheet in its order, named by label; starting points, alike for all, are
        left out, so a row sums to ``total`` less those.
        """
        labels = [rule.label for rule in self.sheet.rules]
        counted = self.ledger[self.ledger["dimension"].isin(("fit", "engagement"))]
        found = counted.pivot_table(
            index="row_id", columns="rule", values="points", aggfunc="sum", observed=False
        )
        return found.reindex(index=self.scores["row_id"], columns=labels).astype("float64").fillna(0.0)

    def _repr_html_(self) -> str:
        stages = self.scores["stage"].value_counts()
        told = ", ".join(f"{count:,} {stage}" for stage, count in stages.items())
        told = f"<p><b>{self.sheet.name}</b> {self.sheet.version}: {told or 'no rows'}</p>"
        return told + self.scores.head(10).to_html(index=False)


def score_sheet(
    sheet: Sheet, history: History, spine_table: str = "spine", ledger: bool = True
) -> SheetScores:
    """Score ``spine_table(row_id, lead_id, as_of, …)`` by ``sheet``: a function of the history at each as_of.

    An event counts if it occurred and was known strictly before ``as_of``, and, with ``within``, did not
    occur before ``as_of - within``. Attributes have the value they had then. With ``ledger=False`` the lines
    are not read out (the frame is empty), which halves the time.

    Raises ``UsageError`` for a condition that the history's columns do not support.
    """
    engine = history.engine
    engine.run(compile_sheet(sheet, history, spine_table))
    try:
        spine = engine.dialect.quote(spine_table)
        scores = engine.frame(
            f"SELECT s.lead_id, s.as_of, t.* FROM sheet_scores AS t JOIN {spine} AS s ON s.row_id = t.row_id "
            "ORDER BY t.row_id"
        )
        lines = engine.frame(
            "SELECT * FROM sheet_ledger "
            + ("" if ledger else "WHERE FALSE ")
            + "ORDER BY row_id, dimension, occurred_at NULLS FIRST, rule, abs(points) DESC"
        )
    finally:
        engine.drop(*(f"sheet_{name}" for name in TABLES))
    return SheetScores(sheet, _scores(scores, sheet), _ledger(lines, scores, sheet))


def _scores(frame: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    reasons = _named(frame["bar"].fillna(-1), [bar.label for bar in sheet.disqualify])
    columns = ["row_id", "lead_id", "as_of", *sheet.all_dimensions, "total", "grade", "stage"]
    return frame[columns].assign(disqualified_by=reasons)


def _ledger(lines: pd.DataFrame, scores: pd.DataFrame, sheet: Sheet) -> pd.DataFrame:
    at = np.searchsorted(scores["row_id"].to_numpy(), lines["row_id"].to_numpy())
    named = lines.assign(
        lead_id=scores["lead_id"].take(at).set_axis(lines.index),
        dimension=_named(lines["dimension"], sheet.all_dimensions),
        rule=_named(lines["rule"], rule_labels(sheet)),
        # adding 0 turns -0.0, which a cap makes of a negative rule, into 0.0
        points=lines["points"] + 0.0,
        taken_by_cap=(lines["raw_points"] - lines["points"]).round(9) + 0.0,
    )
    return named[list(LEDGER_COLUMNS)]


def _named(codes: pd.Series, names: list[str] | tuple[str, ...]) -> pd.Series:
    """Numbers to names; -1 is missing."""
    lookup = pd.array([*names, None], dtype="str")
    return pd.Series(lookup.take(codes.to_numpy(dtype=np.int64)), index=codes.index)

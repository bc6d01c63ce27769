"""The out-of-time leads that both lenses are judged on, checked once and kept as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.errors import DataError, UsageError
from leadlens.models.scale import AVERAGE_SCORE, POINTS_PER_LOG_ODDS
from leadlens.models.scale import score as on_the_scale
from leadlens.models.statistics import logit

Floats = NDArray[np.float64]

MODEL = "leadlens"
RULES = "scorecard"
LENSES = (MODEL, RULES)

_OF_MODEL = ("row_id", "lead_id", "as_of", "label", "probability", "score", "grade")
_OF_RULES = ("rule_points", "rule_probability", "rule_grade", "rule_stage", "disqualified")


@dataclass(frozen=True, kw_only=True)
class Lens:
    """One way to rank the leads.

    ``rank`` orders them (higher = call first, ties allowed); ``probability`` is the predicted conversion.
    They differ for the score sheet: a disqualified lead ranks last, whatever its points.
    """

    name: str
    rank: NDArray[np.float64]
    probability: NDArray[np.float64]
    score: NDArray[np.float64]
    grade: NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class JudgedRows:
    """The model on out-of-time rows.

    ``lead`` numbers the leads 0..n-1, so that the bootstrap draws all snapshots of a lead together.
    ``tie_break`` is a fixed shuffle of ``row_id``: where a list is cut through equal scores, neither early nor
    late rows are favoured, and the same rows are taken every time.
    """

    frame: pd.DataFrame
    label: NDArray[np.float64]
    lead: NDArray[np.int64]
    tie_break: NDArray[np.uint64]
    model: Lens

    @property
    def lenses(self) -> tuple[Lens, ...]:
        return (self.model,)

    @cached_property
    def leads(self) -> int:
        return int(self.lead.max()) + 1

    @cached_property
    def as_of(self) -> NDArray[np.int64]:
        """When each row was looked at, in microseconds; the least number there is where no time is known."""
        return pd.to_datetime(self.frame["as_of"]).to_numpy().astype("datetime64[us]").view(np.int64)

    @cached_property
    def left_at(self) -> NDArray[np.datetime64] | None:
        """When each row's lead converted or closed after it, NaT if it has not; ``None`` where that, or a row's time, is not known."""
        if "left_at" not in self.frame or self.frame["as_of"].isna().any():
            return None
        return pd.to_datetime(self.frame["left_at"]).to_numpy().astype("datetime64[us]")

    @cached_property
    def in_time(self) -> NDArray[np.intp]:
        """The rows lead by lead, those of a lead in order of time (of ``row_id`` where no time is known)."""
        return np.lexsort((self.frame["row_id"].to_numpy(), self.as_of, self.lead))

    @cached_property
    def converted(self) -> NDArray[np.bool_]:
        """Per lead: whether any of its rows is followed by a conversion."""
        return np.bincount(self.lead, self.label, self.leads) > 0

    def of_leads(self, per_row: Floats) -> Floats:
        """Of each lead the value of its rows, where they have the same."""
        value = np.empty(self.leads)
        value[self.lead] = per_row
        return value

    @classmethod
    def of(cls, frame: pd.DataFrame) -> JudgedRows:
        """Check a frame as that of :meth:`Judged.of`, without the columns of a sheet; raises the same."""
        _check(frame, _OF_MODEL)
        return JudgedRows(**_rows_and_model(frame.reset_index(drop=True)))


@dataclass(frozen=True, kw_only=True)
class Judged(JudgedRows):
    """Both lenses on the same rows."""

    rules: Lens

    @property
    def lenses(self) -> tuple[Lens, ...]:
        return self.model, self.rules

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Judged:
        """Check a ``judged`` frame, one row per out-of-time (lead, as_of).

        Raises
        ------
        UsageError : a column is missing.
        DataError : no row, a row twice, a label that is not 0 or 1, one class only, a probability outside
            [0, 1], a score or points that are not finite.
        """
        _check(frame, (*_OF_MODEL, *_OF_RULES))
        frame = frame.reset_index(drop=True)
        probability = frame["probability"].to_numpy(np.float64)
        rule_probability = frame["rule_probability"].to_numpy(np.float64)
        score = frame["score"].to_numpy(np.float64)
        points = frame["rule_points"].to_numpy(np.float64)
        out = frame["disqualified"].to_numpy(bool)
        return cls(
            **_rows_and_model(frame),
            rules=Lens(
                name=RULES,
                rank=np.where(out, -np.inf, points),
                probability=rule_probability,
                score=on_the_scale(logit(rule_probability), average_log_odds(probability, score)),
                grade=frame["rule_grade"].to_numpy(object),
            ),
        )


def _rows_and_model(frame: pd.DataFrame) -> dict[str, Any]:
    """The fields that both kinds of judged rows have, of a checked frame."""
    probability = frame["probability"].to_numpy(np.float64)
    return {
        "frame": frame,
        "label": frame["label"].to_numpy(np.float64),
        "lead": pd.factorize(frame["lead_id"])[0].astype(np.int64),
        "tie_break": _shuffled(frame["row_id"].to_numpy(np.int64)),
        "model": Lens(
            name=MODEL,
            rank=probability,
            probability=probability,
            score=frame["score"].to_numpy(np.float64),
            grade=frame["grade"].to_numpy(object),
        ),
    }


def without_times(judged: pd.DataFrame) -> pd.DataFrame:
    """The rows without times, where these stand for an order, or for nothing."""
    return judged.assign(as_of=np.full(len(judged), np.datetime64("NaT", "us")))


def average_log_odds(probability: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """The log-odds that score 50, read back from scored rows."""
    return float(np.median(logit(probability) - (score - AVERAGE_SCORE) / POINTS_PER_LOG_ODDS))


def _check(frame: pd.DataFrame, needed: tuple[str, ...]) -> None:
    for column in needed:
        if column not in frame.columns:
            raise UsageError(
                f"the judged rows have no column {column!r}",
                value=column,
                known=frame.columns,
                why="rules and model are judged side by side on the same rows",
                fix="name a score sheet under `scorecards:`" if column.startswith("rule_") else None,
            )
    if frame.empty:
        raise DataError(
            "no out-of-time lead to judge on",
            why="a lead counts only when its horizon has passed before the data ends",
            fix="start the test period earlier (`judge: test_from`) or shorten the horizon",
        )
    if frame["row_id"].duplicated().any():
        raise DataError(
            "a row occurs twice among the judged rows", value=_first(frame, frame["row_id"].duplicated())
        )
    label = pd.to_numeric(frame["label"], errors="coerce")
    if not label.isin([0, 1]).all():
        raise DataError(
            "a judged row has no outcome yet",
            value=_first(frame, ~label.isin([0, 1])),
            why="an immature row would count as not converted although the lead may still convert",
        )
    if label.nunique() < 2:
        outcome = "every judged lead converted" if label.iloc[0] == 1 else "no judged lead converted"
        raise DataError(
            outcome,
            value=f"{len(frame)} rows",
            why="without both outcomes no ranking can be measured",
            fix="widen the test period, or check `outcome:` in the project file",
        )
    for column in {"probability", "rule_probability"} & set(needed):
        bad = ~pd.to_numeric(frame[column], errors="coerce").between(0, 1)
        if bad.any():
            raise DataError(f"{column} must lie between 0 and 1", value=_first(frame, bad))
    for column in {"score", "rule_points"} & set(needed):
        bad = ~np.isfinite(pd.to_numeric(frame[column], errors="coerce"))
        if bad.any():
            raise DataError(f"{column} must be a finite number", value=_first(frame, bad))


def _first(frame: pd.DataFrame, bad: pd.Series) -> str:
    row = frame[bad].iloc[0]
    return f"lead {row['lead_id']}, row {row['row_id']}"


def _shuffled(row_id: NDArray[np.int64]) -> NDArray[np.uint64]:
    """SplitMix64: a fixed one-to-one scrambling of 64-bit integers (Steele, Lea & Flood 2014)."""
    with np.errstate(over="ignore"):
        z = row_id.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

"""The model of a lead: sheet, additive part and trees in one sum, on the common scale, saved as text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.errors import DataError
from leadlens.models.learners.calibration import AffineCalibration
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.linear import AdditiveLogistic
from leadlens.models.learners.saved_trees import SavedTrees
from leadlens.models.learners.tree_check import MOST_BYTES
from leadlens.models.scale import POINTS_PER_LOG_ODDS, score
from leadlens.models.scorecard.scoring.probability import PointsCalibration
from leadlens.models.statistics import expit

if TYPE_CHECKING:
    from leadlens.models.learners.classifier import LeadClassifier

Floats = NDArray[np.float64]
RulePoints = pd.Series | pd.DataFrame | None
FORMAT = 1
_MODEL, _TREES = "model.json", "trees.txt"


class Explanation(NamedTuple):
    """``base_value + contributions.sum(axis=1) == score`` for every row, to 1e-6."""

    base_value: float
    contributions: pd.DataFrame


@dataclass(frozen=True)
class SheetPrior:
    """The hand-written sheet as a part of the model.

    Attributes
    ----------
    names : the columns of its points; their sum is the sheet's total.
    line : total points -> log-odds.
    centre : average points per name; average points contribute zero.
    """

    names: tuple[str, ...]
    line: PointsCalibration
    centre: tuple[float, ...]

    def points(self, given: RulePoints, rows: int) -> Floats:
        """Points per row and name. Raises ``DataError`` where they are absent or have gaps."""
        if given is None:
            raise DataError(
                "the model starts from the score sheet's points, and none were given",
                value=list(self.names),
                fix="score the sheet on the same rows first",
            )
        frame = given.to_frame(self.names[0]) if isinstance(given, pd.Series) else given
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise DataError(
                "points of the sheet are missing", value=absent, known=[str(c) for c in frame.columns]
            )
        points = frame[list(self.names)].to_numpy(dtype=np.float64)
        if len(points) != rows or not np.isfinite(points).all():
            raise DataError(
                "the sheet must give every row its points",
                value=f"{len(points)} rows for {rows}, or gaps in them",
            )
        return points


@dataclass(frozen=True, kw_only=True)
class LeadModel:
    """A fitted model; ``leadlens.models.training.train_model`` makes one.

    ``log-odds = calibration(weights · (sheet line, additive part, trees))``, where the latter two may start
    from the sheet's line themselves. All of it is a sum over columns, so explanations are exact.

    Attributes
    ----------
    encoding : the feature columns and their categories.
    average_log_odds : of the average recent lead, which scores 50.
    sheet, linear, trees : the parts; None where the model has none.
    weights : shares of the three, 0 for a part that is not there.
    trees_on_sheet : the trees were grown from the sheet's line.
    calibration : the last step; its slope shrinks the blend as far as the folds showed it overconfident.
    about : how it was trained (rows, conversions, settings); JSON values.
    """

    encoding: Encoding
    average_log_odds: float
    sheet: SheetPrior | None = None
    linear: AdditiveLogistic | None = None
    trees: LeadClassifier | SavedTrees | None = None
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0)
    trees_on_sheet: bool = False
    calibration: AffineCalibration = field(default_factory=AffineCalibration)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns it reads."""
        return self.encoding.names

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The columns of the sheet's points it reads; empty without a sheet."""
        return self.sheet.names if self.sheet else ()

    def log_odds(self, frame: pd.DataFrame, rule_points: RulePoints = None) -> Floats:
        """Calibrated log-odds, one per row of ``frame``."""
        return self.calibration.log_odds(
            self.margin(self.encoding.encode(frame), self._sheet_points(frame, rule_points))
        )

    def predict_proba(self, frame: pd.DataFrame, rule_points: RulePoints = None) -> Floats:
        """Probability of conversion within the horizon, one per row."""
        return expit(self.log_odds(frame, rule_points))

    def score(self, frame: pd.DataFrame, rule_points: RulePoints = None) -> Floats:
        """Unrounded score: 50 is the average lead, ten points double the odds."""
        return score(self.log_odds(frame, rule_points), self.average_log_odds)

    def explain(self, frame: pd.DataFrame, rule_points: RulePoints = None) -> Explanation:
        """Points per column and, beside them, per column of the sheet's points.

        Parameters
        ----------
        frame : the feature columns, found by name.
        rule_points : the sheet's total per row, or its parts as named at training.
        """
        # Column by column in memory: so the parts are made, and so reasons are chosen.
        matrix, points = self.encoding.encode(frame, order="F"), self._sheet_points(frame, rule_points)
        names = (*self.encoding.names, *self.rule_names)
        parts, base = np.zeros((len(matrix), len(names)), order="F"), 0.0
        of_features, of_rules = parts[:, : matrix.shape[1]], parts[:, matrix.shape[1] :]
        _, linear, trees = self.weights
        if self.linear is not None and linear:
            self.linear.add_to(of_features, matrix, linear)
            base += linear * self.linear.intercept
        if self.trees is not None and trees and len(matrix):
            base += trees * self.trees.add_to(of_features, matrix, trees)
        if self.sheet is not None and points is not None:
            slope, intercept = self._sheet_line()
            centre = np.array(self.sheet.centre)
            of_rules += slope * (points - centre)
            base += intercept + slope * float(centre.sum())
        base = self.calibration.apply_to(base, parts)
        parts *= POINTS_PER_LOG_ODDS
        return Explanation(
            float(score(base, self.average_log_odds)),
            pd.DataFrame(parts, columns=list(names), index=frame.index),
        )

    def margin(self, matrix: Floats, points: Floats | None) -> Floats:
        """Log-odds before calibration, of encoded rows."""
        total = np.zeros(len(matrix))
        _, linear, trees = self.weights
        if self.linear is not None and linear:
            total += linear * self.linear.margin(matrix)
        if self.trees is not None and trees and len(matrix):
            total += trees * self.trees.decision_function(matrix)
        if self.sheet is not None and points is not None:
            slope, intercept = self._sheet_line()
            total += intercept + slope * points.sum(axis=1)
        return total

    def save(self, folder: str | Path) -> None:
        """Write ``model.json`` and ``trees.txt``; nothing in them is code."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        data = self.to_dict()
        trees = data["trees"].pop("trees") if data["trees"] else ""
        data["trees_sha256"] = hashlib.sha256(trees.encode()).hexdigest()
        (folder / _TREES).write_text(trees, encoding="utf-8", newline="\n")
        text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
        (folder / _MODEL).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, folder: str | Path) -> LeadModel:
        """Read what ``save`` wrote; predictions come out bit for bit.

        Raises ``DataError`` for a folder without a model, another format, or files that were changed.
        """
        folder = Path(folder)
        try:
            data = json.loads(_bounded_text(folder / _MODEL))
            trees = _bounded_text(folder / _TREES)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(
                "this folder holds no readable model", value=str(folder), why=str(error)
            ) from None
        if isinstance(data, dict) and data.get("leadlens_model") == FORMAT:
            if hashlib.sha256(trees.encode()).hexdigest() != data.pop("trees_sha256", None):
                raise DataError(
                    "the trees of this model were changed after it was saved",
                    where=str(folder / _TREES),
                    why="scores would not be those of the model that was judged",
                    fix="restore the file, or train again",
                )
            if data.get("trees"):
                data["trees"]["trees"] = trees
        return cls.from_dict(data)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the trees as LightGBM's own text."""
        return {
            "leadlens_model": FORMAT,
            "encoding": self.encoding.to_dict(),
            "average_log_odds": self.average_log_odds,
            "sheet": self.sheet
            and {
                "names": list(self.sheet.names),
                "line": self.sheet.line.as_dict(),
                "centre": list(self.sheet.centre),
            },
            "linear": self.linear and self.linear.to_dict(),
            "trees": self.trees and self.trees.to_dict(),
            "weights": list(self.weights),
            "trees_on_sheet": self.trees_on_sheet,
            "calibration": self.calibration.to_dict(),
            "about": self.about,
        }

    @classmethod
    def from_dict(cls, data: Any) -> LeadModel:
        """The inverse of ``to_dict``. Raises ``DataError`` for another format or missing entries."""
        if not isinstance(data, dict) or data.get("leadlens_model") != FORMAT:
            raise DataError(
                "this model was saved in a format that this version does not read",
                value=data.get("leadlens_model") if isinstance(data, dict) else type(data).__name__,
                why=f"it reads format {FORMAT}",
                fix="use the version of Leadlens that saved it, or train again",
            )
        try:
            sheet = data["sheet"] and SheetPrior(
                tuple(data["sheet"]["names"]),
                PointsCalibration(**data["sheet"]["line"]),
                tuple(data["sheet"]["centre"]),
            )
            return cls(
                encoding=Encoding.from_dict(data["encoding"]),
                average_log_odds=float(data["average_log_odds"]),
                sheet=sheet,
                linear=data["linear"] and AdditiveLogistic.from_dict(data["linear"]),
                trees=data["trees"] and SavedTrees.of(data["trees"]),
                weights=tuple(map(float, data["weights"])),  # type: ignore[arg-type]
                trees_on_sheet=bool(data["trees_on_sheet"]),
                calibration=AffineCalibration(**data["calibration"]),
                about=data["about"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("this model's file is damaged", why=f"{type(error).__name__}: {error}") from None

    def _sheet_points(self, frame: pd.DataFrame, given: RulePoints) -> Floats | None:
        return None if self.sheet is None else self.sheet.points(given, len(frame))

    def _sheet_line(self) -> tuple[float, float]:
        """Slope per point and intercept of all parts that start from the sheet, before calibration."""
        assert self.sheet is not None
        own, linear, trees = self.weights
        times = own
        times += linear * self.linear.prior_slope if self.linear is not None else 0.0
        times += trees if self.trees is not None and self.trees_on_sheet else 0.0
        return times * self.sheet.line.b, times * self.sheet.line.a


def _bounded_text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path.name} has more than {MOST_BYTES >> 20} MB")
    return path.read_bytes().decode("utf-8")

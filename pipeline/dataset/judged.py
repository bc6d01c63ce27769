"""The out-of-time rows as both lenses see them: what `train`, `compare` and `promote` judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features import DataError, Finding, History, UsageError, humanize
from leadlens.models.data_checks.proxies import find_proxies
from leadlens.models.insights import Insights, insights
from leadlens.models.judging import Comparison, ModelReport, report_model
from leadlens.models.judging import compare as judge
from leadlens.models.judging.signal import Signal, measure_signal
from leadlens.models.prediction import sheet_probability
from leadlens.models.scorecard import ScorecardSet, ScorecardSetScores, calibrate_points
from leadlens.pipeline.config import Project, ProjectFile
from leadlens.pipeline.dataset.lead_sample import LeadSample, Room, fitting_rows
from leadlens.pipeline.dataset.protected import protected_groups
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_leads, score_rows
from leadlens.pipeline.dataset.time_split import Split
from leadlens.pipeline.dataset.training_set import TrainingSet, left_at
from leadlens.pipeline.registry.bundle import Bundle


def comparable(project: Project, spine: pd.DataFrame, *, at_ages: bool) -> pd.Series | None:
    """By what the rows of a spine are compared with each other: leads of the same age, or, on a calendar, rows of the
    same date; ``None`` where all are. ``at_ages``: that is what the spine was chosen by, if the project does not say."""
    if project.spine.at_ages or at_ages:
        return spine["as_of"] - spine["created_at"]
    return spine["as_of"] if project.spine.every or project.spine.dates else None


@dataclass(frozen=True, kw_only=True)
class OutOfTime:
    """Rows that a model has not seen, scored by both lenses, with what became of them.

    ``label`` is 0/1 by row_id; ``left_at`` is when the lead converted or closed, where the data say; ``base_rate`` is that of the training rows; ``test_from`` is where these rows begin;
    ``findings`` are the warnings about the data; ``sample`` says how leads were drawn where not all rows fit in memory; ``groups`` are those of
    protected columns.
    """

    scored: ScoredLeads
    bundle: Bundle
    label: pd.Series
    left_at: pd.Series | None
    base_rate: float
    test_from: datetime
    findings: tuple[Finding, ...]
    sample: LeadSample | None = None
    groups: pd.DataFrame | None = None

    @property
    def seen(self) -> bool:
        """Whether the model may have learned from some of these rows."""
        return self.test_from.isoformat() < self.bundle.recipe.test_from

    @property
    def seen_error(self) -> DataError:
        """What there is to say where the model may have learned from some of these rows."""
        return DataError(
            "the model has seen these leads",
            value=None
            if self.bundle.recipe.project.get("order")
            else f"judged from {self.test_from:%Y-%m-%d}, trained to {self.bundle.recipe.test_from[:10]}",
            why="a model that is judged on its own training rows seems better than it is",
            fix="train again, or set a later judge.test_from",
        )

    def refuse_seen(self) -> None:
        """Raise ``DataError`` if the model may have learned from some of these rows."""
        if self.seen:
            raise self.seen_error

    def signal(self, project: Project) -> Signal:
        """What the model knows of these rows beyond the base rate."""
        spine, learned = self.scored.spine, self.bundle.recipe.spine or {}
        at_ages = bool(project.spine.at_ages or learned.get("at_ages"))
        stratum = comparable(project, spine, at_ages=at_ages)
        return measure_signal(
            self.label,
            self.probability,
            base_rate=self.base_rate,
            lead=spine["lead_id"],
            stratum=stratum,
            as_of=None if project.order == "none" else spine["as_of"],
            among="" if stratum is None else "of the same age" if at_ages else "of the same date",
        )

    @property
    def insights(self) -> Insights:
        """What the model goes by on these rows."""
        scored = self.scored
        frame, contributions = scored.matrix.frame, scored.prediction.contributions
        return insights(self.bundle.model, frame, scored.points, contributions, scored.columns)

    @property
    def probability(self) -> np.ndarray:
        """What the model says of each row."""
        return self.scored.prediction.table["probability"].to_numpy(dtype=float)

    @property
    def sheet_probability(self) -> np.ndarray:
        """What the sheets say of each row. Raises ``UsageError`` without sheets."""
        fitted, rules = self.bundle.recipe.sheet_probability, self.scored.rules
        if rules is not None and fitted is None:
            raise UsageError(
                "the model was trained without a score sheet, so the sheet's points have no probability yet",
                fix="train again with the sheet: leadlens train CONFIG",
            )
        if rules is None or fitted is None:
            raise UsageError(
                "this project has no score sheet to compare the model with",
                fix="write one and name it under scorecards: (leadlens init DIR writes an example)",
            )
        return sheet_probability(fitted, rules, self.label.index)

    @property
    def proxies(self) -> list[str]:
        """What to say of features that stand in for a protected column on these rows."""
        if self.groups is None:
            return []
        matrix, lead = self.scored.matrix, self.scored.spine["lead_id"]
        proxies = find_proxies(matrix.frame, matrix.columns, self.groups, lead)
        return [each.message for each in proxies if each.found]

    def model_frame(self) -> pd.DataFrame:
        """One row per (lead, as_of) with label, probability, score and grade, and when the lead left where that is known."""
        spine, table = self.scored.spine, self.scored.prediction.table
        left = {} if self.left_at is None else {"left_at": self.left_at.to_numpy()}
        return pd.DataFrame(
            {
                **left,
                "row_id": self.label.index,
                "lead_id": spine["lead_id"].to_numpy(),
                "as_of": spine["as_of"].to_numpy(),
                "label": self.label.to_numpy(),
                "probability": table["probability"].to_numpy(),
                "score": table["score"].to_numpy(),
                "grade": table["grade"].to_numpy(),
            }
        )

    def frame(self) -> pd.DataFrame:
        """The same with the sheet's side. Raises ``UsageError`` without a sheet."""
        rule_probability, sheet = self.sheet_probability, self.scored.sheet
        assert sheet is not None
        return self.model_frame().assign(
            rule_points=sheet["total"].to_numpy(dtype=float),
            rule_probability=rule_probability,
            rule_grade=sheet["grade"].to_numpy(),
            rule_stage=sheet["stage"].to_numpy(),
            disqualified=sheet["disqualified_by"].notna().to_numpy(),
            disqualified_by=sheet["disqualified_by"].to_numpy(),
        )


def score_out_of_time(
    file: ProjectFile, history: History, split: Split, bundles: Sequence[Bundle], sheets: ScorecardSet | None
) -> list[OutOfTime]:
    """Score the test rows of a split, or as many leads as fit in memory, by each model: the same rows by all.

    ``refuse_seen`` says whether a model may have learned from some of them.
    """
    rooms = [Room.of(file, bundle.recipe.plan, sheets, bundle.sheet) for bundle in bundles]
    room = sum(rooms[1:], rooms[0])
    with fitting_rows(history.engine, split.test, split.outcomes, room) as rows:
        left = left_at(history, rows.spine, file.project)
        scored = [score_leads(history, rows.spine, bundle, sheets) for bundle in bundles]
        groups = protected_groups(history, file.project, scored[0].spine["lead_id"])
        return [
            OutOfTime(
                scored=by_bundle,
                bundle=bundle,
                label=rows.outcomes["label"].astype(int),
                left_at=left,
                base_rate=split.base_rate,
                test_from=split.test_from,
                findings=tuple(each for each in history.findings if each.level == "warning"),
                sample=rows.sample,
                groups=groups,
            )
            for bundle, by_bundle in zip(bundles, scored, strict=True)
        ]


def out_of_time(rows: TrainingSet, bundle: Bundle) -> OutOfTime:
    """The same from the rows that ``bundle`` was trained with: nothing is built again."""
    if rows.plan != bundle.recipe.plan or (rows.sheets.version if rows.sheets else "") != (
        bundle.recipe.sheet_version
    ):
        raise UsageError(
            "these rows were made for another model",
            why="a model can only judge rows made by its own features and sheets",
            fix="leave `rows` out: they are built again",
        )
    rules = None if rows.rules is None else rows.rules.take(rows.test)
    return OutOfTime(
        scored=score_rows(rows.matrix.take(rows.test), bundle, rules, rules),
        bundle=bundle,
        label=rows.label[rows.test],
        left_at=None if rows.left_at is None else rows.left_at[rows.test],
        base_rate=rows.base_rate,
        test_from=rows.test_from,
        findings=rows.findings,
        sample=rows.sample,
        groups=None if rows.groups is None else rows.groups.loc[rows.test],
    )


def fit_sheet_probability(
    rules: ScorecardSetScores, label: pd.Series, weight: pd.Series | None = None
) -> dict[str, float]:
    """Points → log-odds on training rows; disqualified leads apart, by their own (smoothed) rate."""
    scores = rules.scores.set_index("row_id").loc[label.index]
    each = pd.Series(1.0, index=label.index) if weight is None else weight
    out = scores["disqualified_by"].notna()
    fitted = calibrate_points(scores.loc[~out, "total"].astype(float), label[~out], each[~out])
    rate = float((label * each).sum() / each.sum())
    disqualified = (float((label * each)[out].sum()) + 20 * rate * 0.5) / (float(each[out].sum()) + 20)
    return {**fitted.as_dict(), "disqualified": max(disqualified, 1e-4)}


def compare_lenses(file: ProjectFile, rows: OutOfTime, version: str, warnings: list[str]) -> Comparison:
    """Judge model and sheets on the same out-of-time rows. Raises ``UsageError`` without a sheet."""
    judged, rules = rows.frame(), rows.scored.rules
    assert rules is not None
    sheets = rules.sheet
    meta = _meta(file, rows, version, warnings) | {
        "sheet_version": f"{sheets.name} {sheets.version}",
        "rules": {rule.label: rule.points for rule in sheets.rules},
    }
    ledger, capacity = rules.readable_ledger(), file.project.judge.capacity
    compared = judge(judged, ledger, meta, capacity=capacity, groups=rows.groups)
    return replace(compared, insights=rows.insights)


def report_alone(file: ProjectFile, rows: OutOfTime, version: str, warnings: list[str]) -> ModelReport:
    """Judge the model by itself: the project names no sheet."""
    meta = _meta(file, rows, version, warnings)
    judged, capacity = rows.model_frame(), file.project.judge.capacity
    report = report_model(judged, meta, capacity=capacity, groups=rows.groups)
    return replace(report, insights=rows.insights)


def _meta(file: ProjectFile, rows: OutOfTime, version: str, warnings: list[str]) -> dict[str, Any]:
    project = file.project
    return {
        "project": project.name,
        "about": project.about,
        "horizon": None if project.outcome.column else humanize(project.outcome.horizon),
        "model_version": version,
        "dropped_columns": list(rows.bundle.recipe.dropped),
        "warnings": warnings,
        "findings": [
            {"message": each.message, "share": each.share} for each in rows.findings if each.share is not None
        ],
        "clock": "time" if project.order is None else "sequence",
        "test_from": rows.test_from.isoformat() if project.order is None else None,
    }

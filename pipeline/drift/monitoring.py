"""What `monitor` looked at, and what of it is an alarm: scores that came due, and ever more leads above the threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from leadlens.features.errors import counted
from leadlens.models.judging.bands import HOT
from leadlens.models.judging.matured import Matured, Outcome
from leadlens.models.judging.plain import plain
from leadlens.models.judging.wording import percent
from leadlens.pipeline.config import Drift
from leadlens.pipeline.drift.comparing import Difference
from leadlens.pipeline.drift.watching import FeatureMoves

_FAR = 3.3  # standard deviations of chance
_MORE_CONVERT = (
    1.25  # times the usual share of leads that convert, from which more may be above the threshold
)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Open leads of a day: how many had a score of 60 or more, how many were MQL by the sheet, how many of all converted.

    ``converted`` is ``None`` while the horizon is not over.
    """

    date: datetime
    leads: int
    hot: int
    mql: int | None
    converted: int | None


@dataclass(frozen=True, kw_only=True)
class WeekAbove:
    """Open leads of a day, and those above a threshold: from ``cut`` on of the model's score, or MQL and SQL by the sheet.

    ``converted``, of those above, is ``None`` while the horizon is not over; ``cut`` is ``None`` of the sheet, whose threshold may have
    changed.
    """

    date: datetime
    cut: int | None
    leads: int
    above: int
    converted: int | None


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """What was looked at, and what is wrong.

    Attributes
    ----------
    findings : level ``"stop"`` is an alarm, ``"warning"`` one that is near.
    looked_back : the day whose scores were judged. matured : ``None`` where there were none; ``notes`` say why.
    outcomes : of the scores that were judged, by band. features : how far each main feature moved; scores : how far the grades did.
    checkpoints : of the inflation watch, the earliest first. weeks : the same by week, above each threshold.
    sources : the latest row of every table.
    """

    run_id: str
    project: str
    version: str
    as_of: datetime
    looked_back: datetime
    matured: Matured | None
    checkpoints: tuple[Checkpoint, ...]
    capacity: float
    features: tuple[FeatureMoves, ...]
    outcomes: tuple[Outcome, ...] = ()
    scores: FeatureMoves | None = None
    weeks: tuple[WeekAbove, ...] = ()
    sources: dict[str, datetime | None]
    findings: tuple[Difference, ...]
    notes: tuple[str, ...]
    page: Path | None = None
    json: Path | None = None

    @property
    def alarms(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.findings if each.level == "stop")

    @property
    def warnings(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.findings if each.level != "stop")

    @property
    def exit_code(self) -> int:
        """1 on alarm."""
        return 1 if self.alarms else 0

    def headline(self) -> str:
        """The result in one sentence."""
        if self.alarms:
            return f"{counted(len(self.alarms), 'alarm')}: {self.version} as of {self.as_of:%Y-%m-%d}"
        near = f", {counted(len(self.warnings), 'warning')}" if self.warnings else ""
        return f"No alarm{near}: {self.version} as of {self.as_of:%Y-%m-%d}"

    def story(self) -> list[str]:
        """What was found, in sentences."""
        lines = [f"Alarm: {each.message}." for each in self.alarms]
        lines += [f"Warning: {each.message}." for each in self.warnings]
        if self.matured is not None:
            m = self.matured
            lines.append(
                f"Of {counted(m.leads, 'lead')} scored by {self.looked_back:%Y-%m-%d}, {m.observed:,} converted within the horizon; "
                f"their probabilities add up to {m.expected:,.1f} (90 % interval by chance: {m.low:,.1f} to {m.high:,.1f})."
            )
            if m.roc_auc is not None and m.average_precision is not None:
                lines.append(
                    f"ROC AUC {_with_interval(m.roc_auc)}, average precision {_with_interval(m.average_precision)}."
                )
        return [*lines, *(f"Note: {note.rstrip('.')}." for note in self.notes)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        result: dict[str, Any] = plain(
            {
                "headline": self.headline(),
                "story": self.story(),
                "run_id": self.run_id,
                "project": self.project,
                "model_version": self.version,
                "as_of": self.as_of,
                "looked_back": self.looked_back,
                "matured": self.matured,
                "checkpoints": self.checkpoints,
                "capacity": self.capacity,
                "outcomes": self.outcomes,
                "features": self.features,
                "scores": self.scores,
                "weeks": self.weeks,
                "sources": self.sources,
                "alarms": [each.to_dict() for each in self.alarms],
                "warnings": [each.to_dict() for each in self.warnings],
                "notes": self.notes,
                "page": None if self.page is None else str(self.page),
                "json": None if self.json is None else str(self.json),
            }
        )
        return result


def _near(limit: float) -> float:
    """Half of the way from nothing unusual to a limit in times."""
    return 1 + (limit - 1) / 2


def calibration(matured: Matured, date: datetime, limits: Drift) -> Iterator[Difference]:
    """Far more or fewer conversions than expected, beyond chance; a ranking that rows enough do not show."""
    far = max(matured.times, 1 / matured.times)
    if (matured.observed < matured.low or matured.observed > matured.high) and far >= _near(
        limits.conversions
    ):
        alarm = abs(matured.z) > _FAR and far >= limits.conversions
        yield Difference(
            code="calibration",
            level="stop" if alarm else "warning",
            subject="probabilities",
            message=f"{matured.observed:,} of {counted(matured.leads, 'lead')} scored by {date:%Y-%m-%d} converted, where "
            f"{matured.expected:,.1f} were expected (chance allows {matured.low:,.1f} to {matured.high:,.1f})",
            value=round(matured.times, 3),
            limit=limits.conversions,
        )
    if matured.ranking is not None and matured.ranking.enough and not matured.ranking.found:
        yield Difference(
            code="ranking",
            level="stop",
            subject="scores",
            message=f"the scores of {date:%Y-%m-%d} did not tell who would convert: ROC AUC {matured.ranking.roc_auc:.2f}, "
            "no more than chance gives",
            value=round(matured.ranking.p, 4),
            limit=0.01,
        )


def inflation(checkpoints: tuple[Checkpoint, ...], capacity: float, limits: Drift) -> Iterator[Difference]:
    """More leads above the threshold than sales can call, far more than usual, and no more of all leads that convert."""
    if len(checkpoints) < 3:
        return
    *before, latest = checkpoints
    usual = sorted(each.hot / each.leads for each in before)[len(before) // 2]
    share = latest.hot / latest.leads
    spread = math.sqrt(max(usual * (1 - usual), 1e-9) / latest.leads)
    known = [each.converted / each.leads for each in checkpoints if each.converted is not None]
    rising = len(known) >= 3 and known[-1] > _MORE_CONVERT * sorted(known[:-1])[len(known[:-1]) // 2]
    if share <= capacity or share < _near(limits.hot) * usual or share - usual < _FAR * spread or rising:
        return
    yield Difference(
        code="inflation",
        level="stop" if share >= limits.hot * usual else "warning",
        subject="scores",
        message=f"{percent(share)} of open leads score {HOT} or more, after {percent(usual)} in the months before; sales can call "
        f"{percent(capacity)}, and no more leads convert",
        value=round(share / max(usual, 1e-9), 3),
        limit=limits.hot,
    )


def _with_interval(figure: tuple[float, float, float]) -> str:
    value, low, high = figure
    return f"{value:.3f} (90 % interval: {low:.3f} to {high:.3f})"

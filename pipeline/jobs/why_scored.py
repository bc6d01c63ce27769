"""Why a lead's score is what it is, and why one that stands somewhere is another than the one computed now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadlens.features.errors import LeadlensError
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.forgetting.removal import Stored
from leadlens.pipeline.jobs.explain import Explanation, explain
from leadlens.pipeline.runs import RunStore
from leadlens.pipeline.state import state_folder
from leadlens.pipeline.writeback.columns import CLOSED

_COLUMNS = {"score", "as_of", "model_version"}
_STANDING = ("rows of scores", "file written by a command")


@dataclass(frozen=True)
class WhyScored:
    """The explanation as of now, or as of when a stored score was made; ``notes`` say why there is none, or why not as of now."""

    explanation: Explanation | None = None
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def why_scored(file: ProjectFile, lead_id: str, places: Iterable[Stored]) -> WhyScored:
    """Explain a lead, beside the scores that stand in targets and files."""
    scores = [
        (place, row)
        for place in places
        if place.what in (*_STANDING, "rows of earlier scores")
        for row in place.rows
        if row.keys() >= _COLUMNS
    ]
    notes = []
    try:
        explanation: Explanation | None = explain(file, lead_id)
    except LeadlensError as error:
        explanation = None
        notes.append(f"no score is explained as of today: {error.what}")
    if explanation is None:  # who left has the score of their last night
        dates = {str(row["as_of"]) for _, row in scores if row.get("status") != CLOSED}
        for date in sorted(dates, reverse=True):
            explanation = _as_of(file, lead_id, date)
            if explanation is not None:
                notes.append(f"explained as of {_minute(date)} instead, of which a score is stored")
                break
    if explanation is None:
        return WhyScored(notes=tuple(notes))
    differences = (
        text
        for place, row in scores
        if place.what in _STANDING
        for text in _difference(file, place.where, row, explanation, lead_id)
    )
    return WhyScored(explanation, tuple(differences), tuple(notes))


def _difference(
    file: ProjectFile, where: str, row: Mapping[str, Any], now: Explanation, lead_id: str
) -> Iterator[str]:
    """Nothing where they are one score."""
    try:
        score = int(float(row["score"]))
    except ValueError:
        yield f"{where} has the score {row['score']}, which is not a number: somebody edited it"
        return
    if score == now.shown:
        return
    then = _minute(row["as_of"])
    current = "" if now.as_of is None else f" as of {now.as_of:%Y-%m-%d %H:%M}"
    lines = [
        f"{where} has {score}, as of {then} by {row['model_version']}; computed now{current} by {now.version} it is {now.shown}"
    ]
    if row["model_version"] != now.version:
        lines.append("another model scores now")
    if now.as_of is not None and then != f"{now.as_of:%Y-%m-%d %H:%M}":
        again = _as_of(file, lead_id, str(row["as_of"]))
        if again is not None and again.shown == score:
            lines.append(
                f"as of {then} it is {score} now too, so what differs is what happened since, and how long ago things are"
            )
        elif again is not None and row["model_version"] == now.version:
            lines.append(
                f"as of {then} it is {again.shown} now, so the data or how they are read were changed since"
            )
    elif row["model_version"] == now.version:
        lines.append("model and date are the same, so the data or how they are read were changed since")
    run = row.get("run_id")
    if run is not None and any(each.run_id == run for each in RunStore(state_folder() / "runs").records()):
        lines.append(f"as it was computed then: leadlens explain {file.path} {lead_id} --run {run}")
    yield "; ".join(lines)


def _as_of(file: ProjectFile, lead_id: str, as_of: str) -> Explanation | None:
    try:
        return explain(file, lead_id, as_of=as_of)
    except LeadlensError:
        return None


def _minute(as_of: object) -> str:
    return str(as_of)[:16].replace("T", " ")

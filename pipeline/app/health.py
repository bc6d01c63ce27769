"""The state of a project in one view: each check with its level, the worst first, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from features import humanize
from pipeline.app.shown_project import ShownProject
from pipeline.published.copy import PublishedScores
from pipeline.runs import RunRecord
from pipeline.runs.record import now
from pipeline.views.words import minute

Level = Literal["good", "care", "bad"]
_RANK: dict[Level, int] = {"bad": 0, "care": 1, "good": 2}
_LATE = timedelta(hours=36)  # a night that did not come
_FAILURES = ("failed", "refused", "killed", "stopped")


class Check(NamedTuple):
    """One thing that was looked at, and what to do where it is not well."""

    level: Level
    title: str
    text: str
    fix: str = ""


@dataclass(frozen=True)
class Health:
    """The checks, the worst first: what the headline says is the worst of them, and no green stands before something red."""

    checks: Sequence[Check]
    runs: Sequence[RunRecord]
    scores: PublishedScores | None

    @property
    def headline(self) -> str:
        """The state in one sentence."""
        wrong = [check for check in self.checks if check.level != "good"]
        if not wrong:
            return "All is well"
        return f"{len(wrong)} of {len(self.checks)} checks need a look: {wrong[0].title.lower()}"


def health_of(project: ShownProject, at: datetime | None = None) -> Health:
    """Look at the published copy and the records of runs, as of now."""
    scores, runs, at = project.scores, project.runs(), at or now()
    checks = [
        *_published(scores, at),
        *_last_run(runs),
        *_shown_run(scores, runs),
        *_age_of_data(scores, at),
        *_warnings(scores),
    ]
    return Health(sorted(checks, key=lambda check: _RANK[check.level]), runs, scores)


def _published(scores: PublishedScores | None, at: datetime) -> Iterator[Check]:
    if scores is None:
        yield Check(
            "bad", "No scores are published", "No run of “leadlens score” has published yet.", "Run it once."
        )
        return
    made = datetime.fromisoformat(scores.facts["scored_at"])
    old = at - made > _LATE
    yield Check(
        "care" if old else "good",
        "Scores are old" if old else "Scores are up to date",
        f"Made {minute(made)} UTC, {humanize(at - made)} ago, as of {minute(scores.as_of)}.",
        "Look at the runs below: the last nights failed, or none was started." if old else "",
    )
    behind = at - scores.as_of
    if scores.facts.get("dated") and behind > _LATE:
        yield Check(
            "care", "The scores are of the past", f"They are as of {minute(scores.as_of)}, {humanize(behind)} ago.",
            "Ask whoever runs the nights: they are given an old date, or old data.",
        )  # fmt: skip


def _last_run(runs: Sequence[RunRecord]) -> Iterator[Check]:
    ended = [run for run in runs if run.status != "started"]
    if not ended:
        return
    last = ended[0]
    if last.status in _FAILURES:
        yield Check(
            "bad",
            f"The last run was {last.status}" if last.status != "failed" else "The last run failed",
            f"{minute(last.started_at)} UTC: {last.error or 'no reason was recorded'}",
            "The page shows the scores of the run before it. Mend the cause and run it again.",
        )
    else:
        yield Check(
            "good", "The last run is done", f"{minute(last.started_at)} UTC, {last.rows or 0:,} leads."
        )
    failed = sum(run.status in _FAILURES for run in ended[1:])
    if failed:
        yield Check(
            "care", "Earlier runs failed", f"{failed} of the {len(ended) - 1} runs before did not end well."
        )


def _shown_run(scores: PublishedScores | None, runs: Sequence[RunRecord]) -> Iterator[Check]:
    """Whether the last night is the one that the page shows: it may have ended while it published, or was of an older date."""
    own = next((run for run in runs if scores is not None and run.run_id == scores.run_id), None)
    done = next(
        (run for run in runs if run.status == "done" and (own is None or run.target == own.target)), None
    )
    if scores is None or done is None or done.run_id == scores.run_id:
        return
    yield Check(
        "care",
        "The page shows another night than the last",
        f"The run of {minute(done.started_at)} UTC is done, and its scores are not shown here. {' '.join(done.warnings[-1:])}",
        "The next run publishes again; “leadlens score” says why where it does not.",
    )


def _age_of_data(scores: PublishedScores | None, at: datetime) -> Iterator[Check]:
    if scores is None or not scores.facts.get("dated"):
        return
    end = datetime.fromisoformat(scores.facts["data_end"])
    behind = scores.as_of - end
    if behind > _LATE:
        yield Check(
            "care",
            "The data are old",
            f"They end {minute(end)}, {humanize(behind)} before the scores' own date: what leads did since is not in them.",
            "Ask whoever loads the data.",
        )
    else:
        yield Check("good", "The data reach to the night", f"They end {minute(end)}.")


def _warnings(scores: PublishedScores | None) -> Iterator[Check]:
    for text in () if scores is None else scores.facts.get("warnings", ()):
        yield Check("care", "The run warned", text)

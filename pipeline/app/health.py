"""The state of a project in one view: each check with its level, the worst first, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from leadlens.pipeline.app.nights import has_scored, nights_checks
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.app.watch import (
    DATA_AGE,
    SCORES,
    Check,
    Level,
    Untouched,
    ended,
    monitored_checks,
    roughly,
    undisputed,
    untouched,
    untouched_check,
)
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.published.copy import PublishedScores
from leadlens.pipeline.published.monitored import Monitored
from leadlens.pipeline.runs import RunRecord
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.views.words import minute

_RANK: dict[Level, int] = {"bad": 0, "care": 1, "good": 2}
_KEPT_SECONDS = 60
_LATE = timedelta(hours=36)  # a night that did not come


@dataclass(frozen=True)
class Health:
    """The checks, the worst first: what the headline says is the worst of them, and no green stands before something red."""

    checks: Sequence[Check]
    runs: Sequence[RunRecord]
    scores: PublishedScores | None
    monitored: Monitored | None
    untouched: Untouched | None

    @property
    def headline(self) -> str:
        """The state in one sentence."""
        wrong = [check for check in self.checks if check.level != "good"]
        if not wrong:
            return N_("All is well")
        return N_("{n_wrong} of {n_checks} checks need a look: {sentence}").format(
            n_wrong=len(wrong), n_checks=len(self.checks), sentence=_inside(wrong[0].title)
        )


def _inside(title: str) -> str:
    return f"{title[:1].lower()}{title[1:]}"


def health_of(project: ShownProject, at: datetime | None = None, owner: str | None = None) -> Health:
    """Look at the published copy, the records of runs and what monitoring found, as of now; of untouched leads those of ``owner``."""
    scores, runs, at = project.scores, project.runs(), at or now()
    monitored, waiting = project.monitored, untouched(project, scores, owner)
    checks = [
        *_checks(scores, runs, monitored, at),
        *untouched_check(waiting),
    ]
    ranked = sorted(undisputed(checks), key=lambda check: _RANK[check.level])
    return Health(ranked, runs, scores, monitored, waiting)


def needs_a_look(project: ShownProject, scores: PublishedScores) -> bool:
    """Whether a check is bad, of the last minute: the records of runs are many files, and lists of leads are asked for often."""
    at = monotonic()
    if project.looked is None or project.looked[0] != scores.run_id or at - project.looked[1] > _KEPT_SECONDS:
        checks = _checks(scores, project.runs(), project.monitored, now())
        project.looked = scores.run_id, at, any(check.level == "bad" for check in checks)
    return project.looked[2]


def _checks(
    scores: PublishedScores | None, runs: Sequence[RunRecord], monitored: Monitored | None, at: datetime
) -> Iterator[Check]:
    """All but those that are a person's own."""
    yield from _published(scores, runs, at)
    yield from nights_checks(scores, runs)
    yield from _age_of_data(scores, at)
    yield from _warnings(scores)
    yield from monitored_checks(monitored, scores, at)


def _published(scores: PublishedScores | None, runs: Sequence[RunRecord], at: datetime) -> Iterator[Check]:
    if scores is None and has_scored(runs):
        yield Check(
            "bad",
            N_("No scores are published"),
            N_(
                "Runs have finished, but none of them is published: those of a challenger never are, and none are while “page.publish” is false."
            ),
            N_("Run “leadlens score” without --challenger."),
        )
        return
    if scores is None:
        yield Check(
            "bad",
            N_("No scores are published"),
            N_("No run of “leadlens score” has published yet."),
            N_("Run it once."),
        )
        return
    made = datetime.fromisoformat(scores.facts["scored_at"])
    old = at - made > _LATE
    yield Check(
        "care" if old else "good",
        N_("Scores are old") if old else N_("Scores are up to date"),
        N_("Made {minute} UTC, {length} ago, as of {minute_scores}.").format(
            minute=minute(made), length=roughly(at - made), minute_scores=minute(scores.as_of)
        ),
        N_("Look at the runs below: the last nights failed, or none was started.") if old else "",
        about=(SCORES,),
    )
    behind = at - scores.as_of
    # What is old anyway is of the past too only where it was when it was made.
    if scores.facts.get("dated") and (made if old else at) - scores.as_of > _LATE:
        yield Check(
            "care",
            N_("The scores are for a past date"),
            N_("They are as of {minute}, {length} ago.").format(
                minute=minute(scores.as_of), length=roughly(behind)
            ),
            N_("Ask whoever runs the nightly scoring: it is given an old date, or old data."),
            about=(SCORES, DATA_AGE),
        )


def _age_of_data(scores: PublishedScores | None, at: datetime) -> Iterator[Check]:
    if scores is None or not scores.facts.get("dated"):
        return
    end = datetime.fromisoformat(scores.facts["data_end"])
    behind = scores.as_of - end
    if behind > _LATE:
        yield Check(
            "care",
            N_("The data are old"),
            N_(
                "They end {minute}, {length} before the scores' own date: what leads did since is not in them."
            ).format(minute=minute(end), length=roughly(behind)),
            N_("Ask whoever loads the data."),
        )
    else:
        yield Check(
            "good",
            N_("The data are up to date"),
            N_("They end {minute}.").format(minute=minute(end)),
            about=(DATA_AGE,),
        )


def _warnings(scores: PublishedScores | None) -> Iterator[Check]:
    for text in () if scores is None else scores.facts.get("warnings", ()):
        yield Check("care", N_("The run warned"), ended(text))

"""The state of a project in one view: each check with its level, the worst first, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.app.shown_project import ShownProject
from pipeline.app.watch import (
    DATA_AGE,
    MONITOR,
    SCORES,
    Check,
    Level,
    Untouched,
    monitored_checks,
    roughly,
    undisputed,
    untouched,
    untouched_check,
)
from pipeline.languages.marks import N_
from pipeline.published.copy import PublishedScores
from pipeline.published.monitored import Monitored
from pipeline.runs import RunRecord
from pipeline.runs.record import now
from pipeline.views.words import minute

_RANK: dict[Level, int] = {"bad": 0, "care": 1, "good": 2}
_LATE = timedelta(hours=36)  # a night that did not come
_FAILURES = {
    "failed": N_("The last run failed"),
    "refused": N_("The last run was refused"),
    "killed": N_("The last run was killed"),
    "stopped": N_("The last run was stopped"),
}


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
        *_published(scores, at),
        *_last_run([run for run in runs if run.command == "score"]),
        *_other_commands(runs),
        *_shown_run(scores, runs),
        *_age_of_data(scores, at),
        *_warnings(scores),
        *monitored_checks(monitored, scores, at),
        *untouched_check(waiting),
    ]
    ranked = sorted(undisputed(checks), key=lambda check: _RANK[check.level])
    return Health(ranked, runs, scores, monitored, waiting)


def _published(scores: PublishedScores | None, at: datetime) -> Iterator[Check]:
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
            N_("The scores are of the past"),
            N_("They are as of {minute}, {length} ago.").format(
                minute=minute(scores.as_of), length=roughly(behind)
            ),
            N_("Ask whoever runs the nights: they are given an old date, or old data."),
            about=(SCORES, DATA_AGE),
        )


def _last_run(runs: Sequence[RunRecord]) -> Iterator[Check]:
    ended = [run for run in runs if run.status != "started"]
    if not ended:
        return
    last = ended[0]
    if last.status in _FAILURES:
        text = N_("{minute} UTC: {sentence}").format(
            minute=minute(last.started_at), sentence=last.error or N_("no reason was recorded")
        )
        yield Check(
            "bad",
            _FAILURES[last.status],
            text,
            N_("The page shows the scores of the run before it. Mend the cause and run it again."),
            about=(SCORES,),
        )
    else:
        yield Check(
            "good",
            N_("The last run is done"),
            N_("{minute} UTC, {n_leads} leads.").format(
                minute=minute(last.started_at), n_leads=f"{last.rows or 0:,}"
            ),
        )
    failed = sum(run.status in _FAILURES for run in ended[1:])
    if failed:
        yield Check(
            "care",
            N_("Earlier runs failed"),
            N_("{n_failed} of the {n_runs} runs before did not end well.").format(
                n_failed=failed, n_runs=len(ended) - 1
            ),
        )


def _other_commands(runs: Sequence[RunRecord]) -> Iterator[Check]:
    """What does not end well beside the nights is no matter of the scores that are shown."""
    ended = [run for run in runs if run.status != "started" and run.command != "score"]
    for command in sorted({run.command for run in ended}):
        last = next(run for run in ended if run.command == command)
        if last.status in _FAILURES:
            yield Check(
                "care",
                N_("The last “leadlens {command}” did not end well").format(command=command),
                N_("{minute} UTC: {sentence}").format(
                    minute=minute(last.started_at), sentence=last.error or N_("no reason was recorded")
                ),
                N_("Mend the cause and run it again."),
                about=(MONITOR,) if command == "monitor" else (),
            )


def _shown_run(scores: PublishedScores | None, runs: Sequence[RunRecord]) -> Iterator[Check]:
    """Whether the last night is the one that the page shows: it may have ended while it published, or was of an older date."""
    own = next((run for run in runs if scores is not None and run.run_id == scores.run_id), None)
    done = next(
        (run for run in runs if run.status == "done" and (own is None or run.target == own.target)), None
    )
    if scores is None or done is None or done.run_id == scores.run_id:
        return
    text = N_("The run of {minute} UTC is done, and its scores are not shown here.").format(
        minute=minute(done.started_at)
    )
    yield Check(
        "care",
        N_("The page shows another night than the last"),
        " ".join([text, *done.warnings[-1:]]),
        N_("The next run publishes again; “leadlens score” says why where it does not."),
        about=(SCORES,),
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
            N_("The data reach to the night"),
            N_("They end {minute}.").format(minute=minute(end)),
            about=(DATA_AGE,),
        )


def _warnings(scores: PublishedScores | None) -> Iterator[Check]:
    for text in () if scores is None else scores.facts.get("warnings", ()):
        yield Check("care", N_("The run warned"), text)

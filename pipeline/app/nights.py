"""Health, the runs: how the last night and those before it ended, what else failed, and whether the page shows the last one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leadlens.pipeline.app.watch import MONITOR, SCORES, Check, ended
from leadlens.pipeline.languages.marks import N_, NN_
from leadlens.pipeline.published.copy import PublishedScores
from leadlens.pipeline.runs import RunRecord
from leadlens.pipeline.runs.record import CHALLENGER_NOTE
from leadlens.pipeline.views.words import minute

_FAILURES = {
    "failed": N_("The last run failed"),
    "refused": N_("The last run was refused"),
    "killed": N_("The last run was killed"),
    "stopped": N_("The last run was stopped"),
}


def has_scored(runs: Sequence[RunRecord]) -> bool:
    """Whether a run scored, for sales or in the champion's shadow."""
    return any(run.status == "done" and run.command == "score" for run in runs)


def nights_checks(scores: PublishedScores | None, runs: Sequence[RunRecord]) -> Iterator[Check]:
    """Of the runs on record, the latest first."""
    over = [run for run in runs if run.status != "started"]
    nights = [run for run in over if is_night(run)]
    if nights:
        yield _last_night(nights[0])
        yield from _earlier_nights(nights[1:])
    yield from _other_commands([run for run in over if command_of(run) != "score"])
    yield from _shown_night(scores, nights)


def is_night(run: RunRecord) -> bool:
    """Whether it scored for sales, or was to: a command that was mistyped has no target."""
    return command_of(run) == "score" and run.target != ""


def command_of(run: RunRecord) -> str:
    """The command of a run; a challenger that scores in the champion's shadow is another matter than a night."""
    return f"{run.command} --challenger" if run.notes.get(CHALLENGER_NOTE) else run.command


def _last_night(last: RunRecord) -> Check:
    if last.status not in _FAILURES:
        return Check(
            "good",
            N_("The last run is done"),
            N_("{minute} UTC, {n_leads} leads.").format(
                minute=minute(last.started_at), n_leads=f"{last.rows or 0:,}"
            ),
        )
    fix = N_("The page shows the scores of the run before it. Fix the cause and run it again.")
    if last.status == "refused" and last.notes.get("differences"):
        fix = N_(
            "The page shows the scores of the run before it. Look at the data that were loaded; if they are right, run it again with --force and the reason."
        )
    return Check("bad", _FAILURES[last.status], _why(last), fix, about=(SCORES,))


def _earlier_nights(before: Sequence[RunRecord]) -> Iterator[Check]:
    failed = [run for run in before if run.status in _FAILURES]
    if not failed:
        return
    one, several = NN_(
        "{n_failed} of the {n_runs} runs before it did not end well.",
        "{n_failed} of the {n_runs} runs before it did not end well.",
    )
    text = N_("The run before it did not end well.")
    if len(before) > 1:
        text = (one if len(failed) == 1 else several).format(n_failed=len(failed), n_runs=len(before))
    latest = N_("The latest of them, {minute} UTC: {sentence}").format(
        minute=minute(failed[0].started_at), sentence=_reason(failed[0])
    )
    yield Check("care", N_("Earlier runs failed"), ended(f"{text} {latest}"))


def _other_commands(runs: Sequence[RunRecord]) -> Iterator[Check]:
    """What does not end well beside the nights is no matter of the scores that are shown."""
    for command in sorted({command_of(run) for run in runs} - {""}):
        last = next(run for run in runs if command_of(run) == command)
        if last.status in _FAILURES:
            yield Check(
                "care",
                N_("The last “leadlens {command}” did not end well").format(command=command),
                _why(last),
                N_("Fix the cause and run it again."),
                about=(MONITOR,) if command == "monitor" else (),
            )


def _shown_night(scores: PublishedScores | None, nights: Sequence[RunRecord]) -> Iterator[Check]:
    """Whether the last night is the one that the page shows: it may have ended while it published, or was of an older date."""
    own = next((run for run in nights if scores is not None and run.run_id == scores.run_id), None)
    done = next(
        (run for run in nights if run.status == "done" and (own is None or run.target == own.target)), None
    )
    if scores is None or done is None or done.run_id == scores.run_id:
        return
    text = N_("The run of {minute} UTC is done, and its scores are not shown here.").format(
        minute=minute(done.started_at)
    )
    yield Check(
        "care",
        N_("The page does not show the latest night"),
        " ".join([text, *map(ended, done.warnings[-1:])]),
        N_("The next run publishes again; if it does not, “leadlens score” says why."),
        about=(SCORES,),
    )


def _why(run: RunRecord) -> str:
    text = N_("{minute} UTC: {sentence}").format(minute=minute(run.started_at), sentence=_reason(run))
    return ended(text)


def _reason(run: RunRecord) -> str:
    return run.error or N_("no reason was recorded")

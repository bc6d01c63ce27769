"""Health, the longer view: what `leadlens monitor` found of scores in service, and MQLs that nobody has touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from leadlens.features import humanize
from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.languages.marks import N_, NN_
from leadlens.pipeline.published.copy import PublishedScores
from leadlens.pipeline.published.monitored import Monitored
from leadlens.pipeline.views.words import day, number

Level = Literal["good", "care", "bad"]
UNTOUCHED_DAYS = 7
_MOVED, _FAR = 0.1, 0.25  # population stability index
_OLD = timedelta(days=10)  # monitor runs once a week
_MOST_NAMED = 3
_SCORES: Mapping[str, str] = {
    "good": N_("The scores are as they were"),
    "care": N_("The scores moved somewhat"),
    "bad": N_("The scores moved far"),
}
_INPUTS: Mapping[str, str] = {
    "good": N_("The inputs are as they were"),
    "care": N_("The inputs moved somewhat"),
    "bad": N_("The inputs moved far"),
}


# What checks speak of, where several speak of the same.
SCORES, DATA_AGE, MONITOR = "scores", "age of the data", "monitor"
_OUTCOMES, _SCORES_MOVED, _INPUTS_MOVED = "outcomes", "moved scores", "moved inputs"
_ABOUT: Mapping[str, str] = {
    "stale": DATA_AGE,
    "nothing-new": DATA_AGE,
    "little-new": DATA_AGE,
    "calibration": _OUTCOMES,
    "ranking": _OUTCOMES,
    "inflation": _SCORES_MOVED,
    "grades": _SCORES_MOVED,
    "feature": _INPUTS_MOVED,
    "level-gone": _INPUTS_MOVED,
    "missing": _INPUTS_MOVED,
}


class Check(NamedTuple):
    """One thing that was looked at, and what to do where it is not well.

    ``about`` says what it speaks of, where other checks speak of the same: it is not called good by one and bad by another.
    """

    level: Level
    title: str
    text: str
    fix: str = ""
    about: tuple[str, ...] = ()


def undisputed(checks: Iterable[Check]) -> list[Check]:
    """The checks but those that call good what another one of them does not."""
    checks = list(checks)
    disputed = {each for check in checks if check.level != "good" for each in check.about}
    return [check for check in checks if check.level != "good" or disputed.isdisjoint(check.about)]


@dataclass(frozen=True)
class Untouched:
    """Open leads that have been MQL or SQL for ``days`` without a verdict, by owner."""

    days: int
    owners: Sequence[tuple[str | None, int]]

    @property
    def leads(self) -> int:
        """Of all owners together."""
        return sum(leads for _, leads in self.owners)


def untouched(project: ShownProject, scores: PublishedScores | None, owner: str | None) -> Untouched | None:
    """Those of one ``owner`` alone where one is given; ``None`` where that is not known."""
    if scores is None or not scores.knows_untouched or not scores.facts.get("dated"):
        return None
    try:
        judged = project.store.judged(project.name)
    except sqlite3.OperationalError:
        return None  # the file is in other hands: all else is shown
    return Untouched(UNTOUCHED_DAYS, scores.untouched(UNTOUCHED_DAYS, judged, owner))


def psi_level(moves: Mapping[str, Any]) -> Level:
    """How far a column moved. What moves by itself, as behaviour does with holidays and newsletters, is no more than worth a look."""
    if moves["psi"] < _MOVED:
        return "good"
    return "bad" if moves["psi"] >= _FAR and not moves["moves"] else "care"


def roughly(length: timedelta) -> str:
    """How long, as people say it: in whole days, else in hours, else in minutes.

    >>> roughly(timedelta(days=3, hours=5)), roughly(timedelta(hours=30)), roughly(timedelta(seconds=4))
    ('3 days', '30 hours', '0 minutes')
    """
    for unit in (timedelta(days=1), timedelta(hours=1)):
        if length >= 2 * unit:
            return humanize(length // unit * unit)
    minutes = max(0, length // timedelta(minutes=1))
    return humanize(timedelta(minutes=minutes)) if minutes else "0 minutes"


def monitored_checks(
    monitored: Monitored | None, scores: PublishedScores | None, at: datetime
) -> Iterator[Check]:
    """What monitoring reported, and whether anybody monitors at all."""
    if scores is not None and not scores.facts.get("dated"):
        return  # without dates nothing can be watched over time
    if monitored is None:
        yield Check(
            "care",
            N_("Scores in service are not watched"),
            N_(
                "“leadlens monitor” has not run: nobody knows whether earlier scores came true, or how far the data moved."
            ),
            N_(
                "Run “leadlens monitor” with the project file, once a week. It reads scores that were written to DuckDB or PostgreSQL."
            ),
        )
        return
    yield _age(monitored, at)
    for alarm in monitored.facts["alarms"]:
        title = N_("Alarm: {subject}").format(subject=alarm["subject"])
        yield Check("bad", title, _sentence(alarm["message"]), about=_about([alarm]))
    if warnings := monitored.facts["warnings"]:
        yield Check("care", N_("The monitor warned"), _some(warnings), about=_about(warnings))
    if monitored.facts["matured"] is not None:
        yield _matured(monitored.facts["matured"], monitored.facts["looked_back"], monitored.facts["alarms"])
    yield from _drift(monitored)


def untouched_check(untouched: Untouched | None) -> Iterator[Check]:
    """Whether MQLs are waiting for sales."""
    if untouched is None:
        return
    if not untouched.leads:
        yield Check(
            "good",
            N_("No MQL is waiting"),
            N_("None has been MQL or SQL for {n_days} days without a verdict.").format(n_days=untouched.days),
        )
        return
    one, several = NN_(
        "{n_leads} lead has been MQL or SQL for {n_days} days or longer without a verdict.",
        "{n_leads} leads have been MQL or SQL for {n_days} days or longer without a verdict.",
    )
    yield Check(
        "care",
        N_("MQLs are waiting for sales"),
        (one if untouched.leads == 1 else several).format(
            n_leads=f"{untouched.leads:,}", n_days=untouched.days
        ),
        N_("They are listed by owner below."),
    )


def _age(monitored: Monitored, at: datetime) -> Check:
    age = at - monitored.made_at
    if age > _OLD:
        return Check(
            "care",
            N_("The last check of scores in service is old"),
            N_("“leadlens monitor” ran {length} ago, on {date}.").format(
                length=roughly(age), date=day(monitored.made_at)
            ),
            N_("Run it once a week."),
        )
    text = N_("Last on {date}, as of {date_scores}.")
    return Check(
        "good",
        N_("Scores in service are watched"),
        text.format(date=day(monitored.made_at), date_scores=day(monitored.as_of)),
        about=(MONITOR,),
    )


def _matured(matured: Mapping[str, Any], looked_back: str, alarms: Sequence[Mapping[str, Any]]) -> Check:
    said = N_(
        "Of {n_leads} leads scored by {date}, {n_converted} converted; {n_expected} were expected ({n_low} to {n_high} by chance)."
    ).format(
        n_leads=f"{matured['leads']:,}",
        date=day(looked_back),
        n_converted=f"{matured['observed']:,}",
        n_expected=number(matured["expected"]),
        n_low=number(matured["low"]),
        n_high=number(matured["high"]),
    )
    if matured["leads"] < MIN_LEADS:
        return Check("good", N_("Too few old scores to judge"), said)
    if {"calibration", "ranking"} & {alarm["code"] for alarm in alarms}:
        return Check("bad", N_("Earlier scores did not come true"), said)
    if matured["low"] <= matured["observed"] <= matured["high"]:
        return Check("good", N_("Earlier scores came true"), said, about=(_OUTCOMES,))
    return Check("care", N_("Earlier scores are off"), said)


def _drift(monitored: Monitored) -> Iterator[Check]:
    for is_score, titles, about in ((True, _SCORES, _SCORES_MOVED), (False, _INPUTS, _INPUTS_MOVED)):
        moved = [each for each in monitored.moved if each["is_score"] == is_score]
        if not moved:
            continue
        far, some = ([each for each in moved if psi_level(each) == level] for level in ("bad", "care"))
        worst: Level = "bad" if far else "care" if some else "good"
        if worst == "good":
            text = N_("No population stability index reaches {n_limit}.").format(n_limit=_MOVED)
            yield Check("good", titles[worst], text, about=(about,))
            continue
        named, more = [*far, *some][:_MOST_NAMED], len(far) + len(some) - _MOST_NAMED
        text = N_("Population stability index: {moved}.")
        if more > 0:
            text = N_("Population stability index: {moved} and {n_more} more.")
        yield Check(
            worst,
            titles[worst],
            text.format(moved=", ".join(f"{each['label']} {each['psi']:.2f}" for each in named), n_more=more),
            N_("Has a form, a source or the market changed? If the change lasts, train again.")
            if far
            else "",
        )


def _about(findings: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(_ABOUT[each["code"]] for each in findings if each["code"] in _ABOUT)


def _some(warnings: Sequence[Mapping[str, Any]]) -> str:
    named = [_sentence(each["message"]) for each in warnings[:_MOST_NAMED]]
    more = len(warnings) - len(named)
    return " ".join([*named, N_("And {n_more} more.").format(n_more=more)] if more else named)


def ended(text: str) -> str:
    """A text as a sentence that another may follow.

    >>> ended("there is no such file"), ended("Did it?"), ended("and more…")
    ('there is no such file.', 'Did it?', 'and more…')
    """
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _sentence(message: str) -> str:
    return ended(f"{message[:1].upper()}{message[1:]}")

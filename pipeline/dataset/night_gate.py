"""The gate of a night: it stops before anything is written where the data or the scores are unlike those before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from leadlens.features import DataError, History
from leadlens.features.spine import Spine, build_scoring_spine, count_left_out
from leadlens.pipeline.config import Drift, ProjectFile
from leadlens.pipeline.dataset.night_profile import ScoreTally, data_profile, main_features
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.scored_leads import score_leads
from leadlens.pipeline.drift.comparing import Difference, compare_data, compare_scores, stale, summary
from leadlens.pipeline.drift.profile import Profile
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.runs import RecordedRun

# Shares of so many leads are known to a third of a percentage point.
_REFERENCE_LEADS = 20_000
_COMPARED = 7
_NOTE, _FORCED, _DIFFERENCES = "profile", "forced", "differences"
_NO_REFERENCE = "this model keeps no profile of its training data, so nights are compared only with one another: train again"

Compare = Callable[[Profile, Profile | None, Sequence[Profile], Drift], list[Difference]]


class NightRefused(DataError):
    """A night that is not written. ``differences`` are those beyond their limits, and those near; ``data_end`` is when the data end."""

    def __init__(self, differences: list[Difference], data_end: datetime | None = None) -> None:
        self.differences = tuple(differences)
        old = any(difference.code == "stale" for difference in differences)
        past = None if data_end is None or not old else data_end.date() + timedelta(days=1)
        super().__init__(
            "tonight is unlike the nights before, or what the model learned from: nothing was written\n"
            + "\n".join(f"  - {message}" for message in summary(differences)),
            why="scores made from such data would replace good ones",
            fix="look at what was exported; "
            + (f"to score as of the end of the data on purpose: --as-of {past}; " if past else "")
            + 'if it is right, write anyway: --force "the reason". Limits are under `drift` in the project file',
        )

    def as_dict(self) -> dict[str, object]:
        return {
            **super().as_dict(),
            "differences": [difference.to_dict() for difference in self.differences],
        }


class NightGate:
    """Compares one run with the model's training and with the last runs, step by step; the run's record keeps the result.

    Attributes
    ----------
    limits, reference : how far it may be off, and the night of the training.
    now : what the data's age is measured at: the clock, or --as-of.
    refuses : whether a difference beyond its limit raises ``NightRefused``; else all are warnings, as they are by
        ``force`` with a reason.
    differences : what was found until now.
    """

    def __init__(
        self,
        run: RecordedRun,
        *,
        limits: Drift,
        reference: Profile | None,
        now: datetime,
        refuses: bool = True,
        force: str | None = None,
    ) -> None:
        self._run, self._limits, self._reference, self._now = run, limits, reference, now
        self._refuses = refuses and not force and limits.mode == "stop"
        self._tally = ScoreTally(reference)
        self._night: Profile | None = None
        self._last: list[Profile] = []
        self._accepted: set[str] = set()
        self._data_end: datetime | None = None
        self.differences: list[Difference] = []
        if force:
            run.note(_FORCED, force)
            run.warn(f"forced: {force}")
        if reference is None:
            run.warn(_NO_REFERENCE)

    def check_age(self, data_end: datetime) -> None:
        """Before all else: of data that ended long ago, nothing else needs to be said. Raises ``NightRefused``.

        It is the first thing that is said of a night, too: what else moved may come of it.
        """
        self._data_end = data_end
        self._judge(stale(data_end, self._now, self._limits), first=True)

    def check_data(self, history: History, as_of: datetime, left_out: Mapping[str, int]) -> None:
        """Before anything is scored. Raises ``NightRefused``. ``left_out`` are open leads that will not be, by setting."""
        self._night = replace(data_profile(history, as_of), left_out=left_out)
        self._last = self._last_nights(as_of)
        self._judge(self._unlike(compare_data, self._night))

    def add(self, part: ScoreTally) -> None:
        """Add what was counted of a part of the scores."""
        self._tally.add(part)

    def check_scores(self) -> None:
        """Before anything is written. Raises ``NightRefused``."""
        assert self._night is not None, "the data come first"
        model, tally = self._run.record.model_version or "", self._tally
        self._night = self._night.scored(model, tally.leads, tally.grades, tally.features)
        self._judge(self._unlike(compare_scores, self._night))

    def _unlike(self, compare: Compare, night: Profile) -> list[Difference]:
        """What differs from the last nights; what somebody said by force is right is a warning.

        What was decided once is not to be decided every night until the median has moved. It holds while every night
        since then differed in the same, and tonight is like the latest of them, in both directions: where one
        of the two has too little to compare, the other is not like it. What differs from the training stays.
        """
        found = compare(night, self._reference, self._last, self._limits)
        if not self._accepted:
            return found
        latest = self._last[-1]
        both = compare(night, self._reference, [latest], self._limits) + compare(
            latest, None, [night], self._limits
        )
        still = {each.subject for each in both if each.level == "stop"}
        return [
            replace(each, level="warning", message=f"{each.message}; as in the night that was forced")
            if each.level == "stop" and each.subject in self._accepted - still
            else each
            for each in found
        ]

    def _last_nights(self, as_of: datetime) -> list[Profile]:
        """Of the runs that were written to the same place, up to this as-of date, the latest last.

        Notes in ``_accepted`` what differed in the latest that was forced and in all after it.
        """
        before = [
            (profile.as_of, place, profile, record.notes)
            for place, record in enumerate(reversed(self._run.earlier()))
            if (profile := Profile.from_dict(record.notes.get(_NOTE))) is not None and profile.as_of <= as_of
        ]
        last = sorted(before, key=lambda each: each[:2])[-_COMPARED:]
        self._accepted = set()
        for _, _, _, notes in last:
            differed = notes.get(_DIFFERENCES, [])
            self._accepted &= {each["subject"] for each in differed}
            if _FORCED in notes:
                self._accepted |= {each["subject"] for each in differed if each["level"] == "stop"}
        return [profile for _, _, profile, _ in last]

    def _judge(self, found: list[Difference], *, first: bool = False) -> None:
        self.differences += found
        if self._night is not None:
            self._run.note(_NOTE, self._night.to_dict())
        self._run.note(_DIFFERENCES, [difference.to_dict() for difference in self.differences])
        if self._refuses and any(difference.level == "stop" for difference in found):
            raise NightRefused(self.differences, self._data_end)
        for message in summary(found):
            self._run.warn(message, first=first)


def left_out(objected: int, finished: int) -> dict[str, int]:
    """Open leads that are not scored, by the setting that leaves them out."""
    counts = {"data.objections": objected, "data.finished": finished}
    return {setting: count for setting, count in counts.items() if count}


def reference_night(file: ProjectFile, history: History, bundle: Bundle) -> Profile:
    """The night of a training: the data, and the leads open at their end as the new model scores them.

    Of very many leads 20,000 are scored, always the same ones.
    """
    as_of = history.data_end
    policy = spine_policy(file.project)
    profile = replace(
        data_profile(history, as_of), left_out=left_out(*count_left_out(history, as_of, policy))
    )
    with build_scoring_spine(history, as_of, policy) as every:
        if not every.rows:
            return profile.scored("", 0, {}, {})
        sampled = f"SELECT * FROM {every}"
        if every.rows > _REFERENCE_LEADS:
            order = history.engine.dialect.hash_number("lead_id")
            sampled += f" ORDER BY {order}, lead_id LIMIT {_REFERENCE_LEADS}"
        with Spine.make(history.engine, "reference_rows", sampled) as rows:
            scored = score_leads(history, rows, bundle, bundle.sheet)
        grades = scored.prediction.table["grade"].dropna().value_counts()
        return profile.scored(
            "",
            every.rows,
            {str(name): int(count) for name, count in grades.items()},
            main_features(scored, bundle.recipe.plan),
        )

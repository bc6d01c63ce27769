"""Compares a night with the training data and with the last nights. Pure: profiles in, what differs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Literal

from leadlens.features import humanize
from leadlens.features.errors import listed
from leadlens.pipeline.config.drift import Drift
from leadlens.pipeline.drift.histogram import FEWEST, Histogram, psi
from leadlens.pipeline.drift.profile import Profile

# A night this long ago was another time of the year: what moves with time is not held against it.
RECENT = timedelta(days=14)
_GONE = 0.02  # of what there was: as good as nothing
_FEW_ROWS = 50
# History only grows: of a table that lost more, retractions and the forgotten are no explanation.
_SHRUNK, _FEW_LOST = 0.03, 10
# Rows in a lean span of so many days, of which a holiday leaves more than nothing.
_ENOUGH = {2: 100, 7: 20}
_MOST_NAMED = 8

Level = Literal["stop", "warning"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which a night differs. ``code`` is stable, for machines; ``value`` has passed ``limit``."""

    code: str
    level: Level
    subject: str
    message: str
    value: float
    limit: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


def stale(data_end: datetime, now: datetime, limits: Drift) -> list[Difference]:
    """Whether the data ended too long before ``now``: the clock's, or what was asked for by --as-of."""
    age, limit = (now - data_end) / timedelta(days=1), limits.stale / timedelta(days=1)
    message = (
        f"the data end at {data_end:%Y-%m-%d %H:%M}, {humanize(timedelta(days=int(age)))} before {now:%Y-%m-%d}: "
        "what leads did since is unknown"
    )
    return list(_beyond("stale", "the data", message, age, limit))


def compare_data(
    night: Profile, reference: Profile | None, nights: Sequence[Profile], limits: Drift
) -> list[Difference]:
    """What differs in the data: rows, event types, what came in lately, kinds, unknown values.

    ``reference`` is the night of the training; ``nights`` are the last ones, the latest last. Rows and types are held
    against the nights, and against the training where there are none; attributes against both.
    """
    recent = _recent(night, reference, nights)
    before = recent or ([reference] if reference else [])
    whose = _whose(recent, reference)
    return [
        *_rows(night, before, whose, limits),
        *_types(night, before, whose),
        *_flows(night),
        *_kinds(night, [*([reference] if reference else []), *recent[-1:]]),
        *_missing(night, before, whose, limits, with_events=True),
        *(_missing(night, [reference], "the training data", limits) if reference and recent else ()),
    ]


def compare_scores(
    night: Profile, reference: Profile | None, nights: Sequence[Profile], limits: Drift
) -> list[Difference]:
    """What differs in what was scored: open leads, grades, the main features."""
    recent = _recent(night, reference, nights)
    whose = _whose(recent, reference)
    differences = [*_open(night, recent, whose, limits)]
    if not night.open:
        return differences
    alike = [other for other in recent if other.grades and (other is reference or other.model == night.model)]
    if alike:
        names = sorted({*night.grades, *(name for other in alike for name in other.grades)})
        counts = [[other.grades.get(name, 0) for name in names] for other in (*alike, night)]
        moved = _typical(psi(other, counts[-1]) for other in counts[:-1])
        message = f"grades are distributed differently than in {whose} (PSI {moved:.2f}): {_grades(night, alike[-1])}"
        differences += _beyond("grades", "grades", message, moved, limits.psi)
    for name, histogram in night.features.items():
        differences += _feature(name, histogram, reference, recent, limits)
    return differences


def _feature(
    name: str, histogram: Histogram, reference: Profile | None, recent: Sequence[Profile], limits: Drift
) -> list[Difference]:
    """At most one difference of a feature: the graver of that from the last nights and that from the training.

    What moves by itself, as behaviour does with holidays and newsletters, and ages with time, has the wide limit and is
    a warning at most: where fewer events came in than should, the data say so before.
    """
    before = [other.features[name] for other in recent if name in other.features]
    moved = _typical(psi(other.counts, histogram.counts) for other in before if other.same_bins(histogram))
    message = _moved(histogram.label, _whose(recent, reference), moved)
    limit = limits.psi_training if histogram.moves else limits.psi
    found = list(_beyond("feature", name, message, moved, limit))
    for level, then in _gone_levels(histogram, before):
        message = f"{histogram.label}: no lead has {level!r}, after {then:.0%} in {_whose(recent, reference)}"
        found.append(
            Difference(code="level-gone", level="stop", subject=name, message=message, value=then, limit=0.0)
        )
    trained = reference.features.get(name) if reference else None
    if trained is not None and trained.same_bins(histogram):
        moved = psi(trained.counts, histogram.counts)
        message = _moved(histogram.label, "the training data", moved)
        found += _beyond("feature", name, message, moved, limits.psi_training)
    if histogram.moves:
        found = [replace(difference, level="warning") for difference in found]
    return sorted(found, key=lambda difference: difference.level != "stop")[:1]


def _gone_levels(histogram: Histogram, before: Sequence[Histogram]) -> Iterator[tuple[str, float]]:
    """Levels that no lead has any more, and the share that had them, where chance would leave some."""
    for place, level in enumerate(histogram.levels):
        then = _typical(
            other.counts[place] / max(1, other.leads) for other in before if other.same_bins(histogram)
        )
        if not histogram.counts[place] and then * histogram.leads >= FEWEST:
            yield level, then


def summary(differences: Iterable[Difference]) -> list[str]:
    """In words, what is beyond its limit first, and how many more there are."""
    ranked = sorted(differences, key=lambda difference: difference.level != "stop")
    lines = [
        f"beyond its limit: {difference.message}" if difference.level == "stop" else difference.message
        for difference in ranked[:_MOST_NAMED]
    ]
    return [*lines, f"… and {len(ranked) - _MOST_NAMED} more"] if len(ranked) > _MOST_NAMED else lines


def _recent(night: Profile, reference: Profile | None, nights: Sequence[Profile]) -> list[Profile]:
    """Nights shortly before this one. The night of the training is one too, where it is not long ago."""
    recent = [other for other in nights if abs(night.as_of - other.as_of) <= RECENT]
    if not recent and reference is not None and abs(night.as_of - reference.as_of) <= RECENT:
        return [reference]
    return recent


def _whose(recent: Sequence[Profile], reference: Profile | None) -> str:
    return "the last nights" if recent and recent != [reference] else "the training data"


def _beyond(
    code: str, subject: str, message: str, value: float, limit: float, near: float | None = None
) -> Iterator[Difference]:
    """A difference beyond its limit, or beyond what is ``near`` it: half of it by default."""
    if value > (limit / 2 if near is None else near):
        level: Level = "stop" if value > limit else "warning"
        yield Difference(
            code=code, level=level, subject=subject, message=message, value=round(value, 4), limit=limit
        )


def _typical(values: Iterable[float]) -> float:
    """The median; 0 of none. One odd night among the last ones neither hides nor raises an alarm."""
    return median(list(values) or [0.0])


def _changed_rows(
    code: str, subject: str, now: int, before: float, whose: str, limits: Drift, near: float | None = None
) -> Iterator[Difference]:
    if before < FEWEST:
        return
    message, lost = f"{subject}: {now:,}, after {before:,.0f} in {whose}", 1 - now / before
    gone = f": {before - now:,.0f} are gone ({lost:.0%})" if near is not None and now else ""
    yield from _beyond(f"{code}-lost", subject, f"{message}{gone}", lost, limits.lost, near)
    yield from _beyond(f"{code}-grown", subject, message, now / before, limits.growth)


def _rows(night: Profile, before: Sequence[Profile], whose: str, limits: Drift) -> Iterator[Difference]:
    if before:
        for table in dict.fromkeys(name for other in (night, *before) for name in other.tables):
            then = _typical(other.tables.get(table, 0) for other in before)
            rows = night.tables.get(table, 0)
            near = min(_SHRUNK, limits.lost / 2) if then - rows >= _FEW_LOST else None
            yield from _changed_rows("rows", f"rows of {table}", rows, then, whose, limits, near)


def _open(night: Profile, recent: Sequence[Profile], whose: str, limits: Drift) -> Iterator[Difference]:
    if not night.open:
        message = (
            f"no lead is open at {night.as_of:%Y-%m-%d %H:%M}: nothing to score{_left_out(night, recent)}"
        )
        yield Difference(
            code="open-none", level="stop", subject="open leads", message=message, value=0, limit=0
        )
        return
    counts = [other.open for other in recent if other.open is not None]
    if counts:
        explained = _left_out(night, recent)
        for difference in _changed_rows("open", "open leads", night.open, median(counts), whose, limits):
            yield replace(difference, message=difference.message + explained)


def _left_out(night: Profile, recent: Sequence[Profile]) -> str:
    """What a setting has to do with how many leads were scored: whoever asks for it finds the cause at once."""
    told = ""
    for setting in dict.fromkeys(name for other in (night, *recent) for name in other.left_out):
        now, then = (
            night.left_out.get(setting, 0),
            _typical(other.left_out.get(setting, 0) for other in recent),
        )
        if now != then:
            told += f"; {now:,} {'is' if now == 1 else 'are'} left out by {setting}, after {then:,.0f}"
    return told


def _types(night: Profile, before: Sequence[Profile], whose: str) -> Iterator[Difference]:
    """Event types that are gone. The event types of a night are named only where many leads have them."""
    if not before or not night.tables.get("events"):
        return  # no events at all is told by the rows
    known = sorted({name for other in before for name in other.types if name})
    new = sorted(
        (name for name in night.types if name and name not in known), key=lambda name: -night.types[name]
    )
    for name in known:
        then, now = _typical(other.types.get(name, 0) for other in before), night.types.get(name, 0)
        if then < FEWEST or now > _GONE * then:
            continue
        hint = f"; new are {listed(new, 3)}: was it renamed?" if new else ""
        message = f"events of type {name!r}: {now:,}, after {then:,.0f} in {whose}{hint}"
        yield Difference(
            code="type-gone",
            level="stop",
            subject=name,
            message=message,
            value=1 - now / then,
            limit=1 - _GONE,
        )


def _flows(night: Profile) -> Iterator[Difference]:
    """What stopped coming in lately, though there was enough in nearly every span of so many days before."""
    for what, flows in night.flows.items():
        for flow in flows:
            if flow.lean < _ENOUGH[flow.days] or flow.latest > flow.lean / 4:
                continue
            empty = flow.latest <= _GONE * flow.lean
            yield Difference(
                code="nothing-new" if empty else "little-new",
                level="stop" if empty else "warning",
                subject=what,
                message=f"{what}: {flow.latest:,} came in the last {flow.days} days, hardly ever fewer than "
                f"{flow.lean:,} in the nine weeks before",
                value=round(1 - flow.latest / flow.lean, 4),
                limit=1 - _GONE if empty else 0.75,
            )
            break


def _kinds(night: Profile, before: Sequence[Profile]) -> Iterator[Difference]:
    for other in before:
        for name, kind in other.kinds.items():
            now = night.kinds.get(name)
            if now == kind or (now is not None and {now, kind} <= {"category", "text"}):
                continue
            what = "is no longer there" if now is None else f"is read as {now}, and was {kind} before"
            yield Difference(
                code="column-gone" if now is None else "kind",
                level="stop" if now is None or "number" in (now, kind) else "warning",
                subject=name,
                message=f"column {name} {what}",
                value=1.0,
                limit=0.0,
            )
        return  # the training data where they are known


def _missing(
    night: Profile, before: Sequence[Profile], whose: str, limits: Drift, with_events: bool = False
) -> Iterator[Difference]:
    for name, (unknown, rows) in night.missing.items():
        others = [
            other.missing[name]
            for other in before
            if name in other.missing and other.missing[name][1] >= _FEW_ROWS
        ]
        if rows < _FEW_ROWS or not others or (name.startswith("events.") and not with_events):
            continue
        then = median(gone / of for gone, of in others)
        rise = unknown / rows - then
        message = f"{name}: {unknown / rows:.0%} unknown, after {then:.0%} in {whose}"
        found = _beyond("missing", name, message, rise, limits.missing)
        for difference in found:
            yield replace(difference, level="warning") if name.startswith("new ") else difference


def _moved(label: str, whose: str, value: float) -> str:
    return f"{label}: values are distributed differently than in {whose} (PSI {value:.2f})"


def _grades(night: Profile, other: Profile) -> str:
    """The grades that moved most, with their shares."""
    now, then = (
        {name: count / max(1, sum(profile.grades.values())) for name, count in profile.grades.items()}
        for profile in (night, other)
    )
    names = sorted({*now, *then}, key=lambda name: -abs(now.get(name, 0) - then.get(name, 0)))[:3]
    return ", ".join(f"{name} {then.get(name, 0):.0%} → {now.get(name, 0):.0%}" for name in names)

"""What is compared of two nights: pure functions over profiles, which hold no value of a single lead."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.pipeline.config import Drift
from leadlens.pipeline.dataset.night_gate import NightGate
from leadlens.pipeline.drift.comparing import Difference, compare_data, compare_scores, stale, summary
from leadlens.pipeline.drift.histogram import FEWEST, Histogram, psi
from leadlens.pipeline.drift.profile import Flow, Profile

NIGHT = datetime(2026, 3, 2)
LIMITS = Drift()


def histogram(counts: tuple[int, ...], moves: bool = False) -> Histogram:
    return Histogram(label="Income", kind="number", moves=moves, edges=(1.0, 2.0, 3.0), counts=counts)


def night(**changes: object) -> Profile:
    """A night of 4,000 open leads."""
    profile = Profile(
        as_of=NIGHT,
        data_end=NIGHT,
        model="little/1",
        tables={"leads": 12_000, "events": 300_000, "conversions": 900},
        kinds={"leads.income": "number", "leads.city": "category"},
        missing={"leads.income": (1_200, 12_000), "new leads.income": (80, 800), "events.page": (500, 9_000)},
        flows={"events": (Flow(2, 1_500, 900), Flow(7, 5_000, 4_000))},
        types={"page_viewed": 200_000, "email_opened": 90_000, "": 10_000},
        open=4_000,
        grades={"A1": 400, "B2": 1_600, "D4": 2_000},
        features={"income": histogram((1_000, 1_000, 1_000, 600, 400))},
    )
    return replace(profile, **changes)  # type: ignore[arg-type]


def earlier(days: int = 1, **changes: object) -> Profile:
    when = NIGHT - timedelta(days=days)
    return night(**({"as_of": when, "data_end": when} | changes))


def told(now: Profile, reference: Profile | None = None, *nights: Profile) -> dict[str, str]:
    """The level of each difference, by its code."""
    both = compare_data(now, reference, nights, LIMITS) + compare_scores(now, reference, nights, LIMITS)
    return {difference.code: difference.level for difference in both}


def test_equal_nights_do_not_differ() -> None:
    assert told(night(), earlier(300), earlier(2), earlier(1)) == {}


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        ({"tables": {"leads": 12_000, "events": 0, "conversions": 900}}, "rows-lost", "stop"),
        ({"tables": {"leads": 12_000, "events": 300_000}}, "rows-lost", "stop"),
        ({"tables": {"leads": 9_500, "events": 300_000, "conversions": 900}}, "rows-lost", "warning"),
        ({"tables": {"leads": 12_000, "events": 1_500_000, "conversions": 900}}, "rows-grown", "stop"),
        ({"tables": {"leads": 12_000, "events": 700_000, "conversions": 900}}, "rows-grown", "warning"),
        ({"types": {"pageview": 200_000, "email_opened": 90_000, "": 10_000}}, "type-gone", "stop"),
        ({"flows": {"events": (Flow(2, 3, 900), Flow(7, 3_400, 4_000))}}, "nothing-new", "stop"),
        ({"flows": {"events": (Flow(2, 200, 900), Flow(7, 3_000, 4_000))}}, "little-new", "warning"),
        ({"flows": {"events": (Flow(2, 0, 60), Flow(7, 0, 300))}}, "nothing-new", "stop"),
        ({"kinds": {"leads.income": "text", "leads.city": "category"}}, "kind", "stop"),
        ({"kinds": {"leads.income": "number"}}, "column-gone", "stop"),
        ({"missing": {"leads.income": (7_000, 12_000)}}, "missing", "stop"),
        ({"missing": {"leads.income": (3_600, 12_000)}}, "missing", "warning"),
        ({"missing": {"new leads.income": (800, 800)}}, "missing", "warning"),
        ({"missing": {"events.page": (9_000, 9_000)}}, "missing", "stop"),
        ({"open": 0}, "open-none", "stop"),
        ({"open": 2_500}, "open-lost", "stop"),
        ({"open": 3_200}, "open-lost", "warning"),
        ({"open": 17_000}, "open-grown", "stop"),
        ({"grades": {"A1": 1_600, "B2": 400, "D4": 2_000}}, "grades", "stop"),
        ({"grades": {"A1": 400, "B2": 2_100, "D4": 1_500}}, "grades", "pass"),
        ({"features": {"income": histogram((3_600, 0, 0, 0, 400))}}, "feature", "stop"),
        ({"features": {"income": histogram((1_500, 1_100, 600, 400, 400))}}, "feature", "pass"),
        ({"features": {"income": histogram((1_900, 1_000, 400, 300, 400))}}, "feature", "stop"),
        ({"features": {"income": histogram((1_700, 1_000, 600, 300, 400))}}, "feature", "warning"),
    ],
)  # fmt: skip
def test_a_fault_is_told(change: dict[str, object], code: str, level: str) -> None:
    assert told(night(**change), earlier(300), earlier(2), earlier(1)).get(code, "pass") == level


def test_history_that_shrinks_is_told_long_before_it_stops_a_night() -> None:
    """It only grows: a few rows are retracted or forgotten, a twentieth of a table is not."""

    def lost(**rows: int) -> list[tuple[str, str]]:
        now = night(tables={"leads": 12_000, "events": 300_000, "conversions": 900} | rows)
        found = compare_data(now, earlier(300), [earlier(2), earlier(1)], LIMITS)
        return [(difference.level, difference.message) for difference in found]

    assert lost(events=285_000) == [
        ("warning", "rows of events: 285,000, after 300,000 in the last nights: 15,000 are gone (5%)")
    ]
    assert [level for level, _ in lost(events=225_000)] == ["warning"], "a quarter"
    assert lost(events=296_000, leads=11_700, conversions=895) == []
    few = {"tables": {"leads": 60, "events": 300, "conversions": 30}}
    fewer = {"tables": {"leads": 57, "events": 296, "conversions": 27}}
    assert compare_data(night(**fewer), None, [earlier(**few)], LIMITS) == []
    strict = compare_data(night(**fewer), None, [earlier(**few)], Drift(lost=0.01))
    assert [difference.level for difference in strict] == ["stop", "stop", "stop"]


def test_leads_that_a_setting_leaves_out_are_named_as_the_cause() -> None:
    before = [earlier(days, left_out={"data.objections": 12}) for days in (1, 2, 3)]
    now = night(open=2_000, left_out={"data.objections": 12, "data.finished": 2_000})
    (found,) = compare_scores(now, None, before, LIMITS)
    assert (found.code, found.level) == ("open-lost", "stop")
    assert found.message == (
        "open leads: 2,000, after 4,000 in the last nights; 2,000 are left out by data.finished, after 0"
    )
    (back,) = compare_scores(
        night(open=20_000), None, [earlier(1, left_out={"data.finished": 16_000})], LIMITS
    )
    assert back.message.endswith("; 0 are left out by data.finished, after 16,000")
    survived = Profile.from_dict(json.loads(json.dumps(now.to_dict())))
    assert survived == now
    older = {key: value for key, value in now.to_dict().items() if key != "left_out"}
    read = Profile.from_dict(json.loads(json.dumps(older)))
    assert read is not None
    assert read.left_out == {}


class _Runs:
    """Runs that were written, the latest first, as the gate of the next one finds them."""

    record = SimpleNamespace(model_version="little/1")

    def __init__(self, *nights: Profile, forced: int | None = None) -> None:
        self._written: list[SimpleNamespace] = []
        for place, profile in enumerate(nights):
            gate = NightGate(self, limits=LIMITS, reference=None, now=NIGHT, refuses=False)  # type: ignore[arg-type]
            notes: dict[str, Any] = {"profile": json.loads(json.dumps(profile.to_dict()))}
            notes["differences"] = [each.to_dict() for each in self.differences(gate, profile)]
            if place == forced:
                notes["forced"] = "it is right"
            self._written.insert(0, SimpleNamespace(notes=notes))

    def differences(self, gate: NightGate, profile: Profile) -> list[Difference]:
        gate._last = gate._last_nights(profile.as_of)
        return [*gate._unlike(compare_data, profile), *gate._unlike(compare_scores, profile)]

    def tonight(self, **changes: object) -> list[tuple[str, str]]:
        gate = NightGate(self, limits=LIMITS, reference=None, now=NIGHT)  # type: ignore[arg-type]
        return [(each.level, each.subject) for each in self.differences(gate, night(**changes))]

    def earlier(self) -> list[SimpleNamespace]:
        return self._written

    def note(self, name: str, value: object) -> None: ...

    def warn(self, text: str) -> None: ...


USUAL = [earlier(days) for days in (9, 8, 7, 6, 5)]
FEWER = {"tables": {"leads": 12_000, "events": 100_000, "conversions": 900}}
NONE = {"tables": {"leads": 12_000, "events": 0, "conversions": 900}, "types": {}}


def test_what_was_forced_is_a_warning_while_nights_stay_as_they_were() -> None:
    assert _Runs(*USUAL, earlier(1, **FEWER)).tonight(**FEWER) == [("stop", "rows of events")], "not forced"
    assert _Runs(*USUAL, earlier(1, **FEWER), forced=5).tonight(**FEWER) == [("warning", "rows of events")]
    both = _Runs(*USUAL, earlier(2, **FEWER), earlier(1, **FEWER), forced=5)
    assert both.tonight(**FEWER) == [("warning", "rows of events")]


@pytest.mark.parametrize(
    ("before", "tonight", "subject"),
    [
        ([earlier(2, **FEWER), earlier(1)], FEWER, "rows of events"),  # all was well in between
        ([earlier(1, **NONE)], FEWER, "rows of events"),  # of nothing a part came back: another fault
        ([earlier(1, **FEWER)], {"open": 400}, "open leads"),  # what was said to be right was something else
        ([earlier(1, **FEWER)], {**FEWER, "open": 400}, "open leads"),
        ([earlier(1, open=0)], {"open": 48_000}, "open leads"),
    ],
)
def test_another_fault_than_the_one_that_was_forced_stops(
    before: list[Profile], tonight: dict[str, object], subject: str
) -> None:
    assert ("stop", subject) in _Runs(*USUAL, *before, forced=len(USUAL)).tonight(**tonight)


def test_a_renamed_type_is_asked_about() -> None:
    now = night(types={"pageview": 200_000, "email_opened": 90_000})
    (difference,) = compare_data(now, None, [earlier()], LIMITS)
    assert difference.message == (
        "events of type 'page_viewed': 0, after 200,000 in the last nights; new are pageview: was it renamed?"
    )


@pytest.mark.parametrize("days", [0, 100, 900])
def test_the_first_night_is_held_against_the_training(days: int) -> None:
    reference = earlier(days)
    assert told(night(), reference) == {}
    assert told(night(tables={"leads": 12_000, "events": 0}), reference)["rows-lost"] == "stop"
    assert told(night(features={"income": histogram((3_600, 0, 0, 0, 400))}), reference)["feature"] == "stop"
    # What moves by itself is never a reason to stop; open leads are held against a training that is not long ago.
    moved = night(features={"income": histogram((3_600, 0, 0, 0, 400), moves=True)}, open=2_500)
    reference = replace(
        reference, features={"income": histogram((1_000, 1_000, 1_000, 600, 400), moves=True)}
    )
    soon = days <= 14
    assert told(moved, reference) == (
        {"feature": "warning", "open-lost": "stop"} if soon else {"feature": "warning"}
    )


@pytest.mark.parametrize(
    ("counts", "behaviour", "attribute"),
    [
        ((1_500, 1_100, 600, 400, 400), None, None),
        ((1_900, 1_000, 400, 300, 400), None, "stop"),
        ((3_600, 0, 0, 0, 400), "warning", "stop"),
    ],
)
def test_behaviour_moves_with_newsletters_and_holidays(
    counts: tuple[int, ...], behaviour: str | None, attribute: str | None
) -> None:
    """A newsletter a week moves what was clicked in a day on every seventh night: no reason to write nothing."""
    for moves, level in ((True, behaviour), (False, attribute)):
        usual = {"clicks": histogram((1_000, 1_000, 1_000, 600, 400), moves)}
        nights = [earlier(days, features=usual) for days in (3, 2, 1)]
        assert (
            told(night(features={"clicks": histogram(counts, moves)}), None, *nights).get("feature") == level
        )


def test_a_slow_shift_is_seen_from_the_training() -> None:
    """Every night is like the one before, and far from what was learned."""
    nights = [earlier(days, features={"income": histogram((3_500, 50, 30, 20, 400))}) for days in (3, 2, 1)]
    now = night(features={"income": histogram((3_550, 20, 20, 10, 400))})
    assert told(now, None, *nights) == {}
    assert told(now, earlier(300), *nights) == {"feature": "stop"}


def test_growth_since_the_training_is_no_fault_where_there_are_nights() -> None:
    small = earlier(700, tables={"leads": 900, "events": 9_000, "conversions": 30}, open=200)
    assert told(night(), small, earlier(2), earlier(1)) == {}
    assert told(night(), small) == {"rows-grown": "stop"}


def test_after_one_odd_night_the_usual_is_usual() -> None:
    odd = earlier(1, open=400, tables={"leads": 1_000, "events": 300_000, "conversions": 900})
    usual = [earlier(days) for days in (4, 3, 2)]
    assert told(night(), None, *usual, odd) == {}
    assert told(odd, None, *usual, odd)["open-lost"] == "stop"


def test_another_model_gives_other_grades() -> None:
    other = earlier(1, model="little/0", grades={"D4": 4_000})
    assert told(night(), None, other) == {}
    assert told(night(), None, replace(other, model="little/1")) == {"grades": "stop"}


def test_few_leads_raise_no_alarm() -> None:
    """Forty leads drawn twice from one distribution: hardly ever told, in 2,000 draws."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(2_000):
        one, other = (tuple(rng.multinomial(40, [0.25, 0.25, 0.2, 0.2, 0.1]).tolist()) for _ in range(2))
        alarms += psi(one, other) > LIMITS.psi / 2
    assert alarms <= 2
    assert psi((40, 0), (0, 40)) > LIMITS.psi


def test_stale_data() -> None:
    ended = NIGHT - timedelta(days=515)
    (difference,) = stale(ended, NIGHT, LIMITS)
    assert difference.level == "stop"
    assert "2024-10-03" in difference.message
    assert [found.level for found in stale(NIGHT - timedelta(days=8), NIGHT, LIMITS)] == ["warning"]
    assert stale(NIGHT - timedelta(days=6), NIGHT, LIMITS) == []
    assert stale(ended, NIGHT, Drift(stale=timedelta(days=2_000))) == []


def test_what_stops_comes_first_and_the_list_ends() -> None:
    now = night(
        tables={"leads": 9_500, "events": 0, "conversions": 0},
        missing={f"leads.{n}": (12_000, 12_000) for n in range(20)},
    )
    before = earlier(missing={f"leads.{n}": (0, 12_000) for n in range(20)})
    lines = summary(compare_data(now, None, [before], LIMITS))
    assert lines[0] == "beyond its limit: rows of events: 0, after 300,000 in the last nights"
    assert lines[-1] == "… and 15 more"


# What a profile holds


def test_no_bin_holds_few_leads() -> None:
    rng = np.random.default_rng(3)
    for values in (
        rng.lognormal(10, 2, 500),
        rng.poisson(0.3, 500),
        np.r_[np.zeros(480), rng.random(20) * 1e6],
        rng.integers(0, 3, 41),
        np.full(30, 7.0),
        np.array([np.nan] * 50),
        np.array([]),
    ):
        made = Histogram.of(pd.Series(values, dtype=float), label="x", moves=False)
        of_numbers = made.counts[:-1]
        assert len(of_numbers) == 1 or min(of_numbers) >= FEWEST
        assert made.leads == len(values)
        assert all(float(f"{edge:.3g}") == edge for edge in made.edges)
        known = values[~np.isnan(values)]
        if len(known):
            assert not {known.min(), known.max()} & set(made.edges) or made.edges[0] == 0


def test_a_rare_level_is_not_named() -> None:
    values = pd.Series(["Bern"] * 60 + ["Rome"] * 20 + ["Anna Keller"] * 19 + [None] * 5, dtype="str")
    made = Histogram.of(values, label="City", moves=False)
    assert (made.levels, made.counts) == (("Bern", "Rome"), (60, 20, 19, 5))


def test_bins_are_added_and_survive_json() -> None:
    values = pd.Series(np.arange(200.0))
    made = Histogram.of(values, label="x", moves=True)
    halves = made.count(values[:70]) + made.count(values[70:])
    assert halves == made
    assert made.count(values.astype("str")).missing == 1
    profile = night(features={"x": made})
    text = json.dumps(profile.to_dict())
    assert Profile.from_dict(json.loads(text)) == profile
    for broken in ("[]", "{}", "null", '{"leadlens_profile": 2}', text.replace('"flows"', '"flow"')):
        assert Profile.from_dict(json.loads(broken)) is None

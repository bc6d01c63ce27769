"""Every sentence that the core makes is read back by a message: recognised, and put together again word for word."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.features import LeadlensError, UsageError
from leadlens.features.attributes.contact import MAIL_KINDS, PHONE_KINDS
from leadlens.features.attributes.ranges import AGE_BANDS, REVENUE_BANDS, SIZE_BANDS
from leadlens.features.attributes.titles import names
from leadlens.features.columns import FeatureColumn
from leadlens.features.conditions.wording import condition_messages
from leadlens.features.durations import humanize
from leadlens.features.errors import UnavailableError
from leadlens.features.matrix import plan_columns
from leadlens.features.phrases import event_phrase
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan, Rate, Reading, Touch
from leadlens.features.withheld import Withheld, withheld_note
from leadlens.models.judging import Comparison, ModelReport, compare, story, trust
from leadlens.models.judging.chances import chance
from leadlens.models.judging.thresholds import more_above
from leadlens.models.judging.verdicts import judge_direction, judge_points
from leadlens.models.prediction import named
from leadlens.models.reasons import START, smaller_reasons
from leadlens.models.scorecard import ScorecardSet, Sheet
from leadlens.models.scorecard.insights.comparison import compare_sheets
from leadlens.pipeline.app.sheet_form import fields_of
from leadlens.pipeline.app.sheet_words import rules_in_words
from leadlens.pipeline.config import load_project
from leadlens.pipeline.config.drift import Drift
from leadlens.pipeline.crm.credentials import Credentials
from leadlens.pipeline.crm.destination import parse_destination
from leadlens.pipeline.crm.http import Answer
from leadlens.pipeline.crm.refusals import refused
from leadlens.pipeline.demo import WORLDS, simulate, write_world
from leadlens.pipeline.drift.comparing import _moved, _whose
from leadlens.pipeline.drift.monitoring import Checkpoint, inflation
from leadlens.pipeline.jobs.list_features import list_features
from leadlens.pipeline.jobs.push import Push, _Incomplete
from leadlens.pipeline.languages.catalogue import catalogue, messages, recogniser
from leadlens.pipeline.languages.language import language
from leadlens.pipeline.runs.record import Status
from tests.models.judged_example import judged_example

ROOT = Path(__file__).parents[2]
AS_OF = datetime(2025, 7, 1)
NUMBERS = (0.0, 1.0, 2.0, 3.0, 0.31, 1532.0, 12.5, 30.0)


# A language that says nothing new: what it does not read is what no message was read from.
PSEUDO = replace(language("de"), code="xx")


def back(text: str, context: str = "") -> str | None:
    """A text, read by the messages and put together from them in English; ``None`` where it is not recognised."""
    found = recogniser().read(text, context)
    return None if found is None else language("en")._filled(found, frozenset())


def unread(texts: Iterable[str], context: str = "") -> list[str]:
    """The texts that are not read, or not put together again."""
    return sorted({text for text in texts if back(text, context) != text})


def values_of(column: FeatureColumn) -> Iterator[object]:
    yield None
    if column.kind == "number":
        yield from NUMBERS
    else:
        yield from ("Bern", "(other)", "page_viewed")


def wordings(columns: Iterable[FeatureColumn]) -> Iterator[str]:
    """What reasons say of these columns, whatever the lead's value."""
    for column in columns:
        for value in values_of(column):
            yield column.format(value, AS_OF)


@cache
def everything() -> FeaturePlan:
    """A plan with every kind of feature that there is."""
    every = EventKey("any", "Any activity", cadence=True, amounts=("amount",))
    mails = [
        EventKey(f"email_{verb}", event_phrase(f"email_{verb}", {}), event_type=f"email_{verb}")
        for verb in ("sent", "opened", "clicked")
    ]
    page = EventKey(
        "page",
        event_phrase("page_viewed", {}, "pricing"),
        event_type="page_viewed",
        amounts=("seconds",),
        share=True,
    )
    own = EventKey("own", "Asked us; at the fair: once", when="TRUE")
    rates = tuple(
        Rate(f"{above}_{below}", f"E-mails {above} per e-mail {below}", f"email_{above}", f"email_{below}")
        for above, below in (("opened", "sent"), ("clicked", "sent"), ("clicked", "opened"))
    )
    return FeaturePlan(
        keys=(every, *mails, page, own),
        windows=(timedelta(hours=12), timedelta(days=1), timedelta(days=30)),
        attributes=tuple(
            AttributeFeature("lead", column, reading, label, "demographic")
            for reading in get_args(Reading)
            for column, label in (("title", "Job title"), ("birthday", "Birthday"), ("founded", "Founded"))
        ),
        touches=(Touch("last", "event_type", "Last action", ()), Touch("first", "channel", "First channel", ()), Touch("last", "channel", "Last channel", ())),
        rates=rates,
        hours=True,
        purchases=True,
        lead_age=True,
        colleagues=True,
    )  # fmt: skip


def test_reasons_of_every_kind_of_feature_are_read() -> None:
    columns = plan_columns(everything())
    flags = {column.label for column in columns}  # a flag is called by its column alone

    assert len(columns) > 120
    assert [text for text in unread(wordings(columns), "reason") if text not in flags] == []


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_reasons_of_the_demo_worlds_are_read(
    world: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    shutil.copyfile(ROOT / f"configs/demo_{world}.yaml", tmp_path / "project.yaml")
    shutil.copytree(ROOT / "configs/scorecards", tmp_path / "scorecards")
    write_world(simulate(world, leads=1_500), tmp_path / "data")

    columns = list_features(load_project(tmp_path)).columns

    flags = {column.label for column in columns}
    assert len(columns) > 100
    assert [text for text in unread(wordings(columns), "reason") if text not in flags] == []


def test_lines_of_sheets_and_ends_are_read() -> None:
    rule = {"label": "Asked for a price", "when": "event_type = 'asked'", "points": 5}
    sheet = Sheet.model_validate({"sheet": "s", "actions": [rule], "thresholds": {"mql": 5}})
    columns = named((), ScorecardSet((sheet,))).values()
    ends = [START, smaller_reasons(1), smaller_reasons(14), "smaller reasons and rounding"]
    moved = [f"no longer: {text}" for text in (*ends, *wordings(columns), "Opened an e-mail twice")]

    assert unread([*wordings(columns), *ends, *moved], "reason") == []
    assert unread(["Starting points", "Starting points of products"], "ledger") == []
    details = [
        "3 times",
        "4 days",
        "2 values, decayed -3",
        "decayed +3, over the cap -12",
        "age 41, place Bern, decayed -3",
    ]
    assert unread(details, "detail") == []


@given(
    st.text(min_size=1, max_size=30), st.sampled_from([1, 2, 3, 1_400]), st.sampled_from([1, 7, 30]), st.booleans()
)  # fmt: skip
def test_whatever_a_project_calls_its_events_its_reasons_are_put_together_again(
    label: str, times: int, days: int, lower: bool
) -> None:
    count = {1: "once", 2: "twice"}.get(times, f"{times:,} times")
    length = humanize(timedelta(days=days))
    for text in (
        f"{label} {count} in {length}",
        f"Never: {label}",
        f"{label}, last on 4 Nov 2025",
        f"{label}: 12,345",
    ):
        assert back(text, "reason") == text


def _rules(cap: int | None, points: int) -> Sheet:
    named = {"when": "event_type = 'x'", "points": points}
    return Sheet.model_validate(
        {
            "sheet": "s",
            "base": {"fit": points},
            "groups": [{"name": "mails", "cap": 20}],
            "attributes": [{"label": "Old", "when": "age > 30", "points": 2}],
            "actions": [
                named | {"label": "Each", "per": "each", "cap": cap, "within": "30d", "group": "mails"},
                named
                | {
                    "label": "Day",
                    "per": "day",
                    "decay": {"half_life": "30d"},
                    "dimension": "fit",
                    "also": ["engagement"],
                },
                named | {"label": "Value", "per": "value", "of": "page", "decay": {"to_zero": "12h"}},
                named | {"label": "Often", "at_least": 3, "after": "event_type = 'y'"},
                named | {"label": "Silent", "inactive_for": "14d"},
            ],
            "thresholds": {"mql": 30 + points, "sql": {"points": 60, "keep": 50}},
        }
    )


def test_what_the_page_says_of_a_sheet_is_read() -> None:
    sheet, other = _rules(10, 5), _rules(None, 7)
    rules = [*rules_in_words(sheet, "attributes"), *rules_in_words(sheet, "actions")]
    said = {text for rule in rules for text in (rule.counts, rule.window, rule.decay, *rule.notes) if text}
    assert len(said) > 8
    assert unread(said, "sheet") == []
    assert unread((each.label for each in fields_of(sheet).values()), "field") == []
    differences = [each.text for each in compare_sheets(sheet, other).differences]
    assert len(differences) > 4
    assert unread(differences, "difference") == []


def test_kinds_of_contacts_titles_and_bands_are_read() -> None:
    for context, kinds in (
        ("mail", MAIL_KINDS),
        ("phone", PHONE_KINDS),
        ("seniority", names("seniority")),
        ("work", names("function")),
    ):
        assert unread(kinds, context) == []
    worded = {text for bands in (SIZE_BANDS, REVENUE_BANDS, AGE_BANDS) for _, text in bands}
    assert {text for text in unread(worded, "band") if not text[0].isdigit()} == set()


def test_conditions_have_all_their_messages() -> None:
    known = {message.text for message in messages(catalogue("de")) if message.context == "condition"}
    assert known == condition_messages()


@cache
def compared() -> Comparison:
    judged, ledger, meta = judged_example(1_200, snapshots=2)
    return compare(judged, ledger, meta, resamples=40)


def results() -> Iterator[Comparison]:
    """A comparison and what it would be with other figures: each branch of story and checks at least once."""
    one = compared()
    yield one
    at, hot, audit = one.capacity, one.hot_band, one.audit
    meta = {**one.meta, "horizon": "45 days"}
    for low, high in ((3.0, 40.0), (-40.0, -3.0), (-9.0, 12.0)):
        for more in (1.0, 22.0):
            yield replace(
                one, capacity=replace(at, more=more if low > 0 else -more, more_interval=(low, high))
            )
    for count in (12, 60, 400):
        yield replace(one, conversions=count)
        yield replace(one, conversions=count, rows=one.leads, meta=meta)
        yield replace(one, conversions=count, rows=one.leads, meta={"clock": "number"})
    yield replace(one, meta={**one.meta, "clock": "number"}, weekly=False)
    yield replace(one, meta=meta, weeks=1)
    for gap in (-0.2, 0.2):
        yield replace(one, bias=(gap, gap - 0.01, gap + 0.01))
        yield replace(one, bias=(gap, gap - 0.01, gap + 0.01), rows=one.leads)
    off = one.measures.assign(value=one.measures["value"].mask(one.measures["metric"] == "ece", 0.4))
    yield replace(one, measures=off)
    for name, value in (("share_of_leads", 0.0), ("times", 0.0), ("hot_rate", 0.001), ("times", 3.0)):
        yield replace(one, hot_band=hot.assign(**{name: value}))
    yield replace(one, capacity=replace(at, model_tied=at.calls, rules_tied=at.calls))
    for share in (0.1, 0.6):
        found = [{"share": share, "message": "42 e-mail addresses are gone"}]
        yield replace(one, meta={**one.meta, "findings": found, "warnings": ["half of the data are late"]})
    yield replace(one, reachable=one.conversions)
    yield replace(one, audit=audit.iloc[:0])
    yield replace(one, audit=audit.iloc[:1])
    for verdict in audit["verdict"].unique():
        yield replace(one, audit=audit.assign(verdict=verdict))
        yield replace(one, audit=audit[audit["verdict"] == verdict])
    quadrants = one.quadrants
    for empty in ("both", "model only"):
        leads = quadrants["leads"].mask(quadrants["quadrant"] == empty, 0)
        yield replace(one, quadrants=quadrants.assign(leads=leads))
    stages = one.stages.assign(leads=one.stages["leads"].mask(one.stages["stage"] == "Disqualified", 0))
    yield replace(one, stages=stages)


def test_the_horizon_of_a_comparison_is_translated() -> None:
    one = replace(compared(), meta={**compared().meta, "horizon": "45 days"})
    assert "innerhalb von 45 Tagen" in language("de").word(story.sentences(one)[2])


USERS = ("42 e-mail addresses are gone", "half of the data are late")


def test_comparisons_are_read() -> None:
    said: set[str] = set()
    for one in results():
        checks = trust.trust(one)
        said |= {story.headline(one), story.advice(one), story.reached(one), trust.status(checks)["words"]}
        said |= {check.title for check in checks} | {check.words for check in checks}
        said |= set(story.sentences(one))

    unknown = [part for text in said for part, known in PSEUDO.say(text) if not known]
    assert len(said) > 60
    assert {part for part in unknown if not any(text in part for text in USERS)} == set()
    assert unread(text for text in said if ". " not in text and text not in USERS) == []


def test_a_model_without_a_sheet_is_read() -> None:
    one = compared()
    model = ModelReport(
        **{name: getattr(one, name) for name in ("rows", "leads", "conversions", "converted_rows", "base_rate", "first", "last", "weekly", "weeks", "reachable", "bias", "calibration", "hot_band", "bands", "grades", "gains", "thresholds")},
        meta=one.meta, capacity=0.2, calls=240, tied=90, found=80.0, found_interval=(60.0, 99.0), random=40.0,
        measures=one.measures[one.measures["lens"] == "leadlens"],
    )  # fmt: skip
    said: set[str] = set()
    for report in (model, replace(model, found_interval=(10.0, 99.0)), replace(model, conversions=12)):
        said |= {report.headline(), report.advice(), *report.story()}
    assert {part for text in said for part, known in PSEUDO.say(text) if not known} == set()


def test_what_runs_note_is_read() -> None:
    rising = pd.DataFrame({"lens": "leadlens", "threshold": [20, 25], "conversions": [3, 4]})
    day = datetime(2025, 6, 3)
    watched = [
        Checkpoint(date=day, leads=1_000, hot=hot, mql=None, converted=converted)
        for hot, converted in ((50, 9), (50, 9), (300, 9))
    ]
    kept = [
        Withheld("leads", "full name", "personal-name", "category"),
        Withheld("events", "note", "free-text", "category"),
    ]
    said = [
        more_above(rising),
        withheld_note(kept),
        *(each.message for each in inflation(tuple(watched), 0.1, Drift())),
        _moved("Viewed a page", _whose([], None), 0.31),
        *get_args(Status),
    ]
    assert len(said) == 4 + len(get_args(Status))
    assert unread(map(str, said)) == []


def test_verdicts_and_chances_are_read() -> None:
    verdicts = {
        judge_points(points, low, high, leads=leads, others=others).words
        for points in (-20, -5, 0, 5, 20, 2.5)
        for low, high in ((-30, -10), (-4, 6), (10, 31), (2, 3), (-3, -2), (np.nan, np.nan), (-30, 12))
        for leads, others in ((400, 900), (0, 900), (1, 900), (12, 900), (400, 0), (400, 1), (400, 12))
    }
    verdicts |= {
        judge_direction(-1, low, high, leads=400, others=900).words
        for low, high in ((-9, -2), (-8, 3), (2, 9))
    }
    verdicts |= set(compared().audit["words"])
    assert len(verdicts) > 20
    assert unread(verdicts) == []
    assert unread(f"{text}; raw rates point the other way: other rules explain it" for text in verdicts) == []
    chances = {
        chance(leads, round(leads * rate), base)
        for leads in (10, 30, 100, 1_200)
        for rate in (0, 0.001, 0.01, 0.3, 1)
        for base in (0, 0.001, 0.05, 0.4)
    }
    assert unread(text[0].upper() + text[1:] for text in chances if text != "too few to say") == []


def test_how_a_push_ended_is_said_in_every_language() -> None:
    """Health shows it as the record of the run has it."""
    from leadlens.pipeline.runs.recorded import _reason

    busy = UnavailableError("api.hubapi.com does not answer, or is too busy", why="it was asked 8 times")
    denied = refused(Answer(403, "not your batch"), "HubSpot", "crm.objects write")
    said = [
        _reason(_incomplete(*each)) for each in ((1, 250), (1_000, 100_000), (7, 8, busy), (9, 9, denied))
    ]
    assert unread(said) == []
    german, french = (
        "".join(part for part, _ in language(code).say(text))
        for code, text in (("de", said[1]), ("fr", said[2]))
    )
    assert german.startswith("1.000 Leads von 100.000 nicht gesendet (das CRM hat 1.000 Leads")
    assert "ne répond pas" in french
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ACCESS_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
            patch.delenv(f"HUBSPOT_{name}", raising=False)
        with pytest.raises(UsageError) as no_token:
            Credentials(parse_destination("hubspot://contacts"))
    assert unread([_reason(no_token.value)]) == []


def _incomplete(refused_leads: int, waiting: int, stopped: LeadlensError | None = None) -> LeadlensError:
    return _Incomplete(
        Push(
            destination="x",
            waiting=waiting,
            same=0,
            unknown=0,
            acknowledged=waiting - refused_leads,
            refused=refused_leads,
            reasons={},
            cut={},
            stopped=stopped,
        )
    )

"""Machines' clicks: what is recognised, from when on, and that nothing later ever matters."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlens.features import DuckDBEngine, Finding, Step
from leadlens.features.history import Kind
from leadlens.features.matrix import build_matrix
from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.features.visibility import known_by
from leadlens.pipeline.config import Bots, load_project
from leadlens.pipeline.demo import simulate, write_world
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.hygiene.bots import mark_bots
from tests.pipeline.little_project import START as START_OF_LEADS
from tests.pipeline.little_project import LittleProject
from tests.pipeline.slow_bots import is_machine

START = datetime(2026, 3, 2, 9)
SECOND = timedelta(seconds=1)
TYPES = {"event_id": "VARCHAR", "lead_id": "VARCHAR", "occurred_at": "TIMESTAMP", "known_at": "TIMESTAMP",
         "event_type": "VARCHAR", "retracted_at": "TIMESTAMP", "campaign": "VARCHAR", "link": "VARCHAR"}  # fmt: skip
Row = dict[str, Any]
EXAMPLES = settings(max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "60")), deadline=None)
ENGINE = DuckDBEngine()
ENGINE.connection.execute("SET threads = 1")
LITTLE = Bots(mode="filter", burst=3, links=2, within="4s")


def click(at: float, link: str | None = "a", known: float | None = None, **more: Any) -> Row:
    """A click so many seconds after START, known then or at ``known``."""
    late = at if known is None else known
    told = {"occurred_at": START + at * SECOND, "known_at": START + late * SECOND, "link": link}
    return {
        "event_id": None,
        "lead_id": "L",
        "event_type": "email_clicked",
        "campaign": "spring",
        **told,
        **more,
    }


def opened(at: float, **more: Any) -> Row:
    return click(at, None, event_type="email_opened", **more)


def marked(rows: list[Row], bots: Bots = LITTLE) -> tuple[pd.DataFrame, list[Finding]]:
    """The events as the step leaves them, in the order given, and what it told."""
    numbered = [dict.fromkeys(TYPES) | row | {"event_id": f"{n:04}"} for n, row in enumerate(rows)]
    ENGINE.register("incoming", pd.DataFrame(numbered, columns=list(TYPES), dtype="object"))
    columns = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in TYPES.items())
    ENGINE.run([Step("events", f"SELECT {columns} FROM incoming")])
    kinds: dict[str, Kind] = {"campaign": "category", "link": "category"}
    findings: list[Finding] = []
    mark_bots(ENGINE, bots, kinds, findings, "project.yaml")
    assert ("machine" in kinds) == (bots.mode == "feature")
    return ENGINE.frame("SELECT * FROM events ORDER BY event_id"), findings


def taken_back(rows: list[Row], bots: Bots = LITTLE) -> list[float | None]:
    """After how many seconds since START each event is taken back."""
    found = marked(rows, bots)[0]["retracted_at"]
    return [None if pd.isna(at) else (at - START).total_seconds() for at in found]


def only(pattern: str, **more: Any) -> Bots:
    return Bots.model_validate(
        {**LITTLE.model_dump(exclude={"within"}), "within": "4s", "patterns": [pattern], **more}
    )


def test_a_burst_is_recognised_when_it_is_complete() -> None:
    rows = [click(0), click(1), click(4), click(8), click(8.1), click(20)]
    assert taken_back(rows, only("burst")) == [4, 4, 4, None, None, None]


def test_a_burst_in_bursts_is_recognised_as_early_as_any_of_them() -> None:
    rows = [click(0), click(2), click(4), click(6), click(8)]
    assert taken_back(rows, only("burst")) == [4, 4, 4, 6, 8]


def test_a_burst_is_of_one_lead() -> None:
    rows = [click(0), click(1), click(1, lead_id="M"), click(2, lead_id="M")]
    assert taken_back(rows, only("burst")) == [None] * 4


def test_a_click_known_late_completes_a_burst_late() -> None:
    """Until then the others are a person's; a later one may complete it sooner."""
    assert taken_back([click(0), click(1, known=900), click(2)], only("burst")) == [900, 900, 900]
    assert taken_back([click(0), click(1, known=900), click(2), click(3)], only("burst")) == [3, 900, 3, 3]


def test_every_link_counts_links_of_one_mail_and_not_clicks() -> None:
    rows = [click(0, "a"), click(1, "a"), click(9, "b"), click(20, "c"), click(21, "d"), click(22, "d")]
    assert taken_back(rows, only("every_link")) == [None, None, None, 21, 21, 22]
    apart = [click(0, "a"), click(1, "b", campaign="autumn"), click(2, None), click(3, None)]
    assert taken_back(apart, only("every_link")) == [None] * 4


def test_a_click_before_any_open_never_counts() -> None:
    rows = [opened(-50, lead_id="other"), click(0), opened(5), click(6), click(7, campaign="autumn"),
            click(8, campaign=None)]  # fmt: skip
    assert taken_back(rows, only("before_open")) == [None, 0, None, None, 7, None]


def test_an_open_whose_mail_is_not_told_may_be_that_of_any_click() -> None:
    assert taken_back([opened(0, campaign=None), click(1)], only("before_open")) == [None, None]


def test_clicks_before_the_first_open_ever_known_are_not_judged() -> None:
    """Opens were not recorded then: their absence tells nothing."""
    assert taken_back([click(0), opened(5, lead_id="other"), click(6)], only("before_open")) == [
        None,
        None,
        6,
    ]


def test_an_open_known_late_does_not_save_a_click_that_was_judged_without_it() -> None:
    rows = [opened(-50, lead_id="other"), opened(0, known=900), click(1), click(2, known=901)]
    assert taken_back(rows, only("before_open")) == [None, None, 1, None]


def test_an_earlier_taking_back_stays() -> None:
    rows = [click(0, retracted_at=START), click(1, retracted_at=START + 99 * SECOND), click(2)]
    assert taken_back(rows, only("burst")) == [0, 2, 2]


@pytest.mark.parametrize("mode", ["report", "off"])
def test_other_modes_change_nothing(mode: str) -> None:
    rows = [click(0), click(1), click(2)]
    frame, found = marked(rows, LITTLE.model_copy(update={"mode": mode}))
    assert frame["retracted_at"].isna().all()
    assert [finding.count for finding in found] == ([3] if mode == "report" else [])
    assert "machine" not in frame


def test_as_a_feature_only_what_an_event_s_own_past_gives_away_is_a_machine_s() -> None:
    rows = [click(0), click(1), click(2), click(3), click(60), opened(61)]
    frame, _ = marked(rows, only("burst", mode="feature"))
    assert frame["machine"].astype(object).where(frame["machine"].notna(), None).tolist() == [
        False, False, True, True, False, None,
    ]  # fmt: skip
    assert frame["retracted_at"].isna().all()


def test_each_pattern_tells_how_many_it_took() -> None:
    rows = [opened(-9), click(0, "a"), click(1, "b"), click(2, "b"), click(30, campaign="autumn")]
    counts = {finding.code: finding.count for finding in marked(rows)[1]}
    assert counts == {"bots-burst": 3, "bots-every-link": 3, "bots-before-open": 1, "bots-looked": 4}


def test_few_are_not_worth_telling() -> None:
    people = [click(1000.0 * number, lead_id=f"P{number}") for number in range(400)]
    assert marked([click(0), click(1), click(2), *people], only("burst", mode="report"))[1] == []


def test_clicks_before_opens_alone_are_not_worth_telling() -> None:
    rows = [
        opened(0, lead_id="other"),
        *(click(1000.0 * number, lead_id=f"P{number}") for number in range(40)),
    ]
    bots = LITTLE.model_copy(update={"mode": "report"})
    assert marked(rows, bots)[1] == []
    assert "43 before any open" in marked([*rows, click(0), click(1), click(2)], bots)[1][0].message


def test_types_found_by_name() -> None:
    names = [
        "Email Link Clicked",
        "click",
        "newsletter-click",
        "button_clicked",
        "page_viewed",
        "Email Opened",
        "open",
    ]
    rows = [click(1000 * number, event_type=name) for number, name in enumerate(names)]
    looked = marked(rows)[1][-1].message
    assert "of 3 clicks (Email Link Clicked, click, newsletter-click)" in looked
    assert "opens: Email Opened, open" in looked


# laws on random events

seconds = st.integers(0, 14).map(lambda half: half / 2)
events = st.lists(
    st.builds(
        lambda at, late, mail, link, lead, opening: (opened if opening else click)(
            at, known=at + late, campaign=mail, lead_id=lead, **({} if opening else {"link": link})
        ),
        seconds, st.sampled_from([0, 0, 0, 0.5, 3, 500]), st.sampled_from([None, "spring", "spring", "autumn"]),
        st.sampled_from([None, "a", "b", "c"]), st.sampled_from(["L", "L", "M"]), st.sampled_from([False] * 4 + [True]),
    ),
    max_size=12,
)  # fmt: skip
knobs = st.builds(
    lambda burst, links, within: Bots(mode="filter", burst=burst, links=links, within=f"{within}s"),
    st.integers(2, 4), st.integers(2, 3), st.integers(1, 4),
)  # fmt: skip


def seen(rows: list[Row], bots: Bots, as_of: datetime) -> list[str]:
    marked(rows, bots)
    return visible_at(as_of)


def visible_at(as_of: datetime) -> list[str]:
    moment = f"(SELECT TIMESTAMP '{as_of}' AS as_of) AS s"
    found = ENGINE.frame(f"SELECT event_id FROM events AS e, {moment} WHERE {known_by()} ORDER BY event_id")
    return list(found["event_id"])


@EXAMPLES
@given(rows=events, bots=knobs)
def test_at_every_moment_exactly_what_a_slow_look_at_the_known_recognises(
    rows: list[Row], bots: Bots
) -> None:
    marked(rows, bots)
    moments = {row[part] + late for row in rows for part in ("occurred_at", "known_at")
               for late in (timedelta(0), timedelta(microseconds=1))}  # fmt: skip
    for as_of in moments:
        known = [
            (n, row) for n, row in enumerate(rows) if row["occurred_at"] < as_of and row["known_at"] < as_of
        ]
        expected = [
            f"{n:04}"
            for n, row in known
            if not is_machine(row, [other for _, other in known], bots.burst, bots.links, bots.within)
        ]
        assert visible_at(as_of) == expected


@EXAMPLES
@given(rows=events, more=events, bots=knobs, at=st.integers(0, 20))
def test_what_becomes_known_later_never_matters(
    rows: list[Row], more: list[Row], bots: Bots, at: int
) -> None:
    as_of = START + at * SECOND / 2
    later = [row | {"known_at": max(row["known_at"], as_of)} for row in more]
    assert seen(rows, bots, as_of) == seen([*rows, *later], bots, as_of)


# through the sources


def with_clicks(project: LittleProject) -> LittleProject:
    """Leads 3, 7, 11 … click six times at once, an hour and five hours after they were created; others click once."""
    rows = []
    for number, (lead, created) in enumerate(
        zip(project.leads["lead_id"], project.leads["created_at"], strict=True)
    ):
        for hours in (1, 5):
            for n in range(6 if number % 4 == 3 else 1):
                at = created + timedelta(hours=hours, seconds=n)
                rows.append((f"c{number}-{hours}-{n}", lead, at, "email_clicked", "Careers", None))
    project.events = pd.concat([project.events, pd.DataFrame(rows, columns=project.events.columns)])
    return project


def built(project: LittleProject) -> pd.DataFrame:
    history = open_history(load_project(project.write()))
    spine = build_spine(history, SpinePolicy(at_ages=(timedelta(hours=3), timedelta(days=1))))
    matrix = build_matrix(history, plan_vocabulary(history, spine, FeatureSettings()), spine)
    return pd.concat([matrix.spine, matrix.frame], axis=1)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(later=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 5)), max_size=30))
def test_later_clicks_change_no_earlier_row_of_features(tmp_path: Path, later: list[tuple[int, int]]) -> None:
    project = with_clicks(LittleProject(tmp_path))
    project.settings["hygiene"] = {
        "bots": {"mode": "filter", "burst": 4, "patterns": ["burst", "every_link"]}
    }
    project.data["ends"] = "2024-12-01"  # type: ignore[assignment]
    before = built(project)
    fence = START_OF_LEADS + timedelta(days=40, hours=2)
    rows = [
        (f"later{n}", f"L{lead:03}", fence + timedelta(seconds=second), "email_clicked", "Careers", None)
        for n, (lead, second) in enumerate(later)
    ]
    project.events = pd.concat([project.events, pd.DataFrame(rows, columns=project.events.columns)])
    after = built(project)
    assert list(before) == list(after)
    early = before["as_of"] <= fence
    assert 0 < early.sum() < len(before)
    pd.testing.assert_frame_equal(before[early], after[early], rtol=1e-9)


@pytest.mark.parametrize(("world", "least", "most"), [("b2b_software", 0.7, 0.95), ("car_dealer", 0.0, 0.01)])
def test_scanners_of_the_demo_worlds(world: str, least: float, most: float, tmp_path: Path) -> None:
    """Nine of ten clicks of the one are mail scanners', which click three links of a mail; the other has only people."""
    write_world(simulate(world, leads=600), tmp_path / "data")
    told = (Path(__file__).parents[2] / "configs" / f"demo_{world}.yaml").read_text(encoding="utf-8")
    told = told.replace("hygiene: {bots: {mode: filter}}\n", "")
    config = f"{told}\nhygiene: {{bots: {{mode: filter, patterns: [burst, every_link]}}}}\n"
    (tmp_path / "project.yaml").write_text(config, encoding="utf-8")
    engine = open_history(load_project(tmp_path)).engine
    clicks = "events WHERE event_type = 'email_clicked'"
    assert least <= engine.count(f"{clicks} AND retracted_at IS NOT NULL") / engine.count(clicks) <= most
    assert engine.count("events WHERE event_type <> 'email_clicked' AND retracted_at IS NOT NULL") == 0


def column(frame: pd.DataFrame, *parts: str) -> str:
    """The first column whose name holds all the parts and counts over all time."""
    return next(
        name for name in map(str, frame) if name.endswith("__count") and all(p in name for p in parts)
    )


def test_filtered_clicks_are_in_no_feature(tmp_path: Path) -> None:
    project = with_clicks(LittleProject(tmp_path))
    told = built(project)
    project.settings["hygiene"] = {"bots": {"mode": "filter", "patterns": ["burst"]}}
    kept = built(project)
    robots = told["lead_id"].str[1:].astype(int) % 4 == 3
    count = column(told, "email_clicked")
    late = told["as_of"] > told["created_at"] + timedelta(hours=4)
    assert set(told[count][robots & late]) == {12.0}
    assert set(kept[count][robots]) == {0.0}
    pd.testing.assert_series_equal(told[count][~robots], kept[count][~robots])


def test_marked_clicks_make_features_of_their_own(tmp_path: Path) -> None:
    project = with_clicks(LittleProject(tmp_path))
    project.settings["hygiene"] = {"bots": {"mode": "feature", "patterns": ["burst"]}}
    found = built(project)
    count = column(found, "machine", "true")
    robots = found["lead_id"].str[1:].astype(int) % 4 == 3
    assert set(found[count][robots]) == {4.0, 8.0}
    assert set(found[count][~robots]) == {0.0}

"""The compiled loops give what the SQL gives and what the oracle says, once and night after night."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import matrix
from features.behaviour.aggregates import aggregate_steps
from features.compiled import aggregation
from features.compiled import store as stores
from features.compiled.aggregation import aggregate_events
from features.compiled.coding import EventCoding
from features.compiled.lead_events import LeadEvents
from features.compiled.store import EventStore
from features.conformance import CASES
from features.conformance.histories import PLAN
from features.conformance.world import DATA_END, START, load, random_history, side_by_side
from features.engines import DuckDBEngine, Step
from features.errors import DataError
from features.history import History
from features.plan import EventKey, FeaturePlan
from features.spine import Spine, SpinePolicy, build_spine

EXAMPLES = int(os.environ.get("LEADLENS_EXAMPLES", "500"))
GRID = SpinePolicy(every=timedelta(days=5, microseconds=1), repeat=True)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled loops for small histories too."""
    monkeypatch.setattr(matrix, "_WORTH_COMPILING", 0)


@pytest.fixture
def history() -> History:
    return load(DuckDBEngine(threads=1), side_by_side([random_history(seed) for seed in range(60)]))


def aggregates(history: History, spine: Spine, **how: object) -> pd.DataFrame:
    parts = [part.aggregates.to_pandas() for part in aggregate_events(history, PLAN, spine, **how)]  # type: ignore[arg-type]
    return pd.concat(parts).sort_values("row_id").reset_index(drop=True)


def by_sql(history: History, spine: Spine) -> pd.DataFrame:
    history.engine.run(aggregate_steps(history, PLAN, spine))
    return history.engine.frame("SELECT * FROM aggregates ORDER BY row_id")


def assert_same(got: pd.DataFrame, want: pd.DataFrame) -> None:
    assert list(got) == list(want)
    assert len(got) == len(want) > 0
    for name in want:
        np.testing.assert_allclose(
            got[name].astype(float), want[name].astype(float), rtol=1e-12, atol=1e-12, err_msg=name
        )


@pytest.mark.usefixtures("always")
def test_equal_to_the_oracle() -> None:
    case = next(case for case in CASES if case.name == "features")
    with DuckDBEngine(threads=1) as engine:
        case.check(engine, EXAMPLES)


def test_equal_to_the_sql_that_defines_them(history: History) -> None:
    spine = build_spine(history, GRID)
    assert_same(aggregates(history, spine), by_sql(history, spine))


def test_events_that_do_not_fit_in_memory_wait_in_files(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation, "_EVENTS_A_PART", 50)
    spine = build_spine(history, GRID)
    want = by_sql(history, spine)
    parts = aggregate_events(history, PLAN, spine, memory=1, folder=tmp_path)
    first = next(parts)
    assert list(tmp_path.iterdir()), "nothing was spilled"
    got = pd.concat([part.aggregates.to_pandas() for part in (first, *parts)])
    assert_same(got.sort_values("row_id").reset_index(drop=True), want)
    assert not list(tmp_path.iterdir())


def nights(history: History) -> tuple[History, History]:
    """The same history as it was known in the middle, and at its end."""
    return replace(history, data_end=START + timedelta(days=30)), replace(history, data_end=DATA_END)


def at(history: History, first: str, last: str) -> Spine:
    """A spine of all leads from one time to another, whether open or not."""
    rows = f"""
        SELECT row_number() OVER (ORDER BY as_of, lead_id) - 1 AS row_id, lead_id, as_of, created_at
        FROM leads, (SELECT unnest(generate_series({first}, {last}, INTERVAL 7 HOUR)) AS as_of) AS grid
    """
    return Spine.make(history.engine, "spine", rows)


FIRST_NIGHT = ("TIMESTAMP '2024-03-01'", "TIMESTAMP '2024-03-27'")
SECOND_NIGHT = ("TIMESTAMP '2024-04-20'", "TIMESTAMP '2024-05-11'")


def test_the_second_night_reads_only_what_is_new(history: History, tmp_path: Path) -> None:
    store, (before, after) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    assert_same(aggregates(before, spine, store=store), by_sql(before, spine))
    assert store.renewed == 1
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    known = history.engine.count("events WHERE known_at >= TIMESTAMP '2024-03-27'")
    assert (store.renewed, store.merged) == (0, known)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    assert (store.renewed, store.merged) == (0, 0)


def test_parts_are_brought_up_to_date_one_by_one(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_EVENTS_A_PART", 50)
    store, (before, after) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    aggregates(before, spine, store=store)
    parts = store.renewed
    lead = history.engine.value("SELECT min(lead_id) FROM events WHERE known_at < TIMESTAMP '2024-03-01'")
    history.engine.run(
        [Step("events", f"SELECT * FROM events WHERE lead_id <> {history.engine.dialect.literal(lead)}")]
    )
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    assert parts > 3
    assert store.renewed == 1


def test_late_events_stay_invisible_as_of_earlier(history: History, tmp_path: Path) -> None:
    store, (before, after) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    first = aggregates(before, spine, store=store)
    history.engine.run(
        [
            Step(
                "events",
                "SELECT * FROM events UNION ALL SELECT 'late ' || event_id, * EXCLUDE (event_id) "
                "REPLACE (TIMESTAMP '2024-04-02' AS known_at, CAST(NULL AS TIMESTAMP) AS retracted_at) FROM events "
                "WHERE occurred_at < TIMESTAMP '2024-03-10'",
            )
        ]
    )
    assert_same(aggregates(after, spine, store=store), first)
    assert store.renewed == 0
    assert store.merged > 0
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))


@pytest.mark.parametrize(
    "edit",
    [
        "SELECT * REPLACE ('email_sent' AS event_type) FROM events",
        "SELECT * FROM events WHERE event_type <> 'page_viewed'",
        "SELECT * REPLACE (value + 1 AS value) FROM events",
        "SELECT * REPLACE (TIMESTAMP '2024-04-15' AS retracted_at) FROM events",
        "SELECT * REPLACE (known_at - INTERVAL 1 MICROSECOND AS known_at) FROM events",
        "SELECT * REPLACE ((SELECT max(lead_id) FROM leads) AS lead_id) FROM events",
    ],
)
def test_a_past_that_was_edited_is_read_anew(history: History, tmp_path: Path, edit: str) -> None:
    store, (before, after) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    aggregates(before, spine, store=store)
    history.engine.run([Step("events", edit)])
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    assert store.renewed == 1


def test_edits_of_pairs_of_events_are_noticed(history: History, tmp_path: Path) -> None:
    """A checksum that only combines hashes by XOR would be the same before and after."""
    store, (before, after) = EventStore(tmp_path), nights(history)
    twice = "SELECT * FROM events UNION ALL SELECT * REPLACE ('again ' || event_id AS event_id) FROM events"
    history.engine.run([Step("events", f"SELECT * REPLACE (1.0 AS value) FROM ({twice})")])
    spine = at(before, *FIRST_NIGHT)
    aggregates(before, spine, store=store)
    history.engine.run([Step("events", "SELECT * REPLACE (2.0 AS value) FROM events")])
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    assert store.renewed == 1


def test_new_leads_find_their_place(history: History, tmp_path: Path) -> None:
    store, (before, after) = EventStore(tmp_path), nights(history)
    history.engine.run([Step("all_leads", "SELECT * FROM leads")])
    history.engine.run([Step("leads", "SELECT * FROM all_leads WHERE hash(lead_id) % 2 = 0")])
    history.engine.run([Step("all_events", "SELECT * FROM events")])
    history.engine.run(
        [Step("events", "SELECT * FROM all_events WHERE lead_id IN (SELECT lead_id FROM leads)")]
    )
    spine = at(before, *FIRST_NIGHT)
    aggregates(before, spine, store=store)
    history.engine.run([Step("leads", "SELECT * FROM all_leads"), Step("events", "SELECT * FROM all_events")])
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))


@pytest.mark.parametrize("broken", ["", "{", '{"format": 99}', "[]", "a piece is gone"])
def test_a_store_that_cannot_be_read_is_made_again(history: History, tmp_path: Path, broken: str) -> None:
    store = EventStore(tmp_path)
    spine = build_spine(history, GRID)
    want = aggregates(history, spine, store=store)
    if broken == "a piece is gone":
        shutil.rmtree(next(tmp_path.glob("part-0-*")))
    else:
        (tmp_path / "manifest.json").write_text(broken)
    (tmp_path / "part-of-a-killed-run").mkdir()
    assert_same(aggregates(history, spine, store=store), want)
    assert json.loads((tmp_path / "manifest.json").read_text())["format"] == 1
    assert not (tmp_path / "part-of-a-killed-run").exists()


def _short(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _fewer(path: Path) -> None:
    """Whole by itself, and of another length than its fellows."""
    if path.suffix == ".npy":
        np.save(path, np.load(path)[:-1])
    else:
        frame = pd.read_parquet(path)
        frame.assign(lead_no=frame["lead_no"].iloc[0]).to_parquet(path)


def _other_kind(path: Path) -> None:
    if path.suffix == ".npy":
        np.save(path, np.load(path).astype(np.float32))
    else:
        pd.DataFrame({"a": [1]}).to_parquet(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [_short, _empty, _zeros, _fewer, _other_kind, _folder, Path.unlink])
@pytest.mark.parametrize(
    "file",
    ["leads-*.parquet", *(f"part-0-*/{field.name}.npy" for field in fields(LeadEvents)), "manifest.json"],
)
def test_a_file_that_is_not_whole_heals_by_itself(
    history: History, tmp_path: Path, file: str, harm: Callable[[Path], None]
) -> None:
    if file == "manifest.json" and harm in (_fewer, _other_kind):
        pytest.skip("no table")
    store, (before, after) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    aggregates(before, spine, store=store)
    harm(next(tmp_path.glob(file)))
    spine = at(after, *SECOND_NIGHT)
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    assert store.renewed == 1
    assert_same(aggregates(after, spine, store=store), by_sql(after, spine))
    assert (store.renewed, store.merged) == (0, 0)


def test_only_the_part_that_is_not_whole_is_read_anew(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_EVENTS_A_PART", 50)
    store, (before, _) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    want = aggregates(before, spine, store=store)
    assert store.renewed > 3
    _short(next(tmp_path.glob("part-2-*/code.npy")))
    assert_same(aggregates(before, spine, store=store), want)
    assert (store.renewed, store.merged) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [{"parts": []}, {"parts": 7}, {"leads": 7}, {"leads": "../leads.parquet"}, {"known_to": "2024-03-27T00:00:00+00:00"}],
)  # fmt: skip
def test_a_manifest_that_tells_nonsense_is_made_again(
    history: History, tmp_path: Path, change: dict[str, object]
) -> None:
    store, (before, _) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    want = aggregates(before, spine, store=store)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert_same(aggregates(before, spine, store=store), want)
    assert store.renewed == 1


def test_a_lead_without_any_event_is_not_lost_on_the_second_night(history: History, tmp_path: Path) -> None:
    store, (before, _) = EventStore(tmp_path), nights(history)
    spine = at(before, *FIRST_NIGHT)
    aggregates(before, spine, store=store)
    new = "SELECT * REPLACE ('newly made' AS lead_id) FROM leads ORDER BY lead_id LIMIT 1"
    history.engine.run([Step("leads", f"SELECT * FROM leads UNION ALL ({new})")])
    spine = at(before, *FIRST_NIGHT)
    assert_same(aggregates(before, spine, store=store), by_sql(before, spine))


def test_a_store_that_cannot_be_written_is_told(history: History, tmp_path: Path) -> None:
    spine = build_spine(history, GRID)
    (tmp_path / "taken").write_text("x")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "x", Path("/proc/leadlens")):
        with pytest.raises(DataError, match="cannot be kept here"):
            aggregates(history, spine, store=EventStore(folder))


def test_another_plan_does_not_read_this_ones_kinds(history: History, tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    spine = build_spine(history, GRID)
    aggregates(history, spine, store=store)
    plan = FeaturePlan(
        keys=(EventKey("any", "Any"), EventKey("opened", "Opened", "email_opened")), windows=()
    )
    history.engine.run(aggregate_steps(history, plan, spine))
    want = history.engine.frame("SELECT * FROM aggregates ORDER BY row_id")
    parts = [part.aggregates.to_pandas() for part in aggregate_events(history, plan, spine, store)]
    assert_same(pd.concat(parts).sort_values("row_id").reset_index(drop=True), want)


def test_pieces_of_many_nights_become_one_again(history: History, tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    for day in range(10, 70, 4):
        tonight = replace(history, data_end=START + timedelta(days=day))
        spine = at(tonight, *(2 * [f"TIMESTAMP '2024-02-26' + INTERVAL {day} DAY"]))
        assert_same(aggregates(tonight, spine, store=store), by_sql(tonight, spine))
    (part,) = json.loads((tmp_path / "manifest.json").read_text())["parts"]
    assert len(part["pieces"]) <= 8


def test_too_many_kinds_of_events_are_left_to_the_sql() -> None:
    keys = tuple(EventKey(f"{name}{n}", "", None, name, str(n)) for name in "abcd" for n in range(40))
    assert EventCoding.of(FeaturePlan(keys=keys)) is None
    assert EventCoding.of(FeaturePlan(keys=keys[:80])) is not None

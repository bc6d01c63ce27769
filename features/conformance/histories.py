"""Promises about histories: spine, labels, features and the choice of features, on many random ones at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd

from leadlens.features.conformance.case import Case, differences, plain
from leadlens.features.conformance.spine_oracle import oracle_label, oracle_spine
from leadlens.features.conformance.world import (
    CITIES,
    DATA_END,
    HORIZON,
    PAGES,
    SINCE,
    SNAPSHOT_AGES,
    TYPES,
    Tables,
    load,
    random_history,
    side_by_side,
)
from leadlens.features.engines import DuckDBEngine, Engine
from leadlens.features.errors import DataError
from leadlens.features.history import History
from leadlens.features.label import build_labels
from leadlens.features.matrix import FeatureMatrix, build_matrix, plan_columns
from leadlens.features.oracle.matrix import oracle_features
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan, Rate, Touch
from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import SpinePolicy, build_spine

_DAY = timedelta(days=1)
PLAN = FeaturePlan(
    keys=(
        EventKey("any", "Any activity", amounts=("value",), cadence=True),
        EventKey("page_viewed", "Viewed a page", "page_viewed", amounts=("value",)),
        EventKey("it's a call\\", "Called", "it's a call\\"),
        *(EventKey(f"page_viewed:page={page}", f"Viewed {page}", "page_viewed", "page", page) for page in PAGES[1:]),
        EventKey("channel=mail", "Channel: mail", prop="channel", value="mail", share=True),
        EventKey("paid=true", "Paid", prop="paid", value="true"),
    ),
    windows=(_DAY, 7 * _DAY, 30 * _DAY),
    half_life=5 * _DAY,
    touches=(
        Touch("last", "event_type", "Last action", TYPES[:3]),
        Touch("last", "page", "Last page", PAGES[1:]),
        Touch("first", "channel", "First channel", ("ads", "mail")),
    ),
    rates=(Rate("calls_per_page", "Calls per page", "it's a call\\", "page_viewed"),),
    hours=True,
    purchases=True,
    attributes=(
        AttributeFeature("lead", "income", "number", "Income", "demographic"),
        AttributeFeature("lead", "city", "category", "City", "demographic", CITIES[:3]),
        AttributeFeature("lead", "job title", "filled", "Title", "demographic"),
        AttributeFeature("lead", "customer", "flag", "Customer", "demographic"),
        AttributeFeature("lead", "born", "age", "Born", "demographic"),
        AttributeFeature("account", "industry", "category", "Industry", "firmographic", ("IT",)),
        AttributeFeature("account", "staff", "number", "Staff", "firmographic"),
    ),
    lead_age=True,
    colleagues=True,
)  # fmt: skip
AGES = SpinePolicy(at_ages=SNAPSHOT_AGES, repeat=True)
POLICIES = {
    "ages": SpinePolicy(at_ages=AGES.at_ages),
    "grid": SpinePolicy(every=5 * _DAY, since=SINCE),
    "dates": SpinePolicy(dates=(datetime(2024, 3, 31, 2), datetime(2024, 2, 29), DATA_END), kinds=("it's a trial",)),
    "column": SpinePolicy(column="renewed on", repeat=True),
}  # fmt: skip
_SETTINGS = FeatureSettings(
    max_event_keys=6,
    half_life=3 * _DAY,
    counts=(("Page with an odd name", "page LIKE '%\\%' OR page ILIKE '李%'"), ("Dear", "value / 2 > 0.9")),
)

_loaded: WeakKeyDictionary[Engine, tuple[int, History]] = WeakKeyDictionary()


def _world(engine: Engine, count: int) -> tuple[History, list[Tables]]:
    """Loaded once per engine: on Spark every table costs a second."""
    worlds = [random_history(seed) for seed in range(count)]
    if _loaded.get(engine, (0, None))[0] != count:
        _loaded[engine] = count, load(engine, side_by_side(worlds))
    return _loaded[engine][1], worlds


def _spines(engine: Engine, count: int) -> Iterator[str]:
    history, worlds = _world(engine, count)
    tables = side_by_side(worlds)
    for name, policy in POLICIES.items():
        wanted = oracle_spine(tables, policy, DATA_END)
        try:
            spine = build_spine(history, policy)
        except DataError:
            if wanted:
                yield f"{name}: no row"
            continue
        with spine:
            got = engine.frame(f"SELECT row_id, lead_id, as_of FROM {spine} ORDER BY row_id")
        yield from (f"{name}: {line}" for line in differences(got, wanted, ("lead_id", "as_of")))


def _labels(engine: Engine, count: int) -> Iterator[str]:
    history, worlds = _world(engine, count)
    by_lead = {lead["lead_id"]: world for world in worlds for lead in world["leads"]}
    for horizon, kinds in ((HORIZON, ()), (timedelta(microseconds=1), ("sale",))):
        with build_spine(history, AGES) as spine, build_labels(history, spine, horizon, kinds) as labels:
            got = engine.frame(
                f"SELECT s.row_id, s.lead_id, s.as_of, l.label, l.converted_at FROM {spine} AS s "
                f"JOIN {labels} AS l ON l.row_id = s.row_id ORDER BY s.row_id"
            )
        wanted = [
            row
            | oracle_label(by_lead[row["lead_id"]], row["lead_id"], row["as_of"], horizon, kinds, DATA_END)
            for row in _rows(got[["row_id", "lead_id", "as_of"]])
        ]
        yield from differences(got, wanted, ("row_id",))


def _features(engine: Engine, count: int) -> Iterator[str]:
    history, worlds = _world(engine, count)
    with build_spine(history, AGES) as spine:
        built = build_matrix(history, PLAN, spine, loops=False)  # the engine is asked, not the loops
    by_lead = {lead["lead_id"]: world for world in worlds for lead in world["leads"]}
    wanted = [
        row | oracle_features(_in_words(by_lead[row["lead_id"]]), PLAN, [row])[0]
        for row in _rows(built.spine[["lead_id", "as_of"]])
    ]
    got = pd.concat([built.spine.set_index("row_id")[["lead_id", "as_of"]], built.frame], axis=1)
    if list(built.frame) != [column.name for column in plan_columns(PLAN)]:
        yield f"columns are {list(built.frame)}"
    yield from differences(got, wanted, ("lead_id", "as_of"))


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _in_words(world: Tables) -> Tables:
    """Truth as SQL writes it: the oracle compares a property's value as text."""
    events = [
        event | {"paid": {True: "true", False: "false"}.get(event["paid"])} for event in world["events"]
    ]
    return world | {"events": events}


def _planned(engine: Engine, count: int) -> Iterator[str]:
    """What the oracle does not cover: the choice of features, free conditions, readings of titles and addresses."""
    history, worlds = _world(engine, count)
    with DuckDBEngine() as reference:
        known = load(reference, side_by_side(worlds))
        plan, matrix = _chosen(known)
        chosen, built = _chosen(history, plan)
    if chosen != plan:
        yield f"another plan is chosen: {chosen} instead of {plan}"
    wanted = matrix.frame.assign(lead_id=matrix.spine["lead_id"].to_numpy(), row=range(len(matrix)))
    got = built.frame.assign(lead_id=built.spine["lead_id"].to_numpy(), row=range(len(built)))
    yield from differences(got, _rows(wanted), ("lead_id", "row"))
    if (got.dtypes != wanted.dtypes).any():
        yield "columns have other pandas types than DuckDB's"


def _chosen(history: History, plan: FeaturePlan | None = None) -> tuple[FeaturePlan, FeatureMatrix]:
    """The plan that the engine chooses, and the matrix by it or by the plan given."""
    with build_spine(history, AGES) as spine:
        chosen = plan_vocabulary(history, spine, _SETTINGS)
        return chosen, build_matrix(history, plan or chosen, spine, loops=False)


HISTORY_CASES = (
    Case(
        "spines", "each policy finds the leads open as of its timestamps, numbered by as_of and id", _spines
    ),
    Case("labels", "a row is a success within its horizon, and unknown while that is not over", _labels),
    Case("features", "every feature equals the oracle's", _features),
    Case("planning", "the same features are chosen, and have the values that DuckDB gives", _planned),
)

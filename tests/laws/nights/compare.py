"""Open a history on a night, and say in what it differs from another one, or from the plain reading."""

from __future__ import annotations

import math
import os
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from leadlens.features import DataError, DuckDBEngine, History, LeadlensError
from leadlens.features import matrix as feature_matrix
from leadlens.features.matrix import build_matrix, plan_columns
from leadlens.features.oracle.matrix import oracle_features
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan, Touch
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.sources import open_history as read_into_memory
from tests.laws.nights.plain_reading import PlainHistory, Tables
from tests.laws.nights.rows import AGES, PAGES

TABLES = ("leads", "accounts", "events", "conversions", "changes", "unlabelled", "verdicts", "answers")
_UNREAD = {
    "code"
}  # of a kind that depends on all values: compared with another opening, not with the plain reading
POLICY = SpinePolicy(at_ages=AGES, repeat=True)
Content = tuple[tuple[str, ...], Counter[tuple[Any, ...]]]


@dataclass(frozen=True)
class Opened:
    """What one opening gave: everything of a history that a job can see, or the error that refused the data."""

    refused: str | None
    tables: dict[str, Content]
    facts: dict[str, Any]
    plan: FeaturePlan | None = None
    features: pd.DataFrame | None = None


def open_once(
    path: Path,
    home: Path | None,
    *,
    features: bool,
    compiled: bool = False,
    workers: Workers | None = None,
) -> Opened:
    """Open the project with this state folder, or (``None``) read it into memory; with ``workers`` they prepare it.

    Without ``compiled`` the SQL makes the features that loops make.
    """
    state = {} if home is None else {"LEADLENS_HOME": str(home)}
    with mock.patch.dict(os.environ, state), _loops(compiled), DuckDBEngine(threads=1) as engine:
        try:
            file = load_project(path)
            prepared = None if home is None else open_prepared(file, workers=workers)
            history = read_into_memory(file, engine) if prepared is None else prepared.history(engine)
        except LeadlensError as error:
            return Opened(str(error), {}, {})
        plan = plan_of(history)
        return Opened(
            None,
            {table: _content(history, table) for table in TABLES},
            {
                "data_end": history.data_end,
                "clock": history.clock,
                "hidden": set(history.hidden),
                "lead attributes": dict(history.lead_attributes),
                "account attributes": dict(history.account_attributes),
                "event properties": dict(history.event_properties),
                "event days": prepared.event_days
                if prepared and prepared.event_days is not None
                else _event_days(history),
                "findings": {(item.code, item.level, item.count, item.message) for item in history.findings},
            },
            plan,
            _features(history, plan) if features else None,
        )


def _event_days(history: History) -> dict[date, int]:
    rows = "SELECT CAST(occurred_at AS DATE), count(*) FROM events GROUP BY 1"
    return dict(history.engine.connection.execute(rows).fetchall())


def _loops(compiled: bool) -> AbstractContextManager[object]:
    return nullcontext() if compiled else mock.patch.object(feature_matrix, "_compiles", return_value=False)


def _content(history: History, table: str) -> Content:
    """Column names in alphabetical order, and the rows as a multiset."""
    assert isinstance(history.engine, DuckDBEngine)
    found = history.engine.connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in found.description or ()]
    order = sorted(range(len(names)), key=names.__getitem__)
    rows = Counter(tuple(row[place] for place in order) for row in found.fetchall())
    return tuple(names[place] for place in order), rows


def plan_of(history: History) -> FeaturePlan:
    """Few features that see every part of a history, of the columns that it has."""
    leads, properties = history.lead_attributes, history.event_properties
    amounts = ("amount",) if properties.get("amount") == "number" else ()
    pages = properties.get("page") in ("category", "text")
    keys = [EventKey("any", "Anything", amounts=amounts), EventKey("noise", "Noise", "noise")]
    touches = []
    if pages:
        keys.append(EventKey("page=Pricing", "Pricing", prop="page", value="Pricing"))
        touches.append(Touch("last", "page", "Last page", PAGES[:2]))
    readings = {"income": "number", "city": "category", "keen": "flag"}
    kinds = {"income": "number", "city": "category", "keen": "boolean"}
    attributes = [
        AttributeFeature("lead", name, reading, name, "demographic", ("Bern", "Rome"))  # type: ignore[arg-type]
        for name, reading in readings.items()
        if leads.get(name) == kinds[name]
    ]
    if history.account_attributes.get("industry") == "category":
        attributes.append(
            AttributeFeature("account", "industry", "category", "Industry", "firmographic", ("IT",))
        )
    return FeaturePlan(
        keys=tuple(keys),
        windows=(timedelta(days=7),),
        touches=tuple(touches),
        purchases=True,
        attributes=tuple(attributes),
        lead_age=True,
        colleagues=True,
    )


def _features(history: History, plan: FeaturePlan) -> pd.DataFrame | None:
    try:
        spine = build_spine(history, POLICY)
    except DataError:
        return None
    with spine:
        built = build_matrix(history, plan, spine)
    return pd.concat([built.spine.set_index("row_id"), built.frame], axis=1)


def differences(one: Opened, other: Opened) -> list[str]:
    """In what two openings of the same sources differ; features to the last bit."""
    if one.refused != other.refused:
        return [f"refused: {one.refused!r} | {other.refused!r}"]
    found = []
    for table in one.tables:
        mine, yours = (_without_ids(side.tables[table]) for side in (one, other))
        if mine != yours:
            found.append(f"{table}: {_apart(mine, yours)}")
    for name, value in one.facts.items():
        theirs = other.facts[name]
        if value != theirs:
            apart = (value - theirs, theirs - value) if isinstance(value, set) else (value, theirs)
            found.append(f"{name}: {apart[0]} | {apart[1]}")
    if found:
        return found
    if one.features is None or other.features is None:
        return [] if one.features is other.features else ["features: one has no rows"]
    try:
        pd.testing.assert_frame_equal(one.features, other.features, check_exact=True)
    except AssertionError as error:
        return [f"features: {error}"]
    return []


def _without_ids(content: Content) -> Content:
    """A prepared history keeps the ids of events only where it may need them again."""
    names, rows = content
    if "event_id" not in names:
        return content
    place = names.index("event_id")
    shorter: Counter[tuple[Any, ...]] = Counter()
    for row, count in rows.items():
        shorter[row[:place] + row[place + 1 :]] += count
    return names[:place] + names[place + 1 :], shorter


def _apart(mine: Content, theirs: Content) -> str:
    """A few rows that only one of them has."""
    if mine[0] != theirs[0]:
        return f"columns {mine[0]} | {theirs[0]}"
    only = [list((one[1] - other[1]).items())[:3] for one, other in ((mine, theirs), (theirs, mine))]
    return f"{mine[0]}: {only[0]} | {only[1]}"


def differences_of_parts(path: Path, home: Path, whole: Opened, compiled: bool = False) -> list[str]:
    """In what the parts of a prepared history, taken together, differ from all of it; and two leads alone."""
    with mock.patch.dict(os.environ, LEADLENS_HOME=str(home)):
        prepared = open_prepared(load_project(path))
    if whole.plan is None or whole.features is None or prepared.parts < 2:
        return []
    with _loops(compiled):
        return _parts_apart(prepared, whole)


def _parts_apart(prepared: PreparedHistory, whole: Opened) -> list[str]:
    assert whole.plan is not None
    assert whole.features is not None
    rows: dict[str, Counter[tuple[Any, ...]]] = {table: Counter() for table in ("leads", "events")}
    frames = []
    for number in range(prepared.parts):
        part = prepared.part(number)
        for table in rows:
            rows[table] += _content(part, table)[1]
        frames.append(_features(part, whole.plan))
        part.engine.close()
    wrong = [
        f"parts: {table}: {_apart((whole.tables[table][0], found), whole.tables[table])}"
        for table, found in rows.items()
        if found != whole.tables[table][1]
    ]
    together = pd.concat([frame for frame in frames if frame is not None])
    wrong += [f"parts: {text}" for text in _rows_apart(together, whole.features)]
    for lead_id in sorted(whole.features["lead_id"].unique())[:2]:
        alone = prepared.of_lead(lead_id)
        if alone is None:
            wrong.append(f"{lead_id} alone: not found")
            continue
        own = _features(alone, whole.plan)
        alone.engine.close()
        mine = whole.features[whole.features["lead_id"] == lead_id]
        wrong += [f"{lead_id} alone: {text}" for text in _rows_apart(own[own["lead_id"] == lead_id], mine)]
    return wrong


def _rows_apart(some: pd.DataFrame, all_rows: pd.DataFrame) -> list[str]:
    """In what they differ, lead by lead and as-of by as-of; to the last bit."""
    some, all_rows = (
        frame.sort_values(["lead_id", "as_of"], ignore_index=True) for frame in (some, all_rows)
    )
    try:
        pd.testing.assert_frame_equal(some, all_rows, check_exact=True)
    except AssertionError as error:
        return [str(error)]
    return []


def differences_from_plain(opened: Opened, plain: PlainHistory | None, why: str = "") -> list[str]:
    """In what an opening differs from the plain reading (``None``: it refused); features to nine digits."""
    if plain is None or opened.refused is not None:
        if plain is None and opened.refused is not None:
            return []
        return [f"refused: {opened.refused!r} | plain reading: {why or 'read'}"]
    found = []
    for table, rows in plain.tables.items():
        names, content = opened.tables[table]
        kept = [place for place, name in enumerate(names) if name not in _UNREAD]
        read: Counter[tuple[Any, ...]] = Counter()
        for row, count in content.items():
            read[tuple(row[place] for place in kept)] += count
        expected = Counter(tuple(row.get(names[place]) for place in kept) for row in rows)
        if read != expected:
            found.append(f"{table}: {_apart((names, read), (names, expected))}")
    if opened.facts["data_end"] != plain.data_end:
        found.append(f"data_end: {opened.facts['data_end']} | plain reading: {plain.data_end}")
    if not found and opened.features is not None and opened.plan is not None:
        found += _features_apart(opened.features, opened.plan, plain)
    return found


def _features_apart(features: pd.DataFrame, plan: FeaturePlan, plain: PlainHistory) -> list[str]:
    return [
        text for tables in plain.members or (plain.tables,) for text in _features_of(features, plan, tables)
    ][:3]


def _features_of(features: pd.DataFrame, plan: FeaturePlan, tables: Tables) -> list[str]:
    """Of the leads in these tables, which know of no others."""
    features = features[features["lead_id"].isin({row["lead_id"] for row in tables["leads"]})]
    spine = [{"lead_id": row.lead_id, "as_of": row.as_of.to_pydatetime()} for row in features.itertuples()]
    expected = oracle_features(tables, plan, spine)
    return [
        f"features: {column.name} of {row['lead_id']} as of {row['as_of']}: {row[column.name]} | oracle: {wanted}"
        for row, wanted_row in zip(features.to_dict("records"), expected, strict=True)
        for column in plan_columns(plan)
        if not _alike(row[column.name], wanted := wanted_row[column.name])
    ]


def _alike(got: Any, wanted: Any) -> bool:
    if wanted is None:
        return bool(got != got)
    if isinstance(wanted, float):
        return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return bool(got == wanted)

"""Behavioural features: what a lead had done as of each row, as measures over the aggregates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from leadlens.features.behaviour.aggregates import age_between, aggregate_steps, days_between, touch_value
from leadlens.features.behaviour.measures import (
    LEAD_AGE,
    PURCHASES,
    Measure,
    key_measures,
    rate_measure,
    touch_column,
)
from leadlens.features.columns import FeatureColumn
from leadlens.features.engines import Step
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine


@lru_cache(maxsize=8)
def _measures(plan: FeaturePlan) -> tuple[Measure, ...]:
    """In column order; kept, since wording hundreds of columns takes longer than a lead's features."""
    measures = [measure for number in range(len(plan.keys)) for measure in key_measures(plan, number)]
    measures += [rate_measure(plan, rate) for rate in plan.rates]
    return (*measures, *(PURCHASES if plan.purchases else ()))


def behaviour_columns(plan: FeaturePlan) -> Iterator[FeatureColumn]:
    """The columns that ``behaviour_steps`` makes, in order."""
    yield from (measure.column for measure in _measures(plan))
    yield from map(touch_column, plan.touches)
    if plan.lead_age:
        yield LEAD_AGE


def behaviour_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """All steps ending in ``behaviour(row_id, …)``: one row per spine row, whatever the history."""
    return [*aggregate_steps(history, plan, spine), *feature_column_steps(history, plan, spine)]


def feature_column_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """The steps after ``aggregates``, ending in ``behaviour``: nothing but arithmetic on each row."""
    dialect = history.engine.dialect
    columns = [
        f"CAST({measure.sql} AS DOUBLE) AS {dialect.quote(measure.column.name)}"
        for measure in _measures(plan)
    ]
    columns += [
        f"{touch_value(dialect, touch, f'f.t{number}')} AS {dialect.quote(touch.name)}"
        for number, touch in enumerate(plan.touches)
    ]
    if plan.lead_age:
        columns.append(
            f"{days_between(dialect, 's.as_of', 's.created_at')} AS {dialect.quote(LEAD_AGE.name)}"
        )
    sql = f"""
        SELECT {", ".join(["s.row_id", *columns])}
        FROM {spine} AS s
        JOIN aggregates AS f ON f.row_id = s.row_id
        {"LEFT JOIN purchases AS p ON p.row_id = s.row_id" if plan.purchases else ""}
    """
    return [*([_purchases(history, spine)] if plan.purchases else []), Step("behaviour", sql)]


def _purchases(history: History, spine: Spine) -> Step:
    dialect = history.engine.dialect
    age = age_between(dialect, "s.as_of", "c.converted_at")
    return Step(
        "purchases",
        f"""
        SELECT
          s.row_id, count(*) AS n, min({age}) AS recency, max({age}) AS first,
          {dialect.sum_of("c.value")} AS total, count(c.value) AS valued
        FROM {spine} AS s
        JOIN conversions AS c ON c.lead_id = s.lead_id AND c.converted_at < s.as_of
        GROUP BY s.row_id
        """,
    )

"""What the training rows are checked for: enough of them, and columns that give the outcome away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.features.columns import FeatureColumn
from leadlens.models.data_checks.readiness import Readiness, judge_readiness
from leadlens.models.data_checks.suspects import find_suspects

NOW, DAY = datetime(2026, 6, 1), timedelta(days=1)


def _ready(**changed: Any) -> Readiness:
    enough = {
        "leads": 1000,
        "conversions": 200,
        "first": NOW - 90 * DAY,
        "data_end": NOW,
        "horizon": 30 * DAY,
    }
    return judge_readiness(**{**enough, "now": NOW, **changed})


def test_enough_of_everything_is_ready() -> None:
    assert _ready() == Readiness("ready", ())


@pytest.mark.parametrize(
    ("changed", "level", "code", "more"),
    [
        ({"conversions": 199}, "usable", "few-conversions", 1),
        ({"conversions": 50}, "usable", "few-conversions", 150),
        ({"conversions": 49}, "not ready", "few-conversions", 1),
        ({"leads": 999}, "usable", "few-leads", 1),
        ({"leads": 200}, "usable", "few-leads", 800),
        ({"leads": 199}, "not ready", "few-leads", 1),
        ({"one_class": True}, "not ready", "one-class", None),
        ({"first": NOW - 89 * DAY}, "usable", "short-history", None),
        ({"first": NOW - 30 * DAY}, "not ready", "short-history", None),
        ({"now": NOW + 91 * DAY}, "usable", "stale", None),
        ({"now": NOW + 31 * DAY, "horizon": 5 * DAY}, "usable", "stale", None),
        ({"vanished": ["demo", "call"]}, "usable", "vanished-events", None),
        ({"strangers": 1.0}, "not ready", "events-of-strangers", None),
        ({"strangers": 0.5}, "usable", "events-of-strangers", None),
    ],
)
def test_what_is_missing_has_a_code_a_level_and_how_much_more(
    changed: dict[str, Any], level: str, code: str, more: int | None
) -> None:
    readiness = _ready(**changed)
    assert (readiness.level, [(reason.code, reason.more) for reason in readiness.reasons]) == (
        level,
        [(code, more)],
    )
    assert all(name in readiness.reasons[0].message for name in changed.get("vanished", ()))


def test_the_worst_reason_decides_and_data_without_dates_are_neither_short_nor_stale() -> None:
    assert _ready(strangers=0.49).level == "ready"
    both = _ready(conversions=10, leads=500)
    assert (both.level, [reason.level for reason in both.reasons]) == ("not ready", ["not ready", "usable"])
    assert _ready(now=NOW + 90 * DAY).level == "ready"
    assert _ready(now=None, first=NOW - DAY).level == "ready"


def _suspects(values: pd.Series, label: np.ndarray, source: str = "leads.x") -> list[Any]:
    kind: Any = "number" if pd.api.types.is_numeric_dtype(values) else "category"
    column = FeatureColumn(name="x", label="X", family="demographic", kind=kind, condition=source)
    return find_suspects(pd.DataFrame({"x": values}), pd.Series(label), (column,))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_nearly_orders_the_outcome_is_suspected_in_either_direction(sign: int) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.3).astype(float)
    [suspect] = _suspects(pd.Series(sign * (3 * y + rng.normal(size=600))), y)
    assert suspect.auc > 0.95
    assert not suspect.filled_only
    assert "list x under known_after" in suspect.message
    assert _suspects(pd.Series(sign * (0.7 * y + rng.normal(size=600))), y) == []


def test_a_column_known_only_for_conversions_is_suspected_whatever_its_values() -> None:
    y = (np.arange(600) % 3 == 0).astype(float)
    known = (y == 1) & (np.arange(600) < 300)
    values = pd.Series(np.where(known, np.arange(600) % 7, np.nan))
    [suspect] = _suspects(values, y, "events.contract")
    assert suspect.filled_only
    assert suspect.auc < 0.95
    assert "data.events.where" in suspect.message
    assert _suspects(values.fillna(3.0), y) == []


def test_rare_categories_are_ranked_by_other_rows() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(800) < 0.5).astype(float)
    assert _suspects(pd.Series(np.arange(800) // 2).astype(str), y) == [], "two rows a value show nothing"
    [suspect] = _suspects(pd.Series(np.where(y == 1, "won", "open")), y)
    assert suspect.auc == 1


def test_with_few_conversions_nothing_is_suspected() -> None:
    y = (np.arange(300) < 19).astype(float)
    assert _suspects(pd.Series(y), y) == []
    y[19] = 1
    assert len(_suspects(pd.Series(y), y)) == 1

"""Tables of many columns: few statements for all of them, and the same answers as for each column by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from leadlens.features.attributes import column_values, lookups
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.history import History, Kind
from leadlens.features.matrix import build_matrix
from leadlens.features.plan import FeaturePlan
from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import Spine
from leadlens.features.unused_columns import unused_columns
from leadlens.pipeline.sources.unknown_words import is_unknown
from tests.models.histories import START, open_small, set_spine

LEADS = 60
_OF_EACH: dict[str, tuple[Kind, Callable[[int, int], Any]]] = {
    "industry": ("category", lambda lead, n: (*"abcd", None)[(lead * 7 + n) % (2 + n % 4)]),
    "rare": ("category", lambda lead, n: f"{lead if lead % 9 == n % 9 else 'most'}"),
    "points": ("number", lambda lead, n: float(lead * n % 11)),
    "partly": ("category", lambda lead, n: "x" if lead % 3 else None),
    "same": ("category", lambda lead, n: "x"),
    "always": ("number", lambda lead, n: 7.0),
    "empty": ("text", lambda lead, n: None),
    "email": ("text", lambda lead, n: (f"p{lead}@gmail.com", f"q@firm{lead % 4}.{('de', 'ch')[n % 2]}", "x y")[(lead + n) % 3]),
    "phone": ("text", lambda lead, n: ("+41 79 669 12 34", "+49 30 901820", None)[(lead + n) % 3]),
    "company_size": ("category", lambda lead, n: ("1-10", "51-200", "10k+")[(lead * n) % 3]),
    "first_name": ("text", lambda lead, n: ("Anna", "Tom", "Eva", "Maria", None)[(lead + n) % 5]),
    "keen": ("boolean", lambda lead, n: (lead + n) % 3 == 0),
    "trial_start": ("time", lambda lead, n: datetime(2025, 1, 1) + timedelta(days=lead * n % 17)),
    "amount": ("text", lambda lead, n: "open" if lead % 5 == n % 5 else str(lead)),
}  # fmt: skip


def _wide(of_each: int) -> tuple[History, Spine, dict[str, Kind]]:
    kinds: dict[str, Kind] = {f"n{n}_{name}": _OF_EACH[name][0] for n in range(of_each) for name in _OF_EACH}
    leads = [
        {"lead_id": f"L{lead}"}
        | {f"n{n}_{name}": make(lead, n) for n in range(of_each) for name, (_, make) in _OF_EACH.items()}
        for lead in range(LEADS)
    ]
    history = open_small(leads, lead_attributes=kinds)
    return history, set_spine(history, [(f"L{n}", START + timedelta(days=1)) for n in range(LEADS)]), kinds


def test_many_columns_are_read_as_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_values, "_AT_ONCE", 4)
    monkeypatch.setattr("leadlens.features.unused_columns._TAKEN", 8)
    monkeypatch.setattr("leadlens.features.unused_columns._AT_ONCE", 3)
    history, spine, kinds = _wide(2)
    together = plan_vocabulary(history, spine)
    unused = {column.column: column for column in unused_columns(history, together, FeatureSettings())}
    assert {column.code for column in unused.values()} >= {
        "constant",
        "empty",
        "personal-name",
        "number-in-part",
    }
    attributes, withheld = [], []
    for name in kinds:
        settings = FeatureSettings(drop=tuple(other for other in kinds if other != name))
        alone = plan_vocabulary(history, spine, settings)
        attributes += alone.attributes
        withheld += alone.withheld
        own = {column.column: column for column in unused_columns(history, alone, settings)}
        assert own.get(name) == unused.get(name)
    assert together.attributes == tuple(attributes)
    assert together.withheld == tuple(withheld)
    assert {"industry", "company_size.range", "keen"} <= {
        feature.name.split("_", 1)[1] for feature in together.attributes
    }


def test_many_lookups_give_what_each_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    history, spine, _ = _wide(6)
    monkeypatch.setattr(lookups, "_AT_ONCE", 1000)
    plan = plan_vocabulary(history, spine)
    whole = build_matrix(history, plan, spine).frame
    monkeypatch.setattr(lookups, "_AT_ONCE", 4)
    assert len(lookups.gathering_steps(history, plan, spine)) > 2
    parts = build_matrix(history, plan, spine).frame
    pd.testing.assert_frame_equal(parts, whole)
    assert whole.filter(like="email_kind").nunique().min() > 1
    assert plan_vocabulary(history, spine) == plan


class _Counted:
    """How often an engine is asked, by what it is asked."""

    def __init__(self, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: Counter[str] = Counter()
        for name in ("frame", "value", "_make"):
            monkeypatch.setattr(history.engine, name, self._counting(name, getattr(history.engine, name)))

    def _counting(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any) -> Any:
            self.asked[name] += 1
            return ask(*given)

        return counted


def test_columns_are_asked_about_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def statements(of_each: int) -> int:
        history, spine, kinds = _wide(of_each)
        settings = FeatureSettings(
            drop=tuple(name for name in kinds if name.endswith(("email", "phone", "size", "amount")))
        )
        counted = _Counted(history, monkeypatch)
        plan: FeaturePlan = plan_vocabulary(history, spine, settings)
        unused_columns(history, plan, settings)
        return counted.asked.total()

    few, many = statements(2), statements(32)  # 26 and 416 columns
    assert many < few + 45  # one for 20 columns or more


def test_words_for_unknown_take_no_memory_for_each_column() -> None:
    with connect_in_memory() as connection:
        connection.execute("SET memory_limit = '250MB'")
        columns = ", ".join(f"'v' || i % 7 AS c{n}" for n in range(300))
        connection.execute(f"CREATE TABLE wide AS SELECT {columns} FROM range(100) AS r(i)")
        cleaned = ", ".join(
            f"CASE WHEN {is_unknown(f'c{n}', 'text')} THEN NULL ELSE c{n} END" for n in range(300)
        )
        rows = connection.execute(f"SELECT {cleaned} FROM wide").fetchall()
        assert rows[3] == ("v3",) * 300

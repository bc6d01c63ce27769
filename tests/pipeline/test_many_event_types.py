"""Thousands of event types: the probe of running counts looks at the leads that have each, not at all for each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.pipeline.audit.data import FEWEST
from leadlens.pipeline.audit.evidence import Subject
from leadlens.pipeline.audit.probes.disguise import _AT_END, _running_counts

TOTAL, SEEN = Subject("lead", "total"), Subject("lead", "seen")


def _data(seed: int, types: int, leads: int) -> Any:
    rng = np.random.default_rng(seed)
    names = [f"L{n}" for n in range(leads)]
    pairs = pd.DataFrame(
        {"lead_id": rng.choice([*names, "gone"], 8 * leads), "event_type": rng.integers(0, types, 8 * leads)}
    ).drop_duplicates(ignore_index=True)
    seen = rng.integers(0, 4, len(pairs))
    until = seen + rng.integers(0, 2, len(pairs))
    counts = pairs.assign(
        event_type=pairs["event_type"].map(lambda n: f"t{n}" if n else ""),
        seen=seen, until=until, total=until + rng.integers(0, 2, len(pairs)),
    )  # fmt: skip
    whole = counts[counts["event_type"] == "t1"].set_index("lead_id").reindex(names)
    columns = {
        TOTAL: whole["total"].astype("float64").where(rng.random(leads) < 0.97),
        SEEN: whole["seen"].fillna(0.0).astype("float64"),
    }
    return SimpleNamespace(
        counts=counts, leads=pd.DataFrame(index=pd.Index(names)), columns=columns,
        kinds=dict.fromkeys(columns, "number"), changed=(),
    )  # fmt: skip


def _slowly(data: Any) -> Iterator[tuple[Subject, dict[str, Any]]]:
    for subject, values in data.columns.items():
        for _, counts in data.counts.groupby(data.counts["event_type"]):
            own = counts.set_index("lead_id").reindex(data.leads.index).fillna(0.0)
            differs = (own["seen"] != own["total"]) & (own["seen"] != own["until"]) & values.notna()
            if differs.sum() < FEWEST:
                continue
            equal = max(
                float((values[differs] == own.loc[differs, end]).mean()) for end in ("total", "until")
            )
            if equal >= _AT_END:
                yield subject, {"equal": round(equal, 4), "leads": int(differs.sum())}
                break


@pytest.mark.parametrize("seed", range(6))
def test_the_same_is_found_as_by_looking_at_all_leads_for_each_type(seed: int) -> None:
    data = _data(seed, 3, 400)
    found = [(evidence.subject, evidence.figures) for evidence in _running_counts(data)]
    assert found == list(_slowly(data))
    assert [subject for subject, _ in found] == [TOTAL]


def test_thousands_of_types_take_no_time_for_each() -> None:
    data = _data(0, 8_000, 2_000)
    started = time.process_time()
    assert not list(_running_counts(data))
    assert time.process_time() - started < 3  # 0.05 on an idle machine; each type by all leads took 30

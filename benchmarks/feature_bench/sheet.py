"""A sheet of 60 rules for the benchmark: every mechanism, as many rules as a mature sheet has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.feature_bench.ours import open_history
from benchmarks.feature_bench.world import TYPES
from leadlens.features.engines import DuckDBEngine
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, write_sheet

# Attributes are derived from the lead's number, so the files of the history are unchanged.
_LEADS = (
    "SELECT p.*, CAST(18 + hash(lead_id, 'age') % 60 AS DOUBLE) AS age, "
    "['software', 'finance', 'retail', 'health', 'public'][CAST(1 + hash(lead_id, 'industry') % 5 AS BIGINT)] AS industry, "
    "CASE WHEN hash(lead_id, 'phone') % 3 = 0 THEN '+41 44 000 00 00' END AS phone FROM read_parquet({}) AS p"
)


def sheet() -> Sheet:
    """12 rules for who the lead is, 48 for what it did; groups, decay, counting, order, silence, stages, routes."""
    attributes: list[dict[str, Any]] = [
        {"label": f"Aged {low} to {low + 9}", "when": f"age BETWEEN {low} AND {low + 9}", "points": points}
        for low, points in zip(range(18, 78, 10), (-5, 0.5, 3, 8, 5, 1), strict=True)
    ]
    attributes += [
        {"label": f"Industry {name}", "when": f"industry = '{name}'", "points": points}
        for name, points in (("software", 10), ("finance", 8), ("retail", 3), ("health", 2), ("public", -3))
    ]
    attributes.append({"label": "Phone given", "when": "phone IS NOT NULL", "points": 3, "key": "phone"})
    actions: list[dict[str, Any]] = []
    for number, kind in enumerate(TYPES):
        when = f"event_type = '{kind}'"
        actions += [
            {"label": f"{kind}: ever", "when": when, "points": 3},
            {"label": f"{kind}: each, 30 days", "when": when, "points": 1, "per": "each", "within": "30d", "cap": 10},
            {"label": f"{kind}: fading", "when": when, "points": 2 + number, "decay": {"half_life": "30d"}, "group": "fading"},
        ]  # fmt: skip
    actions += [
        {"label": "On three days of two weeks", "when": "event_type = 'page_viewed'", "points": 5, "within": "14d",
         "at_least": {"days": 3}},
        {"label": "Five pages in a month", "when": "event_type = 'page_viewed'", "points": 5, "within": "30d",
         "at_least": {"values": 5}, "of": "page", "key": "reads"},
        {"label": "Days of chats", "when": "event_type = 'chat_opened'", "points": 2, "per": "day", "within": "30d",
         "cap": 8},
        {"label": "Pages seen", "when": "event_type = 'page_viewed' AND page IN prices", "points": 2, "per": "value",
         "of": "page", "within": "90d", "cap": 6},
        {"label": "Quiet for 60 days", "when": "TRUE", "points": -10, "silent": "60d"},
        {"label": "A quote after the form", "when": "event_type = 'quote_asked'", "after": "event_type = 'form_sent'",
         "points": 15, "key": "quote"},
        {"label": "A large sum", "when": "value > 900", "points": 5},
        {"label": "A sum over 500 in a quote", "when": "value > 500 AND event_type = 'quote_asked'", "points": 4},
        *({"label": f"Page {page} or its form", "when": f"page = 'page {page}' OR value = {page}", "points": 1,
           "within": "90d"} for page in range(4)),
    ]  # fmt: skip
    return Sheet.model_validate(
        {
            "sheet": "bench",
            "base": 5,
            "lists": {"prices": [f"page {page}" for page in range(10)]},
            "groups": [{"name": "fading", "cap": 40}],
            "attributes": attributes,
            "actions": actions,
            "thresholds": {"mql": 60, "sql": {"points": 100, "when": "rule.quote"}},
            "routes": [
                {"label": "Call", "when": "stage = 'SQL' AND rule.phone", "action": "call"},
                {"label": "Write", "when": "stage <> 'Lead'", "action": "e-mail"},
                {"label": "Readers", "when": "rule.reads", "action": "nurture"},
            ],
        }
    )


def one_run(
    events: list[str], people: str, spine: str, out: str, memory: str = "1500MB", threads: int = 2
) -> dict[str, int]:
    """Score a spine with the ledger: ``<out>-scores.parquet`` and ``<out>-ledger.parquet``; rows of both."""
    history = _history(events, people, spine, memory, threads, Path(out).with_suffix(".spill"))
    scores, ledger = (
        Path(out).with_name(f"{Path(out).stem}-{name}.parquet") for name in ("scores", "ledger")
    )
    write_sheet(sheet(), history, Spine(history.engine, "spine"), scores=scores, ledger=ledger)
    literal = history.engine.dialect.literal
    counts = {
        name: history.engine.count(f"read_parquet({literal(str(path))})")
        for name, path in (("rows", scores), ("lines", ledger))
    }
    history.engine.close()
    return counts


def _history(events: list[str], people: str, spine: str, memory: str, threads: int, spill: Path) -> History:
    history = open_history(events, people, spine, memory, threads, spill)
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    leads = _LEADS.format(engine.dialect.literal(people))
    engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW leads AS {leads}")
    kinds = {"age": "number", "industry": "category", "phone": "category"}
    return History(engine, history.data_end, kinds, {}, history.event_properties)  # type: ignore[arg-type]

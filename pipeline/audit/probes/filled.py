"""Columns and events that (almost) only converted leads have, and columns filled in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from leadlens.pipeline.audit.data import FEWEST, AuditData
from leadlens.pipeline.audit.evidence import Evidence, Subject
from leadlens.pipeline.audit.measures import odds_ratio, share_bounds
from leadlens.pipeline.audit.registry import probe

_SURE_COLUMN = 0.8  # least conversion rate of the leads for which a column is known
_SURE_EVENT = 0.9  # higher, since events lead up to a sale by nature
_ODDS = 50.0  # least odds ratio of converting, known against unknown
_HIGHEST_BASE_RATE = 0.7  # where most leads convert anyway, "only converted leads" means little
_BLOCKS = 10
_FULL, _EMPTY = 0.9, 0.1


@probe(
    "filled-only-for-converted",
    "A column or an event that is known (almost) only for leads that converted.",
)
def filled_only(data: AuditData) -> Iterator[Evidence]:
    if not data.enough or data.base_rate > _HIGHEST_BASE_RATE:
        return
    converted = data.converted
    all_leads, all_sales = len(converted), int(converted.sum())
    for subject, values in data.columns.items():
        known = values.notna().to_numpy()
        filled, sales = int(known.sum()), int(converted[known].sum())
        low, _ = share_bounds(sales, filled)
        if sales < FEWEST or low < _SURE_COLUMN or odds_ratio(filled, sales, all_leads, all_sales) < _ODDS:
            continue
        yield Evidence(
            "filled-only-for-converted",
            subject,
            "proof",
            f"is known for {filled:,} leads, and {sales / filled:.1%} of them converted (of all leads {data.base_rate:.1%})",
            {"known": filled, "converted": sales},
        )
    whole: set[str] = set()  # event types that leak as a whole: their values add nothing
    for row in data.events.to_dict("records"):
        if row["value"] and row["event_type"] in whole:
            continue
        leads, sales = int(row["leads"]), int(row["converted"])
        low, _ = share_bounds(sales, leads)
        if sales < FEWEST or low < _SURE_EVENT or odds_ratio(leads, sales, all_leads, all_sales) < _ODDS:
            continue
        if not row["value"]:
            whole.add(row["event_type"])
        ahead = row["days_ahead"]
        # Hours before the sale it may be the last step; what predicts it days ahead was backdated.
        backdated = ahead is not None and ahead >= 1
        yield Evidence(
            "filled-only-for-converted",
            Subject("event", row["event_type"], row["value"]),
            "proof" if backdated else "strong",
            f"{leads:,} leads have it before their outcome, and {sales / leads:.1%} of them convert"
            + (f", half of them {ahead:.0f} days later or more" if backdated else ""),
            {"leads": leads, "converted": sales, "days_ahead": None if ahead != ahead else ahead},
        )


@probe(
    "filled-in-bulk",
    "A column that is known for (almost) all leads of some periods and (almost) none of others, back and forth: "
    "a process filled it in for batches of leads.",
)
def filled_in_bulk(data: AuditData) -> Iterator[Evidence]:
    """A single step, a column that was introduced or given up, is common and innocent; back and forth is neither."""
    if data.clock == "none" or len(data.leads) < _BLOCKS * 50:
        return
    blocks = np.arange(len(data.leads)) * _BLOCKS // len(data.leads)
    for subject, values in data.columns.items():
        shares = values.notna().groupby(blocks).mean().to_numpy()
        states = [share >= _FULL for share in shares if share >= _FULL or share <= _EMPTY]
        turns = sum(one != other for one, other in pairwise(states))
        if turns >= 2:
            yield Evidence(
                "filled-in-bulk",
                subject,
                "weak",
                f"is known for {shares.max():.0%} of the leads of some periods and {shares.min():.0%} of others, back and forth",
                {"shares": [round(float(share), 3) for share in shares]},
            )

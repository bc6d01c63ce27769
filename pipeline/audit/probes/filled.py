"""Columns and events that (almost) only converted leads have, and columns filled in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from pipeline.audit.evidence import Evidence, Subject
from pipeline.audit.measures import share_bounds
from pipeline.audit.payload import FEWEST, Facts
from pipeline.audit.registry import probe

_SURE_FILLED = 0.8  # of the leads for which a column is known, so many converted at least
_SURE_EVENT = 0.9  # events lead up to a sale by nature, so more is asked of them
_ODDS = 50.0  # by so much do the odds differ between known and unknown
_HIGHEST_BASE = 0.7  # where most leads convert anyway, "only converted ones" says nothing
_BLOCKS = 10
_FULL, _EMPTY = 0.9, 0.1


@probe(
    "filled-only-for-converted",
    "A column that is known, or an event that is there, (almost) only for leads that converted.",
)
def filled_only(facts: Facts) -> Iterator[Evidence]:
    if not facts.enough or facts.base > _HIGHEST_BASE:
        return
    hit = facts.hit
    for subject, values in facts.columns.items():
        known = values.notna().to_numpy()
        filled, sales = int(known.sum()), int(hit[known].sum())
        low, _ = share_bounds(sales, filled)
        if (
            sales < FEWEST
            or low < _SURE_FILLED
            or _odds_ratio(filled, sales, len(hit), int(hit.sum())) < _ODDS
        ):
            continue
        yield Evidence(
            "filled-only-for-converted",
            subject,
            "proof",
            f"is known for {filled:,} leads, and {sales / filled:.1%} of them converted (of all leads {facts.base:.1%})",
            {"known": filled, "converted": sales},
        )
    whole: set[str] = set()  # event types: their values say nothing further
    for row in facts.events.to_dict("records"):
        if row["value"] and row["event_type"] in whole:
            continue
        leads, sales = int(row["leads"]), int(row["converted"])
        low, _ = share_bounds(sales, leads)
        if sales < FEWEST or low < _SURE_EVENT or _odds_ratio(leads, sales, len(hit), int(hit.sum())) < _ODDS:
            continue
        if not row["value"]:
            whole.add(row["event_type"])
        ahead = row["days_ahead"]
        # Hours before the sale it may be its last step; what tells days ahead was dated back.
        dated_back = ahead is not None and ahead >= 1
        yield Evidence(
            "filled-only-for-converted",
            Subject("event", row["event_type"], row["value"]),
            "proof" if dated_back else "strong",
            f"{leads:,} leads have it before their outcome, and {sales / leads:.1%} of them convert"
            + (f", half of them {ahead:.0f} days later or more" if dated_back else ""),
            {"leads": leads, "converted": sales, "days_ahead": None if ahead != ahead else ahead},
        )


def _odds_ratio(inside: int, inside_hits: int, rows: int, hits: int) -> float:
    """Odds of converting inside over outside, half a lead added to each count so that none is zero."""
    outside, outside_hits = rows - inside, hits - inside_hits
    within = (inside_hits + 0.5) / (inside - inside_hits + 0.5)
    return within * (outside - outside_hits + 0.5) / (outside_hits + 0.5)


@probe(
    "filled-in-bulk",
    "A column that is known for (almost) all leads of some times and (almost) none of others, back and forth: "
    "a process filled it in for a stock of leads, not the lead.",
)
def filled_in_bulk(facts: Facts) -> Iterator[Evidence]:
    """A step alone, a column that begins or is given up, is common and innocent; there and back is neither."""
    if facts.clock == "none" or len(facts.leads) < _BLOCKS * 50:
        return
    blocks = np.arange(len(facts.leads)) * _BLOCKS // len(facts.leads)
    for subject, values in facts.columns.items():
        shares = values.notna().groupby(blocks).mean().to_numpy()
        states = [share >= _FULL for share in shares if share >= _FULL or share <= _EMPTY]
        turns = sum(one != other for one, other in pairwise(states))
        if turns >= 2:
            yield Evidence(
                "filled-in-bulk",
                subject,
                "weak",
                f"is known for {shares.max():.0%} of the leads of some times and {shares.min():.0%} of others, back and forth",
                {"shares": [round(float(share), 3) for share in shares]},
            )

"""A stage, status or activity that is the outcome under another name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.errors import listed
from leadlens.pipeline.audit.data import FEWEST, AuditData
from leadlens.pipeline.audit.evidence import Evidence, Subject
from leadlens.pipeline.audit.measures import group_codes, odds_ratio, share_bounds
from leadlens.pipeline.audit.registry import probe

_HIGHEST_BASE_RATE = 0.7  # where most leads convert anyway, "only converted leads" means little
_YES = 0.9  # a value with at least this conversion rate is as good as a yes
_NO = 0.1  # a value with at most this part of the base rate is as good as a no
_PERFECT, _ODDS = (
    0.85,
    200.0,
)  # a single value that (almost) only leads that convert have: of FEWEST and more, next to no lead does not
_MOST_SALES, _SOME_SALES = 0.5, 0.1
_MANY_LEADS, _SOME_LEADS = 0.25, 0.05
_AT_END, _OFTEN_AT_END = 0.9, 1 / 3
_ONE_OUTCOME = 0.9


@probe(
    "outcome-in-disguise",
    "A column with values that are as good as a yes and others that are as good as a no, for many leads; or with a value that only "
    "leads that convert have.",
)
def outcome_in_disguise(data: AuditData) -> Iterator[Evidence]:
    """Values with many sales are not suspicious by themselves (a form that only buyers know of), nor are values
    without any (students): a column that has both for many leads was decided with the outcome, and so was a value with which every
    lead converts where few do."""
    if not data.enough:
        return
    converted = data.converted
    for subject, values in data.columns.items():
        codes = group_codes(values)
        rows, hits = np.bincount(codes), np.bincount(codes, converted)
        bounds = [share_bounds(h, n) for h, n in zip(hits, rows, strict=True)]
        yes = np.array([low >= _YES for low, _ in bounds]) & (data.base_rate < _YES)
        no = np.array([high <= _NO * data.base_rate for _, high in bounds])
        sales, ruled_out = hits[yes].sum() / converted.sum(), rows[no].sum() / len(converted)
        only = _only_sales(data.base_rate, bounds, rows, hits)
        both = sales >= _SOME_SALES and ruled_out >= _SOME_LEADS
        if not only and not both:
            continue
        messages = []
        if only:
            named = [
                f"{hits[code]:,.0f} of {rows[code]:,} with {_shown(values.iloc[int(np.argmax(codes == code))])}"
                for code in only
            ]
            messages = [
                f"has values that (almost) only leads that convert have: {listed(named, 3)}, of all leads {data.base_rate:.1%}"
            ]
        if both:
            messages += [
                f"has values with which almost every lead converts ({sales:.0%} of all conversions) and others with which "
                f"almost none does ({ruled_out:.0%} of all leads)"
            ]
        strong = bool(only) or (sales >= _MOST_SALES and ruled_out >= _MANY_LEADS)
        yield Evidence(
            "outcome-in-disguise",
            subject,
            "strong" if strong else "weak",
            ", and ".join(messages),
            {
                "conversions": round(float(sales), 4),
                "ruled_out": round(float(ruled_out), 4),
                "only_converted": [[int(hits[code]), int(rows[code])] for code in only],
            },
        )


def _only_sales(
    base_rate: float, bounds: list[tuple[float, float]], rows: NDArray[np.intp], hits: NDArray[Any]
) -> list[int]:
    """The values that (almost) only leads that convert have, the most frequent first."""
    if base_rate > _HIGHEST_BASE_RATE:
        return []
    leads, sales = int(rows.sum()), int(hits.sum())
    only = [
        code
        for code, (low, _) in enumerate(bounds)
        if hits[code] >= FEWEST
        and low >= _PERFECT
        and odds_ratio(int(rows[code]), int(hits[code]), leads, sales) >= _ODDS
    ]
    return sorted(only, key=lambda code: -rows[code])


def _shown(value: object) -> str:
    """A value in a sentence; of a long text the beginning."""
    if value is None or value != value:
        return "no value"
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


@probe(
    "counts-stop-at-conversion",
    "Events that record the outcome itself, and columns that go on counting until the conversion or the export.",
)
def stops_at_conversion(data: AuditData) -> Iterator[Evidence]:
    yield from _events_at_the_end(data)
    yield from _running_counts(data)


def _events_at_the_end(data: AuditData) -> Iterator[Evidence]:
    for row in data.events[data.events["value"] == ""].to_dict("records"):
        subject = Subject("event", row["event_type"])
        leads, sales = int(row["at_end_leads"]), int(row["at_end_converted"])
        if leads >= FEWEST:
            share = row["at_end"] / row["ended"]
            one = max(share_bounds(sales, leads)[0], share_bounds(leads - sales, leads)[0])
            if share >= _OFTEN_AT_END and one >= _ONE_OUTCOME:
                how = "conversion" if sales > leads / 2 else "closing without one"
                yield Evidence(
                    "counts-stop-at-conversion",
                    subject,
                    "proof" if share >= _AT_END else "strong",
                    f"{share:.0%} of these events are within a minute of the end of the lead, which is (almost) always its "
                    f"{how}: they record the outcome",
                    {"at_end": int(row["at_end"]), "of": int(row["ended"])},
                )
        if row["after"] == 0 and min(row["converted"], row["others_after"]) >= FEWEST:
            yield Evidence(
                "counts-stop-at-conversion",
                subject,
                "note",
                f"never occurs after a conversion, although {row['others_after']:,} of its leads go on with other events",
                {"others_after": int(row["others_after"])},
            )


def _running_counts(data: AuditData) -> Iterator[Evidence]:
    """A number that equals the count of the lead's events up to its end, not of those visible as of its row."""
    types = _differing_counts(data)
    for subject, values in data.columns.items():
        if subject.kind != "lead" or data.kinds.get(subject) != "number" or subject in data.changed:
            continue
        for event_type, counts in types:
            number = values.reindex(counts.index)
            known = number.notna().to_numpy()
            if known.sum() < FEWEST:
                continue
            found = number[known].astype("float64")
            equal = max(float((found == counts.loc[known, end]).mean()) for end in ("total", "until"))
            if equal >= _AT_END:
                yield Evidence(
                    "counts-stop-at-conversion",
                    subject,
                    "proof",
                    f"counts the {f'events {event_type}' if event_type else 'events'} of a lead's whole history, also those "
                    f"after the as-of date ({equal:.0%} of {int(known.sum()):,} leads agree)",
                    {"equal": round(equal, 4), "leads": int(known.sum())},
                )
                break


def _differing_counts(data: AuditData) -> list[tuple[str, pd.DataFrame]]:
    """By event type, the counts of leads whose whole history holds another number than was visible, by lead.

    Types with too few such leads are left out at once: each lead has few types, and there may be 10,000 of them.
    """
    counts = data.counts
    counts = counts[(counts["seen"] != counts["total"]) & (counts["seen"] != counts["until"])]
    types = counts["event_type"].astype(str)
    often = types.map(types.value_counts()) >= FEWEST
    by_lead = counts[often].set_index("lead_id")
    return [(str(name), own) for name, own in by_lead.groupby(types[often].to_numpy())]

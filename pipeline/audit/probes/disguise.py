"""A stage, status or activity that is the outcome under another name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.audit.evidence import Evidence, Subject
from pipeline.audit.measures import group_codes, share_bounds
from pipeline.audit.payload import FEWEST, Facts
from pipeline.audit.registry import probe

_SURE = 0.9  # a value with which so many convert at least is as good as a yes
_RULED_OUT = 0.1  # a value with which conversion is so many times rarer than on average is as good as a no
_MOST_SALES, _SOME_SALES = 0.5, 0.1
_MANY_LEADS, _SOME_LEADS = 0.25, 0.05
_AT_END, _OFTEN_AT_END = 0.9, 1 / 3
_ONE_OUTCOME = 0.9


@probe(
    "outcome-in-disguise",
    "A column some of whose values are as good as a yes and others as good as a no, for a large part of the leads.",
)
def outcome_in_disguise(facts: Facts) -> Iterator[Evidence]:
    """Values with many sales alone are not suspicious (a form that only buyers know of), and values without any
    are not either (students): a column that has both for many leads was decided with the outcome."""
    if not facts.enough:
        return
    hit = facts.hit
    for subject, values in facts.columns.items():
        codes = group_codes(values)
        rows, hits = np.bincount(codes), np.bincount(codes, hit)
        bounds = [share_bounds(h, n) for h, n in zip(hits, rows, strict=True)]
        yes = np.array([low >= _SURE for low, _ in bounds]) & (facts.base < _SURE)
        no = np.array([high <= _RULED_OUT * facts.base for _, high in bounds])
        sales, ruled_out = hits[yes].sum() / hit.sum(), rows[no].sum() / len(hit)
        if sales < _SOME_SALES or ruled_out < _SOME_LEADS:
            continue
        strong = sales >= _MOST_SALES and ruled_out >= _MANY_LEADS
        yield Evidence(
            "outcome-in-disguise",
            subject,
            "strong" if strong else "weak",
            f"has values with which almost everybody converts ({sales:.0%} of all conversions) and others with which "
            f"almost nobody does ({ruled_out:.0%} of all leads)",
            {"conversions": round(float(sales), 4), "ruled_out": round(float(ruled_out), 4)},
        )


@probe(
    "counts-stop-at-conversion",
    "Events that come with the outcome itself, and columns that count on to the conversion or the export.",
)
def stops_at_conversion(facts: Facts) -> Iterator[Evidence]:
    yield from _events_at_the_end(facts)
    yield from _running_counts(facts)


def _events_at_the_end(facts: Facts) -> Iterator[Evidence]:
    for row in facts.events[facts.events["value"] == ""].to_dict("records"):
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
                    f"{share:.0%} of these events lie within a minute of the lead's end, and that is (almost) always "
                    f"its {how}: they record the outcome",
                    {"at_end": int(row["at_end"]), "of": int(row["ended"])},
                )
        if row["after"] == 0 and min(row["converted"], row["others_after"]) >= FEWEST:
            yield Evidence(
                "counts-stop-at-conversion",
                subject,
                "note",
                f"never comes after a conversion, although {row['others_after']:,} of its leads go on with other things",
                {"others_after": int(row["others_after"])},
            )


def _running_counts(facts: Facts) -> Iterator[Evidence]:
    """A number that equals the count of a lead's events up to its end, and not as many as are seen at the look."""
    if facts.counts.empty:
        return
    for subject, values in facts.columns.items():
        if subject.kind != "lead" or facts.kinds.get(subject) != "number" or subject in facts.changed:
            continue
        for event_type, counts in facts.counts.groupby(facts.counts["event_type"].astype(str)):
            found = counts.set_index("lead_id").reindex(facts.leads.index).fillna(0.0)
            ends = ("total", "until")
            differs = (found["seen"] != found["total"]) & (found["seen"] != found["until"]) & values.notna()
            if differs.sum() < FEWEST:
                continue
            number = values[differs].astype("float64")
            equal = max(float((number == found.loc[differs, end]).mean()) for end in ends)
            if equal >= _AT_END:
                yield Evidence(
                    "counts-stop-at-conversion",
                    subject,
                    "proof",
                    f"counts the {f'events {event_type}' if event_type else 'events'} of a lead's whole history, those "
                    f"after the moments looked at too ({equal:.0%} of {int(differs.sum()):,} leads agree)",
                    {"equal": round(equal, 4), "leads": int(differs.sum())},
                )
                break

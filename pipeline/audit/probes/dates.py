"""Attributes that hold a date which had not come yet."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.audit.evidence import Evidence
from pipeline.audit.payload import FEWEST, Facts
from pipeline.audit.registry import probe

_SOME, _FEW = 0.05, 0.01


@probe(
    "dated-after-the-look",
    "A column of dates that lie after the moment looked at, and never after the data's end: records, not plans.",
)
def dated_after_the_look(facts: Facts) -> Iterator[Evidence]:
    if facts.clock != "time":
        return
    for subject, values in facts.columns.items():
        if facts.kinds.get(subject) != "time":
            continue
        known = values.notna()
        # A value that stood there from the beginning was there at the first look too.
        look = "as_of" if subject in facts.changed else "first_as_of"
        ahead = known & (values >= facts.leads[look])
        beyond = known & (values > facts.data_end)
        if ahead.sum() < max(FEWEST, _SOME * known.sum()) or beyond.sum() > _FEW * ahead.sum():
            continue
        yield Evidence(
            "dated-after-the-look",
            subject,
            "proof",
            f"holds dates after the moment looked at for {int(ahead.sum()):,} of {int(known.sum()):,} leads, and none "
            "after the data's end: it was filled in later",
            {"ahead": int(ahead.sum()), "known": int(known.sum())},
        )

"""Attributes that hold dates after the as-of date."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.pipeline.audit.data import FEWEST, AuditData
from leadlens.pipeline.audit.evidence import Evidence
from leadlens.pipeline.audit.registry import probe

_SOME, _FEW = 0.05, 0.01


@probe(
    "dated-after-the-look",
    "A column of dates after the as-of date, but never after the end of the data: records, not plans.",
)
def dated_after_as_of(data: AuditData) -> Iterator[Evidence]:
    if data.clock != "time":
        return
    for subject, values in data.columns.items():
        if data.kinds.get(subject) != "time":
            continue
        known = values.notna()
        # Without a history, the value was there at the first as-of date too.
        as_of = "as_of" if subject in data.changed else "first_as_of"
        ahead = known & (values >= data.leads[as_of])
        beyond = known & (values > data.data_end)
        if ahead.sum() < max(FEWEST, _SOME * known.sum()) or beyond.sum() > _FEW * ahead.sum():
            continue
        yield Evidence(
            "dated-after-the-look",
            subject,
            "proof",
            f"holds dates after the as-of date for {int(ahead.sum()):,} of {int(known.sum()):,} leads, and none after "
            "the end of the data: it was filled in later",
            {"ahead": int(ahead.sum()), "known": int(known.sum())},
        )

"""Leads on both sides of the split between training and test rows."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.pipeline.audit.data import AuditData
from leadlens.pipeline.audit.evidence import Evidence, Subject
from leadlens.pipeline.audit.registry import probe

_SPLIT = Subject("split", "the split in time")


@probe(
    "shared-across-the-fence",
    "Leads in both training and test rows, and training outcomes not yet known when the test period begins.",
)
def shared_across_the_fence(data: AuditData) -> Iterator[Evidence]:
    split = data.split
    if split.shared:
        yield Evidence(
            "shared-across-the-fence",
            _SPLIT,
            # With `repeat`, the same customer is scored at several dates on purpose.
            "note" if split.repeat else "strong",
            f"trains on {split.shared:,} of the {split.leads:,} test leads too, at earlier dates",
            {"shared": split.shared, "leads": split.leads},
        )
    if split.immature:
        yield Evidence(
            "shared-across-the-fence",
            _SPLIT,
            "note",
            f"{split.immature:,} of {split.rows:,} training rows had no known outcome when the test period begins (judge.embargo)",
            {"untold": split.immature, "rows": split.rows},
        )

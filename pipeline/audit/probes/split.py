"""What stands on both sides of the fence between earlier and later rows."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.audit.evidence import Evidence, Subject
from pipeline.audit.payload import Facts
from pipeline.audit.registry import probe

_SPLIT = Subject("split", "the split in time")


@probe(
    "shared-across-the-fence",
    "Leads that stand in the training rows and in the later rows, and outcomes not yet known at the fence.",
)
def shared_across_the_fence(facts: Facts) -> Iterator[Evidence]:
    split = facts.split
    if split.shared:
        yield Evidence(
            "shared-across-the-fence",
            _SPLIT,
            # A customer who is looked at again at a later date is what a project with `repeat` is about.
            "note" if split.repeat else "strong",
            f"{split.shared:,} of {split.leads:,} later leads are learned from too, at earlier moments",
            {"shared": split.shared, "leads": split.leads},
        )
    if split.untold:
        yield Evidence(
            "shared-across-the-fence",
            _SPLIT,
            "note",
            f"{split.untold:,} of {split.rows:,} training rows had no outcome yet when the later rows begin (judge.embargo)",
            {"untold": split.untold, "rows": split.rows},
        )

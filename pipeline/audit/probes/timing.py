"""Facts that come into the books later than they say."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.audit.evidence import Evidence, Subject
from pipeline.audit.measures import share_bounds
from pipeline.audit.payload import FEWEST, Facts
from pipeline.audit.registry import probe

_MOSTLY = 0.5
_SURE = 0.8
_HIGHEST_BASE = 0.7


@probe(
    "recorded-after-dated-before",
    "Events dated before the conversion that are mostly recorded only at or after it.",
)
def recorded_after(facts: Facts) -> Iterator[Evidence]:
    """``known_at`` keeps them out of features; without it in the export they would count from their date."""
    for row in facts.events[facts.events["value"] == ""].to_dict("records"):
        before, late = int(row["before"]), int(row["late"])
        if late >= FEWEST and share_bounds(late, before)[0] >= _MOSTLY:
            yield Evidence(
                "recorded-after-dated-before",
                Subject("event", row["event_type"]),
                "strong",
                f"{late:,} of {before:,} that are dated before a conversion were recorded only at or after it",
                {"late": late, "before": before},
            )


@probe(
    "changes-after-conversion",
    "A column that `changes` tells only after the conversion, or whose gaps before the first change tell the outcome.",
)
def changes_after_conversion(facts: Facts) -> Iterator[Evidence]:
    for row in facts.edits.to_dict("records"):
        subject = Subject("account" if row["kind"] == "account" else "lead", row["name"])
        edited, after = int(row["edited"]), int(row["edited_after"])
        hidden, sales = int(row["hidden"]), int(row["hidden_converted"])
        if sales >= FEWEST and facts.base <= _HIGHEST_BASE and share_bounds(sales, hidden)[0] >= _SURE:
            yield Evidence(
                "changes-after-conversion",
                subject,
                "proof",
                f"is unknown until it is edited later for {hidden:,} leads, and {sales / hidden:.1%} of them convert: "
                "the gap itself tells",
                {"hidden": hidden, "converted": sales},
            )
        elif edited >= FEWEST and share_bounds(after, edited)[0] >= _MOSTLY:
            yield Evidence(
                "changes-after-conversion",
                subject,
                "strong",
                f"is edited for {edited:,} converted leads, for {after / edited:.0%} of them only at or after the conversion",
                {"edited": edited, "after": after},
            )

"""Events and edits that are recorded later than they are dated."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.pipeline.audit.data import FEWEST, AuditData
from leadlens.pipeline.audit.evidence import Evidence, Subject
from leadlens.pipeline.audit.measures import share_bounds
from leadlens.pipeline.audit.registry import probe

_MOSTLY = 0.5
_SURE = 0.8
_HIGHEST_BASE_RATE = 0.7


@probe(
    "recorded-after-dated-before",
    "Events dated before the conversion that are mostly recorded only at or after it.",
)
def recorded_after(data: AuditData) -> Iterator[Evidence]:
    """``known_at`` keeps them out of features; an export without it would count them from their date."""
    for row in data.events[data.events["value"] == ""].to_dict("records"):
        before, late = int(row["before"]), int(row["late"])
        if late >= FEWEST and share_bounds(late, before)[0] >= _MOSTLY:
            yield Evidence(
                "recorded-after-dated-before",
                Subject("event", row["event_type"]),
                "strong",
                f"{late:,} of {before:,} dated before a conversion were recorded only at or after it",
                {"late": late, "before": before},
            )


@probe(
    "changes-after-conversion",
    "A column edited only after the conversion, or whose gaps before the first edit reveal the outcome.",
)
def changes_after_conversion(data: AuditData) -> Iterator[Evidence]:
    for row in data.edits.to_dict("records"):
        subject = Subject("account" if row["kind"] == "account" else "lead", row["name"])
        edited, after = int(row["edited"]), int(row["edited_after"])
        hidden, sales = int(row["hidden"]), int(row["hidden_converted"])
        if (
            sales >= FEWEST
            and data.base_rate <= _HIGHEST_BASE_RATE
            and share_bounds(sales, hidden)[0] >= _SURE
        ):
            yield Evidence(
                "changes-after-conversion",
                subject,
                "proof",
                f"is empty until a later edit for {hidden:,} leads, and {sales / hidden:.1%} of them convert: "
                "the gap itself reveals it",
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

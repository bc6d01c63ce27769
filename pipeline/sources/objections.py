"""Leads who object to profiling: their ids, once each."""

from __future__ import annotations

from leadlens.features import Finding, Step
from leadlens.features.errors import counted, listed
from leadlens.pipeline.sources.cleaning import Cleaner


def clean_objections(cleaner: Cleaner, given: bool) -> None:
    """Clean ``objections(lead_id)``: each lead once, and only those that there are.

    Says how many leads object. Of ids that are in no lead at all it warns: an objection in another spelling would not be
    honoured.
    """
    engine, unknown = cleaner.engine, "objections WHERE lead_id NOT IN (SELECT lead_id FROM leads)"
    if not given:
        return
    engine.run([Step("objections", "SELECT DISTINCT lead_id FROM objections WHERE lead_id IS NOT NULL")])
    strangers = engine.frame(f"SELECT lead_id FROM {unknown} ORDER BY lead_id")["lead_id"]
    engine.run(
        [Step("objections", "SELECT lead_id FROM objections WHERE lead_id IN (SELECT lead_id FROM leads)")]
    )
    count = engine.count("objections")
    cleaner.findings.append(
        Finding(
            "objections",
            f"{counted(count, 'lead')} {'objects' if count == 1 else 'object'} to profiling: neither scored nor learned from",
            "note",
            count,
        )
    )
    if len(strangers):
        ids = counted(len(strangers), "id")
        cleaner.findings.append(
            Finding(
                "objection-unknown-lead",
                f"{ids} in objections {'is' if len(strangers) == 1 else 'are'} of no lead ({listed(strangers, 5)}): an "
                "objection in another spelling is not honoured",
                "warning",
                len(strangers),
            )
        )

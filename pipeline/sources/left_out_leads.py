"""Lists of leads that are left out: those who object to profiling, and those that are over."""

from __future__ import annotations

from leadlens.features import Finding, Step
from leadlens.features.errors import counted, listed
from leadlens.pipeline.sources.cleaning import Cleaner


def clean_objections(cleaner: Cleaner, given: bool) -> None:
    """Clean ``objections(lead_id)``: each lead once, and only those that there are.

    Says how many leads object. Of ids that are in no lead at all it warns: an objection in another spelling would not be
    honoured.
    """
    if not given:
        return
    count, strangers = _clean(cleaner, "objections")
    cleaner.findings.append(
        Finding(
            "objections",
            f"{counted(count, 'lead')} {'objects' if count == 1 else 'object'} to profiling: neither scored nor learned from",
            "note",
            count,
        )
    )
    if strangers:
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


def clean_finished(cleaner: Cleaner, given: bool) -> None:
    """Clean ``finished(lead_id)`` in the same way. Says how many leads are over, and warns of ids that are of no lead."""
    if not given:
        return
    count, strangers = _clean(cleaner, "finished")
    cleaner.findings.append(
        Finding(
            "finished",
            f"{counted(count, 'lead')} {'is' if count == 1 else 'are'} over by data.finished: learned from, but not scored",
            "note",
            count,
        )
    )
    if strangers:
        ids = counted(len(strangers), "id")
        cleaner.findings.append(
            Finding(
                "finished-unknown-lead",
                f"{ids} in finished {'is' if len(strangers) == 1 else 'are'} of no lead ({listed(strangers, 5)}): a lead in "
                "another spelling stays open",
                "warning",
                len(strangers),
            )
        )


def _clean(cleaner: Cleaner, table: str) -> tuple[int, list[str]]:
    """Keep the ids that leads have, once each: how many, and the ids that are of no lead."""
    engine, strange = cleaner.engine, f"{table} WHERE lead_id NOT IN (SELECT lead_id FROM leads)"
    engine.run([Step(table, f"SELECT DISTINCT lead_id FROM {table} WHERE lead_id IS NOT NULL")])
    strangers = engine.frame(f"SELECT lead_id FROM {strange} ORDER BY lead_id")["lead_id"].tolist()
    engine.run([Step(table, f"SELECT lead_id FROM {table} WHERE lead_id IN (SELECT lead_id FROM leads)")])
    return engine.count(table), strangers

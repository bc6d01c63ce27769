"""A comparison in plain words: the headline and the story."""

from __future__ import annotations

from collections.abc import Callable

from models.judging.lenses import LENSES, MODEL, RULES
from models.judging.result import ComparisonResult
from models.judging.wording import by_name, judged_on, noun, percent, period, winner


def headline(comparison: ComparisonResult) -> str:
    """The result in one sentence."""
    at = comparison.capacity
    by = {MODEL: "The model", RULES: "The score sheet"}.get(winner(comparison))
    if by is None:
        return f"No clear winner: from the same {at.calls:,} {noun(comparison)} both find about as many conversions"
    more = round(abs(at.more))
    return f"{by} finds {more:,} more conversion{'' if more == 1 else 's'} from the same {at.calls:,} {noun(comparison)}"


def sentences(comparison: ComparisonResult) -> list[str]:
    """The whole story, about half a dozen sentences."""
    steps: list[Callable[[ComparisonResult], list[str]]] = [
        _population,
        _at_capacity,
        _calibration,
        _agreement,
        _rules,
        _disqualified,
    ]
    warnings = [f"Note: {str(text).rstrip('.')}." for text in comparison.meta.get("warnings") or []]
    return [sentence for step in steps for sentence in step(comparison)] + warnings


def _population(c: ComparisonResult) -> list[str]:
    when = f" ({period(c)})" if period(c) else ""
    within = f" within {c.meta['horizon']}" if c.meta.get("horizon") else ""
    if c.rows == c.leads:
        converted = f"{c.conversions:,} ({percent(c.base_rate)}) converted{within}"
    else:
        many = f"{c.conversions:,} snapshots ({percent(c.base_rate)})"
        converted = f"{many} were followed by a conversion{within}, from {c.converted_leads:,} leads"
    return [f"Both lenses were compared on the same {judged_on(c)}{when}; {converted}."]


def _at_capacity(c: ComparisonResult) -> list[str]:
    at = c.capacity
    low, high = at.more_interval
    if gap := {MODEL: "more", RULES: "fewer"}.get(winner(c)):
        few, many = sorted((abs(low), abs(high)))
        size = f"{abs(at.more):,.0f} {gap} (90 % interval: {few:,.0f} to {many:,.0f})"
    else:
        size = f"no clear difference (90 % interval: {low:+,.0f} to {high:+,.0f})"
    share = percent(at.calls / c.rows)
    if c.rows == c.leads:
        called, outcome = f"Calling the same {at.calls:,} ({share} of the list)", "conversions"
        chance = f"Calling {at.calls:,} at random would find {at.random:,.0f}."
    else:
        called = (
            f"Taking the same {at.calls:,} snapshots ({share} of the list; a lead counts once per snapshot)"
        )
        outcome = "that were followed by a conversion"
        chance = f"Taking {at.calls:,} at random would find {at.random:,.0f}."
    return [
        f"{called}, the model finds {at.model:,.0f} of {c.conversions:,} {outcome} "
        f"and the sheet {at.rules:,.0f}: {size}.",
        chance,
    ]


def _calibration(c: ComparisonResult) -> list[str]:
    model, rules = (100 * c.measure(lens, "ece") for lens in LENSES)
    return [
        f"The model's probabilities are off by {model:.1f} percentage points on average, "
        f"the sheet's by {rules:.1f} once its points are calibrated to probabilities."
    ]


def _agreement(c: ComparisonResult) -> list[str]:
    rows = by_name(c.quadrants, "quadrant")
    both, rate = rows["both"]["rows"], rows["both"]["rate"]
    only, model_rate, rules_rate = (
        rows["model only"]["rows"],
        rows["model only"]["rate"],
        rows["rules only"]["rate"],
    )
    if not only:
        return [f"Both lenses choose exactly the same {both:,} leads; {percent(rate)} of them convert."]
    together = (
        f"Both call {both:,} leads hot; {percent(rate)} of those convert"
        if both
        else "They share no hot lead"
    )
    return [
        f"{together}; of the {only:,} that only the model calls hot {percent(model_rate)} convert, "
        f"of the {only:,} that only the sheet calls hot {percent(rules_rate)}."
    ]


def _rules(c: ComparisonResult) -> list[str]:
    audit = c.audit[c.audit["kind"] == "points"]
    if audit.empty:
        return []
    count = audit["verdict"].value_counts()
    parts = [
        f"{count[name]} {name}"
        for name in ("about right", "too high", "too low", "wrong sign")
        if name in count
    ]
    unknown = f"{count['no evidence']} without evidence" if "no evidence" in count else ""
    wrong = audit.loc[audit["verdict"] == "wrong sign", "rule"].tolist()
    named = f" Check {_listed(wrong)} first: the points have the wrong sign." if wrong else ""
    return [f"Points of the sheet's {len(audit)} rules: {', '.join(filter(None, [*parts, unknown]))}.{named}"]


def _disqualified(c: ComparisonResult) -> list[str]:
    out = by_name(c.stages, "stage")["Disqualified"]
    if not out["rows"]:
        return []
    return [f"The sheet disqualifies {out['rows']:,}; {out['conversions']:,} of them converted anyway."]


def _listed(names: list[str], most: int = 3) -> str:
    shown = [f"“{name}”" for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")

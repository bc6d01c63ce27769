"""A comparison told in plain words: the headline and the story."""

from __future__ import annotations

from collections.abc import Callable

from models.judging.lenses import LENSES, MODEL, RULES
from models.judging.result import ComparisonResult
from models.judging.wording import by_name, looks, noun, percent, period, winner


def headline(comparison: ComparisonResult) -> str:
    """The result in one sentence."""
    at = comparison.capacity
    by = {MODEL: "The model", RULES: "The score sheet"}.get(winner(comparison))
    if by is None:
        return f"No clear winner: from the same {at.calls:,} {noun(comparison)} both find about as many conversions"
    more = round(abs(at.more))
    return f"{by} finds {more:,} more conversion{'' if more == 1 else 's'} from the same {at.calls:,} {noun(comparison)}"


def tell(comparison: ComparisonResult) -> list[str]:
    """The whole story, about half a dozen sentences."""
    steps: list[Callable[[ComparisonResult], list[str]]] = [
        _who,
        _calls,
        _honesty,
        _agreement,
        _rules,
        _disqualified,
    ]
    warnings = [f"Note: {str(text).rstrip('.')}." for text in comparison.meta.get("warnings") or []]
    return [sentence for step in steps for sentence in step(comparison)] + warnings


def _who(c: ComparisonResult) -> list[str]:
    when = f" ({period(c)})" if period(c) else ""
    within = f" within {c.meta['horizon']}" if c.meta.get("horizon") else ""
    if c.rows == c.leads:
        converted = f"{c.conversions:,} ({percent(c.base_rate)}) converted{within}"
    else:
        many = f"{c.conversions:,} looks ({percent(c.base_rate)})"
        converted = f"{many} were followed by a conversion{within}, of {c.converted_leads:,} leads"
    return [f"Both lenses were tried on the same {looks(c)}{when}; {converted}."]


def _calls(c: ComparisonResult) -> list[str]:
    at = c.capacity
    low, high = at.more_interval
    if gap := {MODEL: "more", RULES: "fewer"}.get(winner(c)):
        few, many = sorted((abs(low), abs(high)))
        size = f"{abs(at.more):,.0f} {gap} (90 % sure: {few:,.0f} to {many:,.0f})"
    else:
        size = f"no clear difference (90 % sure: {low:+,.0f} to {high:+,.0f})"
    share = percent(at.calls / c.rows)
    if c.rows == c.leads:
        taken, found = f"Calling the same {at.calls:,} ({share} of the list)", "conversions"
        chance = f"Calling {at.calls:,} at random would find {at.random:,.0f}."
    else:
        taken = f"Taking the same {at.calls:,} looks ({share} of the list; a lead counts once per look)"
        found, chance = "that a conversion followed", f"As many at random would find {at.random:,.0f}."
    return [
        f"{taken}, the model finds {at.model:,.0f} of {c.conversions:,} {found} "
        f"and the sheet {at.rules:,.0f}: {size}.",
        chance,
    ]


def _honesty(c: ComparisonResult) -> list[str]:
    model, rules = (100 * c.measure(lens, "ece") for lens in LENSES)
    return [
        f"The model's percentages are off by {model:.1f} percentage points on average, "
        f"the sheet's by {rules:.1f} once its points are read as percentages."
    ]


def _agreement(c: ComparisonResult) -> list[str]:
    rows = by_name(c.quadrants, "quadrant")
    told = {name: (row["rows"], row["rate"]) for name, row in rows.items()}
    (both, rate), (only, model_rate), (_, rules_rate) = told["both"], told["model only"], told["rules only"]
    if not only:
        return [f"Both lenses choose exactly the same {both:,} leads; {percent(rate)} of them convert."]
    together = (
        f"Both call {both:,} hot, and {percent(rate)} of those convert" if both else "They share no hot lead"
    )
    return [
        f"{together}; of the {only:,} that only the model calls hot {percent(model_rate)} convert, "
        f"of as many that only the sheet calls hot {percent(rules_rate)}."
    ]


def _rules(c: ComparisonResult) -> list[str]:
    audit = c.audit[c.audit["kind"] == "points"]
    if audit.empty:
        return []
    count = audit["verdict"].value_counts()
    parts = [
        f"{count[name]} {name}"
        for name in ("about right", "too generous", "too mean", "wrong sign")
        if name in count
    ]
    silent = f"{count['no evidence']} without evidence" if "no evidence" in count else ""
    wrong = audit.loc[audit["verdict"] == "wrong sign", "rule"].tolist()
    named = f" Look first at {_listed(wrong)}: the points go the wrong way." if wrong else ""
    return [f"Of the sheet's {len(audit)} rules, {', '.join(filter(None, [*parts, silent]))}.{named}"]


def _disqualified(c: ComparisonResult) -> list[str]:
    out = by_name(c.stages, "stage")["Disqualified"]
    if not out["rows"]:
        return []
    return [f"The sheet disqualifies {out['rows']:,}; {out['conversions']:,} of them converted all the same."]


def _listed(names: list[str], most: int = 3) -> str:
    shown = [f"“{name}”" for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")

"""A comparison in plain words: the headline and the story."""

from __future__ import annotations

from collections.abc import Callable

from models.judging.lenses import LENSES, MODEL, RULES
from models.judging.result import Capacity, ComparisonResult
from models.judging.verdicts import FLAGGED, TOO_FEW_LEADS, VERDICTS, WRONG_DIRECTION, flagged_by_chance
from models.judging.wording import by_name, how_called, percent, population, signed, winner


def headline(comparison: ComparisonResult) -> str:
    """The result in one sentence."""
    at, who = comparison.capacity, winner(comparison)
    low, high = at.more_interval
    first, second = (at.rules, at.model) if who == RULES else (at.model, at.rules)
    figures = f"{first:,.0f} and {second:,.0f} of {comparison.conversions:,}"
    if who == RULES:
        low, high = -high, -low
    interval = f"({signed(low)} to {signed(high)})"
    if who == "unclear":
        return f"No clear difference: {figures} {interval}"
    more = abs(at.more)
    by = "model" if who == MODEL else "sheet"
    return f"The {by} reaches {more:,.0f} more lead{'s' * (more != 1)} that convert: {figures} {interval}"


def sentences(comparison: ComparisonResult) -> list[str]:
    """The whole story: what was found, and what is to be known of the rows and of the model."""
    notes = [f"Note: {str(text).rstrip('.')}." for text in comparison.meta.get("warnings") or []]
    return [*findings(comparison), *notes]


def findings(comparison: ComparisonResult) -> list[str]:
    """What was found, about half a dozen sentences."""
    steps: list[Callable[[ComparisonResult], list[str]]] = [
        _population,
        _at_capacity,
        _at_stages,
        _calibration,
        _agreement,
        _rules,
        _disqualified,
    ]
    return [sentence for step in steps for sentence in step(comparison)]


def _population(c: ComparisonResult) -> list[str]:
    return [f"Both lenses were compared on the same {population(c)}."]


def _at_capacity(c: ComparisonResult) -> list[str]:
    at = c.capacity
    sentences = [
        f"Calling the same {at.calls:,} of {c.leads:,} out-of-time leads, the model reaches {at.model:,.0f} of the "
        f"{c.conversions:,} that convert, the sheet {at.rules:,.0f}: {_more(at)}. At random: {at.random:,.0f}.",
        how_called(weekly=c.weekly, weeks=c.weeks, capacity=at.share),
    ]
    if late := c.conversions - c.reachable:
        sentences.append(
            f"{late:,} of the {c.conversions:,} convert before a weekly list has them, or too late after it: nobody reaches them."
        )
    return sentences


def _at_stages(c: ComparisonResult) -> list[str]:
    """The marketer's own cut, beside as many calls by the model."""
    return [
        f"The sheet's own threshold makes {at.calls:,} leads ({percent(at.share)}) {at.name}: calling them reaches "
        f"{at.rules:,.0f} that convert, as many calls by the model {at.model:,.0f}: {_more(at)}."
        for at in c.cuts
        if at.name == "MQL"
    ]


def _more(at: Capacity) -> str:
    low, high = at.more_interval
    if low <= 0 <= high:
        return f"no clear difference (90 % interval {signed(low)} to {signed(high)})"
    few, many = sorted((abs(low), abs(high)))
    return f"{abs(at.more):,.0f} {'more' if low > 0 else 'fewer'} (90 % interval {few:,.0f} to {many:,.0f})"


def _calibration(c: ComparisonResult) -> list[str]:
    model, rules = (100 * c.measure(lens, "ece") for lens in LENSES)
    return [
        f"The model's probabilities are off by {model:.1f} percentage points on average, "
        f"the sheet's by {rules:.1f} once its points are calibrated to probabilities."
    ]


def _agreement(c: ComparisonResult) -> list[str]:
    rows = by_name(c.quadrants, "quadrant")
    both, rate = rows["both"]["leads"], rows["both"]["rate"]
    only, model_rate, rules_rate = (
        rows["model only"]["leads"],
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
    if c.audit.empty:
        return []
    count = c.audit["verdict"].value_counts()
    parts = [f"{count[name]} {name.lower()}" for name in VERDICTS if name in count]
    wrong = c.audit.loc[c.audit["verdict"] == WRONG_DIRECTION, "rule"].tolist()
    named = f" Look at {_listed(wrong)} first: the direction is wrong." if wrong else ""
    rules = f"{len(c.audit)} rule{'s' * (len(c.audit) != 1)}"
    return [f"Of the sheet's {rules}: {', '.join(parts)}.{named}{by_chance(c)}"]


def by_chance(c: ComparisonResult) -> str:
    """What to bear in mind where rules are flagged, led by a space; nothing where none is."""
    if not c.audit["verdict"].isin(FLAGGED).any():
        return ""
    return f" {flagged_by_chance(int((c.audit['verdict'] != TOO_FEW_LEADS).sum()))}"


def _disqualified(c: ComparisonResult) -> list[str]:
    out = by_name(c.stages, "stage")["Disqualified"]
    if not out["leads"]:
        return []
    return [
        f"The sheet disqualifies {out['leads']:,} leads; {out['conversions']:,} of them converted anyway."
    ]


def _listed(names: list[str], most: int = 3) -> str:
    shown = [f"“{name}”" for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")

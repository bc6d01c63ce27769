"""A comparison in plain words: the headline and the story."""

from __future__ import annotations

from collections.abc import Callable

from leadlens.models.judging.lenses import LENSES, MODEL, RULES
from leadlens.models.judging.result import Capacity, ComparisonResult
from leadlens.models.judging.trust import BAD, SETTLE_FIRST, overall, stop, trust
from leadlens.models.judging.verdicts import (
    FLAGGED,
    TOO_FEW_LEADS,
    VERDICTS,
    WRONG_DIRECTION,
    flagged_by_chance,
)
from leadlens.models.judging.wording import by_name, how_called, percent, population, signed, winner


def headline(comparison: ComparisonResult) -> str:
    """The result in one sentence; where the status is bad, that nothing is to be decided yet, and why."""
    return stop(trust(comparison)) or reached(comparison)


def advice(comparison: ComparisonResult) -> str:
    """What to do, in one or two sentences."""
    level, flagged = overall(trust(comparison))[0], comparison.audit["verdict"].isin(FLAGGED)
    if level == BAD:
        return SETTLE_FIRST
    do = {
        MODEL: "Call by the model's score.",
        RULES: "Go on calling by the sheet.",
        "unclear": "Neither list is shown to be better: go on as you do, and compare again when more have converted.",
    }[winner(comparison)]
    if not flagged.any():
        return do
    worst = comparison.audit[flagged].sort_values(
        "verdict", key=lambda names: names.map(VERDICTS.index), kind="stable"
    )
    rules = "1 rule" if flagged.sum() == 1 else f"{flagged.sum()} rules"
    return f"{do} Look at {rules} of the sheet, {_listed([str(worst['rule'].iloc[0])])} first."


def reached(comparison: ComparisonResult) -> str:
    """Whom the same calls reach, in one sentence."""
    at, who = comparison.capacity, winner(comparison)
    low, high = at.more_interval
    first, second = (at.rules, at.model) if who == RULES else (at.model, at.rules)
    by, other = ("sheet", "model") if who == RULES else ("model", "sheet")
    figures = f"the {other} {second:,.0f}, of {comparison.conversions:,}"
    if who == RULES:
        low, high = -high, -low
    interval = f"({signed(low)} to {signed(high)})"
    if who == "unclear":
        return f"No clear difference: the {by} reaches {first:,.0f}, {figures} {interval}"
    more = abs(at.more)
    return f"The {by} reaches {more:,.0f} more lead{'s' * (more != 1)} that convert: {first:,.0f}, {figures} {interval}"


def sentences(comparison: ComparisonResult) -> list[str]:
    """The whole story: what was found, and what is to be known of the rows and of the model."""
    notes = [f"Note: {str(text).rstrip('.')}." for text in comparison.meta.get("warnings") or []]
    return [*findings(comparison), *notes]


def findings(comparison: ComparisonResult) -> list[str]:
    """What was found: the result, its status and what to do, and about half a dozen sentences of detail."""
    status = overall(trust(comparison))[1]
    return [f"{headline(comparison)}.", f"{status}. {advice(comparison)}", *details(comparison)]


def details(comparison: ComparisonResult) -> list[str]:
    """The figures behind the result, in sentences."""
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


def same_calls(c: ComparisonResult) -> str:
    """Whom either lens reaches with the same calls, and how many a call to anybody would."""
    at = c.capacity
    return (
        f"Calling the same {at.calls:,} of {c.leads:,} out-of-time leads, the model reaches {at.model:,.0f} of the "
        f"{c.conversions:,} that convert, the sheet {at.rules:,.0f}: {_more(at)}. At random: {at.random:,.0f}."
    )


def _at_capacity(c: ComparisonResult) -> list[str]:
    sentences = [same_calls(c), how_called(weekly=c.weekly, weeks=c.weeks, capacity=c.capacity.share)]
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

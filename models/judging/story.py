"""A comparison in plain words: the headline and the story."""

from __future__ import annotations

from collections.abc import Callable

from models.judging.lenses import LENSES, MODEL, RULES
from models.judging.result import Capacity, ComparisonResult
from models.judging.verdicts import AGREES, NO_EVIDENCE, TOO_HIGH, TOO_LOW, WRONG_SIGN
from models.judging.wording import by_name, percent, population, winner


def headline(comparison: ComparisonResult) -> str:
    """The result in one sentence."""
    at = comparison.capacity
    by = {MODEL: "The model", RULES: "The score sheet"}.get(winner(comparison))
    if by is None:
        return f"No clear winner: from the same {at.calls:,} calls both find about as many conversions"
    more = round(abs(at.more))
    return f"{by} finds {more:,} more conversion{'' if more == 1 else 's'} from the same {at.calls:,} calls"


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
    at, share = c.capacity, percent(c.capacity.calls / c.leads)
    when = "" if c.rows == c.leads else ", each once, on the first snapshot that reaches the cutoff"
    return [
        f"Calling the same {at.calls:,} ({share} of the leads{when}), the model finds {at.model:,.0f} of "
        f"{c.conversions:,} conversions and the sheet {at.rules:,.0f}: {_more(at)}.",
        f"Calling {at.calls:,} at random would find {at.random:,.0f}.",
    ]


def _at_stages(c: ComparisonResult) -> list[str]:
    """The marketer's own cut, beside as many calls by the model."""
    return [
        f"The sheet's own threshold makes {at.calls:,} leads ({percent(at.share)}) {at.name}: calling them finds "
        f"{at.rules:,.0f} conversions, as many calls by the model {at.model:,.0f}: {_more(at)}."
        for at in c.cuts
        if at.name == "MQL"
    ]


def _more(at: Capacity) -> str:
    low, high = at.more_interval
    if low <= 0 <= high:
        return f"no clear difference (90 % interval: {low:+,.0f} to {high:+,.0f})"
    few, many = sorted((abs(low), abs(high)))
    gap = "more" if low > 0 else "fewer"
    return f"{abs(at.more):,.0f} {gap} (90 % interval: {few:,.0f} to {many:,.0f})"


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
    audit = c.audit[c.audit["kind"] == "points"]
    if audit.empty:
        return []
    count = audit["verdict"].value_counts()
    parts = [
        f"{count[name]} {'agree' if name == AGREES and count[name] > 1 else name}"
        for name in (AGREES, TOO_HIGH, TOO_LOW, WRONG_SIGN)
        if name in count
    ]
    unknown = f"{count[NO_EVIDENCE]} without evidence" if NO_EVIDENCE in count else ""
    wrong = audit.loc[audit["verdict"] == WRONG_SIGN, "rule"].tolist()
    named = f" Check {_listed(wrong)} first: the points have the wrong sign." if wrong else ""
    return [f"Points of the sheet's {len(audit)} rules: {', '.join(filter(None, [*parts, unknown]))}.{named}"]


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

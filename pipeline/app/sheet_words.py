"""The settings of a rule in words: how often it counts, for how long, and how its points decay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from leadlens.features.conditions.wording import condition_words
from leadlens.features.durations import humanize
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule, Decay
from leadlens.pipeline.languages.marks import N_, P_

STAGE_WORDS = {
    None: N_("not kept yet"),
    "draft": N_("draft"),
    "test": N_("on test"),
    "active": N_("active"),
    "archived": N_("archived"),
    "withdrawn": N_("withdrawn"),
}
MOVE_WORDS = {
    ("draft", "test"): N_("Put on test"),
    ("draft", "withdrawn"): N_("Withdraw this draft"),
    ("withdrawn", "draft"): N_("Make it a draft again"),
    ("test", "draft"): N_("Back to draft"),
    ("test", "active"): N_("Make active"),
    ("active", "archived"): N_("Archive"),
    ("archived", "active"): N_("Make active again"),
}
_PER = {
    "once": P_("sheet", "once"),
    "each": P_("sheet", "each time"),
    "day": P_("sheet", "each day"),
    "value": P_("sheet", "each {name}"),
}
_FROM = {
    "each": P_("sheet", "once, if at least {n} times"),
    "day": P_("sheet", "once, if on at least {n} days"),
    "value": P_("sheet", "once, if at least {n} different values of {name}"),
}


@dataclass(frozen=True)
class RuleWords:
    """What a row of the table says besides the numbers."""

    label: str
    condition: str
    in_words: str | None
    counts: str
    window: str
    decay: str
    notes: tuple[str, ...]


def rules_in_words(sheet: Sheet, section: str, say: Callable[[str], str] = str) -> list[RuleWords]:
    """The rules of ``attributes`` or ``actions``, in the order of the sheet; ``say`` translates what conditions are made of."""
    return [_rule(rule, say) for rule in getattr(sheet, section)]


def _rule(rule: AttributeRule | ActionRule, say: Callable[[str], str]) -> RuleWords:
    notes = []
    if rule.group is not None:
        notes.append(P_("sheet", "shares the cap of {name}").format(name=rule.group))
    if rule.dimension is not None or rule.also:
        notes.append(P_("sheet", "counts for {name}").format(name=" + ".join(rule.moves)))
    in_words = condition_words(rule.when, say)
    if isinstance(rule, AttributeRule):
        return RuleWords(rule.label, rule.when, in_words, _PER["once"], "", "", tuple(notes))
    if rule.after is not None:
        after = condition_words(rule.after, say) or rule.after
        notes.append(P_("sheet", "only after: {condition}").format(condition=after))
    return RuleWords(
        rule.label, rule.when, in_words, _counts(rule), _window(rule), _decay(rule.decay), tuple(notes)
    )


def _counts(rule: ActionRule) -> str:
    if rule.at_least is not None:
        return _FROM[rule.at_least.unit].format(n=rule.at_least.number, name=rule.of)
    return _PER[rule.per].format(name=rule.of)


def _window(rule: ActionRule) -> str:
    if rule.inactive_for is not None:
        return P_("sheet", "nothing for {length}").format(length=humanize(rule.inactive_for))
    return "" if rule.within is None else P_("sheet", "last {length}").format(length=humanize(rule.within))


def _decay(decay: Decay | None) -> str:
    if decay is None:
        return ""
    if decay.half_life is not None:
        return P_("sheet", "half is left after {length}").format(length=humanize(decay.half_life))
    assert isinstance(decay.to_zero, timedelta)
    return P_("sheet", "nothing is left after {length}").format(length=humanize(decay.to_zero))

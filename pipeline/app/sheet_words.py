"""The settings of a rule in words: how often it counts, for how long, and how its points decay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from features.conditions.wording import condition_words
from features.durations import humanize
from models.scorecard import Sheet
from models.scorecard.language.rules import ActionRule, AttributeRule, Decay

STAGE_WORDS = {
    None: "not kept yet",
    "draft": "draft",
    "test": "on test",
    "active": "active",
    "archived": "archived",
}
MOVE_WORDS = {
    ("draft", "test"): "Put on test",
    ("test", "draft"): "Back to draft",
    ("test", "active"): "Make active",
    ("active", "archived"): "Archive",
    ("archived", "active"): "Make active again",
}
_PER = {"once": "once", "each": "each time", "day": "each day", "value": "each"}
_UNITS = {"each": "times", "day": "days", "value": "different values of"}


@dataclass(frozen=True)
class RuleWords:
    """What a row of the table says besides the numbers."""

    label: str
    condition: str
    in_words: str | None
    counts: str
    window: str
    decay: str
    note: str


def rules_in_words(sheet: Sheet, section: str) -> list[RuleWords]:
    """The rules of ``attributes`` or ``actions``, in the order of the sheet."""
    return [_rule(rule) for rule in getattr(sheet, section)]


def _rule(rule: AttributeRule | ActionRule) -> RuleWords:
    notes = []
    if rule.group is not None:
        notes.append(f"shares the cap of {rule.group}")
    if rule.dimension is not None or rule.also:
        notes.append(f"counts for {' and '.join(rule.moves)}")
    in_words = condition_words(rule.when)
    if isinstance(rule, AttributeRule):
        return RuleWords(rule.label, rule.when, in_words, "once", "", "", "; ".join(notes))
    if rule.after is not None:
        notes.append(f"only after: {condition_words(rule.after) or rule.after}")
    return RuleWords(
        rule.label, rule.when, in_words, _counts(rule), _window(rule), _decay(rule.decay), "; ".join(notes)
    )


def _counts(rule: ActionRule) -> str:
    if rule.at_least is not None:
        unit = _UNITS[rule.at_least.unit]
        return f"once, from {rule.at_least.number} {unit}{f' {rule.of}' if rule.at_least.unit == 'value' else ''} on"
    return f"{_PER[rule.per]}{f' {rule.of}' if rule.per == 'value' else ''}"


def _window(rule: ActionRule) -> str:
    if rule.inactive_for is not None:
        return f"nothing for {humanize(rule.inactive_for)}"
    return f"last {humanize(rule.within)}" if rule.within is not None else ""


def _decay(decay: Decay | None) -> str:
    if decay is None:
        return ""
    if decay.half_life is not None:
        return f"half is left after {humanize(decay.half_life)}"
    assert isinstance(decay.to_zero, timedelta)
    return f"nothing is left after {humanize(decay.to_zero)}"

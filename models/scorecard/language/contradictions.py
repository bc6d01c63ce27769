"""What the settings of a sheet must be to each other, which single settings cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from leadlens.features.errors import nearest
from leadlens.models.scorecard.language.rules import ActionRule
from leadlens.models.scorecard.language.sheet_settings import MAIN_DIMENSIONS, SheetSettings

Complaint = tuple[tuple[str | int, ...], Any, str]  # place, value, what is wrong

# what rows of scores, ledgers and conditions call their own columns
_TAKEN = {
    "row_id",
    "lead_id",
    "as_of",
    "created_at",
    "total",
    "score",
    "grade",
    "fit_grade",
    "engagement_grade",
}
_TAKEN |= {
    "stage",
    "disqualified",
    "disqualified_by",
    "trend",
    "surge",
    "product",
    "dimension",
    "rule",
}
_TAKEN |= {"points", "route", "action", "queue", "reason", "account", "feature", "sheet"}
_TAKEN |= {f"{what}_{stage}" for what in ("reached", "kept", "fell") for stage in ("mql", "sql")}
STARTING = "Starting points"


def contradictions(sheet: SheetSettings) -> Iterator[Complaint]:
    """Every contradiction in the sheet: the place, the value and the complaint."""
    if not (sheet.attributes or sheet.actions or sheet.disqualify):
        message = "the sheet has no rule: give it `attributes`, `actions` or `disqualify`"
        yield ("actions",), None, message
    yield from _dimensions(sheet)
    yield from _labels(sheet)
    yield from _names(sheet)
    for index, rule in enumerate(sheet.actions):
        for key, value, message in _action(rule):
            yield ("actions", index, key), value, message
    limits = sheet.thresholds
    low, high = (stage.points if stage else None for stage in (limits and limits.mql, limits and limits.sql))
    if low is not None and high is not None and high < low:
        yield ("thresholds", "sql"), high, f"SQL comes after MQL: it cannot be lower than {low}"


def _dimensions(sheet: SheetSettings) -> Iterator[Complaint]:
    for index, name in enumerate(sheet.dimensions):
        if name in _TAKEN or name in sheet.all_dimensions[: index + len(MAIN_DIMENSIONS)]:
            yield ("dimensions", index), name, "this name is taken: choose another one for the dimension"
    for key, names, known in (
        ("products", sheet.products, sheet.dimensions),
        ("total", sheet.total, sheet.all_dimensions),
    ):
        for index, name in enumerate(names):
            if name not in known:
                yield (key, index), name, _no_dimension(name, known)
            elif name in names[:index]:
                yield (key, index), name, f"{name!r} is listed twice"
    for name in sheet.base:
        if name not in sheet.all_dimensions:
            yield ("base", name), name, _no_dimension(name, sheet.all_dimensions)
    for section in ("attributes", "actions"):
        for index, rule in enumerate(getattr(sheet, section)):
            for name in rule.also:
                if name not in sheet.all_dimensions:
                    yield (section, index, "also"), name, _no_dimension(name, sheet.all_dimensions)
            if rule.dimension is not None and rule.dimension not in sheet.all_dimensions:
                message = _no_dimension(rule.dimension, sheet.all_dimensions)
                yield (section, index, "dimension"), rule.dimension, message


def _no_dimension(name: str, known: tuple[str, ...]) -> str:
    near = nearest(name, known)
    hint = f"did you mean {near[0]}?" if near else "list it under `dimensions`"
    return f"there is no dimension {name!r}: {hint}"


def _labels(sheet: SheetSettings) -> Iterator[Complaint]:
    labels = {STARTING: "the base points"}
    for section in ("attributes", "actions", "disqualify"):
        for index, rule in enumerate(getattr(sheet, section)):
            if rule.label in labels:
                message = f"this label is taken by {labels[rule.label]}: labels identify rules in the ledger"
                yield (section, index, "label"), rule.label, message
            labels[rule.label] = f"another rule in {section}"
    for index, route in enumerate(sheet.routes):
        if route.label in [other.label for other in sheet.routes[:index]]:
            yield ("routes", index, "label"), route.label, "this label is taken by another route"


def _names(sheet: SheetSettings) -> Iterator[Complaint]:
    """Keys of rules, and groups."""
    keys: set[str] = set()
    known = [group.name for group in sheet.groups]
    for index, name in enumerate(known):
        if name in known[:index]:
            yield ("groups", index, "name"), name, "this name is taken by another group"
    for section in ("attributes", "actions"):
        for index, rule in enumerate(getattr(sheet, section)):
            if rule.key in keys:
                yield (section, index, "key"), rule.key, "this key is taken by another rule"
            if rule.key is not None:
                keys.add(rule.key)
            if rule.group is not None and rule.group not in known:
                near = nearest(rule.group, known)
                hint = f"did you mean {near[0]}?" if near else "list it under `groups` with its cap"
                yield (section, index, "group"), rule.group, f"there is no group {rule.group!r}: {hint}"


def _action(rule: ActionRule) -> Iterator[tuple[str, Any, str]]:
    if rule.cap is not None and rule.per == "once":
        yield "cap", rule.cap, "a cap limits repeated points: say `per: each`, or drop the cap"
    if rule.at_least is not None and rule.per != "once":
        yield "at_least", rule.at_least.number, "at_least goes with `per: once`: drop one of the two"
    by_value = rule.per == "value" or (rule.at_least is not None and rule.at_least.unit == "value")
    if by_value and rule.of is None:
        message = "which values? Name a column of the events: `of: page`"
        yield ("per" if rule.per == "value" else "at_least"), "value", message
    if rule.of is not None and not by_value:
        yield "of", rule.of, "`of` goes with `per: value` or `at_least: {values: …}`"
    for name in ("within", "inactive_for"):
        if getattr(rule, name) == timedelta(0):
            message = "nothing happens within no time: write a length such as 30d"
            yield name, "0d", message
    if rule.inactive_for is not None:
        for name in ("of", "within", "cap", "decay", "at_least", "after"):
            if getattr(rule, name) is not None:
                message = f"`inactive_for` asks for nothing happening, and `{name}` for something: make it two rules"
                yield name, getattr(rule, name), message
        if rule.per != "once":
            yield "per", rule.per, "inactivity counts once: drop `per`"

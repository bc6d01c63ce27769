"""A score sheet as YAML, laid out as a person would: one line a rule where it fits, in the order of the guide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from leadlens.models.scorecard.language.sheet import Sheet

_WIDTH = 110
_STEP = "  "
_SECTIONS = "sheet about for lists base dimensions products total scale groups attributes actions disqualify"
_SECTIONS += " thresholds grades routes"
_SETTINGS = (
    "label name when points per of within cap decay at_least after inactive_for on key group dimension also"
)
_SETTINGS += " action queue reason"
_NOTES = {
    "lists": "values for `x IN name` in conditions",
    "base": "points that every lead starts with",
    "products": "the dimensions that are product lines",
    "total": "the dimensions that add up to the total",
    "scale": "the totals that are shown as 0 and as 100",
    "groups": "rules that share a cap",
    "attributes": "who the lead is: they move fit",
    "actions": "what the lead did: they move engagement",
    "disqualify": "out, whatever the points",
    "thresholds": "stages",
    "grades": "lowest points of A B C and 4 3 2",
    "routes": "the first that matches is taken",
}
_SPACED = ("lists", "base", "attributes", "actions", "disqualify", "thresholds", "routes")
_PLAIN = re.compile(r"[^\W\d_][\w ./()-]*")
# What a double-quoted text cannot hold as it is: YAML takes them for line ends, or refuses them.
_LOST = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_RESOLVER = yaml.resolver.Resolver()


def yaml_text(sheet: Sheet) -> str:
    """The sheet as a YAML file with the same version, values of lists inside.

    Settings that are as they would be anyway are left out; comments of a file it was read from are not kept.

    >>> small = {"sheet": "small", "base": 5, "actions": [{"label": "Call", "when": "event_type = 'call'", "points": 3}]}
    >>> print(yaml_text(Sheet.model_validate(small)), end="")
    sheet: small
    <BLANKLINE>
    base: {fit: 5} # points that every lead starts with
    <BLANKLINE>
    actions: # what the lead did: they move engagement
      - {label: Call, when: "event_type = 'call'", points: 3}
    """
    content = _ordered(sheet.settings(), _SECTIONS)
    lines: list[str] = []
    for key, value in content.items():
        entry = list(_entry(key, value, ""))
        if key in _NOTES and len(entry[0]) + len(_NOTES[key]) + 3 <= _WIDTH and not entry[0].endswith("["):
            entry[0] += f" # {_NOTES[key]}"
        lines += ["", *entry] if key in _SPACED and lines else entry
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    """The lines of ``key: value``: one where it fits."""
    start = f"{indent}{_scalar(key)}:"
    of_rules = isinstance(value, list) and value and isinstance(value[0], dict)
    short = f"{start} {_flow(value)}"
    if isinstance(value, str) and _reads_as_block(value):
        yield f"{start} |-"
        yield from (f"{indent}{_STEP}{line}" if line else "" for line in value.split("\n"))
    elif not of_rules and (len(short) <= _WIDTH or not isinstance(value, list | dict)):
        yield short
    elif isinstance(value, dict):
        yield start
        for name, inner in value.items():
            yield from _entry(name, inner, indent + _STEP)
    elif of_rules:
        yield start
        for rule in value:
            yield from _item(_ordered(rule, _SETTINGS), indent + _STEP)
    else:
        yield f"{start} ["
        yield from _filled([_flow(item) for item in value], indent + _STEP)
        yield f"{indent}]"


def _item(rule: dict[str, Any], indent: str) -> Iterator[str]:
    short = f"{indent}- {_flow(rule)}"
    if len(short) <= _WIDTH and "\n" not in "".join(str(value) for value in rule.values()):
        yield short
        return
    lines = [line for key, value in rule.items() for line in _entry(key, value, indent + _STEP)]
    yield f"{indent}- {lines[0].strip()}"
    yield from lines[1:]


def _filled(items: list[str], indent: str) -> Iterator[str]:
    """Items with commas, as many on a line as fit."""
    line = indent
    for item in items:
        if len(line) + len(item) + 1 > _WIDTH and line.strip():
            yield line.rstrip()
            line = indent
        line += f"{item}, "
    yield line.rstrip()


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: str | int | float) -> str:
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text else text.replace("e", ".0e")  # YAML 1.1 takes 1e-07 for text
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and _is_text(value):
        return value
    if re.fullmatch(r"\d+[smhdw]", value):  # a duration
        return value
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    escaped = "".join(_escape(char) for char in value)
    return f'"{escaped}"'


def _is_text(value: str) -> bool:
    return bool(_RESOLVER.resolve(yaml.ScalarNode, value, (True, False)) == "tag:yaml.org,2002:str")  # type: ignore[no-untyped-call]


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[char]
    if ord(char) < 32 or _LOST.match(char):
        return f"\\u{ord(char):04x}"
    return char


def _reads_as_block(text: str) -> bool:
    """Whether a text of several lines can be written as it is, line by line."""
    lines = text.split("\n")
    return len(lines) > 1 and all(line.isprintable() and line == line.rstrip() for line in lines)


def _ordered(settings: dict[str, Any], order: str) -> dict[str, Any]:
    """The settings in the order a person would write them; unknown ones last."""
    place = {name: index for index, name in enumerate(order.split())}
    return dict(sorted(settings.items(), key=lambda pair: place.get(pair[0], len(place))))

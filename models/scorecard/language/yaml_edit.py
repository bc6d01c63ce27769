"""Numbers of a sheet's YAML replaced where they stand, so that comments and layout are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import yaml

from leadlens.features.errors import UsageError
from leadlens.features.yaml_model import parse_yaml
from leadlens.models.scorecard.language.sheet import Sheet

Place = tuple[str | int, ...]
# A setting that may be written as its main part alone: `base: 20`, `mql: 90`.
_MAIN_PARTS = ("fit", "points")


def with_values(text: str, sheet: Sheet, values: Mapping[Place, str | int | float]) -> str | None:
    """The YAML that ``sheet`` was read from with other values, all else as it was; ``sheet`` has these values already.

    A value that was not written comes after the points. ``None`` where the values cannot be put in without writing
    the file anew: a setting that is gone, or that comes from an alias.

    >>> sheet = {"sheet": "s", "actions": [{"label": "Call", "when": "event_type = 'call'", "points": 5, "per": "each", "cap": 20}]}
    >>> text = "sheet: s\\nactions: # did\\n  - {label: Call, when: event_type = 'call', points: 3, per: each} # rings\\n"
    >>> print(with_values(text, Sheet.model_validate(sheet), {("actions", 0, "points"): 5, ("actions", 0, "cap"): 20}), end="")
    sheet: s
    actions: # did
      - {label: Call, when: event_type = 'call', points: 5, cap: 20, per: each} # rings
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        edits = [_edit(text, root, place, _written(value)) for place, value in values.items()]
        edited = text
        for edit in sorted((edit for edit in edits if edit is not None), reverse=True):
            edited = edited[: edit.start] + edit.text + edited[edit.end :]
        return edited if None not in edits and _says(edited, sheet) else None
    except (yaml.YAMLError, UsageError, ValueError, RecursionError):
        return None


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def _edit(text: str, root: yaml.Node | None, place: Place, value: str) -> _Edit | None:
    node = _at(root, place)
    if node is None and place[-1] in _MAIN_PARTS:
        node = _at(root, place[:-1])
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        return _Edit(node.start_mark.index, node.end_mark.index, value)
    parent = _at(root, place[:-1])
    if node is not None or not isinstance(parent, yaml.MappingNode) or not parent.value:
        return None
    at = (_at(parent, ("points",)) or parent.value[-1][1]).end_mark.index
    if parent.flow_style:
        return _Edit(at, at, f", {place[-1]}: {value}")
    at = text.find("\n", at) if "\n" in text[at:] else len(text)  # behind a comment
    return _Edit(at, at, f"\n{' ' * parent.start_mark.column}{place[-1]}: {value}")


def _at(node: yaml.Node | None, place: Place) -> yaml.Node | None:
    for part in place:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def _written(value: str | int | float) -> str:
    return value if isinstance(value, str) else repr(value)


def _says(text: str, sheet: Sheet) -> bool:
    """Whether a file says what the sheet does; lists may be files beside the one that was read."""
    document = parse_yaml(text, "the edited sheet")
    if not isinstance(document, dict):
        return False
    lists = sheet.settings().get("lists")
    return Sheet.model_validate(document | ({"lists": lists} if lists else {})).version == sheet.version

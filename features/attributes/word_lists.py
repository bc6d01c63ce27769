"""Word lists as data: the YAML files beside this one, each read once, and never on a cluster's workers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def word_lists(name: str) -> dict[str, Any]:
    """The lists in ``<name>.yaml``.

    >>> list(word_lists("titles"))
    ['seniority', 'function']
    """
    text = (files("leadlens.features.attributes") / f"{name}.yaml").read_text(encoding="utf-8")
    lists: dict[str, Any] = yaml.safe_load(text)
    return lists

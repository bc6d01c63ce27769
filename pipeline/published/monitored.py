"""What `leadlens monitor` found last, kept for the page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from leadlens.pipeline.private import private_files
from leadlens.pipeline.published.folder import CopyFolder

_FILE = "monitored.json"


class Monitored:
    """The JSON of a monitoring, as beside its own report, and when it was made."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self.made_at = datetime.fromisoformat(facts["made_at"])
        self.as_of = datetime.fromisoformat(facts["as_of"])

    @cached_property
    def moved(self) -> list[dict[str, Any]]:
        """Columns and scores by how far they moved, the farthest first: each with its ``psi``, against the training where that is known."""
        features = [*filter(None, [self.facts.get("scores")]), *self.facts.get("features", ())]
        each_with = [each | {"psi": _psi(each), "is_score": each["name"] == "grades"} for each in features]
        known = [each for each in each_with if each["psi"] is not None]
        return sorted(known, key=lambda each: -each["psi"])

    def weeks(self, cut: float | None) -> list[dict[str, Any]]:
        """``week, leads, above, converted`` of open leads above a threshold of the score, or of the sheet's (``None``)."""
        return [each | {"week": each["date"]} for each in self.facts.get("weeks", ()) if each["cut"] == cut]


def keep_monitored(project: str, facts: Mapping[str, Any]) -> None:
    """Replace what was kept. Raises ``OSError``."""
    path = _path(project)
    with private_files():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(facts, default=str, ensure_ascii=False), encoding="utf-8")
        os.replace(unfinished, path)


def read_monitored(project: str) -> Monitored | None:
    """What is kept; ``None`` where nothing is that this version can read."""
    try:
        return Monitored(json.loads(_path(project).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _psi(moves: Mapping[str, Any]) -> float | None:
    trained: float | None = moves["psi_training"]
    nights: float | None = moves["psi_nights"]
    return nights if trained is None else trained


def _path(project: str) -> Path:
    # In a folder of its own: beside the copies, whatever is no copy is cleaned away.
    return CopyFolder.of(project).path / "monitored" / _FILE

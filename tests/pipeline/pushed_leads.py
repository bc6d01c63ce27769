"""A project whose scores stand in a DuckDB file, without a model: what a push reads, made in no time."""

from __future__ import annotations

import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from leadlens.pipeline.crm.http import Patience
from leadlens.pipeline.jobs.push import Push, push
from leadlens.pipeline.writeback import RunManifest, stage_scores, write_scores
from leadlens.pipeline.writeback.closings import vanished
from tests.pipeline.crm_server import FIELDS, FakeCrm
from tests.pipeline.little_project import LittleProject
from tests.pipeline.writeback_samples import run

_FOLDER = tempfile.TemporaryDirectory()

# Seconds are what a real server is waited for; nobody waits for them in a test.
HASTY = Patience(first=0.001, longest=0.01, connect=2, answer=1, whole=5, tries=8)


class PushedLeads:
    """A project, and the night of its scores."""

    def __init__(self, folder: Path, count: int = 250, **crm: Any) -> None:
        self.settings = LittleProject(folder).settings
        self.to = f"duckdb:///{folder / 'scores.duckdb'}"
        self.settings["scores"] = {"to": self.to}
        if crm:
            self.settings["crm"] = crm
        self.config = self.write(folder / "project.yaml")
        self.frame, self.day = self.scores(count), 1
        shutil.copyfile(_first_night(count), folder / "scores.duckdb")

    def write(self, path: Path) -> Path:
        """The project file; a push reads none of the sources."""
        path.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        return path

    @staticmethod
    def scores(count: int) -> pd.DataFrame:
        probability = np.random.default_rng(1).uniform(0.01, 0.99, count)
        return pd.DataFrame(
            {
                "lead_id": [f"lead-{number}" for number in range(count)],
                "probability": probability,
                "score": (probability * 98 + 1).astype(int),
                "grade": "A1",
                "stage": "MQL",
                "trend": "rising",
                "route": None,
                "rule_points": 30.0,
                "reasons_text": [f"Viewed “Preise” {number} times\nthen =1+1" for number in range(count)],
            }
        )

    def night(self, why_left: Any = None) -> None:
        """Write the frame as the next night."""
        self.day += 1
        with stage_scores(self.to, run=_manifest(self.day)) as staged:
            staged.add(self.frame)
            staged.commit(why_left=why_left or vanished)

    def push(self, crm: FakeCrm, **more: Any) -> Push:
        """Push to a fake CRM."""
        return push(self.config, to=crm.to, **{"patience": HASTY, **more})

    def expected(self, crm: FakeCrm) -> dict[str, int]:
        """The score that every open lead is to have there."""
        return dict(zip(self.frame["lead_id"], self.frame["score"].astype(int), strict=True))


def _manifest(day: int) -> RunManifest:
    return run(f"run-{day}", day, model_version="little/1", project="little")


@lru_cache
def _first_night(count: int) -> Path:
    """A file with the first night, made once."""
    path = Path(_FOLDER.name) / f"{count}.duckdb"
    write_scores(PushedLeads.scores(count), f"duckdb:///{path}", run=_manifest(1))
    return path


def scores_at(crm: FakeCrm) -> dict[str, int]:
    """The score that every lead has at the CRM."""
    name = crm.named("score")
    return {lead: int(values[name]) for lead, values in crm.leads.items() if values[name] not in (None, "")}


__all__ = ["FIELDS", "HASTY", "PushedLeads", "scores_at"]

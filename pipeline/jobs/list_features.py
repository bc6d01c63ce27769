"""`leadlens features`: what the features are, in words and in SQL, and the training matrix as a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features import FeatureColumn, Step
from features.engine import StepReport
from features.matrix import build_matrix, feature_steps, plan_columns
from features.planning import plan_features
from features.spine import build_spine
from pipeline.config import ProjectFile
from pipeline.sources import open_history
from pipeline.training_set import feature_settings, spine_policy


@dataclass(frozen=True)
class FeatureList:
    """The columns, the SQL steps that make them, and what each step cost if it was run."""

    columns: tuple[FeatureColumn, ...]
    steps: tuple[Step, ...]
    ran: tuple[StepReport, ...]
    written: Path | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "features": [asdict(column) for column in self.columns],
            "steps": [step._asdict() for step in self.steps],
            "ran": [report._asdict() for report in self.ran],
            "written": str(self.written) if self.written else None,
        }


def list_features(file: ProjectFile, out: Path | None = None, debug: bool = False) -> FeatureList:
    """Choose the features over the whole spine; with ``out`` or ``debug`` build them too.

    ``out`` gets lead_id, as_of and every column as Parquet.
    """
    history = open_history(file)
    build_spine(history, spine_policy(file.project))
    plan = plan_features(history, feature_settings(file.project))
    ran: list[StepReport] = []
    if out is not None or debug:
        matrix = build_matrix(history, plan, watch=ran.append if debug else None)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            keys = matrix.spine.set_index("row_id")[["lead_id", "as_of"]]
            keys.join(matrix.frame).to_parquet(out, compression="zstd")
    return FeatureList(plan_columns(plan), tuple(feature_steps(history, plan)), tuple(ran), out)

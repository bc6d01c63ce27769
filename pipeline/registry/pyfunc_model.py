"""The model as MLflow loads it: logged as code, with text files as artifacts, so that nothing is unpickled.

Input: the columns of the feature matrix by name, and one ``sheet: <rule>`` column of points per rule where a score
sheet is the prior. Output: ``probability`` (0–1) and ``score`` (1–99).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from pipeline.registry.bundle import Bundle


class LeadlensModel(PythonModel):  # type: ignore[misc]
    """Leadlens behind ``mlflow.pyfunc.load_model(...).predict(frame)``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle from the artifacts."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Score a feature matrix, one row in, one row out."""
        from models.prediction import predict_frame

        return predict_frame(self.bundle.model, model_input)


mlflow.models.set_model(LeadlensModel())

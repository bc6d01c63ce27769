"""The model as MLflow loads it: logged as code, with text files as artifacts, so that nothing is unpickled.

Input, either: one column ``raw_lead`` of leads as JSON (``leadlens.pipeline.raw_lead.request.RawLead``, as an object or as text). Output: one
row per lead as `leadlens score-lead --json` prints it, without what the model does not know of itself: its version and alias.

Or: the columns of the feature matrix by name, and one ``sheet: <rule>`` column of points per rule where a score sheet is
the prior. Output: ``probability`` (0–1) and ``score`` (1–99).
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from leadlens.features.errors import LeadlensError, listed
from leadlens.pipeline.registry.bundle import Bundle

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.score_lead import LeadScorer

_RAW_LEAD = "raw_lead"
_OF_A_VERSION = ("model_version", "alias")


class LeadlensModel(PythonModel):  # type: ignore[misc]
    """Leadlens behind ``mlflow.pyfunc.load_model(...).predict(frame)`` and ``mlflow models serve``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle from the artifacts."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    @cached_property
    def scorer(self) -> LeadScorer:
        """What scores raw leads."""
        from leadlens.pipeline.jobs.score_lead import LeadScorer

        return LeadScorer.of_bundle(self.bundle)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Score raw leads or a feature matrix, one row in, one row out.

        Raises ``MlflowException``, which a server answers as a bad request, where the input does not fit.
        """
        from leadlens.models.prediction import predict_frame

        model = self.bundle.model
        names = [*model.columns, *model.rule_names]
        if _RAW_LEAD in model_input and _RAW_LEAD not in names:
            rows = [self._scored(given, number) for number, given in enumerate(model_input[_RAW_LEAD], 1)]
            return pd.DataFrame(rows, index=model_input.index, dtype=object)
        if absent := [name for name in names if name not in model_input]:
            raise MlflowException.invalid_parameter_value(
                f"the input lacks {len(absent):,} of {len(names):,} columns: {listed(absent)}. Give all columns of the feature "
                f"matrix, or one column {_RAW_LEAD} with leads as JSON"
            )
        return predict_frame(model, model_input)

    def _scored(self, given: Any, number: int) -> dict[str, Any]:
        from leadlens.pipeline.raw_lead.request import parse_raw_lead

        where = f"{_RAW_LEAD} {number}"
        try:
            text = given if isinstance(given, str) else json.dumps(given)
            answer = self.scorer.score(parse_raw_lead(text, where), where).to_dict()
        except LeadlensError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        plain = {name: value for name, value in answer.items() if name not in _OF_A_VERSION}
        return dict(json.loads(json.dumps(plain, default=str)))


mlflow.models.set_model(LeadlensModel())

"""Where predictions stood up to 0.3.0: the code that is stored with those registered models imports them from here."""

import pandas as pd

from leadlens.models.prediction import predict_frame as predict_with
from leadlens.pipeline.registry.bundle import Bundle


def predict_frame(bundle: Bundle, model_input: pd.DataFrame) -> pd.DataFrame:
    """Probability and shown score per row of a model's input."""
    return predict_with(bundle.model, model_input)

"""Logistic regression at its defaults, on standardised numbers and one column per category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def fit(train: Any) -> Any:
    texts = train.categories
    numbers = [name for name in train.features if name not in texts]
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    columns = make_column_transformer(
        (make_pipeline(filled, StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=20), texts),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000))
    return model.fit(_as_text(train.features), train.label)


def predict(model: Any, test: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(_as_text(test))[:, 1]


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as text, with a word for what is not known."""
    texts = frame.select_dtypes("category")
    return frame.assign(**{name: texts[name].astype(object).fillna("(unknown)") for name in texts})

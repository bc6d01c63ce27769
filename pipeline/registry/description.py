"""What a run and a registered model say of themselves: name, tags, description, input example, data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from leadlens.pipeline.drift.histogram import FEWEST
from leadlens.pipeline.registry.bundle import Recipe

if TYPE_CHECKING:
    from mlflow.data.dataset import Dataset


def run_name(recipe: Recipe) -> str:
    """``bank_marketing, trained to 2025-05-16``: the project and the latest row that was learned from."""
    return f"{recipe.project['name']}, trained to {recipe.trained_to[:10]}"


def described(
    recipe: Recipe,
    rows: Mapping[str, int],
    conversions: Mapping[str, int],
    figures: Mapping[str, Mapping[str, float]],
) -> str:
    """A few lines of Markdown for the pages of MLflow."""
    lines = [
        str(recipe.project.get("about") or recipe.project["name"]),
        "",
        f"Learned from {rows['train']:,} rows up to {recipe.trained_to[:10]}, {conversions['train']:,} of them followed by a "
        f"conversion; judged on {rows['test']:,} out-of-time rows ({conversions['test']:,}) from {recipe.test_from[:10]} on.",
        "",
    ]
    for lens, values in figures.items():
        shown = (f"{_FIGURES[name]} {values[name]:.4f}" for name in _FIGURES if name in values)
        lines.append(f"- {lens}: {', '.join(shown)}")
    return "\n".join(lines)


_FIGURES = {"roc_auc": "ROC AUC", "log_loss": "log loss"}


def typical_row(frame: pd.DataFrame) -> pd.DataFrame:
    """One made-up row of the same columns and types: medians to three digits, and the most frequent of common values.

    No lead's own row is logged with a model.

    >>> typical_row(pd.DataFrame({"age": [float(n) for n in range(41)], "city": ["Bern"] * 30 + ["Rome"] * 11})).to_dict("list")
    {'age': [20.0], 'city': ['Bern']}
    """
    typical: dict[str, pd.Series] = {}
    for name, values in frame.items():
        if pd.api.types.is_numeric_dtype(values):
            middle = values.median() if values.notna().sum() >= FEWEST else 0.0
            typical[str(name)] = pd.Series([float(f"{middle:.3g}")], dtype="float64")
        else:
            counts = values.value_counts()
            common = counts.index[0] if len(counts) and counts.iloc[0] >= FEWEST else "(other)"
            typical[str(name)] = pd.Series([str(common)], dtype="str")
    return pd.DataFrame(typical)


def data_set(recipe: Recipe, rows: int) -> Dataset:
    """The training data as MLflow lists them: a name and a digest. No row goes to its store."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source: dict[str, Any] = {
        "project": recipe.project["name"],
        "data_version": str(recipe.data_version),
        "config_fingerprint": recipe.project_fingerprint,
        "rows": str(rows),
    }
    return MetaDataset(
        CodeDatasetSource(source),
        name=f"{recipe.project['name']} training rows",
        digest=recipe.data_fingerprint,
    )

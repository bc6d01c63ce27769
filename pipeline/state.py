"""Where Leadlens keeps what it makes between runs: ``LEADLENS_HOME``, else ``.leadlens`` where a command is run."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """The folder, made if missing; it ignores itself in git."""
    folder = Path(os.environ.get("LEADLENS_HOME") or ".leadlens").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return folder


def tracking_uri() -> str:
    """The MLflow store: ``MLFLOW_TRACKING_URI``, else SQLite in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{state_folder() / 'mlflow.db'}"


def study_storage() -> str:
    """The Optuna store, by which a stopped training goes on."""
    return f"sqlite:///{state_folder() / 'optuna.db'}"

"""The state folder: ``LEADLENS_HOME``, else ``.leadlens`` in the working directory."""

from __future__ import annotations

import os
from errno import EACCES
from pathlib import Path

from features import UsageError


def state_folder() -> Path:
    """The folder, created if missing, with a .gitignore of its own. Raises ``UsageError`` if it is not writable."""
    folder = Path(os.environ.get("LEADLENS_HOME") or ".leadlens").absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise UsageError(
            "models, runs and reports cannot be stored here",
            value=str(folder),
            why=error.strerror or str(error),
            fix="run the command in a folder that you may write to, or set one: export LEADLENS_HOME=/a/folder",
        ) from None
    return folder


def tracking_uri() -> str:
    """The MLflow store: ``MLFLOW_TRACKING_URI``, else SQLite in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{state_folder() / 'mlflow.db'}"


def study_storage() -> str:
    """The Optuna store, from which an interrupted training resumes."""
    return f"sqlite:///{state_folder() / 'optuna.db'}"

"""The state folder: ``LEADLENS_HOME``, else ``.leadlens`` in the working directory."""

from __future__ import annotations

import os
from errno import EACCES
from pathlib import Path

from features import UsageError
from pipeline.private import private_files, wider_than_asked


def state_folder() -> Path:
    """The folder, created if missing, with a .gitignore of its own. Raises ``UsageError`` if it is not writable."""
    folder = Path(os.environ.get("LEADLENS_HOME") or ".leadlens").absolute()
    try:
        ignore = folder / ".gitignore"
        if not ignore.exists():
            with private_files():
                folder.mkdir(parents=True, exist_ok=True)
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


def open_to_others() -> str | None:
    """A warning where more people may enter the state folder than ``LEADLENS_GROUP`` says."""
    folder = state_folder()
    mode = folder.stat().st_mode & 0o777
    if os.name == "nt" or not wider_than_asked(mode):
        return None
    return (
        f"the folder of models, runs and prepared data is open to others on this machine ({mode:04o}), and it holds personal "
        f"data: chmod -R go= {folder}, or export LEADLENS_GROUP=read for a group"
    )


def tracking_uri() -> str:
    """The MLflow store: ``MLFLOW_TRACKING_URI``, else SQLite in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{state_folder() / 'mlflow.db'}"


def study_storage() -> str:
    """The Optuna store, from which an interrupted training resumes."""
    return f"sqlite:///{state_folder() / 'optuna.db'}"

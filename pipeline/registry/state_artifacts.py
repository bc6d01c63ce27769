"""Artifacts beside the MLflow database, by addresses that stay right when both are moved or copied.

MLflow writes down where artifacts are. With ``leadlens:/mlartifacts/…`` that is the folder `mlartifacts` in whatever
folder the database is in. The entry point `mlflow.artifact_repository` tells other programs with Leadlens installed, such
as `mlflow ui`.
"""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

SCHEME = "leadlens"
LOCATION = f"{SCHEME}:/mlartifacts"
_SQLITE = "sqlite:///"


class StateArtifacts(LocalArtifactRepository):  # type: ignore[misc]
    """The files of ``leadlens:/…``."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        store = tracking_uri or os.environ.get("_MLFLOW_SERVER_FILE_STORE") or mlflow.get_tracking_uri()
        if not store.startswith(_SQLITE):
            raise MlflowException(f"{artifact_uri} is beside an SQLite database, and the store is none")
        path = Path(store.removeprefix(_SQLITE)).parent / artifact_uri.removeprefix(f"{SCHEME}:").lstrip("/")
        super().__init__(path.absolute().as_uri(), tracking_uri, registry_uri)


def register() -> None:
    """Make the scheme known in this process."""
    _artifact_repository_registry.register(SCHEME, StateArtifacts)

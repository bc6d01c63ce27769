"""Artifacts beside the MLflow database, by addresses that stay right when both are moved or copied.

MLflow writes down where artifacts are. With ``leadlens:/mlartifacts/…`` that is the folder `mlartifacts` in whatever
folder the database is in. The entry point `mlflow.artifact_repository` tells other programs with Leadlens installed, such
as `mlflow ui`.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from leadlens.pipeline.state import sqlite_path

SCHEME = "leadlens"
LOCATION = f"{SCHEME}:/mlartifacts"
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


class StateArtifacts(LocalArtifactRepository):  # type: ignore[misc]
    """The files of ``leadlens:/…``."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        store = tracking_uri or os.environ.get("_MLFLOW_SERVER_FILE_STORE") or mlflow.get_tracking_uri()
        database = sqlite_path(store)
        if database is None:
            raise MlflowException(f"{artifact_uri} is beside an SQLite database, and the store is none")
        path = database.parent / artifact_uri.removeprefix(f"{SCHEME}:").lstrip("/")
        super().__init__(path.absolute().as_uri(), tracking_uri, registry_uri)


def beside(uri: str, store: str) -> Path | None:
    """The folder of a ``file:`` address that was noted before the state was moved; ``None`` where it needs no help."""
    parts, database = uri.partition("/mlartifacts/"), sqlite_path(store)
    if not uri.startswith("file:") or database is None or not parts[2]:
        return None
    noted = Path(url2pathname(urlsplit(uri).path))
    now = database.parent / "mlartifacts" / url2pathname(parts[2])
    return now if now.exists() and not noted.exists() else None


def forget_places(store: str) -> None:
    """Rewrite addresses in an SQLite store, by which releases up to 0.4.0 noted where artifacts were.

    Only those of files that are in the folder ``mlartifacts`` beside the database; also of MLflow's own experiment
    *Default*, which is nowhere used. Costs a millisecond where there is nothing to do.
    """
    database = sqlite_path(store)
    assert database is not None
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in _ADDRESSES:
            for (address,) in connection.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE '%/mlartifacts%' OR {column} LIKE '%/mlruns/%'"
            ).fetchall():
                folder, _, rest = address.partition("/mlartifacts")
                if address.startswith(f"{SCHEME}:"):
                    continue
                if "/mlruns/" in address:
                    stays = (database.parent / "mlruns").exists() or Path(
                        address.removeprefix("file://")
                    ).exists()
                    new = None if stays else f"{LOCATION}/{address.rpartition('/mlruns/')[2]}"
                else:
                    there = (database.parent / "mlartifacts" / url2pathname(rest.strip("/"))).exists()
                    new = LOCATION + rest if folder.startswith("file:") and there else None
                if new:
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, address))


def register() -> None:
    """Make the scheme known in this process."""
    _artifact_repository_registry.register(SCHEME, StateArtifacts)

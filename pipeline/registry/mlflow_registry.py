"""The MLflow registry: one parent run per training, a registered model without pickle, and its aliases."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features import DataError
from features.secrets import masked, remember_secrets_of
from pipeline.registry.bundle import Bundle
from pipeline.registry.registered import Alias, Registered
from pipeline.state import state_folder, tracking_uri

if TYPE_CHECKING:
    import mlflow
    import pandas as pd

_PYFUNC = Path(__file__).with_name("pyfunc_model.py")
_REQUIRED = ("lightgbm", "mlflow", "numpy", "pandas", "scikit-learn")


class Registry:
    """The runs and registered versions of one project."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.mlflow = _mlflow()
        self.client = self.mlflow.MlflowClient()

    @contextlib.contextmanager
    def run(self, name: str, tags: Mapping[str, str]) -> Iterator[mlflow.ActiveRun]:
        """A run of this project's experiment; it is marked failed if the block raises."""
        experiment = self.client.get_experiment_by_name(self.project)
        if experiment is None:
            # A server decides where artifacts go; the embedded store keeps them beside the database.
            local = tracking_uri().startswith("sqlite:")
            location = (state_folder() / "mlartifacts").as_uri() if local else None
            experiment_id = self.client.create_experiment(self.project, artifact_location=location)
        else:
            experiment_id = experiment.experiment_id
        with self.mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=dict(tags)) as run:
            yield run

    def register(
        self, bundle: Bundle, signature_input: pd.DataFrame, output: pd.DataFrame, folder: Path
    ) -> str:
        """Log the bundle to the active run as a new version with the alias ``challenger``; returns the version."""
        from importlib.metadata import version as installed

        bundle.save(folder / "bundle")
        with _quiet():
            signature = self.mlflow.models.infer_signature(signature_input, output)
            info = self.mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_PYFUNC),
                artifacts={"bundle": str(folder / "bundle")},
                signature=signature,
                pip_requirements=[f"{name}=={installed(name)}" for name in _REQUIRED],
                registered_model_name=self.project,
            )
        version = str(info.registered_model_version)
        self.client.set_registered_model_alias(self.project, "challenger", version)
        return version

    def open(self, alias: Alias) -> Registered | None:
        """The version with an alias, or ``None``."""
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_model_version_by_alias(self.project, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        with _quiet():
            folder = self.mlflow.artifacts.download_artifacts(f"models:/{self.project}@{alias}")
        return Registered(
            Bundle.load(Path(folder) / "artifacts" / "bundle"), str(model.version), alias, model.run_id
        )

    def serving(self) -> Registered:
        """The champion, else the challenger. Raises ``DataError`` if no model was trained."""
        registered = self.open("champion") or self.open("challenger")
        if registered is None:
            raise DataError(
                f"no model of {self.project!r} is registered",
                where=_shown_store(),
                fix="train one: leadlens train CONFIG (in the same folder: the store is in .leadlens)",
            )
        return registered

    def promote(self, version: str) -> None:
        """Give a version the alias ``champion``."""
        self.client.set_registered_model_alias(self.project, "champion", version)


def _shown_store() -> str:
    return masked(tracking_uri())


def _mlflow() -> Any:
    # Set before the import: MLflow must not send usage statistics or look up newer versions.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    for name in ("mlflow", "alembic", "alembic.runtime.migration", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    remember_secrets_of(tracking_uri())
    tracking, registry = os.environ.get("MLFLOW_TRACKING_URI"), os.environ.get("MLFLOW_REGISTRY_URI")
    mlflow.set_tracking_uri(tracking_uri())
    mlflow.set_registry_uri(registry or tracking_uri())
    # MLflow sets both in the environment, where the next project would take them for the user's setting.
    if tracking is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    if registry is None:
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
    return mlflow


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide MLflow's hints and success messages; exceptions still propagate."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield

"""The MLflow registry: one parent run per training, a registered model without pickle, and its aliases."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadlens.features import DataError
from leadlens.features.secrets import masked, remember_secrets_of
from leadlens.pipeline.registry.answering import refuse_silent
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.dead_runs import PROCESS, end_dead_runs, this_process
from leadlens.pipeline.registry.registered import Alias, Registered
from leadlens.pipeline.runs.record import now
from leadlens.pipeline.state import sqlite_path, tracking_uri

if TYPE_CHECKING:
    import mlflow
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion

_PYFUNC = Path(__file__).parents[1] / "pyfunc_model.py"
RAW_LEAD = "raw_lead"  # the column of the model's input that holds a lead as JSON
_REQUIRED = ("leadlens", "lightgbm", "mlflow-skinny", "numpy", "pandas", "scikit-learn")
PROMOTED, ROLLED_BACK, WHY_BACK = (
    f"leadlens.{name}" for name in ("promoted_at", "rolled_back_at", "rolled_back")
)


class Registry:
    """The runs and registered versions of one project."""

    def __init__(self, project: str) -> None:
        self.project = project
        for uri in {tracking_uri(), os.environ.get("MLFLOW_REGISTRY_URI") or tracking_uri()}:
            refuse_silent(uri)
        self.mlflow = _mlflow()
        self.client = self.mlflow.MlflowClient()

    def reach(self) -> None:
        """Ask the store for something, so that it is there; the embedded one is made with all of its tables."""
        self.client.search_experiments(max_results=1)

    @contextlib.contextmanager
    def run(self, name: str, tags: Mapping[str, str]) -> Iterator[mlflow.ActiveRun]:
        """A run of this project's experiment; it is marked failed if the block raises."""
        from leadlens.pipeline.registry.state_artifacts import LOCATION, forget_places

        local = sqlite_path(tracking_uri()) is not None
        experiment = self.client.get_experiment_by_name(self.project)
        if local:
            forget_places(tracking_uri())
        if experiment is None:
            # A server decides where artifacts go; the embedded store keeps them beside the database.
            location = LOCATION if local else None
            experiment_id = self.client.create_experiment(self.project, artifact_location=location)
        else:
            experiment_id = experiment.experiment_id
            end_dead_runs(self.client, experiment_id)
        # The path of the program, which MLflow would note, says nothing on another machine.
        tags = {"mlflow.source.name": "leadlens", PROCESS: this_process(), **tags}
        with self.mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tags) as run:
            yield run

    @contextlib.contextmanager
    def child(self, name: str, tags: Mapping[str, str]) -> Iterator[mlflow.ActiveRun]:
        """A run within the active one."""
        tags = {"mlflow.source.name": "leadlens", PROCESS: this_process(), **tags}
        around = self.mlflow.active_run()
        assert around is not None
        place = around.info.experiment_id  # else it would be that of no project
        with self.mlflow.start_run(experiment_id=place, run_name=name, nested=True, tags=tags) as run:
            yield run

    def register(
        self, bundle: Bundle, example: pd.DataFrame, output: pd.DataFrame, folder: Path, about: str
    ) -> str:
        """Log the bundle to the active run as a new version with the alias ``challenger``; returns the version.

        ``example`` goes with the model, so it is made up. ``about`` describes the version. The version is made last and whole:
        a process that dies before leaves a run, and no version.
        """
        bundle.save(folder / "bundle")
        with _quiet():
            signature = self.mlflow.models.infer_signature(example, output)
            signature.inputs = _with_raw_lead(signature.inputs)
            info = self.mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_PYFUNC),
                artifacts={"bundle": str(folder / "bundle")},
                signature=signature,
                input_example=example if len(example.columns) else None,  # a base rate asks for nothing
                pip_requirements=requirements(),
            )
            self._ensure_model()
            made = self.client.create_model_version(
                self.project,
                info.model_uri,
                run_id=info.run_id,
                tags=_version_tags(bundle),
                description=about,
                model_id=info.model_id,
            )
        self.client.set_registered_model_alias(self.project, "challenger", str(made.version))
        return str(made.version)

    def _ensure_model(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(self.project)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def open(self, alias: Alias) -> Registered | None:
        """The version with an alias, or ``None``."""
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_model_version_by_alias(self.project, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return self._loaded(model, alias)

    def version(self, version: str) -> Registered:
        """A version by its number. Raises ``DataError`` where there is none."""
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_model_version(self.project, version)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            found = self.client.search_model_versions(f"name = '{self.project}'")
            raise DataError(
                f"{self.project!r} has no such version",
                value=version,
                known=sorted((str(each.version) for each in found), key=int),
                where=_shown_store(),
                fix="leadlens models CONFIG lists them",
            ) from None
        held = set(self.client.get_registered_model(self.project).aliases.items())
        named: tuple[Alias, ...] = ("champion", "challenger")
        aliases = [alias for alias in named if (alias, str(version)) in {(n, str(v)) for n, v in held}]
        return self._loaded(model, aliases[0] if aliases else "former")

    def _loaded(self, model: ModelVersion, alias: Alias) -> Registered:
        from leadlens.pipeline.registry.state_artifacts import beside

        with _quiet():
            uri = self.client.get_model_version_download_uri(self.project, model.version)
            folder = beside(uri, tracking_uri()) or self.mlflow.artifacts.download_artifacts(
                f"models:/{self.project}/{model.version}"
            )
        reason, refused = (model.tags.get(f"leadlens.{name}") for name in ("forced", "refused"))
        return Registered(
            Bundle.load(Path(folder) / "artifacts" / "bundle"),
            str(model.version),
            alias,
            model.run_id,
            f"{reason} (overruled: {refused})" if reason and refused else reason,
            model.tags.get(WHY_BACK) if out_of_service(model.tags) else None,
        )

    def serving(self, challenger: bool = False) -> Registered:
        """The champion; the challenger if it is asked for, or while there never was a champion.

        Raises ``DataError`` if no model was trained, or a former champion is none any more.
        """
        if challenger:
            registered = self.open("challenger")
        else:
            registered = self.open("champion") or (None if self._had_champion() else self.open("challenger"))
        if registered is not None:
            return registered
        if not challenger and self._had_champion():
            raise DataError(
                f"{self.project!r} had a champion, and has none now",
                where=_shown_store(),
                why="a challenger does not take its place unnoticed",
                fix="promote the challenger (leadlens promote CONFIG), or score by it on purpose: --challenger",
            )
        raise DataError(
            f"no {'challenger' if challenger else 'model'} of {self.project!r} is registered",
            where=_shown_store(),
            fix=f"if one was trained, run this where it was: {_where_models_are()}; else train one: leadlens train CONFIG",
        )

    def keep_reason(self, version: str, reason: str, refused: Sequence[str]) -> None:
        """Keep with a version why it is promoted by force, and what the gates had said; earlier reasons stay beside it."""
        before = self.client.get_model_version(self.project, version).tags.get("leadlens.forced")
        reasons = dict.fromkeys([*(before.split(" / ") if before else []), reason])
        for name, text in (("forced", " / ".join(reasons)), ("refused", "; ".join(refused))):
            self.client.set_model_version_tag(self.project, version, f"leadlens.{name}", text)

    def card(self, version: str) -> dict[str, Any]:
        """The model card of a version, with what became of it since: ``forced`` and ``rolled_back`` as in ``Registered``.

        Raises ``DataError`` where there is no such version, or it has no card.
        """
        from mlflow.exceptions import MlflowException

        from leadlens.pipeline.registry.card import CARD

        registered = self.version(version)
        try:
            card: dict[str, Any] = self.mlflow.artifacts.load_dict(f"runs:/{registered.run_id}/{CARD}")
        except (MlflowException, OSError):
            raise DataError(
                f"{self.project}/{version} has no model card",
                why="it was trained before cards were made",
                fix="train again: leadlens retrain CONFIG",
            ) from None
        return card | {"forced": registered.forced, "rolled_back": registered.rolled_back}

    def promote(self, version: str) -> None:
        """Give a version the alias ``champion``, and note when.

        The alias comes first: where the process dies between the two, there is a champion, and the next promotion notes what
        was left out. The other way round a version would count as a former champion that never served.
        """
        self._note_champion()
        self.client.set_registered_model_alias(self.project, "champion", version)
        self._note_promotion(version)

    def _note_champion(self) -> None:
        """Note of the present champion that it was promoted, where a process died before it could."""
        from mlflow.exceptions import MlflowException

        try:
            champion = self.client.get_model_version_by_alias(self.project, "champion")
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return
            raise
        if PROMOTED not in champion.tags:
            self._note_promotion(champion.version)

    def _note_promotion(self, version: str) -> None:
        self.client.set_model_version_tag(
            self.project, version, PROMOTED, f"{now().isoformat(timespec='microseconds')}Z"
        )

    def _had_champion(self) -> bool:
        found = self.client.search_model_versions(f"name = '{self.project}'")
        return any(PROMOTED in version.tags for version in found)


def _with_raw_lead(columns: Any) -> Any:
    """The input of a model: either the columns of its features, or one that holds a lead as JSON."""
    from mlflow.types.schema import AnyType, ColSpec, Schema

    # A model without a single feature has a column without a name, which stands for nothing.
    either = [ColSpec(column.type, column.name, required=False) for column in columns or () if column.name]
    return Schema([*either, ColSpec(AnyType(), RAW_LEAD, required=False)])


def out_of_service(tags: Mapping[str, str]) -> bool:
    """Whether a version with these tags was rolled back since it was last made champion."""
    return tags.get(ROLLED_BACK, "") >= tags.get(PROMOTED, "~")


def requirements() -> list[str]:
    """What the model needs to be loaded and to predict as it does here: Leadlens, and what computes the score."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in _REQUIRED]


def _version_tags(bundle: Bundle) -> dict[str, str]:
    from importlib.metadata import version

    recipe = bundle.recipe
    tags = {
        "leadlens.version": version("leadlens"),
        "leadlens.trained_to": recipe.trained_to,
        "leadlens.test_from": recipe.test_from,
        "leadlens.data_version": recipe.data_version,
        "leadlens.data_fingerprint": recipe.data_fingerprint,
        "leadlens.config_fingerprint": recipe.project_fingerprint,
        "leadlens.sheet_version": recipe.sheet_version,
    }
    return {name: str(value) for name, value in tags.items() if value not in (None, "")}


def _shown_store() -> str:
    return masked(tracking_uri())


def _where_models_are() -> str:
    """What decides it."""
    for name in ("MLFLOW_TRACKING_URI", "LEADLENS_HOME"):
        if os.environ.get(name):
            return f"{name} says where models are"
    return "models are in .leadlens of the folder in which a command is run"


def _mlflow() -> Any:
    # Set before the import: MLflow must not send usage statistics or look up newer versions.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # By default it would wait two minutes, seven times over, for a server that fell silent.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    import mlflow

    from leadlens.pipeline.registry import state_artifacts

    state_artifacts.register()
    if sqlite_path(tracking_uri()) is not None:
        # Where MLflow's own, unused experiment would keep its files: else the working folder, whose name may break its SQL.
        os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", state_artifacts.LOCATION)
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

"""The two stores of a training, MLflow's and Optuna's, opened so that commands that begin together do not fail each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.state import one_at_a_time, study_storage

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def open_stores(project: str) -> tuple[Registry, BaseStorage]:
    """The registry of a project, which answers, and the store of its studies; each with all of its tables.

    Raises ``UsageError`` if the state folder is not writable, and the registry's own errors where it cannot be reached.
    """
    from optuna.storages import get_storage

    with one_at_a_time("stores"):  # both make their tables as if nobody else did
        registry = Registry(project)
        registry.reach()
        return registry, get_storage(study_storage())

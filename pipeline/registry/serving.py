"""The model that scores leads, without waiting for MLflow where its store has not changed since the last look."""

from __future__ import annotations

import json
import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

from features import DataError
from pipeline.registry.bundle import Bundle
from pipeline.registry.registered import Registered
from pipeline.state import state_folder, tracking_uri


def serving_model(project: str) -> Registered:
    """The champion, else the challenger. Raises ``DataError`` if no model was trained.

    Importing MLflow and asking its store takes seconds. Where the store is a file, a copy of the model is kept beside
    the state, with the size and times of the store's files; while those stand still, nobody has moved an alias.
    """
    store, folder = _store_mark(), state_folder() / "serving" / project
    if store is not None and (known := _kept(folder, store)) is not None:
        return known
    from pipeline.registry.mlflow_registry import Registry

    served = Registry(project).serving()
    store = _store_mark()
    if store is not None:
        _keep(folder, served, store)
    return served


def _store_mark() -> list[Any] | None:
    """What changes with every write to a store that is a file; ``None`` for a server."""
    uri = tracking_uri()
    if not uri.startswith("sqlite:///") or os.environ.get("MLFLOW_REGISTRY_URI"):
        return None
    database = uri.removeprefix("sqlite:///")
    mark: list[Any] = [database]
    for path in (Path(database), Path(f"{database}-wal")):
        if path.exists():
            state = path.stat()
            mark.append([state.st_size, state.st_mtime_ns, state.st_ctime_ns])
    return mark


def _kept(folder: Path, store: list[Any]) -> Registered | None:
    try:
        note = json.loads((folder / "serving.json").read_text(encoding="utf-8"))
        if note["store"] != store:
            return None
        bundle = _load(str(folder / note["folder"]))
        return Registered(bundle, note["version"], note["alias"], note["run_id"])
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return None  # it is asked for again


@lru_cache(maxsize=8)
def _load(folder: str) -> Bundle:
    return Bundle.load(Path(folder))


def _keep(folder: Path, served: Registered, store: list[Any]) -> None:
    name = f"{served.version}-{served.run_id}"
    if not (folder / name).exists():
        unfinished = folder / f"{name}.{os.getpid()}"
        served.bundle.save(unfinished)
        try:
            os.replace(unfinished, folder / name)
        except OSError:  # another run was faster
            shutil.rmtree(unfinished, ignore_errors=True)
    note = {
        "store": store,
        "version": served.version,
        "alias": served.alias,
        "run_id": served.run_id,
        "folder": name,
    }
    unfinished = folder / f"serving.{os.getpid()}"
    unfinished.write_text(json.dumps(note), encoding="utf-8")
    os.replace(unfinished, folder / "serving.json")
    for old in folder.iterdir():
        if old.is_dir() and old.name != name and "." not in old.name:
            shutil.rmtree(old, ignore_errors=True)

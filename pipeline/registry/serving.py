"""The model that scores leads, without waiting for MLflow where its store has not changed since the last look."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from leadlens.features import DataError
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.state import sqlite_path, state_folder, state_is_writable, tracking_uri


def serving_model(project: str, *, challenger: bool = False) -> Registered:
    """The champion; the challenger if it is asked for, or while there never was a champion.

    Importing MLflow and asking its store takes seconds. Where the store is a file, a copy of the model is kept beside
    the state, with a digest of the store: while that is the same, nobody has moved an alias. So a state that was moved,
    or that can only be read, serves without MLflow. Raises ``DataError`` as ``Registry.serving`` does.
    """
    store, folder = _store_mark(), state_folder() / "serving" / project
    note = folder / ("challenger.json" if challenger else "serving.json")
    if store is not None and (known := _kept(note, store)) is not None:
        return known
    from leadlens.pipeline.registry.mlflow_registry import Registry

    served = Registry(project).serving(challenger)
    store = _store_mark()
    if store is not None and state_is_writable():
        _keep(note, served, store)
    return served


def keep_serving(project: str) -> None:
    """Keep copies of what serves now, so that those who may only read the state need not ask MLflow."""
    from leadlens.pipeline.registry.mlflow_registry import Registry

    if _store_mark() is None:
        return
    for challenger in (False, True):
        with suppress(DataError):
            served = Registry(project).serving(challenger)
            if (store := _store_mark()) is not None:
                name = "challenger.json" if challenger else "serving.json"
                _keep(state_folder() / "serving" / project / name, served, store)


def _store_mark() -> str | None:
    """What changes with every write to a store that is a file, wherever it is; ``None`` for a server."""
    database = sqlite_path(tracking_uri())
    if database is None or os.environ.get("MLFLOW_REGISTRY_URI"):
        return None
    digest = hashlib.blake2b(digest_size=16)
    for path in (str(database), f"{database}-wal"):
        with suppress(FileNotFoundError), open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _kept(path: Path, store: str) -> Registered | None:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        if note["store"] != store:
            return None
        bundle = _load(str(path.with_name(note["folder"])))
        return Registered(bundle, note["version"], note["alias"], note["run_id"], note["forced"])
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return None  # it is asked for again


@lru_cache(maxsize=8)
def _load(folder: str) -> Bundle:
    return Bundle.load(Path(folder))


def _keep(path: Path, served: Registered, store: str) -> None:
    folder, name = path.parent, f"{served.version}-{served.run_id}"
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
        "forced": served.forced,
        "folder": name,
    }
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(note), encoding="utf-8")
    os.replace(unfinished, path)
    used = {_named(note) for note in folder.glob("*.json")}
    for old in folder.iterdir():
        if old.is_dir() and old.name not in used and "." not in old.name:
            shutil.rmtree(old, ignore_errors=True)


def _named(note: Path) -> str:
    """The folder that a note names."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(note.read_text(encoding="utf-8"))["folder"])
    return ""

"""A training matrix as files: made by any engine, read by training, refused where it belongs to something else.

The folder holds ``features.parquet`` (row_id, lead_id, as_of, created_at and every feature), ``labels.parquet``
(row_id, part, label) and ``matrix.json`` (the plan, the split, fingerprints). Each Parquet is a file, or a folder of
part files. Whoever adds columns to ``features.parquet`` declares them in ``matrix.json``:
``"own": {"column": {"label": "…", "family": "behavioural"}}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from leadlens.features import DataError, Engine, History, UsageError
from leadlens.features.engines import StepReport, Table
from leadlens.features.errors import listed
from leadlens.features.matrix import FeatureMatrix, plan_columns, write_matrix
from leadlens.features.own.declaration import check_declared, own_column
from leadlens.features.own.values import typed
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.time_split import Split

_FORMAT = 1
# Settings that decide which rows there are and what stands in them; a model's own settings do not.
_DECIDING = ("data", "outcome", "known_after", "order", "hygiene", "spine", "features")
_DECIDING_JUDGE = ("test_from", "test_to", "test_share", "embargo")
_KEYS = ("row_id", "lead_id", "as_of", "created_at")
_DESCRIBED = ("label", "family", "unit", "phrase", "absent")
_FIX = "make it again: leadlens features CONFIG --out DIR"


@dataclass(frozen=True, kw_only=True)
class SavedMatrix:
    """What ``matrix.json`` says of a folder.

    Attributes
    ----------
    settings, data : fingerprints of the settings that decide the rows, and of the opened history.
    rows, test_from, plan : as in ``TrainingSet``.
    engine : the engine that made it.
    own : columns that were added to the features, by name: their label, family, unit, phrase and absent.
    """

    folder: Path
    settings: str
    data: str
    rows: int
    test_from: datetime
    plan: FeaturePlan
    engine: str
    own: dict[str, dict[str, str]] = field(default_factory=dict)

    def check(self, file: ProjectFile, data: str) -> None:
        """Raises ``UsageError`` or ``DataError`` unless it was made from these settings and these data."""
        if self.settings != deciding_settings(file):
            raise UsageError(
                "this matrix was made with other settings",
                value=str(self.folder),
                where=str(file.path),
                why=f"its rows would not be those of this project: {', '.join(_DECIDING)} or judge has changed",
                fix=_FIX,
            )
        if _differing(self.data, data):
            raise DataError(
                "this matrix was made from other data",
                value=str(self.folder),
                why="a model would be judged on data that are no longer there"
                f" (differs: {', '.join(_differing(self.data, data))})",
                fix=_FIX,
            )


def deciding_settings(file: ProjectFile) -> str:
    """Sixteen hex digits that change when a setting does that decides the rows or their values."""
    settings = file.project.canonical()
    deciding = [{name: settings[name] for name in _DECIDING}]
    deciding.append({name: settings["judge"][name] for name in _DECIDING_JUDGE})
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]


def save_matrix(
    file: ProjectFile,
    history: History,
    plan: FeaturePlan,
    split: Split,
    data: str,
    folder: Path,
    watch: Callable[[StepReport], None] | None = None,
) -> SavedMatrix:
    """Build the features of a split and write them with its outcomes; nothing passes through pandas.

    ``data`` is the fingerprint of the history as it was opened. Raises ``UsageError`` where the folder cannot be.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            "the matrix is written into a folder, and this is a file",
            value=str(folder),
            fix="name a new folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "matrix.json"
    manifest.unlink(missing_ok=True)  # written last: a folder that was left half done is refused
    engine = history.engine
    write_matrix(history, plan, split.both, folder / "features.parquet", watch)
    engine.write(f"SELECT row_id, part, label FROM {split.outcomes}", folder / "labels.parquet")
    saved = SavedMatrix(
        folder=folder,
        settings=deciding_settings(file),
        data=data,
        rows=split.both.rows,
        test_from=split.test_from,
        plan=plan,
        engine=engine.dialect.name,
    )
    manifest.write_text(json.dumps(_to_json(saved), indent=1, ensure_ascii=False), encoding="utf-8")
    return saved


def open_matrix(folder: Path) -> SavedMatrix:
    """Read what ``save_matrix`` wrote. Raises ``UsageError`` for a folder that is no finished matrix."""
    try:
        manifest = json.loads((folder / "matrix.json").read_text(encoding="utf-8"))
        if manifest["leadlens_matrix"] != _FORMAT:
            raise ValueError(f"made by another version of Leadlens (format {manifest['leadlens_matrix']})")
        return SavedMatrix(
            own=_declared(manifest.get("own", {})),
            folder=folder,
            settings=manifest["settings"],
            data=manifest["data"],
            rows=manifest["rows"],
            test_from=datetime.fromisoformat(manifest["test_from"]),
            plan=FeaturePlan.from_dict(manifest["plan"]),
            engine=manifest["engine"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "this folder holds no training matrix", value=str(folder), why=str(error) or None, fix=_FIX
        ) from None


@contextmanager
def saved_tables(saved: SavedMatrix, engine: Engine) -> Iterator[tuple[Table, Table]]:
    """Features (with the spine's columns) and labels as tables that are read from their files where they are needed.

    Raises ``DataError`` where the files do not belong together.
    """
    with (
        Table(engine, engine.claim("saved_features")) as features,
        Table(engine, engine.claim("saved_labels")) as labels,
    ):
        engine.read(features.name, saved.folder / "features.parquet")
        engine.read(labels.name, saved.folder / "labels.parquet")
        there = engine.columns(features.name)
        planned = [column.name for column in plan_columns(saved.plan)]
        _refuse_undeclared(saved, [name for name in there if name not in (*planned, *_KEYS)])
        lacking = [name for name in (*planned, *saved.own) if name not in there]
        both = f"{features} AS f JOIN {labels} AS l ON l.row_id = f.row_id"
        common = int(engine.value(f"SELECT count(DISTINCT f.row_id) FROM {both}"))
        if lacking or not features.rows == labels.rows == common == saved.rows:
            raise DataError(
                "the files of this matrix do not belong together",
                value=str(saved.folder),
                why=f"{features.rows:,} rows of features, {labels.rows:,} labels, {saved.rows:,} expected, and "
                f"{len(lacking)} features are missing",
                fix=_FIX,
            )
        yield features, labels


def read_matrix(saved: SavedMatrix, features: Table, rows: Spine) -> FeatureMatrix:
    """The rows of a spine from ``features``, in ascending order."""
    columns = plan_columns(saved.plan)
    read = features.engine.frame(
        f"SELECT f.* FROM {features} AS f WHERE f.row_id IN (SELECT row_id FROM {rows}) ORDER BY f.row_id"
    )
    spine = read[list(_KEYS)]
    read = read.set_index("row_id")
    values = {
        column.name: read[column.name].astype("float64" if column.kind == "number" else "str")
        for column in columns
    }
    for name, described in saved.own.items():
        values[name], kind = typed(name, read[name])
        sentence = "A column of the matrix that Leadlens did not make."
        columns = (*columns, own_column(name, kind, sentence=sentence, **described))
    return FeatureMatrix(pd.DataFrame(values, index=read.index), columns, spine)


def _declared(own: Any) -> dict[str, dict[str, str]]:
    """What ``matrix.json`` says of added columns. Raises ``UsageError`` for what people could not read."""
    if not isinstance(own, dict) or not all(isinstance(described, dict) for described in own.values()):
        raise ValueError('"own" is to be {"column": {"label": "…", "family": "behavioural"}}')
    for name, described in own.items():
        for setting in described:
            if setting not in _DESCRIBED:
                raise UsageError(
                    "an added column has no such setting",
                    value=setting,
                    known=_DESCRIBED,
                    where=f"matrix.json: own: {name}",
                )
        check_declared(name, described.get("label"), described.get("family"))
        if not all(isinstance(text, str) for text in described.values()):
            raise UsageError(
                "what describes a column is text", value=str(described), where=f"matrix.json: own: {name}"
            )
    return own


def _refuse_undeclared(saved: SavedMatrix, added: list[str]) -> None:
    unknown = [name for name in added if name not in saved.own]
    if unknown:
        example = json.dumps(
            {unknown[0]: {"label": "what people read", "family": "behavioural"}}, ensure_ascii=False
        )
        raise UsageError(
            "the matrix has columns that Leadlens did not make",
            value=listed(unknown),
            why="a feature without a label and a family could be used, but not explained",
            fix=f'declare them in matrix.json, "own": {example}, or take them out of features.parquet',
            where=str(saved.folder),
        )
    there = {name.lower() for name in (*_KEYS, *(column.name for column in plan_columns(saved.plan)))}
    if taken := [name for name in saved.own if name.lower() in there]:
        raise UsageError(
            "there is a feature of this name already",
            value=listed(taken),
            fix="rename it in both files",
            where=f"{saved.folder}: own",
        )


def _to_json(saved: SavedMatrix) -> dict[str, Any]:
    return {
        "leadlens_matrix": _FORMAT,
        "engine": saved.engine,
        "settings": saved.settings,
        "data": saved.data,
        "rows": saved.rows,
        "test_from": saved.test_from.isoformat(),
        "plan": saved.plan.to_dict(),
    }


def _differing(one: str, other: str) -> list[str]:
    """The tables whose fingerprints differ; the first part is the data's end."""
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return [
        mine.partition(":")[0].rstrip("*") if ":" in mine else "the data's end"
        for mine, theirs in pairs
        if mine != theirs and not _same_number_of_events(mine, theirs)
    ]


def _same_number_of_events(saved: str, now: str) -> bool:
    """Releases up to 0.4.0 saved a checksum of the events with their ids: of those only the number is compared."""
    return (
        saved.startswith("events:")
        and now.startswith("events*:")
        and saved.split(":")[1] == now.split(":")[1]
    )

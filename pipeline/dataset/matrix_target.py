"""What `leadlens features --out` may write to: refused before anything is read, so that nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leadlens.features import UsageError
from leadlens.pipeline.writable import check_writable

_WHERE = "--out"
_OURS = ("features.parquet", "features.parquet.unfinished", "labels.parquet", "matrix.json")
_ROW = {"row_id", "lead_id", "as_of", "created_at"}


def check_target(out: Path) -> bool:
    """Whether ``out`` becomes one Parquet file (else the folder of a training matrix).

    Raises ``UsageError`` where it cannot be written, or where something else would be overwritten or mixed with it.
    """
    if out == Path():
        raise _refused("name a separate place", out, "the matrix would be mixed with what is in this folder")
    as_file = out.suffix.lower() == ".parquet"
    try:
        (_check_file if as_file else _check_folder)(out)
    except OSError as error:
        raise _refused("this place cannot be read", out, error.strerror) from None
    check_writable(out.parent if as_file else out, _WHERE, "name a place that you may write to")
    return as_file


def _check_file(out: Path) -> None:
    if out.is_dir():
        why = "a name that ends in .parquet gets one file"
        raise _refused(
            "this is a folder, and one file goes there", out, why, "name a file, or a folder without .parquet"
        )
    if not out.exists():
        return
    try:
        names = set(pq.read_schema(out).names)
    except (OSError, pa.ArrowException):
        names = set()
    if not names >= _ROW:
        raise _refused(
            "there is a file that holds no features", out, "it would be overwritten", "name a new file"
        )


def _check_folder(out: Path) -> None:
    kind = out.suffix
    if kind and not kind[1:].isdigit() and not out.is_dir():
        raise _refused(
            f"features are not written as {kind}",
            out,
            fix="name a folder for the training matrix (--out matrix), or one .parquet file",
        )
    if not out.exists():
        return
    if not out.is_dir():
        raise _refused(
            "the matrix is written into a folder, and this is a file", out, fix="name a new folder"
        )
    others = sorted(item.name for item in out.iterdir() if item.name not in _OURS)
    if others and not _is_matrix(out):
        why = f"the matrix would be mixed with what is in it: {others[0]}, for example"
        raise _refused("this folder holds something other than a matrix", out, why)


def _is_matrix(folder: Path) -> bool:
    try:
        return "leadlens_matrix" in json.loads((folder / "matrix.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _refused(
    what: str, out: Path, why: str | None = None, fix: str = "name a new folder: --out matrix"
) -> UsageError:
    return UsageError(what, value=str(out), where=_WHERE, why=why, fix=fix)

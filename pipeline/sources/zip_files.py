"""Read a CSV or JSON file out of a zip archive: nothing is unpacked under a name of its own, and not without bounds."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from leadlens.features import DataError, UsageError
from leadlens.features.errors import listed

_READABLE = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
_BLOCK = 1 << 20
_SUSPECT_BYTES, _MOST_TIMES = 1 << 28, 300  # tables shrink to a hundredth at most


def is_zip(path: str | Path) -> bool:
    """Whether a file is a zip archive, by its name."""
    return Path(path).suffix.lower() == ".zip"


@contextmanager
def unpacked(path: Path, member: str | None, where: str) -> Iterator[tuple[Path, str]]:
    """A readable file of an archive in a temporary folder, and its name in the archive.

    ``member`` may be left out where one alone can be read. Raises ``UsageError`` where it is not clear which is meant, ``DataError`` for
    what is no archive, needs a password, or grows beyond all measure.
    """
    with _opened(path, where) as archive, TemporaryDirectory(prefix="leadlens-") as folder:
        found = _member(archive, member, where)
        # The name of the copy is ours: one in an archive could lead out of the folder.
        copy = Path(folder) / f"member{''.join(_suffixes(found.filename))}"
        _copy(archive, found, copy, where)
        yield copy, found.filename


@contextmanager
def _opened(path: Path, where: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DataError(
            "this zip archive cannot be read",
            value=f"{path.name}: {error}",
            where=where,
            fix="check that it is complete; unpack it, and name the file in it",
        ) from None


def _suffixes(name: str) -> list[str]:
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    return suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:]


def _readable(name: str) -> bool:
    own = Path(name)
    hidden = any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in own.parts)
    return not hidden and bool(_suffixes(name)) and _suffixes(name)[0] in _READABLE


def readable_members(path: Path, where: str) -> list[str]:
    """The files of an archive that can be read. Raises ``DataError`` where there is none, or for what is no archive."""
    with _opened(path, where) as archive:
        names = [each.filename for each in archive.infolist() if not each.is_dir()]
    readable = list(dict.fromkeys(filter(_readable, names)))
    if not readable:
        raise _nothing_readable(names, where)
    return readable


def _nothing_readable(names: list[str], where: str) -> DataError:
    return DataError(
        "this archive holds no CSV or JSON file",
        value=listed(names) or "nothing",
        where=where,
        fix="unpack it, and name the file in it",
    )


def _member(archive: zipfile.ZipFile, name: str | None, where: str) -> zipfile.ZipInfo:
    every = [each for each in archive.infolist() if not each.is_dir()]
    readable = [each.filename for each in every if _readable(each.filename)]
    if name is not None:
        found = [each for each in every if each.filename == name]
        if not found:
            raise UsageError(
                "this archive has no such file",
                value=name,
                known=[each.filename for each in every],
                where=f"{where}.table",
                fix=f"it holds: {listed(each.filename for each in every)}",
            )
        if not _readable(name):
            raise UsageError(
                "this kind of file cannot be read out of an archive",
                value=name,
                where=f"{where}.table",
                fix="unpack it, and name the file in it; CSV and JSON can be read in place",
            )
        return found[-1]  # as any program that unpacks it would keep
    if not readable:
        raise _nothing_readable([each.filename for each in every], where)
    if len(set(readable)) > 1:
        raise UsageError(
            "which file of the archive to read is not set",
            value=listed(readable),
            where=where,
            fix=f"table: {readable[0]}",
        )
    return archive.getinfo(readable[0])


def _copy(archive: zipfile.ZipFile, found: zipfile.ZipInfo, copy: Path, where: str) -> None:
    if found.flag_bits & 1:
        raise DataError(
            "this file in the archive needs a password",
            value=found.filename,
            where=where,
            fix="unpack it, and name the file in it",
        )
    room = shutil.disk_usage(copy.parent).free
    written = 0
    with archive.open(found) as packed, copy.open("wb") as file:
        while block := packed.read(_BLOCK):
            written += len(block)
            # Counted, for what the archive says of its size may be wrong.
            if written > _SUSPECT_BYTES and written > _MOST_TIMES * max(1, found.compress_size):
                raise DataError(
                    f"this file in the archive is more than {_MOST_TIMES} times as large as it is packed",
                    value=found.filename,
                    where=where,
                    why="such archives are made to fill disks",
                    fix="if it is a table, unpack it, and name the file in it",
                )
            if written > room // 2:
                raise DataError(
                    "this file in the archive takes more than half of the disk that is left",
                    value=found.filename,
                    where=where,
                    fix=f"make room in {copy.parent.parent}, or set TMPDIR to a larger disk",
                )
            file.write(block)

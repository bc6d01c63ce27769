"""Check that a folder is writable before hours are spent on what goes there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from leadlens.features import UsageError


def check_writable(folder: Path, where: str, fix: str) -> None:
    """Raise ``UsageError`` unless files can be created in ``folder``, which need not exist and is not created."""
    made: list[Path] = []
    try:
        missing = [folder, *folder.parents]
        missing = missing[: next(n for n, path in enumerate(missing) if path.exists())]
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        # Only trying is reliable: root has the permission, but still cannot write to /proc.
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            "this cannot be written to",
            value=str(folder),
            why=error.strerror or str(error),
            where=where,
            fix=fix,
        ) from None
    finally:
        for path in reversed(made):
            path.rmdir()

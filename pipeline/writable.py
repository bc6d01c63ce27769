"""Whether a place can be written to, asked before hours of work are spent on what goes there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from features import UsageError


def check_writable(folder: Path, where: str, fix: str) -> None:
    """Raise ``UsageError`` unless files can be made in ``folder``, which need not be there and is not made."""
    made: list[Path] = []
    try:
        missing = [folder, *folder.parents]
        missing = missing[: next(n for n, path in enumerate(missing) if path.exists())]
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        # Who may write is told by trying alone: root may by its rights, and still not into /proc.
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

"""What is read as a file is one: a pipe never ends, a device is endless, and /proc shows secrets of the machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from leadlens.features.errors import UsageError

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_SYSTEM = ("/proc/", "/sys/")


def refuse_no_file(path: str | Path, where: str | None = None) -> None:
    """Raise ``UsageError`` for a path that is too long, a pipe, a device or a view of the system; links are followed.

    Whether anything is there at all is left to who opens it.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # too long, a circle of links, a NUL
        raise UsageError(
            f"this path cannot be opened: {getattr(error, 'strerror', None) or error}",
            value=str(path),
            where=where,
            fix="check the path: was other text given in its place?",
        ) from None
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is None and os.name == "posix" and os.path.realpath(path).startswith(_SYSTEM):
        kind = "a view of the system"
    if kind is not None:
        raise UsageError(
            f"this is {kind}, not a file",
            value=str(path),
            where=where,
            why="reading it might never end, or expose what the machine keeps private",
            fix="write its contents to a file first",
        )

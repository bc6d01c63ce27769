"""What a command's exit code says to a scheduler (docs/commands.md), and which error has which."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator

from leadlens.features.errors import LeadlensError, RoomError
from leadlens.pipeline.damaged_state import damage_behind
from leadlens.pipeline.stopping import Stopped, stopped_by

DONE, REFUSED, WRONG_USE, UNAVAILABLE, NO_ROOM = range(5)
INTERNAL = 70  # EX_SOFTWARE of sysexits.h: an error of Leadlens
_SIGNALLED = 128  # shells add the signal's number
_SIGINT = 2

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Where libraries say in words alone that disk or memory are full.
_NO_DISK = re.compile(
    r"no space left on device|disk quota exceeded|file too large|database or disk is full"
    r"|failed to offload data block|max_temp_directory_size",
    re.IGNORECASE,
)
# What databases raise for values and statements (PEP 249), which they quote.
_OF_DATA = {"DataError", "ProgrammingError", "IntegrityError"}
_NO_MEMORY = re.compile(r"out of memory|cannot allocate memory", re.IGNORECASE)


def exit_code(error: BaseException) -> int:
    """0 to 4, 70, or 128 and the signal's number.

    >>> exit_code(MemoryError())
    4
    """
    if (signal := stopped_by()) is not None:
        return _SIGNALLED + signal
    if isinstance(error, KeyboardInterrupt | Stopped):
        return _SIGNALLED + _SIGINT
    if is_full(error):
        return NO_ROOM
    told = as_user_error(error)
    return told.exit_code if isinstance(told, LeadlensError) else INTERNAL


def as_user_error(error: BaseException) -> BaseException:
    """The error itself; or, where a full disk or memory is behind it and it does not say so, a ``RoomError`` that does. Where the state
    folder is behind an error that is not ours, one that names what is wrong there.

    A file that could not be spooled is no file that cannot be read, whatever was said where it happened.
    """
    if isinstance(error, RoomError) or stopped_by() is not None:
        return error
    if not is_full(error):
        return error if isinstance(error, LeadlensError) else damage_behind(_chain(error)) or error
    cause = next(each for each in _chain(error) if _is_full(each))
    lines = str(cause).splitlines()
    disk = says_disk_is_full(str(cause)) or (isinstance(cause, OSError) and cause.errno in _FULL)
    return RoomError(
        "there is no disk space left" if disk else "there is no memory left",
        why=f"the command could not go on: {lines[0] if lines else type(cause).__name__}",
        fix="free some space: for the state folder (LEADLENS_HOME), for TMPDIR, for the target"
        if disk
        else "give the machine or container more memory, or set engine.memory",
    )


def is_full(error: BaseException) -> bool:
    """Whether disk or memory being full is behind an error."""
    return any(_is_full(each) for each in _chain(error))


def says_disk_is_full(text: str) -> bool:
    """Whether a library's words say that there is no disk space."""
    return _NO_DISK.search(text) is not None


def _is_full(error: BaseException) -> bool:
    if isinstance(error, MemoryError | RoomError) or (isinstance(error, OSError) and error.errno in _FULL):
        return True
    library = type(error).__module__.partition(".")[0] not in ("leadlens", "builtins")
    duckdb = sys.modules.get("duckdb")  # not imported for an error that cannot be its own
    if duckdb is not None and isinstance(error, duckdb.OutOfMemoryException):
        return True
    if any(kind.__name__ in _OF_DATA for kind in type(error).__mro__):
        return False
    text = str(error)
    return (library or isinstance(error, OSError)) and bool(_NO_DISK.search(text) or _NO_MEMORY.search(text))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__

"""What a source's content is known by, so that what did not change is not read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from leadlens.pipeline.prepared.manifest import FileMark
from leadlens.pipeline.sources.partitions import Partitions


def look_at(path: str | Path, known: Mapping[str, FileMark], partitions: Partitions = ()) -> FileMark:
    """The mark of a file in folders of these names. Its content is read only where size or times differ from the ``known`` mark.

    The time of the last change of status counts too: no program can set it back, as it can the time of modification.
    """
    text = str(path)
    state = Path(path).stat()
    seen = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    before = known.get(text)
    if before is not None and seen == (before.size, before.modified_ns, before.changed_ns):
        return before.model_copy(update={"partitions": partitions})
    return FileMark(
        path=text,
        size=seen[0],
        modified_ns=seen[1],
        changed_ns=seen[2],
        digest=digest_of(path),
        partitions=partitions,
    )


def same_contents(some: Sequence[FileMark], others: Sequence[FileMark]) -> bool:
    """Whether two sets of files hold the same, in the same order."""
    return len(some) == len(others) and all(map(FileMark.same_content, some, others))


def by_path(marks: Iterable[FileMark]) -> dict[str, FileMark]:
    return {mark.path: mark for mark in marks}


def digest_of(path: str | Path) -> str:
    """A checksum of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]

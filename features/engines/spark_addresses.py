"""Paths in the form in which Spark takes them for what they are."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit


def address(path: str) -> str:
    """A path as Hadoop wants it: with a scheme, so that no cluster's default file system is meant; not encoded."""
    if len(urlsplit(path).scheme) > 1:
        return path.rstrip("/")
    whole = Path(path).absolute().as_posix()
    return f"file://{whole}" if whole.startswith("/") else f"file:///{whole}"


def without_globs(place: str) -> str:
    """Brackets and stars of a folder's name stand for themselves."""
    return re.sub(r"([\\\[\]{}*?])", r"\\\1", place)

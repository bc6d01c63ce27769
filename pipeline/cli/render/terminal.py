"""The one way to the terminal: what leads typed and files are called cannot steer it, and secrets are masked."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from leadlens.features.printable import printable
from leadlens.features.secrets import masked


def print_lines(lines: Iterable[str], *, blocks: bool = False) -> None:
    """Print to standard output, one line for each; ``blocks`` are texts of several lines, such as SQL."""
    print("\n".join(printable(line, breaks=blocks) for line in lines))


def print_json(payload: Any) -> None:
    """Print one JSON object on one line; what is not printable is written as ``\\uXXXX``, which means the same."""
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, default=str)
    print(_UNPRINTABLE.sub(_as_json, text) if not text.isprintable() else text)


def print_message(text: str) -> None:
    """Print an error or a note to standard error."""
    print(printable(masked(text), breaks=True), file=sys.stderr, flush=True)


def from_here(text: str) -> str:
    """The same with files below the working directory named from it, as whoever typed the command does.

    >>> from_here(f"duckdb:///{Path.cwd()}/scores.duckdb: rows of scores")
    'duckdb:///scores.duckdb: rows of scores'
    """
    folder = str(Path.cwd()).rstrip("/")
    return re.sub(rf"(^|[\s(]|:///){re.escape(folder)}/", r"\1", text) if folder else text


# All of these stand inside of strings: JSON itself is made of printable characters.
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def _as_json(match: re.Match[str]) -> str:
    char = match[0]
    return char if char.isprintable() else json.dumps(char)[1:-1]

"""Lists of values for conditions: written in the sheet, or in a file beside it."""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leadlens.features.conditions.guards import invisible, quoted
from leadlens.features.errors import listed

MOST_VALUES = 50_000
LONGEST_VALUE = 1_000
_MOST_BYTES = 5_000_000
_COLUMN = "make it a column of the leads"


def read_list(values: Any, folder: Path | None) -> tuple[str, ...]:
    """The values of a list: from the sheet, or from the file that it names instead.

    A file lies in ``folder`` (the sheet's) or below. It is text with a value a line, where blank lines and lines
    that begin with # are skipped, or a ``.csv`` whose first column is read, every row, a heading too. A value
    that is repeated counts once. Raises ``ValueError`` that says what is wrong, in which file and line, and how
    to fix it.
    """
    if isinstance(values, str):
        return _checked(_of_file(values.strip(), folder))
    if not isinstance(values, list | tuple):
        raise ValueError("a list of values is expected, [one, two], or the name of a file beside the sheet")
    return _checked((f"value {number}", _text(value)) for number, value in enumerate(values, 1))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None or isinstance(value, list | tuple | dict):
        raise ValueError("the values of a list are texts: write [one, two]")
    written = str(value).lower() if isinstance(value, bool) else str(value)
    raise ValueError(
        f"the values of a list are texts, and YAML reads {quoted(written)} as something else: put it in quotes"
    )


def _checked(values: Iterator[tuple[str, str]]) -> tuple[str, ...]:
    """The distinct values, each given with its place."""
    distinct: dict[str, None] = {}
    for place, value in values:
        if (char := invisible(value)) is not None or "\n" in value or "\r" in value:
            raise ValueError(
                f"{place}: the value holds an invisible character, {char or 'a line end'}: delete it"
            )
        if len(value) > LONGEST_VALUE:
            raise ValueError(
                f"{place}: the value is longer than {LONGEST_VALUE:,} characters: {quoted(value)}"
            )
        if value:
            distinct[value] = None
        if len(distinct) > MOST_VALUES:
            raise ValueError(f"{place}: this list has more than {MOST_VALUES:,} values: {_COLUMN}")
    if not distinct:
        raise ValueError("this list is empty: no lead could ever match it")
    return tuple(distinct)


def _of_file(name: str, folder: Path | None) -> Iterator[tuple[str, str]]:
    if folder is None:
        raise ValueError("a sheet that is not read from a file cannot name one: write the values, [one, two]")
    text = _read(folder / name, name, folder)
    if name.lower().endswith(".csv"):
        yield from _of_csv(text, name)
        return
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if not (value := line.strip()).startswith("#"):
            yield f"{name}, line {number}", value


def _of_csv(text: str, name: str) -> Iterator[tuple[str, str]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in rows:
            if row:
                yield f"{name}, line {rows.line_num}", row[0].strip()
    except csv.Error as error:
        quote = "quote" in str(error) or "expected after" in str(error) or "end of data" in str(error)
        what = "a quote is opened and not closed, or closed too early" if quote else "this is not CSV"
        raise ValueError(
            f"{name}, line {rows.line_num}: {what}: correct it, or save the file again"
        ) from None


def _read(path: Path, name: str, folder: Path) -> str:
    if (char := invisible(name)) is not None:
        raise ValueError(f"the name of the file holds an invisible character, {char}: delete it")
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        regular = inside and stat.S_ISREG(path.stat().st_mode)  # a pipe would never end
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        raise _missing(path, name) from None
    if not inside:
        raise ValueError(
            f"{quoted(name)} is somewhere else: list files must be in the folder of the sheet or below it"
        )
    if not regular:
        raise ValueError(f"{quoted(name)} is not a file: name a text file beside the sheet")
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError:
        raise _missing(path, name) from None
    if len(raw) > _MOST_BYTES:
        raise ValueError(f"{quoted(name)} is larger than 5 MB: {_COLUMN}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{name}, line {line}: this is not UTF-8 text: save it as UTF-8") from None


def _missing(path: Path, name: str) -> ValueError:
    try:
        near = sorted(item.name for item in path.parent.iterdir() if item.suffix in (".txt", ".csv"))
    except OSError:
        near = []
    hint = f"; there are {listed(near, 5)}" if near else ""
    return ValueError(f"there is no file {quoted(name)} that can be read beside the sheet{hint}")

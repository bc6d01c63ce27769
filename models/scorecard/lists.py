"""Lists of values that conditions look into: written in the sheet, or in a file beside it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

MOST_VALUES = 50_000
_MOST_BYTES = 5_000_000


def read_list(told: Any, folder: Path | None) -> tuple[str, ...]:
    """The values of a list: as they stand in the sheet, or the lines of the text file that is named instead.

    Raises ``ValueError`` with what is wrong and how to mend it.
    """
    if isinstance(told, str):
        return _checked(_of_file(told, folder))
    if not isinstance(told, list | tuple):
        raise ValueError("a list of values is expected, [one, two], or the name of a file beside the sheet")
    if any(isinstance(value, bool) or not isinstance(value, str) for value in told):
        odd = next(value for value in told if isinstance(value, bool) or not isinstance(value, str))
        raise ValueError(f"the values of a list are texts: write {odd!r} in quotes")
    return _checked([value.strip() for value in told])


def _checked(values: list[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(value for value in values if value))
    if not found:
        raise ValueError("this list is empty: no lead could ever match it")
    if len(found) > MOST_VALUES:
        raise ValueError(
            f"this list has {len(found):,} values, and the most is {MOST_VALUES:,}: make it a column of the leads"
        )
    return found


def _of_file(name: str, folder: Path | None) -> list[str]:
    if folder is None:
        raise ValueError("a sheet that is not read from a file cannot name one: write the values, [one, two]")
    path = folder / name
    inside = path.resolve().is_relative_to(folder.resolve())
    if not inside:
        raise ValueError("lists lie beside the sheet or below it: name a file there")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{name} is larger than 5 MB: make it a column of the leads")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8 text: save it as UTF-8") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            near = sorted(item.name for item in path.parent.glob("*") if item.suffix in (".txt", ".csv"))[:5]
            told = f"; there are {', '.join(near)}" if near else ""
            raise ValueError(f"there is no file {name} that can be read beside the sheet{told}") from None
        raise
    if path.suffix.lower() == ".csv":
        return [row[0].strip() for row in csv.reader(text.splitlines()) if row]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if not line.startswith("#")]

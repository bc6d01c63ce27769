"""Of what kind a file is, by its name."""

from __future__ import annotations

from pathlib import Path

_COMPRESSED = (".gz", ".zst", ".bz2")


def kind_of(path: str | Path) -> str:
    """The suffix for the kind of file, without the suffix of a compression.

    >>> kind_of("data/Leads.CSV.gz"), kind_of("leads")
    ('.csv', '')
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if len(suffixes) > 1 and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""

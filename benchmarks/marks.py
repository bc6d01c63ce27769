"""The part of a page that a command writes: what stands between ``<!-- mark -->`` and ``<!-- /mark -->``."""

from __future__ import annotations

from pathlib import Path


def between(page: Path, mark: str) -> str:
    """What stands there, without its last line's end."""
    _, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {mark} -->\n")
    text, end, _ = rest.partition(f"<!-- /{mark} -->")
    if not begin or not end:
        raise SystemExit(f"{page.name} has no marks {mark}")
    return text.removesuffix("\n")


def put_between(page: Path, mark: str, text: str) -> None:
    """Replace it by ``text``."""
    between(page, mark)  # the marks are there
    whole = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, _, rest = whole.partition(begin)
    page.write_text(f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")

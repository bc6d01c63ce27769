"""The printed table, and the figures as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEAD = ("part", "CPU s", "on the clock", "peak GiB", "")


def table_of(rows: Sequence[tuple[str, ...]], head: tuple[str, ...] = HEAD) -> str:
    """Markdown: texts to the left, numbers to the right."""
    rule = "|" + "".join("---|" if place in (0, len(head) - 1) else "---:|" for place in range(len(head)))
    return (
        "\n".join(f"| {' | '.join(row)} |" for row in (head,))
        + "\n"
        + "\n".join([rule, *(f"| {' | '.join(row)} |" for row in rows)])
    )


def rounded(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """Four digits; ``None`` for what was not measured."""
    return {name: None if value is None else float(f"{value:.4g}") for name, value in figures.items()}

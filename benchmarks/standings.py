"""The standings in docs/benchmark.md, out of the tables in docs/real_data.md: what was measured is written down once.

    python -m benchmarks.standings [--docs]

Of each data set, log loss and ROC AUC of the sheet, of the best learned method that was not given it, and of Leadlens. ``python -m
benchmarks.quality --docs`` renews the page too.
"""

from __future__ import annotations

import argparse
import re
from itertools import takewhile

from benchmarks.data_sets import DATASETS, ROOT
from benchmarks.marks import between, put_between

REAL_DATA, PAGE = ROOT / "docs" / "real_data.md", ROOT / "docs" / "benchmark.md"
MARK = "bench-standings"
_OWN = ("Leadlens", "without sheet", "sheet", "base rate")


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--docs", action="store_true", help="renew the table in docs/benchmark.md")
    options = parser.parse_args()
    print(standings())
    if options.docs:
        write()


def write() -> None:
    """Renew the table on the page."""
    put_between(PAGE, MARK, standings())


def standings() -> str:
    """Markdown: one row per data set."""
    tables = tables_of(between(REAL_DATA, "bench-quality"))
    loss, auc = tables["Log loss"], tables["ROC AUC"]
    lines = [
        "| data | sheet | best learned method | Leadlens without sheet | Leadlens | base rate |",
        "|---|---|---|---|---|---|",
    ]
    for name in DATASETS:
        learned = [lens for lens in loss[name] if lens not in _OWN]
        best = min(learned, key=lambda lens: float(loss[name][lens]))
        figures = {lens: f"{loss[name][lens]} / {auc[name][lens]}" for lens in (*_OWN, best)}
        lines.append(
            f"| [`{name}`](benchmark/{name}.md) | {figures['sheet']} | {figures[best]} ({best}) | {figures['without sheet']} | "
            f"{figures['Leadlens']} | {figures['base rate']} |"
        )
    return "\n".join(lines)


def tables_of(page: str) -> dict[str, dict[str, dict[str, str]]]:
    """Metric -> data set -> lens -> figure, of the tables that ``benchmarks.quality`` writes."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for title, table in re.findall(r"^\*\*(.+)\*\*\n\n((?:^\|.*\n?)+)", page, re.MULTILINE):
        head, _, *rows = (
            [cell.strip(" *") for cell in line.strip("|").split("|")] for line in table.splitlines()
        )
        # The last columns are differences, the last row means.
        lenses = list(takewhile(lambda lens: "ahead" not in lens, head[1:]))
        found[title] = {
            row[0].strip("`"): dict(zip(lenses, row[1:], strict=False))
            for row in rows
            if row[0].startswith("`")
        }
    return found


if __name__ == "__main__":
    main()

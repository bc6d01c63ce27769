"""What the cards in docs/benchmark/ say of rows and dates, computed: the split of each data set as every method gets it.

    python -m benchmarks.cards [--docs] [data set …]

Reads the data, builds no feature. With ``--docs`` the figures between the two marks of each card are renewed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data_sets import DATASETS, ROOT, in_words, project_of
from benchmarks.marks import put_between

if TYPE_CHECKING:
    from leadlens.pipeline.config import Project, ProjectFile

MARK = "benchmark-card"


def main() -> None:
    """Print, or write, the figures of each card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--docs", action="store_true", help="renew the figures in docs/benchmark/")
    parser.add_argument("names", nargs="*", default=list(DATASETS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = folder
        for name in options.names:
            figures = figures_of(project_of(name, Path(folder)))
            print(f"{name}\n\n{figures}\n")
            if options.docs:
                put_between(card_of(name), MARK, figures)


def card_of(name: str) -> Path:
    """The page of a data set."""
    return ROOT / "docs" / "benchmark" / f"{name}.md"


def figures_of(file: ProjectFile) -> str:
    """Markdown: how the rows are split, how many there are in each part, and which columns may be protected ones."""
    from leadlens import open_history
    from leadlens.features.attributes.protected import looks_protected
    from leadlens.pipeline.dataset.time_split import split_snapshots

    history = open_history(file)
    with split_snapshots(history, file.project) as split:
        parts = history.engine.frame(
            f"""
            SELECT
              o.part, count(*) AS rows, count(DISTINCT s.lead_id) AS leads, sum(o.label) AS conversions,
              count(DISTINCT CASE WHEN o.label = 1 THEN s.lead_id END) AS converting, min(s.as_of) AS first, max(s.as_of) AS last
            FROM {split.both} AS s
            JOIN {split.outcomes} AS o ON o.row_id = s.row_id
            GROUP BY o.part
            """
        ).set_index("part")
    head = ["part", "rows", "leads", "rows that convert", "leads that convert", "share of rows"]
    if history.clock == "time":
        head += ["first as of", "last as of"]
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for part, title in (("train", "to learn from"), ("test", "out of time")):
        of = parts.loc[part]
        counts = [int(of[name]) for name in ("rows", "leads", "conversions", "converting")]
        cells = [title, *(f"{count:,}" for count in counts), f"{100 * counts[2] / counts[0]:.1f} %"]
        if history.clock == "time":
            cells += [f"{of[name]:%Y-%m-%d}" for name in ("first", "last")]
        lines.append(f"| {' | '.join(cells)} |")
    suggested = ", ".join(f"`{name}`" for name in looks_protected(history.lead_attributes)) or "none"
    declared = ", ".join(f"`{name}`" for name in file.project.protected) or "none"
    return "\n".join(
        [
            split_of(file.project),
            "",
            *lines,
            "",
            f"Protected columns by their names: {suggested}. Declared in the project file, and so no feature: {declared}.",
        ]
    )


def split_of(project: Project) -> str:
    """In words what the project file fixes of the split."""
    from leadlens.features import humanize
    from leadlens.pipeline.dataset.policies import outcome_horizon

    judge, by_date = project.judge, bool(project.spine.every or project.spine.dates)
    if judge.test_from is None:
        return f"Split: the last {100 * judge.test_share:.12g} % of the leads in their order are out of time."
    what = "rows as of a date" if by_date else "leads created"
    until = f" to before {judge.test_to:%Y-%m-%d}" if judge.test_to else ""
    embargo = outcome_horizon(project) if judge.embargo is None else judge.embargo
    if project.outcome.column is not None or not embargo:
        gap = "all earlier ones are to learn from, without an embargo"
    else:
        gap = f"of the earlier ones, those whose {humanize(embargo)} were over by then are to learn from"
    return f"Split: {what} from {judge.test_from:%Y-%m-%d}{until or ' on'} are out of time; {gap}."


if __name__ == "__main__":
    in_words(main)

"""What a learned sheet of at most 20 lines keeps of the model, beside the hand-written one, on the real data sets.

    python -m benchmarks.learned_sheet [--lines 20] [data set …]

Trains each project unless ``LEADLENS_HOME`` names a folder with its model, learns a sheet from the training rows, and judges
all three on the out-of-time rows. Prints Markdown, and JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data_sets import DATASETS, ROOT


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    options = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("LEADLENS_HOME", folder)
        for name in options.datasets:
            figures[name] = judge(name, Path(folder) / f"{name}.yaml", options.lines)
            print(f"{name}: done", file=sys.stderr)
    print(markdown(figures))
    print(json.dumps({"bench": "learned_sheet", "figures": figures}))


def judge(name: str, out: Path, lines: int) -> dict[str, Any]:
    """Lines, and ROC AUC, average precision and share of the model's gain of each ranking."""
    from leadlens import load_project, train
    from leadlens.features import DataError
    from leadlens.pipeline.jobs.scorecard.learn import learn
    from leadlens.pipeline.registry.serving import serving_model

    file = load_project(ROOT / "configs" / f"{name}.yaml")
    try:
        serving_model(file.project.name)
    except DataError:
        train(file)
    started = time.process_time()
    result = learn(file, out, lines)
    return {
        "lines": len(result.sheet.rules),
        "candidates": result.candidates,
        "cpu_s": round(time.process_time() - started, 1),
        "base_rate": result.price.base_rate,
        **{ranking: result.price.of(ranking) for ranking in result.price.names},
    }


def markdown(figures: dict[str, dict[str, Any]]) -> str:
    """One row per data set."""
    head = (
        "| data | lines | ROC AUC: your sheet | learned sheet | model | average precision: your sheet | learned sheet "
        "| model | kept of the model's gain (90 %) |"
    )
    rows = [head, "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for name, of in figures.items():
        cells = [
            f"{of[ranking][metric]:.3f}" if ranking in of else "–"
            for metric in ("roc_auc", "average_precision")
            for ranking in ("your sheet", "learned sheet", "leadlens")
        ]
        kept = of["learned sheet"]
        span = f"{100 * kept['kept']:.0f} % ({100 * kept['kept_low']:.0f} to {100 * kept['kept_high']:.0f})"
        rows.append(f"| {name} | {of['lines']} | {' | '.join(cells)} | {span} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()

"""What `leadlens init --from` makes of an export, beside a mapping that was made by hand with care.

    python -m benchmarks.init_from [--trials 20]

Of the HubSpot and Salesforce exports in `LEADLENS_DATA`: CPU seconds of `init --from`, and ROC AUC on the same out-of-time leads of a
model of each mapping, trained alike. Prints Markdown and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.jobs.audit import audit
from leadlens.pipeline.jobs.train import train
from leadlens.pipeline.starting.writing import init_from

HERE = Path(__file__).parent
EXPORTS = {
    "HubSpot, CSV": ("hubspot", "hubspot"),
    "HubSpot, contacts as .xlsx alone": ("hubspot/hubspot-crm-exports-all-contacts-2025-09-30.xlsx", None),
    "Salesforce, CSV": ("salesforce", "salesforce"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    data = Path(os.environ.get("LEADLENS_DATA") or HERE.parents[1] / "shared" / "data").absolute()
    os.environ["LEADLENS_DATA"] = str(data)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = f"{folder}/state"
        for number, (name, (given, hand)) in enumerate(EXPORTS.items()):
            began = time.process_time()
            started = init_from(f"{folder}/project_{number}", str(data / "crm_exports" / given))
            seconds = time.process_time() - began
            file = load_project(started.written[0])
            results.append(
                {
                    "export": name,
                    "init, CPU s": round(seconds, 1),
                    "proven leaks": len(audit(file).leaks),
                    "init --from": auc(file, options.trials),
                    "by hand": auc(load_project(HERE / "hand_made" / f"{hand}.yaml"), options.trials)
                    if hand
                    else None,
                }
            )
    names = list(results[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in results:
        print("| " + " | ".join("–" if row[name] is None else str(row[name]) for name in names) + " |")
    print(json.dumps(results))


def auc(file: ProjectFile, trials: int) -> float:
    """ROC AUC on out-of-time rows."""
    result: Any = train(file, trials=trials)
    return round(float(result.figures["leadlens"]["roc_auc"]), 3)


if __name__ == "__main__":
    main()

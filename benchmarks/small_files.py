"""Reading a folder of many small files of events: the first time, with nothing new, with one more, with one edited.

    python -m benchmarks.small_files --files 2000 --rows 50

CPU seconds (user and system) of ``leadlens check --only-read``, each in a process of its own. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.night_bench.commands import leadlens

LEADS = 5_000
START = datetime(2024, 2, 1)


def main() -> None:
    """Print CPU seconds of each reading."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=50, help="in each file")
    parser.add_argument("--parquet", dest="form", action="store_const", const="parquet", default="csv")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project, days = Path(folder) / "project", Path(folder) / "project" / "days"
        days.mkdir(parents=True)
        _write_leads(project, options.form)
        for number in range(options.files):
            _write_day(days, number, options.rows, options.form, seed=number)
        figures = {"first_s": _check(project, Path(folder), options.files * options.rows)}
        figures["nothing_new_s"] = _check(project, Path(folder), options.files * options.rows)
        _write_day(days, options.files, options.rows, options.form, seed=options.files)
        figures["one_more_s"] = _check(project, Path(folder), (options.files + 1) * options.rows)
        _write_day(days, options.files // 2, options.rows, options.form, seed=-1)
        figures["one_edited_s"] = _check(project, Path(folder), (options.files + 1) * options.rows)
    print(
        json.dumps({"bench": "small_files", "files": options.files, "form": options.form, "figures": figures})
    )


def _write_leads(project: Path, form: str) -> None:
    lines = [f"L{lead:05},2024-01-{1 + lead % 28:02}" for lead in range(LEADS)]
    (project / "leads.csv").write_text("\n".join(["lead_id,created_at", *lines]), encoding="utf-8")
    (project / "won.csv").write_text("lead_id,converted_at\nL00001,2024-12-01\n", encoding="utf-8")
    (project / "project.yaml").write_text(
        f"name: small_files\ndata:\n  leads: {{read: leads.csv}}\n  conversions: {{read: won.csv}}\n"
        f'  events: {{read: "days/*.{form}"}}\n',
        encoding="utf-8",
    )


def _write_day(days: Path, number: int, rows: int, form: str, seed: int) -> None:
    draw = random.Random(seed)
    table = pa.table(
        {
            "event_id": [f"e{number}-{row}" for row in range(rows)],
            "lead_id": [f"L{draw.randrange(LEADS):05}" for _ in range(rows)],
            "occurred_at": [
                START + timedelta(hours=number, seconds=draw.randrange(3600)) for _ in range(rows)
            ],
            "event_type": [draw.choice(("page_viewed", "email_opened", "call")) for _ in range(rows)],
            "page": [draw.choice(("Home", "Pricing", "Careers", None)) for _ in range(rows)],
            "seconds": [draw.randrange(300) for _ in range(rows)],
        }
    )
    path = days / f"{number:05}.{form}"
    pq.write_table(table, path) if form == "parquet" else pyarrow.csv.write_csv(table, path)


def _check(project: Path, folder: Path, events: int) -> float:
    cost = leadlens("check", project, "--only-read", "--json", home=folder / "home")
    counted = cost.told["counts"]["events"]
    assert counted == events, f"read {counted:,} events of {events:,}"
    return round(cost.cpu, 2)


if __name__ == "__main__":
    main()

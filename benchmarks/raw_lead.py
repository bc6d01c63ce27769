"""What one new lead costs that comes as JSON, warm in one process, beside `explain` of the same leads.

    python -m benchmarks.raw_lead [--world b2b_software] [--leads 60] [--project FOLDER]

Trains on a simulated world (a minute) and scores open leads of it as of the data's end, each as the JSON that a CRM would send; or on
a project that is trained already, whose tables are Parquet. Processor time is that of all threads; on busy cores it grows too, so
``load`` is beside it. Every answer is held against ``explain``. Ends with one line of JSON, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pandas as pd

WARM_UP = 5


def main() -> None:
    """Print the table and one line of JSON; exit 1 where an answer is not that of ``explain``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", default="b2b_software")
    parser.add_argument("--leads", type=int, default=60)
    parser.add_argument("--project", type=Path)
    options = parser.parse_args()
    if options.project is not None:
        _run(options.project, options.leads)
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["LEADLENS_HOME"] = f"{place}/home"
        _run(_trained(options.world, Path(place) / "project"), options.leads)


def _trained(world: str, folder: Path) -> Path:
    from leadlens import train
    from leadlens.pipeline.jobs.demo import _write_project

    _write_project(world, folder, 7, 2_000)
    train(folder, trials=3)
    return folder


def _run(folder: Path, most: int) -> None:
    from leadlens import LeadScorer, explain, load_project, score

    project = load_project(folder)
    started = time.perf_counter()
    scorer = LeadScorer.open(project)
    opened = time.perf_counter() - started
    as_of = scorer.columns.data_end
    changed = set(pd.read_parquet(folder / "data" / "changes.parquet")["id"])  # they have no one value
    ids = sorted(set(score(project, as_of=as_of, dry_run=True).scores["lead_id"]) - changed)
    tables = {name: pd.read_parquet(folder / "data" / f"{name}.parquet") for name in ("leads", "events")}
    raws = {lead: _raw(tables, lead, as_of) for lead in ids[:: max(1, len(ids) // most)][:most]}
    events = [len(raw["events"]) for raw in raws.values()]
    answers: dict[str, Any] = {}

    def one(lead: str) -> None:
        answers[lead] = scorer.score(raws[lead]).to_dict()

    raw, known = (
        _times(work, list(raws)) for work in (one, lambda lead: explain(project, lead, as_of=as_of))
    )
    wrong = [
        lead
        for lead in raws
        if answers[lead] | {"notes": []} != explain(project, lead, as_of=as_of).to_dict() | {"notes": []}
    ]
    print("| warm, one process, ms | processor, median | clock, median | clock, 95 % |")
    print("|---|---:|---:|---:|")
    for name, (cpu, wall) in (("a lead as JSON", raw), ("`explain` of the same lead", known)):
        print(f"| {name} | {median(cpu):.0f} | {median(wall):.0f} | {quantiles(wall, n=20)[-1]:.0f} |")
    print(
        f"\n{len(raws)} leads with {median(events):.0f} events (median; at most {max(events)}); opened in {opened:.2f} s"
    )
    figures = {
        "score_one_cpu_ms": round(median(raw[0])),
        "score_one_ms": round(median(raw[1])),
        "explain_cpu_ms": round(median(known[0])),
        "explain_ms": round(median(known[1])),
        "load": round(os.getloadavg()[0], 1),
        "unlike_explain": len(wrong),
    }
    print(json.dumps({"bench": "raw_lead", "figures": figures}))
    if wrong:
        print(f"not as explain says: {', '.join(wrong[:5])}", file=sys.stderr)
        sys.exit(1)


def _raw(tables: dict[str, pd.DataFrame], lead_id: str, as_of: Any) -> dict[str, Any]:
    """The lead as it is in the tables."""

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in row.items() if not pd.isna(value)}
        return {
            name: value.isoformat()
            if isinstance(value, pd.Timestamp)
            else getattr(value, "item", lambda v=value: v)()
            for name, value in given.items()
        }

    mine = {name: table[table["lead_id"] == lead_id].to_dict("records") for name, table in tables.items()}
    return {
        "lead": plain(mine["leads"][0]),
        "events": [plain(row) for row in mine["events"]],
        "as_of": as_of.isoformat(),
    }


def _times(work: Callable[[str], Any], leads: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of each lead: of the processor, and on the clock."""
    for lead in leads[:WARM_UP]:
        work(lead)
    cpu, wall = [], []
    for lead in leads:
        used, started = time.process_time(), time.perf_counter()
        work(lead)
        wall.append(1000 * (time.perf_counter() - started))
        cpu.append(1000 * (time.process_time() - used))
    return cpu, wall


if __name__ == "__main__":
    main()

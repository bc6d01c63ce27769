"""Is a night on a cluster the night of one machine? Both demo worlds, the loan leads and a generated world, row by row.

Of each: a model is trained here, then ``leadlens check --only-read`` and ``leadlens score`` run here and on a standalone cluster of two workers,
each from nothing. Compared are what reading found, and all columns of lead_scores (numbers to the last bit; reasons and ledgers as text).
Loan leads need the folder ``LEADLENS_DATA``. For a quick try: ``python -m benchmarks.spark_parity --leads 20000 --events 900000``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.data_sets import ROOT
from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.arguments import world_parser
from benchmarks.night_bench.commands import child, leadlens
from benchmarks.night_bench.results import table_of
from benchmarks.night_bench.world import END, NightWorld
from leadlens.pipeline.demo import simulate, write_world
from tests.features.spark_support import standalone_cluster

HEAD = ("data", "leads read", "events read", "findings", "scored", "differing findings", "differing rows")
_OWN = ["run_id", "confirmed_at"]


@dataclass(frozen=True)
class Project:
    """A project file, and as of when its leads are scored; ``None`` is the data's end."""

    name: str
    path: Path
    as_of: str | None


def main() -> None:
    """Exit code 1 where anything differs."""
    options = world_parser(__doc__, leads=110_000, events=5_000_000).parse_args()
    folder: Path = options.folder / "spark-parity"
    shutil.rmtree(folder, ignore_errors=True)
    rows, differing = [], 0
    with standalone_cluster(folder / "cluster", 2, "3g") as (url, _):
        for project in _projects(folder, options.leads, options.events, options.folder):
            try:
                row = _compared(project, folder, url)
            except PartFailedError as error:
                row = (project.name, "", "", "", "", "failed", str(error))
                differing += 1
            differing += int(row[5] != "0" or row[6] != "0")
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    print(f"\n{table_of(rows, HEAD)}\n")
    print(json.dumps({"bench": "spark_parity", "figures": {"differing": differing}}))
    sys.exit(1 if differing else 0)


def _projects(folder: Path, leads: int, events: int, worlds: Path) -> list[Project]:
    projects = []
    for world in ("b2b_software", "car_dealer"):
        place = folder / world
        (place / "scorecards").mkdir(parents=True)
        for name in (f"demo_{world}.yaml", f"scorecards/demo_{world}.yaml"):
            shutil.copyfile(ROOT / "configs" / name, place / name)
        write_world(simulate(world), place / "data")
        projects.append(Project(f"demo, {world}", place / f"demo_{world}.yaml", "2025-07-01"))
    if os.environ.get("LEADLENS_DATA"):
        projects.append(Project("loan leads", ROOT / "configs" / "bpic2012_loan_leads.yaml", None))
    else:
        print("loan leads: skipped, their data are not here (set LEADLENS_DATA)", file=sys.stderr, flush=True)
    generated = NightWorld(worlds, leads, events)
    child("make", **generated.size)
    generated.restore()
    projects.append(
        Project(f"generated, {events:,} events", generated.home / "project.yaml", END.isoformat())
    )
    return projects


def _compared(project: Project, folder: Path, url: str) -> tuple[str, ...]:
    place = folder / project.name.replace(" ", "_").replace(",", "")
    place.mkdir()
    env = {"MLFLOW_TRACKING_URI": f"sqlite:///{place / 'trained' / 'mlflow.db'}"}
    leadlens("train", project.path, "--trials", "2", home=place / "trained", **env)
    reading: dict[str, Any] = {}
    for name, engine in (("here", None), ("there", _engine(place, url))):
        config = _with_engine(project.path, place / name, engine)
        told = leadlens("check", config, "--only-read", "--json", home=place / name, **env).told
        reading[name] = (told["counts"], {json.dumps(item, sort_keys=True) for item in told["findings"]})
        as_of = () if project.as_of is None else ("--as-of", project.as_of)
        force = ("--force", "old data, and a model of two trials")
        shutil.rmtree(place / name / "prepared")
        target = place / f"{name}.parquet"
        leadlens("score", config, "--to", target, *as_of, *force, home=place / name, **env)
        config.unlink()
    (counts, here), (others, there) = reading["here"], reading["there"]
    unlike = child(
        "unlike_files", files=[str(place / "here.parquet"), str(place / "there.parquet")], but=_OWN
    )
    return (
        project.name,
        f"{counts['leads']:,}",
        f"{counts['events']:,}",
        str(len(here)),
        f"{unlike['rows']:,}",
        str(len(here ^ there) + (counts != others)),
        str(unlike["wrong"]),
    )


def _engine(place: Path, url: str) -> dict[str, Any]:
    return {
        "name": "spark",
        "master": url,
        "memory": "2g",
        "work": str(place / "work"),
        "spark": {"spark.executor.cores": "1", "spark.executorEnv.PYTHONPATH": str(ROOT)},
    }


def _with_engine(project: Path, home: Path, engine: dict[str, Any] | None) -> Path:
    """A copy of a project file beside it, on an engine; relative paths are to mean what they meant."""
    home.mkdir(exist_ok=True)
    settings = yaml.safe_load(project.read_text(encoding="utf-8"))
    copy = project.with_name(f"parity-{home.name}-{project.name}")
    copy.write_text(yaml.safe_dump({**settings, **({"engine": engine} if engine else {})}), encoding="utf-8")
    return copy


if __name__ == "__main__":
    main()

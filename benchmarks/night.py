"""A night at full size: every open lead scored from raw files into PostgreSQL, then again after 1 % more events.

Run by ``make bench-night``. What is timed are commands as a user types them. Each stage, as the command records it, is
held against the least that anybody needs for it: a scan of the columns, LightGBM's own prediction and contributions, a
COPY of the same rows; the whole against the same night in pandas, shap and to_sql. Ends with one line of JSON.
For a quick try:

    python -m benchmarks.night --leads 20000 --events 900000
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass, field
from typing import Any

from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.arguments import world_parser
from benchmarks.night_bench.commands import Cost, child, leadlens
from benchmarks.night_bench.results import rounded, table_of
from benchmarks.night_bench.state import State, trained
from benchmarks.night_bench.world import END, NightWorld
from tests.pipeline.postgres import DATABASE, PostgresServer, running

FIGURES = (
    "first_s", "second_share", "peak_gib", "features_share", "sheet_share", "score_share", "reasons_share",
    "write_x_copy", "naive_x",
)  # fmt: skip
# Further figures: seconds of CPU, and each stage against its limit.
LIMITS = {"features": "features_x_scan", "sheet": "sheet_x_scan", "score": "score_x_predict",
          "reasons": "reasons_x_contributions", "write": "write_x_copy"}  # fmt: skip
STAGES = ("read", "features", "sheet", "score", "reasons", "write")
_SCANNED = ["lead_id", "occurred_at", "event_type", "page"]
_UNLIKE = ["as_of", "run_id"]  # of a row that was written on an earlier night


def main() -> None:
    """Measure; exit 1 when a part failed."""
    options = _arguments()
    night = Night(NightWorld(options.folder, options.leads, options.events), options.rounds)
    failed = None
    try:
        with running() as server:
            night.measure(server, options.skip, options.verify)
    except PartFailedError as error:
        failed = str(error)
    finally:
        night.world.restore()
    print(f"\n{night.about()}\n\n{table_of(night.rows)}\n")
    if night.stages:
        print(f"{table_of(night.stages, STAGE_HEAD)}\n")
    if failed:
        print(failed, file=sys.stderr)
    print(json.dumps({"bench": "night", "figures": rounded(night.figures)}))
    sys.exit(1 if failed else 0)


STAGE_HEAD = ("stage of the first night", "rows", "seconds", "CPU s", "share", "limit")


@dataclass
class Night:
    """What was measured so far: rows of the printed tables, and the figures."""

    world: NightWorld
    rounds: int
    rows: list[tuple[str, ...]] = field(default_factory=list)
    stages: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, float | None] = field(
        default_factory=lambda: dict.fromkeys((*FIGURES, *LIMITS.values()))
    )
    scored: int = 0

    def about(self) -> str:
        return (
            f"{self.world.leads:,} leads, {self.scored:,} of them open, {self.world.events:,} events in ten Parquet files; "
            f"a sheet of 30 rules, a tuned model; PostgreSQL on the same machine; medians of {self.rounds}"
        )

    def measure(self, server: PostgresServer, skip: frozenset[str], verify: bool) -> None:
        """All figures; what is measured stands even if a later part fails."""
        world, url = self.world, server.url(DATABASE)
        child("make", **world.size)
        world.restore()
        env = trained(world) | {"NIGHT_DB": url}
        nights = [self._two_nights(server, env) for _ in range(self.rounds)]
        first, second = (
            sorted(costs, key=lambda cost: cost.cpu)[len(costs) // 2] for costs in zip(*nights, strict=True)
        )
        self.scored = first.told["leads"]
        self.figures |= {
            "first_s": first.wall,
            "first_cpu_s": first.cpu,
            "second_share": statistics.median(later.cpu / earlier.cpu for earlier, later in nights),
            "peak_gib": max(cost.peak for pair in nights for cost in pair),
        }
        for name, cost, note in (
            ("first night, from raw files", first, ""),
            ("second night, 1 % more events", second, f"{self.figures['second_share']:.3f} of the first"),
        ):
            self._tell(name, cost.cpu, cost.wall, cost.peak, note)
        if verify:
            self._verify(server, env)
        self._limits(url, {stage["name"]: stage for stage in first.told.get("stages", ())}, first, env)
        if "naive" not in skip:
            self._naive(url, first)

    def _two_nights(self, server: PostgresServer, env: dict[str, str]) -> tuple[Cost, Cost]:
        world, state = self.world, State(self.world.home / "state")
        server.execute("DROP OWNED BY crm", DATABASE)
        state.clear()
        first = _score(world, state, env)
        world.add_fresh()
        try:
            return first, _score(world, state, env)
        finally:
            world.restore()

    def _verify(self, server: PostgresServer, env: dict[str, str]) -> None:
        """The second night once more, from nothing, into another database: it must be the same table."""
        server.execute("DROP DATABASE IF EXISTS anew")
        server.execute("CREATE DATABASE anew OWNER crm")
        self.world.add_fresh()
        state = State(self.world.home / "state-anew")
        state.clear()
        try:
            _score(self.world, state, env | {"NIGHT_DB": server.url("anew")})
        finally:
            self.world.restore()
        found = child(
            "unlike", url=server.url(DATABASE), other=server.url("anew"), table="lead_scores", but=_UNLIKE
        )
        if found["wrong"]:
            raise PartFailedError(f"the second night wrote other scores than one from nothing: {found}")
        self._tell("second night, from nothing", note=f"the same {found['rows']:,} rows")

    def _limits(self, url: str, stages: dict[str, Any], first: Cost, env: dict[str, str]) -> None:
        """Each stage beside the least that it can cost."""
        world = self.world
        scan = child("scan", paths=[str(path) for path in world.months], columns=_SCANNED)
        trees = child(
            "predict", matrix=str(world.home / "trained" / "matrix.parquet"), rows=self.scored, env=env
        )
        if not trees["trees"]:
            raise PartFailedError("the tuned model has no trees: train it on more leads")
        copied = child("copy", url=url, table="lead_scores")
        limits = {
            "features": (scan["cpu"], "cpu_s", "a scan of the columns"),
            "sheet": (scan["cpu"], "cpu_s", "a scan of the columns"),
            "score": (trees["predict"]["cpu"], "cpu_s", f"LightGBM predict, {trees['trees']} trees, {trees['columns']} columns"),
            "reasons": (trees["contributions"]["cpu"], "cpu_s", "LightGBM pred_contrib"),
            "write": (copied["wall"], "seconds", f"COPY of the same {copied['rows']:,} rows ({copied['bytes'] / 2**20:,.0f} MiB)"),
        }  # fmt: skip
        for name in STAGES:
            stage = stages.get(name, {})
            limit, kind, what = limits.get(name, (None, "cpu_s", ""))
            spent, seconds = stage.get(kind), stage.get("seconds")
            share = None if seconds is None else seconds / first.wall
            if f"{name}_share" in self.figures:
                self.figures[f"{name}_share"] = share
            times = None if spent is None or not limit else spent / limit
            if name in LIMITS:
                self.figures[LIMITS[name]] = times
            beside = "" if limit is None else f"{what}: {limit:.2f} s"
            self.stages.append(
                (
                    name,
                    "" if stage.get("rows") is None else f"{stage['rows']:,}",
                    _shown(seconds),
                    _shown(stage.get("cpu_s")),
                    "" if share is None else f"{share:.1%}",
                    beside if times is None else f"{times:.2f} × {beside}",
                )
            )

    def _naive(self, url: str, first: Cost) -> None:
        """The same night in pandas for a tenth of the leads; ten times that is what all of them would take."""
        world = self.world
        folder, data = world.home / "tenth", world.data
        files = {name: str(data / f"{name}.parquet") for name in ("leads", "conversions")}
        child("tenth", folder=str(folder), events=[str(path) for path in world.months], **files)
        found = child("naive", data=str(folder), url=url)
        self.figures["naive_x"] = 10 * found["cpu"] / first.cpu
        parts = ", ".join(f"{name} {cost['cpu']:.1f}" for name, cost in found["stages"].items())
        self._tell(
            "pandas, shap, to_sql", 10 * found["cpu"], 10 * found["wall"],
            note=f"{self.figures['naive_x']:.1f} × the first night; extrapolated: ten times what {found['rows']:,} leads "
            f"took, {found['columns']} columns ({parts} s)",
        )  # fmt: skip

    def _tell(
        self,
        name: str,
        cpu: float | None = None,
        wall: float | None = None,
        peak: float | None = None,
        note: str = "",
    ) -> None:
        self.rows.append((name, _shown(cpu), _shown(wall), _shown(peak), note))
        print(f"{name}: {_shown(cpu)} s of CPU, {_shown(wall)} s  {note}", file=sys.stderr, flush=True)


def _score(world: NightWorld, state: State, env: dict[str, str]) -> Cost:
    # A simulated past: without its date, data that ended long ago are refused. And a sample has fewer rows of everything.
    force = ("--force", "a sample was learned from")
    asked = ("--as-of", END.isoformat(), "--to", "${NIGHT_DB}", *force, "--json")
    return leadlens("score", world.home, *asked, home=state.home, **env)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _arguments() -> argparse.Namespace:
    parser = world_parser(__doc__, leads=1_000_000, events=45_000_000)
    parser.add_argument("--rounds", type=int, default=1, help="pairs of nights; 1")
    parser.add_argument(
        "--skip", type=lambda text: frozenset(text.split(",")), default=frozenset(), help="naive"
    )
    parser.add_argument(
        "--verify", action="store_true", help="hold the second night against one from nothing"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

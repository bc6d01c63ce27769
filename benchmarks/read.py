"""Reading a project: the first time, again, with 1 % more, with one file edited; against DuckDB loading the same files.

Run by ``make bench-read``. What is timed are commands as a user types them, in CPU seconds (user and system) of their
process. The unit L is what DuckDB takes to load the same files into tables in memory. Ends with one line of JSON.
For a quick try:

    python -m benchmarks.read --leads 20000 --events 900000 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.arguments import world_parser
from benchmarks.night_bench.commands import Cost, child, imports, leadlens, median, offers
from benchmarks.night_bench.results import rounded, table_of
from benchmarks.night_bench.state import State, trained
from benchmarks.night_bench.world import NightWorld

FIGURES = (
    "first_x_load", "nothing_new_s", "one_percent_share", "edited_file_share", "one_lead_s", "peak_gib",
    "one_lead_running_ms", "size_x_source",
)  # fmt: skip
EXPLAINED = 3  # leads, each in a new process
WARM_UP, RUNNING = 3, 20  # leads, one after the other in one process


def main() -> None:
    """Measure; exit 1 when a part failed or a reading was wrong."""
    options = _arguments()
    world = NightWorld(options.folder, options.leads, options.events, options.form, options.rich)
    reading = Reading(world, options.rounds)
    failed = None
    try:
        reading.measure(explain=not options.no_explain)
    except PartFailedError as error:
        failed = str(error)
    finally:
        world.restore()
    print(f"\n{reading.about()}\n\n{table_of(reading.rows)}\n")
    if failed:
        print(failed, file=sys.stderr)
    print(json.dumps({"bench": "read", "figures": rounded(reading.figures)}))
    sys.exit(1 if failed else 0)


@dataclass
class Reading:
    """What was measured so far: rows of the printed table, and the figures."""

    world: NightWorld
    rounds: int
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(FIGURES))
    peak: float = 0.0

    def about(self) -> str:
        """What was read, how, and what each number is relative to."""
        world = self.world
        what = "; a second property, amounts, late and retracted events, bots, merges" if world.rich else ""
        how = " ".join(str(part) for part in _command(world) if part != world.home)
        return (
            f"{world.leads:,} leads, {world.events:,} events in ten {world.form} files{what}. leadlens {how}: CPU "
            f"seconds of the whole process, medians of {self.rounds}; L: CREATE TABLE AS SELECT * of the same files"
        )

    def measure(self, explain: bool) -> None:
        """All figures, in order; what is measured stands even if a later part fails."""
        world = self.world
        child("make", **world.size)
        world.restore()
        tables = {path.stem: [str(path)] for path in world.sources if path not in world.months}
        tables["events"] = [str(path) for path in world.months]
        load = median(lambda: child("load", tables=tables)["cpu"], self.rounds)
        self._tell("L: DuckDB loads the same files", load, note="")
        state = State(world.home / "state")
        first = self._first(state, load)
        self._again(state)
        for name, figure, change in (
            ("1 % more events in a new file", "one_percent_share", world.add_fresh),
            ("one of ten files edited, 1 % of its rows", "edited_file_share", world.put_edited),
        ):
            self._changed(name, figure, change, state, first)
        self.figures["peak_gib"] = self.peak
        if explain:
            self._one_lead(state)

    def _first(self, state: State, load: float) -> float:
        """From nothing: no state folder."""
        costs = []
        for _ in range(self.rounds):
            state.clear()
            costs.append(self._check(state))
        self._right(costs[-1], self.world.months)
        state.keep()
        first = sorted(cost.cpu for cost in costs)[len(costs) // 2]
        self.figures["first_x_load"] = first / load
        self._tell("first reading", first, costs[-1], f"{first / load:.2f} L")
        stored, source = state.prepared_bytes(), sum(path.stat().st_size for path in self.world.sources)
        if stored:
            self.figures["size_x_source"] = stored / source
            self.rows.append(("prepared history on disk", f"{stored / 2**20:,.0f} MiB", "", "",
                              f"{stored / source:.2f} of the sources ({source / 2**20:,.0f} MiB)"))  # fmt: skip
        return first

    def _again(self, state: State) -> None:
        """Nothing has changed; without the imports, which every command has."""
        command = _command(self.world)
        only = imports(*command, home=state.home)
        costs = [self._check(state) for _ in range(max(self.rounds, 3))]
        cpu = sorted(cost.cpu for cost in costs)[len(costs) // 2]
        self.figures["nothing_new_s"] = max(cpu - only, 0.0)
        self._tell("nothing new", cpu, costs[-1], f"{cpu - only:.2f} s without the imports ({only:.2f} s)")

    def _changed(
        self, name: str, figure: str, change: Callable[[], None], state: State, first: float
    ) -> None:
        """The history was read; then the sources change."""
        costs = []
        for _ in range(self.rounds):
            state.restore()
            change()
            try:
                costs.append(self._check(state))
                self._right(costs[-1], sorted(self.world.data.glob(f"events-*.{self.world.form}")))
            finally:
                self.world.restore()
        cpu = sorted(cost.cpu for cost in costs)[len(costs) // 2]
        self.figures[figure] = cpu / first
        self._tell(name, cpu, costs[-1], f"{cpu / first:.3f} of the first reading")
        state.restore()

    def _one_lead(self, state: State) -> None:
        """`leadlens explain` in a new process, on the clock: what somebody waits for."""
        env, data, form = trained(self.world), self.world.data, self.world.form
        files = {name: str(data / f"{name}.{form}") for name in ("leads", "conversions")}
        months = [str(path) for path in self.world.months]
        leads = child("open_leads", events=months, most=WARM_UP + RUNNING, **files)["leads"]
        costs = [
            leadlens("explain", self.world.home, lead, home=state.home, **env) for lead in leads[:EXPLAINED]
        ]
        wall = sorted(cost.wall for cost in costs)[len(costs) // 2]
        self.figures["one_lead_s"] = wall
        self.rows.append(
            (
                "explain one lead",
                f"{costs[-1].cpu:.2f}",
                f"{wall:.2f}",
                f"{costs[-1].peak:.2f}",
                "on the clock, a new process",
            )
        )
        home = {"LEADLENS_HOME": str(state.home)}
        running = child("explain", env | home, project=str(self.world.home), leads=leads, warm_up=WARM_UP)
        self.figures["one_lead_running_ms"] = running["cpu"] * 1000
        note = f"processor time, one of {RUNNING} leads in a running process"
        self.rows.append(
            ("explain one more lead", f"{running['cpu']:.3f}", f"{running['wall']:.3f}", "", note)
        )

    def _check(self, state: State) -> Cost:
        cost = leadlens(*_command(self.world), home=state.home)
        self.peak = max(self.peak, cost.peak)
        return cost

    def _right(self, cost: Cost, files: list[Path]) -> None:
        """As many events as there are different ids; of other projects (merges, bots) the law tests tell."""
        if self.world.rich:
            return
        told, true = (
            cost.told["counts"]["events"],
            child("count", paths=[str(path) for path in files])["events"],
        )
        if told != true:
            raise PartFailedError(f"read {told:,} events of {true:,}")

    def _tell(self, name: str, cpu: float, cost: Cost | None = None, note: str = "") -> None:
        wall, peak = ("", "") if cost is None else (f"{cost.wall:.2f}", f"{cost.peak:.2f}")
        self.rows.append((name, f"{cpu:.2f}", wall, peak, note))
        print(f"{name}: {cpu:.2f} s  {note}", file=sys.stderr, flush=True)


def _command(world: NightWorld) -> list[str | Path]:
    only = ["--only-read"] if offers("check", "--only-read") else []
    return ["check", world.home, *only, "--json"]


def _arguments() -> argparse.Namespace:
    parser = world_parser(__doc__, leads=1_000_000, events=45_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; 3")
    parser.add_argument("--csv", dest="form", action="store_const", const="csv", default="parquet")
    parser.add_argument(
        "--rich", action="store_true", help="what makes reading harder: late events, bots, merges …"
    )
    parser.add_argument("--no-explain", action="store_true", help="train no model, explain no lead")
    return parser.parse_args()


if __name__ == "__main__":
    main()

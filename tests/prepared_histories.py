"""Random projects over several nights: is a history that grew with its sources the one that is read anew?

    python -m tests.prepared_histories --count 20000 --seed 1

Prints failing seeds, each brought down to the fewest histories, nights and things that happened, and a summary. Up to forty
histories are in one project (`tests/laws/nights/crowd.py`); ``--size 1`` gives each a project of its own.
``tests/laws/test_prepared_laws.py`` runs some hundreds of the same.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

from leadlens.pipeline.cluster import Workers
from tests.laws.nights.compare import (
    Opened,
    differences,
    differences_from_plain,
    differences_of_parts,
    open_once,
)
from tests.laws.nights.crowd import Crowd
from tests.laws.nights.plain_reading import RefusedError, read_plainly
from tests.laws.nights.sizes import USUAL, sized, small
from tests.laws.nights.world import NUISANCES, World

MOST_NIGHTS = 5
CROWD = 34  # histories in one project


@dataclass(frozen=True)
class Failure:
    """A seed for which a history was not what it must be: how many nights it took, and what was wrong."""

    seed: int
    nights: int
    size: int
    only: frozenset[str] | None
    without: frozenset[str]
    log: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        happened = ", ".join(self.log)
        some = "" if self.only is None else f", of them {', '.join(sorted(self.only))}"
        return (
            f"seed {self.seed}, {self.size} in a project{some}, after {self.nights} nights ({happened}):\n  "
            + "\n  ".join(self.wrong)
        )


@dataclass(frozen=True)
class Outcome:
    """Of one project: how many histories were in it, for how many nights, and what was wrong first."""

    histories: int
    nights: int
    failure: Failure | None = None


def run(
    seed: int,
    nights: int | None = None,
    without: frozenset[str] = frozenset(),
    often: bool = True,
    size: int = 1,
    only: frozenset[str] | None = None,
    workers: Workers | None = None,
) -> Outcome:
    """Try one project of ``size`` histories, or of some of them.

    Every night the history that grew is held against the plain reading; with ``often`` also against one that is prepared
    anew in a fresh state folder, and one that is read into memory; else on the last night against one of the two.
    With ``workers`` the history that grows is prepared by them.
    """
    drawn = Random(f"nights {seed}")
    last = nights or drawn.choice((1, 2, 2, 3, 3, MOST_NIGHTS))
    compiled = drawn.random() < 0.2
    world = World(seed, without) if size == 1 else Crowd(seed, size, without, only)
    histories = len(world.members) if isinstance(world, Crowd) else 1
    # Another project of the same name with the same state folder, as after a copy.
    sibling = World(-1 - seed) if drawn.random() < 0.1 else None
    limits = small(drawn, size) if drawn.random() < 0.7 else USUAL
    with sized(limits), tempfile.TemporaryDirectory(prefix="leadlens-nights-") as folder:
        place, home = Path(folder), Path(folder) / "home"
        for night in range(1, last + 1):
            if night > 1:
                world.night()
            path = world.write(place / "project")
            if sibling is not None:
                open_once(sibling.write(place / "sibling"), home, features=False)
                sibling.night()
            full = often or night == last
            try:
                grown = open_once(path, home, features=full, compiled=compiled, workers=workers)
                wrong, refused = _against_plain(world, grown)
                if full and not wrong:
                    wrong = _against_others(path, place / "fresh", grown, seed, often, compiled)
                    if not wrong and not refused and (often or seed % 3 == 0):
                        wrong = differences_of_parts(path, home, grown, compiled)
            except (
                Exception
            ) as error:  # of its own, where a user would be told of an error that is not theirs
                wrong, refused = [_last_frames(error)], False
            if wrong:
                log = [world.log, *(member.log for member in getattr(world, "members", ()))]
                happened = tuple(dict.fromkeys(what for one in log for what in one))
                failure = Failure(seed, night, size, only, without, happened, tuple(wrong))
                return Outcome(histories, night, failure)
            if refused:
                if night == 1:
                    return Outcome(histories, night)  # there is no earlier night to go back to
                world.mend()
    return Outcome(histories, last)


def _against_others(
    path: Path, fresh: Path, grown: Opened, seed: int, both: bool, compiled: bool
) -> list[str]:
    """The same sources prepared anew, and read into memory; one of the two, by seed, unless ``both`` are wanted."""
    wrong = []
    if both or seed % 2:
        anew = open_once(path, fresh, features=True, compiled=compiled)
        shutil.rmtree(fresh, ignore_errors=True)
        wrong += [f"grown | fresh: {text}" for text in differences(grown, anew)]
    if both or not seed % 2:
        read = open_once(path, None, features=True, compiled=compiled)
        wrong += [f"grown | in memory: {text}" for text in differences(grown, read)]
    return wrong


def _last_frames(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{type(error).__name__}: {error} ({places})"


def _against_plain(world: World, grown: Opened) -> tuple[list[str], bool]:
    try:
        plain, why = world.plain() if isinstance(world, Crowd) else read_plainly(world), ""
    except RefusedError as error:
        plain, why = None, str(error)
    return [f"grown | plain: {text}" for text in differences_from_plain(grown, plain, why)], plain is None


def smallest(failure: Failure) -> Failure:
    """The same failure of fewer histories, after fewer nights, and without what does not matter."""

    def again(nights: int, without: frozenset[str], only: frozenset[str] | None) -> Failure | None:
        return run(failure.seed, nights, without, True, failure.size, only).failure

    tags = [f"{number:02}" for number in range(failure.size)] if failure.size > 1 else []
    while len(tags) > 1:
        half = len(tags) // 2
        for some in (tags[:half], tags[half:]):
            if (found := again(failure.nights, failure.without, frozenset(some))) is not None:
                failure, tags = found, some
                break
        else:
            break  # it takes histories of both halves
    for nights in range(1, failure.nights):
        if (found := again(nights, failure.without, failure.only)) is not None:
            failure = found
            break
    for nuisance in dict.fromkeys(NUISANCES):
        if (
            nuisance.strip("_") in failure.log
            and (found := again(failure.nights, failure.without | {nuisance}, failure.only)) is not None
        ):
            failure = found
    return failure


def results(first: int, count: int, size: int, workers: int) -> Iterator[Outcome]:
    """Of each project, in order of their seeds; ``count`` histories in all."""
    seeds = range(first, first + -(-count // size))
    one = partial(run, often=False, size=size)
    if workers == 1:
        yield from map(one, seeds)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(one, seeds)


def main() -> None:
    """Exit code 1 if a history was not what it must be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="histories; 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the first project; the others follow")
    parser.add_argument("--size", type=int, default=CROWD, help=f"histories in one project; {CROWD}")
    parser.add_argument("--workers", type=int, default=2, help="processes; 2")
    parser.add_argument("--most", type=int, default=10, help="failures after which to stop; 10")
    options = parser.parse_args()
    started, nights, done, projects = time.perf_counter(), 0, 0, 0
    failures: list[Failure] = []
    for outcome in results(options.seed, options.count, options.size, options.workers):
        nights, done = nights + outcome.nights * outcome.histories, done + outcome.histories
        projects += 1
        if outcome.failure is not None:
            failures.append(outcome.failure)
            print(smallest(outcome.failure), flush=True)
            if len(failures) >= options.most:
                break
        if projects % max(1, 100 // options.size) == 0:
            print(
                f"{done:,} histories, {nights:,} nights, {len(failures)} wrong", file=sys.stderr, flush=True
            )
    print(
        f"{done:,} histories in {projects:,} projects (seeds {options.seed} to {options.seed + projects - 1}), "
        f"{nights:,} nights, {len(failures)} wrong: {', '.join(str(failure.seed) for failure in failures) or 'none'}; "
        f"{time.perf_counter() - started:.0f} s"
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

"""Random projects over several nights: is a history that grew with its sources the one that is read anew?

    python -m tests.prepared_histories --count 20000 --seed 1

Prints failing seeds, each brought down to the fewest nights and the fewest things that happened, and a summary.
``tests/laws/test_prepared_laws.py`` runs a few hundred nights of the same.
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
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.laws.nights.compare import (
    Opened,
    differences,
    differences_from_plain,
    differences_of_parts,
    open_once,
)
from tests.laws.nights.plain_reading import RefusedError, read_plainly
from tests.laws.nights.sizes import USUAL, sized, small
from tests.laws.nights.world import NUISANCES, World

MOST_NIGHTS = 5


@dataclass(frozen=True)
class Failure:
    """A seed for which a history was not what it must be: how many nights it took, and what was wrong."""

    seed: int
    nights: int
    without: frozenset[str]
    log: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        happened = ", ".join(self.log)
        return f"seed {self.seed}, after {self.nights} nights ({happened}):\n  " + "\n  ".join(self.wrong)


def run(
    seed: int, nights: int | None = None, without: frozenset[str] = frozenset(), often: bool = True
) -> tuple[int, Failure | None]:
    """Nights that were compared, and what was wrong first.

    Every night the history that grew is held against the plain reading; with ``often`` also against one that is prepared
    anew in a fresh state folder, and one that is read into memory; else on the last night against one of the two.
    """
    drawn = Random(f"nights {seed}")
    last = nights or drawn.choice((1, 2, 2, 3, 3, MOST_NIGHTS))
    compiled = drawn.random() < 0.2
    world = World(seed, without)
    # Another project of the same name with the same state folder, as after a copy.
    sibling = World(-1 - seed) if drawn.random() < 0.1 else None
    limits = small(drawn) if drawn.random() < 0.7 else USUAL
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
                grown = open_once(path, home, features=full, compiled=compiled)
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
                return night, Failure(seed, night, without, tuple(world.log), tuple(wrong))
            if refused:
                if night == 1:
                    return night, None  # there is no earlier night to go back to
                world.mend()
    return last, None


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
        plain, why = read_plainly(world), ""
    except RefusedError as error:
        plain, why = None, str(error)
    return [f"grown | plain: {text}" for text in differences_from_plain(grown, plain, why)], plain is None


def smallest(failure: Failure) -> Failure:
    """The same failure after fewer nights, and without what does not matter."""
    for nights in range(1, failure.nights):
        if (found := run(failure.seed, nights)[1]) is not None:
            failure = found
            break
    for nuisance in dict.fromkeys(NUISANCES):
        if (
            nuisance.strip("_") in failure.log
            and (found := run(failure.seed, failure.nights, failure.without | {nuisance})[1]) is not None
        ):
            failure = found
    return failure


def _run_often(seed: int) -> tuple[int, Failure | None]:
    return run(seed)


def results(first: int, count: int, workers: int) -> Iterator[tuple[int, Failure | None]]:
    """Of each seed, in order."""
    seeds = range(first, first + count)
    if workers == 1:
        yield from map(_run_often, seeds)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_run_often, seeds, chunksize=4)


def main() -> None:
    """Exit code 1 if a history was not what it must be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="histories; 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; the others follow")
    parser.add_argument("--workers", type=int, default=2, help="processes; 2")
    parser.add_argument("--most", type=int, default=10, help="failures after which to stop; 10")
    options = parser.parse_args()
    started, nights, done = time.perf_counter(), 0, 0
    failures: list[Failure] = []
    for compared, failure in results(options.seed, options.count, options.workers):
        nights, done = nights + compared, done + 1
        if failure is not None:
            failures.append(failure)
            print(smallest(failure), flush=True)
            if len(failures) >= options.most:
                break
        if done % 100 == 0:
            print(
                f"{done:,} histories, {nights:,} nights, {len(failures)} wrong", file=sys.stderr, flush=True
            )
    print(
        f"{done:,} histories (seeds {options.seed} to {options.seed + done - 1}), {nights:,} nights, "
        f"{len(failures)} wrong: {', '.join(str(failure.seed) for failure in failures) or 'none'}; "
        f"{time.perf_counter() - started:.0f} s"
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

"""The trials of a study run one after the other, or by several processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeAlias

import optuna
from optuna.storages import BaseStorage
from sklearn.utils.parallel import Parallel, delayed

from leadlens.features.errors import DataError
from leadlens.models.learners.parts import FoldBench
from leadlens.models.trials import Search, pruner

Place: TypeAlias = str | BaseStorage | None
_ready: dict[str, list[FoldBench]] = {}  # of the study that this process works on


def tried_alone(
    search: Search, study: optuna.Study, benches: Sequence[FoldBench], numbers: Iterable[int]
) -> Iterator[None]:
    """Run a trial of each number here; one item for each that has ended."""
    for number in numbers:
        search.try_one(study, benches, number, beside=False)
        yield


def tried_together(
    search: Search, name: str, place: Place, numbers: Iterable[int], processes: int
) -> Iterator[None]:
    """The same by so many processes, each of which takes the next number when it is free.

    ``place`` is where the study is kept, within reach of other processes. Raises ``DataError`` where one of them is killed.
    """
    work = Parallel(n_jobs=processes, pre_dispatch=processes, batch_size=1, return_as="generator_unordered")
    try:
        yield from work(delayed(_try_here)(search, name, place, number) for number in numbers)
    except BrokenProcessPool as error:
        raise DataError(
            "a process of the search was killed",
            value=f"processes: {processes}",
            why="most likely for lack of memory: each holds the rows of its folds",
            fix="run it again with fewer processes; the trials that finished are kept",
        ) from error


def _try_here(search: Search, name: str, place: Place, number: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if name not in _ready:
        _ready.clear()
        _ready[name] = search.benches()
    study = optuna.load_study(study_name=name, storage=place, pruner=pruner())
    search.try_one(study, _ready[name], number, beside=True)

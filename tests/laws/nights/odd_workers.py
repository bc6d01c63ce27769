"""Workers as a cluster may have them, in this process: tasks in any order, some of them twice, of which one counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

Task = dict[str, Any]


class OddWorkers:
    """Stands in for Spark where some hundreds of histories are tried; what it does is what Spark may do."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._random, self.ran = folder, Random(seed), 0

    def run(self, function: Callable[[Task], Task], tasks: Sequence[Task]) -> list[Task]:
        answers: list[list[Task]] = [[] for _ in tasks]
        attempts = [number for number in range(len(tasks)) for _ in range(self._random.choice((1, 1, 2)))]
        self._random.shuffle(attempts)
        for number in attempts:
            self.ran += 1
            task = json.loads(json.dumps(tasks[number]))
            answers[number].append(json.loads(json.dumps(function(task))))
        return [self._random.choice(attempt) for attempt in answers]

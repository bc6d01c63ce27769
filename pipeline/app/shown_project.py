"""A project as the page shows it: its latest published copy, and what people said of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from leadlens.features.errors import DataError
from leadlens.pipeline.app.jobs import Jobs
from leadlens.pipeline.app.store import PageStore
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.score_lead import LeadScorer
from leadlens.pipeline.languages.language import own_phrases
from leadlens.pipeline.published.compared import PublishedComparison
from leadlens.pipeline.published.copy import Copy, PublishedScores
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.published.monitored import Monitored, read_monitored
from leadlens.pipeline.raw_lead.request import parse_raw_lead
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.state import state_folder

Published = TypeVar("Published", bound=Copy)


class ShownProject:
    """One project of the page. ``scores`` follows the pointer: the next request after a night sees that night."""

    def __init__(self, file: ProjectFile) -> None:
        self.file, self.name = file, file.project.name
        self.own_phrases = own_phrases(
            [*file.project.features.labels.values(), *(each.label for each in file.project.features.counts)]
        )
        self.store = PageStore(state_folder() / "page.sqlite")
        self.jobs = Jobs(self.name)
        # What `leadlens.pipeline.app.health.needs_a_look` found of which night, and when.
        self.looked: tuple[str, float, bool] | None = None
        self._scoring = threading.Lock()
        self._scorer: tuple[Path | None, LeadScorer] | None = None
        self._runs = RunStore(state_folder() / "runs")
        self._scores = _Latest(CopyFolder.of(self.name), PublishedScores)
        self._comparison = _Latest(CopyFolder.compared(self.name), PublishedComparison)

    @property
    def scores(self) -> PublishedScores | None:
        """The latest night; ``None`` while none was published. A request uses one copy from beginning to end."""
        return self._scores.open()

    @property
    def comparison(self) -> PublishedComparison | None:
        """The latest comparison; ``None`` while none was published."""
        return self._comparison.open()

    @property
    def monitored(self) -> Monitored | None:
        """What `leadlens monitor` found last; ``None`` while it never ran."""
        return read_monitored(self.name)

    def score(self, body: bytes) -> dict[str, Any]:
        """One new lead as JSON text, by the model that serves since the latest night. Raises as ``LeadScorer.score``."""
        lead = parse_raw_lead(body, "the request")
        latest = CopyFolder.of(self.name).latest()
        with self._scoring:
            if self._scorer is None or self._scorer[0] != latest:
                self._scorer = latest, LeadScorer.open(self.file)
            scorer = self._scorer[1]
        return scorer.score(lead, "the request").to_dict()

    def runs(self, most: int = 50) -> Sequence[RunRecord]:
        """What is recorded of the latest scoring runs, the last one first."""
        self._runs.killed()  # a run that ended without a word says so from now on
        return [record for record in self._runs.records() if record.project == self.name][:most]


class _Latest(Generic[Published]):
    """Follows the pointer of a folder: opens a copy when it is new, and hands on the open one otherwise."""

    def __init__(self, folder: CopyFolder, read: Callable[[Path], Published]) -> None:
        self._folder, self._read, self._lock = folder, read, threading.Lock()
        self._open: tuple[Path, Published] | None = None

    def open(self) -> Published | None:
        latest = self._folder.latest()
        if latest is None:
            return None
        with self._lock:
            if self._open is None or self._open[0] != latest:
                # The one before is closed when the last request that reads it lets go of it.
                self._open = latest, self._whole(latest)
            return self._open[1]

    def _whole(self, latest: Path) -> Published:
        """The latest copy; where it is damaged, the one before."""
        try:
            return self._read(latest)
        except DataError:
            for other in sorted(self._folder.path.glob(f"*{latest.suffix}"), reverse=True):
                if other != latest:
                    with suppress(DataError):
                        return self._read(other)
            raise

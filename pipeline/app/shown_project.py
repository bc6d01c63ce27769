"""A project as the page shows it: its latest published copy, and what people said of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from pipeline.app.store import PageStore
from pipeline.config import ProjectFile
from pipeline.published import CopyFolder, PublishedScores
from pipeline.runs import RunRecord, RunStore
from pipeline.state import state_folder


class ShownProject:
    """One project of the page. ``scores`` follows the pointer: the next request after a night sees that night."""

    def __init__(self, file: ProjectFile) -> None:
        self.file, self.name = file, file.project.name
        self.store = PageStore(state_folder() / "page.sqlite")
        self._runs = RunStore(state_folder() / "runs")
        self._folder, self._lock = CopyFolder.of(self.name), threading.Lock()
        self._open: tuple[Path, PublishedScores] | None = None

    @property
    def scores(self) -> PublishedScores | None:
        """The latest copy; ``None`` while no night was published. A request uses one copy from beginning to end."""
        latest = self._folder.latest()
        if latest is None:
            return None
        with self._lock:
            if self._open is None or self._open[0] != latest:
                # The one before is closed when the last request that reads it lets go of it.
                self._open = latest, PublishedScores(latest)
            return self._open[1]

    def runs(self, most: int = 50) -> Sequence[RunRecord]:
        """What is recorded of the latest scoring runs, the last one first."""
        return [record for record in self._runs.records() if record.project == self.name][:most]

"""Where copies for readers are: one folder per project, immutable files, and a pointer to the latest one."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from leadlens.pipeline.state import state_folder

KEPT = 2  # a reader that has just opened the one before goes on reading it
_POINTER, _ENDING = "latest", ".duckdb"
_RUN = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True)
class CopyFolder:
    """The copies of one project."""

    path: Path

    @classmethod
    def of(cls, project: str) -> CopyFolder:
        """That of the state folder."""
        return cls(state_folder() / "page" / project)

    @classmethod
    def compared(cls, project: str) -> CopyFolder:
        """That of its comparisons."""
        return cls(cls.of(project).path / "compared")

    def copy(self, run_id: str) -> Path:
        """The file of a run's copy."""
        return self.path / f"{run_id}{_ENDING}"

    def latest(self) -> Path | None:
        """The copy that readers are to open, if there is one."""
        try:
            run_id = (self.path / _POINTER).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return self.copy(run_id) if _RUN.fullmatch(run_id) and self.copy(run_id).is_file() else None

    def point_to(self, run_id: str) -> None:
        """From now on readers open this run's copy; copies but the latest two are removed."""
        before = self.latest()
        unfinished = self.path / f".{_POINTER}.{run_id}"
        unfinished.write_text(run_id, encoding="ascii")
        os.replace(unfinished, self.path / _POINTER)
        kept = {self.copy(run_id), before}
        for path in self.path.glob("*"):
            if path not in kept and path.name != _POINTER:
                with suppress(OSError):
                    path.unlink()

"""The state folder of the benchmark's commands, and the model that they score with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.night_bench.commands import leadlens
from benchmarks.night_bench.world import NightWorld

PREPARED = "prepared"  # the folder in the state folder in which histories are kept


@dataclass(frozen=True)
class State:
    """A state folder that can be put back to where it was."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def clear(self) -> None:
        """As before the first command."""
        shutil.rmtree(self.home, ignore_errors=True)

    def keep(self) -> None:
        """Remember it as it is now."""
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        shutil.copytree(self.home, self.folder / "kept")

    def restore(self) -> None:
        """Put it back to what was kept."""
        self.clear()
        shutil.copytree(self.folder / "kept", self.home)

    def prepared_bytes(self) -> int:
        """Size of the prepared histories in it; 0 where none are kept."""
        return sum(path.stat().st_size for path in (self.home / PREPARED).rglob("*") if path.is_file())


def trained(world: NightWorld) -> dict[str, str]:
    """The environment in which commands find a model of the project: tuned on its sample, once."""
    home = world.home / "trained"
    store = home / "mlflow.db"
    if not (home / "done").exists():
        shutil.rmtree(home, ignore_errors=True)
        leadlens("train", world.sample, home=home)
        leadlens("features", world.sample, "--out", home / "matrix.parquet", home=home)
        (home / "done").touch()
    return {"MLFLOW_TRACKING_URI": f"sqlite:///{store}"}

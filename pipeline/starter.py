"""`leadlens init`: a commented project with a score sheet and small made-up CSV files, ready to run."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from leadlens.features import UsageError

_FILES = ("project.yaml", "scorecards/starter.yaml")


def write_starter(directory: str | Path) -> list[Path]:
    """Write the starter files, without overwriting any.

    Raises ``UsageError`` if one of them exists, or the folder cannot be created.
    """
    directory = Path(directory)
    targets = [
        directory / name for name in (*_FILES, "data/leads.csv", "data/events.csv", "data/conversions.csv")
    ]
    for target in targets:
        if os.path.lexists(target):
            raise UsageError(
                "this file already exists; nothing was written",
                value=str(target),
                fix="choose an empty folder",
            )
    try:
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder cannot be created: {error.strerror}", value=str(directory)) from None
    template = files("leadlens.pipeline") / "templates"
    for name, target in zip(_FILES, targets, strict=False):
        with target.open("x", encoding="utf-8") as file:  # never through a link that goes nowhere
            file.write((template / name).read_text(encoding="utf-8"))
    _write_data(directory / "data")
    return targets


def _write_data(folder: Path) -> None:
    """A small car dealer world as CSV files, without its leaking event."""
    from leadlens.pipeline.demo import simulate

    tables = simulate("car_dealer", seed=1, leads=1500).tables
    for name in ("leads", "events", "conversions"):
        frame = tables[name]
        if name == "events":
            frame = frame[frame["event_type"] != "handover_mail"]
        frame.to_csv(folder / f"{name}.csv", index=False, mode="x")

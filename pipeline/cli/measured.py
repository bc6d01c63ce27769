"""The metrics of a run, however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from leadlens.features.errors import UsageError

if TYPE_CHECKING:
    from leadlens.pipeline.drift.monitoring import Monitoring
    from leadlens.pipeline.runs.record import RunRecord


@contextmanager
def measured(path: Path | None, config: Path) -> Iterator[Callable[[RunRecord], None] | None]:
    """Yields what takes the record of the run that is measured; without ``path`` nothing is."""
    if path is None:
        yield None
        return
    from leadlens.pipeline.exit_codes import exit_code
    from leadlens.pipeline.runs.metrics import write_metrics
    from leadlens.pipeline.runs.record import RunRecord
    from leadlens.pipeline.writable import check_writable

    check_writable(path.absolute().parent, "--metrics-file", "name a file in a folder that you may write to")
    # Until the project file is read, its folder names the project.
    record, started = (
        RunRecord(project=config.absolute().parent.name if config.suffix else config.name),
        time.monotonic(),
    )

    def watch(begun: RunRecord) -> None:
        nonlocal record
        record = begun

    try:
        yield watch
    except BaseException as error:
        with suppress(UsageError):  # the error on its way says more
            write_metrics(path, record, exit_code(error), time.monotonic() - started)
        raise
    write_metrics(path, record, 0, time.monotonic() - started)


@contextmanager
def monitored(path: Path | None, config: Path) -> Iterator[Callable[[Monitoring], Monitoring]]:
    """Yields what takes the result of a monitor run and returns it; the file is written however the run ends."""
    if path is None:
        yield lambda found: found
        return
    from leadlens.pipeline.exit_codes import exit_code
    from leadlens.pipeline.runs.monitor_metrics import write_monitor_metrics
    from leadlens.pipeline.writable import check_writable

    check_writable(path.absolute().parent, "--metrics-file", "name a file in a folder that you may write to")
    kept: list[Monitoring] = []

    def keep(found: Monitoring) -> Monitoring:
        kept.append(found)
        return found

    try:
        yield keep
    except BaseException as error:
        name = config.absolute().parent.name if config.suffix else config.name
        with suppress(UsageError):  # the error on its way says more
            write_monitor_metrics(path, name, None, exit_code(error))
        raise
    write_monitor_metrics(path, kept[0].project, kept[0], kept[0].exit_code)

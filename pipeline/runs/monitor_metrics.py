"""What `monitor` found, as a Prometheus text file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from leadlens.pipeline.runs.metrics import replace_file

if TYPE_CHECKING:
    from leadlens.pipeline.drift.monitoring import Monitoring


def write_monitor_metrics(path: Path, project: str, found: Monitoring | None, exit_code: int) -> None:
    """Replace the file at once; after a run that failed, ``found`` is ``None`` and the file says so.

    Raises ``UsageError`` where it cannot be written.
    """
    replace_file(path, "".join(f"{line}\n" for line in _lines(project, found, exit_code)))


def _lines(project: str, found: Monitoring | None, exit_code: int) -> Iterator[str]:
    def gauge(name: str, about: str, *values: tuple[str, float | None]) -> Iterator[str]:
        known = [(labels, value) for labels, value in values if value is not None]
        if known:
            yield f"# HELP leadlens_monitor_{name} {about}"
            yield f"# TYPE leadlens_monitor_{name} gauge"
            for labels, value in known:
                every = ",".join(filter(None, (f'project="{project}"', labels)))
                yield f"leadlens_monitor_{name}{{{every}}} {value:.15g}"

    yield from gauge("exit_code", "Exit code of the last run; 1 is an alarm.", ("", exit_code))
    yield from gauge("timestamp_seconds", "When the last run ended.", ("", datetime.now(UTC).timestamp()))
    if found is None:
        return
    yield from gauge(
        "findings",
        "Alarms and warnings of the last run.",
        ('level="alarm"', len(found.alarms)),
        ('level="warning"', len(found.warnings)),
    )
    codes = sorted({each.code for each in found.alarms})
    yield from gauge("alarm", "1 for each kind of alarm.", *((f'code="{code}"', 1) for code in codes))
    if (matured := found.matured) is not None:
        yield from gauge(
            "conversions",
            "Conversions of the leads whose horizon is over.",
            ('kind="expected"', matured.expected),
            ('kind="observed"', matured.observed),
        )
        if matured.roc_auc is not None:
            yield from gauge("roc_auc", "ROC AUC of their scores.", ("", matured.roc_auc[0]))
    if found.checkpoints:
        latest = found.checkpoints[-1]
        yield from gauge(
            "hot_share", "Share of open leads with a score of 60 or more.", ("", latest.hot / latest.leads)
        )
    moves = [each.psi_training for each in found.features if each.psi_training is not None]
    if moves:
        yield from gauge("psi_max", "Largest PSI of a main feature against the training.", ("", max(moves)))
    yield from gauge(
        "latest_row_timestamp_seconds",
        "When the latest row of a source came in.",
        *(
            (f'source="{table}"', None if latest is None else latest.replace(tzinfo=UTC).timestamp())
            for table, latest in found.sources.items()
        ),
    )

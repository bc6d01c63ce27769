"""What may be asked of a search for settings, in Python as on the command line."""

from __future__ import annotations

from numbers import Integral

from leadlens.features import UsageError


def check_trials(trials: object) -> None:
    """Raise ``UsageError`` for what is not a number of trials."""
    if trials is not None and not (isinstance(trials, Integral) and int(trials) >= 1):
        raise UsageError(
            "a search needs at least one trial",
            value=f"trials={trials!r}",
            fix="trials=1 uses the default settings without a search; without `trials`, the number in the project file is used",
        )


def check_processes(processes: object) -> None:
    """Raise ``UsageError`` for what is not a number of processes."""
    if not (isinstance(processes, Integral) and int(processes) >= 1):
        raise UsageError(
            "a search needs at least one process", value=f"processes={processes!r}", fix="processes=2"
        )

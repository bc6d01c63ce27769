"""Runs of processes that were killed: MLflow would show them as running for ever."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS = "leadlens.process"


def this_process() -> str:
    """``machine/pid``; the machine as a digest of its name."""
    return f"{_machine()}/{os.getpid()}"


def end_dead_runs(client: MlflowClient, experiment_id: str) -> None:
    """Mark as killed what runs of this machine's processes that are no more say is running."""
    if sys.platform == "win32":
        return
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000):
        machine, _, pid = run.data.tags.get(PROCESS, "").partition("/")
        if machine == _machine() and pid.isdigit() and not _lives(int(pid)):
            client.set_terminated(run.info.run_id, "KILLED")


def _machine() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=6).hexdigest()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

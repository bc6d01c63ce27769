"""Leadlens every night in Airflow (2.9 or later, or 3): what may pass is tried again, what needs a person is not."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta

from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException

COMMAND = ["leadlens", "score", "/etc/leadlens/project.yaml", "--log-format", "json"]
# 1 refused by the data or a gate, 2 wrong use, 4 no disk space or memory left, 70 an error of Leadlens
NEEDS_A_PERSON = (1, 2, 4, 70)


@dag(
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["leadlens"],
)
def leadlens_night() -> None:
    """One task: the night is written whole or not at all, so there is nothing to do in between."""

    @task(execution_timeout=timedelta(hours=4))
    def score() -> None:
        ended = subprocess.run(COMMAND, check=False).returncode  # its log is the task's
        if ended in NEEDS_A_PERSON:
            raise AirflowFailException(f"leadlens score ended with exit code {ended}: see its log")
        if ended:
            raise AirflowException(f"leadlens score ended with exit code {ended}: it is tried again")

    score()


leadlens_night()

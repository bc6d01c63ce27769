"""What is known of every run: started, done, refused, failed, stopped or killed, what it cost, and what it warned of."""

from pipeline.runs.record import RunRecord, Status
from pipeline.runs.recorded import RecordedRun, Refusal, recorded_run
from pipeline.runs.store import RunStore

__all__ = ["RecordedRun", "Refusal", "RunRecord", "RunStore", "Status", "recorded_run"]

"""What is known of every run: started, done, refused, failed, stopped or killed, what it cost, and what it warned of."""

from leadlens.pipeline.runs.record import RunRecord, Status
from leadlens.pipeline.runs.recorded import RecordedRun, Refusal, recorded_run
from leadlens.pipeline.runs.store import RunStore

__all__ = ["RecordedRun", "Refusal", "RunRecord", "RunStore", "Status", "recorded_run"]

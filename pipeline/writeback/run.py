"""What a scoring run tells about itself, and what came of writing it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from uuid import uuid4


def now() -> datetime:
    """This moment as naive UTC, the form all moments have in Leadlens."""
    return datetime.now(UTC).replace(tzinfo=None)


def new_run_id() -> str:
    """A name for a run that sorts by time: ``20261121T220215-9f3c2a1b``."""
    return f"{now():%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"


def _naive_utc(moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return datetime(*moment.timetuple()[:6], moment.microsecond)  # also a pandas Timestamp becomes plain


@dataclass(frozen=True, kw_only=True)
class RunManifest:
    """Facts of one scoring run, written to ``scoring_runs`` in the same transaction as its scores.

    Attributes
    ----------
    as_of : the moment the leads were scored as of (naive = UTC).
    run_id : unique per run. Writing again under the same id is a retry, not a second run.
    started_at : when the run began to read its history (naive = UTC).
    model_version, scorecard_version : fill the columns of that name where the frame does not.
    config_fingerprint : content hash of the project file.
    """

    as_of: datetime
    run_id: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=now)
    model_version: str | None = None
    scorecard_version: str | None = None
    config_fingerprint: str | None = None

    def __post_init__(self) -> None:
        for name in ("as_of", "started_at"):
            object.__setattr__(self, name, _naive_utc(getattr(self, name)))
        for name in ("model_version", "scorecard_version", "config_fingerprint"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else str(value))


@dataclass(frozen=True)
class Counts:
    """How many leads a run scored, and what happened to their rows."""

    rows: int
    inserted: int
    updated: int

    @property
    def unchanged(self) -> int:
        return self.rows - self.inserted - self.updated


@dataclass(frozen=True)
class WriteResult:
    """What was written, and where to; ``target_shown`` never holds a password."""

    rows: int
    inserted: int
    updated: int
    unchanged: int
    target_shown: str

    def as_dict(self) -> dict[str, object]:
        """The same facts for ``--json``."""
        return asdict(self)

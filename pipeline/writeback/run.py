"""The manifest of a scoring run, and the result of writing it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from leadlens.pipeline.runs.record import RunRecord, new_run_id, now


def _naive_utc(time: datetime) -> datetime:
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return datetime(*time.timetuple()[:6], time.microsecond)  # turns a pandas Timestamp into a plain datetime


@dataclass(frozen=True, kw_only=True)
class RunManifest:
    """One scoring run, written to ``scoring_runs`` in the same transaction as its scores.

    Attributes
    ----------
    as_of : the as-of date of the scores (naive = UTC).
    run_id : unique per run. Writing again under the same id is a retry, not a second run.
    started_at : when the run began to read its history (naive = UTC).
    model_version, scorecard_version : fill these columns where the frame lacks them.
    config_fingerprint : content hash of the project file.
    data_version : version of the prepared history that was scored.
    project : whose leads these are. Only leads of the same project are closed where they are not among the scores.
    replace_newer : write also where the table has scores as of a later date.
    people : by what people know a lead, of ``PEOPLE``, that may stand in the table; the others are emptied in the rows of leads that left.
    """

    as_of: datetime
    run_id: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=now)
    model_version: str | None = None
    scorecard_version: str | None = None
    config_fingerprint: str | None = None
    data_version: int | None = None
    project: str | None = None
    replace_newer: bool = False
    people: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, record: RunRecord, *, replace_newer: bool = False, people: tuple[str, ...] = ()
    ) -> RunManifest:
        """The manifest of a recorded run, which knows its as-of date by now."""
        assert record.as_of is not None
        return cls(
            as_of=record.as_of,
            run_id=record.run_id,
            started_at=record.started_at,
            model_version=record.model_version,
            scorecard_version=record.scorecard_version,
            config_fingerprint=record.config_fingerprint,
            data_version=record.data_version,
            project=record.project,
            replace_newer=replace_newer,
            people=people,
        )

    def __post_init__(self) -> None:
        for name in ("as_of", "started_at"):
            object.__setattr__(self, name, _naive_utc(getattr(self, name)))
        for name in ("model_version", "scorecard_version", "config_fingerprint"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else str(value))


@dataclass(frozen=True)
class Counts:
    """How many leads a run scored, what happened to their rows, and how many left since the run before."""

    rows: int
    inserted: int
    updated: int
    closed: int = 0

    @property
    def unchanged(self) -> int:
        return self.rows - self.inserted - self.updated


@dataclass(frozen=True)
class Account:
    """What a run cost and what it warned of, as JSON for its record."""

    stages: str | None = None
    warnings: str | None = None


@dataclass(frozen=True)
class WriteResult:
    """What was written, and where; ``target_shown`` never contains a password."""

    rows: int
    inserted: int
    updated: int
    unchanged: int
    closed: int
    target_shown: str

    def as_dict(self) -> dict[str, object]:
        """The fields, for ``--json``."""
        return asdict(self)

"""The record of one run: what it is, how it ended, and what it cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

Status = Literal["started", "done", "refused", "failed", "stopped", "killed"]
CHALLENGER_NOTE = "challenger"
_TIMES = ("started_at", "finished_at", "as_of")


def now() -> datetime:
    """The current time as naive UTC, as all timestamps in Leadlens."""
    return datetime.now(UTC).replace(tzinfo=None)


def new_run_id() -> str:
    """A run id that sorts by time: ``20261121T220215-9f3c2a1b``."""
    return f"{now():%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"


@dataclass(kw_only=True)
class RunRecord:
    """One run, as it is kept in the state folder and, but for ``command``, ``stage``, ``notes`` and ``told``, in ``scoring_runs``.

    Attributes
    ----------
    status : ``started`` while it works; ``done``: all its scores are in the target; ``refused`` by the data or a gate;
        ``failed``: ``error`` says why in one line; ``stopped`` by SIGTERM or Ctrl-C; ``killed``: it ended without a
        word, which a later run found.
    command : that ran: ``score``, ``monitor``, ``retrain`` or ``backtest``; empty where an old record does not say.
    project, target, table : whose leads, and where they go; ``target`` never contains a password, and is empty where what was
        typed is none.
    exit_code : of the command; ``None`` while it works, and if it was killed.
    stage : what it was last seen doing.
    rows, inserted, updated, unchanged, closed : leads scored, and what happened to their rows; ``None`` if not done.
    warnings : what was near a limit, one sentence each.
    stages : what each stage cost (``leadlens.pipeline.stages``).
    notes : anything JSON-ready that later runs compare themselves with.
    told : whether the target knows how it ended.
    """

    project: str
    target: str = ""
    table: str = ""
    command: str = "score"
    run_id: str = field(default_factory=new_run_id)
    status: Status = "started"
    started_at: datetime = field(default_factory=now)
    finished_at: datetime | None = None
    exit_code: int | None = None
    error: str | None = None
    stage: str | None = None
    as_of: datetime | None = None
    model_version: str | None = None
    scorecard_version: str | None = None
    config_fingerprint: str | None = None
    data_version: int | None = None
    rows: int | None = None
    inserted: int | None = None
    updated: int | None = None
    unchanged: int | None = None
    closed: int | None = None
    warnings: list[str] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    told: bool = False

    def end(self, status: Status, exit_code: int | None, error: str | None = None) -> None:
        """Say how it ended, now."""
        self.status, self.exit_code, self.error, self.finished_at = status, exit_code, error, now()

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, default=_json_of)

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Raises ``ValueError`` for anything else; fields of later versions are left out."""
        found = json.loads(text)
        if not isinstance(found, dict) or "project" not in found:
            raise ValueError("this is not the record of a run")
        names = {each.name for each in fields(cls)}
        values = {name: value for name, value in found.items() if name in names}
        if not values.get("target"):
            values.setdefault("command", "")  # before it was kept, only what scored had a target
        for name in _TIMES:
            if values.get(name) is not None:
                values[name] = datetime.fromisoformat(values[name])
        return cls(**values)


def _json_of(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else str(value)  # a NumPy number

"""The messages and their signature, as Standard Webhooks (version 1) has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadlens.features.errors import UsageError
from leadlens.pipeline.runs.record import RunRecord
from leadlens.pipeline.writeback.stage_changes import StageChange

_MARK = "whsec_"


@dataclass(frozen=True)
class Message:
    """One message; ``id`` is the same however often it is sent, so that a receiver can tell."""

    id: str
    body: str


def run_ended(record: RunRecord) -> Message:
    """How a run ended. No personal data: the error is that of the record."""
    data = {
        "project": record.project,
        "run_id": record.run_id,
        "status": record.status,
        "exit_code": record.exit_code,
        "error": record.error,
        "started_at": _utc(record.started_at),
        "finished_at": _utc(record.finished_at),
        "as_of": _utc(record.as_of),
        "target": record.target,
        "model_version": record.model_version,
        "leads": record.rows,
        "inserted": record.inserted,
        "updated": record.updated,
        "unchanged": record.unchanged,
        "closed": record.closed,
    }
    return _message("run.ended", record, "", data)


def stage_changed(record: RunRecord, change: StageChange) -> Message:
    """One lead that has another stage than before; its id, and nothing else of who it is."""
    data = {
        "project": record.project,
        "run_id": record.run_id,
        "as_of": _utc(record.as_of),
        "lead_id": change.lead_id,
        "stage": change.stage,
        "stage_before": change.before,
        "new": change.is_new,
        "status": change.status,
        "closed_reason": change.closed_reason,
        "score": change.score,
        "score_before": change.score_before,
        "grade": change.grade,
        "route": change.route,
        "link": change.link,
    }
    return _message("lead.stage_changed", record, change.lead_id, data)


def signing_key(secret: str) -> bytes:
    """The bytes that messages are signed with: those after ``whsec_``, which are Base64, or the text itself. Raises ``UsageError``."""
    if not secret.startswith(_MARK):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(_MARK), validate=True)
        except binascii.Error:
            key = b""
    if len(key) < 16:
        raise UsageError(
            "the secret of the webhook is too short, or not Base64 after whsec_",
            why="whoever guesses it can send messages in your name",
            fix='make one: python -c "import secrets; print(secrets.token_urlsafe(32))", and set LEADLENS_WEBHOOK_SECRET to it',
        )
    return key


def signed_headers(message: Message, key: bytes, at: datetime) -> dict[str, str]:
    """``webhook-id``, ``webhook-timestamp`` and ``webhook-signature`` of a message that is sent at ``at`` (naive UTC).

    >>> sample = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}')
    >>> key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> signed_headers(sample, key, datetime(2021, 2, 25, 15, 2, 10))["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    seconds = str(int((at - datetime(1970, 1, 1)).total_seconds()))
    signed = f"{message.id}.{seconds}.{message.body}".encode()
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message.id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}


def _message(kind: str, record: RunRecord, about: str, data: dict[str, Any]) -> Message:
    mark = hashlib.sha256(json.dumps([kind, record.project, record.run_id, about]).encode()).hexdigest()[:32]
    at = record.finished_at or record.started_at
    body = {"type": kind, "timestamp": _utc(at), "data": data}
    return Message(f"msg_{mark}", json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str))


def _utc(at: datetime | None) -> str | None:
    return None if at is None else f"{at.isoformat(timespec='seconds')}Z"

"""Says what runs did: whatever ended since the last time is put into the outbox, and the outbox is delivered."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from leadlens.features.errors import LeadlensError, UsageError, counted
from leadlens.features.secrets import remember_secret
from leadlens.pipeline.config import ProjectFile, expand
from leadlens.pipeline.crm.destination import Destination, parse_destination
from leadlens.pipeline.crm.http import NoAnswerError, Patience, Server
from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.runs.record import CHALLENGER_NOTE, now
from leadlens.pipeline.stopping import stopped_by
from leadlens.pipeline.webhooks.messages import Message, run_ended, signed_headers, signing_key, stage_changed
from leadlens.pipeline.webhooks.outbox import MOST_RUNS, Outbox
from leadlens.pipeline.writeback import parse_target
from leadlens.pipeline.writeback.stage_changes import stage_changes

_SECRET = "LEADLENS_WEBHOOK_SECRET"
_PATIENCE = Patience(
    tries=3, first=1.0, longest=5.0, longest_asked=30.0, connect=5.0, answer=15.0, whole=30.0
)


class Announcer:
    """The webhook of a project, if it has one; raises ``UsageError`` for an address or a secret that will not do.

    Parameters
    ----------
    file : the project.
    target : where the scores go, with its environment.
    state : the state folder.
    patience : how long the receiver is waited for.
    """

    def __init__(
        self, file: ProjectFile, target: str, state: Path, *, patience: Patience | None = None
    ) -> None:
        self._file, self._target, self._patience = file, parse_target(target), patience or _PATIENCE
        self._runs = RunStore(state / "runs")
        self._path = state / "webhooks" / f"{file.project.name}.sqlite"
        self._events = file.project.webhook.events
        self._receiver = _receiver(file)
        if not self._path.exists():
            with Outbox(self._path) as outbox:  # what ended before there was a webhook is no news
                for record in self._ended():
                    outbox.add(record.run_id, [])

    def cautions(self) -> list[str]:
        """What will not be announced, although it is asked for."""
        if "stage_changed" in self._events and self._target.kind not in ("duckdb", "postgresql"):
            return [
                "the webhook announces no change of a stage: a file holds the latest run alone. Write to DuckDB or PostgreSQL"
            ]
        return []

    def announce(self) -> list[str]:
        """Everything that ended since the last time, runs that were killed among it; what could not be delivered, in words.

        A run that is being stopped says nothing: the next one does.
        """
        if stopped_by() is not None:
            return []
        try:
            with Outbox(self._path) as outbox:
                known = outbox.announced()
                for record in self._ended():
                    if record.run_id not in known:
                        outbox.add(record.run_id, self._messages(record))
                return self._deliver(outbox)
        except (sqlite3.Error, OSError) as error:
            return [f"the webhook could not keep its messages: {error}"]
        except LeadlensError as error:
            return [f"the webhook was not called: {error.what}"]

    def _ended(self) -> list[RunRecord]:
        """Scoring runs of the project that are over, the earliest first; those of a challenger are nobody's news."""
        found = [
            record
            for record in self._runs.records()
            if record.project == self._file.project.name
            and record.command == "score"
            and record.status != "started"
            and not record.notes.get(CHALLENGER_NOTE)
        ]
        return sorted(found, key=lambda record: record.run_id)

    def _messages(self, record: RunRecord) -> Iterator[Message]:
        if (
            "stage_changed" in self._events
            and record.status == "done"
            and record.target == self._target.shown
            and self._target.kind in ("duckdb", "postgresql")
        ):
            for change in stage_changes(self._target, self._file.project.scores.table, record.run_id):
                yield stage_changed(record, change)
        if "run_ended" in self._events:
            yield run_ended(record)

    def _deliver(self, outbox: Outbox) -> list[str]:
        receiver, key = self._receiver
        server, silent, failed, last = Server(receiver.origin, None, self._patience), 0, [], ""
        try:
            for waiting in outbox.waiting():
                try:
                    headers = signed_headers(waiting.message, key, now())
                    answer = server.ask("POST", receiver.place, text=waiting.message.body, headers=headers)
                except NoAnswerError as error:
                    silent += 1
                    failed.append(waiting.place)
                    last = error.why or error.what
                    if silent == self._patience.in_a_row:
                        break
                    continue
                silent = 0
                if 200 <= answer.status < 300:
                    outbox.delivered(waiting.place)
                else:
                    failed.append(waiting.place)
                    last = f"status {answer.status}: {answer.said}"
        finally:
            server.close()
        given_up = outbox.tried(failed)
        left = len(outbox.waiting())
        said = []
        if left:
            said.append(
                f"{counted(left, 'message')} of the webhook not delivered ({last}): the next run tries again, with the same ids"
            )
        if given_up:
            said.append(
                f"{counted(given_up, 'message')} of the webhook given up after {MOST_RUNS} runs ({last})"
            )
        return said


def announcer(file: ProjectFile, target: str, state: Path) -> Announcer | None:
    """The announcer of a project that has a webhook."""
    return None if file.project.webhook.url is None else Announcer(file, target, state)


def _receiver(file: ProjectFile) -> tuple[Destination, bytes]:
    where = f"{file.path.name}: webhook.url"
    url = file.project.webhook.url
    assert url is not None
    if url.partition("://")[0].lower() not in ("https", "http"):
        raise UsageError("a webhook is an address that begins with https://", where=where)
    receiver = parse_destination(expand(url, where))
    secret = os.environ.get("LEADLENS_WEBHOOK_SECRET")
    if not secret:
        raise UsageError(
            "the webhook has no secret",
            why="its messages are signed, so that the receiver knows they are yours",
            fix=f"set {_SECRET} in the environment to what the receiver has",
            where=where,
        )
    remember_secret(secret, f"${{{_SECRET}}}")
    return receiver, signing_key(secret)

"""Sends what waits in a journal to a CRM, batch by batch, and keeps what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from leadlens.features.errors import LeadlensError, UnavailableError
from leadlens.pipeline.crm.fields import Record
from leadlens.pipeline.crm.http import NoAnswerError
from leadlens.pipeline.crm.journal import Journal
from leadlens.pipeline.crm.sink import Outcome, Sink
from leadlens.pipeline.progress import Progress

# A record whose error may pass by itself is sent so often in one push.
_ROUNDS = 3
# So many batches without one record that was taken, from the first on: something is wrong with all of them.
_HOPELESS = 3
_REASONS = 10


@dataclass
class Sent:
    """What became of the leads that waited. ``stopped`` is why not all of them were sent."""

    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stopped: LeadlensError | None = None


def send_waiting(
    journal: Journal, sink: Sink, waiting: int, *, in_a_row: int, progress: Progress, shown: str
) -> Sent:
    """Send everything that waits; nothing is raised but for a journal that cannot be written.

    A batch that gets no answer is left for the next push, and the others go on; after ``in_a_row`` of these the push stops.
    """
    sent, silent, batches = Sent(), 0, 0
    for batch in journal.waiting(sink.batch):
        progress(f"Sending to {shown}", sent.acknowledged + sent.refused + sent.unanswered, waiting)
        journal.doubt(batch)
        try:
            _send(journal, sink, batch, sent)
        except NoAnswerError as error:
            sent.unanswered += len(batch)
            silent += 1
            if silent >= in_a_row:
                sent.stopped = error
                break
        except LeadlensError as error:
            sent.unanswered += len(batch)
            sent.stopped = error
            break
        else:
            silent, batches = 0, batches + 1
            if batches == _HOPELESS and not sent.acknowledged and sent.refused:
                sent.stopped = _hopeless(sent, shown)
                break
    return sent


def _send(journal: Journal, sink: Sink, batch: Sequence[Record], sent: Sent) -> None:
    """One batch; records whose error may pass are sent again on their own."""
    left = list(batch)
    for last in [False] * (_ROUNDS - 1) + [True]:
        outcomes = sink.send(left)
        taken, wrong, again = _parted(left, outcomes, last)
        journal.keep(taken, wrong)
        sent.acknowledged += len(taken)
        sent.refused += len(wrong)
        sent.reasons.update(error for _, error in wrong)
        if not again:
            return
        left = again


def _parted(
    records: Sequence[Record], outcomes: Sequence[Outcome], last: bool
) -> tuple[list[Record], list[tuple[Record, str]], list[Record]]:
    taken, wrong, again = [], [], []
    for record, outcome in zip(records, outcomes, strict=True):
        if outcome.error is None:
            taken.append(record)
        elif outcome.again and not last:
            again.append(record)
        else:
            wrong.append((record, outcome.error))
    return taken, wrong, again


def _hopeless(sent: Sent, shown: str) -> LeadlensError:
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in sent.reasons.most_common(3))
    return UnavailableError(
        f"{shown} accepts none of the leads that it is sent",
        why=f"the first {sent.refused:,} were all refused, so the others were not tried: {reasons}",
        fix="fix what the reasons name (often crm.id: which field there holds our lead_id?), then run the same command",
    )

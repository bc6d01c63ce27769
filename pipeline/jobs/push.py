"""`leadlens push`: the scores that stand in lead_scores, into the fields of a CRM; what it has already is not sent again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadlens.features.errors import LeadlensError, UsageError, counted
from leadlens.features.secrets import masked
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project, expand
from leadlens.pipeline.crm.credentials import no_token
from leadlens.pipeline.crm.destination import (
    FORMS,
    VENDORS,
    Destination,
    Kind,
    is_destination,
    parse_destination,
)
from leadlens.pipeline.crm.fields import COLUMNS, FieldMapping, Record, Wanted, wanted_fields
from leadlens.pipeline.crm.http import Patience
from leadlens.pipeline.crm.journal import Failed, Journal, Plan, journal_path
from leadlens.pipeline.crm.naming import check_names, odd_id
from leadlens.pipeline.crm.opening import BATCHES, open_sink, refuse_creating
from leadlens.pipeline.crm.pushing import Sent, send_waiting
from leadlens.pipeline.exit_codes import DONE, REFUSED, UNAVAILABLE
from leadlens.pipeline.jobs.target import target_of
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.runs import recorded_run
from leadlens.pipeline.state import one_at_a_time, state_folder
from leadlens.pipeline.writeback import Target, parse_target
from leadlens.pipeline.writeback.current import current_rows, keeps_rows, refuse_empty

_EXAMPLES = 10
_FAILURES_KEPT = 1_000


@dataclass(frozen=True, kw_only=True)
class Push:
    """What a push did.

    Attributes
    ----------
    destination : where it went, safe to print; ``typed`` how it was named, if not by the project file.
    waiting, same, unknown : leads to be sent when it began; leads that the CRM has as they are; leads that left before it heard of them.
    acknowledged, refused, unanswered : of those that waited: taken by the CRM, refused by it, sent without an answer. The rest was not sent.
    failures : leads that the CRM refused, the first 1,000 by id; ``reasons``: how often it gave each reason.
    cut : texts that were longer than their field, by field.
    calls : requests that the leads that waited take, where none is made again.
    left_today : requests that the account could still make when it began, as the CRM said; ``None`` where it says nothing.
    notes : what is odd about what is sent.
    retried : requests that were made again, because the server was busy or silent.
    stopped : why not all were sent; ``None`` if all were.
    examples : the first ten records; of a dry run all there is.
    exit_code : 0 if everything waits no more, 1 if the CRM refused leads, else that of what stopped the push.
    """

    destination: str
    waiting: int
    same: int
    unknown: int
    typed: str | None = None
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    failures: tuple[Failed, ...] = ()
    reasons: Mapping[str, int]
    cut: Mapping[str, int]
    calls: int = 0
    left_today: int | None = None
    notes: tuple[str, ...] = ()
    retried: int = 0
    stopped: LeadlensError | None = None
    dry_run: bool = False
    examples: tuple[Mapping[str, Any], ...] = ()
    exit_code: int = DONE

    @property
    def left(self) -> int:
        """Leads that still wait."""
        return self.waiting - self.acknowledged

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "destination": self.destination,
            "dry_run": self.dry_run,
            "waiting": self.waiting,
            "same": self.same,
            "left_before": self.unknown,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "unanswered": self.unanswered,
            "remaining": self.left,
            "requests": self.calls,
            "requests_left_today": self.left_today,
            "retried_requests": self.retried,
            "notes": list(self.notes),
            "failures": [failure._asdict() for failure in self.failures],
            "reasons": dict(self.reasons),
            "cut_texts": dict(self.cut),
            "stopped": self.stopped.as_dict() if self.stopped else None,
            "examples": list(self.examples),
        }


class _Incomplete(LeadlensError):
    """Carries a push that left something out of its recorded run."""

    def __init__(self, push: Push) -> None:
        self.push, self.exit_code = push, push.exit_code
        why = push.stopped.what if push.stopped else f"the CRM refused {counted(push.refused, 'lead')}"
        super().__init__(f"{counted(push.left, 'lead')} of {push.waiting:,} not pushed", why=why)


@private_files()
@while_at_work
def push(
    file: ProjectOrPath,
    *,
    to: str | None = None,
    dry_run: bool = False,
    everything: bool = False,
    create_fields: bool = False,
    run_id: str | None = None,
    patience: Patience | None = None,
    progress: Progress = silent,
) -> Push:
    """Send the scores that stand in the project's target (``scores.to``) to a CRM: ``to``, by default ``crm.to``.

    Only leads that differ from what the CRM acknowledged last are sent, or all of them with ``everything``; the best open leads
    first. What it refuses or does not answer is kept in a journal and sent again by the next push. ``create_fields`` makes fields
    that the CRM lacks, where its interface can. A dry run connects to no CRM, and refuses what can be known without one. ``run_id`` is what the record of the run is called. Raises ``UsageError`` and ``UnavailableError`` for what is wrong
    before anything is sent; what goes wrong later is in the result.
    """
    file = as_project(file)
    destination = destination_of(file, to)
    wanted = _checked(file, destination, create_fields=create_fields)
    path = journal_path(state_folder(), file.project.name, destination, file.project.crm.id)
    if dry_run:
        with Journal(path, writes=False) as journal:
            mapping = FieldMapping(wanted, {})
            plan = journal.plan(_records(file, mapping), everything=everything)
            return _result(
                file, destination, plan, mapping, journal, notes=no_token(destination), dry_run=True
            )
    refuse_empty(_target(file), file.project.scores.table)
    with one_at_a_time(f"push-{path.stem}"):
        try:
            with recorded_run(
                file.project.name,
                folder=state_folder() / "runs",
                target=destination.shown,
                command="push",
                run_id=run_id,
            ) as run:
                result = _push(
                    file,
                    destination,
                    wanted,
                    Journal(path),
                    everything,
                    create_fields,
                    patience or Patience(),
                    run.follow(progress),
                )
                result = replace(result, typed=None if to is None else masked(to))
                run.record.rows = result.acknowledged
                if result.exit_code != DONE:
                    raise _Incomplete(result)
        except _Incomplete as incomplete:
            return incomplete.push
        return result


def destination_of(file: ProjectFile, to: str | None) -> Destination:
    """Where a push goes. Raises ``UsageError`` where neither says."""
    named = to if to is not None else file.project.crm.to
    if named is None:
        raise UsageError(
            "this project does not say where scores are pushed to",
            fix=f"set crm.to in {file.path.name}, or give --to: {FORMS}",
            where="crm.to",
        )
    where = "--to" if to is not None else f"{file.path.name}: crm.to"
    if not is_destination(named):
        raise UsageError(
            "scores are pushed to a CRM",
            value=named,
            fix=f"write {FORMS}; tables and files are written by leadlens score",
            where=where,
        )
    return parse_destination(expand(named, where))


def check_destination(
    file: ProjectFile,
    to: str,
    *,
    dry_run: bool,
    challenger: bool,
    create_fields: bool,
    patience: Patience | None,
) -> None:
    """See that scores could be pushed before they are made: the token, the fields, and where they are read from."""
    if challenger:
        raise UsageError(
            "scores of the challenger are not pushed",
            value=to,
            why="they would replace those of the champion, which sales see",
            fix="write them elsewhere: --challenger --to duckdb:///shadow.duckdb",
            where="--to",
        )
    destination = destination_of(file, to)
    wanted = _checked(file, destination, create_fields=create_fields)
    if not dry_run:
        patience = patience or Patience()
        with open_sink(destination, file.project.crm.id, patience) as (sink, _):
            sink.check(wanted, create=create_fields)


def push_after_scoring(file: ProjectFile, to: str, *, patience: Patience | None, progress: Progress) -> Push:
    """Push what was just written; an error says that the scores themselves are safe."""
    try:
        return push(file, to=to, patience=patience, progress=progress)
    except LeadlensError as error:
        error.fix = f"{error.fix or 'see above'}; the scores are written to {_target(file).shown}, so then: leadlens push"
        raise


def example_records(file: ProjectFile, to: str, rows: Iterable[Mapping[str, Any]]) -> Push:
    """A dry run of rows of ``lead_scores`` that are written nowhere."""
    destination = destination_of(file, to)
    mapping = FieldMapping(_checked(file, destination), {})
    filled = ({**dict.fromkeys(COLUMNS), "status": "open", **row} for row in rows)
    examples = tuple(_shown(mapping.record(row)) for row in filled)
    return Push(
        destination=destination.shown,
        waiting=0,
        same=0,
        unknown=0,
        reasons={},
        cut={},
        dry_run=True,
        examples=examples,
    )


def _push(
    file: ProjectFile,
    destination: Destination,
    wanted: list[Wanted],
    opened: Journal,
    everything: bool,
    create_fields: bool,
    patience: Patience,
    progress: Progress,
) -> Push:
    with opened as journal, open_sink(destination, file.project.crm.id, patience) as (sink, server):
        progress(f"Looking at {destination.shown}", 0, 0)
        mapping = FieldMapping(wanted, sink.check(wanted, create=create_fields))
        progress("Looking for changed leads", 0, 0)
        plan = journal.plan(_records(file, mapping), everything=everything)
        journal.forget_failures()
        left_today, notes = server.left_today, []
        if plan.wait:
            calls = counted(calls_for(plan.wait, destination.kind), "request")
            progress(f"Sending {counted(plan.wait, 'lead')} in {calls}", 0, plan.wait)
            if left_today is not None and calls_for(plan.wait, destination.kind) > left_today:
                notes.append(
                    f"the CRM takes {counted(left_today, 'more request')} today, and this takes {calls}: the best leads go first, and "
                    "the rest waits for the next push"
                )
        sent = send_waiting(
            journal,
            sink,
            plan.wait,
            in_a_row=patience.in_a_row,
            progress=progress,
            shown=destination.shown,
        )
        return _result(
            file,
            destination,
            plan,
            mapping,
            journal,
            sent=sent,
            retried=server.retried,
            left_today=left_today,
            notes=notes,
        )


def _records(file: ProjectFile, mapping: FieldMapping) -> Iterator[Record]:
    """What the CRM is to have, of every lead of the project."""
    for row in current_rows(_target(file), file.project.scores.table, file.project.name, COLUMNS):
        yield mapping.record(row)


def _target(file: ProjectFile) -> Target:
    return parse_target(target_of(file, None))


def _checked(file: ProjectFile, destination: Destination, *, create_fields: bool = False) -> list[Wanted]:
    """What can be known without asking anybody, in the order of what costs least to put right; the fields to write."""
    keeps_rows(_target(file))
    check_names(file.project.crm, destination.kind)
    if create_fields:
        refuse_creating(destination.kind)
    return wanted_fields(file.project.crm, destination.kind)


def calls_for(leads: int, kind: Kind) -> int:
    """Requests that so many leads take."""
    return -(-leads // BATCHES[kind])


def _odd_ids(file: ProjectFile, destination: Destination, records: Sequence[Record]) -> list[str]:
    """A note where lead ids cannot be the CRM's own, of the first that wait."""
    odd = [
        (each.lead_id, looks)
        for each in records
        if (looks := odd_id(each.lead_id, file.project.crm, destination.kind))
    ]
    if not odd:
        return []
    lead, looks = odd[0]
    return [
        f"ids such as {lead} are none of {VENDORS[destination.kind]}'s own, each of which is {looks}: it would refuse them; name the field that "
        "holds your lead_id as crm.id"
    ]


def _result(
    file: ProjectFile,
    destination: Destination,
    plan: Plan,
    mapping: FieldMapping,
    journal: Journal,
    *,
    sent: Sent | None = None,
    retried: int = 0,
    left_today: int | None = None,
    notes: Sequence[str] = (),
    dry_run: bool = False,
) -> Push:
    sent = sent or Sent()
    code = DONE
    if sent.stopped is not None:
        code = sent.stopped.exit_code
    elif sent.unanswered:
        code = UNAVAILABLE
    elif sent.refused:
        code = REFUSED
    first = next(iter(journal.waiting(_EXAMPLES)), [])
    return Push(
        destination=destination.shown,
        waiting=plan.wait,
        calls=calls_for(plan.wait, destination.kind),
        left_today=left_today,
        notes=(*_odd_ids(file, destination, first), *notes),
        same=plan.same,
        unknown=plan.unknown,
        acknowledged=sent.acknowledged,
        refused=sent.refused,
        unanswered=sent.unanswered,
        failures=tuple(journal.failed(_FAILURES_KEPT)),
        reasons=dict(sent.reasons.most_common()),
        cut=mapping.cut,
        retried=retried,
        stopped=sent.stopped,
        dry_run=dry_run,
        examples=tuple(_shown(record) for record in first),
        exit_code=code,
    )


def _shown(record: Record) -> dict[str, Any]:
    return {"lead_id": record.lead_id, **record.values}

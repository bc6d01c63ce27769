"""One version of a sheet as a table: its rules, and a form whose numbers are saved as a new draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from leadlens.features.errors import LeadlensError, UsageError
from leadlens.models.judging.verdicts import FLAGGED
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.insights.comparison import compare_sheets
from leadlens.pipeline.app.choosing import language_of, written_in
from leadlens.pipeline.app.jobs import latest
from leadlens.pipeline.app.people import Person
from leadlens.pipeline.app.sheet_form import Typed, edited_yaml, fields_of, read_form
from leadlens.pipeline.app.sheet_words import MOVE_WORDS, STAGE_WORDS, rules_in_words
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.app.shown_sheets import ShownVersion, shown_version
from leadlens.pipeline.app.site import form_of, page, person_of, project_of, to
from leadlens.pipeline.languages.marks import N_, P_
from leadlens.pipeline.private import private_files
from leadlens.pipeline.scorecards.project import store_of
from leadlens.pipeline.views.words import sentences

_MOST_FIELDS = 5_000  # three for each rule
_MOST_LOGGED = 20
_NO_REASON = N_("Say in a few words why, for those who read it later.")
_SECOND_PERSON = N_(
    "You saved this version, so somebody else has to make it active (page.second_person in the project file)."
)
_NOTHING_MOVES = N_("Leads are scored by this version, or the sheet scores nobody: no lead would move.")
_NOTES = {
    "busy": N_("Somebody else's preview is running. When it has ended, ask again who moves."),
    "same": N_("This version already existed, so nothing new was saved: here it is."),
    "comments": N_(
        "Saved. The comments of the file could not be kept in it: a setting was taken out or is written in an unusual "
        "way. The version that it came from still has them."
    ),
}


@dataclass(frozen=True)
class Sent:
    """A form that could not be taken: what was typed, and what is wrong with which field."""

    form: str
    typed: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    complaint: str = ""


def sheet(request: Request) -> Response:
    """``GET /{project}/sheets/{name}/{version}``."""
    person_of(request)
    return _page(request, version_of(request))


async def keep(request: Request) -> Response:
    """``POST /{project}/sheets/{name}/{version}/keep``: the file as it is now becomes a version."""
    person, fields = person_of(request, "sheets"), await form_of(request)
    return await run_in_threadpool(_keep, request, person, fields)


async def draft(request: Request) -> Response:
    """``POST /{project}/sheets/{name}/{version}/draft``: the numbers that were typed become a new version."""
    person, fields = person_of(request, "sheets"), await form_of(request, _MOST_FIELDS)
    return await run_in_threadpool(_draft, request, person, fields)


async def move(request: Request) -> Response:
    """``POST /{project}/sheets/{name}/{version}/move``: the version goes to another stage."""
    person, fields = person_of(request, "sheets"), await form_of(request)
    return await run_in_threadpool(_move, request, person, fields)


async def preview(request: Request) -> Response:
    """``POST /{project}/sheets/{name}/{version}/preview``: start to work out who would move."""
    person = person_of(request, "sheets")
    await form_of(request)
    return await run_in_threadpool(_preview, request, person)


def version_of(request: Request) -> ShownVersion:
    """The version in the address. Raises a 404 where there is none, a 409 where this release cannot read it."""
    file, asked = project_of(request).file, request.path_params
    try:
        return shown_version(file, asked["name"], asked["version"])
    except UsageError as error:
        raise HTTPException(
            404, f"{sentences(error)} {N_('The file may have been edited since: see all sheets.')}"
        ) from None
    except LeadlensError as error:
        raise HTTPException(409, sentences(error)) from None


class Evidence(NamedTuple):
    """What the last comparison says of a rule: the out-of-time leads that have it, and the verdict on its points then."""

    leads: int
    verdict: str
    flagged: bool
    points: float | None


def _evidence(project: ShownProject, sheet: Sheet) -> Mapping[str, Evidence]:
    """By label; nothing of rules that were not judged, and while no comparison is published."""
    judged = {} if project.comparison is None else project.comparison.rules
    points = {rule.label: rule.points for rule in sheet.rules}
    return {
        label: Evidence(
            rule["leads"],
            rule["verdict"],
            rule["verdict"] in FLAGGED,
            None if rule["points"] == points[label] else rule["points"],
        )
        for label, rule in judged.items()
        if label in points
    }


def _keep(request: Request, person: Person, fields: Mapping[str, str]) -> Response:
    project, shown = project_of(request), version_of(request)
    reason = fields.get("reason", "")[:500]
    if not reason:
        return _page(request, shown, Sent("keep", fields, {"reason": _NO_REASON}))
    if shown.kept is None:
        assert shown.of.path is not None
        text = shown.of.path.read_text(encoding="utf-8-sig")
        with private_files():
            store_of(project.file).save(shown.sheet, person.name, reason, text)
        _log(project, person, P_("logged", "kept a sheet file"), shown, {"reason": reason})
    return _to(request, shown.sheet.name, shown.sheet.version)


def _draft(request: Request, person: Person, fields: Mapping[str, str]) -> Response:
    shown = version_of(request)
    reason, edited = (
        fields.get("reason", "")[:500],
        read_form(shown.sheet, fields, written_in(request, fields)),
    )
    problems = dict(edited.problems) | ({} if reason else {"reason": _NO_REASON})
    if edited.sheet is None or problems:
        return _page(request, shown, Sent("draft", fields, problems))
    if edited.sheet.version == shown.sheet.version:
        complaint = N_("No number differs from version {version}, so nothing was saved.").format(
            version=shown.sheet.version
        )
        return _page(request, shown, Sent("draft", fields, complaint=complaint))
    return save(request, person, shown, edited, reason, fields.get("then", ""))


def _move(request: Request, person: Person, fields: Mapping[str, str]) -> Response:
    project, shown = project_of(request), version_of(request)
    to_stage, reason = fields.get("to", "")[:20], fields.get("reason", "")[:500]
    sent = Sent(f"move.{to_stage}", fields)
    if shown.kept is None:
        return _page(request, shown, replace(sent, complaint=N_("Keep it as a version first.")))
    if not reason:
        return _page(request, shown, replace(sent, problems={"reason": _NO_REASON}))
    if to_stage == "active" and _needs_another(project, person, shown):
        return _page(request, shown, replace(sent, complaint=_SECOND_PERSON))
    former = shown.of.active
    try:
        with private_files():
            store_of(project.file).move(shown.sheet.name, shown.sheet.version, to_stage, person.name, reason)
    except UsageError as error:
        return _page(request, shown, replace(sent, complaint=sentences(error)))
    details = {"before": shown.kept.stage, "after": to_stage, "reason": reason}
    if to_stage == "active" and former is not None:
        details["archived"] = former.version
    _log(project, person, P_("logged", "moved a sheet version"), shown, details)
    return _to(request, shown.sheet.name, shown.sheet.version)


def _needs_another(project: ShownProject, person: Person, shown: ShownVersion) -> bool:
    """Whether somebody else has to make it active: the person saved it, and two are wanted."""
    if not project.file.project.page.second_person or shown.kept is None:
        return False
    return " ".join(person.name.split()).casefold() == shown.kept.author.casefold()


def save(
    request: Request, person: Person, shown: ShownVersion, edited: Typed, reason: str, then: str = ""
) -> Response:
    """Keep the edited sheet as a draft, log it, and go to it; ``then`` may ask for a preview."""
    assert edited.sheet is not None
    project = project_of(request)
    text, comments_kept = edited_yaml(_yaml(project, shown), edited)
    with private_files():
        kept = store_of(project.file).save(edited.sheet, person.name, reason, text)
    if not kept.is_new:
        return _then(request, person, kept.sheet, kept.version, then, "same")
    changes = [each.text for each in compare_sheets(shown.sheet, edited.sheet).differences]
    more = [f"and {len(changes) - _MOST_LOGGED} more"] * (len(changes) > _MOST_LOGGED)
    details = {
        "before": shown.sheet.version,
        "after": kept.version,
        "changes": ", ".join(changes[:_MOST_LOGGED] + more),
        "reason": reason,
    }
    _log(project, person, P_("logged", "saved a sheet draft"), shown, details)
    return _then(request, person, kept.sheet, kept.version, then, "" if comments_kept else "comments")


def _preview(request: Request, person: Person) -> Response:
    shown = version_of(request)
    if shown.of.live is None or shown.is_live:
        return _page(request, shown, Sent("preview", {}, complaint=_NOTHING_MOVES))
    return _then(request, person, shown.sheet.name, shown.sheet.version, "preview", "")


def _then(request: Request, person: Person, name: str, version: str, then: str, note: str) -> Response:
    """To the version or, if that is wanted and something can move, to a preview of it."""
    project = project_of(request)
    live = shown_version(project.file, name, version).of.live
    if then != "preview" or live is None or live.version == version:
        return _to(request, name, version, note)
    job = project.jobs.start(project.file.path, name, version, live.version, person.name)
    if job is None:
        return _to(request, name, version, "busy")
    what = P_("logged", "asked who moves")
    project.store.log(project.name, person.name, what, f"{name} {version}", {"preview": job.id})
    return to(request, f"jobs/{job.id}")


def _yaml(project: ShownProject, shown: ShownVersion) -> str:
    if shown.kept is not None:
        return store_of(project.file).yaml(shown.sheet.name, shown.sheet.version)
    assert shown.of.path is not None
    return shown.of.path.read_text(encoding="utf-8-sig")


def _log(
    project: ShownProject, person: Person, what: str, shown: ShownVersion, details: Mapping[str, str]
) -> None:
    subject = f"{shown.sheet.name} {shown.sheet.version}"
    project.store.log(project.name, person.name, what, subject, dict(details))


def _to(request: Request, name: str, version: str, note: str = "") -> Response:
    address = f"sheets/{quote(name, safe='')}/{version}"
    return to(request, f"{address}?note={note}" if note else address)


def _page(request: Request, shown: ShownVersion, sent: Sent | None = None) -> Response:
    project, say = project_of(request), language_of(request).condition
    typed = sent.typed if sent is not None and sent.form == "draft" else {}
    numbers, fields = written_in(request, typed), fields_of(shown.sheet)
    return page(
        request,
        "sheet.html",
        status=200 if sent is None else 400,
        shown=shown,
        stages=STAGE_WORDS,
        names=MOVE_WORDS,
        fields=fields,
        values={name: typed.get(name, each.value(numbers)) for name, each in fields.items()},
        written=numbers.code,
        sections={
            "attributes": (N_("Who the lead is"), rules_in_words(shown.sheet, "attributes", say)),
            "actions": (N_("What the lead did"), rules_in_words(shown.sheet, "actions", say)),
        },
        needs_another=_needs_another(project, person_of(request), shown),
        previews=latest(project.jobs, shown.sheet.name, shown.sheet.version),
        in_scores=project.scores is None
        or project.scores.has_scores_by(f"{shown.sheet.name} {shown.sheet.version}"),
        evidence=_evidence(project, shown.sheet),
        sent=sent,
        note=_NOTES.get(request.query_params.get("note", "")),
    )

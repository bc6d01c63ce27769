"""The list of leads: best first, searched, filtered, taken out as CSV."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast, get_args
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from leadlens.pipeline.app.health import needs_a_look
from leadlens.pipeline.app.people import Person
from leadlens.pipeline.app.site import download, form_of, page, person_of, project_of, scores_of
from leadlens.pipeline.languages.marks import P_
from leadlens.pipeline.published.asked import SORTS, Query, Sort
from leadlens.pipeline.published.copy import LeadRow, PublishedScores

_FIELDS = ("q", "owner", "stage", "grade", "status", "sort", "disqualified")
_EXPORTED = tuple(name for name in LeadRow._fields if name != "rank")


def leads(request: Request) -> Response:
    """``GET /{project}/leads``."""
    scores, person = scores_of(request), person_of(request)
    asked = _untouched(request, request.query_params, asked_for(request.query_params, person, scores))
    found = scores.leads(asked)
    kept = {name: value for name, value in _settings(asked).items() if value}
    return page(
        request,
        "leads.html",
        scores=scores,
        leads=found,
        said=_said(request, [row.lead_id for row in found.rows]),
        asked=asked,
        left_out=_left_out(asked, scores, person),
        facets=_choices(scores, person),
        settings=kept,
        next=None if found.next is None else urlencode(kept | {"after": found.next}),
        first=urlencode(kept) if asked.after else None,
        sorts=SORTS,
        needs_a_look=needs_a_look(project_of(request), scores),
    )


async def export(request: Request) -> Response:
    """``POST /{project}/leads/export``: every lead of the list, as it is filtered."""
    person, fields = person_of(request, "export"), await form_of(request)
    project, scores = project_of(request), await run_in_threadpool(scores_of, request)
    asked = await run_in_threadpool(_untouched, request, fields, asked_for(fields, person, scores))
    total = (await run_in_threadpool(scores.leads, asked, 1)).total
    details = _settings(asked) | {"rows": total, "run": scores.run_id}
    await run_in_threadpool(
        project.store.log, project.name, person.name, P_("logged", "exported"), "leads", details
    )
    rows = ([getattr(row, name) for name in _EXPORTED] for row in scores.every(asked))
    return download(f"{project.name}-leads.csv", _EXPORTED, rows)


def _said(request: Request, leads: Sequence[str]) -> Mapping[str, str]:
    """What sales said last of these leads; nothing while the file is in other hands, since the list is shown all the same."""
    project = project_of(request)
    try:
        return project.store.latest_of(project.name, leads)
    except sqlite3.OperationalError:
        return {}


def _untouched(request: Request, fields: Mapping[str, str], asked: Query) -> Query:
    """The same, of those alone that wait for so many days for a word of sales, where that is asked for."""
    days = fields.get("untouched", "")
    if not (days.isascii() and days.isdecimal() and len(days) < 4 and int(days)):
        return asked
    project = project_of(request)
    return replace(asked, untouched=int(days), judged=project.store.judged(project.name))


def _left_out(asked: Query, scores: PublishedScores, person: Person) -> int:
    """Disqualified leads that the whole list of open ones leaves out."""
    hidden = asked.status == "open" and not (
        asked.disqualified or asked.stage or asked.owner or asked.grade or asked.untouched
    )
    return scores.facets["stage"].get("Disqualified", 0) if hidden and person.owner is None else 0


def _choices(scores: PublishedScores, person: Person) -> Mapping[str, Mapping[str, int | None]]:
    """What the list can be filtered by, with the leads of each; whoever sees own leads alone is not told of others."""
    if person.owner is None:
        return scores.facets
    return {kind: {} if kind == "owner" else dict.fromkeys(values) for kind, values in scores.facets.items()}


def asked_for(fields: Mapping[str, str], person: Person, scores: PublishedScores) -> Query:
    """What is asked for; of a person who owns leads their own, if nothing else is said."""
    sort, owners = fields.get("sort", ""), scores.facets.get("owner", {})
    owner = fields.get("owner", person.name if person.name in owners else "")
    return Query(
        text=fields.get("q", "")[:200],
        owner=owner if person.owner is None else person.owner,
        stage=fields.get("stage", ""),
        grade=fields.get("grade", ""),
        status=_status(fields.get("status", ""), fields.get("q", "")),
        disqualified=fields.get("disqualified") == "1",
        sort=cast(Sort, sort) if sort in get_args(Sort) else "score",
        after=fields.get("after", ""),
    )


def _status(asked: str, text: str) -> Literal["open", "closed", "any"]:
    """Open leads; whoever searches for somebody finds them wherever they are."""
    if asked in ("open", "closed", "any"):
        return cast(Literal["open", "closed", "any"], asked)
    return "any" if text.strip() else "open"


def _settings(asked: Query) -> dict[str, str]:
    return {
        "q": asked.text,
        "owner": asked.owner,
        "stage": asked.stage,
        "grade": asked.grade,
        "status": asked.status if asked.status != _status("", asked.text) else "",
        "sort": "" if asked.sort == "score" else asked.sort,
        "disqualified": "1" if asked.disqualified else "",
        "untouched": str(asked.untouched or ""),
    }

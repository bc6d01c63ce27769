"""What every page shares: the project that is asked for, templates, forms, downloads, and pages that say what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from leadlens.pipeline.app.choosing import language_of
from leadlens.pipeline.app.nights import has_scored
from leadlens.pipeline.app.people import Person, Right
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.languages.language import NAMES
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.published.compared import PublishedComparison
from leadlens.pipeline.published.copy import Lead, PublishedScores
from leadlens.pipeline.views.csv_text import BEGINS, csv_line
from leadlens.pipeline.views.environment import environment
from leadlens.pipeline.views.links import Links

FORM_SECONDS = 10.0
_MOST_FIELDS = 500


@cache
def templates() -> jinja2.Environment:
    """Those of the page."""
    return environment("leadlens.pipeline.app")


def page(request: Request, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page with what is shown on each: project, person, and the address that was asked for."""
    project = request.state.project if hasattr(request.state, "project") else None
    context = {
        "person": request.state.person,
        "project": project.name if project else None,
        "projects": list(request.app.state.projects),
        "path": request.url.path,
        "language": language_of(request),
        "languages": NAMES,
        "own": project.own_phrases if project else frozenset(),
        "back": _back(request),
        "links": Links(place(request, "").rstrip("/")) if project else None,
    }
    return HTMLResponse(templates().get_template(template).render(**context | shown), status_code=status)


def _back(request: Request) -> str:
    """Where a reader who chooses another language is: the page, or the one that the form was on."""
    address: bytes = request.scope.get("raw_path") or b"/"
    if request.method not in ("GET", "HEAD"):  # every form is sent to an address below its page
        address = address.rpartition(b"/")[0]
    elif query := request.scope["query_string"]:
        address += b"?" + query
    return address.decode("ascii", "replace")


def wrong(request: Request, status: int, text: str) -> Response:
    """A page that says what is wrong; to a program as JSON."""
    if request.url.path.split("/")[2:3] == ["api"]:
        return JSONResponse({"error": {"what": text}}, status_code=status)
    return page(request, "wrong.html", status=status, text=text, code=status)


def project_of(request: Request) -> ShownProject:
    """The project in the address. Raises a 404."""
    projects: Mapping[str, ShownProject] = request.app.state.projects
    project = projects.get(request.path_params["project"])
    if project is None:
        raise HTTPException(404, N_("There is no such project on this page."))
    request.state.project = project
    return project


def scores_of(request: Request) -> PublishedScores:
    """The latest copy of the project in the address. Raises a 404 while there is none."""
    project = project_of(request)
    scores = project.scores
    if scores is None and has_scored(project.runs()):
        raise HTTPException(
            404,
            N_(
                "No scores are published yet: those of a challenger never are. The next run of “leadlens score” without --challenger publishes them here."
            ),
        )
    if scores is None:
        raise HTTPException(
            404, N_("No scores are published yet. The next run of “leadlens score” publishes them here.")
        )
    return scores


def comparison_of(request: Request) -> PublishedComparison:
    """The latest comparison of the project in the address. Raises a 404 while there is none."""
    comparison = project_of(request).comparison
    if comparison is None:
        raise HTTPException(
            404,
            N_("No comparison is published yet. The next run of “leadlens compare” publishes it here."),
        )
    return comparison


def person_of(request: Request, right: Right = "read") -> Person:
    """Who asks. Raises a 403 where the person may not do that."""
    person: Person = request.state.person
    if not person.may(right):
        refused = N_("Your role, {role}, may not do that. Ask whoever runs the page.")
        raise HTTPException(403, refused.format(role=person.role))
    return person


def lead_of(request: Request) -> Lead:
    """The lead in the address, if the person may see it. Raises a 404."""
    person, lead_id = person_of(request), request.path_params["lead"]
    found = scores_of(request).lead(lead_id)
    if found is None or (person.owner is not None and found.row.owner != person.owner):
        raise HTTPException(404, N_("There is no lead with this id among the published scores."))
    return found


def place(request: Request, rest: str) -> str:
    """The address of a page of the same project."""
    return f"{request.scope.get('root_path', '')}/{quote(request.path_params['project'], safe='')}/{rest}"


def to(request: Request, rest: str) -> Response:
    """Go on to a page of the same project."""
    return RedirectResponse(place(request, rest), status_code=303)


async def form_of(request: Request, most: int = _MOST_FIELDS) -> dict[str, str]:
    """The fields of a sent form, at most so many, the first of each name. Raises a 400 or 408."""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await request.body()
    except TimeoutError:
        raise HTTPException(408, N_("The form did not arrive in time, so nothing was changed.")) from None
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=most)
    except ValueError:
        raise HTTPException(400, N_("This form cannot be read, so nothing was changed.")) from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value.replace("\r\n", "\n").strip())
    return fields


def download(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A CSV file, sent as it is made; what a spreadsheet would take for a formula begins with a quote."""
    return StreamingResponse(
        _lines(head, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield BEGINS
    yield csv_line(head)
    for row in rows:
        yield csv_line(row)

"""The same over HTTP for programs: leads as JSON, and one new lead scored by the same code as the night."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leadlens.features.errors import LeadlensError
from leadlens.models.judging.plain import plain
from leadlens.pipeline.app.answers import PageOfLeads, WholeLead
from leadlens.pipeline.app.openapi import description
from leadlens.pipeline.app.pages.leads import asked_for
from leadlens.pipeline.app.site import FORM_SECONDS, lead_of, person_of, project_of, scores_of
from leadlens.pipeline.published.asked import SORTS, place_of

_MOST = 500
_AT_ONCE, _WAITING = (
    2,
    8,
)  # leads that are scored, and requests that may wait for it: the others go on being read


@dataclass
class Turns:
    """Who scores a lead now or waits for it. One event loop uses it, so that counting needs no lock."""

    taken: int = 0
    _limiter: CapacityLimiter | None = None

    def limiter(self) -> CapacityLimiter:
        """Of the threads that score; made in the event loop that uses it."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(_AT_ONCE)
        return self._limiter


def leads(request: Request) -> Response:
    """``GET /{project}/api/leads``: a page of the list, with the same questions as the page."""
    scores, person = scores_of(request), person_of(request)
    _refuse_unknown(request)
    asked = asked_for(request.query_params, person, scores)
    return _json(PageOfLeads.of(scores, scores.leads(asked, _most(request))).model_dump(mode="json"))


def lead(request: Request) -> Response:
    """``GET /{project}/api/leads/{lead}``: all that is known of one."""
    return _json(WholeLead.of(lead_of(request)).model_dump(mode="json"))


async def score(request: Request) -> Response:
    """``POST /{project}/api/score``: one lead that is in no source yet."""
    person, project = person_of(request), project_of(request)
    if person.owner is not None:
        raise HTTPException(403, "Someone who sees only their own leads may not score others.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "A lead must be sent as application/json.")
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await request.body()
    except TimeoutError:
        raise HTTPException(408, "The lead did not arrive in time.") from None
    try:
        return _json(await _one_of_few(request, partial(project.score, body)))
    except LeadlensError as error:
        return JSONResponse({"error": error.as_dict()}, status_code=400 if error.exit_code in (1, 2) else 503)


async def _one_of_few(request: Request, score: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Score it, in turn. Raises a 503 where too many wait."""
    turns: Turns = request.app.state.turns
    if turns.taken >= _AT_ONCE + _WAITING:
        raise HTTPException(503, "Too many leads are being scored just now. Try again in a moment.")
    turns.taken += 1
    try:
        return await to_thread.run_sync(score, limiter=turns.limiter())
    finally:
        turns.taken -= 1


def openapi(request: Request) -> Response:
    """``GET /{project}/api/openapi.json``: what this interface takes and gives."""
    person_of(request)
    return JSONResponse(description(project_of(request).name))


def _json(value: Mapping[str, Any]) -> Response:
    return JSONResponse(plain(value))


def _refuse_unknown(request: Request) -> None:
    """Raise a 400 for a value that the page would pass over: a program is to know."""
    for name, known in (("sort", SORTS), ("status", ("open", "closed", "any")), ("disqualified", ("1",))):
        value = request.query_params.get(name)
        if value is not None and value not in known:
            raise HTTPException(400, f"{name} is one of {', '.join(known)}.")
    after = request.query_params.get("after", "")
    if after and place_of(after) is None:
        raise HTTPException(400, "after is `next` of the page before.")


def _most(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= _MOST):
        raise HTTPException(400, f"limit is a whole number from 1 to {_MOST}.")
    return int(text)

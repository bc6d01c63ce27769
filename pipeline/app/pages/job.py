"""A preview: how far it is, then who would move, or what went wrong."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from leadlens.pipeline.app.jobs import Job
from leadlens.pipeline.app.site import page, person_of, project_of
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.published.copy import LeadRow

_EVERY = 2  # seconds


def job(request: Request) -> Response:
    """``GET /{project}/jobs/{job}``. It names leads, so it is for those who may start one."""
    person_of(request, "sheets")
    project = project_of(request)
    found = project.jobs.job(request.path_params["job"])
    if found is None:
        raise HTTPException(404, N_("There is no such preview, or it was removed: the last 20 are kept."))
    waits = found.status == "running"
    refreshes = waits and request.query_params.get("refresh") != "no"
    shown = page(
        request, "job.html", job=found, people=_people(request, found), waits=waits, refreshes=refreshes
    )
    if refreshes:
        shown.headers["Refresh"] = str(_EVERY)
    return shown


def _people(request: Request, found: Job) -> dict[str, LeadRow]:
    """The leads by id, as far as the published copy has them."""
    result: dict[str, Any] = found.result or {}
    leads = [lead["lead_id"] for lead in [*result.get("risen", ()), *result.get("fallen", ())]]
    scores = project_of(request).scores
    return {} if scores is None or not leads else scores.rows_of(leads)

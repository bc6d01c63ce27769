"""What went wrong: failed runs, warnings, how old the scores are, untouched leads; and the log."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.pipeline.app.health import health_of
from leadlens.pipeline.app.nights import command_of
from leadlens.pipeline.app.site import page, person_of, project_of
from leadlens.pipeline.app.watch import psi_level


def health(request: Request) -> Response:
    """``GET /{project}/health``."""
    project, person = project_of(request), person_of(request)
    health_view = health_of(project, owner=person.owner)
    moved = [] if health_view.monitored is None else health_view.monitored.moved
    outcomes = [] if health_view.monitored is None else health_view.monitored.facts.get("outcomes", [])
    return page(
        request,
        "health.html",
        health=health_view,
        moved=[each | {"level": psi_level(each)} for each in moved],
        outcomes=outcomes,
        few=MIN_LEADS,
        command_of=command_of,
    )


def log(request: Request) -> Response:
    """``GET /{project}/log``."""
    project = project_of(request)
    person_of(request, "log")
    return page(request, "log.html", entries=project.store.entries(project.name))

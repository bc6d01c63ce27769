"""What went wrong: failed runs, warnings, how old the scores are, untouched leads; and the log."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pipeline.app.health import health_of
from pipeline.app.site import page, person_of, project_of


def health(request: Request) -> Response:
    """``GET /{project}/health``."""
    project = project_of(request)
    person_of(request)
    return page(request, "health.html", health=health_of(project))


def log(request: Request) -> Response:
    """``GET /{project}/log``."""
    project = project_of(request)
    person_of(request, "log")
    return page(request, "log.html", entries=project.store.entries(project.name))

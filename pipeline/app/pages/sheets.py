"""The sheets of a project with their versions, and by which of them leads are scored."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from leadlens.pipeline.app.sheet_words import STAGE_WORDS
from leadlens.pipeline.app.shown_sheets import shown_sheets
from leadlens.pipeline.app.site import page, person_of, project_of


def sheets(request: Request) -> Response:
    """``GET /{project}/sheets``."""
    project = project_of(request)
    person_of(request)
    shown, problems = shown_sheets(project.file)
    return page(request, "sheets.html", sheets=shown, problems=problems, stages=STAGE_WORDS)

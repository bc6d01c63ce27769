"""The threshold from what sales can call: the cut, what it brings a week, and how many open leads are above it today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipeline.app.site import comparison_of, page, person_of, project_of

_REPS, _CALLS = 5, 20


def threshold(request: Request) -> Response:
    """``GET /{project}/threshold``."""
    person_of(request)
    compared, project = comparison_of(request), project_of(request)
    figures = compared.figures
    weeks = max(1, int(figures.get("weeks") or 1))
    reps, calls = _whole(request, "reps", _REPS), _whole(request, "calls", _CALLS)
    model = [each for each in figures["thresholds"] if each["lens"] == "leadlens"]
    sheet = compared.facts.get("cuts") or []
    scores = project.scores
    above = None if scores is None else scores.facets["score"]
    return page(
        request,
        "threshold.html",
        compared=compared,
        weekly=figures.get("weekly", False),
        weeks=weeks,
        reps=reps,
        calls=calls,
        room=reps * calls,
        model=model,
        sheet=sheet,
        everybody=figures["leads"] <= reps * calls * weeks,
        by_model=_cut(model, reps * calls * weeks),
        by_sheet=_cut(sheet, reps * calls * weeks),
        open_above={cut["threshold"]: _open_above(above, cut["threshold"]) for cut in model},
    )


def _cut(cuts: Sequence[Mapping[str, Any]], room: int) -> Mapping[str, Any] | None:
    """The lowest threshold that gives sales no more leads than they can call; ``None`` where none does."""
    return next((cut for cut in cuts if cut["leads"] <= room), None)


def _open_above(scores: Mapping[str, int] | None, cut: int) -> int | None:
    """Open leads with at least this score that are not disqualified; ``None`` while no night is published."""
    return None if scores is None else sum(leads for score, leads in scores.items() if int(score) >= cut)


def _whole(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 6 and int(text) else otherwise

"""Rules against model: the headline, the cells with their leads, and each rule with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from leadlens.features.errors import LeadlensError
from leadlens.pipeline.app.sheet_form import field_of_rule
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.app.shown_sheets import shown_sheets
from leadlens.pipeline.app.site import comparison_of, download, form_of, page, person_of, place, project_of
from leadlens.pipeline.languages.marks import N_, P_
from leadlens.pipeline.published.compared import CELLS, JudgedLead, PublishedComparison
from leadlens.pipeline.scorecards.project import load_sheets
from leadlens.pipeline.views.comparison import ComparisonView
from leadlens.pipeline.views.links import segment


def compare(request: Request) -> Response:
    """``GET /{project}/compare``."""
    person_of(request)
    compared = comparison_of(request)
    figures = compared.figures
    if compared.asked is None:
        return page(request, "compare_model.html", compared=compared, figures=figures)
    at = compared.at(_share(request.query_params.get("capacity"), compared))
    return page(
        request,
        "compare.html",
        c=ComparisonView(figures, at),
        shares=compared.shares,
        elsewhere=compared.elsewhere(at["share"]),
        made_at=compared.facts["made_at"],
        other_sheet=other_sheet(project_of(request), figures["meta"]),
    )


def cell(request: Request) -> Response:
    """``GET /{project}/compare/{cell}``."""
    person = person_of(request)
    compared, name = comparison_of(request), _cell(request)
    share = _share(request.query_params.get("capacity"), compared)
    at = compared.at(share)
    return page(
        request,
        "cell.html",
        compared=compared,
        cell=name,
        slug=request.path_params["cell"],
        share=at["share"],
        figures=next(each for each in at["quadrants"] if each["quadrant"] == name),
        leads=compared.cell(share, name, _start(request), owner=person.owner),
        disqualified=compared.disqualified(share, name, owner=person.owner),
    )


async def export(request: Request) -> Response:
    """``POST /{project}/compare/{cell}/export``."""
    person, fields = person_of(request, "export"), await form_of(request)
    project, name = project_of(request), _cell(request)
    compared = await run_in_threadpool(comparison_of, request)
    share = compared.at(_share(fields.get("capacity"), compared))["share"]
    total = (await run_in_threadpool(compared.cell, share, name, 0, 1)).total
    details = {"capacity": share, "rows": total}
    await run_in_threadpool(
        project.store.log, project.name, person.name, P_("logged", "exported"), name, details
    )
    file = f"{project.name}-{request.path_params['cell']}-{round(100 * share)}.csv"
    return download(file, JudgedLead._fields, compared.every_of_cell(share, name))


def rule(request: Request) -> Response:
    """``GET /{project}/rules/{rule}``."""
    person = person_of(request)
    compared, label = comparison_of(request), request.path_params["rule"]
    audit = compared.rules.get(label)
    if audit is None:
        raise HTTPException(404, N_("There is no such rule in the comparison that is published."))
    project = project_of(request)
    said = {
        verdict: compared.matched(label, project.store.leads_with(project.name, verdict))
        for verdict in ("accepted", "rejected")
    }
    return page(
        request,
        "rule.html",
        compared=compared,
        rule=audit,
        unit=compared.figures["unit"],
        said=said,
        edited_at=_edited_at(request, project, label) if person.may("sheets") else None,
        leads=compared.rule(label, _start(request), owner=person.owner),
    )


def _edited_at(request: Request, project: ShownProject, label: str) -> str | None:
    """Where a rule's points are edited: its field in the version by which leads are scored; ``None`` where no such has the rule."""
    for shown in shown_sheets(project.file)[0]:
        if shown.live is not None and (at := field_of_rule(shown.live, label)) is not None:
            return place(request, f"sheets/{segment(shown.name)}/{shown.live.version}#{at}")
    return None


def other_sheet(project: ShownProject, meta: Mapping[str, Any]) -> str | None:
    """What to say where leads are not scored by the sheet that was compared."""
    try:
        sheets = load_sheets(project.file)
    except LeadlensError:
        return None  # the page of the sheets says what is wrong
    live = None if sheets is None else f"{sheets.name} {sheets.version}"
    if live is None or live == meta.get("sheet_version"):
        return None
    return N_(
        "Leads are scored by {sheet} now, and this comparison is of {other}. "
        "The next run of “leadlens compare” judges the sheet as it is now."
    ).format(sheet=live, other=meta.get("sheet_version"))


def _cell(request: Request) -> str:
    name = CELLS.get(request.path_params["cell"])
    if name is None:
        raise HTTPException(404, N_("There is no such cell."))
    return name


def _share(text: str | None, compared: PublishedComparison) -> float:
    """A capacity in percent that was asked for; the project's where it is none."""
    own = compared.asked
    if own is None:
        raise HTTPException(404, N_("The model was judged alone: there is no sheet to compare it with."))
    try:
        share = float(text or "") / 100
    except ValueError:
        return own
    return share if 0 < share < 1 else own


def _start(request: Request) -> int:
    text = request.query_params.get("from", "0")
    return min(int(text), 10_000_000) if text.isdecimal() and text.isascii() and len(text) < 9 else 0

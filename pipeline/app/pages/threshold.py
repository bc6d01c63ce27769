"""The threshold from what sales can call: the cut, what it brings and earns a week, whether it still means what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from leadlens.features import humanize
from leadlens.models.judging.bands import HOT
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.profit import Profit, profits
from leadlens.models.judging.thresholds import more_above
from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.pipeline.app.choosing import language_of, written_in
from leadlens.pipeline.app.pages.compare import other_sheet
from leadlens.pipeline.app.pages.sheet import save
from leadlens.pipeline.app.sheet_form import read_form
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.app.shown_sheets import ShownVersion, shown_sheets, shown_version
from leadlens.pipeline.app.site import comparison_of, form_of, page, person_of, project_of
from leadlens.pipeline.app.weeks import weeks_shown
from leadlens.pipeline.languages.language import Language
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.languages.typed_numbers import field_number, read_number
from leadlens.pipeline.published.compared import PublishedComparison
from leadlens.pipeline.published.monitored import Monitored
from leadlens.pipeline.views.charts import weekly
from leadlens.pipeline.views.words import number

_REPS, _CALLS = 5, 20
_MOST_REPS, _MOST_MONEY, _LONGEST = 9_999, 1e9, 60
_ASKED = ("reps", "calls", "cost", "gain")
_MQL = "thresholds.mql.points"
_SAME = N_("MQL begins at {n_points} points already, so nothing was saved.")
_NO_FIELD = N_(
    "The sheet sets no points at which a lead becomes MQL, so there are none to change here. Whoever maintains its file can add them."
)
_NO_REASON = N_("Say in a few words why, for those who read it later.")
_NO_SHEET = N_("No score sheet is in force, so there is none whose threshold could be changed.")


@dataclass(frozen=True)
class _Form:
    """The fields of the page: the numbers that could be read, what is wrong with others, and what each field shows."""

    language: Language
    numbers: Mapping[str, float]
    problems: Mapping[str, str]
    shown: Mapping[str, str]


def threshold(request: Request) -> Response:
    """``GET /{project}/threshold``."""
    person_of(request)
    return _page(request, request.query_params)


async def draft(request: Request) -> Response:
    """``POST /{project}/threshold/draft``: the sheet in force with another MQL threshold becomes a draft."""
    person_of(request, "sheets")
    fields = await form_of(request)
    return await run_in_threadpool(_draft, request, fields)


def _draft(request: Request, fields: Mapping[str, str]) -> Response:
    project, person = project_of(request), person_of(request, "sheets")
    live = _live(project)
    if live is None:
        raise HTTPException(404, _NO_SHEET)
    reason = fields.get("reason", "")[:500]
    if not reason:
        return _page(request, fields, _NO_REASON)
    if _in_force(live) is None:
        return _page(request, fields, _NO_FIELD)
    edited = read_form(live.sheet, {_MQL: fields.get("points", "")}, written_in(request, fields))
    if edited.sheet is None:
        return _page(request, fields, " ".join(edited.problems.values()), at="points")
    if edited.sheet.version == live.sheet.version:
        return _page(request, fields, _SAME.format(n_points=number(_in_force(live))))
    return save(request, person, live, edited, reason)


def _page(request: Request, asked: Mapping[str, str], complaint: str = "", at: str = "") -> Response:
    compared, project = comparison_of(request), project_of(request)
    figures = compared.figures
    weeks = max(1, int(figures.get("weeks") or 1))
    form = _read(asked, written_in(request, asked), language_of(request))
    reps, calls = int(form.numbers.get("reps", _REPS)), int(form.numbers.get("calls", _CALLS))
    cost, gain = form.numbers.get("cost"), form.numbers.get("gain")
    model = [each | {"cut": each["threshold"]} for each in figures["thresholds"] if each["lens"] == MODEL]
    sheet = [each | {"cut": each["points"]} for each in compared.facts.get("cuts") or []]
    room = reps * calls
    everybody = figures["leads"] <= room * weeks
    by_model, by_sheet = _cut(model, room * weeks), _cut(sheet, room * weeks)
    live = _live(project)
    in_force = None if live is None else _in_force(live)
    earned = {lens: _earned(cuts, cost, gain, weeks) for lens, cuts in ((MODEL, model), (RULES, sheet))}
    best = _best(sheet, earned[RULES], weeks)
    proposed = (
        best["cut"] if best and best["pays"] else by_sheet["cut"] if by_sheet and not everybody else in_force
    )
    scores = project.scores
    above = None if scores is None else scores.facets["score"]
    return page(
        request,
        "threshold.html",
        status=400 if complaint else 200,
        complaint=complaint,
        at=at,
        compared=compared,
        other_sheet=other_sheet(project, figures["meta"]),
        weekly=figures.get("weekly", False),
        weeks=weeks,
        reps=reps,
        calls=calls,
        form=form,
        room=room,
        model=model,
        sheet=sheet,
        everybody=everybody,
        by_model=by_model,
        by_sheet=by_sheet,
        live=live,
        in_force=in_force,
        points=form.shown.get("points")
        or ("" if proposed is None else field_number(proposed, form.language)),
        reason=asked["reason"][:500] if "reason" in asked else None,
        rises=more_above(pd.DataFrame(figures["thresholds"])),
        horizon=humanize(project.file.project.outcome.horizon),
        today=above is not None,
        force_cut=next((each for each in sheet if each["cut"] == in_force), None),
        hot=HOT,
        few=MIN_LEADS,
        earned=earned,
        best={MODEL: _best(model, earned[MODEL], weeks), RULES: best},
        courses=_courses(
            compared,
            project.monitored,
            in_force if in_force is not None else by_sheet["cut"] if by_sheet else None,
            by_model["cut"] if by_model else HOT,
        ),
        open_above={cut["threshold"]: _open_above(above, cut["threshold"]) for cut in model},
    )


def _live(project: ShownProject) -> ShownVersion | None:
    """The version by which leads are scored of the project's first sheet; ``None`` where no lead can be scored by one."""
    shown, _ = shown_sheets(project.file)
    first = next((sheet.live for sheet in shown if sheet.live is not None and not sheet.is_stuck), None)
    return None if first is None else shown_version(project.file, first.name, first.version)


def _in_force(live: ShownVersion) -> float | None:
    """From how many points on a lead is MQL; ``None`` where points do not decide."""
    thresholds = live.sheet.thresholds
    return None if thresholds is None else thresholds.mql.points


def _cut(cuts: Sequence[Mapping[str, Any]], room: int) -> Mapping[str, Any] | None:
    """The lowest threshold that gives sales no more leads than they can call; ``None`` where none does."""
    return next((cut for cut in cuts if cut["leads"] <= room), None)


def _earned(
    cuts: Sequence[Mapping[str, Any]], cost: float | None, gain: float | None, weeks: int
) -> dict[float, Profit]:
    """By threshold; empty where nobody said what a call costs and a conversion brings."""
    if cost is None or gain is None:
        return {}
    by_cut = profits(cuts, cost=cost, gain=gain, weeks=weeks)
    return {cut["cut"]: profit for cut, profit in zip(cuts, by_cut, strict=True)}


def _best(
    cuts: Sequence[Mapping[str, Any]], earned: Mapping[float, Profit], weeks: int
) -> dict[str, Any] | None:
    """The threshold that earns most, which others are not shown to earn less, and how many calls a week it takes."""
    best = next((cut for cut in cuts if cut["cut"] in earned and earned[cut["cut"]].is_best), None)
    if best is None:
        return None
    alike = [cut for cut, profit in earned.items() if not (profit.behind or profit.is_best)]
    return {
        "cut": best["cut"],
        "profit": earned[best["cut"]],
        "pays": earned[best["cut"]].high > 0,
        "calls": best["leads"] / weeks,
        "alike": alike,
        "is_alone": not alike,
        "behind": len(earned) - len(alike) - 1,
    }


def _courses(
    compared: PublishedComparison, monitored: Monitored | None, points: float | None, score: float
) -> list[dict[str, Any]]:
    """How leads above a threshold were week by week: those of the comparison, then those of scores in service."""
    past = [(RULES, points, compared.weeks(RULES, points))] if points is not None else []
    past.append((MODEL, score, compared.weeks(MODEL, score)))
    service = (
        []
        if monitored is None
        else [(RULES, None, monitored.weeks(None)), (MODEL, score, monitored.weeks(score))]
    )
    return [
        {"lens": lens, "cut": cut, "is_service": is_service, "weeks": shown, "chart": weekly(shown)}
        for is_service, courses in ((False, past), (True, service))
        for lens, cut, weeks in courses
        if (shown := weeks_shown(weeks))
    ]


def _open_above(scores: Mapping[str, int] | None, cut: int) -> int | None:
    """Open leads with at least this score that are not disqualified; ``None`` while no night is published."""
    return None if scores is None else sum(leads for score, leads in scores.items() if int(score) >= cut)


def _read(asked: Mapping[str, str], typed_in: Language, own: Language) -> _Form:
    """What was typed in one language, for a reader of the page in another: a link may be passed on."""
    numbers: dict[str, float] = {}
    problems: dict[str, str] = {}
    texts = {name: text[:_LONGEST] for name in (*_ASKED, "points") if (text := asked.get(name, "").strip())}
    for name, text in texts.items():
        try:
            numbers[name] = read_number(text, typed_in)
            if (wrong := _wrong(name, numbers[name])) is not None:
                raise ValueError(wrong)
        except ValueError as error:
            numbers.pop(name, None)
            if name in _ASKED:  # the draft's own is judged with the sheet
                problems[name] = str(error)
    language = (
        own if numbers.keys() == texts.keys() else typed_in
    )  # what cannot be read is shown as it was typed
    shown = {name: field_number(number, language) for name, number in numbers.items()}
    return _Form(language, numbers, problems, texts | shown)


def _wrong(name: str, number: float) -> str | None:
    """What is wrong with a number that could be read."""
    if name in ("reps", "calls") and not (number == number // 1 and 1 <= number <= _MOST_REPS):
        return N_("A whole number from 1 to {n} is needed here.").format(n=f"{_MOST_REPS:,}")
    if name in ("cost", "gain") and not 0 <= number <= _MOST_MONEY:
        return N_("An amount from 0 to {n} is needed here.").format(n=f"{_MOST_MONEY:,.0f}")
    return None

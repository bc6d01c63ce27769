"""One lead: both scores and why, line by line, what moved, what to do next, and what sales said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.app.site import form_of, lead_of, page, person_of, project_of, scores_of, to
from leadlens.pipeline.app.store import GivenVerdict, VerdictName
from leadlens.pipeline.languages.marks import N_, P_
from leadlens.pipeline.published.copy import Line
from leadlens.pipeline.views import words
from leadlens.pipeline.views.charts import timeline
from leadlens.pipeline.views.links import segment

REASONS = (
    N_("Not a buyer"), N_("No budget"), N_("Wrong contact data"), N_("Too early"), N_("Competitor or student"),
)  # fmt: skip
_MOST_MOVED = 5
_REST = P_("reason", "smaller reasons and rounding")


def lead(request: Request) -> Response:
    """``GET /{project}/leads/{lead}``."""
    scores = scores_of(request)
    shown = lead_of(request)
    project, total = project_of(request), shown.row.score
    compared = project.comparison
    return page(
        request,
        "lead.html",
        scores=scores,
        lead=shown,
        title=shown.row.name or shown.row.lead_id,
        rest=_REST,
        reasons=words.whole_lines(shown.reasons, total, _REST),
        ledger=_by_day(shown.ledger),
        moved=[] if shown.before is None else moved_lines(shown.moved, total - shown.before.score),
        crm=_in_crm(project.file.project.page.crm, shown.row.lead_id),
        chance=None if compared is None else compared.chance(shown.row.score),
        chart=timeline(shown.past),
        verdicts=_verdicts(project, shown.row.lead_id),
        choices=REASONS,
        grade=grade_words(shown.row.grade),
        rule_grade=None if shown.row.rule_grade == shown.row.grade else grade_words(shown.row.rule_grade),
    )


async def verdict(request: Request) -> Response:
    """``POST /{project}/leads/{lead}/verdict``."""
    person, fields = person_of(request, "verdict"), await form_of(request)
    shown = await run_in_threadpool(lead_of, request)
    said, reason = fields.get("verdict", ""), fields.get("reason", "")[:500]
    project = project_of(request)
    if said == "taken back":
        if not await run_in_threadpool(project.store.take_back, project.name, shown.row.lead_id, person.name):
            raise HTTPException(400, N_("There is no verdict of yours on this lead to take back."))
        return to(request, f"leads/{segment(shown.row.lead_id)}")
    if said not in ("accepted", "rejected") or (said == "rejected" and not reason):
        raise HTTPException(
            400, N_("A verdict is “accepted”, or “rejected” with a reason. Nothing was saved.")
        )
    await run_in_threadpool(
        project.store.judge, project.name, shown.row.lead_id, cast(VerdictName, said), reason, person.name
    )
    return to(request, f"leads/{segment(shown.row.lead_id)}")


_FIT = {
    "A": N_("fits very well"), "B": N_("fits well"), "C": N_("fits poorly"), "D": N_("does not fit"),
}  # fmt: skip
_ACTIVITY = {
    "4": N_("very active"), "3": N_("active"), "2": N_("hardly active"), "1": N_("not active"),
}  # fmt: skip


def grade_words(grade: str | None) -> tuple[str, ...] | None:
    """What a grade says of who the lead is and of what it does; ``None`` of what is no grade.

    >>> grade_words("A3"), grade_words("D"), grade_words(None)
    (('fits very well', 'active'), ('does not fit',), None)
    """
    words = tuple(
        each[sign]
        for each, sign in zip((_FIT, _ACTIVITY), (grade or "").ljust(2), strict=False)
        if sign in each
    )
    return words if words and len(words) == len(grade or "") else None


def moved_lines(lines: Sequence[Line], total: int) -> list[Line]:
    """The strongest lines in whole points, and one for the rest, by which they sum to how far the score went.

    >>> [line[:2] for line in moved_lines([Line("Trial", 4.2), Line("Mail", -0.6)], 5)]
    [('Trial', 4), ('Mail', -1), ('smaller reasons and rounding', 2)]
    """
    shown = [line._replace(points=round(line.points)) for line in lines[:_MOST_MOVED] if round(line.points)]
    rest = total - sum(line.points for line in shown)
    return [*shown, Line(_REST, rest)] if rest else shown


def _verdicts(project: ShownProject, lead_id: str) -> Sequence[GivenVerdict] | None:
    """What sales said; ``None`` while the file is in other hands: the lead is shown all the same."""
    try:
        return project.store.verdicts(project.name, lead_id)
    except sqlite3.OperationalError:
        return None


def _in_crm(address: str | None, lead_id: str) -> str | None:
    return None if address is None else address.replace("{lead_id}", quote(lead_id, safe=""))


def _by_day(lines: Sequence[Line]) -> list[Line]:
    """Lines without a date first, as they are in the sheet; then by time."""
    undated = [line for line in lines if line.occurred_at is None]
    dated = [line for line in lines if line.occurred_at is not None]
    return undated + sorted(dated, key=lambda line: str(line.occurred_at))

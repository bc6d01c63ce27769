"""How values read in English; templates show them in the reader's language (``leadlens.pipeline.languages``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadlens.features.errors import LeadlensError
from leadlens.models.judging import wording
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.published.copy import Line

NOTHING = "–"
# Why leads left (leadlens.pipeline.writeback.closings), as people say it.
LEFT = {
    "converted": N_("it converted"),
    "merged": N_("it was merged into another lead"),
    "filtered": N_("a setting of the project leaves it out"),
    "vanished": N_("it is no longer in the data"),
}


def number(value: float | None) -> str:
    """A number as people read it: no decimals where there are none.

    >>> number(68.0), number(67.5), number(None), number(12345)
    ('68', '67.5', '–', '12,345')
    """
    if value is None:
        return NOTHING
    rounded = round(value, 1) + 0.0
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.1f}"


def signed(value: float) -> str:
    """Points as they are added.

    >>> signed(8.0), signed(-3.25), signed(0)
    ('+8', '−3.2', '0')
    """
    text = number(abs(value))
    return text if text == "0" else f"{'+' if value > 0 else '−'}{text}"


def day(value: datetime | str | None) -> str:
    """A day.

    >>> day(datetime(2025, 6, 3, 2, 10)), day(None)
    ('3 Jun 2025', '–')
    """
    at = _time(value)
    return NOTHING if at is None else f"{at.day} {at:%b %Y}"


def minute(value: datetime | str | None) -> str:
    """A time, UTC."""
    at = _time(value)
    return NOTHING if at is None else f"{day(at)} {at:%H:%M}"


def text(value: Any) -> str:
    """A text; a dash where there is none."""
    return NOTHING if value is None or value == "" else str(value)


def for_readers(error: LeadlensError) -> str:
    """What is wrong and how to fix it, of a path the name alone: folders and causes are for whoever runs the page, in the log of the server.

    >>> for_readers(LeadlensError("this file is gone", value="/srv/crm/leads.csv", why="No such file", fix="export it again"))
    'This file is gone (leads.csv). Export it again.'
    """
    name = None if error.value is None else error.value.replace("\\", "/").rpartition("/")[2]
    return sentences(LeadlensError(error.what, value=name, fix=error.fix))


def sentences(error: LeadlensError) -> str:
    """An error as sentences.

    >>> sentences(LeadlensError("there is no such stage", value="gone", fix="say draft"))
    'There is no such stage (gone). Say draft.'
    """
    what = error.what if error.value is None else f"{error.what} ({error.value})"
    parts = [part.strip().rstrip(".") for part in (what, error.why, error.fix) if part]
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in parts)


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def whole_lines(lines: Sequence[Line], total: float, rest: str) -> list[Line]:
    """The lines in whole points, and one last line ``rest`` by which they sum to ``total``.

    >>> [line[:2] for line in whole_lines([Line("start", 44.6), Line("trial", 9.2), Line("3 smaller reasons", 0.2)], 54, "smaller reasons")]
    [('start', 45), ('trial', 9), ('smaller reasons', 0)]
    """
    shown = [line._replace(points=round(line.points)) for line in lines[:1]]
    shown += [
        line._replace(points=round(line.points))
        for line in lines[1:]
        if abs(line.points) >= 0.5 and not line.text.endswith(("smaller reasons", "smaller reason"))
    ]
    left = total - sum(line.points for line in shown)
    return [*shown, Line(rest, left)]


def hundredths(value: float | None) -> str:
    """A figure with two decimals, as indices are written.

    >>> hundredths(0.254), hundredths(None)
    ('0.25', '–')
    """
    return NOTHING if value is None else f"{value:.2f}"


def percent(share: float | None) -> str:
    """A share.

    >>> percent(0.0432), percent(0.31), percent(None)
    ('4.3 %', '31 %', '–')
    """
    return NOTHING if share is None else wording.percent(share)

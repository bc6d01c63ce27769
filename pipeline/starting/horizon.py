"""How long leads take to convert, and the horizon that covers most of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from leadlens.features.errors import counted
from leadlens.pipeline.starting.conversions import Conversions, statement
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.tables import Export, quote

_DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 545, 730)
_COVERED = 0.9
_OF_SPAN = 0.25  # a longer horizon would leave too few leads whose outcome is known


@dataclass(frozen=True)
class Horizon:
    """Within what time a conversion counts, and why."""

    length: timedelta
    why: str
    covered: float = 1.0


def find_horizon(export: Export, leads: Leads, way: Conversions | None) -> Horizon:
    """The shortest usual horizon within which nine of ten converting leads converted, and at most a quarter of the span of the leads."""
    if way is None or way.flat:
        return Horizon(timedelta(days=30), "no dates of conversions say how long leads take")
    created, people = leads.created.sql, leads.table.export.sql
    lags = (
        f"SELECT date_diff('second', l.created, min(c.converted_at)) / 86400.0 AS lag FROM ({statement(way, leads)}) AS c "
        f"JOIN (SELECT CAST({quote(leads.id.name)} AS VARCHAR) AS id, {created} AS created FROM {people}) AS l ON CAST(c.lead_id AS VARCHAR) = l.id GROUP BY l.id, l.created"
    )
    shares = ", ".join(f"avg(CAST(lag <= {days} AS INTEGER))" for days in _DAYS)
    count, half, *covered = export.connection.execute(
        f"SELECT count(*), median(lag), {shares} FROM ({lags}) AS lags WHERE lag >= 0"
    ).fetchall()[0]
    span = float(
        str(export.value(f"SELECT date_diff('day', min({created}), max({created})) FROM {people}") or 0)
    )
    if not count:
        return Horizon(timedelta(days=30), "no lead converted after it came in")
    able = [place for place, days in enumerate(_DAYS) if days <= max(_OF_SPAN * span, 7)]
    place = next((each for each in able if covered[each] >= _COVERED), able[-1])
    days = _DAYS[place]
    why = f"{covered[place]:.0%} of {counted(int(count), 'conversion')} came within {counted(days, 'day')} of the lead, half within {half:.0f}"
    if covered[place] < _COVERED:
        why += f"; the leads span {span:.0f} days, and a longer horizon would leave too few whose outcome is known"
    return Horizon(timedelta(days=days), why, float(covered[place]))

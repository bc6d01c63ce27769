"""The steps of a sheet for one query: each table is read as few times as possible.

An engine makes a table once and reads it as often as it likes. In one query a warehouse may compute a CTE anew wherever
it is read (Spark does), and ten steps that each read the one before twice are a thousand computations of the first.
The results are those of the engine's form of the same steps.
"""

from __future__ import annotations

from leadlens.models.scorecard.scoring.matches import first_and_latest
from leadlens.models.scorecard.scoring.occurrences import (
    UNDATED,
    UNION,
    action_occurrences,
    event_value,
    window,
)
from leadlens.models.scorecard.scoring.occurrences import occurrences as engine_occurrences
from leadlens.models.scorecard.scoring.points import (
    BEFORE_IN_GROUP,
    BEFORE_IN_RULE,
    PointForm,
    after_cap,
    decayed_lines,
)
from leadlens.models.scorecard.scoring.sheet_pass import SheetPass, listed
from leadlens.models.scorecard.scoring.stage_and_route import (
    BEGINS,
    MICROSECOND,
    SheetPasses,
    StageForm,
    attribute_joins,
    keyed_rules,
    lasting,
    stage_sql,
)


def _occurrences(p: SheetPass) -> str:
    """All attribute rules in one scan, then the actions."""
    if not p.numbers.attributes:
        return engine_occurrences(p)
    matched = [f"CASE WHEN t.match_{number} IS NOT NULL THEN {number} END" for number in p.numbers.attributes]
    details = " ".join(f"WHEN {number} THEN t.match_{number}" for number in p.numbers.attributes)
    attributes = f"""
        SELECT t.row_id, t.rule, {UNDATED} AS occurred_at, CASE t.rule {details} END AS detail
        FROM (
          SELECT t.*, {p.dialect.row_for_each(matched)} AS rule
          FROM {p.name("attribute_matches")} AS t
        ) AS t
    """
    return UNION.join([attributes, *action_occurrences(p)])


def _events(p: SheetPass) -> str:
    value, kept, join = event_value(p, "n.marker"), window(p, p.one_by_one, "n.marker", "n.occurred_at"), ""
    if of := [p.numbers.first_action + index for index in p.parsed.of]:
        kept += f" AND (n.marker NOT IN ({listed(of)}) OR {value} IS NOT NULL)"
    if p.following:
        first = first_and_latest(p, map(p.numbers.after, p.following))
        join = f"LEFT JOIN ({first}) AS y ON y.row_id = n.row_id AND y.marker = n.marker + {p.numbers.size}"
        kept += f" AND (n.marker NOT IN ({listed(p.following)}) OR n.occurred_at > y.earliest)"
    return f"""
        SELECT n.row_id, n.marker, n.occurred_at, {value} AS value
        FROM {p.name("visible")} AS n
        JOIN {p.spine} AS s ON s.row_id = n.row_id
        {join}
        WHERE n.marker IN ({listed(p.one_by_one)}){kept}
    """


def _lines(p: SheetPass) -> str:
    decayed = decayed_lines(p, list(p.numbers.rules))
    return _capped(p, f"({decayed})", "cap", BEFORE_IN_RULE) if p.capped_rules else decayed


def _grouped(p: SheetPass) -> str:
    return _capped(p, p.name("lines"), "group_cap", BEFORE_IN_GROUP)


def _capped(p: SheetPass, lines: str, cap: str, before: str) -> str:
    """Lines of rules without this cap pass through."""
    return f"""
        SELECT
          row_id, rule, occurred_at, detail, raw_points, decayed,
          CASE WHEN {cap} IS NULL THEN points ELSE {after_cap(p, cap)} END AS points
        FROM (
          SELECT n.*, r.{cap}, {before} AS before
          FROM {lines} AS n
          JOIN sheet_rules AS r ON r.rule = n.rule
        ) AS c
    """


def _source(x: SheetPasses, p: SheetPass, staged: bool) -> str:
    if staged:
        source = "sheet_staged AS v"
    else:
        own, join = ["b.*", "b.disqualified_by IS NOT NULL AS disqualified"], ""
        if x.moves:
            own.append("b.total - w.total AS trend")
            join = f" LEFT JOIN {p.prefix}_week_base AS w ON w.row_id = b.row_id"
        source = f"(SELECT {', '.join(own)} FROM {p.name('base')} AS b{join}) AS v"
    source += attribute_joins(x)
    matched = ", ".join(
        f"coalesce({x.dialect.bool_or(f'u.rule = {number}')}, FALSE) AS {x.dialect.quote(key)}"
        for key, number in keyed_rules(x).items()
    )
    if not matched:
        return source
    return f"""
        {source}
        LEFT JOIN (
          SELECT s.row_id, {matched}
          FROM {p.spine} AS s
          LEFT JOIN {p.name("occurrences")} AS u ON u.row_id = s.row_id
          GROUP BY s.row_id
        ) AS k ON k.row_id = v.row_id
    """


def _staged(x: SheetPasses) -> str:
    return f"""
        SELECT g.*, {stage_sql(x, "g")} AS stage
        FROM sheet_reached AS g
        {"LEFT JOIN sheet_kept AS h ON h.row_id = g.row_id" if x.kept else ""}
    """


def every_row(x: SheetPasses) -> str:
    """No row waits: every row is reviewed, which is more work, but does not depend on all that was before."""
    return f"SELECT row_id, lead_id, as_of FROM {x.spine}"


def _reviews(x: SheetPasses) -> str:
    plus = x.dialect.plus
    inactive = sorted({rule.inactive_for for rule in x.sheet.actions if rule.inactive_for})
    times, join = ["l.created_at", *(plus("l.created_at", length) for length in inactive)], ""
    if x.main.event_conditions:
        counts = f"{BEGINS} < w.as_of AND (h.retracted_at IS NULL OR h.retracted_at > {BEGINS})"
        times += [f"CASE WHEN {counts} THEN {at} END" for at in (BEGINS, "h.retracted_at")]
        for length, numbers in lasting(x):
            ends = plus("h.occurred_at", length)
            lasts = f"h.marker IN ({listed(numbers)}) AND {ends} > {BEGINS}"
            times.append(f"CASE WHEN {counts} AND {lasts} THEN {ends} END")
        join = "LEFT JOIN sheet_matches AS h ON h.lead_id = w.lead_id"
    around = [plus("t.moment", shift * MICROSECOND) for shift in (-1, 0, 1)]
    return f"""
        SELECT row_number() OVER (ORDER BY d.of_row, d.as_of) AS row_id, d.of_row, d.lead_id, d.as_of
        FROM (
          SELECT DISTINCT e.of_row, e.lead_id, e.as_of
          FROM (
            SELECT
              t.row_id AS of_row, t.lead_id, t.until, t.created_at,
              {x.dialect.row_for_each(around)} AS as_of
            FROM (
              SELECT
                w.row_id, w.lead_id, w.as_of AS until, l.created_at,
                {x.dialect.row_for_each(times)} AS moment
              FROM sheet_waiting AS w
              JOIN leads AS l ON l.lead_id = w.lead_id
              {join}
            ) AS t
          ) AS e
          WHERE e.as_of < e.until AND e.as_of >= e.created_at
        ) AS d
    """


SINGLE_SCAN = StageForm(
    points=PointForm(
        events=_events,
        occurrences=_occurrences,
        lines=_lines,
        grouped=_grouped,
        source=lambda p: p.name("grouped" if p.grouped_rules else "lines"),
    ),
    source=_source,
    reached="v.*",
    staged=_staged,
    reviews=_reviews,
    plain=True,
)

"""From events to occurrences: what a rule counts for each row of a spine, and when it happened.

The steps besides those of ``matches`` (``p`` is the prefix of a pass):

- ``p_attribute_matches`` one row per spine row: which attribute conditions match as of then, with the values read
- ``p_events``            events one by one for the rules that need them: each, day, value, at_least, after
- ``p_occurrences``       one row per occurrence: once, each event, each day, each value
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from leadlens.features.conditions.condition import Condition
from leadlens.features.matrix import plan_columns
from leadlens.models.scorecard.language.rules import ActionRule
from leadlens.models.scorecard.scoring.matches import counted_columns, first_and_latest, marked, shown
from leadlens.models.scorecard.scoring.sheet_pass import SheetPass, listed

UNDATED = "CAST(NULL AS TIMESTAMP)"
_LEAD = {"": "l", "account": "a", "feature": "f"}
_COUNTED = {"each": " times", "day": " days", "value": " values"}
UNION = "\nUNION ALL\n"


def attribute_matches(p: SheetPass) -> str:
    """``row_id`` and, by marker, ``match_…``: the values that the condition read, NULL where it does not match."""
    columns = ", ".join(
        f"CASE WHEN {condition.sql(p.dialect, _LEAD)} THEN {_detail(p, condition)} END AS match_{number}"
        for number, condition in p.attribute_conditions.items()
    )
    used = {name for condition in p.attribute_conditions.values() for name in condition.columns_used}
    features = any(name.startswith("feature.") for name in used)
    return f"""
        SELECT s.row_id, {columns}
        FROM {p.spine} AS s
        LEFT JOIN lead_as_of AS l ON l.row_id = s.row_id
        LEFT JOIN account_as_of AS a ON a.row_id = s.row_id
        {"LEFT JOIN sheet_features AS f ON f.row_id = s.row_id" if features else ""}
    """


def single_events(p: SheetPass) -> str:
    """Events of the rules that need them one by one, in their window, after what they follow: with ``value``."""
    source, marker = marked(p, "visible", "n")
    value, kept = event_value(p, marker), window(p, p.one_by_one, marker, "n.occurred_at")
    if of := [p.numbers.first_action + index for index in p.parsed.of]:
        kept += f" AND ({marker} NOT IN ({listed(of)}) OR {value} IS NOT NULL)"
    select = f"""
        SELECT n.row_id, {marker}, n.occurred_at, {value} AS value
        FROM {source}
        JOIN {p.spine} AS s ON s.row_id = n.row_id
    """
    parts = []
    if free := [n for n in p.one_by_one if n not in p.following]:
        parts.append(f"{select} WHERE {marker} IN ({listed(free)}){kept}{_longest_window(p, free)}")
    if p.following:
        first = first_and_latest(p, map(p.numbers.after, p.following))
        parts.append(f"""
            {select}
            JOIN ({first}) AS y ON y.row_id = n.row_id AND y.marker = {marker} + {p.numbers.size}
            WHERE {marker} IN ({listed(p.following)}) AND n.occurred_at > y.earliest{kept}
        """)
    return UNION.join(parts)


def event_value(p: SheetPass, marker: str) -> str:
    """The value that a rule with ``of`` counts."""
    columns = counted_columns(p)
    whens = " ".join(
        f"WHEN {p.numbers.first_action + index} THEN n.value_{columns.index(name)}"
        for index, name in p.parsed.of.items()
    )
    return f"CASE {marker} {whens} END" if whens else p.no_text


def occurrences(p: SheetPass) -> str:
    """Attribute matches and actions, one row per occurrence."""
    attributes = [
        f"""
        SELECT row_id, {number} AS rule, {UNDATED} AS occurred_at, match_{number} AS detail
        FROM {p.name("attribute_matches")}
        WHERE match_{number} IS NOT NULL
        """
        for number in p.numbers.attributes
    ]
    return UNION.join([*attributes, *action_occurrences(p)] or [no_occurrence(p)])


def no_occurrence(p: SheetPass) -> str:
    """A SELECT of no occurrence, for a sheet without rules."""
    return f"""
        SELECT s.row_id, 0 AS rule, {UNDATED} AS occurred_at, {p.no_text} AS detail
        FROM {p.spine} AS s
        WHERE FALSE
    """


def action_occurrences(p: SheetPass) -> list[str]:
    """SELECTs of what action rules count: ``row_id, rule, occurred_at, detail``."""
    parts, actions = list[str](), p.numbers.actions
    if once := [n for n in actions if n not in p.one_by_one and actions[n].inactive_for is None]:
        parts.append(_once(p, once))
    for unit in ("once", "each", "day", "value"):
        chosen = {n: actions[n] for n in p.one_by_one if not actions[n].at_least and actions[n].per == unit}
        parts += [_by_unit(p, unit, chosen)] if chosen else []
        for expires in (False, True):
            counted = {n: r for n, r in actions.items() if r.at_least and r.at_least.unit == unit}
            chosen = {n: rule for n, rule in counted.items() if rule.expires == expires}
            parts += [_at_least(p, unit, chosen, expires)] if chosen else []
    return parts + [
        _inactivity(p, n, r.inactive_for) for n, r in actions.items() if r.inactive_for is not None
    ]


def window(p: SheetPass, numbers: Iterable[int], marker: str, at: str) -> str:
    """SQL that is true for these markers within their windows; an event older than the time to zero is out."""
    chosen = set(numbers)
    lengths: dict[tuple[str, timedelta], list[int]] = {}
    for number, rule in p.numbers.actions.items():
        if number in chosen and rule.within is not None:
            lengths.setdefault((">=", rule.within), []).append(number)
        if number in chosen and rule.decay is not None and rule.decay.to_zero is not None:
            lengths.setdefault((">", rule.decay.to_zero), []).append(number)
    return "".join(
        f" AND ({marker} NOT IN ({listed(of)}) OR {at} {op} {p.dialect.minus('s.as_of', length)})"
        for (op, length), of in lengths.items()
    )


def _longest_window(p: SheetPass, numbers: Iterable[int]) -> str:
    """The longest window of these rules, if all have one: asked first, it spares engines most of the events."""
    windows = [p.numbers.actions[number].within for number in numbers]
    given = [length for length in windows if length is not None]
    if len(given) < len(windows):
        return ""
    return f" AND n.occurred_at >= {p.dialect.minus('s.as_of', max(given))}"


def _detail(p: SheetPass, condition: Condition) -> str:
    """What the lead had in the columns that the condition reads: ``age 41, place Bern``."""
    literal, parts = p.dialect.literal, []
    for name in sorted(condition.columns_used):
        prefix, _, bare = (
            name.rpartition(".") if name.startswith(("account.", "feature.")) else ("", "", name)
        )
        kinds = p.history.account_attributes if prefix == "account" else p.history.lead_attributes
        number = _is_number(p, bare) if prefix == "feature" else kinds.get(bare) == "number"
        column = f"{_LEAD[prefix]}.{p.dialect.quote(bare)}"
        # a reader wants 13 and not 13.000000000011575
        value = shown(p.dialect, p.dialect.rounded(column, 6) if number else column, number)
        parts.append(f"{literal(bare + ' ')} || coalesce({value}, {literal('not known')})")
    return f" || {literal(', ')} || ".join(parts) or literal("")


def _is_number(p: SheetPass, feature: str) -> bool:
    assert p.parsed.plan is not None
    return next(column.kind == "number" for column in plan_columns(p.parsed.plan) if column.name == feature)


def _once(p: SheetPass, numbers: list[int]) -> str:
    """Rules that count once: from the first time on, or the latest where it decays."""
    expiring = [n for n in numbers if p.numbers.actions[n].expires]
    at = "m.latest" if expiring else "m.earliest"
    if expiring and len(expiring) < len(numbers):
        at = f"CASE WHEN m.marker IN ({listed(expiring)}) THEN m.latest ELSE m.earliest END"
    within = window(p, numbers, "m.marker", "m.latest")
    return f"""
        SELECT m.row_id, m.marker AS rule, {at} AS occurred_at, {p.no_text} AS detail
        FROM ({first_and_latest(p, numbers)}) AS m
        {f"JOIN {p.spine} AS s ON s.row_id = m.row_id WHERE TRUE{within}" if within else ""}
    """


def _by_unit(p: SheetPass, per: str, rules: dict[int, ActionRule]) -> str:
    """Occurrences of rules that count ``per`` once, each, day or value: the first, the latest where it decays."""
    source = f"FROM {p.name('events')} WHERE marker IN ({listed(rules)})"
    if per == "each":
        return f"SELECT row_id, marker AS rule, occurred_at, {p.no_text} AS detail {source}"
    expiring = [n for n, rule in rules.items() if rule.expires]
    at = "max(occurred_at)" if expiring else "min(occurred_at)"
    if expiring and len(expiring) < len(rules):
        at = f"CASE WHEN marker IN ({listed(expiring)}) THEN max(occurred_at) ELSE min(occurred_at) END"
    by = {"once": "", "day": f", {p.dialect.day_number('occurred_at')}", "value": ", value"}[per]
    return f"""
        SELECT row_id, marker AS rule, {at} AS occurred_at, {"value" if per == "value" else p.no_text} AS detail
        {source}
        GROUP BY row_id, marker{by}
    """


def _at_least(p: SheetPass, unit: str, rules: dict[int, ActionRule], expires: bool) -> str:
    """The occurrence that completes the number it takes: counted from the first on, from the latest where it decays."""
    needed = " ".join(f"WHEN {n} THEN {rule.at_least.number}" for n, rule in rules.items() if rule.at_least)
    counted = f"{p.dialect.text('n')} || {p.dialect.literal(_COUNTED[unit])}"
    return f"""
        SELECT row_id, rule, occurred_at, {counted} AS detail
        FROM (
          SELECT
            row_id, rule, occurred_at,
            row_number() OVER (PARTITION BY row_id, rule ORDER BY occurred_at {"DESC" if expires else "ASC"}) AS nth,
            count(*) OVER (PARTITION BY row_id, rule) AS n
          FROM ({_by_unit(p, unit, rules)}) AS u
        ) AS c
        WHERE nth = CASE rule {needed} END
    """


def _inactivity(p: SheetPass, number: int, length: timedelta) -> str:
    ends = p.dialect.plus("since", length)
    return f"""
        SELECT row_id, {number} AS rule, {ends} AS occurred_at, {p.no_text} AS detail
        FROM (
          SELECT
            s.row_id, s.as_of,
            CASE WHEN m.latest > l.created_at THEN m.latest ELSE l.created_at END AS since
          FROM {p.spine} AS s
          JOIN leads AS l ON l.lead_id = s.lead_id
          LEFT JOIN ({first_and_latest(p, [number])}) AS m ON m.row_id = s.row_id
        ) AS q
        WHERE {ends} <= as_of
    """

"""What the commands on score sheets print for people: the result first, then the lines behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.cli.render.tables import (
    LABEL,
    band,
    bars,
    cut,
    maybe,
    minute,
    number,
    pairs,
    safe,
    signed,
    table,
)

if TYPE_CHECKING:
    from pipeline.jobs.scorecard.changed import Changed
    from pipeline.jobs.scorecard.diff import Diff
    from pipeline.jobs.scorecard.one_lead import LeadTest, RuleTest
    from pipeline.jobs.scorecard.preview import Crossing, Past, Preview
    from pipeline.jobs.scorecard.simulate import Simulated
    from pipeline.jobs.scorecard.stages import Stages

_DETAIL, _MANY = 44, 3
_HOT_SHARE, _HOT_CONVERSIONS, _HOT_TIMES = (0.15, 0.35), 0.60, 10
_KINDS = {
    "event": "new",
    "late": "known late",
    "retraction": "taken back",
    "expired": "expired",
    "decay": "faded",
    "cap": "cap",
    "silence": "silence",
    "attribute": "data",
    "feature": "feature",
    "sheet": "sheet",
}


def render_lead_test(found: LeadTest) -> list[str]:
    """`leadlens scorecard test`."""
    lines = [
        f"Lead {safe(found.lead_id)} as of {minute(found.as_of)} UTC, sheet {found.sheet}",
        *(f"note: {safe(note)}" for note in found.notes),
        f"{number(found.total)} points (score {number(found.score)}), grade {found.grade}, stage {found.stage}"
        + (f": {safe(found.disqualified_by)}" if found.disqualified_by else ""),
    ]
    lines.append(_route(found))
    lines += ["", f"  {'points':>8}  {'when':16}  rule"]
    lines += [
        f"  {signed(points):>8}  {'':16}  Starting points ({name})" for name, points in found.starting.items()
    ]
    gave = [rule for rule in found.rules if rule.lines]
    signals = [rule for rule in found.rules if rule.held and not rule.lines]
    missed = [rule for rule in found.rules if not rule.held]
    for rule in gave:
        lines += [_ledger_line(rule, line, found.summed) for line in rule.lines]
    sums = ", ".join(f"{name} {number(points)}" for name, points in found.dimensions.items())
    lines.append(f"  {number(found.total):>8}  = total ({' + '.join(found.summed)}); {sums}")
    if signals:
        lines += ["", "Hold, without points"]
        lines += pairs((rule.label, rule.why or "") for rule in signals)
    if missed:
        lines += ["", "Do not hold"]
        lines += pairs((rule.label, rule.why or "") for rule in missed)
    if found.disqualifiers and not found.disqualified_by:
        told = ", ".join(safe(label) for label in found.disqualifiers)
        lines += ["", f"Disqualifiers: none holds ({told})"]
    return lines


def _route(found: LeadTest) -> str:
    moved = f"7 days: {signed(found.trend)} points" + (
        f", surge {signed(found.surge)}" if found.surge else ""
    )
    product = f"; product {found.product}" if found.product else ""
    if found.route is None:
        return f"no route holds; {moved}{product}"
    to = f" → {safe(found.queue)}" if found.queue else ""
    why = f" ({safe(found.reason)})" if found.reason and found.reason != found.route else ""
    return f"route {safe(found.route)}: {safe(found.action)}{to}{why}; {moved}{product}"


def _ledger_line(rule: RuleTest, line: dict[str, Any], summed: Sequence[str]) -> str:
    notes = [] if line["detail"] is None else [cut(line["detail"], _DETAIL)]
    if line["taken_by_decay"]:
        notes.append(f"{number(line['raw_points'])}, faded by {number(abs(line['taken_by_decay']))}")
    if line["taken_by_cap"]:
        notes.append(f"a cap took {number(abs(line['taken_by_cap']))}")
    beside = [name for name in rule.moves if name not in summed]
    if beside:
        counts = "also" if len(beside) < len(rule.moves) else "only"
        notes.append(f"{counts} {', '.join(beside)}")
    when = "" if line["occurred_at"] is None else minute(datetime.fromisoformat(line["occurred_at"]))
    told = f"  ({'; '.join(notes)})" if notes else ""
    return f"  {signed(line['points']):>8}  {when:16}  {cut(rule.label, LABEL)}{told}"


def render_preview(found: Preview) -> list[str]:
    """`leadlens scorecard preview`."""
    low, middle, high = (number(value) for value in found.quartiles)
    lines = [
        f"Sheet {found.sheet} on {found.leads:,} open leads as of {minute(found.as_of)} UTC (nothing is written)",
    ]
    if found.outside:
        lines.append(f"{found.outside:,} open leads are left out: the sheet is not for them.")
    lines += ["", f"Total now: half of the leads have {low} to {high}, the middle one {middle}"]
    used = [place for place, part in enumerate(found.bands) if part.leads]
    rows = [(band(part.low, part.high), part.leads) for part in found.bands[used[0] : used[-1] + 1]]
    lines += bars(rows, found.leads)
    lines += ["", "Stage now"]
    lines += bars([(name, count) for name, count in found.stages.items() if count], found.leads)
    lines += ["", "Grade now"]
    grid = [(fit, *(f"{found.grades.get(fit + activity, 0):,}" for activity in "4321")) for fit in "ABCD"]
    head = ("fit", *(f"activity {n}" for n in "4321"))
    lines += [f"  {line}" for line in table(head, grid, right=(1, 2, 3, 4))]
    if found.routes:
        none = found.leads - sum(found.routes.values())
        routes = [(cut(name, LABEL), count) for name, count in found.routes.items()]
        lines += ["", "Route now", *bars([*routes, ("none", none)], found.leads)]
    if found.crossing is not None:
        lines += ["", *_crossing(found.crossing)]
    for labels, told in ((found.never, "no lead now"), (found.always, "every lead now")):
        if labels:
            hold = "1 rule holds" if len(labels) == 1 else f"{len(labels)} rules hold"
            lines += ["", f"{hold} for {told}"]
            lines += [f"  - {safe(label)}" for label in labels]
    return [*lines, "", *(_past(found.past) if found.past else [f"Past leads: {found.no_past}."])]


def _crossing(found: Crossing) -> list[str]:
    lines = [
        f"Against {found.sheet}, of {found.compared:,} leads that both are for: {found.up:,} rise, {found.down:,} fall"
    ]
    for ways, count in ((found.risen, found.up), (found.fallen, found.down)):
        lines += [
            f"  {safe(way['lead_id'])}: {way['stage_before']} → {way['stage_after']} "
            f"({number(way['total_before'])} → {number(way['total_after'])})"
            for way in ways
        ]
        lines += [f"  … and {count - len(ways):,} more"] * (count > len(ways))
    return lines


def _past(past: Past) -> list[str]:
    lines = [
        f"Past leads: {past.looks:,} looks at {past.leads:,} leads whose outcome is known; {past.rate:.1%} converted",
        "",
    ]
    bands = past.bands.to_dict("records")
    head = ("total then", "looks", "converted", "rate", "surely between (90 %)")
    rows = [
        _rate_row(band(maybe(row["total_from"]), maybe(row["total_to"])), row) for row in bands if row["rows"]
    ]
    lines += [f"  {line}" for line in table(head, rows, right=(1, 2, 3))]
    stages = [_rate_row(str(row["stage"]), row) for row in past.stages.to_dict("records")]
    lines += ["", *(f"  {line}" for line in table(("stage then", *head[1:]), stages, right=(1, 2, 3)))]
    return [*lines, "", *_hot(past)]


def _rate_row(name: str, row: dict[Any, Any]) -> tuple[str, ...]:
    sure = f"{row['low']:.1%} and {row['high']:.1%}"
    return name, f"{row['rows']:,}", f"{row['conversions']:,}", f"{row['rate']:.1%}", sure


def _hot(past: Past) -> list[str]:
    """Is the hot band worth its name? 15–35 % of leads, at least 60 % of conversions, ten times the others' rate."""
    hot = past.hot
    if not past.conversions:
        return ["None of them converted: points cannot be held against outcomes."]
    if hot["rate"] is None:
        return [f"Nobody was hot ({hot['band']}): the sheet would have sent no lead to sales."]
    lines = [
        f"Hot ({hot['band']}): {hot['share_of_looks']:.0%} of the looks hold {hot['share_of_conversions']:.0%} "
        f"of the conversions"
        + (f", {hot['times']:.1f} times the rate of the others." if hot["times"] is not None else ".")
    ]
    low, high = _HOT_SHARE
    if hot["share_of_looks"] > high:
        lines.append("That is too many to be called hot (15–35 % is usual): raise the threshold.")
    elif hot["share_of_looks"] < low:
        lines.append("That is few (15–35 % is usual): a lower threshold would give sales more to work on.")
    if hot["rate_of_others"] is not None and hot["rate"] <= hot["rate_of_others"]:
        lines.append(
            "Hot leads converted no more often than the others: the points do not tell buyers apart."
        )
    elif hot["share_of_conversions"] < _HOT_CONVERSIONS:
        lines.append(
            "Most sheets aim for at least 60 % of the conversions: `leadlens compare` shows what each rule is worth."
        )
    return lines


def render_diff(found: Diff) -> list[str]:
    """`leadlens scorecard diff`."""
    lines = [f"{found.before} → {found.after}"]
    if not found.differences:
        lines += ["", "The two sheets say the same."]
    else:
        lines += ["", "Written differently", *(f"  {safe(item.words)}" for item in found.differences)]
    moved = found.moved
    lines += [
        "",
        f"Of {found.compared:,} open leads that both are for (as of {minute(found.as_of)} UTC), {moved['total']:,} "
        "change their total,",
        f"{moved['stage']:,} the stage, {moved['grade']:,} the grade, {moved['route']:,} the route.",
    ]
    if found.only_before or found.only_after:
        lines.append(
            f"{found.only_before:,} leads are only the first sheet's, {found.only_after:,} only the second's."
        )
    lines += [f"  {way['leads']:>7,}  {way['before']} → {way['after']}" for way in found.stages]
    if found.movers:
        lines += ["", "Who moves most"]
    for mover in found.movers:
        stage = "" if mover["stage_before"] == mover["stage_after"] else (
            f", {mover['stage_before']} → {mover['stage_after']}"
        )  # fmt: skip
        lines.append(
            f"  {safe(mover['lead_id'])}: {number(mover['total_before'])} → {number(mover['total_after'])} "
            f"({signed(mover['change'])}){stage}"
        )
        lines += [f"    {signed(line['points']):>8}  {safe(line['rule'])}" for line in mover["lines"]]
    return lines


def render_simulation(found: Simulated) -> list[str]:
    """`leadlens scorecard simulate`."""
    looks = found.looks
    first, last = looks.iloc[0], looks.iloc[-1]
    lines = [
        f"Lead {safe(found.lead_id)} from {minute(found.as_of)} UTC on, if it does nothing for {found.days} days "
        f"(sheet {found.sheet})",
        *(f"note: {safe(note)}" for note in found.notes),
        f"{number(first['total'])} points, {first['stage']} → {number(last['total'])} points, {last['stage']}",
        "",
    ]
    counted = found.losses[found.losses["dimension"].isin(found.summed)]
    by_look = dict(iter(counted.groupby("as_of")))
    turns = {row["as_of"]: row for row in found.turns.to_dict("records")}
    shown, faded = [], 0.0
    week = max(7, found.days // 12)
    for place, row in enumerate(looks.to_dict("records")):
        part = by_look.get(row["as_of"])
        drops = [] if part is None else part[~part["kind"].isin(("decay", "cap"))].to_dict("records")
        total = 0.0 if part is None else float(part["points"].sum())
        faded += total - sum(line["points"] for line in drops)
        turn = turns.get(row["as_of"])
        told = [f"{turn['was']} → {turn['stage']} ({turn['why']})"] if turn else []
        told += [f"{cut(line['rule'], LABEL)} {signed(line['points'])} ({line['why']})" for line in drops]
        daily = (row["as_of"] - looks["as_of"].iloc[0]).days % week == 0 and not row["exact"]
        if told or daily or place == len(looks) - 1:
            told += [f"faded {signed(faded)}"] if round(faded, 2) else []
            shown.append((minute(row["as_of"]), number(row["total"]), row["stage"], "; ".join(told)))
            faded = 0.0
    return [*lines, *table(("when", "total", "stage", "what is lost, and why"), shown, right=(1,))]


def render_changed(found: Changed) -> list[str]:
    """`leadlens scorecard changed`."""
    before, after = found.before, found.after
    by = f"sheet {found.sheet}" if found.sheet == found.old_sheet else f"{found.old_sheet} → {found.sheet}"
    lines = [
        f"Lead {safe(found.lead_id)}, {minute(found.since)} to {minute(found.as_of)} UTC, {by}",
        *(f"note: {safe(note)}" for note in found.notes),
        f"{number(before['total'])} → {number(after['total'])} points "
        f"({signed(round(after['total'] - before['total'], 9))})",
    ]
    for name in ("stage", "grade", "route", "disqualified_by"):
        if before[name] != after[name]:
            word = name.replace("_", " ")
            lines.append(f"{word}: {safe(before[name] or 'none')} → {safe(after[name] or 'none')}")
    counted = found.lines[found.lines["in_total"]]
    beside = found.lines[~found.lines["in_total"]]
    if found.lines.empty:
        return [*lines, "", "No line changed."]
    lines.append("")
    lines += _changes(counted)
    lines.append(f"  {signed(round(float(counted['points'].sum()), 9)):>8}  = change of the total")
    if len(beside):
        lines += ["", "Beside the total"]
        for dimension, part in beside.groupby("dimension", sort=False):
            lines += [f"{line}  [{dimension}]" for line in _changes(part)]
    if found.differences:
        lines += ["", "The sheet was changed", *(f"  {safe(item.words)}" for item in found.differences)]
    return lines


def _changes(lines: pd.DataFrame) -> list[str]:
    """Lines of one rule that changed alike are told as one where they are many."""
    told: list[tuple[float, str]] = []
    for _, part in lines.groupby(["rule", "kind", "why"], sort=False, dropna=False):
        rows = part.to_dict("records")
        if len(rows) >= _MANY:
            points = float(part["points"].sum())
            told.append(
                (points, _change({**rows[0], "points": points, "detail": None}, f"{len(rows)} times"))
            )
        else:
            told += [(row["points"], _change(row)) for row in rows]
    return [line for _, line in sorted(told, key=lambda item: -abs(item[0]))]


def _change(line: dict[Any, Any], times: str = "") -> str:
    when = times or ("" if pd.isna(line["occurred_at"]) else minute(line["occurred_at"]))
    notes = [] if pd.isna(line["detail"]) else [cut(line["detail"], _DETAIL)]
    if not (pd.isna(line["why"]) or line["kind"] == "sheet" or line["why"] in _KINDS.values()):
        notes.append(line["why"])
    told = f"  ({'; '.join(notes)})" if notes else ""
    rule = cut(line["rule"], LABEL)
    return f"  {signed(line['points']):>8}  {when:16}  {_KINDS[line['kind']]:10}  {rule}{told}"


def render_stages(found: Stages) -> list[str]:
    """`leadlens scorecard stages`."""
    if found.lead_id is None:
        return _flow(found)
    lines = [
        f"Lead {safe(found.lead_id)} up to {minute(found.as_of)} UTC, sheet {found.sheet}",
        *(f"note: {safe(note)}" for note in found.notes),
        "",
    ]
    rows = [
        (
            minute(row["at"]),
            "" if pd.isna(row["was"]) else str(row["was"]),
            str(row["stage"]),
            number(row["total"]),
            str(row["why"]),
        )
        for row in found.history.to_dict("records")
    ]
    lines += table(("since", "from", "stage", "total", "because"), rows, right=(3,))
    return lines


def _flow(found: Stages) -> list[str]:
    lines = [f"{found.leads:,} open leads as of {minute(found.as_of)} UTC, sheet {found.sheet}", ""]
    lines += bars([(name, count) for name, count in found.now.items() if count], found.leads)
    rows = [
        (
            part["stage"],
            f"{part['ever']:,}",
            f"{part['now']:,}",
            f"{part['fell']:,}",
            "–" if part["median_days"] is None else f"{part['median_days']:.1f}",
        )
        for part in found.flow
    ]
    if rows:
        head = ("stage", "ever entered", "there or beyond", "fell back", "median days to enter")
        lines += ["", *table(head, rows, right=(1, 2, 3, 4))]
    return [*lines, "", "One lead with its dates: name its id; all of them: --json."]

"""What the commands on score sheets print for people: the result first, then the lines behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from leadlens.pipeline.cli.render.tables import (
    LABEL,
    as_of,
    band,
    bars,
    cut,
    indented,
    maybe,
    minute,
    number,
    pairs,
    safe,
    signed,
    table,
)

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.scorecard.changed import Changed
    from leadlens.pipeline.jobs.scorecard.diff import Diff
    from leadlens.pipeline.jobs.scorecard.one_lead import LeadTest, RuleTest
    from leadlens.pipeline.jobs.scorecard.preview import Crossing, Past, Preview
    from leadlens.pipeline.jobs.scorecard.simulate import Simulated
    from leadlens.pipeline.jobs.scorecard.stages import Stages

_DETAIL, _MANY = 44, 3
_HOT_SHARE, _HOT_CONVERSIONS = (0.15, 0.35), 0.60
_MOST_LINES = 100  # of one rule
_KINDS = {
    "event": "new",
    "late": "known late",
    "retraction": "retracted",
    "expired": "expired",
    "decay": "decayed",
    "cap": "cap",
    "silence": "inactive",
    "attribute": "data",
    "feature": "feature",
    "sheet": "sheet",
}


def render_lead_test(test: LeadTest) -> list[str]:
    """`leadlens scorecard test`."""
    lines = [
        f"Lead {safe(test.lead_id)}{as_of(test.as_of)}, sheet {test.sheet}",
        *(f"note: {safe(note)}" for note in test.notes),
        f"{number(test.total)} points (score {number(test.score)}), grade {test.grade}, stage {test.stage}"
        + (f": {safe(test.disqualified_by)}" if test.disqualified_by else ""),
    ]
    lines.append(_route(test))
    lines += ["", f"  {'points':>8}  {'when':16}  rule"]
    lines += [
        f"  {signed(points):>8}  {'':16}  Starting points ({name})" for name, points in test.starting.items()
    ]
    gave = [rule for rule in test.rules if rule.lines]
    signals = [rule for rule in test.rules if rule.matched and not rule.lines]
    missed = [rule for rule in test.rules if not rule.matched]
    for rule in gave:
        lines += _ledger_lines(rule, test.summed)
    sums = ", ".join(f"{name} {number(points)}" for name, points in test.dimensions.items())
    lines.append(f"  {number(test.total):>8}  = total ({' + '.join(test.summed)}); {sums}")
    if signals:
        lines += ["", "Matched, without points"]
        lines += pairs((rule.label, rule.why or "") for rule in signals)
    if missed:
        lines += ["", "Not matched"]
        lines += pairs((rule.label, rule.why or "") for rule in missed)
    if test.disqualifiers and not test.disqualified_by:
        labels = ", ".join(safe(label) for label in test.disqualifiers)
        lines += ["", f"Disqualifiers: none matches ({labels})"]
    return lines


def _route(test: LeadTest) -> str:
    moved = f"7 days: {signed(test.trend)} points" + (f", surge {signed(test.surge)}" if test.surge else "")
    product = f"; product {test.product}" if test.product else ""
    if test.route is None:
        return f"no route matches; {moved}{product}"
    to = f" → {safe(test.queue)}" if test.queue else ""
    why = f" ({safe(test.reason)})" if test.reason and test.reason != test.route else ""
    return f"route {safe(test.route)}: {safe(test.action)}{to}{why}; {moved}{product}"


def _ledger_lines(rule: RuleTest, summed: Sequence[str]) -> list[str]:
    """A line per occurrence; of very many those with the most points, and what the others come to."""
    by_points = sorted(range(len(rule.lines)), key=lambda at: -abs(rule.lines[at]["points"]))
    lines = [_ledger_line(rule, rule.lines[at], summed) for at in sorted(by_points[:_MOST_LINES])]
    if left := by_points[_MOST_LINES:]:
        points = signed(sum(rule.lines[at]["points"] for at in left))
        lines.append(
            f"  {points:>8}  {'':16}  {cut(rule.label, LABEL)}: {len(left):,} more, with fewer points each"
        )
    return lines


def _ledger_line(rule: RuleTest, line: dict[str, Any], summed: Sequence[str]) -> str:
    notes = [] if line["detail"] is None else [cut(line["detail"], _DETAIL)]
    if line["taken_by_decay"]:
        notes.append(f"{number(line['raw_points'])}, decayed by {number(abs(line['taken_by_decay']))}")
    if line["taken_by_cap"]:
        notes.append(f"a cap took {number(abs(line['taken_by_cap']))}")
    beside = [name for name in rule.moves if name not in summed]
    if beside:
        counts = "also" if len(beside) < len(rule.moves) else "only"
        notes.append(f"{counts} {', '.join(beside)}")
    when = "" if line["occurred_at"] is None else minute(datetime.fromisoformat(line["occurred_at"]))
    note = f"  ({'; '.join(notes)})" if notes else ""
    return f"  {signed(line['points']):>8}  {when:16}  {cut(rule.label, LABEL)}{note}"


def render_preview(preview: Preview) -> list[str]:
    """`leadlens scorecard preview`."""
    low, middle, high = (number(value) for value in preview.quartiles)
    lines = [
        f"Sheet {preview.sheet} on {preview.leads:,} open leads{as_of(preview.as_of)} (nothing is written)",
    ]
    if preview.outside:
        lines.append(f"{preview.outside:,} open leads are left out: the sheet is not for them.")
    lines += ["", f"Total now: half of the leads have {low} to {high}, the median is {middle}"]
    used = [place for place, part in enumerate(preview.bands) if part.leads]
    rows = [(band(part.low, part.high), part.leads) for part in preview.bands[used[0] : used[-1] + 1]]
    lines += bars(rows, preview.leads)
    lines += ["", "Stage now"]
    lines += bars([(name, count) for name, count in preview.stages.items() if count], preview.leads)
    lines += ["", "Grade now"]
    grid = [(fit, *(f"{preview.grades.get(fit + activity, 0):,}" for activity in "4321")) for fit in "ABCD"]
    head = ("fit", *(f"activity {n}" for n in "4321"))
    lines += indented(table(grid, head, "lrrrr"))
    if preview.routes:
        none = preview.leads - sum(preview.routes.values())
        routes = [(cut(name, LABEL), count) for name, count in preview.routes.items()]
        lines += ["", "Route now", *bars([*routes, ("none", none)], preview.leads)]
    if preview.crossing is not None:
        lines += ["", *_crossing(preview.crossing)]
    for labels, share in ((preview.never, "no lead now"), (preview.always, "every lead now")):
        if labels:
            matching = "1 rule matches" if len(labels) == 1 else f"{len(labels)} rules match"
            lines += ["", f"{matching} {share}"]
            lines += [f"  - {safe(label)}" for label in labels]
    return [
        *lines,
        "",
        *(_past(preview.past, preview.of_project) if preview.past else [f"Past leads: {preview.no_past}."]),
    ]


def _crossing(crossing: Crossing) -> list[str]:
    lines = [
        f"Against {crossing.sheet}, of {crossing.compared:,} leads that both sheets are for: {crossing.up:,} rise, {crossing.down:,} fall"
    ]
    for ways, count in ((crossing.risen, crossing.up), (crossing.fallen, crossing.down)):
        lines += [
            f"  {safe(way['lead_id'])}: {way['stage_before']} → {way['stage_after']} "
            f"({number(way['total_before'])} → {number(way['total_after'])})"
            for way in ways
        ]
        lines += [f"  … and {count - len(ways):,} more"] * (count > len(ways))
    return lines


def _past(past: Past, of_project: bool) -> list[str]:
    lines = [
        f"Past leads: {past.snapshots:,} snapshots of {past.leads:,} leads whose outcome is known; {past.rate:.1%} converted",
        "",
    ]
    bands = past.bands.to_dict("records")
    head = ("total then", "snapshots", "converted", "rate", "90 % interval")
    rows = [
        _rate_row(band(maybe(row["total_from"]), maybe(row["total_to"])), row) for row in bands if row["rows"]
    ]
    lines += indented(table(rows, head, "lrrr"))
    stages = [_rate_row(str(row["stage"]), row) for row in past.stages.to_dict("records")]
    lines += ["", *indented(table(stages, ("stage then", *head[1:]), "lrrr"))]
    return [*lines, "", *_hot(past, of_project)]


def _rate_row(name: str, row: dict[Any, Any]) -> tuple[str, ...]:
    interval = f"{row['low']:.1%} to {row['high']:.1%}"
    return name, f"{row['rows']:,}", f"{row['conversions']:,}", f"{row['rate']:.1%}", interval


def _hot(past: Past, of_project: bool) -> list[str]:
    """How hot is the hot band? 15–35 % of leads and at least 60 % of conversions are usual."""
    hot = past.hot
    if not past.conversions:
        return ["None of them converted: points cannot be compared with outcomes."]
    if hot["rate"] is None:
        return [f"Nobody was hot ({hot['band']}): the sheet would have sent no lead to sales."]
    lines = [
        f"Hot ({hot['band']}): {hot['share_of_looks']:.0%} of the snapshots have {hot['share_of_conversions']:.0%} "
        f"of the conversions"
        + (f", {hot['times']:.1f} times the rate of the others." if hot["times"] is not None else ".")
    ]
    low, high = _HOT_SHARE
    if hot["share_of_looks"] > high and hot["by_threshold"]:
        lines.append("That is too many to be called hot (15–35 % is usual): raise the threshold.")
    elif hot["share_of_looks"] > high:
        lines.append("That is too many to be called hot (15–35 % is usual): many leads share these points.")
    elif hot["share_of_looks"] < low and hot["by_threshold"]:
        lines.append("That is few (15–35 % is usual): a lower threshold would give sales more to work on.")
    if hot["rate_of_others"] is not None and hot["rate"] <= hot["rate_of_others"]:
        lines.append("Hot leads converted no more often than the others: the points do not separate buyers.")
    elif hot["share_of_conversions"] < _HOT_CONVERSIONS:
        # comparing needs a model that was trained with the sheet
        first = "" if of_project else "name the sheet under `scorecards:`, then "
        lines.append(
            f"Most sheets aim for at least 60 % of the conversions: {first}`leadlens train` and `leadlens compare` show "
            "what each rule contributes."
        )
    return lines


def render_diff(diff: Diff) -> list[str]:
    """`leadlens scorecard diff`."""
    lines = [f"{diff.before} → {diff.after}"]
    if not diff.differences:
        lines += ["", "The two sheets are the same."]
    else:
        lines += ["", "Written differently", *(f"  {safe(item.text)}" for item in diff.differences)]
    moved = diff.moved
    lines += [
        "",
        f"Of {diff.compared:,} open leads that both sheets are for{as_of(diff.as_of)}, {moved['total']:,} "
        "change their total,",
        f"{moved['stage']:,} the stage, {moved['grade']:,} the grade, {moved['route']:,} the route.",
    ]
    if diff.only_before or diff.only_after:
        lines.append(
            f"{diff.only_before:,} leads are scored by the first sheet alone, {diff.only_after:,} by the second alone."
        )
    lines += [f"  {way['leads']:>7,}  {way['before']} → {way['after']}" for way in diff.stages]
    if diff.movers:
        lines += ["", "Who moves most"]
    for mover in diff.movers:
        stage = "" if mover["stage_before"] == mover["stage_after"] else (
            f", {mover['stage_before']} → {mover['stage_after']}"
        )  # fmt: skip
        lines.append(
            f"  {safe(mover['lead_id'])}: {number(mover['total_before'])} → {number(mover['total_after'])} "
            f"({signed(mover['change'])}){stage}"
        )
        lines += [f"    {signed(line['points']):>8}  {safe(line['rule'])}" for line in mover["lines"]]
    return lines


def render_simulation(simulation: Simulated) -> list[str]:
    """`leadlens scorecard simulate`."""
    snapshots = simulation.snapshots
    first, last = snapshots.iloc[0], snapshots.iloc[-1]
    lines = [
        f"Lead {safe(simulation.lead_id)} from {minute(simulation.as_of)} UTC on, if it does nothing for {simulation.days} days "
        f"(sheet {simulation.sheet})",
        *(f"note: {safe(note)}" for note in simulation.notes),
        f"{number(first['total'])} points, {first['stage']} → {number(last['total'])} points, {last['stage']}",
        "",
    ]
    counted = simulation.losses[simulation.losses["dimension"].isin(simulation.summed)]
    by_look = dict(iter(counted.groupby("as_of")))
    turns = {row["as_of"]: row for row in simulation.turns.to_dict("records")}
    shown, decayed = [], 0.0
    week = max(7, simulation.days // 12)
    for place, row in enumerate(snapshots.to_dict("records")):
        part = by_look.get(row["as_of"])
        drops = [] if part is None else part[~part["kind"].isin(("decay", "cap"))].to_dict("records")
        total = 0.0 if part is None else float(part["points"].sum())
        decayed += total - sum(line["points"] for line in drops)
        turn = turns.get(row["as_of"])
        notes = [f"{turn['was']} → {turn['stage']} ({turn['why']})"] if turn else []
        notes += [f"{cut(line['rule'], LABEL)} {signed(line['points'])} ({line['why']})" for line in drops]
        daily = (row["as_of"] - snapshots["as_of"].iloc[0]).days % week == 0 and not row["exact"]
        if notes or daily or place == len(snapshots) - 1:
            notes += [f"decayed {signed(decayed)}"] if round(decayed, 2) else []
            shown.append((minute(row["as_of"]), number(row["total"]), row["stage"], "; ".join(notes)))
            decayed = 0.0
    head = ("when", "total", "stage", "what is lost, and why")
    return [*lines, *table(shown, head, "lr").split("\n")]


def render_changed(changes: Changed) -> list[str]:
    """`leadlens scorecard changed`."""
    before, after = changes.before, changes.after
    by = (
        f"sheet {changes.sheet}"
        if changes.sheet == changes.old_sheet
        else f"{changes.old_sheet} → {changes.sheet}"
    )
    lines = [
        f"Lead {safe(changes.lead_id)}, {minute(changes.since)} to {minute(changes.as_of)} UTC, {by}",
        *(f"note: {safe(note)}" for note in changes.notes),
        f"{number(before['total'])} → {number(after['total'])} points "
        f"({signed(round(after['total'] - before['total'], 9))})",
    ]
    for name in ("stage", "grade", "route", "disqualified_by"):
        if before[name] != after[name]:
            word = name.replace("_", " ")
            lines.append(f"{word}: {safe(before[name] or 'none')} → {safe(after[name] or 'none')}")
    counted = changes.lines[changes.lines["in_total"]]
    beside = changes.lines[~changes.lines["in_total"]]
    if changes.lines.empty:
        return [*lines, "", "No line changed."]
    lines.append("")
    lines += _changes(counted)
    lines.append(f"  {signed(round(float(counted['points'].sum()), 9)):>8}  = change of the total")
    if len(beside):
        lines += ["", "Beside the total"]
        for dimension, part in beside.groupby("dimension", sort=False):
            lines += [f"{line}  [{dimension}]" for line in _changes(part)]
    if changes.differences:
        lines += ["", "The sheet was changed", *(f"  {safe(item.text)}" for item in changes.differences)]
    return lines


def _changes(lines: pd.DataFrame) -> list[str]:
    """Lines of one rule that changed alike are printed as one where they are many."""
    shown: list[tuple[float, str]] = []
    for _, part in lines.groupby(["rule", "kind", "why"], sort=False, dropna=False):
        rows = part.to_dict("records")
        if len(rows) >= _MANY:
            points = float(part["points"].sum())
            shown.append(
                (points, _change({**rows[0], "points": points, "detail": None}, f"{len(rows)} times"))
            )
        else:
            shown += [(row["points"], _change(row)) for row in rows]
    return [line for _, line in sorted(shown, key=lambda item: -abs(item[0]))]


def _change(line: dict[Any, Any], times: str = "") -> str:
    when = times or ("" if pd.isna(line["occurred_at"]) else minute(line["occurred_at"]))
    notes = [] if pd.isna(line["detail"]) else [cut(line["detail"], _DETAIL)]
    if not (pd.isna(line["why"]) or line["kind"] == "sheet" or line["why"] in _KINDS.values()):
        notes.append(line["why"])
    note = f"  ({'; '.join(notes)})" if notes else ""
    rule = cut(line["rule"], LABEL)
    return f"  {signed(line['points']):>8}  {when:16}  {_KINDS[line['kind']]:10}  {rule}{note}"


def render_stages(history: Stages) -> list[str]:
    """`leadlens scorecard stages`."""
    if history.lead_id is None:
        return _flow(history)
    lines = [
        f"Lead {safe(history.lead_id)} up to {minute(history.as_of)} UTC, sheet {history.sheet}",
        *(f"note: {safe(note)}" for note in history.notes),
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
        for row in history.history.to_dict("records")
    ]
    head = ("since", "from", "stage", "total", "because")
    return [*lines, *table(rows, head, "lllr").split("\n")]


def _flow(history: Stages) -> list[str]:
    lines = [f"{history.leads:,} open leads as of {minute(history.as_of)} UTC, sheet {history.sheet}", ""]
    lines += bars([(name, count) for name, count in history.now.items() if count], history.leads)
    rows = [
        (
            part["stage"],
            f"{part['ever']:,}",
            f"{part['now']:,}",
            f"{part['fell']:,}",
            "–" if part["median_days"] is None else f"{part['median_days']:.1f}",
        )
        for part in history.flow
    ]
    if rows:
        head = ("stage", "ever entered", "there or beyond", "fell back", "median days to enter")
        lines += ["", *table(rows, head, "lrrrr").split("\n")]
    return [*lines, "", "For one lead with its dates, name its id; for all of them, use --json."]

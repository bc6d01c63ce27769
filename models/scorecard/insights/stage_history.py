"""When a lead entered each stage and when it fell back, with the total and the lines behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard.insights.changes import line_changes
from leadlens.models.scorecard.language.grades import STAGES
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import passes_run, score_sheet
from leadlens.models.scorecard.scoring.probes import matching_events, set_rows, without_outcomes
from leadlens.models.scorecard.scoring.stage_and_route import SheetPasses

DAY = timedelta(days=1)
COLUMNS = ["row_id", "lead_id", "at", "looked_before", "was", "stage", "total", "why", "rule", "occurred_at"]
_MICROSECOND = timedelta(microseconds=1)
_MOST_DAYS = 400  # between two snapshots; beyond it steps grow longer


def stage_history(sheet: Sheet, history: History, spine: Spine, *, daily: bool = False) -> pd.DataFrame:
    """Every change of stage of the leads of ``spine`` (one row per lead), up to each row's ``as_of``.

    There is a snapshot of a lead whenever an event of it begins or ceases to count, just after its data were edited,
    and, where its stage changed in between because of decay, on every day of that time. ``daily`` adds a snapshot a
    day from the start, where points decay or features are read, so that a stage is found that came and went between
    two events. The last stage of each row is what ``score_sheet`` says of it.

    Returns
    -------
    row_id, lead_id, at (the first snapshot in that stage), looked_before (the snapshot before, missing for
    the first), was (the stage before), stage, total, why (text), rule and occurred_at of the line behind it;
    by row and time. Each row begins with the stage that the lead was created in.
    """
    parsed = parse_conditions(sheet, history)
    snapshots = _reviews(sheet, parsed, history, spine)
    bare = _without_keep(sheet)
    more = _edits(history, spine)
    if daily and (parsed.plan is not None or any(rule.decay for rule in sheet.actions)):
        more = pd.concat([more, _days(snapshots)], ignore_index=True)
    staged = _stages(
        sheet, pd.concat([snapshots, _snapshots(bare, parsed, history, more)], ignore_index=True)
    )
    between = _between(staged)
    if len(between):
        snapshots = pd.concat([staged, _snapshots(bare, parsed, history, between)], ignore_index=True)
        staged = _stages(sheet, snapshots)
    changed = staged[staged["stage"] != staged["was"]].reset_index(drop=True)
    return _with_causes(sheet, bare, parsed, history, changed)


def _reviews(sheet: Sheet, parsed: Parsed, history: History, spine: Spine) -> pd.DataFrame:
    """Every review of every row, and the row itself: which stages are reached, and is the lead disqualified?"""
    passes = SheetPasses(sheet=sheet, parsed=parsed, history=history, spine=spine, reviewed=True)
    reached = "".join(f", r.reached_{name}" for name, _ in passes.stages)
    with passes_run(passes):
        return history.engine.frame(
            f"SELECT s.of_row AS row_id, r.lead_id, r.as_of, r.total, b.disqualified_by{reached}, TRUE AS review "
            "FROM review_reached AS r JOIN review_spine AS s ON s.row_id = r.row_id "
            "JOIN review_base AS b ON b.row_id = r.row_id "
            f"UNION ALL SELECT r.row_id, r.lead_id, r.as_of, r.total, b.disqualified_by{reached}, TRUE AS review "
            "FROM sheet_reached AS r JOIN sheet_base AS b ON b.row_id = r.row_id"
        )


def _snapshots(bare: Sheet, parsed: Parsed, history: History, asked: pd.DataFrame) -> pd.DataFrame:
    """The same at further times (``row_id, lead_id, as_of``), which do not count as reviews."""
    bare_parsed = parse_conditions(bare, history, parsed.plan)
    with set_rows(history, zip(asked["lead_id"], asked["as_of"], strict=True)) as spine:
        passes = SheetPasses(sheet=bare, parsed=bare_parsed, history=history, spine=spine)
        reached = "".join(f", r.reached_{name}" for name, _ in passes.stages)
        with passes_run(passes):
            snapshots = history.engine.frame(
                f"SELECT r.row_id, r.lead_id, r.as_of, r.total, b.disqualified_by{reached}, FALSE AS review "
                "FROM sheet_reached AS r JOIN sheet_base AS b ON b.row_id = r.row_id ORDER BY r.row_id"
            )
    return snapshots.assign(row_id=asked["row_id"].to_numpy()[snapshots["row_id"].to_numpy(dtype=np.int64)])


def _edits(history: History, spine: Spine) -> pd.DataFrame:
    """Just after each edit of a lead's or its account's data, within its row."""
    plus = history.engine.dialect.plus
    at = plus("c.known_at", _MICROSECOND)
    parts = (("lead", "l.lead_id"), ("account", "l.account_id"))
    edits = " UNION ".join(
        f"SELECT s.row_id, s.lead_id, {at} AS as_of FROM {spine} AS s "
        f"JOIN leads AS l ON l.lead_id = s.lead_id JOIN changes AS c ON c.entity = '{entity}' AND c.id = {key} "
        f"WHERE {at} < s.as_of AND {at} > l.created_at"
        for entity, key in parts
    )
    return history.engine.frame(f"SELECT * FROM ({edits}) AS c ORDER BY row_id, as_of")


def _stages(sheet: Sheet, snapshots: pd.DataFrame) -> pd.DataFrame:
    """The stage at every snapshot, and the one before it: reached now, or reached at a review and kept ever since."""
    snapshots = snapshots.sort_values(
        ["row_id", "as_of", "review"], ascending=[True, True, False], kind="stable"
    )
    snapshots = snapshots.drop_duplicates(["row_id", "as_of"], ignore_index=True)
    row, place = snapshots["row_id"], pd.Series(np.arange(len(snapshots)))
    stage = pd.Series("Lead", index=snapshots.index, dtype="str")
    for name, settings in reversed(sheet.thresholds.stages if sheet.thresholds else ()):
        reached_now = snapshots[f"reached_{name}"].astype(bool)
        if settings.keep is not None:
            above = snapshots["total"] >= settings.keep
            reached = place.where(reached_now & snapshots["review"], -1).groupby(row).cummax()
            fell = place.where(~above & snapshots["review"], -1).groupby(row).cummax()
            reached_now |= (reached >= 0) & (fell <= reached) & above
        stage = stage.mask(reached_now, name)
    stage = stage.mask(snapshots["disqualified_by"].notna(), "Disqualified")
    snapshots = snapshots.assign(stage=stage)
    return snapshots.assign(
        was=snapshots.groupby("row_id")["stage"].shift(1),
        looked_before=snapshots.groupby("row_id")["as_of"].shift(1),
    )


def _days(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Every day from the first snapshot of each row to the last."""
    ends = snapshots.groupby(["row_id", "lead_id"])["as_of"].agg(["min", "max"]).reset_index()
    return _steps(ends.itertuples(index=False, name=None))


def _between(staged: pd.DataFrame) -> pd.DataFrame:
    """Days between two snapshots of different stages."""
    gap = staged["as_of"] - staged["looked_before"]
    turned = staged[staged["was"].notna() & (staged["stage"] != staged["was"]) & (gap > DAY)]
    ends = turned[["row_id", "lead_id", "looked_before", "as_of"]]
    return _steps(ends.itertuples(index=False, name=None))


def _steps(spans: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Daily snapshots strictly within (row_id, lead_id, start, end)."""
    rows = []
    for row_id, lead_id, start, end in spans:
        step = max(DAY, (end - start) / _MOST_DAYS)
        times = (start + step * day + _MICROSECOND for day in range(1, int((end - start) / step) + 1))
        rows += [(row_id, lead_id, at) for at in times if at < end]
    return pd.DataFrame(rows, columns=["row_id", "lead_id", "as_of"])


def _without_keep(sheet: Sheet) -> Sheet:
    """Stages without their memory, and no routes: each snapshot on its own."""
    limits = sheet.thresholds
    if limits is not None:
        forgetful = {name.lower(): stage.model_copy(update={"keep": None}) for name, stage in limits.stages}
        # a stage with keep alone beside `when` is still a stage
        limits = limits.model_copy(update=forgetful)
    return sheet.model_copy(update={"thresholds": limits, "routes": ()})


def _with_causes(
    sheet: Sheet, bare: Sheet, parsed: Parsed, history: History, changed: pd.DataFrame
) -> pd.DataFrame:
    """The line that moved the total most in the direction of the change, else what else may lie behind it."""
    turned = changed[changed["was"].notna()]
    moves = [*zip(turned["lead_id"], turned["looked_before"], strict=True)]
    moves += zip(turned["lead_id"], turned["as_of"], strict=True)
    with set_rows(history, moves) as rows:
        scores = score_sheet(without_outcomes(bare), history, rows, plan=parsed.plan)
        events = matching_events(sheet, history, rows, parsed)
    count, ledger = len(turned), scores.ledger
    pairs = pd.DataFrame(
        {
            "pair": np.arange(count),
            "lead_id": turned["lead_id"].to_numpy(),
            "since": turned["looked_before"].to_numpy(),
            "as_of": turned["as_of"].to_numpy(),
        }
    )
    before, after = ledger[ledger["row_id"] < count], ledger[ledger["row_id"] >= count]
    before, after = before.assign(pair=before["row_id"]), after.assign(pair=after["row_id"] - count)
    lines = line_changes(sheet, before, after, pairs, events)
    lines = lines[lines["dimension"].isin(sheet.total)]
    by_pair: dict[Any, Any] = {pair: part.to_dict("records") for pair, part in lines.groupby("pair")}
    numbered = zip(turned.index, turned.to_dict("records"), strict=True)
    causes = {
        number: _cause(sheet, row, by_pair.get(pair, [])) for pair, (number, row) in enumerate(numbered)
    }
    all_causes = [causes.get(number, ("as it was created", None, pd.NaT)) for number in changed.index]
    explained = changed.assign(
        at=changed["as_of"],
        why=[why for why, _, _ in all_causes],
        rule=pd.Series([rule for _, rule, _ in all_causes], index=changed.index, dtype="str"),
        occurred_at=pd.to_datetime(pd.Series([at for _, _, at in all_causes], index=changed.index)),
    )
    return explained[COLUMNS]


def _cause(sheet: Sheet, row: dict[Any, Any], lines: list[dict[Any, Any]]) -> tuple[str, str | None, Any]:
    """Its text, with rule and time of the line."""
    if row["stage"] == "Disqualified":
        return f"disqualified: {sheet.disqualify[int(row['disqualified_by'])].label}", None, pd.NaT
    if row["was"] == "Disqualified":
        return "no longer disqualified", None, pd.NaT
    up = 1 if STAGES.index(row["stage"]) > STAGES.index(row["was"]) else -1
    fitting = [line for line in lines if up * line["points"] > 0]
    if fitting:
        line, moved = fitting[0], sum(line["points"] for line in lines)
        text = f"{line['rule']} {round(line['points'], 2):+g} ({line['why']})"
        more = f", with {len(lines) - 1} more {round(moved, 2):+g}" if len(lines) > 1 else ""
        return text + more, str(line["rule"]), line["occurred_at"]
    name = row["stage"] if up > 0 else row["was"]
    return f"the condition of {name} {'matches' if up > 0 else 'no longer matches'}", None, pd.NaT

"""When a lead entered each stage and when it fell back, with the total and the lines behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from features.history import History
from features.spine import Spine
from models.scorecard.insights.changes import line_changes
from models.scorecard.language.grades import STAGES
from models.scorecard.language.parsing import Parsed, parse_conditions
from models.scorecard.language.sheet import Sheet
from models.scorecard.scoring.ledger import passes_run, score_sheet
from models.scorecard.scoring.probes import hits_of, set_rows, without_outcomes
from models.scorecard.scoring.stage_and_route import SheetPasses

DAY = timedelta(days=1)
COLUMNS = ["row_id", "lead_id", "at", "looked_before", "was", "stage", "total", "why", "rule", "occurred_at"]
_MOMENT = timedelta(microseconds=1)
_MOST_DAYS = 400  # between two moments; beyond it steps grow longer


def stage_history(sheet: Sheet, history: History, spine: Spine, *, daily: bool = False) -> pd.DataFrame:
    """Every change of stage of the leads of ``spine`` (one row per lead), up to each row's ``as_of``.

    A lead is looked at whenever an event of it begins or ceases to count, just after its data were edited, and,
    where its stage changed in between because points fade, on every day of that time. With ``daily`` it is looked at
    every day from the start, where points fade or features are read: a stage that came and went between two events is
    seen then, too. The last stage of each row is what ``score_sheet`` says of it.

    Returns
    -------
    row_id, lead_id, at (the first moment at which it was seen so), looked_before (the look before that, missing for
    the first), was (the stage before), stage, total, why (in words), rule and occurred_at of the line behind it;
    by row and time. Each row begins with the stage that the lead was created in.
    """
    parsed = parse_conditions(sheet, history)
    looks = _reviews(sheet, parsed, history, spine)
    bare = _without_keep(sheet)
    more = _edits(history, spine)
    if daily and (parsed.plan is not None or any(rule.decay for rule in sheet.actions)):
        more = pd.concat([more, _days(looks)], ignore_index=True)
    staged = _stages(sheet, pd.concat([looks, _looks(bare, parsed, history, more)], ignore_index=True))
    between = _between(staged)
    if len(between):
        looks = pd.concat([staged, _looks(bare, parsed, history, between)], ignore_index=True)
        staged = _stages(sheet, looks)
    changed = staged[staged["stage"] != staged["was"]].reset_index(drop=True)
    return _with_causes(sheet, bare, parsed, history, changed)


def _reviews(sheet: Sheet, parsed: Parsed, history: History, spine: Spine) -> pd.DataFrame:
    """Every review of every row, and the row itself: which stages are reached, and is the lead barred?"""
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


def _looks(bare: Sheet, parsed: Parsed, history: History, asked: pd.DataFrame) -> pd.DataFrame:
    """The same at further moments (``row_id, lead_id, as_of``), which do not count as reviews."""
    bare_parsed = parse_conditions(bare, history, parsed.plan)
    with set_rows(history, zip(asked["lead_id"], asked["as_of"], strict=True)) as spine:
        passes = SheetPasses(sheet=bare, parsed=bare_parsed, history=history, spine=spine)
        reached = "".join(f", r.reached_{name}" for name, _ in passes.stages)
        with passes_run(passes):
            found = history.engine.frame(
                f"SELECT r.row_id, r.lead_id, r.as_of, r.total, b.disqualified_by{reached}, FALSE AS review "
                "FROM sheet_reached AS r JOIN sheet_base AS b ON b.row_id = r.row_id ORDER BY r.row_id"
            )
    return found.assign(row_id=asked["row_id"].to_numpy()[found["row_id"].to_numpy(dtype=np.int64)])


def _edits(history: History, spine: Spine) -> pd.DataFrame:
    """Just after each edit of a lead's or its account's data, within its row."""
    plus = history.engine.dialect.plus
    at = plus("c.known_at", _MOMENT)
    parts = (("lead", "l.lead_id"), ("account", "l.account_id"))
    told = " UNION ".join(
        f"SELECT s.row_id, s.lead_id, {at} AS as_of FROM {spine} AS s "
        f"JOIN leads AS l ON l.lead_id = s.lead_id JOIN changes AS c ON c.entity = '{entity}' AND c.id = {key} "
        f"WHERE {at} < s.as_of AND {at} > l.created_at"
        for entity, key in parts
    )
    return history.engine.frame(f"SELECT * FROM ({told}) AS c ORDER BY row_id, as_of")


def _stages(sheet: Sheet, looks: pd.DataFrame) -> pd.DataFrame:
    """The stage at every look, and the one before it: reached now, or reached at a review and kept ever since."""
    looks = looks.sort_values(["row_id", "as_of", "review"], ascending=[True, True, False], kind="stable")
    looks = looks.drop_duplicates(["row_id", "as_of"], ignore_index=True)
    row, place = looks["row_id"], pd.Series(np.arange(len(looks)))
    stage = pd.Series("Lead", index=looks.index, dtype="str")
    for name, settings in reversed(sheet.thresholds.stages if sheet.thresholds else ()):
        held = looks[f"reached_{name}"].astype(bool)
        if settings.keep is not None:
            above = looks["total"] >= settings.keep
            reached = place.where(held & looks["review"], -1).groupby(row).cummax()
            fell = place.where(~above & looks["review"], -1).groupby(row).cummax()
            held |= (reached >= 0) & (fell <= reached) & above
        stage = stage.mask(held, name)
    stage = stage.mask(looks["disqualified_by"].notna(), "Disqualified")
    looks = looks.assign(stage=stage)
    return looks.assign(
        was=looks.groupby("row_id")["stage"].shift(1), looked_before=looks.groupby("row_id")["as_of"].shift(1)
    )


def _days(looks: pd.DataFrame) -> pd.DataFrame:
    """Every day from the first look at each row to the last."""
    ends = looks.groupby(["row_id", "lead_id"])["as_of"].agg(["min", "max"]).reset_index()
    return _steps(ends.itertuples(index=False, name=None))


def _between(staged: pd.DataFrame) -> pd.DataFrame:
    """Days between two looks of which the later one found another stage."""
    gap = staged["as_of"] - staged["looked_before"]
    found = staged[staged["was"].notna() & (staged["stage"] != staged["was"]) & (gap > DAY)]
    ends = found[["row_id", "lead_id", "looked_before", "as_of"]]
    return _steps(ends.itertuples(index=False, name=None))


def _steps(spans: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Daily looks strictly within (row_id, lead_id, start, end)."""
    rows = []
    for row_id, lead_id, start, end in spans:
        step = max(DAY, (end - start) / _MOST_DAYS)
        moments = (start + step * day + _MOMENT for day in range(1, int((end - start) / step) + 1))
        rows += [(row_id, lead_id, moment) for moment in moments if moment < end]
    return pd.DataFrame(rows, columns=["row_id", "lead_id", "as_of"])


def _without_keep(sheet: Sheet) -> Sheet:
    """Stages without their memory, and no routes: each look stands alone."""
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
    moments = [*zip(turned["lead_id"], turned["looked_before"], strict=True)]
    moments += zip(turned["lead_id"], turned["as_of"], strict=True)
    with set_rows(history, moments) as rows:
        scores = score_sheet(without_outcomes(bare), history, rows, plan=parsed.plan)
        hits = hits_of(sheet, history, rows, parsed)
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
    lines = line_changes(sheet, before, after, pairs, hits)
    lines = lines[lines["dimension"].isin(sheet.total)]
    by_pair: dict[Any, Any] = {pair: part.to_dict("records") for pair, part in lines.groupby("pair")}
    numbered = zip(turned.index, turned.to_dict("records"), strict=True)
    causes = {
        number: _cause(sheet, row, by_pair.get(pair, [])) for pair, (number, row) in enumerate(numbered)
    }
    told = [causes.get(number, ("as it was created", None, pd.NaT)) for number in changed.index]
    found = changed.assign(
        at=changed["as_of"],
        why=[why for why, _, _ in told],
        rule=pd.Series([rule for _, rule, _ in told], index=changed.index, dtype="str"),
        occurred_at=pd.to_datetime(pd.Series([moment for _, _, moment in told], index=changed.index)),
    )
    return found[COLUMNS]


def _cause(sheet: Sheet, row: dict[Any, Any], lines: list[dict[Any, Any]]) -> tuple[str, str | None, Any]:
    """In words, with rule and moment of the line."""
    if row["stage"] == "Disqualified":
        return f"disqualified: {sheet.disqualify[int(row['disqualified_by'])].label}", None, pd.NaT
    if row["was"] == "Disqualified":
        return "no longer disqualified", None, pd.NaT
    up = 1 if STAGES.index(row["stage"]) > STAGES.index(row["was"]) else -1
    fitting = [line for line in lines if up * line["points"] > 0]
    if fitting:
        line, moved = fitting[0], sum(line["points"] for line in lines)
        told = f"{line['rule']} {round(line['points'], 2):+g} ({line['why']})"
        more = f", with {len(lines) - 1} more {round(moved, 2):+g}" if len(lines) > 1 else ""
        return told + more, str(line["rule"]), line["occurred_at"]
    name = row["stage"] if up > 0 else row["was"]
    return f"the condition of {name} {'holds' if up > 0 else 'no longer holds'}", None, pd.NaT

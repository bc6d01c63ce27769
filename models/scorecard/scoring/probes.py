"""Queries on a sheet besides its score: who it is for, which rules match, which events a rule is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pandas as pd

from leadlens.features.engines import Table
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions, parse_segment
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import score_sheet


def set_rows(history: History, rows: Iterable[tuple[str, datetime]]) -> Spine:
    """The spine of these leads and as-ofs, numbered in this order, as a table that the caller drops."""
    frame = pd.DataFrame(list(rows), columns=["lead_id", "as_of"])
    frame = pd.DataFrame(
        {
            "row_id": pd.RangeIndex(len(frame)),
            "lead_id": frame["lead_id"].astype("str"),
            "as_of": frame["as_of"].astype("datetime64[us]"),
        }
    )
    with Table.of(history.engine, "chosen_rows", frame) as chosen:
        return Spine.make(
            history.engine,
            "chosen",
            f"""
            SELECT r.row_id, r.lead_id, r.as_of, l.created_at
            FROM {chosen} AS r
            LEFT JOIN leads AS l ON l.lead_id = r.lead_id
            """,
        )


def split_segment(sheet: Sheet, history: History, spine: Spine) -> Spine:
    """The rows of a spine that the sheet is for, as a table that the caller drops; may be empty.

    Raises ``UsageError`` where ``for`` does not fit the history.
    """
    engine, rows = history.engine, f"SELECT row_id, lead_id, as_of, created_at FROM {spine}"
    if sheet.for_ is None:
        return Spine.make(engine, "segment", rows)
    _, plan = parse_segment(sheet, history)  # a mistake is reported with the sheet's file and line
    probe = _probe(sheet, attributes=[{"label": "for", "when": sheet.for_, "points": 1}])
    scores = score_sheet(probe, history, spine, ledger=False, plan=plan).scores
    chosen = scores.loc[scores["total"] == 1, ["row_id"]].reset_index(drop=True)
    with Table.of(engine, "segment_rows", chosen) as numbers:
        return Spine.make(engine, "segment", f"{rows} WHERE row_id IN (SELECT row_id FROM {numbers})")


def matched_rules(
    sheet: Sheet, history: History, spine: Spine, ledger: pd.DataFrame, plan: FeaturePlan | None = None
) -> pd.DataFrame:
    """``row_id, rule`` (label) of every rule that matches: those of the ledger, and those without points.

    ``plan`` holds the features that the sheet reads, here and below: ``Parsed`` has it, and making it takes time.
    """
    columns = ["row_id", "rule"]
    matches = ledger.loc[ledger["rule"].isin([rule.label for rule in sheet.rules]), columns]
    signals = [rule for rule in sheet.rules if rule.points == 0]
    if not signals:
        return matches.drop_duplicates(ignore_index=True)
    plain: dict[str, object] = {"points": 1, "group": None, "also": (), "dimension": None}
    attributes = tuple(rule.model_copy(update=plain) for rule in sheet.attributes if rule in signals)
    actions = tuple(
        rule.model_copy(update={**plain, "cap": None}) for rule in sheet.actions if rule in signals
    )
    probe = sheet.model_copy(update={"attributes": attributes, "actions": actions, **_NOTHING_ELSE})
    further = score_sheet(probe, history, spine, plan=plan).ledger[columns]
    return pd.concat([matches, further]).drop_duplicates(ignore_index=True)


def attribute_values(
    sheet: Sheet, history: History, spine: Spine, plan: FeaturePlan | None = None
) -> dict[int, dict[str, str]]:
    """The values that each attribute rule read, whether it matched or not: row_id → label → ``age 41, place Bern``."""
    if not sheet.attributes:
        return {}
    rules = [
        {"label": rule.label, "when": f"({rule.when}) OR TRUE", "points": 1} for rule in sheet.attributes
    ]
    values: dict[int, dict[str, str]] = {}
    scores = score_sheet(_probe(sheet, attributes=rules), history, spine, plan=plan)
    for line in scores.ledger.to_dict("records"):
        values.setdefault(line["row_id"], {})[line["rule"]] = line["detail"]
    return values


def matching_events(
    sheet: Sheet, history: History, spine: Spine, parsed: Parsed | None = None
) -> pd.DataFrame:
    """The events that action rules are about, of the leads of a spine, whether known by then or not.

    Returns
    -------
    lead_id, rule (label), role (``"when"`` or ``"after"``), occurred_at, known_at, retracted_at, value (of the
    column that ``of`` names, as text), by lead, rule and time.
    """
    parsed = parsed or parse_conditions(sheet, history)
    sql, quote = history.engine.dialect, history.engine.dialect.quote
    parts = []
    for index, condition in enumerate(parsed.actions):
        of = parsed.of.get(index)
        value = sql.text(f"e.{quote(of)}") if of else f"CAST(NULL AS {sql.text_type})"
        parts.append((index, "when", condition, value))
    parts += [
        (index, "after", condition, f"CAST(NULL AS {sql.text_type})")
        for index, condition in parsed.after.items()
    ]
    if not parts:
        return pd.DataFrame(columns=_EVENT_COLUMNS)
    matching = " UNION ALL ".join(
        f"SELECT e.lead_id, {index} AS rule, '{role}' AS role, e.occurred_at, e.known_at, e.retracted_at, "
        f"{value} AS value FROM events AS e WHERE {condition.sql(sql, 'e')} "
        f"AND e.lead_id IN (SELECT lead_id FROM {spine})"
        for index, role, condition, value in parts
    )
    frame = history.engine.frame(
        f"SELECT * FROM ({matching}) AS h ORDER BY lead_id, rule, role DESC, occurred_at"
    )
    labels = [rule.label for rule in sheet.actions]
    return frame.assign(rule=[labels[number] for number in frame["rule"]])[_EVENT_COLUMNS]


_EVENT_COLUMNS = ["lead_id", "rule", "role", "occurred_at", "known_at", "retracted_at", "value"]
_NOTHING_ELSE: dict[str, object] = {
    "base": {}, "dimensions": (), "products": (), "total": ("fit", "engagement"), "groups": (),
    "disqualify": (), "thresholds": None, "routes": (), "for_": None,
}  # fmt: skip


def without_segment(sheet: Sheet) -> Sheet:
    """The sheet for any lead: what scores rows that ``split_segment`` chose."""
    return sheet.model_copy(update={"for_": None})


def without_outcomes(sheet: Sheet) -> Sheet:
    """The sheet's points alone, without stages and routes: what a ledger needs."""
    return sheet.model_copy(update={"thresholds": None, "routes": ()})


def _probe(sheet: Sheet, attributes: list[dict[str, object]]) -> Sheet:
    # lists are checked already, and too long to check again
    probe = Sheet.model_validate({"sheet": sheet.sheet, "attributes": attributes})
    return probe.model_copy(update={"lists": sheet.lists})

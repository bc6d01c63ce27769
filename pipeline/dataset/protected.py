"""The groups of protected columns, for the report and for the scan of proxies; and what reads these columns all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from leadlens.features import History
from leadlens.features.attributes.protected import looks_protected
from leadlens.features.errors import listed
from leadlens.features.plan import FeaturePlan
from leadlens.models.scorecard import ScorecardSet, rules_that_read
from leadlens.pipeline.config import Project

UNKNOWN, OTHER = "(unknown)", "(other)"
_MOST_GROUPS, _BANDS = 8, 4


def protected_groups(history: History, project: Project, lead: pd.Series) -> pd.DataFrame | None:
    """The group of each row by every protected column, as texts by row_id; ``None`` where none is protected. ``lead``: whose row each is.

    As the column is now: to which group somebody belongs is no matter of when. Numbers and dates are in quarters of all leads,
    and of categories beyond the eight largest the rest is one group.
    """
    if not project.protected:
        return None
    engine, quote = history.engine, history.engine.dialect.quote
    of_leads = [name for name in project.protected if name in history.lead_attributes]
    of_accounts = [name for name in project.protected if name not in of_leads]
    names = [*(f"l.{quote(name)}" for name in of_leads), *(f"a.{quote(name)}" for name in of_accounts)]
    join = "LEFT JOIN accounts AS a ON a.account_id = l.account_id" if of_accounts else ""
    values = engine.frame(f"SELECT l.lead_id, {', '.join(names)} FROM leads AS l {join}").set_index("lead_id")
    groups = pd.DataFrame({name: _groups(values[name]) for name in project.protected})
    return groups.loc[lead].set_axis(lead.index)


def _groups(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.year
    if _is_number(values) and values.nunique() > _MOST_GROUPS:
        quarter = pd.qcut(values, _BANDS, labels=False, duplicates="drop")
        bounds = values.groupby(quarter).agg(["min", "max"])
        texts = quarter.map(bounds.apply(lambda band: f"{band['min']:.12g} to {band['max']:.12g}", axis=1))
        return texts.astype(object).where(values.notna(), UNKNOWN)
    texts = values.map(_text, na_action="ignore").astype(object).where(values.notna(), UNKNOWN)
    largest = texts.value_counts().index[:_MOST_GROUPS]
    return texts.where(texts.isin(largest), OTHER)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _text(value: object) -> str:
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def unprotected_note(history: History, project: Project, plan: FeaturePlan) -> str | None:
    """What to say of columns that features are made of and whose names say that they hold what the law protects."""
    used = {item.column for item in plan.attributes} - set(project.protected)
    if not (found := looks_protected(name for name in _attributes(history) if name in used)):
        return None
    are = "s like a column" if len(found) == 1 else " like columns"
    return (
        f"{listed(found, 10)} look{are} that people are protected by, and features are made of "
        f"{'it' if len(found) == 1 else 'them'}: protected: [{', '.join(found)}] keeps {'it' if len(found) == 1 else 'them'} out and "
        "shows how the groups fare"
    )


def sheets_that_read(history: History, project: Project, sheets: ScorecardSet | None) -> Iterator[str]:
    """What to say of rules that read protected columns: their points are in the sheet's score, and in the model that has it."""
    if sheets is None or not project.protected:
        return
    for sheet in sheets.sheets:
        if rules := rules_that_read(sheet, history, project.protected):
            yield (
                f"the sheet {sheet.name} reads protected columns ({listed(rules, 5)}): they count in its points, and in the model through them; take "
                "these rules out to keep the columns out"
            )


def model_uses(plan: FeaturePlan, project: Project) -> str | None:
    """What to say of a model that was trained before a column was protected, and reads it."""
    used = sorted({item.column for item in plan.attributes} & set(project.protected))
    if not used:
        return None
    return f"the model was trained before {listed(used)} {'was' if len(used) == 1 else 'were'} protected, and reads it: train again"


def _attributes(history: History) -> list[str]:
    return [*history.lead_attributes, *history.account_attributes]

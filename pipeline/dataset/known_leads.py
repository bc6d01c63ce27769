"""A lead by its id, or an error that names the nearest ones."""

from __future__ import annotations

import pandas as pd

from leadlens.features import History, UsageError, nearest


def is_text(typed: str) -> bool:
    """Whether what was typed is text; a terminal in another encoding may send what is none."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_lead(history: History, lead_id: str) -> pd.Series:
    """The lead's row: ``lead_id``, ``created_at``, ``closed_at`` (missing while open).

    Raises ``UsageError`` for an unknown id, with those nearest to it, and for one that is not text, as a terminal in
    another encoding may send it.
    """
    if not is_text(lead_id):
        raise UsageError("this id is not UTF-8 text", value=lead_id, fix="type it as data.leads has it")
    engine, literal = history.engine, history.engine.dialect.literal
    rows = engine.frame(
        f"SELECT lead_id, created_at, closed_at FROM leads WHERE lead_id = {literal(lead_id)}"
    )
    if not rows.empty:
        return rows.iloc[0]
    near = engine.frame(
        f"SELECT lead_id FROM leads ORDER BY levenshtein(lead_id, {literal(lead_id[:100])}), lead_id LIMIT 3"
    )
    known = [str(name) for name in near["lead_id"]]
    # the error shows near names by itself, but none where all are far
    examples = f", such as {', '.join(known)}" if known and not nearest(lead_id, known) else ""
    raise UsageError(
        "there is no such lead",
        value=lead_id,
        known=known,
        fix=f"give an id of data.leads{examples}, or an e-mail address or a name as it stands there",
    )

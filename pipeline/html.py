"""Small tables for notebooks; whatever a lead typed is escaped."""

from __future__ import annotations

import pandas as pd


def table_html(frame: pd.DataFrame, rows: int = 20) -> str:
    """A frame's first rows as an HTML table, and how many more there are; ``""`` for an empty one."""
    if frame.empty:
        return ""
    shown = frame.head(rows).to_html(escape=True, na_rep="–", float_format=lambda number: f"{number:,.4g}")
    left = len(frame) - rows
    return shown + (f"<p>… and {left:,} more rows</p>" if left > 0 else "")

"""Small tables for notebooks; all texts are escaped."""

from __future__ import annotations

import pandas as pd


def table_html(frame: pd.DataFrame, rows: int = 20) -> str:
    """The first rows of a frame as an HTML table, with the number of further rows; ``""`` for an empty frame."""
    if frame.empty:
        return ""
    shown = frame.head(rows).to_html(escape=True, na_rep="–", float_format=lambda number: f"{number:,.4g}")
    left = len(frame) - rows
    return shown + (f"<p>… and {left:,} more rows</p>" if left > 0 else "")

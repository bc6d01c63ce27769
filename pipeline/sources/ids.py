"""Ids as text, in SQL: the same wherever they stand."""

from __future__ import annotations


def id_text(name: str, kind: str) -> str:
    """SQL of an id of a column of some type as text: whole numbers without a decimal point, spaces trimmed, '' as NULL."""
    if kind in ("DOUBLE", "FLOAT"):
        name = f"CASE WHEN isfinite({name}) THEN {name} END"
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        # An integer column with NULLs may arrive as floating point; 12.0 and "12" must be the same lead.
        whole = f"CAST(CAST({name} AS HUGEINT) AS VARCHAR)"
        return f"CASE WHEN {name} = floor({name}) THEN {whole} ELSE CAST({name} AS VARCHAR) END"
    if kind != "VARCHAR":
        return f"nullif(trim(CAST({name} AS VARCHAR)), '')"
    # The same of a column that holds other texts too, or was text when it was written; few ids need a look.
    whole = f"regexp_replace(trim({name}), '^([0-9]{{1,15}})[.]0$', '\\1')"
    return f"CASE WHEN {may_be_untidy(name)} THEN nullif({whole}, '') ELSE {name} END"


def may_be_untidy(name: str) -> str:
    """SQL: whether an id in a column of texts may be another than it is written; of all others :func:`id_text` is the text itself."""
    return f"{is_padded(name)} OR suffix({name}, '.0')"


def trimmed(name: str) -> str:
    """SQL of a text without spaces around it, NULL for an empty one; few texts need it, and a cheap test finds these."""
    return f"CASE WHEN {is_padded(name)} THEN nullif(trim({name}), '') ELSE {name} END"


def is_padded(name: str) -> str:
    """SQL: whether a text is empty or may have spaces around it; of all others :func:`trimmed` is the text itself."""
    return f"{name} < '!' OR suffix({name}, ' ')"

"""Whether two results have the same values: counts exactly, the rest to 1e-9."""

from __future__ import annotations

import duckdb


def disagreement(ours: str, theirs: str) -> str:
    """The difference between two feature Parquets as text; empty if there is none.

    Rows are those of ``theirs`` (it may be a sample); columns must be the same.
    """
    connection = duckdb.connect()
    names = [_columns(connection, path) for path in (ours, theirs)]
    if set(names[0]) != set(names[1]):
        return f"columns differ: {sorted(set(names[0]) ^ set(names[1]))[:5]}"
    wrong = []
    for name in names[1]:
        mine, other = f'a."{name}"', f'b."{name}"'
        near = f"abs({mine} - {other}) <= 1e-9 * greatest(1, abs({other}))"
        same = f"{mine} = {other}" if _is_count(name) else near
        wrong.append(
            f'count(*) FILTER (WHERE NOT coalesce({same}, {mine} IS NULL AND {other} IS NULL)) AS "{name}"'
        )
    found = connection.execute(
        f"SELECT count(*), count(a.row_id), {', '.join(wrong)} "
        f"FROM read_parquet(?) AS b LEFT JOIN read_parquet(?) AS a USING (row_id)",
        [theirs, ours],
    ).fetchall()[0]
    if found[0] != found[1]:
        return f"{found[0] - found[1]} of {found[0]} rows are missing"
    differing = [f"{name} ({count})" for name, count in zip(names[1], found[2:], strict=True) if count]
    return f"of {found[0]} rows, {len(differing)} columns differ: {differing[:3]}" if differing else ""


def columns(path: str) -> int:
    """How many features a Parquet has."""
    return len(_columns(duckdb.connect(), path))


def _is_count(name: str) -> bool:
    return not name.endswith(("__recency", "__decayed"))


def _columns(connection: duckdb.DuckDBPyConnection, path: str) -> list[str]:
    rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    return [row[0] for row in rows if row[0] not in ("row_id", "lead_id", "as_of", "created_at")]

"""Which column of one table holds the ids of another: by the share of values that occur there, whatever the columns are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.tables import Export, quote
from leadlens.pipeline.starting.words import holds, says

_LEAST = 0.25  # of the different values must occur in the other table
_FEWEST = 5
_MOST_TRIED = 30
_NEVER_KEYS = ("deal_value", "counter", "score", "notes", "first_name", "last_name", "revenue")


@dataclass(frozen=True)
class Link:
    """``column`` of a table holds values of ``key`` of the other; ``share`` of its different values occur there.

    ``listed`` are several ids in one value, such as 1003;1004; ``rows`` is the share of rows that find a partner.
    """

    column: str
    key: str
    share: float
    rows: float
    listed: bool = False
    folded: bool = False


def keys_of(table: Table) -> list[Column]:
    """The columns that tell the rows of a table apart, the likeliest id first."""
    columns = [
        column
        for column in table.export.columns.values()
        if _nearly_unique(column) and table.roles[column.name] not in ("phone", *_NEVER_KEYS)
    ]
    return sorted(columns, key=lambda column: _rank(table, column))


def _nearly_unique(column: Column) -> bool:
    filled = column.rows * column.filled
    whole = column.kind != "number" or _whole(column) or says("ids", "", column.name)
    named = column.kind == "email" or column.filled > 0.5 or says("ids", "", column.name)
    return (
        column.kind in ("text", "number", "email")
        and column.plain
        and whole
        and named
        and filled >= 1
        and column.distinct >= 0.97 * filled
    )


def _rank(table: Table, column: Column) -> tuple[object, ...]:
    own = table.known.role(column.name) if table.known else None
    names_another = (
        any(
            says("tables", kind, column.name.rsplit(" - ", 1)[0])
            for kind in ("people", "deals", "accounts", "leads")
            if kind != table.holds
        )
        and " - " in column.name
    )
    named = says("ids", "", column.name)
    return (
        column.filled < 0.995,
        names_another,
        own != "id",
        not named or column.kind == "email",
        not column.unique,
        list(table.export.columns).index(column.name),
    )


def link(export: Export, table: Table, other: Table, keys: list[Column], small: bool = False) -> Link | None:
    """How the rows of ``table`` name rows of ``other``, by one of its ``keys``; ``None`` if they do not.

    With ``small``, small whole numbers count as ids, whatever their columns are called.
    """
    found = [
        each
        for column in _candidates(table)
        for key in keys[:4]
        for each in _tried(export, table, column, other, key, small)
    ]
    if not found:
        return None
    position = {column.name: place for place, column in enumerate(keys)}
    return max(
        found,
        key=lambda each: (
            round(each.rows, 1),
            not each.listed,
            says("ids", "", each.column),
            -position[each.key],
            each.share,
        ),
    )


def _candidates(table: Table) -> list[Column]:
    able = [
        column
        for column in table.export.columns.values()
        if column.kind in ("text", "number", "email")
        and column.plain
        and column.distinct >= min(_FEWEST, column.rows)
    ]
    able.sort(
        key=lambda column: (
            not (says("ids", "", column.name) or column.kind == "email" or holds("ids", "", column.name))
        )
    )
    return able[:_MOST_TRIED]


def _tried(
    export: Export, table: Table, column: Column, other: Table, key: Column, small: bool
) -> Iterator[Link]:
    if (column.kind == "email") != (key.kind == "email"):
        return
    if column.kind == "number" and not _whole(column) and not says("ids", "", column.name):
        return
    folded = column.kind == "email"
    found: list[tuple[int, Link]] = []
    for listed in (False, True) if _may_list(column) else (False,):
        values, rows, matched = export.connection.execute(
            _overlap(table, column, other, key, listed, folded)
        ).fetchall()[0]
        if (values or 0) >= _LEAST and (rows or 0) >= _LEAST and (small or not _by_chance(column, key)):
            found.append((matched, Link(column.name, key.name, values, rows, listed, folded)))
    if found:
        # Where most rows name one partner, those that name several are as much to be found.
        yield max(found, key=lambda each: (each[0], not each[1].listed))[1]


def _whole(column: Column) -> bool:
    return all("." not in value and "e" not in value for value, _ in column.values)


def _may_list(column: Column) -> bool:
    return column.kind == "text" and any(";" in value or "," in value for value, _ in column.values)


def _by_chance(column: Column, key: Column) -> bool:
    """Small whole numbers occur in any row of small whole numbers: then the name must say that it is an id."""
    small = column.kind == "number" and all(len(value) <= 4 for value, _ in column.values)
    return small and not (says("ids", "", column.name) and says("ids", "", key.name))


def text_of(column: str, folded: bool = False, table: str = "") -> str:
    """SQL of an id as it is compared."""
    own = f"{table}.{quote(column)}" if table else quote(column)
    return f"lower(trim({own}))" if folded else f"trim(CAST({own} AS VARCHAR))"


def _overlap(table: Table, column: Column, other: Table, key: Column, listed: bool, folded: bool) -> str:
    own, keys = text_of(column.name, folded), text_of(key.name, folded)
    each = f"unnest(string_split_regex({own}, '\\s*[;,]\\s*'))" if listed else own
    return f"""
        WITH own AS (SELECT {each} AS v FROM {table.export.sql} WHERE {quote(column.name)} IS NOT NULL),
             keys AS (SELECT DISTINCT {keys} AS k FROM {other.export.sql}),
             found AS (SELECT v, k FROM own LEFT JOIN keys ON v = k)
        SELECT count(DISTINCT k) / greatest(count(DISTINCT v), 1), count(k) / greatest(count(*), 1), count(k) FROM found
    """

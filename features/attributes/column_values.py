"""What the values of many columns are: samples, the frequent ones, and whether they differ between leads.

Many columns are asked about in one statement: one statement per column, each over joins of all, made a table of 2,000
columns cost a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from leadlens.features.attributes.lookups import Lookup, lookup_join
from leadlens.features.attributes.readings import LONGEST_SAMPLED
from leadlens.features.history import History, Kind
from leadlens.features.spine import Spine

_AT_ONCE = 50  # columns in one statement
_SAMPLE = 300
_T = TypeVar("_T")


class Asked(NamedTuple):
    """A value per lead, as SQL over ``s`` (the spine), ``lead``, ``account`` and a lookup table, if it reads one."""

    source: str
    value: str
    lookup: Lookup | None = None


def samples(history: History, source: str, columns: Mapping[str, Kind]) -> dict[str, list[str]]:
    """Some distinct values of each column as text, always the same ones, each cut.

    None of dates and flags, whose kind is enough.
    """
    dialect = history.engine.dialect
    found: dict[str, list[str]] = {name: [] for name in columns}
    wanted = [name for name, kind in columns.items() if kind not in ("time", "boolean")]

    def values(name: str) -> str:
        value, is_number = f"a.{dialect.quote(name)}", columns[name] == "number"
        whole = dialect.text(f"CAST({value} AS BIGINT)")
        text = whole if is_number else f"substr({value}, 1, {LONGEST_SAMPLED})"
        usable = f"abs({value}) < 1e15" if is_number else f"{value} IS NOT NULL"
        return f"""
            SELECT v.value, {dialect.hash_number("v.value")} AS place
            FROM (SELECT DISTINCT {text} AS value FROM {source}_as_of AS a WHERE {usable}) AS v
            ORDER BY place, v.value
            LIMIT {_SAMPLE}
        """

    for name, (value, _) in _rows(history, [(name, values(name)) for name in wanted], "place, value"):
        found[name].append(str(value))
    return found


def frequent_values(history: History, asked: Sequence[Asked], most: int, least: int) -> list[list[str]]:
    """For each value asked for, its texts that at least ``least`` leads have, the most frequent first, ``most`` at most."""

    def counts(item: Asked) -> str:
        return f"""
            SELECT r.v, count(*) AS n
            FROM (
              SELECT {item.value} AS v
              FROM {item.source}_as_of AS {item.source} {lookup_join(history, item.lookup) if item.lookup else ""}
            ) AS r
            WHERE r.v IS NOT NULL
            GROUP BY r.v
            HAVING count(*) >= {least}
            ORDER BY n DESC, v
            LIMIT {most}
        """

    found: list[list[str]] = [[] for _ in asked]
    queries = [(place, counts(item)) for place, item in enumerate(asked)]
    for place, (value, _) in _rows(history, queries, "n DESC, v"):
        found[place].append(str(value))
    return found


def differing(history: History, latest: Spine, asked: Sequence[tuple[Asked, str | None]]) -> list[bool]:
    """Whether each value differs between leads; a missing one is a value.

    With ``among`` (SQL) beside a value, it is asked of the leads that have it alone, and a missing one is none.
    """
    found: list[bool] = []
    for some in _parts(asked):
        lookups = dict.fromkeys(item.lookup for item, _ in some if item.lookup)
        values = ", ".join(
            f"{item.value} AS v{place}, {'TRUE' if among is None else f'{among} IS NOT NULL'} AS a{place}"
            for place, (item, among) in enumerate(some)
        )
        measures = ", ".join(
            f"count(r.v{place}) AS known{place}, count(CASE WHEN r.a{place} THEN 1 END) AS n{place}, "
            f"coalesce(min(r.v{place}) = max(r.v{place}), FALSE) AS one{place}"
            for place in range(len(some))
        )
        row = history.engine.frame(
            f"""
            SELECT {measures}
            FROM (
              SELECT {values}
              FROM {latest} AS s
              JOIN lead_as_of AS lead ON lead.row_id = s.row_id
              JOIN account_as_of AS account ON account.row_id = s.row_id
              {"".join(lookup_join(history, table) for table in lookups)}
            ) AS r
            """
        ).iloc[0]
        found += [
            bool(
                row[f"known{place}"] and not (row[f"one{place}"] and row[f"known{place}"] == row[f"n{place}"])
            )
            for place in range(len(some))
        ]
    return found


def _rows(
    history: History, queries: Sequence[tuple[_T, str]], order: str
) -> Iterator[tuple[_T, tuple[str, int]]]:
    """The rows of many queries of the same two columns, in ``order`` for each, with the key of the query."""
    for some in _parts(queries):
        union = " UNION ALL ".join(
            f"SELECT {place} AS query, q.* FROM ({sql}) AS q" for place, (_, sql) in enumerate(some)
        )
        rows = history.engine.frame(f"SELECT * FROM ({union}) AS u ORDER BY query, {order}")
        for place, value, number in rows.itertuples(index=False, name=None):
            yield some[place][0], (value, number)


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))

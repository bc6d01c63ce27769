"""Attributes of merged leads: the survivor's own value counts, and what it lacks comes from the lead merged into it."""

from __future__ import annotations

from dataclasses import dataclass

from leadlens.features import DuckDBEngine, Step

_NOT_FILLED = ("lead_id", "created_at", "closed_at")  # an old id is closed because it was merged


@dataclass(frozen=True)
class Settled:
    """How many values of survivors were filled, and how many changes of old ids gave way to a value of their own."""

    filled: int
    outdone: int


def settle_values(engine: DuckDBEngine) -> Settled:
    """Decide, for each survivor in ``aliases(old_id, lead_id)`` and each attribute, whose value it has.

    Its own, if there is one in its row of ``leads`` or any of its ``changes``; else that of the old id created last that
    has one. Row and changes of an attribute are always of the same id: changes of the others are left out, and the
    survivor's row is filled. Must come before ids are replaced.
    """
    engine.run([Step("family", _FAMILY)])
    columns = [name for name in engine.columns("leads") if name not in _NOT_FILLED]
    changed = _changed(engine, columns)
    engine.run([Step("owners", _owners(engine, changed))])
    outdone = _leave_out_changes(engine)
    filled = _fill(engine, columns, changed)
    engine.drop("family", "owners")
    return Settled(filled, outdone)


# Everybody of a merge, the survivor first.
_FAMILY = """
    SELECT lead_id, lead_id AS id, 0 AS place
    FROM (SELECT DISTINCT lead_id FROM aliases)
    UNION ALL
    SELECT
        a.lead_id,
        a.old_id AS id,
        row_number() OVER (PARTITION BY a.lead_id ORDER BY o.created_at DESC NULLS LAST, a.old_id) AS place
    FROM aliases AS a
    LEFT JOIN leads AS o ON o.lead_id = a.old_id
"""


def _changed(engine: DuckDBEngine, columns: list[str]) -> list[str]:
    """The attributes that anybody of a merge has changes of."""
    names = engine.frame(
        "SELECT DISTINCT attribute FROM changes WHERE lower(entity) = 'lead' AND id IN (SELECT id FROM family) ORDER BY 1"
    )["attribute"]
    return [name for name in names if name in columns]


def _owners(engine: DuckDBEngine, changed: list[str]) -> str:
    """(lead_id, attribute, place): who has the value of an attribute with changes."""
    quote, literal = engine.dialect.quote, engine.dialect.literal
    names = ", ".join(map(literal, changed)) or "NULL"
    by_changes = f"""
        SELECT f.lead_id, c.attribute, f.place
        FROM family AS f
        JOIN changes AS c ON c.id = f.id AND lower(c.entity) = 'lead' AND c.attribute IN ({names})
    """
    by_rows = (
        f"SELECT f.lead_id, {literal(name)}, f.place FROM family AS f JOIN leads AS l ON l.lead_id = f.id "
        f"WHERE l.{quote(name)} IS NOT NULL"
        for name in changed
    )
    claims = " UNION ALL ".join([by_changes, *by_rows])
    return f"SELECT lead_id, attribute, min(place) AS place FROM ({claims}) GROUP BY lead_id, attribute"


def _leave_out_changes(engine: DuckDBEngine) -> int:
    outdone = """
        lower(entity) = 'lead' AND (id, attribute) IN (
            SELECT (f.id, o.attribute) FROM family AS f JOIN owners AS o ON o.lead_id = f.lead_id AND o.place <> f.place
        )
    """
    count = engine.count(f"changes WHERE {outdone}")
    if count:
        engine.run([Step("changes", f"SELECT * FROM changes WHERE NOT coalesce({outdone}, FALSE)")])
    return count


def _fill(engine: DuckDBEngine, columns: list[str], changed: list[str]) -> int:
    """Give the survivors' rows the values they have; returns how many were missing there."""
    if not columns:
        return 0
    quote, literal = engine.dialect.quote, engine.dialect.literal
    places = "".join(
        f", max(place) FILTER (attribute = {literal(name)}) AS p{number}"
        for number, name in enumerate(changed)
    )
    values = ", ".join(
        f"any_value(r.{quote(name)}) FILTER (f.place = o.p{changed.index(name)}) AS {quote(name)}"
        if name in changed
        else f"arg_min(r.{quote(name)}, f.place) AS {quote(name)}"  # of those that are not missing
        for name in columns
    )
    settled = f"""
        SELECT f.lead_id, {values}
        FROM family AS f
        JOIN leads AS r ON r.lead_id = f.id
        LEFT JOIN (SELECT lead_id{places} FROM owners GROUP BY lead_id) AS o ON o.lead_id = f.lead_id
        GROUP BY f.lead_id
    """
    engine.run([Step("settled", settled)])
    missing = " + ".join(
        f"count(*) FILTER (l.{quote(name)} IS NULL AND s.{quote(name)} IS NOT NULL)" for name in columns
    )
    filled = int(engine.value(f"SELECT {missing} FROM leads AS l JOIN settled AS s ON s.lead_id = l.lead_id"))
    if filled:
        new = ", ".join(
            f"CASE WHEN s.lead_id IS NULL THEN l.{quote(name)} ELSE s.{quote(name)} END AS {quote(name)}"
            for name in columns
        )
        joined = "FROM leads AS l LEFT JOIN settled AS s ON s.lead_id = l.lead_id"
        engine.run([Step("leads", f"SELECT l.* REPLACE ({new}) {joined}")])
    engine.drop("settled")
    return filled

"""Attributes as they were: each spine row sees the values that were known before its moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from features.engine import Step
from features.history import History, Kind

_SQL_TYPES: dict[Kind, str] = {
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP",
    "category": "VARCHAR",
    "text": "VARCHAR",
}


# In a struct, because a change to NULL counts too; of changes at one moment the value that sorts last.
_LATEST = (
    "max_by(struct_pack(value := c.value), struct_pack(at := c.known_at, value := coalesce(c.value, '')))"
)


def attribute_steps(history: History, spine: str = "spine") -> list[Step]:
    """Steps that make ``lead_as_of`` and ``account_as_of``: (row_id, the attributes), one row per spine row.

    Where ``changes`` tells an attribute of an entity, the latest value known strictly before ``as_of`` holds,
    and NULL before the first: the value in ``leads`` may be newer than the moment. Attributes without any
    change are taken as known at creation. Rows without an account have NULLs.
    """
    return [
        *_steps(history, spine, "lead", "leads", "s.lead_id", history.lead_attributes),
        *_steps(history, spine, "account", "accounts", "l.account_id", history.account_attributes),
    ]


def _steps(
    history: History, spine: str, entity: str, table: str, key: str, attributes: Mapping[str, Kind]
) -> list[Step]:
    quote, literal = history.engine.dialect.quote, history.engine.dialect.literal
    told = set(
        history.engine.frame(f"SELECT DISTINCT attribute AS a FROM changes WHERE entity = {literal(entity)}")[
            "a"
        ]
    )
    changed = [name for name in attributes if name in told]
    steps: list[Step] = []
    columns = "".join(
        f", base.{quote(name)}" if name not in told else f", {_told(name, attributes[name], quote)}"
        for name in attributes
    )
    join = f"LEFT JOIN {table} AS base ON base.{entity}_id = {key}"
    if changed:
        picks = ", ".join(
            f"{_LATEST} FILTER (WHERE c.attribute = {literal(name)} AND c.known_at < s.as_of) "
            f"AS {quote(name)}, coalesce(bool_or(c.attribute = {literal(name)}), FALSE) AS {quote('told ' + name)}"
            for name in changed
        )
        steps.append(
            Step(
                f"{entity}_changed",
                f"SELECT s.row_id, {picks} FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id "
                f"LEFT JOIN changes AS c ON c.entity = {literal(entity)} AND c.id = {key} GROUP BY s.row_id",
            )
        )
        join += f" JOIN {entity}_changed AS changed ON changed.row_id = s.row_id"
    steps.append(
        Step(
            f"{entity}_as_of",
            f"SELECT s.row_id{columns} FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id {join}",
        )
    )
    return steps


def _told(name: str, kind: Kind, quote: Callable[[str], str]) -> str:
    quoted, flag = quote(name), quote("told " + name)
    cast = f"TRY_CAST(changed.{quoted}.value AS {_SQL_TYPES[kind]})"
    return f"CASE WHEN changed.{flag} THEN {cast} ELSE base.{quoted} END AS {quoted}"

"""Attributes as of then: each spine row gets the values that were known before its ``as_of``."""

from __future__ import annotations

from collections.abc import Mapping

from leadlens.features.engines import Step
from leadlens.features.engines.dialect import Dialect
from leadlens.features.history import History, Kind
from leadlens.features.spine import Spine


def attribute_steps(history: History, spine: Spine) -> list[Step]:
    """Steps that make ``lead_as_of`` and ``account_as_of``: (row_id, the attributes), one row per spine row.

    Where ``changes`` has an attribute of an entity, the latest value known strictly before ``as_of`` holds,
    and NULL before the first: the value in ``leads`` may be newer. Attributes without any change are taken as
    known at creation. Rows without an account have NULLs.
    """
    return [
        *_steps(history, spine, "lead", "leads", "s.lead_id", history.lead_attributes),
        *_steps(history, spine, "account", "accounts", "l.account_id", history.account_attributes),
    ]


def _steps(
    history: History, spine: Spine, entity: str, table: str, key: str, attributes: Mapping[str, Kind]
) -> list[Step]:
    dialect = history.engine.dialect
    quote, of_entity = dialect.quote, f"entity = {dialect.literal(entity)}"
    in_changes = set(
        history.engine.frame(f"SELECT DISTINCT attribute FROM changes WHERE {of_entity}")["attribute"]
    )
    changed = [name for name in attributes if name in in_changes]
    columns = "".join(
        f", {_changed_value(dialect, name, kind)}" if name in changed else f", base.{quote(name)}"
        for name, kind in attributes.items()
    )
    steps: list[Step] = []
    if changed:
        # A change to NULL counts too; of changes at the same time, the value that sorts last.
        values = "".join(
            f", {dialect.latest('c.value', 'c.known_at', f'{_of(dialect, name)} AND c.known_at < s.as_of')} "
            f"AS {quote(name)}, coalesce({dialect.bool_or(_of(dialect, name))}, FALSE) AS {_flag(dialect, name)}"
            for name in changed
        )
        sql = f"""
            SELECT s.row_id{values}
            FROM {spine} AS s
            JOIN leads AS l ON l.lead_id = s.lead_id
            LEFT JOIN changes AS c ON c.{of_entity} AND c.id = {key}
            GROUP BY s.row_id
        """
        steps.append(Step(f"{entity}_changed", sql))
    sql = f"""
        SELECT s.row_id{columns}
        FROM {spine} AS s
        JOIN leads AS l ON l.lead_id = s.lead_id
        LEFT JOIN {table} AS base ON base.{entity}_id = {key}
        {f"JOIN {entity}_changed AS changed ON changed.row_id = s.row_id" if changed else ""}
    """
    return [*steps, Step(f"{entity}_as_of", sql)]


def _of(dialect: Dialect, name: str) -> str:
    return f"c.attribute = {dialect.literal(name)}"


def _flag(dialect: Dialect, name: str) -> str:
    """The column that is true where an entity has any change of an attribute."""
    return dialect.quote("has changes: " + name)


def _changed_value(dialect: Dialect, name: str, kind: Kind) -> str:
    quoted = dialect.quote(name)
    value = dialect.try_cast(f"changed.{quoted}", kind)
    return f"CASE WHEN changed.{_flag(dialect, name)} THEN {value} ELSE base.{quoted} END AS {quoted}"

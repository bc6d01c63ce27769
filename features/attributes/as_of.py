"""Attributes as they were: each spine row sees the values that were known before its moment."""

from __future__ import annotations

from collections.abc import Mapping

from features.engines import Step
from features.engines.dialect import Dialect
from features.history import History, Kind
from features.spine import Spine


def attribute_steps(history: History, spine: Spine) -> list[Step]:
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
    history: History, spine: Spine, entity: str, table: str, key: str, attributes: Mapping[str, Kind]
) -> list[Step]:
    dialect = history.engine.dialect
    quote, literal = dialect.quote, dialect.literal
    told = set(
        history.engine.frame(f"SELECT DISTINCT attribute AS a FROM changes WHERE entity = {literal(entity)}")[
            "a"
        ]
    )
    changed = [name for name in attributes if name in told]
    steps: list[Step] = []
    columns = "".join(
        f", base.{quote(name)}" if name not in told else f", {_told(dialect, name, attributes[name])}"
        for name in attributes
    )
    join = f"LEFT JOIN {table} AS base ON base.{entity}_id = {key}"
    if changed:
        # A change to NULL counts too; of changes at one moment the value that sorts last.
        picks = ", ".join(
            f"{dialect.latest('c.value', 'c.known_at', f'{_of(dialect, name)} AND c.known_at < s.as_of')} "
            f"AS {quote(name)}, coalesce({dialect.bool_or(_of(dialect, name))}, FALSE) AS {quote('told ' + name)}"
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


def _of(dialect: Dialect, name: str) -> str:
    return f"c.attribute = {dialect.literal(name)}"


def _told(dialect: Dialect, name: str, kind: Kind) -> str:
    quoted, flag = dialect.quote(name), dialect.quote("told " + name)
    known = dialect.try_cast(f"changed.{quoted}", kind)
    return f"CASE WHEN changed.{flag} THEN {known} ELSE base.{quoted} END AS {quoted}"

"""A score sheet as one query for a warehouse: the steps that the engine runs, as a chain of CTEs for people to read.

It needs the contract tables ``leads``, ``accounts``, ``events`` and ``changes`` as Leadlens opens them, and nothing of
Leadlens itself.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from leadlens.features.engines import Step
from leadlens.features.engines.dialect import Dialect, DuckDBDialect
from leadlens.features.engines.postgres_dialect import PostgresDialect
from leadlens.features.engines.spark_dialect import SparkDialect
from leadlens.features.errors import UsageError
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import ledger_sql, rule_labels
from leadlens.models.scorecard.scoring.points import EXACT
from leadlens.models.scorecard.scoring.stage_and_route import SheetPasses
from leadlens.models.scorecard.sql_export.comments import comment_for, header
from leadlens.models.scorecard.sql_export.formatting import (
    Token,
    lines_of,
    tables_read,
    tokens,
    with_tables,
    without_idle_joins,
)
from leadlens.models.scorecard.sql_export.single_scan import SINGLE_SCAN, every_row

DIALECTS: dict[str, type[Dialect]] = {
    "duckdb": DuckDBDialect,
    "postgres": PostgresDialect,
    "spark": SparkDialect,
}
_SPINE = """
    SELECT l.lead_id AS row_id, l.lead_id, p.as_of, l.created_at
    FROM leads AS l
    CROSS JOIN params AS p
    WHERE l.created_at <= p.as_of
"""


def sheet_sql(
    sheet: Sheet,
    history: History,
    dialect_name: str,
    as_of: datetime,
    ledger: bool = False,
    movement: bool = False,
) -> str:
    """One SELECT, in the SQL of ``duckdb``, ``postgres`` (16 or later) or ``spark``, with a row per lead that exists
    at ``as_of`` (one with an offset is converted to UTC).

    Columns are those of ``SheetScores.scores`` without ``row_id``; with ``ledger`` those of ``SheetScores.ledger``
    without it, a row per line. ``movement`` adds trend and surge, as in ``score_sheet``. The ``history`` says which
    columns there are, and which attributes have a history in ``changes``; nothing else is queried.

    Raises ``UsageError`` for another dialect, a condition that the columns do not support, and a rule that reads
    ``feature.<name>``: features are made by Leadlens, not by SQL alone.
    """
    if dialect_name not in DIALECTS:
        raise UsageError("no SQL can be written for this database", value=dialect_name, known=list(DIALECTS))
    if as_of.tzinfo is not None:
        as_of = as_of.astimezone(UTC).replace(tzinfo=None)
    parsed = parse_conditions(sheet, history)
    _refuse_features(sheet, parsed)
    dialect = DIALECTS[dialect_name]()
    narrow = _narrowed(parsed, history, dialect)
    # Spark computes a CTE anew wherever it is read
    form = replace(SINGLE_SCAN, waiting=every_row) if dialect_name == "spark" else SINGLE_SCAN
    passes = SheetPasses(
        sheet=sheet,
        parsed=parsed,
        history=narrow,
        spine=Spine(narrow.engine, "spine"),
        movement=movement,
        form=form,
    )
    chain = _Chain(dialect)
    chain.add(Step("params", f"SELECT {dialect.literal(as_of)} AS as_of"), "spine")
    chain.add(Step("spine", _SPINE), "spine")
    for item in passes.passes():
        for step in (*item.before, *item.steps):
            chain.add(step, item.spine.name)
    if ledger:
        chain.add(Step("sheet_ledger", ledger_sql(passes)), "spine")
        last = _ledger(sheet, dialect)
    else:
        last = _scores(passes, dialect)
    query = chain.text(last)
    return "\n".join([*header(sheet, parsed, narrow, dialect, chain.read, ledger), query]) + "\n"


@dataclass(frozen=True)
class _Cte:
    name: str
    comment: str
    tokens: list[Token]


class _Chain:
    """Steps as CTEs: a name that is made anew for another spine gets a name of its own, and so do its readers'
    references; what nobody reads is left out."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.made: dict[str, _Cte] = {}
        self.current: dict[str, str] = {}  # step name -> its current CTE
        self.read: set[str] = set()  # tables that are no CTE, once the text is made

    def add(self, step: Step, spine: str) -> None:
        body = without_idle_joins(self._tokens(step.sql))
        for name, cte in self.made.items():
            if name.endswith(step.name) and cte.tokens == body:  # the same step again, over the same spine
                self.current[step.name] = name
                return
        name, number = step.name, 1
        while name in self.made:
            name = f"{spine.removesuffix('_spine')}_{step.name}" + (f"_{number}" if number > 1 else "")
            number += 1
        self.made[name] = _Cte(name, comment_for(step.name, name), body)
        self.current[step.name] = name

    def _tokens(self, sql: str) -> list[Token]:
        parsed = tokens(sql, self.dialect.name)
        return with_tables(parsed, lambda name: self.current.get(name, name))

    def text(self, last: str) -> str:
        """WITH and everything that ``last`` needs, then ``last``."""
        final = self._tokens(last)
        wanted, ahead = set(), [*tables_read(final)]
        while ahead:
            name = ahead.pop()
            if name in self.made and name not in wanted:
                wanted.add(name)
                ahead += tables_read(self.made[name].tokens)
            elif name not in self.made:
                self.read.add(name)
        parts = []
        for cte in self.made.values():
            if cte.name in wanted:
                body = "\n".join(lines_of(cte.tokens, 2))
                parts.append(f"-- {cte.comment}\n{cte.name} AS (\n{body}\n)")
        return "WITH\n" + ",\n\n".join(parts) + "\n\n" + "\n".join(lines_of(final))


def _scores(passes: SheetPasses, dialect: Dialect) -> str:
    sheet, quote = passes.sheet, dialect.quote
    columns = ["lead_id", "as_of", *(quote(name) for name in sheet.all_dimensions)]
    columns = [f"s.{name}" for name in (*columns, "total", "score", "grade", "stage")]
    columns.append(
        _named(dialect, "s.disqualified_by", [rule.label for rule in sheet.disqualify], "disqualified_by")
    )
    columns.append("s.product")
    columns += ["s.trend", "s.surge"] if passes.moves else []
    routes = sheet.routes
    columns += [
        _named(dialect, "s.route", [route.label for route in routes], "route"),
        _named(dialect, "s.route", [route.action for route in routes], "action"),
        _named(dialect, "s.route", [route.queue for route in routes], "queue"),
        _named(dialect, "s.route", [route.reason or route.label for route in routes], "reason"),
    ]
    return f"SELECT {', '.join(columns)} FROM sheet_scores AS s"


def _ledger(sheet: Sheet, dialect: Dialect) -> str:
    # adding 0 turns -0.0 into 0.0
    return f"""
        SELECT
          n.row_id AS lead_id,
          {_named(dialect, "n.dimension", sheet.all_dimensions, "dimension")},
          {_named(dialect, "n.rule", rule_labels(sheet), "rule")},
          n.occurred_at, n.detail, n.raw_points,
          {dialect.rounded("n.raw_points - n.decayed", EXACT)} + 0 AS taken_by_decay,
          {dialect.rounded("n.decayed - n.points", EXACT)} + 0 AS taken_by_cap,
          n.points + 0 AS points
        FROM sheet_ledger AS n
    """


def _named(dialect: Dialect, number: str, names: Sequence[str | None], alias: str) -> str:
    whens = "".join(
        f"WHEN {place} THEN {dialect.literal(name)} " for place, name in enumerate(names) if name is not None
    )
    case = f"CASE {number} {whens}END" if whens else f"CAST(NULL AS {dialect.text_type})"
    return f"{case} AS {alias}"


def _narrowed(parsed: Parsed, history: History, dialect: Dialect) -> History:
    """The history with the attributes that conditions read, as an engine of that dialect would see it."""
    conditions = (*parsed.attributes, *parsed.disqualifiers, *parsed.outcomes)
    used = {name for condition in conditions for name in condition.columns_used}
    lead = {name.removeprefix("lead.") for name in used if not name.startswith(("account.", "rule."))}
    account = {name.removeprefix("account.") for name in used if name.startswith("account.")}
    engine = copy.copy(history.engine)  # answers from the same tables
    engine.dialect = dialect
    return replace(
        history,
        engine=engine,
        lead_attributes={name: kind for name, kind in history.lead_attributes.items() if name in lead},
        account_attributes={
            name: kind for name, kind in history.account_attributes.items() if name in account
        },
    )


def _refuse_features(sheet: Sheet, parsed: Parsed) -> None:
    placed = [(sheet.where("attributes", i), condition) for i, condition in enumerate(parsed.attributes)]
    placed += [(sheet.where("disqualify", i), condition) for i, condition in enumerate(parsed.disqualifiers)]
    placed += [
        (sheet.place(("thresholds", name.lower(), "when"), name), condition)
        for name, condition in parsed.stages.items()
    ]
    placed += [
        (sheet.place(("routes", i, "when"), sheet.routes[i].label), condition)
        for i, condition in enumerate(parsed.routes)
    ]
    for where, condition in placed:
        features = sorted(name for name in condition.columns_used if name.startswith("feature."))
        if features:
            raise UsageError(
                "this rule reads a feature, which SQL alone cannot compute",
                value=features[0],
                why="features are computed by Leadlens, and a warehouse has only leads, accounts, events and changes",
                fix="use columns of the lead, its account or its events instead, or let Leadlens score this sheet",
                where=where,
            )

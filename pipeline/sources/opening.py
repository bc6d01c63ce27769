"""Open the history of a project: read its sources and bring them into the five contract tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from features import DataError, DuckDBEngine, Finding, History, Step, UsageError
from features.conditions import Condition
from features.history import Clock, Kind
from pipeline.config import Project, ProjectFile, Source
from pipeline.sources.casting import Caster
from pipeline.sources.reading import read_source

_TABLES: dict[str, dict[str, str]] = {
    # table: contract column → how it is read; "!" marks those that must be there
    "leads": {"lead_id": "id!", "created_at": "moment!", "account_id": "id", "closed_at": "moment"},
    "accounts": {"account_id": "id!"},
    "events": {
        "event_id": "id",
        "lead_id": "id!",
        "occurred_at": "moment!",
        "known_at": "moment",
        "event_type": "id!",
    },
    "conversions": {
        "lead_id": "id!",
        "converted_at": "moment!",
        "kind": "id",
        "product": "id",
        "value": "number",
    },
    "changes": {"entity": "id!", "id": "id!", "attribute": "id!", "value": "id!", "known_at": "moment!"},
}
_SQL_TYPE = {"id": "VARCHAR", "moment": "TIMESTAMP", "number": "DOUBLE"}
_EPOCH = "TIMESTAMP '2000-01-01'"


def open_history(file: ProjectFile, engine: DuckDBEngine | None = None) -> History:
    """Read all sources of a project into an engine.

    Raises ``UsageError`` where the project file does not fit the data, ``DataError`` where the data cannot be
    trusted; what was mended or left out is told in ``History.findings``.
    """
    engine = engine or DuckDBEngine()
    project, findings = file.project, list[Finding]()
    kinds: dict[str, dict[str, Kind]] = {}
    hidden_left = set(project.known_after)
    for table in _TABLES:
        source: Source | None = getattr(project.data, table)
        if source is None:
            _empty(engine, table)
            kinds[table] = {}
            continue
        read_source(engine.connection, table, source, file)
        _rename(engine, table, source, project, hidden_left)
        kinds[table] = _contract(engine, table, project, source, findings, f"{file.path.name}: data.{table}")
    for name in sorted(hidden_left):
        known = [column for found in kinds.values() for column in found]
        raise UsageError("known_after names a column that is not in the data", value=name, known=known)
    _clean_leads(engine, findings)
    _clean_events(engine, findings)
    _clean_conversions(engine, findings)
    data_end = _data_end(engine, project, findings)
    clock: Clock = "time" if project.order is None else "none" if project.order == "none" else "sequence"
    return History(
        engine,
        data_end,
        kinds["leads"],
        kinds["accounts"],
        kinds["events"],
        clock,
        project.known_after,
        tuple(findings),
    )


def _empty(engine: DuckDBEngine, table: str) -> None:
    columns = ", ".join(
        f"CAST(NULL AS {_SQL_TYPE[how.rstrip('!')]}) AS {name}" for name, how in _TABLES[table].items()
    )
    engine.run([Step(table, f"SELECT {columns} WHERE FALSE")])


def _rename(
    engine: DuckDBEngine, table: str, source: Source, project: Project, hidden_left: set[str]
) -> None:
    """Apply ``columns``, ``missing`` and ``where``, and take out what is known only afterwards."""
    quote, raw = engine.dialect.quote, f"raw_{table}"
    present = engine.columns(raw)
    for target, origin in source.columns.items():
        if origin not in present:
            raise UsageError(
                f"data.{table} has no such column",
                value=origin,
                known=present,
                where=f"data.{table}.columns.{target}",
            )
    renamed = {origin: target for target, origin in source.columns.items()}
    shown = [name for name in present if renamed.get(name, name) not in source.columns or name in renamed]
    literals = ", ".join(engine.dialect.literal(text.strip()) for text in source.missing)

    def expression(name: str) -> str:
        value = quote(name)
        if literals and present[name] == "VARCHAR":
            value = f"CASE WHEN trim({value}) IN ({literals}) THEN NULL ELSE {value} END"
        return f"{value} AS {quote(renamed.get(name, name))}"

    engine.run([Step("renamed", f"SELECT {', '.join(expression(name) for name in shown)} FROM {raw}")])
    where = ""
    if source.where:
        types = {name: _rough_kind(kind) for name, kind in engine.columns("renamed").items()}
        condition = Condition.parse(source.where, types, where=f"data.{table}.where")
        where = f" WHERE {condition.sql(engine.dialect, {'': 'renamed'})}"
    keep = [
        name
        for name in engine.columns("renamed")
        if name not in project.known_after or name in _TABLES[table]
    ]
    hidden_left -= {name for name in engine.columns("renamed") if name not in _TABLES[table]}
    if outcome := project.outcome.column:
        keep += [outcome] if table == "leads" and outcome in hidden_left and outcome not in keep else []
    engine.connection.execute(
        f"CREATE OR REPLACE TABLE {raw} AS SELECT {', '.join(map(quote, keep))} FROM renamed{where}"
    )
    engine.drop("renamed")


def _rough_kind(sql_type: str) -> Kind:
    if sql_type == "BOOLEAN":
        return "boolean"
    if sql_type.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return "category" if sql_type == "VARCHAR" else "number"


def _contract(
    engine: DuckDBEngine, table: str, project: Project, source: Source, findings: list[Finding], where: str
) -> dict[str, Kind]:
    caster, quote = Caster(engine, table), engine.dialect.quote
    expressions: list[str] = []
    special = _flat(caster, project, where) if table == "leads" else {}
    for name, how in _TABLES[table].items():
        reader, required = how.rstrip("!"), how.endswith("!")
        if name in special:
            expressions.append(f"{special[name]} AS {name}")
        elif name in caster.types:
            read = {"id": caster.identifier, "moment": caster.moment, "number": caster.number}[reader]
            expressions.append(f"{read(name)} AS {name}")
        elif required:
            raise UsageError(
                f"the table {table} needs a column {name}",
                value=name,
                known=caster.types,
                where=where,
                fix=f"name yours: columns: {{{name}: your_column}}.  Columns found: {', '.join(caster.types) or 'none'}",
            )
        else:
            expressions.append(f"CAST(NULL AS {_SQL_TYPE[reader]}) AS {name}")
    expressions += [f"{sql} AS {name}" for name, sql in special.items() if name not in _TABLES[table]]
    order_column = project.order.column if project.order and project.order != "none" else None
    outcome_only = {project.outcome.column, order_column} if table == "leads" else set()
    own = [name for name in caster.types if name not in _TABLES[table] and name not in outcome_only]
    if table in ("conversions", "changes"):
        own = []
    kinds: dict[str, Kind] = {}
    for name in own:
        sql, kinds[name] = caster.attribute(name)
        expressions.append(f"{sql} AS {quote(name)}")
    engine.run([Step(table, f"SELECT {', '.join(expressions)} FROM raw_{table}")])
    engine.connection.execute(f"DROP TABLE raw_{table}")
    findings.extend(caster.findings)
    return kinds


def _flat(caster: Caster, project: Project, where: str) -> dict[str, str]:
    """What flat data lacks: a moment made from its order, an id made from its row, an outcome from a column."""
    made: dict[str, str] = {}
    if project.order == "none":
        made["created_at"] = _EPOCH
    elif project.order is not None:
        column = project.order.column
        if column not in caster.types:
            raise UsageError(
                "order names a column that is not in leads", value=column, known=caster.types, where=where
            )
        rank = f"row_number() OVER (ORDER BY {caster.quote(column)} NULLS LAST)"
        made["created_at"] = f"{_EPOCH} + to_seconds({rank})"
    outcome = project.outcome
    if outcome.column is not None:
        if outcome.column not in caster.types:
            raise UsageError(
                "outcome.column is not in leads", value=outcome.column, known=caster.types, where=where
            )
        told = f"lower(trim(CAST({caster.quote(outcome.column)} AS VARCHAR)))"
        positive = ", ".join(caster.engine.dialect.literal(text.strip().lower()) for text in outcome.positive)
        made["_outcome"] = f"CASE WHEN {told} IS NULL THEN NULL WHEN {told} IN ({positive}) THEN 1 ELSE 0 END"
    return made


def _clean_leads(engine: DuckDBEngine, findings: list[Finding]) -> None:
    total = engine.count("leads")
    if not total:
        raise DataError(
            "the table leads is empty", why="there is nobody to score", fix="check `read` and `where`"
        )
    nameless = engine.count("leads WHERE lead_id IS NULL")
    dateless = engine.count("leads WHERE lead_id IS NOT NULL AND created_at IS NULL")
    if nameless or dateless:
        findings.append(
            Finding(
                "lead-incomplete",
                f"{nameless:,} leads without id and {dateless:,} without created_at left out",
                count=nameless + dateless,
            )
        )
    engine.run(
        [Step("leads", "SELECT DISTINCT * FROM leads WHERE lead_id IS NOT NULL AND created_at IS NOT NULL")]
    )
    repeated = total - nameless - dateless - engine.count("leads")
    if repeated:
        findings.append(Finding("lead-repeated", f"{repeated:,} leads stood twice, alike in every column; kept once",
                                count=repeated))  # fmt: skip
    _refuse_duplicates(engine, "leads", "lead_id")
    if engine.count("accounts"):
        engine.run([Step("accounts", "SELECT DISTINCT * FROM accounts WHERE account_id IS NOT NULL")])
        _refuse_duplicates(engine, "accounts", "account_id")
        orphans = engine.count(
            "leads WHERE account_id IS NOT NULL AND account_id NOT IN (SELECT account_id FROM accounts)",
        )
        if orphans:
            findings.append(Finding("account-unknown", f"{orphans:,} leads name an account that accounts lacks",
                                    count=orphans))  # fmt: skip
    _drop_future(engine, "leads", "created_at", findings)
    if not engine.count("leads"):
        raise DataError(
            "no lead is left", why="none has an id and a created_at that is not in the future",
            fix="check `columns`",
        )  # fmt: skip


def _refuse_duplicates(engine: DuckDBEngine, table: str, key: str) -> None:
    found = engine.frame(
        f"SELECT {key} AS k, count(*) AS n FROM {table} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"
    )
    if len(found):
        raise DataError(
            f"{len(found):,} ids stand more than once in {table}, with different values",
            value=", ".join(found["k"].head(3)),
            where=f"data.{table}",
            why=f"one row per {key} is needed: which of them is true cannot be guessed",
            fix="keep the right row with `query`, e.g. SELECT DISTINCT ON (…) …",
        )


def _clean_events(engine: DuckDBEngine, findings: list[Finding]) -> None:
    _keep(engine, "events", "lead_id IS NOT NULL AND occurred_at IS NOT NULL AND event_type IS NOT NULL",
          "event-incomplete", "events without lead_id, occurred_at or event_type", findings)  # fmt: skip
    _keep(engine, "events", "lead_id IN (SELECT lead_id FROM leads)",
          "event-unknown-lead", "events of leads that are not in leads", findings)  # fmt: skip
    before = engine.count("events")
    # Of rows that share an event_id, the first known one counts; NULL ids are never duplicates.
    engine.run([
        Step("events", "SELECT * REPLACE (greatest(coalesce(known_at, occurred_at), occurred_at) AS known_at) FROM events"),
        Step("events", "SELECT * FROM events WHERE event_id IS NULL UNION ALL (SELECT DISTINCT ON (event_id) * "
             "FROM events WHERE event_id IS NOT NULL ORDER BY event_id, known_at, occurred_at, lead_id, event_type)"),
    ])  # fmt: skip
    if dropped := before - engine.count("events"):
        findings.append(
            Finding("event-repeated", f"{dropped:,} events repeat an event_id; kept once", "note", dropped)
        )
    _drop_future(engine, "events", "occurred_at", findings)


def _clean_conversions(engine: DuckDBEngine, findings: list[Finding]) -> None:
    if "_outcome" in engine.columns("leads"):
        engine.run([
            Step("conversions", "SELECT lead_id, created_at AS converted_at, CAST(NULL AS VARCHAR) AS kind, "
                 "CAST(NULL AS VARCHAR) AS product, CAST(NULL AS DOUBLE) AS value FROM leads WHERE _outcome = 1"),
            Step("unlabelled", "SELECT lead_id FROM leads WHERE _outcome IS NULL"),
            Step("leads", "SELECT * EXCLUDE (_outcome) FROM leads"),
        ])  # fmt: skip
        return
    engine.run([Step("unlabelled", "SELECT lead_id FROM leads WHERE FALSE")])
    _keep(engine, "conversions", "lead_id IS NOT NULL AND converted_at IS NOT NULL",
          "conversion-incomplete", "conversions without lead_id or converted_at", findings)  # fmt: skip
    _keep(engine, "conversions", "lead_id IN (SELECT lead_id FROM leads)",
          "conversion-unknown-lead", "conversions of leads that are not in leads", findings)  # fmt: skip
    engine.run([Step("conversions", "SELECT DISTINCT * FROM conversions")])
    _drop_future(engine, "conversions", "converted_at", findings)
    early = engine.count("conversions c JOIN leads USING (lead_id) WHERE converted_at < created_at")
    if early:
        findings.append(
            Finding(
                "conversion-early",
                f"{early:,} conversions are dated before their lead was created",
                count=early,
            )
        )


def _keep(
    engine: DuckDBEngine, table: str, condition: str, code: str, words: str, findings: list[Finding]
) -> None:
    before = engine.count(table)
    if not before:
        return
    example = engine.value(f"SELECT min(CAST(lead_id AS VARCHAR)) FROM {table} WHERE NOT ({condition})")
    engine.run([Step(table, f"SELECT * FROM {table} WHERE {condition}")])
    if dropped := before - engine.count(table):
        told = f" (for example {str(example)!r})" if example else ""
        findings.append(Finding(code, f"{dropped:,} {words} left out{told}", count=dropped))


def _drop_future(engine: DuckDBEngine, table: str, column: str, findings: list[Finding]) -> None:
    now = engine.dialect.literal(_now())
    latest = engine.value(f"SELECT max({column}) FROM {table}")
    before = engine.count(table)
    engine.run([Step(table, f"SELECT * FROM {table} WHERE {column} <= {now}")])
    if dropped := before - engine.count(table):
        findings.append(
            Finding(
                "future",
                f"{dropped:,} rows of {table} lie in the future (to {latest}); left out",
                count=dropped,
            )
        )


def _data_end(engine: DuckDBEngine, project: Project, findings: list[Finding]) -> datetime:
    latest = engine.value(
        "SELECT max(t) FROM (SELECT max(created_at) AS t FROM leads UNION ALL SELECT max(occurred_at) FROM events "
        "UNION ALL SELECT max(converted_at) FROM conversions)"
    )
    assert isinstance(latest, datetime)
    latest = datetime.fromisoformat(latest.isoformat())  # a pandas Timestamp until here
    if project.outcome.column is not None:  # the outcome stands in the row: every row is mature
        latest += project.outcome.horizon
    if project.data.ends is None:
        return latest + timedelta(microseconds=1)
    if project.data.ends > latest + timedelta(days=3660):
        findings.append(
            Finding("data-end", f"data.ends is {project.data.ends:%Y-%m-%d}, years after the last row")
        )
    return project.data.ends


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)

"""Open the history of a project: read its sources into the five contract tables."""

from __future__ import annotations

from datetime import datetime, timedelta

from features import DuckDBEngine, Finding, History, Step, UsageError
from features.conditions.condition import Condition
from features.errors import counted, listed
from features.history import Clock, Kind
from pipeline.config import Project, ProjectFile, Source
from pipeline.sources.casting import Caster
from pipeline.sources.cleaning import Cleaner, refuse_duplicates
from pipeline.sources.engines import duckdb_engine
from pipeline.sources.feedback import TABLES as FEEDBACK
from pipeline.sources.feedback import clean_feedback
from pipeline.sources.hygiene.bots import mark_bots
from pipeline.sources.hygiene.leads import exclude_leads
from pipeline.sources.hygiene.merges import merge_leads
from pipeline.sources.reading import read_source

_TABLES: dict[str, dict[str, str]] = {
    # table: contract column → how it is read; "!" marks required columns
    "leads": {"lead_id": "id!", "created_at": "timestamp!", "account_id": "id", "closed_at": "timestamp"},
    "accounts": {"account_id": "id!"},
    "events": {
        "event_id": "id",
        "lead_id": "id!",
        "occurred_at": "timestamp!",
        "known_at": "timestamp",
        "event_type": "id!",
        "retracted_at": "timestamp",
    },
    "conversions": {
        "lead_id": "id!",
        "converted_at": "timestamp!",
        "kind": "id",
        "product": "id",
        "value": "number",
    },
    "changes": {"entity": "id!", "id": "id!", "attribute": "id!", "value": "id!", "known_at": "timestamp!"},
    "aliases": {"old_id": "id!", "lead_id": "id!", "merged_at": "timestamp"},
    "verdicts": {"lead_id": "id!", "given_at": "timestamp!", "verdict": "id!", "reason": "id", "by": "id"},
    "answers": {"lead_id": "id!", "answered_at": "timestamp!", "question": "id!", "answer": "id!"},
}
_SQL_TYPE = {"id": "VARCHAR", "timestamp": "TIMESTAMP", "number": "DOUBLE"}
_RESERVED = {"row_id"}  # numbers the rows of every table that features are built in
_EPOCH = "TIMESTAMP '2000-01-01'"


def open_history(file: ProjectFile, engine: DuckDBEngine | None = None) -> History:
    """Read all sources of a project into an engine.

    ``History.findings`` report what was repaired or left out. Raises ``UsageError`` where the project file does not
    fit the data, ``DataError`` where the data are ambiguous or broken.
    """
    engine = engine or duckdb_engine(file)
    project, findings = file.project, list[Finding]()
    kinds: dict[str, dict[str, Kind]] = {}
    hidden: set[str] = set()
    for table in _TABLES:
        source: Source | None = getattr(project.data, table)
        if source is None:
            _empty(engine, table)
            kinds[table] = {}
            continue
        where = f"{file.path.name}: data.{table}"
        read_source(engine.connection, table, source, file)
        hidden |= _shape(engine, table, source, project, findings, where)
        kinds[table] = _contract(engine, table, project, findings, where)
    _check_hidden(project, hidden, kinds, file.path.name)
    _clean(engine, project, kinds, findings, file.path.name)
    data_end = _data_end(engine, project, findings)
    clock: Clock = "time" if project.order is None else "none" if project.order == "none" else "sequence"
    return History(
        engine,
        data_end=data_end,
        lead_attributes=kinds["leads"],
        account_attributes=kinds["accounts"],
        event_properties=kinds["events"],
        clock=clock,
        hidden=project.known_after,
        findings=tuple(findings),
    )


def _empty(engine: DuckDBEngine, table: str) -> None:
    columns = ", ".join(
        f"CAST(NULL AS {_SQL_TYPE[how.rstrip('!')]}) AS {name}" for name, how in _TABLES[table].items()
    )
    engine.run([Step(table, f"SELECT {columns} WHERE FALSE")])


def _shape(
    engine: DuckDBEngine, table: str, source: Source, project: Project, findings: list[Finding], where: str
) -> set[str]:
    """Apply ``columns``, ``missing`` and ``where``; drop the ``known_after`` columns and return their names."""
    quote, raw = engine.dialect.quote, f"raw_{table}"
    present = engine.columns(raw)
    for target, origin in source.columns.items():
        if origin in set(_TABLES[table]) - set(present) and target in set(present) - set(_TABLES[table]):
            raise UsageError(
                "this column mapping is the wrong way round",
                value=f"{{{target}: {origin}}}",
                where=f"{where}.columns.{target}",
                why=f"the data have a column {target}, but none called {origin}",
                fix=f"columns: {{{origin}: {target}}}, first the contract's name, then yours",
            )
        if origin not in present:
            raise UsageError(
                "there is no such column",
                value=origin,
                known=present,
                where=f"{where}.columns.{target}",
                fix=f"columns found: {listed(present)}",
            )
    mapped = dict(source.columns)
    names = [*mapped.items(), *((name, name) for name in present if name not in (*mapped, *mapped.values()))]
    values = (
        f"{_without_missing(engine, origin, present[origin], source.missing)} AS {quote(name)}"
        for name, origin in names
    )
    engine.run([Step("renamed", f"SELECT {', '.join(values)} FROM {raw}")])
    condition = "TRUE"
    if source.where is not None:
        types = {name: _rough_kind(kind) for name, kind in engine.columns("renamed").items()}
        parsed = Condition.parse(source.where, types, where=f"{where}.where")
        condition = parsed.sql(engine.dialect, {"": "renamed"})
        out = engine.count(f"renamed WHERE NOT coalesce({condition}, FALSE)")
        removed = f"{counted(out, 'row')} of {engine.count('renamed'):,} left out by data.{table}.where"
        findings.append(Finding("where", removed, "note", out))
    hidden = {name for name, _ in names if name in project.known_after and name not in _TABLES[table]}
    # The outcome and the order may be declared too; they are no attributes, but still needed here.
    needed = _outcome_and_order(project) if table == "leads" else set()
    keep = ", ".join(quote(name) for name, _ in names if name not in hidden - needed)
    engine.connection.execute(
        f"CREATE OR REPLACE TABLE {raw} AS SELECT {keep} FROM renamed WHERE {condition}"
    )
    engine.drop("renamed")
    return hidden


def _without_missing(engine: DuckDBEngine, column: str, sql_type: str, missing: tuple[str, ...]) -> str:
    """The column, with NULL in place of the texts in ``missing``."""
    name, literal = engine.dialect.quote(column), engine.dialect.literal
    if sql_type == "VARCHAR":
        texts = ", ".join(literal(text.strip()) for text in missing)
        return f"CASE WHEN trim({name}) IN ({texts}) THEN NULL ELSE {name} END" if texts else name
    numbers = ", ".join(repr(float(text)) for text in missing if _is_number(text))
    if numbers and _rough_kind(sql_type) == "number":
        return f"CASE WHEN TRY_CAST({name} AS DOUBLE) IN ({numbers}) THEN NULL ELSE {name} END"
    return name


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e300
    except ValueError:
        return False


def _outcome_and_order(project: Project) -> set[str]:
    order = project.order.column if project.order and project.order != "none" else None
    return {name for name in (project.outcome.column, order) if name is not None}


def _rough_kind(sql_type: str) -> Kind:
    if sql_type == "BOOLEAN":
        return "boolean"
    if sql_type.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return "category" if sql_type == "VARCHAR" else "number"


def _contract(
    engine: DuckDBEngine, table: str, project: Project, findings: list[Finding], where: str
) -> dict[str, Kind]:
    """Make a contract table of its raw one; returns the kinds of the columns outside the contract."""
    source: Source = getattr(project.data, table)
    caster, quote = Caster(engine, table, where, source.columns), engine.dialect.quote
    generated = _ordered(caster, project) if table == "leads" else {}
    expressions: list[str] = []
    for name, how in _TABLES[table].items():
        reader, required = how.rstrip("!"), how.endswith("!")
        if name in generated:
            expressions.append(f"{generated[name]} AS {name}")
        elif name in caster.types:
            read = {"id": caster.identifier, "timestamp": caster.timestamp, "number": caster.number}[reader]
            expressions.append(f"{read(name)} AS {name}")
        elif required:
            raise _lacking(table, name, caster)
        else:
            expressions.append(f"CAST(NULL AS {_SQL_TYPE[reader]}) AS {name}")
    kinds: dict[str, Kind] = {}
    if table not in ("conversions", "changes", "aliases", *FEEDBACK):
        contract = set(_TABLES[table]) | (_outcome_and_order(project) if table == "leads" else set())
        for name in (name for name in caster.types if name not in contract):
            if name.lower() in _RESERVED:
                raise UsageError(
                    "this column name is reserved",
                    value=name,
                    where=where,
                    fix=f"rename yours: columns: {{my_{name}: {name}}}",
                )
            sql, kinds[name] = caster.attribute(name)
            expressions.append(f"{sql} AS {quote(name)}")
    engine.run([Step(table, f"SELECT {', '.join(expressions)} FROM {caster.raw}")])
    if table == "leads" and project.outcome.column is not None:
        _outcomes(caster, project.outcome.column, project.outcome.positive)
    engine.connection.execute(f"DROP TABLE {caster.raw}")
    findings.extend(caster.findings)
    return kinds


def _lacking(table: str, name: str, caster: Caster) -> UsageError:
    timeless = "; for data without any dates set `order: none`" if name == "created_at" else ""
    return UsageError(
        f"the table {table} needs a column {name}",
        value=name,
        known=caster.types,
        where=caster.where,
        fix=f"map yours: columns: {{{name}: your_column}}{timeless}.  Columns found: {listed(caster.types)}",
    )


def _ordered(caster: Caster, project: Project) -> dict[str, str]:
    """A timestamp for rows without dates, made from their order: equal values give equal timestamps."""
    if project.order is None:
        return {}
    if project.order == "none":
        return {"created_at": _EPOCH}
    column = project.order.column
    if column not in caster.types:
        raise UsageError(
            "order names a column that is not in leads", value=column, known=caster.types, where=caster.where
        )
    order, _ = caster.attribute(column)
    rank = f"{_EPOCH} + to_seconds(rank() OVER (ORDER BY {order} NULLS LAST))"
    return {"created_at": f"CASE WHEN {order} IS NOT NULL THEN {rank} END"}


def _outcomes(caster: Caster, column: str, positive: tuple[str, ...]) -> None:
    """Flat data: make the table ``outcomes(lead_id, converted)`` of the outcome column; NULL = unknown."""
    if column not in caster.types:
        raise UsageError(
            "outcome.column is not in leads", value=column, known=caster.types, where=caster.where
        )
    literal = caster.engine.dialect.literal
    lead, value = caster.identifier("lead_id"), caster.identifier(column)
    texts = ", ".join(literal(text.strip().lower()) for text in positive)
    converted = f"lower({value}) IN ({texts}) AS converted"
    caster.engine.run([Step("outcomes", f"SELECT DISTINCT {lead} AS lead_id, {converted} FROM {caster.raw}")])
    values = caster.engine.frame(
        f"SELECT {value} AS v FROM {caster.raw} WHERE {value} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, v"
    )["v"]
    if len(values) and not caster.engine.count("outcomes WHERE converted"):
        caster.findings.append(
            Finding(
                "outcome-never",
                f"leads.{column} never has a value in outcome.positive ({listed(positive)}): it has {listed(values, 5)}",
            )
        )


def _check_hidden(project: Project, hidden: set[str], kinds: dict[str, dict[str, Kind]], where: str) -> None:
    for name in project.known_after:
        if name in hidden:
            continue
        if any(name in columns for columns in _TABLES.values()):
            raise UsageError(
                "known_after lists a column of the data contract, which is needed to build features",
                value=name,
                where=where,
                fix="remove it from known_after; if yours only has the same name, rename it with `columns`",
            )
        raise UsageError(
            "known_after lists a column that is not in the data",
            value=name,
            known=[column for columns in kinds.values() for column in columns],
            where=where,
        )


def _clean(
    engine: DuckDBEngine,
    project: Project,
    kinds: dict[str, dict[str, Kind]],
    findings: list[Finding],
    name: str,
) -> None:
    cleaner = Cleaner(engine, findings)
    cleaner.leads()
    flat = project.outcome.column is not None
    if flat:
        refuse_duplicates(engine, "outcomes", "lead_id")
    if project.data.aliases is not None:
        merge_leads(engine, findings, flat, FEEDBACK)
    engine.drop("aliases")
    exclude_leads(engine, project.hygiene, kinds["leads"], findings, name)
    clean_feedback(engine, findings, name)
    cleaner.accounts()
    cleaner.events()
    mark_bots(engine, project.hygiene.bots, kinds["events"], findings, name)
    if flat:
        conversions = """
            SELECT
                lead_id,
                created_at AS converted_at,
                CAST(NULL AS VARCHAR) AS kind,
                CAST(NULL AS VARCHAR) AS product,
                CAST(NULL AS DOUBLE) AS value
            FROM leads
            JOIN outcomes USING (lead_id)
            WHERE converted
        """
        unlabelled = "SELECT lead_id FROM leads JOIN outcomes USING (lead_id) WHERE converted IS NULL"
        engine.run([Step("conversions", conversions), Step("unlabelled", unlabelled)])
    else:
        cleaner.conversions()
        engine.run([Step("unlabelled", "SELECT lead_id FROM leads WHERE FALSE")])
    engine.drop("outcomes")
    cleaner.changes({"lead": kinds["leads"], "account": kinds["accounts"]}, project.known_after)


def _data_end(engine: DuckDBEngine, project: Project, findings: list[Finding]) -> datetime:
    latest = engine.value("""
        SELECT max(t)
        FROM (
            SELECT max(created_at) AS t FROM leads
            UNION ALL
            SELECT max(occurred_at) FROM events
            UNION ALL
            SELECT max(converted_at) FROM conversions
        )
    """)
    assert isinstance(latest, datetime)
    latest = datetime.fromisoformat(latest.isoformat())  # a pandas Timestamp until here
    if project.outcome.column is not None:  # the outcome is in the row itself: every row is mature
        latest += project.outcome.horizon
    if project.data.ends is None:
        return latest + timedelta(microseconds=1)
    if project.data.ends <= engine.value("SELECT min(created_at) FROM leads"):
        raise UsageError(
            "data.ends is before the first lead",
            value=f"{project.data.ends:%Y-%m-%d}",
            fix=f"the last row is of {latest:%Y-%m-%d}: set a later date, or leave data.ends out",
        )
    if project.data.ends > latest + timedelta(days=3660):
        findings.append(
            Finding("data-end", f"data.ends is {project.data.ends:%Y-%m-%d}, years after the last row")
        )
    return project.data.ends

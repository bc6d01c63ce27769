"""Open the history of a project: read its sources into the five contract tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from leadlens.features import DuckDBEngine, Finding, History, Step, UsageError
from leadlens.features.errors import listed
from leadlens.features.history import Clock, Kind
from leadlens.pipeline.config import Project, ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.sources.casting import Caster
from leadlens.pipeline.sources.cleaning import Cleaner, refuse_duplicates
from leadlens.pipeline.sources.contract import CONTRACT, names_of
from leadlens.pipeline.sources.engines import duckdb_engine
from leadlens.pipeline.sources.feedback import TABLES as FEEDBACK
from leadlens.pipeline.sources.feedback import clean_feedback
from leadlens.pipeline.sources.forgotten import Forgotten, find_forgotten, forgotten_finding
from leadlens.pipeline.sources.hygiene.bots import mark_bots, of_events
from leadlens.pipeline.sources.hygiene.leads import exclude_leads
from leadlens.pipeline.sources.hygiene.merges import merge_leads
from leadlens.pipeline.sources.left_out_leads import clean_left_out
from leadlens.pipeline.sources.lone_end import leads_it_changes, lone_end
from leadlens.pipeline.sources.origins import Origin
from leadlens.pipeline.sources.reading import Readable, read_source
from leadlens.pipeline.sources.several import read_several
from leadlens.pipeline.sources.shaping import bring_into_shape, outcome_and_order, shown_only
from leadlens.pipeline.sources.styles import STYLES, style_findings
from leadlens.pipeline.sources.unknown_words import word_findings

_SQL_TYPE = {"id": "VARCHAR", "timestamp": "TIMESTAMP", "number": "DOUBLE"}
_RESERVED = {"row_id", "_lead_no"}  # number the rows of every table that features are built in, and the leads
# What is kept beside each event that is prepared, where its row stands, and what planning joins to it.
_OF_EVENTS = {"_event_key", "_with_id", "_source", "_early", "file_row_number", "_as_of"}
_EPOCH = "TIMESTAMP '2000-01-01'"


def open_history(file: ProjectOrPath, engine: DuckDBEngine | None = None) -> History:
    """Read all sources of a project into an engine, in memory: what a prepared history must equal.

    ``History.findings`` report what was repaired or left out. Raises ``UsageError`` where the project file does not
    fit the data, ``DataError`` where the data are ambiguous or broken.
    """
    file = as_project(file)
    engine = engine or duckdb_engine(file)
    project, findings = file.project, list[Finding]()
    read = read_tables(engine, file, CONTRACT, findings)
    check_hidden(project, read, file.path.name)
    cleaner, name = Cleaner(engine, findings), file.path.name
    flat = merge(cleaner, project)
    engine.drop("aliases")
    exclude(cleaner, project, read.kinds, name)
    cleaner.events()
    by_bots: list[Finding] = []
    mark_bots(engine, project.hygiene.bots, read.kinds["events"], by_bots, name)
    findings += [of_events(each, cleaner.event_rows) for each in by_bots]
    clean_outcomes(cleaner, project, read.kinds, read.styles, flat)
    latest = latest_of(engine, ("leads.created_at", "events.occurred_at", "conversions.converted_at"))
    ends = data_end(project, findings, first_of(engine), latest)
    findings += end_findings(engine, project)
    return History(
        engine,
        data_end=ends,
        lead_attributes=read.kinds["leads"],
        account_attributes=read.kinds["accounts"],
        event_properties=read.kinds["events"],
        clock=clock_of(project),
        hidden=project.known_after,
        findings=tuple(findings),
    )


def clock_of(project: Project) -> Clock:
    """Whether the data have dates, only an order, or neither."""
    return "time" if project.order is None else "none" if project.order == "none" else "sequence"


@dataclass(frozen=True)
class ReadTables:
    """Contract tables as they were read: kinds of the columns beyond the contract, the columns left out, and by table the columns whose
    texts are read in a style of their own.
    """

    kinds: dict[str, dict[str, Kind]]
    hidden: set[str]
    styles: dict[str, dict[str, str]] = field(default_factory=dict)


def read_tables(
    engine: DuckDBEngine, file: ProjectFile, tables: Iterable[str], findings: list[Finding]
) -> ReadTables:
    """Make some of the contract tables, typed but not yet cleaned; those without a source are empty."""
    read, forgotten = ReadTables({}, set()), Forgotten.of(file.project.name)
    for table in tables:
        places = file.project.data.places(table)
        if not places:
            make_empty(engine, table)
            read.kinds[table] = {}
            continue
        where, casting = f"{file.path.name}: data.{table}", list[Finding]()
        if len(places) == 1:
            ((place, source),) = places
            words, found = read_source(
                engine.connection, Readable(file, table, place, source), f"raw_{table}"
            )
            types, mapped = engine.columns(f"raw_{table}"), source.columns
            new = names_of(table, source.columns, types)
            styles = {new.get(name, name): kind for name, kind in found.kinds.items()}
            unclear = {new.get(name, name): value for name, value in found.unclear.items()}
            hidden = bring_into_shape(engine, table, source, file.project, findings, where, words)
        else:
            hidden, words, columns = read_several(engine, table, file, findings)
            types, mapped, styles, unclear = dict(columns.types), {}, columns.styles, dict(columns.unclear)
        read.hidden.update(hidden)
        read.styles[table] = {name: kind for name, kind in styles.items() if kind in STYLES}
        if forgotten:
            leave_out_forgotten(engine, table, forgotten, findings)
        read.kinds[table] = _contract(engine, table, file.project, casting, where)
        findings += word_findings(table, words, mapped, types, read.kinds[table])
        findings += [*style_findings(table, styles, unclear, read.kinds[table]), *casting]
    return read


def leave_out_forgotten(
    engine: DuckDBEngine, table: str, forgotten: Forgotten, findings: list[Finding]
) -> None:
    """Leave the rows of people who are forgotten out of a raw table, before anything is found out about its values."""
    raw = f"raw_{table}"
    theirs = find_forgotten(engine.connection, forgotten, table, raw, engine.columns(raw))
    if theirs is not None and (rows := engine.count(f"{raw} WHERE {theirs}")):
        engine.connection.execute(f"DELETE FROM {raw} WHERE {theirs}")
        findings.append(forgotten_finding(table, rows))


def make_empty(engine: DuckDBEngine, table: str) -> None:
    """An empty contract table."""
    columns = ", ".join(
        f"CAST(NULL AS {_SQL_TYPE[how.rstrip('!')]}) AS {name}" for name, how in CONTRACT[table].items()
    )
    engine.run([Step(table, f"SELECT {columns} WHERE FALSE")])


def _contract(
    engine: DuckDBEngine, table: str, project: Project, findings: list[Finding], where: str
) -> dict[str, Kind]:
    """Make a contract table of its raw one; returns the kinds of the columns outside the contract."""
    origins = tuple(Origin.of(place, source) for place, source in project.data.places(table))
    caster, quote = Caster(engine, table, where, origins), engine.dialect.quote
    caster.ask_ahead(lambda: contract_columns(caster, project))
    expressions, kinds = contract_columns(caster, project)
    columns = ", ".join(f"{sql} AS {quote(name)}" for name, sql in expressions.items())
    engine.run([Step(table, f"SELECT {columns} FROM {caster.raw}")])
    if table == "leads" and project.outcome.column is not None:
        _outcomes(caster, project.outcome.column, project.outcome.positive)
    engine.connection.execute(f"DROP TABLE {caster.raw}")
    findings.extend(caster.findings)
    return kinds


def contract_columns(caster: Caster, project: Project) -> tuple[dict[str, str], dict[str, Kind]]:
    """SQL of every column of a contract table over its raw one; kinds of those outside the contract."""
    table = caster.table
    generated = _ordered(caster, project) if table == "leads" else {}
    expressions: dict[str, str] = {}
    for name, how in CONTRACT[table].items():
        reader, required = how.rstrip("!"), how.endswith("!")
        if name in generated:
            expressions[name] = generated[name]
        elif name in caster.types:
            read = {"id": caster.identifier, "timestamp": caster.timestamp, "number": caster.number}[reader]
            expressions[name] = read(name)
        elif required:
            raise _lacking(table, name, caster)
        else:
            expressions[name] = f"CAST(NULL AS {_SQL_TYPE[reader]})"
    kinds: dict[str, Kind] = {}
    if table not in ("conversions", "changes", "aliases", "objections", "finished", *FEEDBACK):
        contract = set(CONTRACT[table]) | (outcome_and_order(project) if table == "leads" else set())
        for name in shown_only(table, project).intersection(caster.types):  # beside the attributes
            expressions[name] = f"CAST({caster.quote(name)} AS VARCHAR)"
            contract.add(name)
        for name in (name for name in caster.types if name not in contract):
            if name.lower() in (_RESERVED | _OF_EVENTS if table == "events" else _RESERVED):
                raise UsageError(
                    "this column name is reserved",
                    value=name,
                    where=caster.where,
                    fix=f"rename yours: columns: {{my_{name.lstrip('_')}: {name}}}",
                )
            expressions[name], kinds[name] = caster.attribute(name)
    return expressions, kinds


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
    wanted = {text.strip().lower() for text in positive}
    if caster.types[column] != "VARCHAR":  # of numbers 5.0 is 5
        wanted |= {text.removesuffix(".0") for text in wanted}
    texts = ", ".join(map(literal, sorted(wanted)))
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


def check_hidden(project: Project, read: ReadTables, where: str) -> None:
    """Raise ``UsageError`` for a ``known_after`` that names no column, or one that features are built from."""
    for name in project.known_after:
        if name in read.hidden:
            continue
        if any(name in columns for columns in CONTRACT.values()):
            raise UsageError(
                "known_after lists a column of the data contract, which is needed to build features",
                value=name,
                where=where,
                fix="remove it from known_after; if yours only has the same name, rename it with `columns`",
            )
        raise UsageError(
            "known_after lists a column that is not in the data",
            value=name,
            known=[column for columns in read.kinds.values() for column in columns],
            where=where,
        )


def merge(cleaner: Cleaner, project: Project, views: tuple[str, ...] = ()) -> bool:
    """Clean the leads and merge old ids into them; whether the outcome is a column of theirs.

    Tables in ``views`` are counted, but not rewritten.
    """
    engine = cleaner.engine
    cleaner.leads()
    flat = project.outcome.column is not None
    if flat:
        refuse_duplicates(engine, "outcomes", "lead_id")
    if project.data.aliases is not None:
        merge_leads(engine, cleaner.findings, flat, (*FEEDBACK, "objections", "finished"), views)
    return flat


def exclude(
    cleaner: Cleaner,
    project: Project,
    kinds: Mapping[str, Mapping[str, Kind]],
    name: str,
    views: tuple[str, ...] = (),
) -> None:
    """Leave out leads that are no prospects, and clean what belongs to leads and accounts beside their history."""
    exclude_leads(cleaner.engine, project.hygiene, kinds["leads"], cleaner.findings, name, views)
    clean_feedback(cleaner.engine, cleaner.findings, name)
    clean_left_out(cleaner, "objections", project.data.objections is not None)
    clean_left_out(cleaner, "finished", project.data.finished is not None)
    cleaner.accounts()


def clean_outcomes(
    cleaner: Cleaner,
    project: Project,
    kinds: Mapping[str, Mapping[str, Kind]],
    styles: Mapping[str, Mapping[str, str]],
    flat: bool,
) -> None:
    """Clean conversions (or make them of the outcome column) and changes; ``kinds`` and ``styles`` are as in ``ReadTables``."""
    engine = cleaner.engine
    if flat:
        conversions = """
            SELECT
                lead_id,
                leads.created_at AS converted_at,
                CAST(NULL AS VARCHAR) AS kind,
                CAST(NULL AS VARCHAR) AS product,
                CAST(NULL AS DOUBLE) AS value
            FROM leads
            JOIN outcomes USING (lead_id)
            WHERE outcomes.converted
        """
        unlabelled = (
            "SELECT lead_id FROM leads JOIN outcomes USING (lead_id) WHERE outcomes.converted IS NULL"
        )
        engine.run([Step("conversions", conversions), Step("unlabelled", unlabelled)])
    else:
        cleaner.conversions()
        engine.run([Step("unlabelled", "SELECT lead_id FROM leads WHERE FALSE")])
    engine.drop("outcomes")
    cleaner.changes(
        {"lead": kinds["leads"], "account": kinds["accounts"]},
        {"lead": styles.get("leads", {}), "account": styles.get("accounts", {})},
        project.known_after,
    )


def latest_of(engine: DuckDBEngine, columns: Iterable[str]) -> datetime | None:
    """The latest timestamp in some columns, each written ``table.column``."""
    each = (f"SELECT max({column}) AS t FROM {column.partition('.')[0]}" for column in columns)
    latest = engine.value(f"SELECT max(t) FROM ({' UNION ALL '.join(each)})")
    # a pandas Timestamp until here
    return None if latest is None else datetime.fromisoformat(latest.isoformat())


def first_of(engine: DuckDBEngine) -> datetime:
    """When the first lead was created."""
    first = engine.value("SELECT min(created_at) FROM leads")
    return datetime.fromisoformat(first.isoformat())


def end_findings(
    engine: DuckDBEngine, project: Project, events: Mapping[date, int] | None = None
) -> list[Finding]:
    """What is odd about the end of a whole history: a few rows long after all others.

    ``events`` are the numbers of events by day, where they are known.
    """
    if project.order is not None or project.outcome.column is not None or project.data.ends is not None:
        return []
    end = lone_end(engine, events)
    return [] if end is None else [leads_it_changes(engine, end, project.outcome.horizon)]


def data_end(project: Project, findings: list[Finding], first: datetime, latest: datetime | None) -> datetime:
    """Where the data end, by default just after their ``latest`` timestamp; the ``first`` lead must be before.

    Raises ``UsageError`` for a ``data.ends`` before it.
    """
    assert latest is not None
    if project.outcome.column is not None:  # the outcome is in the row itself: every row is mature
        latest += project.outcome.horizon
    if project.data.ends is None:
        return latest + timedelta(microseconds=1)
    if project.data.ends <= first:
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

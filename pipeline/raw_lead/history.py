"""The history of a raw lead: the five tables of the contract, cleaned by the rules of the sources."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from leadlens.features import DataError, DuckDBEngine, Finding, History, Step
from leadlens.features.conditions.condition import Condition
from leadlens.features.errors import listed
from leadlens.features.history import Kind
from leadlens.pipeline.config import Project
from leadlens.pipeline.raw_lead.columns import RawColumns
from leadlens.pipeline.raw_lead.events import cleaned_events
from leadlens.pipeline.raw_lead.rows import RawRows, Typed
from leadlens.pipeline.sources.cleaning import Cleaner
from leadlens.pipeline.sources.contract import CONTRACT
from leadlens.pipeline.sources.hygiene.bots import mark_bots
from leadlens.pipeline.sources.hygiene.leads import exclude_leads
from leadlens.pipeline.sources.hygiene.mails import mail_columns
from leadlens.pipeline.sources.opening import make_empty

_TYPES = {"number": pa.float64(), "boolean": pa.bool_(), "time": pa.timestamp("us")}
_CONTRACT: dict[str, Kind] = {"timestamp": "time", "number": "number", "id": "category"}


def raw_history(
    engine: DuckDBEngine,
    rows: RawRows,
    columns: RawColumns,
    project: Project,
    name: str,
    made: Collection[str] = (),
) -> tuple[History, list[str]]:
    """The tables of a raw lead, in an engine that may have some of its colleagues and its account; and what was left out.

    ``made`` are tables that the engine has: ``accounts``, ``changes`` and ``objections`` of the lead's own, and the colleagues'
    ``others_leads``, ``others_events`` and ``others_conversions``. ``name`` is that of the project file.
    Raises ``DataError`` for a lead that the project leaves out.
    """
    findings = list[Finding]()
    _make_times(rows, columns)
    created_at = rows.lead["created_at"]
    assert isinstance(created_at, datetime)
    _make(engine, "leads", [rows.lead], _kinds("leads", columns))
    _make(engine, "conversions", rows.conversions, _kinds("conversions", columns))
    if "accounts" not in made:
        _make(engine, "accounts", [], _kinds("accounts", columns))
    for table in {"changes", "objections", "finished"}.difference(made):
        make_empty(engine, table)
    _keep_wanted(engine, "leads", project, columns, findings, name)
    cleaner = Cleaner(engine, findings)
    events, counts = cleaned_events(
        _wanted_events(engine, rows, project, columns, findings, name), created_at
    )
    cleaner.report_events(counts)
    _make(engine, "events", events, _kinds("events", columns))
    _exclude(engine, project, columns, name)
    if rows.conversions:
        _keep_wanted(engine, "conversions", project, columns, findings, name)
        cleaner.conversions()
    _mark_bots(engine, project, columns, findings, name)
    _account(engine, rows, columns, findings)
    for table in ("leads", "events", "conversions"):
        if f"others_{table}" in made:
            engine.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM others_{table}")
    kinds = dict(columns.event)
    if project.hygiene.bots.mode == "feature":
        kinds["machine"] = "boolean"
    history = History(
        engine,
        data_end=columns.data_end,
        lead_attributes=columns.lead,
        account_attributes=columns.account,
        event_properties=kinds,
        clock=columns.clock,
        hidden=columns.hidden,
        version=columns.version,
    )
    return history, [finding.message for finding in findings]


def refuse_times(rows: RawRows, where: str) -> None:
    """Raise ``DataError`` for a lead that is created in the future."""
    created, now = rows.lead["created_at"], datetime.now(UTC).replace(tzinfo=None)
    if isinstance(created, datetime) and created > now:
        raise DataError(
            "this lead is created in the future",
            value=f"{created:%Y-%m-%d %H:%M} UTC",
            where=where,
            why="nothing is known of it yet",
            fix="is the time zone right? without one, a timestamp is UTC",
        )


def _make_times(rows: RawRows, columns: RawColumns) -> None:
    if columns.clock != "time":  # no feature reads it: there is an order, or nothing
        rows.lead["created_at"] = columns.data_end - timedelta(seconds=1)


def _kinds(table: str, columns: RawColumns) -> dict[str, Kind]:
    contract = {name: _CONTRACT[how.rstrip("!")] for name, how in CONTRACT[table].items()}
    return contract | columns.of(table)


def _make(engine: DuckDBEngine, table: str, rows: Sequence[Typed], kinds: Mapping[str, Kind]) -> None:
    """A table of typed rows, with all of its columns."""
    arrow = pa.table(
        {
            name: pa.array([row.get(name) for row in rows], _TYPES.get(kind, pa.string()))
            for name, kind in kinds.items()
        }
    )
    engine.register(table, arrow)


def _keep_wanted(
    engine: DuckDBEngine,
    table: str,
    project: Project,
    columns: RawColumns,
    findings: list[Finding],
    name: str,
) -> bool:
    """Apply ``where``, as far as what it reads is in the table; whether rows were left out.

    Of several sources, a row stays if any of them would keep it: a raw lead does not say from which it comes.
    """
    wanted_by = [source.where for source in project.data.sources(table)]
    if not wanted_by or None in wanted_by:
        return False
    kinds = _kinds(table, columns)
    unread: dict[str, Kind] = {column: "category" for column in columns.hidden if column not in kinds}
    where = f"{name}: data.{table}.where"
    together = " OR ".join(f"({each})" for each in wanted_by) if len(wanted_by) > 1 else str(wanted_by[0])
    condition = Condition.parse(together, {**unread, **kinds}, where)
    if hidden := condition.columns_used & unread.keys():
        message = (
            f"data.{table}.where is not applied, since it reads {', '.join(sorted(hidden))} (known_after)"
        )
        findings.append(Finding("where-unread", message))
        return False
    wanted = condition.sql(engine.dialect, {"": table})
    out = engine.count(f"{table} WHERE NOT coalesce({wanted}, FALSE)")
    if out and table == "leads":
        raise DataError(
            "the project file leaves this lead out",
            value=together,
            where=where,
            why="the model was not trained on leads like it",
            fix="score leads for which the condition holds, or change `where` and train again",
        )
    if out:
        engine.run([Step(table, f"SELECT * FROM {table} WHERE {wanted}")])
        findings.append(Finding("where", f"{out:,} {table} left out by data.{table}.where", "note", out))
    return bool(out)


def _wanted_events(
    engine: DuckDBEngine,
    rows: RawRows,
    project: Project,
    columns: RawColumns,
    findings: list[Finding],
    name: str,
) -> list[Typed]:
    """The events that ``where`` keeps."""
    if not any(source.where for source in project.data.sources("events")):
        return rows.events
    _make(engine, "events", rows.events, _kinds("events", columns))
    if not _keep_wanted(engine, "events", project, columns, findings, name):
        return rows.events
    kept: list[Typed] = engine.connection.table("events").to_arrow_table().to_pylist()
    return kept


def _exclude(engine: DuckDBEngine, project: Project, columns: RawColumns, name: str) -> None:
    """Raise ``DataError`` for a lead that is no prospect: a test, a colleague, or what the project file excludes."""
    hygiene = project.hygiene
    if hygiene.internal_domains and not mail_columns(engine, columns.lead).columns:
        hygiene = hygiene.model_copy(update={"internal_domains": ()})  # the lead has no address
    reported = hygiene.test_leads != "filter"  # by `leadlens check`, and scored all the same
    if reported:
        hygiene = hygiene.model_copy(update={"test_leads": "off"})
    if not (hygiene.exclude_leads or hygiene.internal_domains or hygiene.test_leads == "filter"):
        return
    findings = list[Finding]()
    try:
        exclude_leads(engine, hygiene, columns.lead, findings, name)
    except DataError as error:
        raise DataError(
            "the project's hygiene leaves this lead out",
            value="; ".join(finding.message for finding in findings if finding.count),
            where=f"{name}: hygiene",
            why="tests, colleagues and excluded leads are neither learned from nor scored",
            fix="change `hygiene` if it is a prospect, and train again",
        ) from error


def _mark_bots(
    engine: DuckDBEngine, project: Project, columns: RawColumns, findings: list[Finding], name: str
) -> None:
    """Clicks of machines, as in the sources; that mails are opened at all is known of all leads."""
    bots = project.hygiene.bots
    if bots.mode not in ("filter", "feature"):
        return
    kinds, found = dict(columns.event), list[Finding]()
    mark_bots(engine, bots, kinds, found, name, opens_since=columns.opens_since)
    if bots.mode == "feature" and "machine" not in kinds:  # no click among the events
        engine.connection.execute("ALTER TABLE events ADD COLUMN machine BOOLEAN")
    findings += [finding for finding in found if finding.code in _MACHINES]


_MACHINES = ("bots-burst", "bots-every-link", "bots-before-open")


def _account(engine: DuckDBEngine, rows: RawRows, columns: RawColumns, findings: list[Finding]) -> None:
    """What the request says of the account holds, in the place of what the history knows; what neither knows is noted."""
    account = rows.account
    if rows.account_id is not None and rows.absent and not engine.count("accounts"):
        message = f"not known of account {rows.account_id}: {listed(rows.absent)}"
        findings.append(Finding("account-unknown", message))
    if account is None:
        return
    quote, literal = engine.dialect.quote, engine.dialect.literal
    own = {name: kind for name, kind in _kinds("accounts", columns).items() if name in account}
    _make(engine, "own_account", [account], own)
    rest = [name for name in columns.account if name not in account]
    others = "".join(f", a.{quote(name)}" for name in rest)
    mine = "".join(f", o.{quote(name)}" for name in account if name != "account_id")
    engine.run(
        [
            Step(
                "accounts",
                f"SELECT o.account_id{mine}{others} FROM own_account AS o LEFT JOIN accounts AS a USING (account_id)",
            )
        ]
    )
    engine.drop("own_account")
    if names := ", ".join(literal(name) for name in account if name != "account_id"):
        kept = f"NOT (entity = 'account' AND attribute IN ({names}))"
        engine.run([Step("changes", f"SELECT * FROM changes WHERE {kept}")])

"""What the comments of an exported sheet say: of the whole query, and of each step."""

from __future__ import annotations

from collections.abc import Iterable

from leadlens.features.engines.dialect import Dialect
from leadlens.features.history import History
from leadlens.models.scorecard.language.parsing import Parsed
from leadlens.models.scorecard.language.sheet import Sheet

_DATABASES = {"duckdb": "DuckDB", "postgres": "PostgreSQL 16 or later", "spark": "Spark SQL 4 or later"}
_STEPS = {
    "params": "The as-of of the scores (UTC). Change it here, and nowhere else",
    "spine": "The leads that exist at that time, one row each; every step keeps their row_id",
    "lead_changed": "The latest value of each lead attribute that was known before the as-of",
    "account_changed": "The latest value of each account attribute that was known before the as-of",
    "lead_as_of": "Attributes of the lead as of then",
    "account_as_of": "Attributes of the lead's account as of then",
    "attribute_matches": "Which attribute conditions match, with the values read; NULL where one does not",
    "sheet_matches": "Events that match a condition, marked by its number",
    "visible": "Matching events that had occurred, were known and not retracted by then",
    "first_last": "The first and the last of them for each condition",
    "events": "Events that a rule needs one by one: in its window, later than what they must follow",
    "occurrences": "What counts: once, each event, each day or each value of a rule, and when",
    "sheet_rules": "The rules: points, decay (microseconds), caps",
    "lines": "Points of each line: raw, after decay, after the cap of the rule",
    "grouped": "Points of each line after the cap of its group",
    "disqualified": "The first disqualifier that matches",
    "base": "Sums: dimensions, total, score, grades, product",
    "week_spine": "The same rows, a week before",
    "reached": "Which stages are reached, regardless of the past",
    "sheet_waiting": "Rows below a stage, whose total is not below what keeps it: the past decides",
    "review_spine": "Every time at which something began or ceased to count for them, just before and just after",
    "sheet_kept": "Stages reached at some review, and not lost since",
    "sheet_staged": "The stage of each row",
    "sheet_scores": "Everything together, and the first route that matches",
    "sheet_ledger": "One row per line and dimension that it moves",
}
_PASSES = {
    "sheet_week_": "A week before",
    "review_week_": "A week before each review",
    "review_": "At each review",
}


def comment_for(step: str, name: str) -> str:
    """What a step does; ``name`` is the CTE's, and says whose rows it is about."""
    if step in _STEPS:
        text = _STEPS[step]
    else:
        plain = step.replace("_", " ")
        text = next((comment for end, comment in _STEPS.items() if step.endswith(f"_{end}")), plain)
    about = next((comment for start, comment in _PASSES.items() if name.startswith(start)), None)
    return text if about is None or step.endswith("_spine") else f"{about}: {text[0].lower()}{text[1:]}"


def header(
    sheet: Sheet, parsed: Parsed, history: History, dialect: Dialect, read: Iterable[str], ledger: bool
) -> list[str]:
    """Comment lines above the query; ``history`` has the attributes that the sheet reads."""
    rows = "one row per line of the ledger" if ledger else "one row per lead"
    lines = [f"Score sheet {sheet.name}, version {sheet.version}: {rows}. For {_DATABASES[dialect.name]}."]
    lines += ["It reads:", *(f"  {table}" for table in _tables(sheet, parsed, history, dialect, set(read)))]
    lines += ["All timestamps are UTC, without a zone."]
    if dialect.name == "spark":
        lines += [
            "Set spark.sql.timestampType=TIMESTAMP_NTZ and spark.sql.session.timeZone=UTC first. Planning may take a"
        ]
        lines += ["minute: Spark plans a step anew wherever it is read. Store the result in a table."]
    changing = _changing(history, dialect)
    if {"leads", "accounts"} & set(read):
        lines += [
            f"Made for these columns; with history in changes: {', '.join(changing) or 'none'}. Export it again when others change."
        ]
    if sheet.for_ is not None:
        lines += ["The sheet is meant for some of the leads (`for`); this query scores all of them."]
    return [*(f"-- {line}" for line in lines), *_rules(sheet, dialect), ""]


def _rules(sheet: Sheet, dialect: Dialect) -> list[str]:
    """The numbers by which the steps call rules."""
    first = len(sheet.all_dimensions)
    rules = [
        f"--   {number:>3}  {_one_line(rule.label, dialect)} ({rule.points:+g})"
        for number, rule in enumerate(sheet.rules, first)
    ]
    return ["-- Rules by number:", *rules] if rules else []


def _one_line(text: str, dialect: Dialect) -> str:
    """A literal without any character that could end a comment."""
    return dialect.literal("".join(sign if sign.isprintable() else " " for sign in text))


def _tables(sheet: Sheet, parsed: Parsed, history: History, dialect: Dialect, read: set[str]) -> list[str]:
    columns = {
        "leads": ["lead_id", "created_at", "account_id", *_quoted(history.lead_attributes, dialect)],
        "accounts": ["account_id", *_quoted(history.account_attributes, dialect)],
        "events": [
            "lead_id",
            "occurred_at",
            "known_at",
            "retracted_at",
            *_event_columns(sheet, parsed, dialect),
        ],
        "changes": ["entity", "id", "attribute", "value", "known_at"],
    }
    return [f"{table} ({', '.join(names)})" for table, names in columns.items() if table in read]


def _event_columns(sheet: Sheet, parsed: Parsed, dialect: Dialect) -> list[str]:
    disqualifying = [
        parsed.disqualifiers[i] for i, rule in enumerate(sheet.disqualify) if rule.on == "action"
    ]
    conditions = (*parsed.actions, *parsed.after.values(), *disqualifying)
    used = {name for condition in conditions for name in condition.columns_used}
    return _quoted(sorted({*used, *parsed.of.values()} - {"occurred_at"}), dialect)


def _changing(history: History, dialect: Dialect) -> list[str]:
    changes = history.engine.frame("SELECT DISTINCT entity, attribute FROM changes")
    changing = set(changes.itertuples(index=False, name=None))
    lead = [name for name in history.lead_attributes if ("lead", name) in changing]
    account = [name for name in history.account_attributes if ("account", name) in changing]
    return [*_quoted(lead, dialect), *(f"account.{name}" for name in _quoted(account, dialect))]


def _quoted(names: Iterable[str], dialect: Dialect) -> list[str]:
    return [
        "".join(sign if sign.isprintable() else " " for sign in dialect.quote(name)).strip() for name in names
    ]

"""A ready score sheet with the names of an export: lines for what its events, pages, titles and sizes are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
import yaml

from leadlens.features.attributes.personal import snake_case
from leadlens.features.attributes.titles import seniority
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.proposing import Proposal
from leadlens.pipeline.starting.tables import quote

_MOST = 25  # values in a line
_FALLBACK = 5
_LONGEST = 200


@cache
def _signs() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        (files("leadlens.pipeline.starting") / "signs.yaml").read_text(encoding="utf-8")
    )
    return loaded


def sheet_yaml(proposal: Proposal, connection: duckdb.DuckDBPyConnection) -> str | None:
    """The sheet as text; ``None`` where the export has nothing that a line could be about."""
    attributes, disqualify = list(_attributes(proposal, connection)), list(_disqualifiers(proposal))
    actions = list(_actions(proposal, connection))
    if not (attributes or actions):
        return None
    fit, engagement = (
        sum(line["points"] for line in attributes if line["points"] > 0),
        sum(line["points"] for line in actions if line["points"] > 0),
    )
    whole = max(fit + engagement, 10)
    lines = [
        "# Points to start with: those of a ready-made sheet (docs/scorecards/ready_sheets.md), with the names in your data. They are not tested on",
        "# your leads: `leadlens compare` says what each line is worth. Change them where you know better.",
        "sheet: ready",
        "about: Who is worth a call",
        "",
    ]
    for title, name, rules in (
        ("who the lead is: fit", "attributes", attributes),
        ("what the lead did: engagement", "actions", actions),
        ("out, whatever the points", "disqualify", disqualify),
    ):
        if rules:
            lines += [f"{name}: # {title}", *(f"  - {_flow(rule)}" for rule in rules), ""]
    lines += [
        f"thresholds: {{mql: {max(5, round(whole * 0.3 / 5) * 5)}, sql: {max(10, round(whole * 0.5 / 5) * 5)}}}",
        f"grades: {{fit: {_cuts(fit)}, engagement: {_cuts(engagement)}}} # A B C else D; 4 3 2 else 1",
    ]
    return "\n".join(lines) + "\n"


def _cuts(points: int) -> list[int]:
    top = max(points, 8)
    return [max(3, round(top * 0.6)), max(2, round(top * 0.4)), max(1, round(top * 0.2))]


def _flow(rule: dict[str, Any]) -> str:
    return yaml.safe_dump(
        rule, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False
    ).strip()


def _visible(proposal: Proposal, *roles: str) -> list[Column]:
    hidden = {*proposal.known_after, *proposal.columns.values()}
    return [
        column
        for column in proposal.leads.table.having(*roles)
        if column.name not in hidden and column.kind != "empty"
    ]


def _attributes(proposal: Proposal, connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    for column in _visible(proposal, "title")[:1]:
        for label, ranks, points in (
            ("Decides on the budget", ("executive", "director", "vice president"), 20),
            ("Manager", ("manager",), 10),
        ):
            values = _writable(value for value, _ in column.values if seniority(value) in ranks)
            if values:
                yield {
                    "label": label,
                    "when": f"{quote(column.name)} {_one_of(values)}",
                    "points": points,
                }
    for column in _visible(proposal, "employees")[:1]:
        if column.kind == "number":
            yield {
                "label": "50 to 1000 employees",
                "when": f"{quote(column.name)} BETWEEN 50 AND 1000",
                "points": 15,
            }
            yield {"label": "More than 1000 employees", "when": f"{quote(column.name)} > 1000", "points": 10}
        else:
            values = _writable(value for value, _ in column.values if _least(value) >= 50)
            if values:
                yield {
                    "label": "More than 50 employees",
                    "when": f"{quote(column.name)} {_one_of(values)}",
                    "points": 15,
                }
    for column in _visible(proposal, "phone")[:1]:
        yield {"label": "Phone number given", "when": f"{quote(column.name)} IS NOT NULL", "points": 5}
    for column in _visible(proposal, "email")[:1]:
        domains = connection.execute(
            f"SELECT lower(regexp_extract({quote(column.name)}, '@(.*)$', 1)) AS d, count(*) FROM {proposal.leads.table.export.sql} GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        own = f"lower({quote(column.name)})"
        free = [domain for domain, _ in domains if domain in _signs()["free_mail"]]
        if free:
            yield {
                "label": "Free-mail address",
                "when": " OR ".join(f"{own} LIKE '%@{domain}'" for domain in free),
                "points": -10,
            }


def _disqualifiers(proposal: Proposal) -> Iterator[dict[str, Any]]:
    for column in _visible(proposal, "title")[:1]:
        values = _writable(value for value, _ in column.values if seniority(value) == "student")
        if values:
            yield {"label": "Student or intern", "when": f"{quote(column.name)} {_one_of(values)}"}


def _least(value: str) -> int:
    """The first number of a band of sizes.

    >>> _least("1,001-5,000"), _least("51-200"), _least("many")
    (1001, 51, 0)
    """
    match = re.search(r"\d[\d.,]*", value)
    return int(re.sub(r"\D", "", match[0])) if match else 0


def _actions(proposal: Proposal, connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """A line for each sign that the types of events speak of, and one for each that the pages do."""
    types = [
        name
        for each in proposal.events
        for name in each.types
        if not name.startswith("Stage: ") and name not in proposal.excluded
    ]
    lines: dict[str, dict[str, Any]] = {}
    by_sign: dict[int, list[str]] = {}
    types = _writable(dict.fromkeys(types))
    for name in types:
        if (place := _sign(name)) is not None:
            by_sign.setdefault(place, []).append(name)
    for place, names in sorted(by_sign.items()):
        lines[str(place)] = _action(place, f"event_type {_one_of(names)}")
    for page, place, values in _pages(proposal, connection):
        lines[f"{page} {place}"] = _action(place, f"{quote(page)} {_one_of(values)}", " (page)")
    yield from lines.values()
    if not lines:
        for name in types[:_FALLBACK]:
            yield {
                "label": f"Did: {name}",
                "when": f"event_type {_one_of([name])}",
                "points": 3,
                "per": "day",
                "within": "30d",
                "cap": 12,
            }


def _action(place: int, when: str, more: str = "") -> dict[str, Any]:
    sign = _signs()["actions"][place]
    rule: dict[str, Any] = {"label": sign["label"] + more, "when": when, "points": sign["points"]}
    if "half_life" in sign:
        rule["decay"] = {"half_life": sign["half_life"]}
    if "cap" in sign:
        rule |= {"per": "day", "within": sign["within"], "cap": sign["cap"]}
    elif "within" in sign:
        rule["within"] = sign["within"]
    return rule


def _sign(text: str) -> int | None:
    plain = snake_case(text)
    return next(
        (place for place, sign in enumerate(_signs()["actions"]) if re.search(sign["words"], plain)), None
    )


def _pages(proposal: Proposal, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int, list[str]]]:
    """Pages that are a sign by themselves: of demos, prices and jobs, not those that are merely viewed."""
    telling = {place for place, sign in enumerate(_signs()["actions"]) if abs(sign["points"]) >= 10}
    for each in proposal.events:
        if "page" not in each.properties:
            continue
        rows = connection.execute(
            f"WITH source AS (SELECT * FROM {each.table.export.sql}), leads AS (SELECT * FROM {proposal.leads.table.export.sql}) "
            f'SELECT "page", count(*) FROM ({each.query}) AS rows WHERE "page" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 300'
        ).fetchall()
        found: dict[int, list[str]] = {}
        for value in _writable(str(value) for value, _ in rows):
            path = re.sub(r"^https?://[^/]+", "", str(value))
            if (place := _sign(path)) in telling and place is not None:
                found.setdefault(place, []).append(str(value))
        yield from (("page", place, values) for place, values in sorted(found.items()))


def _one_of(values: list[str]) -> str:
    """``= 'one'``, or ``IN ('one', 'two')``."""
    texts = ["'" + value.replace("'", "''") + "'" for value in values[:_MOST]]
    return f"= {texts[0]}" if len(texts) == 1 else f"IN ({', '.join(texts)})"


def _writable(values: Iterable[str]) -> list[str]:
    """The values that a sheet may name: short ones without characters that steer a terminal."""
    return [value for value in values if value.isprintable() and len(value) <= _LONGEST]

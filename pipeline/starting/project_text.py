"""The project file of a proposal: its settings, and the same as commented YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import yaml

from leadlens.features.durations import format_duration
from leadlens.features.printable import printable
from leadlens.pipeline.starting.closings import HISTORY
from leadlens.pipeline.starting.conversions import rate
from leadlens.pipeline.starting.known_by import known_by
from leadlens.pipeline.starting.proposing import Proposal, leads_query
from leadlens.pipeline.starting.tables import ExportTable

_WIDTH = 110
_MOST_OF_A_WORKBOOK = 200_000  # leads: more are not for people to read through


def settings(proposal: Proposal, name: str, sheet: str | None) -> dict[str, Any]:
    """The settings of the project, as its file gives them."""
    way = proposal.conversions
    data: dict[str, Any] = {
        "leads": _source(proposal.leads.table.export, leads_query(proposal), columns=proposal.columns)
    }
    if proposal.closing.table is not None:
        data["others"] = {HISTORY: _source(proposal.closing.table.export)}
    if proposal.account is not None:
        table, found = proposal.account
        data["accounts"] = _source(table.export, columns={"account_id": found.key})
    events = [_source(each.table.export, each.query, where=_where(proposal)) for each in proposal.events]
    if events:
        data["events"] = events if len(events) > 1 else events[0]
    if way is not None and not way.flat:
        data["conversions"] = _source(way.table.export, way.query)
    if proposal.closing.finished:
        data["finished"] = _source(proposal.leads.table.export, proposal.closing.finished)
    changes = [_source(each.table.export, each.query) for each in proposal.changes]
    if changes:
        data["changes"] = changes if len(changes) > 1 else changes[0]
    outcome: dict[str, Any] = {"horizon": format_duration(proposal.horizon.length)}
    if way is not None and way.flat:
        outcome = {"column": way.column, "positive": list(way.positive)}
    project: dict[str, Any] = {"name": name, "about": _about(proposal), "data": data, "outcome": outcome}
    if proposal.known_after:
        project["known_after"] = list(proposal.known_after)
    if proposal.domains.worth_naming and proposal.leads.table.having("email"):
        project["hygiene"] = {"internal_domains": list(proposal.domains.names)}
    if proposal.ages:
        project["spine"] = {"at_ages": list(proposal.ages)}
    if sheet is not None:
        project["scorecards"] = [sheet]
    if shown := known_by(proposal.leads, proposal.columns.values()):
        project["page"] = shown
    project["scores"] = {
        "to": "scores.xlsx" if proposal.leads.table.export.rows <= _MOST_OF_A_WORKBOOK else "scores.csv"
    }
    if shown:
        project["scores"]["people"] = list(shown)
    return project


def _about(proposal: Proposal) -> str:
    way = proposal.conversions
    within = f" within {format_duration(proposal.horizon.length)}" if way is not None and not way.flat else ""
    return f"Which leads of {proposal.leads.table.label} convert{within}"


def _where(proposal: Proposal) -> str | None:
    if not proposal.excluded:
        return None
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in proposal.excluded)
    return f"event_type NOT IN ({listed})"


def _source(
    export: ExportTable,
    query: str | None = None,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
) -> dict[str, Any]:
    given = export.source.model_dump(mode="json", exclude_defaults=True)
    source: dict[str, Any] = {
        "read": given["read"],
        **{name: given[name] for name in ("table", "encoding", "decimals") if name in given},
    }
    if query is not None:
        source["query"] = query
    if columns:
        source["columns"] = dict(columns)
    if where is not None:
        source["where"] = where
    return source


def project_yaml(proposal: Proposal, name: str, sheet: str | None) -> str:
    """The project file as commented text. Whoever reads it sees what was taken for what, and why."""
    return "\n".join(_lines(proposal, settings(proposal, name, sheet))) + "\n"


def _lines(proposal: Proposal, project: dict[str, Any]) -> Iterator[str]:
    yield from _comment(
        f"Proposed by `leadlens init --from` from {proposal.taken_for or 'an export of an unknown system'}. "
        "Everything here is guessed from names and values: read it through once. `leadlens check` and `leadlens audit` help you to verify it."
    )
    yield f"name: {_value(project['name'])}"
    yield f"about: {_value(project['about'])}"
    yield ""
    yield "data:"
    data = project["data"]
    leads, way = proposal.leads, proposal.conversions
    yield from _comment(
        f"One row per lead: {leads.table.label}, {leads.table.export.rows:,} rows ({leads.why}). {leads.created.name} is when the lead came in ({leads.created_why}).",
        2,
    )
    yield from _table("leads", data["leads"])
    if "others" in data:
        yield from _comment("When leads were lost, for the query above:", 2)
        yield "  others:"
        yield f"    {HISTORY}: {_flow(data['others'][HISTORY])}"
    if proposal.account is not None:
        yield from _comment(
            f"Companies, or people with several deals ({proposal.account[0].label}), named by {proposal.account[1].column} of the leads.",
            2,
        )
        yield from _table("accounts", data["accounts"])
    if proposal.events:
        yield ""
        yield from _comment("What leads did:", 2)
        for each in proposal.events:
            yield from _comment(f"- {each.table.label}: {each.how}", 2)
            if each.left_out:
                yield from _comment(f"  columns left out: {', '.join(each.left_out)}", 2)
        yield from _table("events", data["events"])
    yield ""
    if way is None:
        yield from _comment(
            "OPEN POINT: it is not known who converted, and nothing can be learned without that. Give the table of conversions (lead_id, converted_at) here or, under outcome, the column of the leads that says it.",
            2,
        )
        yield "  # conversions: {read: sales.csv, columns: {lead_id: Lead ID, converted_at: Won on}}"
    elif not way.flat:
        yield from _comment(f"Who converted, and when: {way.how}. {rate(way, leads)}.", 2)
        yield from _table("conversions", data["conversions"])
    if "finished" in data:
        yield ""
        yield from _comment(
            "Leads that are over, though nothing says since when: learned from like others, and no longer scored. Take out a value with which sales still calls.",
            2,
        )
        yield from _table("finished", data["finished"])
    if proposal.changes:
        yield ""
        fields = ", ".join(field.column for each in proposal.changes for field in each.fields)
        yield from _comment(
            f"Edits of {fields}, so that each past row has the value of its time, including the value before the first edit.",
            2,
        )
        yield from _table("changes", data["changes"])
    yield ""
    if way is not None and way.flat:
        yield from _comment(
            f"{way.how}: each lead is one row, as of its creation. With the dates of conversions, ages and events would count, too."
        )
    else:
        yield from _comment(
            f"A lead is a success if it converts within this time after it is scored: {proposal.horizon.why}."
        )
    if way is None:
        yield f'# outcome: {{horizon: {project["outcome"]["horizon"]}}}   # or {{column: …, positive: ["yes"]}}'
    else:
        yield f"outcome: {_flow(project['outcome'])}"
    if "known_after" in project:
        yield ""
        yield from _comment(
            "Columns filled in, or kept up to date, after the lead came in: no feature, rule or model sees them."
        )
        yield "known_after:"
        late = sorted((*proposal.late, *proposal.account_late), key=lambda column: column.why)
        seen: set[str] = set()
        for why, group in groupby(late, key=lambda column: column.why):
            yield f"  # {why}"
            for column in group:
                if column.column not in seen:
                    seen.add(column.column)
                    yield f"  - {_value(column.column)}" + (
                        f" # {_plain(column.proof)}" if column.proof else ""
                    )
    yield ""
    yield from _hygiene(proposal, project)
    yield ""
    if "spine" in project:
        yield from _comment(
            "The ages at which each lead is a row: those by which a quarter, half, three quarters and nearly all of the converting leads had converted."
        )
        yield f"spine: {_flow(project['spine'])}"
        yield ""
    if "scorecards" in project:
        yield from _comment(
            "A ready-made score sheet with the names in your data. The points are a starting point: change them where you know better."
        )
        yield f"scorecards: {_flow(project['scorecards'])}"
        yield ""
    yield "# judge: {test_share: 0.25, capacity: 0.2}   # test on the latest quarter of leads; sales can call one in five"
    yield ""
    if "page" in project:
        yield from _comment(
            "By what people know a lead: shown beside its score. No feature is made of those that are under known_after."
        )
        yield f"page: {_flow(project['page'])}"
    yield from _comment(
        "Where scores are written: a workbook with the best leads first. Leave `people` out where names must not be kept. A .csv, .parquet, "
        "duckdb:///… or postgresql://… holds all columns; docs/crm.md says how scores get into the CRM."
    )
    yield f"scores: {_flow(project['scores'])}"


def _hygiene(proposal: Proposal, project: dict[str, Any]) -> Iterator[str]:
    if "hygiene" in project:
        found = proposal.domains
        yield from _comment(
            f"Your own e-mail domain, so that colleagues do not count as leads: {found.why}; {found.leads:,} leads have an address there."
        )
        yield f"hygiene: {_flow(project['hygiene'])}   # and perhaps test_leads: filter"
    elif proposal.domains.names:
        yield from _comment(
            f"Your own e-mail domain by {proposal.domains.why}; no lead has an address there, so nothing is left out."
        )
        yield f"# hygiene: {{internal_domains: [{', '.join(proposal.domains.names)}]}}"
    else:
        yield from _comment(
            "OPEN POINT: your own e-mail domains, so that colleagues do not count as leads (docs/hygiene.md)."
        )
        yield "# hygiene: {internal_domains: [ours.com], test_leads: filter}"


def _table(name: str, sources: dict[str, Any] | list[dict[str, Any]]) -> Iterator[str]:
    yield f"  {name}:"
    if isinstance(sources, dict):
        yield from _settings(sources, "    ")
        return
    for source in sources:
        first, *rest = _settings(source, "      ")
        yield f"    - {first.strip()}"
        yield from rest


def _settings(source: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in source.items():
        if key == "query":
            block = "\n".join(["query: |-", *(f"  {line}" for line in str(value).split("\n"))])
            if _same(block, value):
                yield from (f"{indent}{line}" for line in block.split("\n"))
            else:  # a name with a line break in it
                yield f"{indent}query: {_value(value)}"
        elif isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from (f"{indent}  {_value(name)}: {_value(own)}" for name, own in value.items())
        else:
            yield f"{indent}{key}: {_flow(value)}"


def _same(block: str, value: object) -> bool:
    try:
        return bool(yaml.safe_load(block) == {"query": value})
    except yaml.YAMLError:
        return False


def _value(text: object) -> str:
    return (
        yaml.safe_dump(text, default_flow_style=True, allow_unicode=True, width=10**6)
        .removesuffix("...\n")
        .strip()
    )


def _flow(value: object) -> str:
    return _value(value)


def _plain(text: str) -> str:
    return printable(" ".join(text.split()))


def _comment(text: str, indent: int = 0) -> Iterator[str]:
    """Lines of a comment; what data are called cannot end it."""
    line = ""
    for word in _plain(text).split(" "):
        if line and len(line) + len(word) + indent + 3 > _WIDTH:
            yield f"{' ' * indent}# {line}"
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield f"{' ' * indent}# {line}"

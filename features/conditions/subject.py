"""What a condition is about, in the words by which feature columns name theirs."""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp

from leadlens.features.conditions.guards import parse_guarded
from leadlens.features.errors import UsageError


@lru_cache(maxsize=2048)
def events_meant(text: str) -> str:
    """A condition over events, written as a ``FeatureColumn`` of the same events has it: ``text`` where it says more.

    >>> events_meant("(event_type='page_viewed') and page IN ('directions')")
    "event_type = 'page_viewed' AND page = 'directions'"
    >>> events_meant("event_type IN ('call', 'visit')")
    "event_type IN ('call', 'visit')"
    """
    parts = []
    for part in _parsed_parts(text):
        column, values = (
            part.this,
            part.expressions if isinstance(part, exp.In) else [part.args.get("expression")],
        )
        value = values[0] if isinstance(part, exp.EQ | exp.In) and len(values) == 1 else None
        if not (isinstance(column, exp.Column) and isinstance(value, exp.Literal) and value.is_string):
            return text
        parts.append(f"{column.name} = '{value.name}'")
    return " AND ".join(parts) or text


@lru_cache(maxsize=2048)
def attribute_meant(text: str) -> str:
    """The one column that a condition over a lead reads, as a ``FeatureColumn`` of it has it: ``text`` where it reads several.

    >>> attribute_meant("age >= 35 AND age <= 65"), attribute_meant("account.industry = 'IT'")
    ('leads.age', 'accounts.industry')
    >>> attribute_meant("age >= 35 OR income > 9000")
    'age >= 35 OR income > 9000'
    """
    read = {
        (column.table, column.name) for part in _parsed_parts(text) for column in part.find_all(exp.Column)
    }
    if len(read) != 1:
        return text
    table, name = read.pop()
    return f"{ {'': 'leads', 'account': 'accounts'}.get(table, table) }.{name}"


def _parsed_parts(text: str) -> list[exp.Expr]:
    """The parts of a condition that all have to hold; none of what cannot be read."""
    try:
        tree = parse_guarded(text, (), None).unnest()
    except UsageError:
        return []
    return [part.unnest() for part in tree.flatten()] if isinstance(tree, exp.And) else [tree]

"""A lead by what people know of it: its id, an e-mail address or a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from leadlens.features import History, UsageError
from leadlens.features.attributes.personal import names_people, snake_case
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.known_leads import is_text, require_lead
from leadlens.pipeline.prepared import merged_into, open_lead

_MOST_NAMED = 10


@dataclass(frozen=True)
class NamedLead:
    """A lead that was asked for, and the history that holds it; ``notes`` say which it is where no id was given."""

    history: History
    lead_id: str
    notes: tuple[str, ...] = ()

    def noting(self, note: str) -> NamedLead:
        """The same with one note more."""
        return replace(self, notes=(*self.notes, note))


def find_lead(file: ProjectFile, asked: str, version: int | None = None) -> NamedLead:
    """The lead with this id, the one that it was merged into or, of neither, the one whose e-mail address or name it is, without
    regard to case.

    ``version`` is an earlier one of the prepared history. Raises ``UsageError`` for an unknown lead, with the nearest ids,
    and where several leads have the address or the name, with the first of them.
    """
    history = open_lead(file, asked, version)
    try:
        if not is_text(asked):
            require_lead(history, asked)  # raises
        if _has(history, asked):
            return NamedLead(history, asked)
        survivor = merged_into(file, asked, version)
        found = {survivor: "merged"} if survivor is not None else dict(_found(history, asked.strip()))
        if not found:
            require_lead(history, asked)  # raises, with the nearest ids
        if len(found) > 1:
            _refuse(history, asked, found)
    except BaseException:
        history.engine.close()  # who has it open keeps its files from being removed
        raise
    ((lead_id, column),) = found.items()
    history.engine.close()
    named = NamedLead(open_lead(file, lead_id, version), lead_id)
    return named.noting(
        f"{asked} was merged into lead {lead_id}" if survivor else f"{asked} is lead {lead_id} ({column})"
    )


def _has(history: History, lead_id: str) -> bool:
    return bool(history.engine.count(f"leads WHERE lead_id = {history.engine.dialect.literal(lead_id)}"))


def _found(history: History, asked: str) -> Iterator[tuple[str, str]]:
    """(lead_id, the columns that say so) of every lead that is called so."""
    dialect = history.engine.dialect
    for names in _columns(history, asked):
        columns = [f"trim({dialect.quote(name)})" for name in names]
        called = " || ' ' || ".join(columns)
        same = f"{dialect.lower(called)} = {dialect.lower(dialect.literal(asked))}"
        ids = history.engine.frame(f"SELECT lead_id FROM leads WHERE {same} ORDER BY lead_id")["lead_id"]
        yield from ((str(lead_id), " and ".join(names)) for lead_id in ids)


def _columns(history: History, asked: str) -> list[tuple[str, ...]]:
    """The columns that may hold it, alone or two side by side: addresses, or names and pairs of them."""
    texts = [name for name, kind in history.lead_attributes.items() if kind in ("category", "text")]
    if "@" in asked:
        return [(name,) for name in texts if "mail" in snake_case(name)]
    named = [name for name in texts if names_people(name)]
    return [*((name,) for name in named), *permutations(named[:6], 2)]


def _refuse(history: History, asked: str, found: dict[str, str]) -> None:
    literal = history.engine.dialect.literal
    some = list(found)[:_MOST_NAMED]
    rows = history.engine.frame(
        f"""
        SELECT lead_id, created_at FROM leads
        WHERE lead_id IN ({", ".join(map(literal, some))}) ORDER BY created_at DESC, lead_id
        """
    )
    named = [
        f"{row.lead_id} (created {row.created_at:%Y-%m-%d})" if history.clock == "time" else str(row.lead_id)
        for row in rows.itertuples()
    ]
    more = f" and {len(found) - len(some):,} more" if len(found) > len(some) else ""
    raise UsageError(
        f"{len(found):,} leads have this name",
        value=asked,
        why="scores are explained for one lead at a time",
        fix=f"name one by its id: {', '.join(named)}{more}",
    )

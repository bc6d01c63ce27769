"""The columns that Leadlens reads under names of its own: the data contract."""

from __future__ import annotations

from collections.abc import Collection, Mapping

CONTRACT: dict[str, dict[str, str]] = {
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
    "objections": {"lead_id": "id!"},
    "finished": {"lead_id": "id!"},
    "answers": {"lead_id": "id!", "answered_at": "timestamp!", "question": "id!", "answer": "id!"},
}
# Ids that link tables. The other ids are codes, which stand for themselves.
_LINKS = {"lead_id", "account_id", "old_id", "id"}


def is_link(table: str, column: str) -> bool:
    """Whether a column holds ids that rows are told apart or brought together by."""
    return column in (*_LINKS, "event_id") and CONTRACT[table].get(column, "").startswith("id")


def contract_columns_of(table: str, mapped: Mapping[str, str], present: Collection[str]) -> dict[str, str]:
    """Contract column → column of the source: as the project file maps them, or of the same name in any case.

    >>> contract_columns_of("leads", {"lead_id": "Key"}, ["Key", "Created_At", "city"])
    {'lead_id': 'Key', 'created_at': 'Created_At'}
    """
    by_shape = {name.lower(): name for name in present}
    found = {target: origin for target, origin in mapped.items() if target in CONTRACT.get(table, ())}
    for target in CONTRACT.get(table, ()):
        origin = target if target in present else by_shape.get(target)
        if target not in found and origin is not None and origin not in mapped.values():
            found[target] = origin
    return found


def names_of(table: str, mapped: Mapping[str, str], present: Collection[str]) -> dict[str, str]:
    """Column of the source → its name after the mapping, for every column that has another or is the contract's."""
    together = dict(mapped) | contract_columns_of(table, mapped, present)
    return {origin: name for name, origin in together.items()}


def texts_of(table: str, mapped: Mapping[str, str], present: Collection[str]) -> tuple[set[str], set[str]]:
    """(ids, codes): columns of a source whose values stand for something, however much they look like numbers.

    A code is text, digit for digit. An id is a number only where all of its values are written back the same, so
    that 12 and 12.0, as tools write whole numbers with gaps, are one lead.

    >>> texts_of("events", {"event_type": "version"}, ["lead_id", "version", "at", "page"])
    ({'lead_id'}, {'version'})
    """
    texts = {
        target: origin
        for target, origin in contract_columns_of(table, mapped, present).items()
        if CONTRACT[table][target].startswith("id")
    }
    ids = {origin for target, origin in texts.items() if target in _LINKS}
    return ids, set(texts.values()) - ids

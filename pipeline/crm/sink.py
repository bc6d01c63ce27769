"""What every CRM must be able to do, and what became of a record that was sent to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from leadlens.features.errors import UsageError
from leadlens.pipeline.crm.fields import FieldKind, Record, Wanted

_PLAIN_TEXT = 255


@dataclass(frozen=True)
class Outcome:
    """What became of a record: accepted if ``error`` is ``None``; ``again`` where the same may be accepted later."""

    error: str | None = None
    again: bool = False


@dataclass(frozen=True)
class KnownField:
    """A field of the CRM: ``kinds`` that can be written to it (none: it is read-only), and the longest text that it holds."""

    name: str
    kinds: frozenset[FieldKind]
    longest: int | None = None
    unique: bool = False


class Sink(Protocol):
    """A CRM. ``batch`` is the most records that one request may have."""

    batch: int

    def check(self, wanted: Sequence[Wanted], *, create: bool) -> Mapping[str, int]:
        """See that all can be written, before any is; the longest texts by the name of the field.

        Makes fields that are missing if ``create``. Raises ``UsageError`` that names them.
        """

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """Write records, each to its lead; what became of each, in their order.

        Raises ``NoAnswerError`` where that is not known of any, and ``UsageError`` where nothing at all can be sent.
        """


def check_fields(
    wanted: Sequence[Wanted], known: Mapping[str, KnownField], place: str, how_to_create: str
) -> None:
    """Raises ``UsageError`` for fields that the CRM does not have, or that hold something else."""
    missing = [each for each in wanted if each.name not in known]
    if missing:
        lines = [f"{each.name} ({_described(each)})" for each in missing]
        raise UsageError(
            f"{place} has no field for what is sent: {', '.join(each.name for each in missing)}",
            value=missing[0].name,
            known=known,
            why="nothing was sent: scores would be lost silently",
            fix="\n    ".join(
                [f"{how_to_create}, or name others under crm.fields (null leaves one out):", *lines]
            ),
        )
    for each in wanted:
        found = known[each.name]
        if each.kind not in found.kinds:
            holds = "cannot be written" if not found.kinds else f"holds no {each.kind}"
            raise UsageError(
                f"the field {each.name} of {place} {holds}",
                why=f"crm.fields sends {each.field} there, which is {_described(each)}",
                fix="name another field, or null to leave it out",
                where=f"crm.fields.{each.field}",
            )


def _described(wanted: Wanted) -> str:
    if wanted.kind != "text":
        return f"a {wanted.kind}"
    return "a long text" if wanted.is_long else f"a text of up to {_PLAIN_TEXT} characters"

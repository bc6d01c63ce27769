"""One pass of a sheet over a spine, and the numbers of its rules and conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from leadlens.features.conditions.condition import Condition
from leadlens.features.engines.dialect import Dialect
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.parsing import Parsed
from leadlens.models.scorecard.language.rules import ActionRule
from leadlens.models.scorecard.language.sheet import Sheet


class Numbers:
    """The numbers of rules and conditions in the steps.

    Starting points are numbered by dimension, then come attributes and actions in the order of the sheet. ``after``
    conditions and disqualifiers are marked by numbers beyond them.
    """

    def __init__(self, sheet: Sheet) -> None:
        first = len(sheet.all_dimensions)
        self.attributes = dict(enumerate(sheet.attributes, first))
        self.first_action = first + len(sheet.attributes)
        self.actions = dict(enumerate(sheet.actions, self.first_action))
        self.rules = {**self.attributes, **self.actions}
        self.size = self.first_action + len(sheet.actions)
        self.disqualifiers = dict(enumerate(sheet.disqualify, 2 * self.size))

    def after(self, number: int) -> int:
        """The marker of the ``after`` condition of an action."""
        return self.size + number

    def disqualifier(self, marker: int) -> int:
        """The place of a disqualifier in the sheet."""
        return marker - 2 * self.size


@dataclass(frozen=True, kw_only=True)
class SheetPass:
    """One pass of a sheet over a spine; its tables are named ``prefix_…``.

    Attributes
    ----------
    first : it makes the tables that all passes share.
    alone : there is no other pass: matching events are read where they are found, and not kept.
    plain : for a query that people read: an event is repeated for each of its markers, without classes.
    """

    sheet: Sheet
    parsed: Parsed
    history: History
    spine: Spine
    prefix: str
    first: bool = False
    alone: bool = False
    plain: bool = False

    @cached_property
    def dialect(self) -> Dialect:
        return self.history.engine.dialect

    @cached_property
    def numbers(self) -> Numbers:
        return Numbers(self.sheet)

    @cached_property
    def attribute_conditions(self) -> dict[int, Condition]:
        """By marker, what is asked of the lead and its account."""
        return {
            **dict(zip(self.numbers.attributes, self.parsed.attributes, strict=True)),
            **self._disqualifying("attribute"),
        }

    @cached_property
    def event_conditions(self) -> dict[int, Condition]:
        """By marker, what is asked of events."""
        first = self.numbers.first_action
        return {
            **dict(zip(self.numbers.actions, self.parsed.actions, strict=True)),
            **{
                self.numbers.after(first + index): condition for index, condition in self.parsed.after.items()
            },
            **self._disqualifying("action"),
        }

    def _disqualifying(self, on: str) -> dict[int, Condition]:
        pairs = zip(self.numbers.disqualifiers.items(), self.parsed.disqualifiers, strict=True)
        return {marker: condition for (marker, rule), condition in pairs if rule.on == on}

    @cached_property
    def following(self) -> list[int]:
        """Actions that count only after another event."""
        return [n for n, rule in self.numbers.actions.items() if rule.after is not None]

    @cached_property
    def one_by_one(self) -> list[int]:
        """Actions that need their events one by one, not only the first and the latest."""
        return [n for n, rule in self.numbers.actions.items() if _needs_each(rule)]

    @cached_property
    def grouped_rules(self) -> list[int]:
        """Rules that share the cap of a group."""
        return [n for n, rule in self.numbers.rules.items() if rule.group]

    @cached_property
    def capped_rules(self) -> list[int]:
        return [n for n, rule in self.numbers.actions.items() if rule.cap is not None]

    @property
    def no_text(self) -> str:
        return f"CAST(NULL AS {self.dialect.text_type})"

    def name(self, table: str) -> str:
        """A table of this pass."""
        return f"{self.prefix}_{table}"


def _needs_each(rule: ActionRule) -> bool:
    return bool(rule.after or rule.at_least or rule.per != "once")


def listed(numbers: Iterable[int]) -> str:
    """Numbers for an IN list."""
    return ", ".join(map(str, numbers))

"""One small number per event for the behaviours it belongs to, so that text is read only once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa

from leadlens.features.behaviour.aggregates import key_condition
from leadlens.features.compiled.shape import Array, EventKinds
from leadlens.features.engines import DuckDBEngine
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan

# Beyond so many kinds of event the tables of kinds would outgrow what they save.
_MOST_KINDS = 1 << 20


@dataclass(frozen=True)
class EventCoding:
    """Kinds of events: every planned value of every column that a plan reads, and every condition, as digits.

    The digit of a column is 0 for NULL, 1 for values that the plan does not name, and from 2 on in the plan's
    order; the digit of a condition is 0 or 1.
    """

    plan: FeaturePlan
    columns: dict[str, tuple[str, ...]]
    conditions: tuple[int, ...]

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, plan: FeaturePlan) -> EventCoding | None:
        """The coding of a plan; ``None`` for one with too many kinds of events."""
        values: dict[str, dict[str, None]] = {}
        for key in plan.keys:
            if key.when is None:
                if key.event_type is not None:
                    values.setdefault("event_type", {})[key.event_type] = None
                if key.prop is not None:
                    values.setdefault(key.prop, {})[str(key.value)] = None
        for touch in plan.touches:
            values.setdefault(touch.column, {}).update(dict.fromkeys(touch.categories))
        conditions = tuple(number for number, key in enumerate(plan.keys) if key.when is not None)
        coding = cls(plan, {name: tuple(known) for name, known in values.items()}, conditions)
        return coding if coding.kinds <= _MOST_KINDS else None

    @property
    def amounts(self) -> tuple[str, ...]:
        """Number properties that any behaviour adds up, in order."""
        return tuple(dict.fromkeys(name for key in self.plan.keys for name in key.amounts))

    @property
    def conditions_text(self) -> list[str]:
        """The conditions as the plan's author wrote them."""
        return [str(self.plan.keys[number].when) for number in self.conditions]

    @property
    def reads(self) -> list[str]:
        """Columns of ``events`` that a digit or an amount depends on."""
        return [*self.columns, *self.amounts]

    @property
    def radixes(self) -> list[int]:
        """How many digits each place has."""
        return [*(len(values) + 2 for values in self.columns.values()), *(2 for _ in self.conditions)]

    @property
    def kinds(self) -> int:
        """How many numbers there may be."""
        return int(np.prod([float(radix) for radix in self.radixes], dtype=float))

    def sql(self, history: History) -> tuple[str, str]:
        """(expression, joins) over ``events AS e``; makes the tables of values that it joins."""
        engine = history.engine
        assert isinstance(engine, DuckDBEngine)
        dialect, terms, joins, scale = engine.dialect, ["0"], "", 1
        for number, (column, values) in enumerate(self.columns.items()):
            table, quoted = f"kind_{number}", f"e.{dialect.quote(column)}"
            codes = pa.table({"value": pa.array(values, pa.string()), "digit": range(2, len(values) + 2)})
            engine.register(table, codes)
            joins += f"\nLEFT JOIN {table} ON {table}.value = {dialect.text(quoted)}"
            terms.append(f"{scale} * coalesce({table}.digit, CASE WHEN {quoted} IS NULL THEN 0 ELSE 1 END)")
            scale *= len(values) + 2
        width = "USMALLINT" if self.kinds < 1 << 16 else "INTEGER"
        for number in self.conditions:
            condition = key_condition(history, self.plan.keys[number], "e")
            terms.append(f"{scale} * CASE WHEN {condition} THEN 1 ELSE 0 END")
            scale *= 2
        return f"CAST({' + '.join(terms)} AS {width})", joins

    def drop(self, history: History) -> None:
        """Forget the tables that ``sql`` made."""
        history.engine.drop(*(f"kind_{number}" for number in range(len(self.columns))))

    @cached_property
    def _digits(self) -> list[Array]:
        rest, digits = np.arange(self.kinds), []
        for radix in self.radixes:
            digits.append(rest % radix)
            rest = rest // radix
        return digits

    def _digit(self, column: str) -> Array:
        return self._digits[list(self.columns).index(column)]

    @cached_property
    def event_kinds(self) -> EventKinds:
        """What an event of each kind counts for, as the compiled loops take it."""
        keys, amounts = self.plan.keys, self.amounts
        starts, members = self._keys_of_kinds()
        pair_starts = np.concatenate([[0], np.cumsum([len(key.amounts) for key in keys])])
        return EventKinds(
            key_starts=starts,
            keys=members,
            pair_starts=pair_starts.astype(np.int64),
            pair_amounts=np.array([amounts.index(name) for key in keys for name in key.amounts], np.int64),
            touch_ranks=self._touch_ranks(),
            touch_last=np.array([touch.which == "last" for touch in self.plan.touches], bool),
        )

    def _keys_of_kinds(self) -> tuple[Array, Array]:
        """(starts, keys): the behaviours of kind ``i`` are ``keys[starts[i]:starts[i + 1]]``."""
        member = np.ones((self.kinds, len(self.plan.keys)), dtype=bool)
        for number, key in enumerate(self.plan.keys):
            if key.when is not None:
                place = len(self.columns) + self.conditions.index(number)
                member[:, number] = self._digits[place] == 1
                continue
            for column, value in (("event_type", key.event_type), (key.prop, key.value)):
                if column is not None and value is not None:
                    member[:, number] &= self._digit(column) == self.columns[column].index(value) + 2
        kinds, keys = np.nonzero(member)
        starts = np.concatenate([[0], np.cumsum(np.bincount(kinds, minlength=self.kinds))])
        return starts.astype(np.int64), keys.astype(np.int64)

    def _touch_ranks(self) -> Array:
        """(touches, kinds): rank of the value, 0 for others, -1 where there is none."""
        ranks = np.empty((len(self.plan.touches), self.kinds), np.int64)
        for number, touch in enumerate(self.plan.touches):
            by_digit = np.zeros(len(self.columns[touch.column]) + 2, np.int64)
            by_digit[0] = -1
            for place, value in enumerate(touch.categories):
                by_digit[self.columns[touch.column].index(value) + 2] = len(touch.categories) - place
            ranks[number] = by_digit[self._digit(touch.column)]
        return ranks

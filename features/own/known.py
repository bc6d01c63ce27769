"""What was known of some rows: the history cut as of each of them, so that a function cannot see what came later."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import pandas as pd

from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.features.visibility import visible

_AFTERWARDS = ("retracted_at",)  # says that an event will be taken back


class Known:
    """What could be seen strictly before the as-of time of each row. Every table is read when it is first asked for.

    An event that two rows of a lead can see is there twice, once under each ``row_id``. Text is text, times are UTC without a
    zone. Tables are given as copies: what a function does to one, no other sees.
    """

    def __init__(self, history: History, spine: Spine, hidden: Collection[str] = ()) -> None:
        """``hidden`` are columns of leads and accounts that are not shown."""
        self._history, self._spine, self._hidden = history, spine, hidden

    @property
    def events(self) -> pd.DataFrame:
        """``row_id``, then the columns of events, by row and time: what had occurred, was known and not taken back."""
        return self._events.copy()

    @property
    def leads(self) -> pd.DataFrame:
        """The lead's own columns by row_id, each with its value as of then."""
        return self._attributes[0].copy()

    @property
    def accounts(self) -> pd.DataFrame:
        """The columns of the lead's account by row_id, each with its value as of then."""
        return self._attributes[1].copy()

    @property
    def conversions(self) -> pd.DataFrame:
        """``row_id``, then the columns of conversions: those of the lead before the row, by row and time."""
        return self._conversions.copy()

    @cached_property
    def _events(self) -> pd.DataFrame:
        return self._seen("events", "occurred_at", visible("t", "s"))

    @cached_property
    def _conversions(self) -> pd.DataFrame:
        return self._seen("conversions", "converted_at", "t.lead_id = s.lead_id AND t.converted_at < s.as_of")

    def _seen(self, table: str, time: str, condition: str) -> pd.DataFrame:
        engine = self._history.engine
        quote = engine.dialect.quote
        names = [quote(name) for name in engine.columns(table) if name not in _AFTERWARDS]
        # By all columns, so that "the last event" is the same one whatever else is asked for.
        order = ", ".join(f"t.{name} NULLS LAST" for name in [quote(time), *names])
        return engine.frame(
            f"""
            SELECT s.row_id, {", ".join(f"t.{name}" for name in names)}
            FROM {self._spine} AS s
            JOIN {table} AS t ON {condition}
            ORDER BY s.row_id, {order}
            """
        )

    @cached_property
    def _attributes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        engine, steps = self._history.engine, attribute_steps(self._history, self._spine)
        try:
            engine.run(steps)
            leads, accounts = (
                engine.frame(f"SELECT * FROM {entity}_as_of ORDER BY row_id")
                .set_index("row_id")
                .drop(columns=[*self._hidden], errors="ignore")
                for entity in ("lead", "account")
            )
            return leads, accounts
        finally:
            engine.drop(*(step.name for step in steps))

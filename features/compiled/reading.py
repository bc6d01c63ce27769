"""Events out of the engine as arrays: lead number, timestamps in microseconds, kind and amounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from leadlens.features.compiled.coding import EventCoding
from leadlens.features.compiled.lead_events import ALWAYS, LeadEvents
from leadlens.features.compiled.shape import Array
from leadlens.features.compiled.spool import Spool
from leadlens.features.engines import DuckDBEngine
from leadlens.features.history import History

_BATCH = 1 << 20
_ODD = "(e.known_at > e.occurred_at OR e.retracted_at IS NOT NULL)"


class EventReader:
    """Reads the events of the leads in the table ``leads`` (lead_id, lead_no), those where ``where`` holds.

    ``where`` is over ``e`` (events) and ``l`` (leads). Nearly all events are known as they occur and never
    retracted: ``prompt`` gives them without their other timestamps, ``odd`` the few others.
    """

    def __init__(self, history: History, coding: EventCoding, leads: str, where: str = "TRUE") -> None:
        assert isinstance(history.engine, DuckDBEngine)
        self.engine, dialect = history.engine, history.engine.dialect
        self.coding, self.history = coding, history
        code, joins = coding.sql(history)
        amounts = "".join(
            f", coalesce(CAST(e.{dialect.quote(name)} AS DOUBLE), 'NaN'::DOUBLE) AS amount_{place}"
            for place, name in enumerate(coding.amounts)
        )
        self._columns = f"l.lead_no AS lead, epoch_us(e.occurred_at) AS occurred, {code} AS code{amounts}"
        self._source = f"""
            FROM events AS e
            JOIN {leads} AS l ON l.lead_id = e.lead_id
            {joins}
            WHERE {where}
        """

    def prompt(self) -> Iterator[dict[str, Array]]:
        """Batches of ``lead, occurred, code, amount_0 …``; at least one, perhaps empty."""
        return self._batches(f"SELECT {self._columns} {self._source} AND NOT {_ODD}")

    def odd(self) -> Iterator[dict[str, Array]]:
        """The same with ``visible_from, visible_to``, in microseconds."""
        return self._batches(
            f"""
            SELECT
              {self._columns},
              greatest(epoch_us(e.occurred_at), epoch_us(e.known_at)) AS visible_from,
              coalesce(epoch_us(e.retracted_at), {ALWAYS}) AS visible_to
            {self._source} AND {_ODD}
            """
        )

    def close(self) -> None:
        """Forget the tables that reading needed."""
        self.coding.drop(self.history)

    def _batches(self, sql: str) -> Iterator[dict[str, Array]]:
        stream = self.engine.connection.sql(sql).to_arrow_reader(_BATCH)
        # The empty batch has the columns' types where there is no event at all.
        for batch in chain([pa.RecordBatch.from_pylist([], schema=stream.schema)], stream):
            yield {name: batch[name].to_numpy(zero_copy_only=True) for name in batch.schema.names}


def read_parts(
    reader: EventReader, size: int, sizes: Sequence[int], memory: int, folder: Path | None = None
) -> Iterator[tuple[int, LeadEvents]]:
    """All events by part: the leads of part ``i`` are numbered from ``i * size`` on, ``sizes[i]`` many."""
    with Spool(size, len(sizes), memory, folder) as prompt, Spool(size, len(sizes), memory, folder) as odd:
        for spool, batches in ((prompt, reader.prompt()), (odd, reader.odd())):
            for batch in batches:
                spool.add(batch)
        reader.close()
        for number, leads in enumerate(sizes):
            if leads:
                columns = prompt.take(number), odd.take(number)
                for spooled in columns:
                    spooled["lead"] -= np.int32(number * size)
                yield number, LeadEvents.sort(*columns, leads)

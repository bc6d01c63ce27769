"""Events from numbers to Arrow: what is sorted as numbers is written as text, times and dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leadlens.pipeline.prepared.event_layout import NULL_TIME, Array, Layout
from leadlens.pipeline.prepared.folder import ROW_GROUP
from leadlens.pipeline.prepared.numbering import STRANGER, STRIDE

_LARGE_DICTIONARY = 4096


class EventArrays:
    """Makes record batches of ``Layout.numbers``.

    ``dictionaries`` hold the texts that the codes of each column stand for (``EventCodes``).
    """

    def __init__(self, layout: Layout, dictionaries: Mapping[str, pa.Array]) -> None:
        self.layout, self.dictionaries = layout, dictionaries

    def batches(self, columns: Mapping[str, Array], part: int, ids: pa.Array) -> Iterator[pa.RecordBatch]:
        """Sorted rows of a part, a batch for each row group; ``ids`` are those of the part's leads."""
        rows = len(columns["lead"])
        dictionaries, codes = self._compact(columns)
        for start in range(0, rows, ROW_GROUP):
            piece = slice(start, min(rows, start + ROW_GROUP))
            lead = columns["lead"][piece]
            low = int(lead[0])
            near = ids.slice(low, int(lead[-1]) - low + 1)
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array(lead + np.int32(part * STRIDE)),
                    pa.DictionaryArray.from_arrays(pa.array(lead - np.int32(low)), near),
                    *self._values(columns, codes, dictionaries, piece),
                ],
                schema=self.layout.schema,
            )

    def strangers(self, columns: Mapping[str, Array], ids: pa.Array, rows: Array) -> pa.RecordBatch:
        """Some rows of leads that are in no table, whose ``ids`` are given, and whether they were known early."""
        chosen = {name: array[rows] for name, array in columns.items()}
        codes = {name: chosen[self.layout.own(name)] for name in self.layout.texts}
        arrays = self._values(chosen, codes, self.dictionaries, slice(0, len(rows)))
        values = [
            array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array for array in arrays
        ]
        return pa.RecordBatch.from_arrays(
            [
                pa.array(np.full(len(rows), STRANGER, np.int32)),
                pc.cast(ids, pa.string()),
                *values,
                pa.array(chosen.get("early", np.zeros(len(rows), bool))),
            ],
            names=[*self.layout.columns, "_early"],
        )

    def _compact(self, columns: Mapping[str, Array]) -> tuple[dict[str, pa.Array], dict[str, Array]]:
        """Dictionaries of the texts that occur, and codes from 1 on into them; 0 is NULL."""
        dictionaries, codes = {}, {}
        for name in self.layout.texts:
            own, dictionary = columns[self.layout.own(name)], self.dictionaries[name]
            if len(dictionary) > _LARGE_DICTIONARY:
                present, inverse = np.unique(own, return_inverse=True)
                offset = 0 if len(present) and present[0] == 0 else 1
                dictionary = dictionary.take(pa.array(present[present > 0] - 1))
                own = (inverse + offset).astype(np.int32)
            dictionaries[name], codes[name] = dictionary, own
        return dictionaries, codes

    def _values(
        self,
        columns: Mapping[str, Array],
        codes: Mapping[str, Array],
        dictionaries: Mapping[str, pa.Array],
        piece: slice,
    ) -> list[pa.Array]:
        """The columns from ``occurred_at`` on."""

        def text(name: str) -> pa.Array:
            own = codes[name][piece]
            return pa.DictionaryArray.from_arrays(pa.array(own - 1, mask=own == 0), dictionaries[name])

        def time(array: Array) -> pa.Array:
            own = array[piece]
            return pa.array(own, mask=own == NULL_TIME).cast(pa.timestamp("us"))

        def optional(name: str) -> pa.Array:
            count = piece.stop - piece.start
            return time(columns[name]) if name in columns else pa.nulls(count, pa.timestamp("us"))

        arrays = [
            time(columns["occurred"]),
            optional("known_at"),
            text("event_type"),
            optional("retracted_at"),
        ]
        for name, kind in self.layout.properties.items():
            own = columns[self.layout.own(name)]
            if kind == "VARCHAR":
                arrays.append(text(name))
            elif kind == "TIMESTAMP":
                arrays.append(time(own))
            elif kind == "DOUBLE":
                arrays.append(pa.array(own[piece], mask=np.isnan(own[piece])))
            else:
                arrays.append(pa.array(own[piece] == 1, mask=own[piece] < 0))
        return [
            *arrays,
            pa.array(columns["key"][piece]),
            pa.array(columns["with_id"][piece]),
            pa.array(columns["source"][piece]),
        ]

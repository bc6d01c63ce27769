"""The reasons of many rows as two columns of text: those of ``leadlens.models.reasons``, without an object per reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from leadlens.features.bulk_wording import word_values
from leadlens.features.columns import FeatureColumn
from leadlens.models.reasons import (
    LEAST_SHOWN,
    START,
    column_groups,
    smaller_reasons,
    stored_points,
    worded_as,
)
from leadlens.models.text_pieces import Pieces, json_numbers, json_texts, writable

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
_IN_TEXT = 3


def reason_columns(
    contributions: pd.DataFrame,
    values: Mapping[str, pd.Series],
    columns: Mapping[str, FeatureColumn],
    *,
    base_value: float,
    most: int,
    as_of: NDArray[np.datetime64] | None = None,
) -> pa.Table:
    """``reasons``, a JSON list of base value and reasons, and ``reasons_text``, the strongest three; a row per row.

    The parameters are those of ``leadlens.models.reasons.reasons_of``, and so are texts, points and order; ``base_value`` is
    where every row starts.
    """
    names = [str(name) for name in contributions.columns]
    groups = list(column_groups(names, columns).values())
    chosen = _Chosen.of(contributions.to_numpy(dtype=np.float64), groups, most)
    words = _Words.of(chosen.leading, [worded_as(columns[name], columns) for name in names], values, as_of)
    families = [columns[name].family for name in names]
    return pa.table(
        {
            "reasons": _json(chosen, words, families, base_value),
            "reasons_text": _text(chosen.points[:, :_IN_TEXT], words),
        }
    )


class _Chosen(NamedTuple):
    """The strongest groups of every row, (rows, places): their strongest column and their points.

    ``others`` groups found no place; ``rest`` is the sum of their points, (rows, 1), or nothing, (rows, 0).
    """

    leading: NDArray[np.int32]
    points: Floats
    others: int
    rest: Floats

    @classmethod
    def of(cls, contributions: Floats, groups: Sequence[Sequence[int]], most: int) -> Self:
        from leadlens.models.reason_choice import choose  # numba takes a while to import

        places = (len(contributions), min(most, len(groups)))
        group, leading = np.empty(places, np.int32), np.empty(places, np.int32)
        points, rest = np.empty(places), np.zeros(len(contributions))
        starts = np.cumsum([0, *map(len, groups)])
        members = np.array([column for group in groups for column in group], np.int64)
        choose(np.ascontiguousarray(contributions.T), starts, members, group, leading, points, rest)
        others = len(groups) - places[1]
        return cls(leading, points, others, rest[:, None] if others else rest[:, None][:, :0])


class _Words(NamedTuple):
    """The distinct texts, and which of them words each reason, (rows, places)."""

    texts: list[str]
    codes: Codes

    @classmethod
    def of(
        cls,
        leading: NDArray[np.int32],
        wording: Sequence[FeatureColumn],
        values: Mapping[str, pd.Series],
        as_of: NDArray[np.datetime64] | None,
    ) -> Self:
        texts, codes, columns = list[str](), np.empty(leading.size, np.int64), leading.ravel()
        # Numbers of sixteen bits are sorted by counting.
        by_column = np.argsort(columns.astype(np.int16 if len(wording) < 2**15 else np.int32), kind="stable")
        counts = np.bincount(columns, minlength=len(wording))
        for at in np.flatnonzero(counts).tolist():
            places, by_column = by_column[: counts[at]], by_column[counts[at] :]
            rows = places // leading.shape[1]
            own = values[wording[at].name].iloc[rows]
            said, more = word_values(wording[at], own, None if as_of is None else as_of[rows])
            codes[places] = len(texts) + said
            texts += more
        return cls(texts, codes.reshape(leading.shape))


def _json(
    chosen: _Chosen, words: _Words, families: Sequence[str | None], base_value: float
) -> pa.ChunkedArray:
    """``[{"text": …, "points": …, "family": …}, …]`` per row."""
    (rows, places), more = chosen.points.shape, chosen.rest.shape[1]
    kinds = list(dict.fromkeys([*families, None]))
    ends = [f',"family":{family}}}' for family in json_texts(kinds)]
    base = f'{{"text":{json_texts([START])[0]},"points":{json_numbers(stored_points([base_value]))[0]}'
    texts = json_texts([*words.texts, smaller_reasons(chosen.others)])
    codes, points = pd.factorize(stored_points(np.hstack([chosen.points, chosen.rest])).ravel())
    pieces = Pieces()
    first, last = pieces.add([f"[{base}{ends[-1]}"]), pieces.add(["]"])
    text = pieces.add(f',{{"text":{text},"points":' for text in texts)
    point = pieces.add(json_numbers(points))
    end = pieces.add(ends)
    lines = np.empty((rows, places + more, 3), np.int32)
    lines[:, :places, 0], lines[:, places:, 0] = text + words.codes, text + len(words.texts)
    lines[:, :, 1] = point + codes.reshape(rows, places + more)
    family = np.array([kinds.index(family) for family in families], np.int32)
    lines[:, :places, 2], lines[:, places:, 2] = end + family[chosen.leading], end + kinds.index(None)
    edge = np.ones((rows, 1), np.int32)
    return _joined(pieces, np.hstack([first * edge, lines.reshape(rows, 3 * (places + more)), last * edge]))


def _text(points: Floats, words: _Words) -> pa.ChunkedArray:
    """``Viewed Pricing 3 times: +14; …`` per row."""
    which, rounded = pd.factorize(np.rint(points).ravel())
    pieces = Pieces()
    empty, between = pieces.add([""]), pieces.add(["; "])
    text, point = pieces.add(map(writable, words.texts)), pieces.add(f": {whole:+.0f}" for whole in rounded)
    lines = np.empty((*points.shape, 3), np.int32)
    lines[:, :1, 0], lines[:, 1:, 0] = empty, between
    lines[:, :, 1] = text + words.codes[:, : points.shape[1]]
    lines[:, :, 2] = point + which.reshape(points.shape)
    lines[np.abs(points) <= LEAST_SHOWN] = empty
    return _joined(pieces, lines.reshape(len(points), 3 * points.shape[1]))


def _joined(pieces: Pieces, numbers: NDArray[np.int32]) -> pa.ChunkedArray:
    rows, size = numbers.shape
    return pieces.join(numbers.ravel(), np.arange(rows + 1) * size)

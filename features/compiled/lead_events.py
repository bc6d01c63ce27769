"""The events of some leads as the loops take them: sorted by lead and time, one array per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from features.compiled.kernel import group_by, merge_by_time, sort_by_time
from features.compiled.shape import Array, SortedEvents

ALWAYS = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True)
class LeadEvents:
    """Events ``offsets[i]:offsets[i + 1]`` are those of lead ``i``, in order of time.

    ``occurred`` is in microseconds, ``code`` the kind of event, ``amounts`` (events, amounts) with NaN for none.
    Nearly all events are known as they occur and never retracted; ``odd`` are the places of the others, with
    ``odd_from`` and ``odd_to``: an event is visible as of ``(from, to]``.
    """

    offsets: Array
    occurred: Array
    code: Array
    amounts: Array
    odd: Array
    odd_from: Array
    odd_to: Array

    def __len__(self) -> int:
        return len(self.occurred)

    @classmethod
    def sort(cls, prompt: Mapping[str, Array], odd: Mapping[str, Array], leads: int) -> LeadEvents:
        """Of events in any order, as ``features.compiled.reading`` gives them; leads are numbered from 0."""
        columns = {
            name: np.concatenate([prompt[name], odd[name]]) if len(odd["lead"]) else prompt[name]
            for name in prompt
        }
        order, offsets = group_by(columns["lead"], 1, leads)
        sort_by_time(order, offsets, columns["occurred"])
        places = np.flatnonzero(order >= len(prompt["lead"])) if len(odd["lead"]) else np.empty(0, np.int64)
        which = order[places] - len(prompt["lead"])
        names = sorted(name for name in prompt if name.startswith("amount_"))
        amounts = [np.take(columns[name], order) for name in names]
        return cls(
            offsets=offsets,
            occurred=np.take(columns["occurred"], order),
            code=np.take(columns["code"], order),
            amounts=np.stack(amounts, axis=1) if names else np.empty((len(order), 0)),
            odd=places,
            odd_from=odd["visible_from"][which],
            odd_to=odd["visible_to"][which],
        )

    def visibility(self) -> tuple[Array, Array]:
        """(from, to) of every event."""
        seen_from, seen_to = self.occurred.copy(), np.full(len(self), ALWAYS)
        seen_from[self.odd], seen_to[self.odd] = self.odd_from, self.odd_to
        return seen_from, seen_to

    def merge(self, more: LeadEvents) -> LeadEvents:
        """Both together; ``more`` has at least as many leads."""
        occurred, code, places, more_places = merge_by_time(
            SortedEvents(self.offsets, self.occurred, self.code),
            SortedEvents(more.offsets, more.occurred, more.code),
        )
        amounts = np.empty((len(occurred), self.amounts.shape[1]))
        amounts[places], amounts[more_places] = self.amounts, more.amounts
        odd = np.concatenate([places[self.odd], more_places[more.odd]])
        rising = np.argsort(odd)
        offsets = more.offsets.copy()
        offsets[: len(self.offsets)] += self.offsets
        offsets[len(self.offsets) :] += self.offsets[-1]
        return LeadEvents(
            offsets=offsets,
            occurred=occurred,
            code=code,
            amounts=amounts,
            odd=odd[rising],
            odd_from=np.concatenate([self.odd_from, more.odd_from])[rising],
            odd_to=np.concatenate([self.odd_to, more.odd_to])[rising],
        )

    def with_leads(self, leads: int) -> LeadEvents:
        """The same with so many leads; those that are added have no events."""
        more = leads + 1 - len(self.offsets)
        if not more:
            return self
        return replace(self, offsets=np.concatenate([self.offsets, np.full(more, self.offsets[-1])]))

    def save(self, folder: Path) -> None:
        """One file per array."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> LeadEvents:
        """What ``save`` wrote. Raises ``ValueError`` or ``OSError`` for files that are not whole."""
        events = cls(**{field.name: _open(folder / f"{field.name}.npy") for field in fields(cls)})
        if not events._fits():
            raise ValueError(f"{folder}: arrays that do not belong together")
        return events

    def _fits(self) -> bool:
        """Whether the arrays have the types and lengths of one table: the loops do not check bounds."""
        offsets, events = self.offsets, len(self.occurred)
        shapes = [
            (self.occurred, (events,)),
            (self.code, (events,)),
            (self.amounts, (events, *self.amounts.shape[1:])),
        ]
        shapes += [(limits, self.odd.shape) for limits in (self.odd_from, self.odd_to)]
        times = (offsets, self.occurred, self.odd, self.odd_from, self.odd_to)
        return (
            offsets.ndim == self.occurred.ndim == self.odd.ndim == 1
            and self.amounts.ndim == 2
            and all(array.shape == shape for array, shape in shapes)
            and all(array.dtype == np.int64 for array in times)
            and self.code.dtype.kind in "iu"
            and self.amounts.dtype == np.float64
            and len(offsets) > 0
            and int(offsets[0]) == 0
            and int(offsets[-1]) == events
            and bool(np.all(offsets[1:] >= offsets[:-1]))
            and (len(self.odd) == 0 or (int(self.odd.min()) >= 0 and int(self.odd.max()) < events))
        )


def _open(path: Path) -> Array:
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (EOFError, SyntaxError, TypeError) as error:  # a header that is none
        raise ValueError(f"{path}: {error}") from error

"""The events of some leads as the loops take them: sorted by lead and time, one array per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from leadlens.features.compiled.kernel import group_by, settle_ties, sort_by_time
from leadlens.features.compiled.shape import Array

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
        """Of events in any order, as ``leadlens.features.compiled.reading`` gives them; leads are numbered from 0."""
        columns = {
            name: np.concatenate([prompt[name], odd[name]]) if len(odd["lead"]) else prompt[name]
            for name in prompt
        }
        names = [name for name in prompt if name.startswith("amount_")]
        amounts = np.empty((len(columns["lead"]), 0))
        if names:
            amounts = np.stack([columns[name] for name in names], axis=1)
        order, offsets = group_by(columns["lead"], 1, leads)
        sort_by_time(order, offsets, columns["occurred"])
        if names:
            settle_ties(order, offsets, columns["occurred"], amounts)
        places = np.flatnonzero(order >= len(prompt["lead"])) if len(odd["lead"]) else np.empty(0, np.int64)
        which = order[places] - len(prompt["lead"])
        return cls(
            offsets=offsets,
            occurred=np.take(columns["occurred"], order),
            code=np.take(columns["code"], order),
            amounts=np.take(amounts, order, axis=0),
            odd=places,
            odd_from=odd["visible_from"][which],
            odd_to=odd["visible_to"][which],
        )

    def visibility(self) -> tuple[Array, Array]:
        """(from, to) of every event."""
        seen_from, seen_to = self.occurred.copy(), np.full(len(self), ALWAYS)
        seen_from[self.odd], seen_to[self.odd] = self.odd_from, self.odd_to
        return seen_from, seen_to

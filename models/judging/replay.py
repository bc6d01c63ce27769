"""What a lens would have brought: sales' weeks replayed, with so many calls a week, best lead first, each lead once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leadlens.models.judging.lenses import Floats, JudgedRows

Rows = NDArray[np.intp]
_WEEK = 7 * 86_400 * 1_000_000  # microseconds


class Replay:
    """The weekly lists that sales could have worked through.

    **When.** Lists are made as of the first snapshot and every seven days after it, until one has seen the last snapshot.

    **Who is on a list.** Every lead that is open, once, by its latest snapshot as of then. A snapshot stands until the lead's
    next one. Out-of-time rows are snapshots, and a lead that converted or closed has no more of them: its last one would go on
    standing for a lead that is gone. So a snapshot stands until ``left_at`` at the longest, the time of the first conversion or
    close after it. A lead that left before the first list after its snapshot is on none, whatever a lens says of it.

    **How many.** Capacity times the leads that are new, which are those with their first snapshot since the list before, rounded
    so that calls sum to capacity times the leads. Calls that a list is too short for are not made up for later. Leads that were
    open already when the snapshots begin are new on the first list.

    **Whom.** The best by rank who were not called before. Where ranks are equal a fixed shuffle decides, so that calls are whole
    leads which can be listed. Nobody is called twice, however often the snapshots change.

    **Reached** is a lead that is open when it is called and converts within the horizon of the snapshot by which it is called: its
    label is 1, and ``left_at`` is not before the call. It says nothing about whether the call was the cause.

    Where times or ``left_at`` are not known nothing can be replayed. Then there is one list of all leads, each by its last row.

    Attributes
    ----------
    weekly : whether there are weeks, or one list.
    weeks : how many lists.
    """

    def __init__(self, judged: JudgedRows) -> None:
        self.judged, self.weekly = judged, judged.left_at is not None
        order = judged.in_time
        lead = judged.lead[order]
        last = np.r_[lead[1:] != lead[:-1], True]  # the lead's last row
        begins, until = np.zeros(len(order), np.int64), last.astype(np.int64)
        if judged.left_at is not None:
            as_of = judged.as_of[order]
            start, left = as_of.min(), judged.left_at[order]
            begins = -((start - as_of) // _WEEK)  # the first list that has seen it
            beyond = int(begins.max()) + 1
            until = np.where(last, beyond, np.r_[begins[1:], 0])
            gone = (left.view(np.int64) - start) // _WEEK + 1  # the first list after it left
            until = np.minimum(until, np.where(np.isnat(left), beyond, gone))
        self.weeks = int(begins.max()) + 1
        self._begins, self._until = np.empty_like(begins), np.empty_like(until)
        self._begins[order], self._until[order] = begins, until
        self._came = np.empty(judged.leads, np.int64)
        self._came[lead[::-1]] = begins[::-1]  # the first of each lead stays

    @cached_property
    def reachable(self) -> int:
        """Leads that a list could have reached: those with a conversion in time after a list that they were on."""
        listed = (self._until > self._begins) & (self.judged.label == 1)
        return len(np.unique(self.judged.lead[listed]))

    def room(self, capacity: float, weight: Floats | None = None) -> Floats:
        """Calls of each week for a share of the leads, at least one in all; ``weight`` is how often each lead was drawn."""
        came = np.cumsum(np.bincount(self._came, weight, self.weeks))
        until = np.floor(capacity * came + 0.5 + 1e-9)
        if capacity > 0:
            until[-1] = max(until[-1], 1.0)
        return np.diff(until, prepend=0.0)

    def queue(self, rank: Floats, among: NDArray[np.bool_] | None = None) -> Queue:
        """The leads of each list, the highest rank first; only rows ``among`` these where they are given."""
        order = np.lexsort((self.judged.tie_break, -rank))
        if among is not None:
            order = order[among[order]]
        begins, until = self._begins[order], self._until[order]
        lists = [order[(begins <= week) & (week < until)].astype(np.int32) for week in range(self.weeks)]
        starts = np.cumsum([0, *map(len, lists)])
        return Queue(self, np.ascontiguousarray(rank, np.float64), np.concatenate(lists), starts)

    @cached_property
    def lists(self) -> Queue:
        """Who is on each list, in no order."""
        return self.queue(np.zeros(len(self.judged.label)))

    def at_random(self, room: Floats) -> float:
        """Leads that as many calls reach on average, if each week's go to anybody on the list."""
        lists, waiting, reached = self.lists, np.ones(self.judged.leads), 0.0
        for week, free in enumerate(room):
            rows = lists.rows[lists.starts[week] : lists.starts[week + 1]]
            who = self.judged.lead[rows]
            on_list = waiting[who].sum()
            share = min(1.0, free / on_list) if on_list > 0 else 0.0
            reached += share * float((waiting[who] * self.judged.label[rows]).sum())
            waiting[who] *= 1 - share
        return float(reached)


@dataclass(frozen=True)
class Worked:
    """What calling by one order came to.

    Attributes
    ----------
    row : per lead the row by which it was called, or -1.
    made : calls by week, fewer than there was room for where a list was too short.
    reached : leads that converted within the horizon of that row.
    by_lot : calls that went to leads of the same rank as some that were left out: the order did not decide.
    """

    row: Rows
    made: Floats
    reached: float
    by_lot: float

    @property
    def calls(self) -> float:
        """How many calls were made."""
        return float(self.made.sum())


@dataclass(frozen=True)
class Queue:
    """The lists of all weeks in one order, sorted once: ``rows`` from ``starts[week]`` on, before ``starts[week + 1]``."""

    replay: Replay
    rank: Floats
    rows: NDArray[np.int32]
    starts: NDArray[np.int64]

    def work(self, room: Floats, weight: Floats | None = None) -> Worked:
        """Call so many leads of each week's list; ``weight`` is how often each lead was drawn, so often it can be called."""
        from leadlens.models.judging.replay_kernel import call_weekly

        judged = self.replay.judged
        waiting = np.ones(judged.leads) if weight is None else weight.astype(np.float64)
        row, made = np.full(judged.leads, -1, np.intp), np.zeros(self.replay.weeks)
        reached, by_lot = call_weekly(
            self.rows, self.starts, judged.lead, self.rank, judged.label, room, waiting, row, made
        )
        return Worked(row=row, made=made, reached=reached, by_lot=by_lot)

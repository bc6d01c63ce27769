"""Which lines, and how many points: greedy selection by score test, ridge refits, whole points.

Lines are fitted to labels that are half what happened and half what a model says of the same rows: the model has averaged
noise out that a sheet of few lines would otherwise chase, and what happened keeps the sheet from the model's own mistakes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leadlens.models.scale import POINTS_PER_LOG_ODDS
from leadlens.models.statistics import expit, log_loss, logit, newton

Floats = NDArray[np.float64]
Matches = NDArray[np.bool_]
Line = tuple[
    int, ...
]  # places of candidates of which one must match; of more than one only where they exclude each other

FEWEST_LEADS = 30  # that match a line, and that do not
_FEWEST_OF_A_VALUE = 5  # for it to stand in a list
_PRIOR_SD = 1.5  # log-odds of a line
_PER_VALUE = 1.0  # chi² that a further value of a list must bring
_OF_LABEL = 0.5  # of what is fitted; the rest is the model's


@dataclass(frozen=True)
class Learned:
    """``points`` of the lines that were chosen, strongest first, ten doubling the odds; ``intercept`` are the log-odds of a
    lead that matches none."""

    points: dict[Line, int]
    intercept: float

    def totals(self, matches: Matches) -> Floats:
        """Points of each row, without those that every row starts with."""
        total = np.zeros(len(matches))
        for line, points in self.points.items():
            total += points * matches[:, list(line)].any(axis=1)
        return total


@dataclass(frozen=True)
class _Rows:
    """Candidates on the rows: ``design`` (rows, candidates); ``single`` may be a line alone; ``lists`` are places of values
    of one attribute; ``label`` is what is fitted, and ``noise`` the variance of its part that is chance."""

    design: NDArray[np.float32]
    label: Floats
    weight: Floats
    single: NDArray[np.bool_]
    lists: tuple[NDArray[np.intp], ...]
    noise: float

    def columns(self, lines: Sequence[Line]) -> Floats:
        """The rows that match each line, as numbers."""
        columns = [self.design[:, list(line)].sum(axis=1) for line in lines]
        return np.column_stack(columns).astype(np.float64) if columns else np.empty((len(self.label), 0))

    @property
    def start(self) -> float:
        return _start(self.label, self.weight)


def learn_points(
    matches: Matches,
    label: Floats,
    lead: NDArray[np.int64],
    *,
    columns: Sequence[str] = (),
    model: Floats | None = None,
    weight: Floats | None = None,
    most: int = 20,
) -> Learned:
    """Choose at most ``most`` of the lines and give each whole points.

    Parameters
    ----------
    matches : (rows, candidates), of training rows alone.
    label, lead, weight : of each row: 0 or 1, whose it is, how many rows it stands for.
    columns : of each candidate that is one value of an attribute its name, else "": such values exclude each other, and
        a line may list several.
    model : the probability of each row by a model that learned from these rows at most; without one the labels alone
        are fitted.
    """
    each = np.ones(len(label)) if weight is None else weight
    target = label if model is None else _OF_LABEL * label + (1 - _OF_LABEL) * model
    place, rows = _usable(matches, target, each, lead, columns or [""] * matches.shape[1])
    if not len(place) or most < 1:
        return Learned({}, rows.start)
    rows = replace(rows, noise=1.0 if model is None else _OF_LABEL**2)
    points, intercept = _whole_points(rows, _path(rows, most))
    return Learned(
        {tuple(int(place[at]) for at in line): number for line, number in points.items()}, intercept
    )


def _usable(
    matches: Matches, label: Floats, weight: Floats, lead: NDArray[np.int64], columns: Sequence[str]
) -> tuple[NDArray[np.intp], _Rows]:
    """Candidates with enough leads on both sides, the first of those that match the same rows, and values for lists."""
    order = np.argsort(lead, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(lead[order]) != 0])
    there = np.logical_or.reduceat(matches[order], starts, axis=0).sum(axis=0)
    others = np.logical_or.reduceat(~matches[order], starts, axis=0).sum(axis=0)
    seen: set[bytes] = set()
    kept, single = [], []
    for at, column in enumerate(np.packbits(matches, axis=0).T):
        content = column.tobytes()
        alone = there[at] >= FEWEST_LEADS and others[at] >= FEWEST_LEADS and content not in seen
        if alone or (columns[at] and there[at] >= _FEWEST_OF_A_VALUE):
            seen.add(content)
            kept.append(at)
            single.append(alone)
    place = np.array(kept, dtype=np.intp)
    names = np.array([columns[at] for at in kept], dtype=object)
    lists = tuple(np.flatnonzero(names == name) for name in dict.fromkeys(names) if name)
    design = matches[:, place].astype(np.float32)
    return place, _Rows(design, label, weight, np.array(single, dtype=np.bool_), lists, 1.0)


def _path(rows: _Rows, most: int) -> list[Line]:
    """Lines in the order in which they are chosen: each time the one whose score test says most.

    A line must be beyond what the best of as many lines without any worth would reach by chance: chi² above
    2 ln(candidates), of that part of the labels that chance is in.
    """
    design, lines = rows.design, list[Line]()
    least = rows.noise * 2 * math.log(max(design.shape[1], 2))
    leads = np.full(design.shape[1], True)
    beta = np.array([rows.start])
    while len(lines) < most:
        inner = rows.columns(lines)
        p = expit(beta[0] + inner @ beta[1:])
        slope, curve = rows.weight * (rows.label - p), rows.weight * p * (1 - p)
        score, information = slope @ design, curve @ design
        if lines:  # what the chosen lines know already
            centred = (inner - (curve @ inner) / curve.sum()) * curve[:, None]
            cross = centred.T @ design
            inverse = np.linalg.inv(centred.T @ inner + np.eye(len(lines)) / _PRIOR_SD**2)
        else:
            cross, inverse = np.empty((0, design.shape[1])), np.empty((0, 0))
        test = _Test(score, information, cross, inverse, float(curve.sum()))
        best, chi2 = _best(rows, test, leads)
        if not best or chi2 < least:
            break
        lines.append(best)
        leads[list(best)] = False
        beta = _fit(rows.columns(lines), rows.label, rows.weight)
    return lines


@dataclass(frozen=True)
class _Test:
    """The parts of a score test that add up over candidates that exclude each other."""

    score: Floats
    information: Floats
    cross: Floats
    inverse: Floats
    total: float

    def chi2(self, score: Floats, information: Floats, cross: Floats) -> Floats:
        known = np.einsum("ij,ik,kj->j", cross, self.inverse, cross) if len(self.inverse) else 0.0
        variance = information - information**2 / self.total - known
        enough = variance > 1e-3 * np.maximum(information, 1e-9)
        return np.asarray(np.where(enough, score**2 / np.where(enough, variance, 1.0), 0.0))


def _best(rows: _Rows, test: _Test, free: NDArray[np.bool_]) -> tuple[Line, float]:
    """The candidate, or list of values, with the highest chi², less what each further value of a list costs."""
    alone = np.where(rows.single & free, test.chi2(test.score, test.information, test.cross), 0.0)
    best: Line = (int(alone.argmax()),)
    highest = float(alone.max())
    for values in rows.lists:
        open_values = values[free[values]]
        if len(open_values) < 2:
            continue
        # Sorted by effect, the best list of any length is a beginning or an end (Fisher 1958).
        effect = test.score[open_values] / (test.information[open_values] + _PRIOR_SD**-2)
        for order in (open_values[np.argsort(-effect)], open_values[np.argsort(effect)]):
            chi2 = test.chi2(
                np.cumsum(test.score[order]),
                np.cumsum(test.information[order]),
                np.cumsum(test.cross[:, order], axis=1),
            )
            chi2 = chi2 - _PER_VALUE * np.arange(len(order))
            count = int(chi2[:-1].argmax()) + 1
            if count > 1 and chi2[count - 1] > highest:
                best, highest = tuple(int(at) for at in order[:count]), float(chi2[count - 1])
    return best, highest


def _whole_points(rows: _Rows, lines: list[Line]) -> tuple[dict[Line, int], float]:
    """Points by line. One that would get no point, or a single one, goes: nobody would write it."""
    kept, label, weight = list(lines), rows.label, rows.weight
    while kept:
        design = rows.columns(kept)
        beta = _fit(design, label, weight)
        rounded = np.rint(POINTS_PER_LOG_ODDS * beta[1:])
        if (weak := np.abs(rounded) < 2).any():
            kept = [line for line, out in zip(kept, weak, strict=True) if not out]
            continue
        rounded = _descend(design, label, weight, rounded)
        offset = design @ (rounded / POINTS_PER_LOG_ODDS)
        points = {line: int(number) for line, number in zip(kept, rounded, strict=True)}
        return points, _intercept(label, weight, offset)
    return {}, rows.start


def _descend(design: Floats, label: Floats, weight: Floats, points: Floats) -> Floats:
    """Coordinate descent over whole points, a step of one up or down at a time, on the loss of the ridge fit."""

    def loss(at: Floats) -> float:
        beta = at / POINTS_PER_LOG_ODDS
        offset = design @ beta
        margin = offset + _intercept(label, weight, offset)
        return float((weight * log_loss(label, margin)).sum() + (beta**2).sum() / (2 * _PRIOR_SD**2))

    lowest = loss(points)
    for place in range(len(points)):
        for step in (1.0, -1.0):
            moved = points.copy()
            moved[place] += step
            if moved[place] and (now := loss(moved)) < lowest - 1e-9:
                points, lowest = moved, now
                break
    return points


def _fit(design: Floats, label: Floats, weight: Floats) -> Floats:
    """Intercept and log-odds of each line, drawn to 0 by a normal prior."""
    x = np.column_stack([np.ones(len(label)), design])
    precision = np.diag(np.r_[0.0, np.full(design.shape[1], _PRIOR_SD**-2.0)])

    def loss(beta: Floats) -> float:
        return float((weight * log_loss(label, x @ beta)).sum() + beta @ precision @ beta / 2)

    def derivatives(beta: Floats) -> tuple[Floats, Floats]:
        p = expit(x @ beta)
        curve = weight * p * (1 - p)
        return x.T @ (weight * (p - label)) + precision @ beta, (x * curve[:, None]).T @ x + precision

    start = np.r_[_start(label, weight), np.zeros(design.shape[1])]
    return newton(loss, derivatives, start, tolerance=1e-6, slack=1e-9, rounds=30)


def _intercept(label: Floats, weight: Floats, offset: Floats) -> float:
    """The intercept that makes the mean probability that of the labels."""

    def loss(at: Floats) -> float:
        return float((weight * log_loss(label, offset + at[0])).sum())

    def derivatives(at: Floats) -> tuple[Floats, Floats]:
        p = expit(offset + at[0])
        return np.array([(weight * (p - label)).sum()]), np.array([[(weight * p * (1 - p)).sum()]])

    start = np.array([_start(label, weight) - float((weight * offset).sum() / weight.sum())])
    return float(newton(loss, derivatives, start, tolerance=1e-8, slack=1e-9)[0])


def _start(label: Floats, weight: Floats) -> float:
    return float(logit((weight * label).sum() / weight.sum(), edge=1e-6))

"""The chosen lines as a sheet: wording, starting points, thresholds, and the text of its file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.models.scale import AVERAGE_SCORE, POINTS_PER_LOG_ODDS
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.learning.candidates import Candidate, literal
from leadlens.models.scorecard.learning.selection import Learned
from leadlens.models.scorecard.scoring.ledger import score_sheet
from leadlens.models.statistics import weighted_quantile

Floats = NDArray[np.float64]
_SHORT = 80  # characters of values that stand in the condition itself
_AT_ONCE = 80  # lines that are scored in one sheet: their ledgers are held in memory


def match_lines(history: History, spine: Spine, lines: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Which rows match which lines, as sheets are scored: (rows by row_id, lines)."""
    rows = history.engine.frame(f"SELECT row_id FROM {spine} ORDER BY row_id")["row_id"].to_numpy()
    matches = np.zeros((len(rows), len(lines)), dtype=np.bool_)
    for start in range(0, len(lines), _AT_ONCE):
        some = lines[start : start + _AT_ONCE]
        numbered = {f"line {start + at}": line for at, line in enumerate(some)}
        probe = _sheet(
            "lines", [(line, label, 1) for label, line in numbered.items()], base={}, thresholds={}
        )
        ledger = score_sheet(probe, history, spine).ledger
        names = ledger["rule"].astype(str).to_numpy()
        lined = np.char.startswith(names.astype("U"), "line ")
        column = np.array([int(name[5:]) for name in names[lined]], dtype=np.intp)
        matches[np.searchsorted(rows, ledger["row_id"].to_numpy()[lined]), column] = True
    return matches


def learned_sheet(
    name: str,
    about: str,
    lines: Sequence[Candidate],
    learned: Learned,
    *,
    average_log_odds: float,
    totals: Floats,
    weight: Floats | None,
    capacity: float,
) -> Sheet:
    """The sheet of these lines: ten points double the odds, and 50 is the average lead, as in the model's score.

    ``totals`` are the points of the training rows without ``base``, of which the thresholds part a share ``capacity``, and a
    quarter of that.
    """
    together = _together(
        [([lines[place] for place in line], points) for line, points in learned.points.items()]
    )
    lists: dict[str, list[str]] = {}
    chosen = [(_written(line, lists), points) for line, points in together]
    base = round(AVERAGE_SCORE + POINTS_PER_LOG_ODDS * (learned.intercept - average_log_odds))
    first, second = np.ceil(weighted_quantile(totals + base, [1 - capacity, 1 - capacity / 4], weight))
    thresholds = {"mql": int(first), **({"sql": int(second)} if second > first else {})}
    start = {"fit": base} if base else {}
    labelled = [(line, label, points) for (line, points), label in zip(chosen, _labels(chosen), strict=True)]
    return _sheet(name, labelled, base=start, thresholds=thresholds, about=about, lists=lists)


def _together(lines: list[tuple[list[Candidate], int]]) -> list[tuple[list[Candidate], int]]:
    """Values of one attribute with equal points as one line."""
    groups: dict[tuple[str, int, str], list[Candidate]] = {}
    for line, points in lines:
        alone = "" if line[0].column else line[0].label
        groups.setdefault((line[0].column, points, alone), []).extend(line)
    return [(line, points) for (_, points, _), line in groups.items()]


def _written(line: list[Candidate], lists: dict[str, list[str]]) -> Candidate:
    """A line of one or several values; many are put into ``lists``, under a name of their own."""
    first = line[0]
    if len(line) == 1:
        return first
    values = sorted(one.value for one in line)
    start = first.label.removesuffix(first.value)
    if sum(map(len, values)) <= _SHORT:
        named = f"{', '.join(values[:-1])} or {values[-1]}"
        when = f"{first.column} IN ({', '.join(map(literal, values))})"
    else:
        name = (
            f"{re.sub(r'[^a-z0-9]+', '_', first.column.lower()).strip('_')[:40] or 'values'}_{len(lists) + 1}"
        )
        lists[name] = values
        named, when = f"{len(values)} values ({name})", f"{first.column} IN {name}"
    return Candidate(first.section, start + named, {"when": when}, first.column)


def _labels(lines: list[tuple[Candidate, int]]) -> list[str]:
    """Labels that are unique in the sheet, whatever the words of the data are."""
    taken: set[str] = set()
    labels = []
    for line, _ in lines:
        label, number = " ".join(line.label.split()), 2
        while label.casefold() in taken:
            label, number = f"{' '.join(line.label.split())} ({number})", number + 1
        taken.add(label.casefold())
        labels.append(label)
    return labels


def _sheet(
    name: str,
    lines: Sequence[tuple[Candidate, str, int]],
    *,
    base: Mapping[str, int],
    thresholds: Mapping[str, int],
    about: str = "",
    lists: Mapping[str, list[str]] | None = None,
) -> Sheet:
    """A sheet of these lines, those with most points first."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for line, label, points in sorted(lines, key=lambda item: -item[2]):
        sections.setdefault(line.section, []).append({"label": label, "points": points, **line.settings})
    settings: dict[str, Any] = {"sheet": name, **sections}
    if about:
        settings["about"] = about
    if lists:
        settings["lists"] = dict(lists)
    if base:
        settings["base"] = dict(base)
    if thresholds:
        settings["thresholds"] = dict(thresholds)
    return Sheet.model_validate(settings)

"""Rows that fit in memory: where all do not, whole leads are sampled, before any feature is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from leadlens.features import DataError
from leadlens.features.engines import Engine, Table
from leadlens.features.matrix import plan_columns
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine
from leadlens.models.scorecard import ScorecardSet
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.memory import allowed, in_words, job_memory

BYTES_PER_CELL = (
    64  # a number of 8 bytes, held eight times over at the peak of training: measured, see ADR 21
)
_FEWEST_ROWS = 2_000  # are always taken: fewer teach nothing, and cost little


@dataclass(frozen=True)
class Room:
    """What the rows of a job may take.

    Attributes
    ----------
    columns : of each row: features, and rules of the sheets.
    memory : bytes.
    allowed : in words what that limit is, and how to move it.
    """

    columns: int
    memory: int
    allowed: str

    @classmethod
    def of(cls, file: ProjectFile, plan: FeaturePlan, *sheets: ScorecardSet | None) -> Room:
        """The room of a project's job for rows with these features, and the points of these sheets."""
        rules = sum(len(each.rules) for each in sheets if each)
        settings = file.project.engine
        return cls(max(len(plan_columns(plan)) + rules, 1), job_memory(settings), allowed(settings))

    def __add__(self, other: Room) -> Room:
        """The room of rows that are held with the columns of both."""
        return replace(self, columns=self.columns + other.columns)

    @property
    def rows(self) -> int:
        """How many rows fit."""
        return max(self.memory // (self.columns * BYTES_PER_CELL), _FEWEST_ROWS)


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """Leads that are sampled alike, and how many were kept, with all their rows.

    ``part`` is ``"train"`` or ``"test"``, ``kind`` is ``"converted"`` (in that part), ``"others"`` or ``"all"``.
    """

    part: str
    kind: str
    leads: int
    rows: int
    kept_leads: int
    kept_rows: int


@dataclass(frozen=True, kw_only=True)
class LeadSample:
    """How the leads of a set of rows were sampled, and why."""

    strata: tuple[Stratum, ...]
    room: Room

    @property
    def weights(self) -> dict[str, float]:
        """How many rows each training row stands for, by the kind of its lead.

        A row of a converted lead weighs 1, and the others as much as it takes for the weighted share of either
        kind to be that of all training rows. So weights sum to the number of all training rows as long as every
        converted lead is kept.
        """
        by_kind = {s.kind: s for s in self.strata if s.part == "train"}
        if len(by_kind) < 2:
            return {}
        one, other = (by_kind[kind].rows / by_kind[kind].kept_rows for kind in ("converted", "others"))
        return {"converted": 1.0, "others": other / one}

    @property
    def message(self) -> str:
        """What was kept of what, why, and what to do about it."""
        rows = sum(stratum.rows for stratum in self.strata)
        need = in_words(rows * self.room.columns * BYTES_PER_CELL)
        done = [
            f"{'judged on' if part == 'test' else 'learned from'} {' and '.join(told)}"
            for part in ("train", "test")
            if (told := [self._told(stratum) for stratum in self.strata if stratum.part == part])
        ]
        return (
            f"a sample of leads: {', '.join(done)}, because {rows:,} rows × {self.room.columns:,} columns need about "
            f"{need} and {self.room.allowed} to take all"
        )

    def _told(self, stratum: Stratum) -> str:
        who = {"converted": " with a conversion", "others": " without one", "all": ""}[stratum.kind]
        if stratum.kept_leads == stratum.leads:
            return f"all {stratum.leads:,} leads{who}"
        weight = self.weights.get(stratum.kind, 1.0)
        how = f", each counted {weight:.1f} times" if stratum.kind == "others" else ", drawn evenly"
        share = 100 * stratum.kept_leads / stratum.leads
        return f"{stratum.kept_leads:,} of {stratum.leads:,} leads{who} ({share:.1f} %{how})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "memory": self.room.memory,
            "columns": self.room.columns,
            "bytes_per_cell": BYTES_PER_CELL,
            "weights": self.weights,
            "strata": [asdict(stratum) for stratum in self.strata],
        }


@dataclass(frozen=True, kw_only=True)
class FittingRows:
    """The rows of a spine that fit.

    Attributes
    ----------
    spine : these rows; the given spine itself where all fit.
    outcomes : ``part`` and ``label`` by row_id.
    weight : how many rows each stands for, by row_id; ``None`` where all weigh the same.
    sample : how they were sampled; ``None`` where all fit.
    """

    spine: Spine
    outcomes: pd.DataFrame
    weight: pd.Series | None
    sample: LeadSample | None


@contextmanager
def fitting_rows(
    engine: Engine, rows: Spine, outcomes: Table, room: Room, *, evenly: bool = False
) -> Iterator[FittingRows]:
    """As many rows as there is room for, by whole leads; its tables are dropped at the end of the block.

    ``outcomes`` holds ``row_id, part, label`` of (at least) these rows. Test rows are drawn evenly and need no weights.
    Of the training rows every lead with a conversion is kept, unless these alone take more than half of their room,
    and the others are drawn; ``evenly`` draws these alike too. Which leads are drawn depends on their ids alone.
    Raises ``DataError`` where the test rows that fit have one outcome, and all of them have both.
    """
    with ExitStack() as tables:
        joined = f"{rows} AS s JOIN {outcomes} AS o ON o.row_id = s.row_id"
        if rows.rows <= room.rows:
            known = engine.frame(f"SELECT s.row_id, o.part, o.label FROM {joined} ORDER BY s.row_id")
            yield FittingRows(spine=rows, outcomes=known.set_index("row_id"), weight=None, sample=None)
            return
        leads = tables.enter_context(Table.make(engine, "ranked_leads", _ranked(engine, joined, evenly)))
        kept = _kept(engine, leads, room.rows)
        drawn = f"""
            JOIN {leads} AS l ON l.lead_id = s.lead_id AND l.part = o.part
            WHERE {
            " OR ".join(
                f"l.part = '{part}' AND l.kind = '{kind}' AND l.place <= {most}"
                for (part, kind), most in kept.items()
            )
        }
        """
        spine = f"SELECT s.row_id, s.lead_id, s.as_of, s.created_at FROM {joined} {drawn}"
        known = engine.frame(
            f"SELECT s.row_id, o.part, o.label, l.kind FROM {joined} {drawn} ORDER BY s.row_id"
        )
        sample = LeadSample(strata=tuple(_strata(engine, leads, kept, known)), room=room)
        _check_outcomes(engine, joined, known, sample)
        weight = known.set_index("row_id")["kind"].map(sample.weights).fillna(1.0) if sample.weights else None
        yield FittingRows(
            spine=tables.enter_context(Spine.make(engine, "sampled_rows", spine)),
            outcomes=known.set_index("row_id")[["part", "label"]],
            weight=weight,
            sample=sample,
        )


def _ranked(engine: Engine, joined: str, evenly: bool) -> str:
    """``lead_id, part, kind, n, place``: the leads of each part by a hash of their id, with how many rows they have.

    The hash is another than that which planning and splits without a clock go by: what they choose is no sample of it.
    """
    kind = (
        "'all'"
        if evenly
        else "CASE WHEN part = 'test' THEN 'all' WHEN won = 1 THEN 'converted' ELSE 'others' END"
    )
    return f"""
        SELECT
          lead_id, part, kind, n,
          row_number() OVER (PARTITION BY part, kind ORDER BY {engine.dialect.hash_number("'sample of ' || lead_id")}, lead_id)
            AS place
        FROM (
          SELECT lead_id, part, n, {kind} AS kind
          FROM (
            SELECT s.lead_id, o.part, max(o.label) AS won, count(*) AS n
            FROM {joined}
            GROUP BY s.lead_id, o.part
          ) AS of_leads
        ) AS of_kinds
    """


def _kept(engine: Engine, leads: Table, room: int) -> dict[tuple[str, str], int]:
    """How many leads of each part and kind to keep."""
    counted = engine.frame(
        f"SELECT part, kind, count(*) AS leads, sum(n) AS n FROM {leads} GROUP BY part, kind ORDER BY part, kind"
    )
    rows = {(part, kind): int(n) for part, kind, _, n in counted.itertuples(index=False)}

    def of(part: str) -> int:
        return sum(n for (mine, _), n in rows.items() if mine == part)

    train, test = divided(room, of("train"), of("test"))
    converted, others = divided(train, rows.get(("train", "converted"), 0), rows.get(("train", "others"), 0))
    rooms = {"converted": converted, "others": others, "all": train}
    return {
        (part, kind): max(1, count * (test if part == "test" else rooms[kind]) // n)
        for part, kind, count, n in counted.astype({"leads": int, "n": int}).itertuples(index=False)
    }


def divided(room: int, one: int, other: int) -> tuple[int, int]:
    """Room for the rows of two groups: the other may take half, or what the one leaves.

    >>> divided(100, 60, 30), divided(100, 20, 900), divided(100, 900, 30), divided(100, 900, 900)
    ((60, 30), (20, 80), (70, 30), (50, 50))
    """
    second = min(other, max(room // 2, room - one))
    return min(one, room - second), second


def _strata(
    engine: Engine, leads: Table, kept: dict[tuple[str, str], int], known: pd.DataFrame
) -> Iterator[Stratum]:
    counted = engine.frame(
        f"SELECT part, kind, count(*) AS leads, sum(n) AS n FROM {leads} GROUP BY part, kind ORDER BY part DESC, kind"
    )
    rows = known.groupby(["part", "kind"]).size()
    for part, kind, count, n in counted.itertuples(index=False):
        yield Stratum(
            part=part,
            kind=kind,
            leads=int(count),
            rows=int(n),
            kept_leads=kept[part, kind],
            kept_rows=int(rows[part, kind]),
        )


def _check_outcomes(engine: Engine, joined: str, known: pd.DataFrame, sample: LeadSample) -> None:
    """Rather now than after training: rows of one outcome cannot be judged on."""
    for part in known["part"].unique():
        label = known.loc[known["part"] == part, "label"]
        every = engine.value(f"SELECT count(DISTINCT o.label) FROM {joined} WHERE o.part = '{part}'")
        if label.nunique() < int(every):
            raise DataError(
                f"the {'out-of-time' if part == 'test' else 'training'} rows that fit in memory have one outcome only",
                value=f"{len(label):,} rows, {int(label.sum()):,} followed by a conversion",
                why=sample.message,
                fix="raise engine.memory, or leave columns out with features.drop",
            )

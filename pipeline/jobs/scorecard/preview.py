"""`leadlens scorecard preview`: a sheet on all open leads, and on past ones whose outcome is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features import DataError, History
from leadlens.features.label import build_labels
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine, build_spine
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.insights.changes import moves
from leadlens.models.scorecard.insights.feedback import round_edges
from leadlens.models.scorecard.language.grades import STAGES
from leadlens.models.scorecard.language.parsing import parse_conditions
from leadlens.models.scorecard.scoring.probes import matched_rules, split_segment, without_segment
from leadlens.models.statistics import wilson
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.policies import outcome_horizon
from leadlens.pipeline.jobs.scorecard.leads import named, open_leads, records
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.scorecards.project import sheets_of

Floats = NDArray[np.float64]
_MOST_NAMED = 10


@dataclass(frozen=True)
class Band:
    """Leads with a total in ``[low, high)``; open ends are ``None``."""

    low: float | None
    high: float | None
    leads: int


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Leads in another stage than by another sheet; of each direction the first few, those with most points first."""

    sheet: str
    compared: int
    up: int
    down: int
    risen: tuple[dict[str, Any], ...]
    fallen: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Past:
    """Outcomes of past leads by the sheet's points as of then.

    ``bands`` and ``stages`` have rows, conversions, rate, low and high (90 %, Wilson). ``hot`` is MQL and above, or
    without stages the share of leads that sales can work on: its share of the snapshots, of the conversions, its rate,
    the rate of the others and how many times that is.
    """

    snapshots: int
    leads: int
    conversions: int
    rate: float
    bands: pd.DataFrame
    stages: pd.DataFrame
    hot: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a sheet would do to the leads open now, and did to those of the past.

    ``of_project`` says whether the project file names the sheet, so that a model is compared with it.
    """

    project: str
    sheet: str
    as_of: datetime | None
    leads: int
    outside: int
    bands: tuple[Band, ...]
    quartiles: tuple[float, float, float]
    stages: dict[str, int]
    grades: dict[str, int]
    routes: dict[str, int]
    never: tuple[str, ...]
    always: tuple[str, ...]
    crossing: Crossing | None
    past: Past | None
    no_past: str | None
    of_project: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        values = {
            name: value for name, value in vars(self).items() if name not in ("past", "crossing", "bands")
        }
        past = None
        if self.past is not None:
            frames = {"bands": records(self.past.bands), "stages": records(self.past.stages)}
            past = {**vars(self.past), **frames, "looks": self.past.snapshots}
            del past["snapshots"]
        return {
            **values,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "bands": [asdict(band) for band in self.bands],
            "crossing": asdict(self.crossing) if self.crossing else None,
            "past": past,
        }


def preview(
    file: ProjectFile, sheet: Sheet, as_of: datetime | None = None, against: Sheet | None = None
) -> Preview:
    """Score the leads open at ``as_of`` (default: the data's end) and the past ones; nothing is written.

    ``against`` is the present sheet or version: who newly crosses a threshold, who no longer. Raises
    ``DataError`` where no lead is open, or where the sheet is for none of them.
    """
    history = open_history(file)
    as_of, free = history.moment(as_of), without_segment(sheet)
    plan = parse_conditions(free, history).plan
    with open_leads(file, history, as_of) as leads, split_segment(sheet, history, leads) as segment:
        if not segment.rows:
            raise DataError(
                "the sheet is for none of the open leads",
                value=sheet.for_,
                why=f"{leads.rows:,} leads are open",
                fix="values that no lead has are named by: leadlens scorecard check CONFIG",
            )
        now = score_sheet(free, history, segment, plan=plan)
        matches = matched_rules(free, history, segment, now.ledger, plan)
        crossing = _crossing(history, segment, now, against) if against is not None else None
        inside, outside = segment.rows, leads.rows - segment.rows
    counts = (
        matches.groupby("rule")["row_id"].nunique().reindex([rule.label for rule in sheet.rules]).fillna(0)
    )
    past, no_past, edges = _past(file, history, sheet, plan, now.scores["total"].to_numpy(dtype=float))
    scores = now.scores
    quartiles = np.quantile(scores["total"].to_numpy(dtype=float), [0.25, 0.5, 0.75]).tolist()
    return Preview(
        project=file.project.name,
        sheet=named(sheet),
        as_of=history.shown(as_of),
        leads=inside,
        outside=outside,
        bands=_bands(scores["total"], edges),
        quartiles=(quartiles[0], quartiles[1], quartiles[2]),
        stages=_counts(scores["stage"], STAGES),
        grades=_counts(scores["grade"], tuple(sorted(scores["grade"].unique()))),
        routes=_counts(scores["route"].dropna(), tuple(route.label for route in sheet.routes)),
        never=tuple(counts.index[counts == 0]),
        always=tuple(counts.index[counts == inside]),
        crossing=crossing,
        past=past,
        no_past=no_past,
        of_project=sheet.name in {item.live.name for item in sheets_of(file)},
    )


def _crossing(history: History, segment: Spine, now: SheetScores, against: Sheet) -> Crossing:
    """Who is in a higher or lower stage than by the other sheet, among the leads that both are for."""
    with split_segment(against, history, segment) as both:
        pairs = moves(score_sheet(without_segment(against), history, both, ledger=False), now)
    # out is the lowest of all
    rank = {name: place for place, name in enumerate(("Disqualified", *STAGES[:-1]))}
    step = pairs["stage_after"].map(rank) - pairs["stage_before"].map(rank)
    shown = ["lead_id", "stage_before", "stage_after", "total_before", "total_after"]
    ways = []
    for way in (pairs[step > 0], pairs[step < 0]):
        ordered = way.sort_values(["total_after", "lead_id"], ascending=[False, True])
        ways.append(tuple(records(ordered[shown].head(_MOST_NAMED))))
    return Crossing(
        sheet=named(against),
        compared=len(pairs),
        up=int((step > 0).sum()),
        down=int((step < 0).sum()),
        risen=ways[0],
        fallen=ways[1],
    )


def _past(
    file: ProjectFile, history: History, sheet: Sheet, plan: FeaturePlan | None, totals: Floats
) -> tuple[Past | None, str | None, Floats]:
    """The mature rows of the project's spine with their outcomes; also the edges of the bands, old and new."""
    try:
        spine = build_spine(history, training_spine(history, file.project).policy)
    except DataError as error:
        return None, error.what, round_edges(totals)
    with (
        spine,
        build_labels(history, spine, outcome_horizon(file.project), file.project.outcome.kind) as labels,
        split_segment(sheet, history, spine) as segment,
    ):
        scores = score_sheet(without_segment(sheet), history, segment, ledger=False, plan=plan).scores
        known = history.engine.frame(f"SELECT row_id, label FROM {labels} WHERE label IS NOT NULL")
    rows = scores.merge(known, on="row_id")
    edges = round_edges(np.concatenate([totals, rows["total"].to_numpy(dtype=float)]))
    if rows.empty:
        return None, "no outcome of these leads is known yet", edges
    place = np.searchsorted(edges, rows["total"].to_numpy(dtype=float), side="right")
    bands = _tally(rows, pd.Series(place, index=rows.index), range(len(edges) + 1))
    ends = pd.Series([np.nan, *edges.tolist(), np.nan])
    bands = bands.assign(total_from=ends.iloc[:-1].to_numpy(), total_to=ends.iloc[1:].to_numpy()).drop(
        columns="group"
    )
    stages = _tally(rows, rows["stage"], [name for name in STAGES if (rows["stage"] == name).any()])
    conversions = int(rows["label"].sum())
    return (
        Past(
            snapshots=len(rows),
            leads=int(rows["lead_id"].nunique()),
            conversions=conversions,
            rate=conversions / len(rows),
            bands=bands,
            stages=stages.rename(columns={"group": "stage"}),
            hot=_hot(rows, sheet, file.project.judge.capacity),
        ),
        None,
        edges,
    )


def _hot(rows: pd.DataFrame, sheet: Sheet, capacity: float) -> dict[str, Any]:
    """How much of the conversions the hot band has."""
    label, total = rows["label"].astype(int), rows["total"]
    if sheet.thresholds is not None:
        hot, name = rows["stage"].isin(("MQL", "SQL")), "MQL and above"
    else:
        cut = float(np.quantile(total, 1 - capacity, method="higher"))
        hot, name = total >= cut, f"total {cut:g} or more"
    conversions = int(label.sum())
    rate, rest = (float(label[part].mean()) if part.any() else None for part in (hot, ~hot))
    return {
        "band": name,
        "by_threshold": sheet.thresholds is not None,
        "share_of_looks": float(hot.mean()),
        "share_of_conversions": float(label[hot].sum() / conversions) if conversions else None,
        "rate": rate,
        "rate_of_others": rest,
        "times": rate / rest if rate is not None and rest else None,
    }


def _tally(rows: pd.DataFrame, group: pd.Series, order: Any) -> pd.DataFrame:
    sums = rows["label"].astype(int).groupby(group).agg(["size", "sum"]).reindex(list(order), fill_value=0)
    count, conversions = sums["size"].astype(int), sums["sum"].astype(int)
    low, high = wilson(conversions, count)
    rate = (conversions / count.where(count > 0)).to_numpy(dtype=float)
    columns = {
        "group": list(order),
        "rows": count.to_numpy(),
        "conversions": conversions.to_numpy(),
        "rate": rate,
    }
    known = (count > 0).to_numpy()
    return pd.DataFrame(
        {**columns, "low": np.where(known, low, np.nan), "high": np.where(known, high, np.nan)}
    )


def _bands(totals: pd.Series, edges: Floats) -> tuple[Band, ...]:
    place = np.searchsorted(edges, totals.to_numpy(dtype=float), side="right")
    counts = np.bincount(place, minlength=len(edges) + 1).tolist()
    ends: list[float | None] = [None, *edges.tolist(), None]
    return tuple(Band(low, high, n) for low, high, n in zip(ends[:-1], ends[1:], counts, strict=True))


def _counts(values: pd.Series, order: tuple[str, ...]) -> dict[str, int]:
    counts = values.value_counts()
    return {name: int(counts.get(name, 0)) for name in order}

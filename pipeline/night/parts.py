"""Score one part of the leads. Nothing in it depends on other parts, so that it may be done anywhere, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadlens.features.spine import build_scoring_spine
from leadlens.models.scorecard import ScorecardSet
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.lead_scores import lead_scores_table
from leadlens.pipeline.dataset.long_ledgers import long_ledgers
from leadlens.pipeline.dataset.night_profile import ScoreTally
from leadlens.pipeline.dataset.old_leads import OldLeads
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.scored_leads import score_leads
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.progress import Progress
from leadlens.pipeline.published.people import people_of, with_people
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.stages import Stages
from leadlens.pipeline.views.links import segment


@dataclass(frozen=True, kw_only=True)
class Night:
    """What all parts of a night have in common.

    Attributes
    ----------
    as_of : leads open then are scored.
    written_as_of : stands in where the data have no dates.
    people : the columns of ``scores.people`` that go with every score.
    published : whether the page is to know the leads, by name and beside their sheet.
    """

    file: ProjectFile
    prepared: PreparedHistory
    bundle: Bundle
    sheets: ScorecardSet | None
    as_of: datetime
    written_as_of: datetime | None
    people: tuple[str, ...]
    published: bool


@dataclass(frozen=True, kw_only=True)
class ScoredPart:
    """The scores of one part, and what is counted over all of them.

    Attributes
    ----------
    rows : columns of lead_scores.
    people : by what people know its leads (``people_of``); ``None`` where nobody asks.
    sheet_score : the sheet on the model's scale, where it is published and there is one.
    tally : what the gate of the night counts.
    old : how many leads are older than any learned from.
    long_ledgers, undecided : leads whose ledger was cut, and whose past was looked at in part.
    """

    rows: pa.Table
    people: pa.Table | None
    sheet_score: NDArray[np.int64] | None
    tally: ScoreTally
    old: OldLeads
    long_ledgers: int
    undecided: int


def scored_here(night: Night, stages: Stages, progress: Progress) -> Iterator[ScoredPart]:
    """All parts that have an open lead, one after the other in this process."""
    for part in range(night.prepared.parts):
        progress("Scoring open leads", part, night.prepared.parts)
        scored = score_part(night, part, stages)
        if scored is not None:
            yield scored


def score_part(night: Night, part: int, stages: Stages) -> ScoredPart | None:
    """Score the open leads of one part; ``None`` where there are none. ``stages`` records what each step costs."""
    file, bundle = night.file, night.bundle
    old, tally = OldLeads.of(file.project, bundle.recipe.spine), ScoreTally(bundle.reference)
    with (
        night.prepared.part(part) as history,
        build_scoring_spine(history, night.as_of, spine_policy(file.project)) as spine,
    ):
        if not spine.rows:
            return None
        old.count(history, spine, night.as_of)
        scored = score_leads(history, spine, bundle, night.sheets, movement=True, stages=stages)
        people = people_of(history, file.project.page) if night.published or night.people else None
    tally.count(scored)
    with stages("reasons", len(scored)):
        rows = lead_scores_table(scored, as_of=night.written_as_of)
        if file.project.page.url is not None:
            rows = rows.append_column("explanation_url", explanation_urls(rows, file))
    if people is not None:
        rows = with_people(rows, people, night.people)
    rules = scored.rules
    return ScoredPart(
        rows=rows,
        people=people,
        sheet_score=scored.sheet_on_scale(bundle.recipe.sheet_probability) if night.published else None,
        tally=tally,
        old=old,
        long_ledgers=0 if rules is None else long_ledgers(rules.ledger),
        undecided=0 if rules is None else rules.undecided,
    )


def explanation_urls(rows: pa.Table, file: ProjectFile) -> pa.Array:
    """Where the page explains each lead."""
    base = f"{file.project.page.url}/{file.project.name}/leads/"
    return pa.array([base + segment(lead) for lead in rows["lead_id"].to_pylist()], pa.string())

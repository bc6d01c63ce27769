"""The leads of a comparison with their cell, by name where the project shows names."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.judging import Comparison
from pipeline.published.people import SHOWN


class ListedLead(NamedTuple):
    """An out-of-time lead, as it was when it was called; ``converted`` within the horizon after that."""

    cell: str
    lead_id: str
    name: str | None
    email: str | None
    company: str | None
    owner: str | None
    as_of: Any
    score: int
    grade: str | None
    rule_points: float
    rule_grade: str | None
    rule_stage: str | None
    converted: int


HEAD = ListedLead._fields


def lead_list(comparison: Comparison, people: pa.Table | None, most: int | None = None) -> list[ListedLead]:
    """Cell by cell, the best first; of each cell the first ``most``."""
    leads = comparison.quadrant_leads
    if most is not None:
        leads = leads.groupby("quadrant", sort=False).head(most)
    table = leads.rename(columns={"quadrant": "cell"}).merge(
        _known(people, leads["lead_id"]), on="lead_id", how="left"
    )
    columns = table[list(HEAD)].astype(object)
    return [ListedLead(*row) for row in columns.where(columns.notna(), None).itertuples(index=False)]


def _known(people: pa.Table | None, leads: pd.Series) -> pd.DataFrame:
    """By what these leads are known: ``people`` are those of the whole history, many times as many."""
    if people is None:
        return pd.DataFrame(columns=["lead_id", *SHOWN])
    ids = pa.array(leads.tolist(), people.schema.field("lead_id").type)
    known: pd.DataFrame = people.filter(pc.is_in(people["lead_id"], ids)).to_pandas()
    return known

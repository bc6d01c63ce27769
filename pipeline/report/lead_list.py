"""The leads of a comparison with their cell, by name where the project shows names."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadlens.models.judging import Comparison
from leadlens.pipeline.published.compared import JudgedLead
from leadlens.pipeline.published.people import SHOWN

HEAD = ("cell", *JudgedLead._fields)


def lead_list(
    comparison: Comparison, people: pa.Table | None, most: int | None = None
) -> dict[str, list[JudgedLead]]:
    """The leads of each cell, the best first; of each the first ``most``."""
    leads = comparison.quadrant_leads
    if most is not None:
        leads = leads.groupby("quadrant", sort=False).head(most)
    table = leads.rename(columns={"quadrant": "cell"}).merge(
        _known(people, leads["lead_id"]), on="lead_id", how="left"
    )
    columns = table[list(HEAD)].astype(object)
    cells: dict[str, list[JudgedLead]] = {}
    for cell, *lead in columns.where(columns.notna(), None).itertuples(index=False):
        cells.setdefault(cell, []).append(JudgedLead(*lead))
    return cells


def _known(people: pa.Table | None, leads: pd.Series) -> pd.DataFrame:
    """By what these leads are known: ``people`` are those of the whole history, many times as many."""
    if people is None:
        return pd.DataFrame(columns=["lead_id", *SHOWN])
    ids = pa.array(leads.tolist(), people.schema.field("lead_id").type)
    known: pd.DataFrame = people.filter(pc.is_in(people["lead_id"], ids)).to_pandas()
    return known

"""Conversion by score band, by grade cell and by stage: do higher labels convert more?

A lead counts once in each band, cell and stage that it was in: as of the first of its rows there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadlens.models.judging.calls import first_in_group, reached
from leadlens.models.judging.lenses import Judged, JudgedRows, Lens
from leadlens.models.scale import shown_score
from leadlens.models.statistics import wilson

BANDS = ("1–9", "10–19", "20–29", "30–39", "40–49", "50–59", "60–69", "70–79", "80–89", "90–99")
STAGES = ("SQL", "MQL", "Lead", "Disqualified")
GRADES = tuple(f"{fit}{activity}" for fit in "ABCD" for activity in "4321")
HOT, LOW = 60, 40


def score_bands(judged: JudgedRows) -> pd.DataFrame:
    """Conversion per band of the shown score, both lenses on the common scale.

    Bands beyond the outermost ones in use are left out; those between are kept, empty or not.
    """
    frames = [_tally(pd.Series(_band(lens)), judged, lens, BANDS, "band") for lens in judged.lenses]
    bands = pd.concat(frames, ignore_index=True)
    used = [BANDS.index(band) for band in bands.loc[bands["leads"] > 0, "band"]]
    return bands[bands["band"].isin(BANDS[min(used) : max(used) + 1])].reset_index(drop=True)


def grade_cells(judged: JudgedRows) -> pd.DataFrame:
    """Conversion per grade, fit A–D by activity 4–1, for both lenses; empty cells have no rate.

    Where a lens grades one side alone, the other is ``–``.
    """
    frames = []
    for lens in judged.lenses:
        grades = pd.Series(lens.grade)
        order = next((one for one in (tuple("ABCD"), tuple("4321")) if grades.isin(one).any()), GRADES)
        frames.append(_tally(grades, judged, lens, order, "grade"))
    cells = pd.concat(frames, ignore_index=True)
    return cells.assign(
        fit=cells["grade"].str.extract("([A-D])", expand=False).fillna("–"),
        activity=cells["grade"].str.extract("([1-4])", expand=False).fillna("–"),
    )


def stages(judged: Judged) -> pd.DataFrame:
    """Conversion per stage of the score sheet, hottest first; the disqualified are a stage of their own."""
    stage = (
        judged.frame["rule_stage"]
        .astype(str)
        .where(~judged.frame["disqualified"].astype(bool), "Disqualified")
    )
    return _tally(stage, judged, judged.rules, STAGES, "stage")


def hot_band(judged: JudgedRows) -> pd.DataFrame:
    """How much more the hot leads convert than the low ones, per lens.

    Hot is a lead that reaches a shown score of 60 (at least twice the average odds), as of the first time; low is one
    that never has more than 40 (at most half).

    Returns
    -------
    lens, share_of_leads, share_of_conversions, hot_rate, low_rate, times (hot rate / low rate; missing if
    there are none of either, or the low ones never convert).
    """
    rows = []
    for lens in judged.lenses:
        score = shown_score(lens.score)
        first = reached(judged, score >= HOT)
        hot, low = first >= 0, reached(judged, score > LOW) < 0
        found = judged.label[first[hot]]
        hot_rate = found.mean() if hot.any() else np.nan
        low_rate = judged.converted[low].mean() if low.any() else np.nan
        rows.append(
            {
                "lens": lens.name,
                "share_of_leads": hot.mean(),
                "share_of_conversions": found.sum() / judged.converted.sum(),
                "hot_rate": hot_rate,
                "low_rate": low_rate,
                "times": hot_rate / low_rate if low_rate > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def band_of(score: float) -> str:
    """The band that a score is shown in.

    >>> band_of(9.4), band_of(9.5), band_of(120.0)
    ('1–9', '10–19', '90–99')
    """
    return BANDS[int(shown_score(np.array([score]))[0]) // 10]


def _band(lens: Lens) -> np.ndarray:
    return np.array([BANDS[score // 10] for score in shown_score(lens.score)], object)


def _tally(
    group: pd.Series, judged: JudgedRows, lens: Lens, order: tuple[str, ...], name: str
) -> pd.DataFrame:
    rows = first_in_group(judged, group)
    counts = (
        pd.Series(judged.label[rows])
        .groupby(group.to_numpy()[rows])
        .agg(["size", "sum"])
        .reindex(order, fill_value=0)
    )
    leads, conversions = counts["size"].astype(int), counts["sum"].astype(int)
    low, high = wilson(conversions, leads)
    known = (leads > 0).to_numpy()
    return pd.DataFrame(
        {
            "lens": lens.name,
            name: list(order),
            "leads": leads.to_numpy(),
            "conversions": conversions.to_numpy(),
            "rate": np.where(known, conversions / leads.where(leads > 0, 1), np.nan),
            "low": np.where(known, low, np.nan),
            "high": np.where(known, high, np.nan),
        }
    )

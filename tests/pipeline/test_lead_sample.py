"""Which rows are taken where not all fit in memory: whole leads, every conversion, and weights that stand for all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from leadlens.features import DataError, DuckDBEngine
from leadlens.features.engines import Table
from leadlens.features.spine import Spine
from leadlens.pipeline.dataset import lead_sample
from leadlens.pipeline.dataset.lead_sample import BYTES_PER_CELL, FittingRows, Room, fitting_rows

LEADS = 4_000


def world(conversions: float = 0.02, leads: int = LEADS, names: str = "L", seed: int = 0) -> pd.DataFrame:
    """Leads with one to five rows; some convert, more often those with many rows. On a calendar: of one lead in four
    the last rows are test rows."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, 6, leads)
    lead = np.repeat(np.arange(leads), rows)
    nth = np.arange(len(lead)) - np.repeat(np.cumsum(rows) - rows, rows)
    part = np.where(lead >= 3 * leads // 4, "test", "train")
    both = (lead % 4 == 0) & (nth == rows[lead] - 1)
    label = rng.random(len(lead)) < conversions * (1 + rows[lead]) / 4
    return pd.DataFrame(
        {
            "row_id": rng.permutation(len(lead)),
            "lead_id": [f"{names}{number:05}" for number in lead],
            "as_of": pd.Timestamp("2026-01-01") + pd.to_timedelta(nth, unit="D"),
            "created_at": pd.Timestamp("2026-01-01"),
            "part": np.where(both, "test", part),
            "label": label.astype(int),
        }
    )


def room_for(rows: int, columns: int = 10) -> Room:
    return Room(columns, rows * columns * BYTES_PER_CELL, "engine.memory allows little: raise it")


@contextmanager
def fitted(rows: pd.DataFrame, room: Room, **how: bool) -> Iterator[FittingRows]:
    with DuckDBEngine() as engine:
        spine = Spine.of(engine, "rows", rows[["row_id", "lead_id", "as_of", "created_at"]])
        outcomes = Table.of(engine, "outcomes", rows[["row_id", "part", "label"]])
        with fitting_rows(engine, spine, outcomes, room, **how) as found:
            yield found


def taken(rows: pd.DataFrame, most: int, **how: bool) -> pd.DataFrame:
    """The rows that were taken, with their weights."""
    with fitted(rows, room_for(most), **how) as found:
        assert sorted(found.spine.engine.frame(f"SELECT row_id FROM {found.spine}")["row_id"]) == list(
            found.outcomes.index
        )
        known = rows.set_index("row_id").loc[found.outcomes.index]
        assert known["part"].equals(found.outcomes["part"].astype(known["part"].dtype))
        assert (known["label"] == found.outcomes["label"]).all()
        return known.assign(weight=1.0 if found.weight is None else found.weight)


def converted(rows: pd.DataFrame) -> pd.Series:
    """Whether a row's lead converts in the row's part."""
    return rows.groupby(["lead_id", "part"])["label"].transform("max") == 1


def test_what_fits_is_taken_as_it_is() -> None:
    rows = world()
    with fitted(rows, room_for(len(rows))) as found:
        assert (found.sample, found.weight) == (None, None)
        assert found.spine.name == "rows"
        assert len(found.outcomes) == len(rows)
    assert len(taken(rows, len(rows) - 1)) < len(rows)


def test_every_conversion_is_kept_and_no_lead_is_cut_in_two() -> None:
    rows = world()
    kept = taken(rows, 5_000)
    assert 0.9 * 5_000 < len(kept) < 1.05 * 5_000
    whole = rows.groupby(["lead_id", "part"]).size()
    assert (
        kept.groupby(["lead_id", "part"]).size() == whole.loc[kept.groupby(["lead_id", "part"]).size().index]
    ).all()
    train = rows[rows["part"] == "train"]
    won = train[converted(train)]
    assert set(won["row_id"]) <= set(kept.index)
    assert 0 < len(won) < 2_500, "else this law says nothing"
    drawn = kept[(kept["part"] == "train")]
    assert 0.2 < (~converted(drawn)).sum() / (~converted(train)).sum() < 0.5


def test_weights_stand_for_all_training_rows() -> None:
    rows = world()
    for most in (3_500, 5_000, 8_000):
        kept, train = taken(rows, most), rows[rows["part"] == "train"]
        drawn = kept[kept["part"] == "train"]
        assert drawn["weight"].sum() == pytest.approx(len(train), rel=1e-12)
        rate = (drawn["weight"] * drawn["label"]).sum() / drawn["weight"].sum()
        assert rate == pytest.approx(train["label"].mean(), rel=1e-12)
        assert set(drawn.loc[converted(drawn), "weight"]) == {1.0}
        assert (drawn.loc[~converted(drawn), "weight"] > 1).all()
        assert (kept.loc[kept["part"] == "test", "weight"] == 1).all()


def test_where_conversions_alone_do_not_fit_they_are_drawn_too() -> None:
    rows = world(conversions=0.6)
    kept, train = taken(rows, 3_000), rows[rows["part"] == "train"]
    drawn = kept[kept["part"] == "train"]
    share = converted(drawn).sum() / converted(train).sum()
    assert share < 0.5
    assert 0.4 < converted(drawn).mean() < 0.6, "half of the room for either kind"
    assert set(drawn.loc[converted(drawn), "weight"]) == {1.0}
    weighted = (drawn["weight"] * converted(drawn)).sum() / drawn["weight"].sum()
    assert weighted == pytest.approx(converted(train).mean(), rel=1e-12)
    assert drawn["weight"].sum() == pytest.approx(share * len(train), rel=1e-12)


def test_test_rows_are_kept_as_long_as_they_take_no_more_than_half() -> None:
    rows = world()
    tests = int((rows["part"] == "test").sum())
    assert (taken(rows, 2 * tests)["part"] == "test").sum() == tests
    fewer = taken(rows, tests)
    assert (fewer["part"] == "test").sum() == pytest.approx(tests / 2, rel=0.1)
    alone = rows[rows["part"] == "test"]
    assert len(taken(alone, tests - 100)) == pytest.approx(tests - 100, rel=0.02), (
        "train takes nothing from them"
    )


def test_which_leads_are_drawn_depends_on_their_ids_alone() -> None:
    rows = world()
    once, turned = taken(rows, 5_000), taken(rows.sample(frac=1, random_state=1), 5_000)
    assert once.index.equals(turned.index)
    assert (once["weight"] == turned["weight"]).all()
    less = taken(rows, 3_000)
    assert set(less["lead_id"]) < set(once["lead_id"]), "with more room the same leads, and others"

    def place(lead: str) -> tuple[int, str]:
        return int(hashlib.md5(f"sample of {lead}".encode()).hexdigest()[:8], 16) % 1_000_000, lead

    for part in ("train", "test"):
        mine = rows[rows["part"] == part]
        others = mine if part == "test" else mine[~converted(mine)]
        kept = once[(once["part"] == part) & once["lead_id"].isin(others["lead_id"])]
        drawn = set(kept["lead_id"])
        assert drawn == set(sorted(others["lead_id"].unique(), key=place)[: len(drawn)])


def test_test_rows_are_an_even_sample() -> None:
    """Over many ways to call the same leads, the kept test rows convert like all of them."""
    rates, every = [], 0.0
    for number in range(30):
        rows = world(conversions=0.3, leads=1_500, names=f"{number}-", seed=1)
        tests = rows[rows["part"] == "test"]
        kept = taken(rows, 2_000)
        part = kept[kept["part"] == "test"]
        assert len(part) < 0.9 * len(tests)
        rates.append(part["label"].mean())
        every = tests["label"].mean()
    error = np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) == pytest.approx(every, abs=4 * error)
    assert error < 0.02


def test_even_draws_need_no_weights() -> None:
    rows = world(conversions=0.3)
    with fitted(rows, room_for(4_000), evenly=True) as found:
        assert found.weight is None
        assert found.sample is not None
        assert {stratum.kind for stratum in found.sample.strata} == {"all"}
        assert "each counted" not in found.sample.message
    kept = taken(rows, 4_000, evenly=True)
    train = rows[rows["part"] == "train"]
    assert kept.loc[kept["part"] == "train", "label"].mean() == pytest.approx(train["label"].mean(), abs=0.03)


def test_the_hash_is_no_other_ones() -> None:
    """Rows that planning or a split without a clock takes by their hash are sampled like the rest."""
    rows = world(conversions=0.0)
    rows.loc[rows["lead_id"].isin(["L00001", "L00002"]), "label"] = 1
    own = rows["lead_id"].map(lambda lead: int(hashlib.md5(lead.encode()).hexdigest()[:8], 16) % 1_000_000)
    rows = rows[rows["part"] == "train"]
    kept = set(taken(rows, 4_000).index)
    low = rows[own[rows.index] < 500_000]
    assert low["row_id"].isin(kept).mean() == pytest.approx(rows["row_id"].isin(kept).mean(), abs=0.04)


def test_it_says_what_was_taken_and_what_to_do() -> None:
    rows = world()
    with fitted(rows, room_for(5_000, columns=100)) as found:
        assert found.sample is not None
        message, told = found.sample.message, found.sample.to_dict()
    by_kind = {(each["part"], each["kind"]): each for each in told["strata"]}
    won, others = by_kind["train", "converted"], by_kind["train", "others"]
    assert (
        f"learned from all {won['leads']:,} leads with a conversion and {others['kept_leads']:,} of"
        in message
    )
    assert f"{len(rows):,} rows × 100 columns need about {len(rows) * 100 * 64 / 1e6:.0f} MB" in message
    assert message.endswith("engine.memory allows little: raise it to take all")
    assert f"each counted {told['weights']['others']:.1f} times" in message
    assert sum(each["rows"] for each in told["strata"]) == len(rows)


def test_some_rows_are_always_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Room(1_000_000, 64_000_000, "").rows == lead_sample._FEWEST_ROWS
    rows = world(leads=600)
    monkeypatch.setattr(lead_sample, "_FEWEST_ROWS", 4)
    rows["label"] = ((rows["part"] == "train") & (rows["row_id"] % 40 == 0)).astype(int)
    kept = taken(rows, 4)
    assert kept.groupby(["part"])["lead_id"].nunique().to_dict() == {"train": 2, "test": 1}


def test_test_rows_with_one_outcome_are_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_sample, "_FEWEST_ROWS", 4)
    rows = world()
    kept = taken(rows, 2_000)
    left_out = rows[(rows["part"] == "test") & ~rows["row_id"].isin(kept.index)]
    rows.loc[rows["part"] == "test", "label"] = 0
    assert len(taken(rows, 2_000)) > 1_500, "no test row converts at all: that is for others to say"
    rows.loc[left_out.index[:3], "label"] = 1
    with pytest.raises(DataError, match="one outcome only"), fitted(rows, room_for(2_000)):
        pass


def test_every_table_is_dropped() -> None:
    rows = world()
    with DuckDBEngine() as engine:
        spine = Spine.of(engine, "rows", rows[["row_id", "lead_id", "as_of", "created_at"]])
        outcomes = Table.of(engine, "outcomes", rows[["row_id", "part", "label"]])
        names = "SELECT table_name AS name FROM duckdb_tables() ORDER BY name"
        before = list(engine.frame(names)["name"])
        with fitting_rows(engine, spine, outcomes, room_for(5_000)):
            assert len(engine.frame(names)) > len(before)
        assert list(engine.frame(names)["name"]) == before

"""The scores that stood on a past day, read from either database: of open leads, one row each, of one project."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.pipeline.writeback import parse_target, write_scores
from leadlens.pipeline.writeback.standing import Standing
from tests.pipeline.writeback_samples import AS_OF, run, scores

DAY = timedelta(days=1)


@pytest.fixture(params=["duckdb", "postgresql"])
def to(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'scores.duckdb'}"
    return str(request.getfixturevalue("postgres_url"))


def test_each_lead_has_the_score_that_stood_that_day(to: str) -> None:
    standing = Standing(parse_target(to), "lead_scores", "cars")
    frame = scores(4)
    facts = {"model_version": "cars/1", "project": "cars"}
    write_scores(frame, to, run=run("run-1", **facts))
    later = frame.assign(score=[99, *frame["score"][1:]])
    write_scores(later.iloc[:3], to, run=run("run-2", day=10, **facts))  # lead-3 left
    other = scores(6, seed=1).iloc[4:]
    write_scores(other, to, run=run("run-3", day=11, model_version="bikes/1", project="bikes"))

    assert standing.on(AS_OF - DAY).empty
    first = standing.on(AS_OF + 9 * DAY)
    assert first["lead_id"].tolist() == [f"lead-{n}" for n in range(4)]
    assert first["probability"].tolist() == frame["probability"].tolist(), "to the last digit"
    assert first["score"].tolist() == frame["score"].tolist()
    assert first["as_of"].eq(AS_OF).all()
    now = standing.on(AS_OF + 30 * DAY)
    assert now["lead_id"].tolist() == ["lead-0", "lead-1", "lead-2"], (
        "closed leads and other projects are not"
    )
    assert now["score"][0] == 99
    assert now["as_of"].tolist() == [AS_OF + 10 * DAY, AS_OF, AS_OF], (
        "unchanged rows stand as they were written"
    )


def test_nothing_written_is_refused(to: str) -> None:
    target = parse_target(to)
    for table in ("lead_scores", "crm.lead_scores"):
        standing = Standing(target, table, "cars")
        for read in (standing.on, standing.dates):
            with pytest.raises(UsageError, match="there is no"):
                read(AS_OF)
    if target.kind == "duckdb":
        assert not target.path.exists(), "reading makes nothing"
    write_scores(scores(2), to, run=run("run-1", model_version="bikes/1", project="bikes"))
    for table in ("lead_scores_of_old", "crm.lead_scores"):
        with pytest.raises(UsageError, match=f"there is no table {table}_history in this database"):
            Standing(target, table, "cars").dates(AS_OF)
    with pytest.raises(UsageError, match="no score of cars was ever written here") as refused:
        Standing(target, "lead_scores", "cars", known=[target.shown]).dates(AS_OF)
    assert (refused.value.value, refused.value.nearest) == (target.shown, [])


def test_the_dates_that_were_written(to: str) -> None:
    for n, day in enumerate((0, 10), start=1):
        facts = {"model_version": "cars/1", "project": "cars"}
        write_scores(scores(3, seed=n), to, run=run(f"run-{n}", day=day, **facts))
    write_scores(
        scores(6, seed=1).iloc[4:], to, run=run("run-3", day=11, model_version="bikes/1", project="bikes")
    )
    dates = Standing(parse_target(to), "lead_scores", "cars").dates
    last = AS_OF + 10 * DAY
    assert dates(AS_OF - DAY) == (None, last)
    assert dates(last - DAY / 24) == (AS_OF, last)
    assert dates(last) == dates(last + DAY) == (last, last)


def test_a_file_keeps_no_past_scores(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="past scores are not kept here"):
        Standing(parse_target(str(tmp_path / "scores.csv")), "lead_scores", "cars")

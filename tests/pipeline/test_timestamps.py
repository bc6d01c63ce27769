"""Moments of every kind are read as they were meant, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import psycopg
import pytest

from leadlens.features import DataError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history
from tests.pipeline.little_project import LittleProject


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_every_unit_with_and_without_a_zone(
    little: LittleProject, unit: str, zone: str | None
) -> None:
    want = little.events["occurred_at"].copy()
    moments = want.dt.tz_localize("UTC") if zone else want
    moments = moments.dt.tz_convert(zone) if zone else moments
    little.events["occurred_at"] = moments.dt.as_unit(unit)
    with open_history(load_project(little.write())) as history:
        found = history.engine.frame("SELECT occurred_at AS at FROM events ORDER BY 1")["at"]
    pd.testing.assert_series_equal(
        found.astype("datetime64[us]"),
        want.sort_values(ignore_index=True).astype("datetime64[us]"),
        check_names=False,
    )


@pytest.mark.parametrize("zone", ["BST", "CET", "PDT", "IST", "est", "MESZ"])
def test_abbreviations_of_zones_are_refused_by_name(little: LittleProject, zone: str) -> None:
    texts = little.events["occurred_at"].dt.strftime("%Y-%m-%d %H:%M:%S").tolist()
    little.events["occurred_at"] = [
        f"{text} {zone}" if place == 3 else text for place, text in enumerate(texts)
    ]
    with pytest.raises(
        DataError, match=rf"1 of [0-9]+ values in events.occurred_at has .*{zone}|{zone}"
    ) as refused:
        open_history(load_project(little.write()))
    assert zone in str(refused.value)
    assert "Region/City" in str(refused.value)


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("UTC", 0),
        ("GMT", 0),
        ("Z", 0),
        ("+02:00", 2),
        ("-0530", -5.5),
        ("Europe/Berlin", 1),
        ("America/New_York", -5),
    ],
)
def test_offsets_and_regions_are_read(little: LittleProject, written: str, hours: float) -> None:
    moment = pd.Timestamp("2024-12-20 10:00:00")
    little.events["occurred_at"] = f"{moment} {written}"
    with open_history(load_project(little.write())) as history:
        [found] = history.engine.frame("SELECT DISTINCT occurred_at AS at FROM events")["at"]
    assert found == moment - pd.Timedelta(hours=hours)


def test_postgresql_has_moments_without_end(little: LittleProject, postgres_url: str) -> None:
    """Infinity, years before Christ and beyond 9999 are unknown, counted and told, like in files."""
    little.leads["closed_at"] = pd.NaT
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS endless_leads")
        connection.execute(
            "CREATE TABLE endless_leads (lead_id text, created_at timestamp, closed_at timestamptz, born date, seen timestamp)"
        )
        rows = [
            (lead, created, ("infinity", "-infinity", None)[place % 3], ("infinity", "0044-03-15 BC", "1990-01-01")[place % 3],
             ("infinity", "0044-03-15 BC", "20000-01-01", "2024-02-01 08:00")[place % 4])
            for place, (lead, created) in enumerate(zip(little.leads["lead_id"], little.leads["created_at"], strict=True))
        ]  # fmt: skip
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO endless_leads VALUES (%s, %s, %s, %s, %s)", rows)
    little.data["leads"] = {"read": postgres_url, "table": "endless_leads"}
    try:
        with open_history(load_project(little.write())) as history:
            told = " ".join(finding.message for finding in history.findings if finding.code == "odd-moment")
            counts = history.engine.frame(
                "SELECT count(closed_at) AS c, count(born) AS b, count(seen) AS s FROM leads"
            )
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP TABLE endless_leads")
    count = len(rows)
    assert counts.iloc[0].tolist() == [0, sum(row[3] == "1990-01-01" for row in rows), count // 4]
    assert "leads.closed_at: 107 timestamps" in told
    assert "leads.born" in told
    assert "leads.seen" in told

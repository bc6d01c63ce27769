"""The benchmarks of reading and of a night: their world is what they say, and what they measure is counted right."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.child import tenth, unlike
from benchmarks.night_bench.commands import Cost, imports, median, run
from benchmarks.night_bench.results import rounded, table_of
from benchmarks.night_bench.sheet import sheet
from benchmarks.night_bench.state import State
from benchmarks.night_bench.world import END, FILES, NightWorld, reader
from benchmarks.read import Reading
from leadlens.pipeline.config import load_project
from leadlens.pipeline.sources import open_history
from tests.pipeline.postgres import DATABASE, PostgresServer, postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> NightWorld:
    made = NightWorld(tmp_path_factory.mktemp("bench"), leads=400, events=18_000)
    made.make()
    return made


def value(sql: str) -> object:
    return duckdb.execute(sql).fetchall()[0][0]


def test_leads_are_scattered_and_files_in_order_of_time(world: NightWorld) -> None:
    months = reader(world.months)
    assert value(f"SELECT count(*) FROM {months}") == pytest.approx(world.events, rel=0.05)
    assert value(f"SELECT count(DISTINCT event_id) FROM {months}") == value(f"SELECT count(*) FROM {months}")
    assert value(f"SELECT count(DISTINCT event_type) FROM {months}") == 12
    ends = [value(f"SELECT max(occurred_at) FROM {reader([path])}") for path in world.months]
    assert ends == sorted(ends)
    late = reader(world.months[5:])
    assert value(f"SELECT count(DISTINCT lead_id) FROM {late}") > 0.9 * world.leads
    leads = value(f"SELECT count(DISTINCT lead_id) FROM {reader(world.sources[:1])}")
    assert leads == world.leads


def test_leads_come_to_the_last_week_and_before_their_first_visit(world: NightWorld) -> None:
    leads, months = reader(world.sources[:1]), reader(world.months)
    last = f"SELECT count(*) FROM {leads} WHERE created_at BETWEEN TIMESTAMP '{END}' - INTERVAL {{}} AND TIMESTAMP '{END}'"
    assert value(last.format("7 DAYS")) > 0.5 * value(last.format("70 DAYS")) / 10 > 0  # type: ignore[operator]
    early = f"SELECT count(*) FROM {months} AS e JOIN {leads} AS l USING (lead_id) WHERE e.occurred_at < l.created_at"
    assert value(early) == 0


def test_one_lead_in_twenty_converts_and_more_of_those_that_ask(world: NightWorld) -> None:
    conversions, months = reader([world.data / "conversions.parquet"]), reader(world.months)
    assert value(f"SELECT count(*) FROM {conversions}") == pytest.approx(0.05 * world.leads, abs=3)
    assert value(f"SELECT max(converted_at) FROM {conversions}") < END
    asked = (
        f"SELECT avg(n) FROM (SELECT count(*) FILTER (event_type = 'quote_asked') AS n FROM {months} AS e "
        f"{{}} JOIN {conversions} AS c USING (lead_id) GROUP BY lead_id)"
    )
    assert value(asked.format("SEMI")) > 1.2 * value(asked.format("ANTI"))  # type: ignore[operator]


def test_what_comes_later_has_late_events_and_repeats(world: NightWorld) -> None:
    months, fresh = reader(world.months), reader([world.fresh])
    assert value(f"SELECT count(*) FROM {fresh}") == pytest.approx(world.events / 100, rel=0.35)
    assert value(f"SELECT count(*) FROM {fresh} WHERE occurred_at < TIMESTAMP '{END}'") > 0
    again = f"SELECT count(*) FROM ({{}} FROM {fresh} INTERSECT {{}} FROM {months})"
    assert value(again.format(*["SELECT *"] * 2)) == value(again.format(*["SELECT event_id"] * 2)) > 0
    original = world.months[FILES // 2]
    changed = value(
        f"SELECT count(*) FROM {reader([original])} AS a JOIN {reader([world.edited])} AS b USING (event_id) "
        "WHERE a.page IS DISTINCT FROM b.page"
    )
    rows = value(f"SELECT count(*) FROM {reader([original])}")
    assert 0 < changed / rows < 0.12  # type: ignore[operator]
    assert value(f"SELECT count(*) FROM {reader([world.edited])}") == rows


def test_every_form_is_the_same_history_and_comes_out_the_same_again(
    world: NightWorld, tmp_path: Path
) -> None:
    again, as_csv = replace(world, folder=tmp_path), replace(world, folder=tmp_path, form="csv")
    for other in (again, as_csv):
        other.make()
        alike = f"SELECT count(*) FROM (FROM {reader(world.months)} EXCEPT FROM {reader(other.months)})"
        assert value(alike) == 0
    assert [path.read_bytes() for path in again.sources] == [path.read_bytes() for path in world.sources]


def test_leadlens_reads_them_rich_or_not(world: NightWorld, tmp_path: Path) -> None:
    for each in (world, replace(world, folder=tmp_path, rich=True)):
        each.make()
        history = open_history(load_project(each.home))
        assert history.engine.count("events") == pytest.approx(each.events, rel=0.05)
        assert {finding.code for finding in history.findings} >= (
            {"leads-merged", "events-retracted", "bots-looked"} if each.rich else set()
        )
    assert len(sheet().attributes) + len(sheet().actions) == 30


def test_files_come_and_go_and_are_as_before(world: NightWorld) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in world.data.iterdir()}
    world.add_fresh()
    assert {path.name for path in world.data.iterdir()} - before.keys() == {world.fresh.name}
    world.put_edited()
    middle = world.months[FILES // 2]
    assert middle.read_bytes() == world.edited.read_bytes() != before[middle.name][1]
    world.restore()
    assert before == {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in world.data.iterdir()
    }


def test_a_state_is_put_back(tmp_path: Path) -> None:
    state = State(tmp_path)
    (state.home / "prepared" / "some").mkdir(parents=True)
    (state.home / "prepared" / "some" / "file").write_bytes(b"12345")
    assert state.prepared_bytes() == 5
    state.keep()
    state.clear()
    assert state.prepared_bytes() == 0
    state.restore()
    assert state.prepared_bytes() == 5


def test_the_cost_is_that_of_the_process_alone() -> None:
    held = bytearray(200 << 20)  # of this process
    work = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\nheld = bytearray(150 << 20)"
    busy, idle = (run([sys.executable, "-c", text]) for text in (work, "import time; time.sleep(0.3)"))
    assert 0.4 <= busy.cpu < 1.5
    assert idle.cpu < 0.3 <= idle.wall
    assert len(held) / 2**30 > busy.peak > 150 / 1024 > idle.peak


def test_what_fails_says_its_last_words() -> None:
    with pytest.raises(PartFailedError, match="no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_imports_are_those_of_the_command(tmp_path: Path) -> None:
    little, much = (
        imports(*command, home=tmp_path, rounds=1) for command in (["--version"], ["schema", tmp_path])
    )
    assert 0 < little < much < 10


def test_figures_and_tables() -> None:
    assert Cost(1.0, 2.0, 0.5, 'progress\n{"leads": 3}\n').told == {"leads": 3}
    assert rounded({"a": 1.23456, "b": None}) == {"a": 1.235, "b": None}
    assert median(iter([3.0, 1.0, 2.0]).__next__, 3) == 2.0
    assert table_of([("reading", "1.0", "2.0", "0.5", "")]).splitlines()[1:] == [
        "|---|---:|---:|---:|---|",
        "| reading | 1.0 | 2.0 | 0.5 |  |",
    ]


def test_a_reading_that_lost_events_is_refused(world: NightWorld) -> None:
    true = value(f"SELECT count(*) FROM {reader(world.months)}")
    reading = Reading(world, rounds=1)
    reading._right(Cost(1, 1, 1, f'{{"counts": {{"events": {true}}}}}'), world.months)
    with pytest.raises(PartFailedError, match="events of"):
        reading._right(Cost(1, 1, 1, '{"counts": {"events": 7}}'), world.months)


def test_the_plain_alternative_gets_a_tenth_with_all_it_did(world: NightWorld, tmp_path: Path) -> None:
    months = [str(path) for path in world.months]
    tenth(str(tmp_path), str(world.data / "leads.parquet"), str(world.data / "conversions.parquet"), months)
    leads, events = (reader([tmp_path / f"{name}.parquet"]) for name in ("leads", "events"))
    assert value(f"SELECT count(*) FROM {leads}") == pytest.approx(world.leads / 10, rel=0.5)
    assert value(f"SELECT count(*) FROM {events} ANTI JOIN {leads} USING (lead_id)") == 0
    all_theirs = f"SELECT count(*) FROM {reader(world.months)} SEMI JOIN {leads} USING (lead_id)"
    assert value(f"SELECT count(*) FROM {events}") == value(all_theirs)


def test_scores_that_differ_are_found(postgres_server: PostgresServer, postgres_url: str) -> None:
    postgres_server.execute("DROP DATABASE IF EXISTS anew")
    postgres_server.execute("CREATE DATABASE anew OWNER crm")
    rows = "CREATE TABLE scores AS SELECT 'L' || i AS lead_id, i / {} AS score, '{}' AS run_id FROM generate_series(1, {}) AS t(i)"
    for database, least, run_id, most in ((DATABASE, "2.0", "a", 9), ("anew", "2.0", "b", 8)):
        postgres_server.execute(rows.format(least, run_id, most), database)
        postgres_server.execute("GRANT SELECT ON scores TO crm", database)
    urls = {"url": postgres_url, "other": postgres_server.url("anew")}
    assert unlike(**urls, table="scores", but=["run_id"]) == {"rows": 8, "wrong": 0, "examples": []}
    postgres_server.execute("UPDATE scores SET score = 7 WHERE lead_id = 'L3'", "anew")
    assert unlike(**urls, table="scores", but=["run_id"])["examples"] == ["L3"]
    postgres_server.execute("DROP DATABASE anew")
    postgres_server.execute("DROP TABLE scores", DATABASE)

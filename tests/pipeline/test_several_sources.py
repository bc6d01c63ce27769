"""Several sources of one table, lists of files, and queries that read the project's other sources."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens.features import DataError, DuckDBEngine, History, LeadlensError
from leadlens.features.errors import UnavailableError
from leadlens.features.matrix import build_matrix
from leadlens.features.planning import plan_vocabulary
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import differences, open_prepared
from leadlens.pipeline.sources import open_history
from tests.pipeline.little_project import LittleProject

TABLES = ("leads", "events", "conversions")


class Activities:
    """The little project with its events in two exports: tasks and visits, each with columns of its own."""

    def __init__(self, folder: Path) -> None:
        self.project = LittleProject(folder)
        self.project.write()
        self.data = folder / "data"
        own = self.project.events
        self.tasks, self.visits = own[own.index % 3 == 0].copy(), own[own.index % 3 != 0].copy()
        self.project.data["events"] = [
            {
                "read": "data/Task*.csv",
                "columns": {"lead_id": "WhoId", "occurred_at": "CreatedDate", "event_type": "Subject"},
            },
            {"read": ["data/Visit.csv", "data/Visit2.csv"], "columns": {"page": "Url"}},
        ]
        self.write()

    @property
    def sources(self) -> list[dict[str, Any]]:
        sources: list[dict[str, Any]] = self.project.data["events"]
        return sources

    def write(self) -> None:
        names = {"lead_id": "WhoId", "occurred_at": "CreatedDate", "event_type": "Subject"}
        self.tasks.drop(columns="page").rename(columns=names).to_csv(self.data / "Task.csv", index=False)
        visits, half = self.visits.rename(columns={"page": "Url"}), len(self.visits) // 2
        visits[:half].to_csv(self.data / "Visit.csv", index=False)
        visits[half:].to_csv(self.data / "Visit2.csv", index=False)

    def path(self) -> Path:
        return self.project.write()

    def as_one_file(self) -> History:
        """What one file of all rows gives, under the names of the contract."""
        whole = pd.concat([self.tasks.assign(page=None), self.visits])
        whole.to_csv(self.data / "whole.csv", index=False)
        sources, self.project.data["events"] = self.sources, {"read": "data/whole.csv"}
        try:
            return open_history(load_project(self.path()))
        finally:
            self.project.data["events"] = sources


@pytest.fixture
def activities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Activities:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return Activities(tmp_path)


def content(history: History) -> dict[str, pd.DataFrame]:
    frames = {}
    for table in TABLES:
        names = ", ".join(sorted(set(history.engine.columns(table)) - {"event_id"}))
        frames[table] = history.engine.frame(f"SELECT {names} FROM {table} ORDER BY ALL")
    return frames


def features(history: History) -> pd.DataFrame:
    spine = build_spine(history, SpinePolicy(at_ages=(timedelta(days=1), timedelta(days=7))))
    return build_matrix(history, plan_vocabulary(history, spine), spine).frame


def test_several_sources_are_one_file_of_their_rows(activities: Activities) -> None:
    """Read into memory and prepared, to the last bit of the features."""
    one = activities.as_one_file()
    file = load_project(activities.path())
    for several in (open_history(file), open_prepared(file).history()):
        for table, frame in content(one).items():
            pd.testing.assert_frame_equal(frame, content(several)[table], obj=table)
        assert several.event_properties == one.event_properties
        pd.testing.assert_frame_equal(features(one), features(several), check_exact=True)


def edited(activities: Activities) -> None:
    activities.tasks.iloc[0, activities.tasks.columns.get_loc("seconds")] = 4321.5


def longer(activities: Activities) -> None:
    activities.visits = pd.concat([activities.visits, activities.visits[:3].assign(event_id=["x", "y", "z"])])


def wider(activities: Activities) -> None:
    activities.tasks["priority"] = "High"


def of_text(activities: Activities) -> None:
    activities.visits["seconds"] = "long"


@pytest.mark.parametrize("change", [edited, longer, wider, of_text])
def test_what_changes_in_one_source_is_read(activities: Activities, change: Any) -> None:
    open_prepared(load_project(activities.path()))
    change(activities)
    activities.write()
    file = load_project(activities.path())
    grown = open_prepared(file)
    assert grown.version == 2
    assert differences(file, grown) == ()
    one = activities.as_one_file()
    with grown.history() as history:
        for table, frame in content(one).items():
            pd.testing.assert_frame_equal(frame, content(history)[table], obj=table)


def test_a_new_file_of_one_source_alone_is_read(
    activities: Activities, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadlens.pipeline.prepared.sources import EventReader

    file = load_project(activities.path())
    open_prepared(file)
    names = {"lead_id": "WhoId", "occurred_at": "CreatedDate", "event_type": "Subject"}
    activities.tasks[:2].assign(event_id=["n1", "n2"]).rename(columns=names).drop(columns="page").to_csv(
        activities.data / "Task2.csv", index=False
    )
    read, really = [], EventReader.read

    def noted(self: Any, marks: Any) -> Any:
        found = list(marks)
        read.extend(Path(mark.path).name for mark in found)
        return really(self, found)

    monkeypatch.setattr(EventReader, "read", noted)
    grown = open_prepared(file)
    assert read == ["Task2.csv"]
    assert differences(file, grown) == ()


def test_a_source_that_goes_takes_its_rows_with_it(activities: Activities) -> None:
    open_prepared(load_project(activities.path()))
    (activities.data / "Visit2.csv").unlink()
    with pytest.raises(UnavailableError, match="read before is not there") as refused:
        open_prepared(load_project(activities.path()))
    assert "data.events.1" in str(refused.value)
    del activities.sources[1]
    with open_prepared(load_project(activities.path())).history() as history:
        assert history.engine.count("events") == len(activities.tasks)


def test_where_and_findings_name_the_source(activities: Activities) -> None:
    activities.sources[0]["where"] = "event_type <> 'page_viewed'"
    activities.tasks["seconds"] = activities.tasks["seconds"].astype(object)
    mails = activities.tasks["event_type"] == "email_opened"
    activities.tasks.loc[mails, "seconds"] = [2.5 + n for n in range(mails.sum())]
    activities.tasks.loc[activities.tasks.index[mails][:2], "seconds"] = "later"
    activities.write()
    gone = int((activities.tasks["event_type"] == "page_viewed").sum())
    file = load_project(activities.path())
    for history in (open_history(file), open_prepared(file).history()):
        told = {finding.code: finding.message for finding in history.findings}
        assert told["where"] == f"{gone} rows of {len(activities.tasks)} left out by data.events.0.where"
        assert ", in data.events.0 (data/Task*.csv)" in told["text-in-number"]


def test_rows_that_occur_twice_are_named_as_of_one_file(activities: Activities) -> None:
    activities.tasks = pd.concat([activities.tasks, activities.tasks[:3]])
    activities.write()
    with activities.as_one_file() as one:
        wanted = [each.message for each in one.findings if each.code == "event-repeated"]
    assert [message.split()[0] for message in wanted] == ["3"]
    file = load_project(activities.path())
    for several in (open_history(file), open_prepared(file).history()):
        with several as history:
            assert set(wanted) <= {each.message for each in history.findings}


def test_bad_values_name_their_source(activities: Activities) -> None:
    activities.visits["occurred_at"] = activities.visits["occurred_at"].astype(object)
    activities.visits.iloc[-1, activities.visits.columns.get_loc("occurred_at")] = "yesterday"
    activities.write()
    file = load_project(activities.path())
    for open_ in (open_history, lambda file: open_prepared(file).history()):
        with pytest.raises(DataError, match=r"1 of .* is not a timestamp") as refused:
            open_(file)
        assert refused.value.where == "project.yaml: data.events.1 (data/Visit.csv, data/Visit2.csv)"


def test_numbers_of_one_and_texts_of_another_are_text(activities: Activities) -> None:
    activities.tasks["seconds"] = "12 min"
    activities.write()
    file = load_project(activities.path())
    for history in (open_history(file), open_prepared(file).history()):
        assert history.event_properties["seconds"] in ("category", "text")


def refused(activities: Activities) -> str:
    with pytest.raises(LeadlensError) as error:
        open_history(load_project(activities.path()))
    return str(error.value)


def test_names_that_differ_by_case_are_refused(activities: Activities) -> None:
    activities.sources[1]["columns"]["Seconds"] = "seconds"
    assert re.search(r"seconds, Seconds.*columns: \{seconds: Seconds\}", refused(activities), re.DOTALL)


def test_a_file_named_twice_is_refused(activities: Activities) -> None:
    activities.sources[1]["read"] = ["data/Visit.csv", "data/Visit*.csv"]
    assert "Visit.csv, by data/Visit.csv and data/Visit*.csv" in refused(activities)


def test_a_list_holds_no_database(activities: Activities) -> None:
    activities.sources[1]["read"] = ["data/Visit.csv", "sqlite:///x.db"]
    assert "a list under `read` is a list of files" in refused(activities)


def test_an_empty_list_is_refused(activities: Activities) -> None:
    activities.project.data["events"] = []
    assert "this list is empty" in refused(activities)


def test_where_takes_the_name_after_the_mapping(activities: Activities) -> None:
    activities.sources[1]["where"] = "Url <> 'Home'"
    text = refused(activities)
    assert "data.events.1.where" in text
    assert "write page in place of Url" in text


def test_several_sources_of_leads(activities: Activities) -> None:
    leads = activities.project.leads
    leads[:10].rename(columns={"city": "Ort"}).to_csv(activities.data / "old.csv", index=False)
    leads[10:].to_csv(activities.data / "new.csv", index=False)
    one = content(open_history(load_project(activities.path())))["leads"]
    activities.project.data["leads"] = [  # type: ignore[assignment]
        {"read": "data/old.csv", "columns": {"city": "Ort"}},
        {"read": "data/new.csv"},
    ]
    file = load_project(activities.path())
    for history in (open_history(file), open_prepared(file).history()):
        pd.testing.assert_frame_equal(content(history)["leads"], one)


# queries


def joined(activities: Activities) -> None:
    """The tasks name leads by their e-mail address, which stands in another file."""
    leads = activities.project.leads[["lead_id"]].assign(mail=lambda own: own["lead_id"] + "@x.com")
    leads.to_csv(activities.data / "mails.csv", index=False)
    tasks = activities.tasks.merge(leads, on="lead_id", how="left").drop(columns=["lead_id", "page"])
    tasks.rename(columns={"mail": "WhoId", "occurred_at": "CreatedDate", "event_type": "Subject"}).to_csv(
        activities.data / "Task.csv", index=False
    )
    activities.project.data["others"] = {"mails": {"read": "data/mails.csv"}}
    activities.sources[0]["query"] = (
        "SELECT source.* EXCLUDE (WhoId), m.lead_id AS WhoId FROM source LEFT JOIN mails AS m ON m.mail = source.WhoId"
    )


def test_a_query_reads_another_source(activities: Activities) -> None:
    one = content(activities.as_one_file())
    joined(activities)
    file = load_project(activities.path())
    for history in (open_history(file), open_prepared(file).history()):
        pd.testing.assert_frame_equal(content(history)["events"], one["events"])


def test_what_changes_in_the_other_source_is_seen(activities: Activities) -> None:
    joined(activities)
    open_prepared(load_project(activities.path()))
    mails = pd.read_csv(activities.data / "mails.csv")
    mails.loc[mails["lead_id"] == activities.tasks["lead_id"].iloc[0], "lead_id"] = "L001"
    mails.to_csv(activities.data / "mails.csv", index=False)
    file = load_project(activities.path())
    grown = open_prepared(file)
    assert grown.version == 2
    assert differences(file, grown) == ()


def test_a_query_reads_a_table_of_the_project(activities: Activities) -> None:
    activities.sources[0]["query"] = "SELECT * FROM source WHERE WhoId IN (SELECT lead_id FROM Leads LIMIT 0)"
    with open_history(load_project(activities.path())) as history:
        assert history.engine.count("events") == len(activities.visits)


def test_a_name_of_the_query_itself_is_no_source(activities: Activities) -> None:
    activities.sources[0]["query"] = "WITH leads AS (SELECT * FROM source) SELECT * FROM leads"
    with open_history(load_project(activities.path())) as history:
        assert history.engine.count("events") == len(activities.project.events)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"events": "SELECT * FROM events"}, "a query reads its own files under the name `source`"),
        ({"leads": "SELECT * FROM leads"}, "a query reads its own files under the name `source`"),
        (
            {"leads": "SELECT source.* FROM source, conversions LIMIT 0", "conversions": "SELECT * FROM source, leads"},
            "leads → conversions → leads",
        ),
        ({"leads": "SELECT * FROM source, events"}, "which of them is meant is not clear"),
        ({"leads": "SELECT * FROM source, deals"}, "further sources are named under data.others"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_answered(
    activities: Activities, settings: dict[str, str], words: str
) -> None:
    data = activities.project.data
    for table, query in settings.items():
        (data[table][0] if isinstance(data[table], list) else data[table])["query"] = query
    assert words in refused(activities)
    with pytest.raises(LeadlensError, match=re.escape(words)):
        open_prepared(load_project(activities.path()))


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"leads": {"read": "x.csv"}}, "has the name of a table of the project"),
        ({"source": {"read": "x.csv"}}, "has the name of a query's own source"),
        ({"My deals": {"read": "x.csv"}}, "does not fit into a query"),
        ({"deals": {"read": "x.csv", "where": "a = 1"}}, "others.deals.where would have no effect"),
    ],
)
def test_other_sources_that_cannot_be_named(
    activities: Activities, others: dict[str, Any], words: str
) -> None:
    activities.project.data["others"] = others
    assert words in refused(activities)


def test_the_engine_of_several_sources_is_left_clean(activities: Activities) -> None:
    with DuckDBEngine() as engine, open_history(load_project(activities.path()), engine):
        names = engine.frame("SELECT table_name FROM information_schema.tables")["table_name"]
        assert not [name for name in names if name.startswith(("part_", "renamed", "raw_"))], list(names)

"""Kinds of bad input: timestamps in odd spellings and in an odd order."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from tests.pipeline.kinds import Break, Table
from tests.pipeline.little_project import LittleProject

TIMESTAMPS = Table()
wrong_use, refused, reported = TIMESTAMPS.wrong_use, TIMESTAMPS.refused, TIMESTAMPS.reported


def one_creation(moment: str) -> Break:
    """The eighth lead's created_at, as text."""

    def change(project: LittleProject) -> None:
        project.leads["created_at"] = project.leads["created_at"].astype(str)
        project.leads.loc[7, "created_at"] = moment

    return change


def serial_dates(project: LittleProject) -> None:
    """All created_at as a spreadsheet counts days."""
    project.leads["created_at"] = 45_352.525 + project.leads.index


def creations(pattern: str) -> Break:
    """All created_at, written like this."""

    def change(project: LittleProject) -> None:
        project.leads["created_at"] = project.leads["created_at"].dt.strftime(pattern)

    return change


def all_created(written: str) -> Break:
    """All created_at the same text."""

    def change(project: LittleProject) -> None:
        project.leads["created_at"] = written

    return change


reported("a lead without created_at", "1 lead without created_at: left out", leads=159)(one_creation(""))
refused("a date in words", "1 of 160 values in leads.created_at is not a timestamp", "'last May'", "missing")(
    one_creation("last May")
)
reported("a date that is not known", "('N/A' 1), read as missing", "1 lead without created_at", leads=159)(
    one_creation("N/A")
)
refused("a date that no calendar has", "is not a timestamp", "2024-02-30")(one_creation("2024-02-30"))
refused("a day before the month", "is not a timestamp", "31/12/2026", "strptime")(one_creation("31/12/2026"))
refused("days and months that cannot be told apart", "160 of 160 values", "dates: day first", "wrong guess")(
    all_created("01/03/2024")
)
reported("American dates", "leads.created_at: dates such as 01/31/2026, read month first", leads=160)(
    creations("%m/%d/%Y %H:%M")
)
refused("infinity as a date", "is not a timestamp", "infinity")(one_creation("-infinity"))
wrong_use(
    "dates as the numbers of a spreadsheet",
    "holds numbers, not timestamps",
    "days of a spreadsheet",
    "* 86400",
)(serial_dates)
wrong_use("dates as numbers", "holds numbers, not timestamps", "20240301", "strptime")(creations("%Y%m%d"))
reported("a lead of 2062", "1 lead in the future (to 2062-01-01): left out", leads=159)(
    one_creation("2062-01-01")
)
reported("a lead of the year 1", "1 timestamp before the year 1000", "1 lead without created_at", leads=159)(
    one_creation("0001-01-01")
)
reported("a lead of 1900", "1 lead with created_at before 1970-01-02", leads=160)(one_creation("1900-01-01"))
reported("a year of five digits", "1 timestamp before the year 1000 or after 9000", leads=159)(
    one_creation("99999-01-01")
)


@reported(
    "time zones here and there", "leads.created_at: 80 timestamps with a time zone and 80 without", leads=160
)
def _(project: LittleProject) -> None:
    project.leads["created_at"] = project.leads["created_at"].astype(str)
    project.leads.loc[::2, "created_at"] += "+02:00"


@refused("all leads in the future", "no lead is left", "160 leads in the future")
def _(project: LittleProject) -> None:
    project.leads["created_at"] += timedelta(days=365 * 38)


@refused("no lead with created_at", "no lead is left", "160 leads without created_at")
def _(project: LittleProject) -> None:
    project.leads["created_at"] = None


@reported(
    "events and conversions of 2062",
    "1 event in the future",
    "1 conversion in the future",
    events=399,
    conversions=72,
)
def _(project: LittleProject) -> None:
    project.events.loc[4, "occurred_at"] = project.conversions.iloc[4, 1] = pd.Timestamp("2062-01-01")


@reported("an event that is known in 2062", "1 event in the future", events=399)
def _(project: LittleProject) -> None:
    project.events["known_at"] = project.events["occurred_at"]
    project.events.loc[4, "known_at"] = pd.Timestamp("2062-01-01")


@reported("events known before they occurred", "400 events with known_at before occurred_at", events=400)
def _(project: LittleProject) -> None:
    project.events["known_at"] = project.events["occurred_at"] - timedelta(days=9)


@reported("events before their leads", "400 events dated before the lead was created", events=400)
def _(project: LittleProject) -> None:
    project.events["occurred_at"] -= timedelta(days=500)


@reported(
    "conversions before their leads", "73 conversions dated before the lead was created", conversions=73
)
def _(project: LittleProject) -> None:
    project.conversions["converted_at"] -= timedelta(days=50)


@reported("leads closed before they were created", "10 leads closed before created", spine=150)
def _(project: LittleProject) -> None:
    project.leads.loc[:9, "closed_at"] = pd.Timestamp("2023-01-01")


@refused(
    "all leads closed before they were created", "no lead is open", "160 leads, data to 2024", "closed_at"
)
def _(project: LittleProject) -> None:
    project.leads["closed_at"] = pd.Timestamp("2023-01-01")


@reported(
    "9999-12-31 for never closed",
    "leads.closed_at: 160 timestamps before the year 1000 or after 9000",
    spine=160,
)
def _(project: LittleProject) -> None:
    project.leads["closed_at"] = "9999-12-31"


@refused("yes for closed", "160 of 160 values in leads.closed_at are not timestamps", "'yes'")
def _(project: LittleProject) -> None:
    project.leads["closed_at"] = "yes"


@wrong_use("true for closed", "holds true and false, not timestamps", "is_closed_at: closed_at")
def _(project: LittleProject) -> None:
    project.leads["closed_at"] = True


@reported(
    "events taken back before they were known",
    "400 events retracted: each counts until its retracted_at",
    "400 events retracted before known: they never count",
    events=400,
)
def _(project: LittleProject) -> None:
    project.events["retracted_at"] = project.events["occurred_at"]


@refused("a taking back that is no moment", "events.retracted_at is not a timestamp", "'later'")
def _(project: LittleProject) -> None:
    project.events["retracted_at"] = None
    project.events.loc[3, "retracted_at"] = "later"

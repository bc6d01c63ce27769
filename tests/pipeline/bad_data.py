"""Kinds of bad input: what stands in the five tables."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.pipeline.kinds import Break, Table, setting
from tests.pipeline.little_project import START, LittleProject

DATA = Table()
wrong_use, refused, reported = DATA.wrong_use, DATA.refused, DATA.reported


def parquet(project: LittleProject, *names: str) -> None:
    for name in names:
        getattr(project, name).to_parquet(project.folder / f"{name}.parquet")
        project.data[name]["read"] = f"{name}.parquet"


# names


@wrong_use("a column name with a slip", "needs a column created_at", "did you mean: create_at")
def _(project: LittleProject) -> None:
    project.leads = project.leads.rename(columns={"created_at": "create_at"})


wrong_use("a rename of a column that is not there", "no such column", "did you mean: lead_id")(
    setting("data", "leads", "columns", to={"lead_id": "leadid"})
)


@wrong_use("a rename the wrong way round", "the wrong way round", "columns: {known_at: knownat}")
def _(project: LittleProject) -> None:
    project.events["knownat"] = project.events["occurred_at"]
    project.data["events"]["columns"] = {"knownat": "known_at"}


reported("one column under two names", leads=160)(
    setting("data", "leads", "columns", to={"lead_id": "lead_id", "email": "lead_id"})
)


@wrong_use("a column with a name of ours", "name is reserved", "row_id", "rename yours")
def _(project: LittleProject) -> None:
    project.leads["row_id"] = 1


@wrong_use(
    "a property with a name of ours", "name is reserved", "_Event_key", "rename yours: columns: {my_Event_key"
)
def _(project: LittleProject) -> None:
    project.events["_Event_key"] = 1


@reported("columns named like those of our statements", leads=160, events=400)
def _(project: LittleProject) -> None:
    names = "a b n v r e rows source value values column_name content occurred lead stranger why winner nth filename code since at"
    for place, name in enumerate(names.split()):
        project.leads[name] = project.leads["city"] if place % 2 else float(place)
        project.events[name] = project.events["page"] if place % 3 else float(place)
    for name in ("occurred_at", "_source"):
        project.leads[name] = project.leads["city"]


@wrong_use("a column named like a feature", "two features have the same name", "last_action")
def _(project: LittleProject) -> None:
    project.leads["last_action"] = project.leads["city"]


@reported("columns with every kind of name", leads=160, events=400)
def _(project: LittleProject) -> None:
    for name in ('a "quoted" one', "[x]", "select", "two\nlines", "a__b", "x;--", "it's", "%s {value}", "has changes: city",
                 "label", "as_of", "n", "key", "_outcome", "income.filled", " padded ", "Stadt – 城市 🙂"):  # fmt: skip
        project.leads[name] = project.leads["city"]
        project.events[name] = project.events["page"]


@reported("values with every kind of text", leads=160, events=400)
def _(project: LittleProject) -> None:
    odd = [
        "'; DROP TABLE leads; --",
        'a"b',
        "{value}",
        "%s",
        "\\",
        "a\nb",
        "\u202eabc",
        "x" * 5000,
        "東京 🙂",
    ]
    project.leads["city"] = [odd[number % 9] for number in range(160)]
    project.events["event_type"] = [odd[number % 9] for number in range(400)]
    project.events["page"] = project.events["event_type"]


@reported("event types that differ by case", events=400)
def _(project: LittleProject) -> None:
    project.events.loc[::2, "event_type"] = project.events.loc[::2, "event_type"].str.upper()


# numbers


@reported(
    "text in a number", "leads.income holds numbers and 1 value of text ('a lot'), read as missing", leads=160
)
def _(project: LittleProject) -> None:
    project.leads["income"] = project.leads["income"].astype(str)
    project.leads.loc[3, "income"] = "a lot"


@reported(
    "text in a number of the contract", "conversions.value holds numbers and 1 value of text ('100 EUR')"
)
def _(project: LittleProject) -> None:
    project.conversions["value"] = ["100 EUR", *["100"] * 72]


@reported("currencies in numbers", "leads.income holds formatted numbers ('$1000.0'")
def _(project: LittleProject) -> None:
    project.leads["income"] = "$" + project.leads["income"].astype(str)


@reported(
    "NaN and infinity", "leads.income: 3 values NaN, infinite or beyond 1e100, read as missing", leads=160
)
def _(project: LittleProject) -> None:
    project.leads.loc[3:5, "income"] = [np.inf, -np.inf, 1e300]


@reported("NaN and infinity as words", "events.seconds: 1 value NaN, infinite", events=400)
def _(project: LittleProject) -> None:
    project.events["seconds"] = project.events["seconds"].astype(str)
    project.events.loc[3:4, "seconds"] = ["NaN", "-Infinity"]


# ids


@refused("an id twice, with different values", "1 id occurs more than once in leads", "L004")
def _(project: LittleProject) -> None:
    project.leads.loc[5, "lead_id"] = "L004"


@refused("an account twice, with different values", "1 id occurs more than once in accounts", "A4")
def _(project: LittleProject) -> None:
    project.use("accounts").accounts.loc[5, "account_id"] = "A4"


@reported(
    "rows twice, alike in every column",
    "3 leads identical to another in every column",
    "400 events identical",
    leads=160,
    events=400,
)
def _(project: LittleProject) -> None:
    project.leads = pd.concat([project.leads, project.leads.head(3)])
    project.events = pd.concat([project.events, project.events])


@reported("events twice without event_id", "400 events without event_id, identical", events=800)
def _(project: LittleProject) -> None:
    project.events = pd.concat([project.events, project.events]).drop(columns="event_id")


@reported("different events of one event_id", "2 events with the event_id of a different event", events=398)
def _(project: LittleProject) -> None:
    project.events.loc[3:5, "event_id"] = "e"


@reported(
    "an event of an unknown lead", "1 event of leads that are not in leads (such as X1): left out", events=399
)
def _(project: LittleProject) -> None:
    project.events.loc[5, "lead_id"] = "X1"


@reported("a conversion of an unknown lead", "1 conversion of leads that are not in leads", conversions=72)
def _(project: LittleProject) -> None:
    project.conversions.iloc[5, 0] = "X1"


@reported(
    "whole numbers here, leading zeros there",
    "none of 400 events belongs to a lead",
    "of the form 00000, those in leads 0",
)
def _(project: LittleProject) -> None:
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = table["lead_id"].str[1:].astype(int)
    project.events["lead_id"] = project.events["lead_id"].astype(str).str.zfill(5)
    parquet(project, "leads", "events")


@reported(
    "ids in another case",
    "none of 400 events belongs to a lead",
    "of the form l000, those in leads L000",
    events=0,
)
def _(project: LittleProject) -> None:
    project.events["lead_id"] = project.events["lead_id"].str.lower()


@reported("12 here, 12.0 there", "1 event without lead_id", events=399, conversions=73)
def _(project: LittleProject) -> None:
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = table["lead_id"].str[1:].astype(int)
    project.events["lead_id"] = project.events["lead_id"].astype(float)
    project.events.loc[0, "lead_id"] = None


@reported("twenty digits", events=400, conversions=73)
def _(project: LittleProject) -> None:
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = "12345678901234567" + table["lead_id"].str[1:]


@refused(
    "ids that lost digits", "160 ids in leads.lead_id are floating-point numbers of 16 digits", "as text"
)
def _(project: LittleProject) -> None:
    project.leads["lead_id"] = 1e17 + np.arange(160) * 16
    parquet(project, "leads")


@reported("ids of 10,000 characters, in another script", events=400, conversions=73)
def _(project: LittleProject) -> None:
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = "x" * 10_000 + "李" + table["lead_id"]


@reported("spaces around ids", events=400)
def _(project: LittleProject) -> None:
    project.events["lead_id"] = " " + project.events["lead_id"] + " "


@reported("a lead without id", "1 lead without lead_id: left out", leads=159)
def _(project: LittleProject) -> None:
    project.leads.loc[4, "lead_id"] = " "


# what is there at all


@reported("no conversion", "same outcome", "no training row converted", conversions=0)
def _(project: LittleProject) -> None:
    project.conversions = project.conversions.head(0)


@reported("nothing but conversions", "same outcome", "every training row converted", conversions=160)
def _(project: LittleProject) -> None:
    created = project.leads["created_at"]
    project.conversions = project.leads[["lead_id"]].assign(converted_at=created + timedelta(days=5))


@reported("one lead", "no row is mature", leads=1)
def _(project: LittleProject) -> None:
    project.leads = project.leads.head(1)


@reported("all leads at one moment", "no row is left to learn from", leads=160)
def _(project: LittleProject) -> None:
    project.leads["created_at"] = START


@reported("a column equal to the outcome", "won alone tells conversions apart (ROC AUC 1.000)", "known_after")
def _(project: LittleProject) -> None:
    project.leads["won"] = project.leads["lead_id"].isin(project.conversions["lead_id"])


@reported("a column filled in at the sale", "contract.filled alone tells conversions apart", "known_after")
def _(project: LittleProject) -> None:
    project.leads["contract"] = project.leads["lead_id"].where(
        project.leads["lead_id"].isin(project.conversions["lead_id"])
    )


@reported("an event recorded at the sale", "any__gap alone tells conversions apart", "data.events.where")
def _(project: LittleProject) -> None:
    occurred = project.conversions["converted_at"] - timedelta(days=4.9)
    handover = project.conversions[["lead_id"]].assign(occurred_at=occurred, event_type="handover")
    project.events = pd.concat([project.events, handover])


@reported("10,000 event types", events=10_400, features=34)
def _(project: LittleProject) -> None:
    lead = [f"L{number % 160:03}" for number in range(10_000)]
    more = pd.DataFrame({"lead_id": lead, "event_type": [f"type {number}" for number in range(10_000)]})
    project.events = pd.concat([project.events, more.assign(occurred_at=START + timedelta(hours=1))])


@reported("10,000 categories", leads=10_000, features=0)
def _(project: LittleProject) -> None:
    created = [START + timedelta(minutes=10 * number) for number in range(10_000)]
    names = {"lead_id": [f"L{number:03}" for number in range(10_000)], "created_at": created}
    project.leads = pd.DataFrame(names).assign(town=[f"town {number}" for number in range(10_000)])


@reported("empty text, spaces and nothing", leads=160)
def _(project: LittleProject) -> None:
    project.leads["city"] = ["", " ", "Bern", None] * 40
    parquet(project, "leads")


@reported("lists, bytes and columns without a value", leads=160)
def _(project: LittleProject) -> None:
    project.leads = project.leads.assign(tags=[["a"]] * 160, blob=[b"\xff\x00"] * 160, nothing=None)
    parquet(project, "leads")


@reported("events without a type", "2 events without event_type: left out", events=398)
def _(project: LittleProject) -> None:
    project.events.loc[3:4, "event_type"] = [None, " "]


@reported(
    "accounts that are not there", "80 leads of an account that is not in accounts (such as A0)", accounts=10
)
def _(project: LittleProject) -> None:
    project.accounts = project.use("accounts").accounts.tail(10)


# changes of attributes


def change_of(**told_instead: object) -> Break:
    return lambda project: setattr(project, "changes", project.use("changes").changes.assign(**told_instead))


reported(
    "a change of an unknown attribute",
    "attribute that leads lack (such as citty; did you mean city?)",
    changes=0,
)(change_of(attribute="citty"))
reported("a change of an unknown entity", "neither lead nor account (such as person)", changes=0)(
    change_of(entity="person")
)
reported("a change of an entity in the plural", "(such as leads; did you mean lead?)", changes=0)(
    change_of(entity="leads")
)
for name in ("lead_id", "account_id", "created_at", "closed_at"):
    reported(f"a change of {name}", f"which do not change (such as {name}): left out", changes=0)(
        change_of(attribute=name, value="2024-03-02")
    )
reported("a change of an unknown lead", "1 change of leads that are not in leads (such as X)", changes=0)(
    change_of(id="X")
)
reported("a change without known_at", "1 change without known_at: left out", changes=0)(
    change_of(known_at=None)
)
reported("a change of a number to text", "leads' income to what is not a number (such as Lima)", changes=1)(
    change_of(attribute="income")
)
reported("an entity in another case", changes=1)(change_of(entity="Lead"))


# merged leads


def aliases(*rows: tuple[str | None, str | None], **columns: str) -> Break:
    """Merges of (old id, what it became)."""

    def change(project: LittleProject) -> None:
        frame = pd.DataFrame(rows, columns=["old_id", "lead_id"]).assign(**columns)
        project.files["data/aliases.csv"] = frame.to_csv(index=False).encode()
        project.data["aliases"] = {"read": "data/aliases.csv"}

    return change


refused("merges in a circle", "these merges form a cycle", "L003 → L007 → L005 → L003", "data.aliases")(
    aliases(("L001", "L003"), ("L003", "L007"), ("L007", "L005"), ("L005", "L003"))
)
refused("an old id that became two leads", "1 old id became more than one lead", "L001 became L002, L003")(
    aliases(("L001", "L002"), ("L001", "L003"), ("L001", "L003"))
)
reported(
    "a merge into a lead that is not there",
    "1 merge into leads that are not in leads (such as L999)",
    leads=160,
)(aliases(("L001", "L999")))
reported(
    "a merge of a lead into itself", "1 merge of a lead into itself (such as L001): left out", leads=160
)(aliases(("L001", "L001")))
reported("merges with gaps", "1 merge without old_id", "2 merges without lead_id", leads=159)(
    aliases((None, "L001"), ("L002", None), ("L003", None), ("L004", "L005"))
)
reported("a merge in the future", "1 merge in the future (such as 2062", leads=160)(
    aliases(("L001", "L002"), merged_at="2062-01-01")
)
reported("the same merge twice", "1 old id merged into 1 lead", leads=159)(
    aliases(("L001", "L002"), ("L001", "L002"))
)
reported("merges of ids that are nowhere", "0 leads merged", leads=160, events=400)(
    aliases(("X", "L002"), ("Y", "X"))
)


@wrong_use("merges without old_id", "the table aliases needs a column old_id", "did you mean: oldid")
def _(project: LittleProject) -> None:
    aliases(("L001", "L002"))(project)
    project.files["data/aliases.csv"] = b"oldid,lead_id\nL001,L002\n"


@wrong_use(
    "a property called machine where one is to be added", "already have a column machine", "rename yours"
)
def _(project: LittleProject) -> None:
    project.events["machine"] = True
    project.settings["hygiene"] = {"bots": {"mode": "feature"}}


@refused("hygiene that leaves nobody", "no lead is left after hygiene", "160 leads for which", "less strict")
def _(project: LittleProject) -> None:
    project.settings["hygiene"] = {"exclude_leads": "income > 0"}

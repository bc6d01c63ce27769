"""Kinds of bad input: settings of the project file and the score sheet."""

from __future__ import annotations

from typing import Any

from tests.pipeline.kinds import Break, Table, setting
from tests.pipeline.little_project import LittleProject

SETTINGS = Table()
wrong_use, refused, reported = SETTINGS.wrong_use, SETTINGS.refused, SETTINGS.reported
_INJECTION = "1=1; DROP TABLE leads; --"


def where(condition: str) -> Break:
    return setting("data", "leads", "where", to=condition)


def query(select: str) -> Break:
    return setting("data", "leads", "query", to=select)


def counting(condition: str) -> Break:
    return setting("features", "counts", to=[{"label": "Mine", "when": condition}])


def sheet(condition: str, **settings: Any) -> Break:
    def change(project: LittleProject) -> None:
        project.settings |= {"scorecards": ["sheet.yaml"], **settings}
        rule = f'{{label: Mine, when: "{condition}", points: 5}}'
        project.files["sheet.yaml"] = f"sheet: little\nattributes:\n- {rule}\n".encode()

    return change


def flat(order: Any = None, **outcome: Any) -> Break:
    """One row per lead, with a column that tells the outcome."""

    def change(project: LittleProject) -> None:
        won = [("yes", "no", "no", "Yes", "no")[number % 5] for number in range(160)]
        project.leads = project.leads.assign(won=won, paid=[1.0, 0.0, None, 0.0, 1.0] * 32, never=None)
        project.settings |= {"data": {"leads": {"read": "data/leads.csv"}}, "spine": {}}
        project.settings["outcome"] = {"column": "won", **outcome}
        if order is not None:
            project.settings["order"] = order

    return change


# conditions and queries

wrong_use("an injection in where", "';' is not allowed in a condition", "data.leads.where")(where(_INJECTION))
wrong_use("another table in where", "'SELECT' is not allowed")(
    where("lead_id IN (SELECT lead_id FROM events)")
)
wrong_use("a file in where", "'read_text' is not a function")(where("read_text('/etc/passwd') = 'x'"))
wrong_use("a cursor of leads", "leads.cursor would have no effect", "every other table is read whole")(
    setting("data", "leads", "cursor", to="lead_id")
)
wrong_use("a column in where that is not there", "no column 'citty'", "did you mean: city")(
    where("citty = 'Bern'")
)
wrong_use("text against a number in where", "income is a number, but '30' is text")(where("income > '30'"))
refused("a where that keeps nobody", "the table leads is empty", "where")(where("city = 'Nowhere'"))
wrong_use("an injection in a count", "';' is not allowed in a condition", "features.counts[0]")(
    counting(_INJECTION)
)
wrong_use("a column in a count that is not there", "did you mean: page")(counting("pages = 'Pricing'"))
wrong_use("an injection in a sheet", "';' is not allowed", "sheet.yaml:3 ('Mine')")(sheet(_INJECTION))
wrong_use("a column in a sheet that is not there", "did you mean: city", "sheet.yaml:3")(
    sheet("citty = 'Bern'")
)
wrong_use("a hidden column in a sheet", "no column 'city'")(sheet("city = 'Bern'", known_after=["city"]))
reported("a value in a sheet that never occurs", "did you mean 'Bern'?", "sheet.yaml:3")(
    sheet("city = 'Berne'")
)
wrong_use("a sheet that is not there", "no such score sheet", "cards/a.yaml")(
    setting("scorecards", to=["cards/a.yaml"])
)
wrong_use("a query that deletes", "a query is one SELECT", "DELETE FROM source")(query("DELETE FROM source"))
wrong_use("two statements as query", "a query is one SELECT")(
    query("SELECT * FROM source; DROP TABLE source")
)
wrong_use("a query that writes a file", "a query is one SELECT")(query("COPY source TO 'x.csv'"))
wrong_use("a query that reads a file", "does not run", "disabled")(
    query("SELECT * FROM read_text('/etc/passwd')")
)
wrong_use("a query that reads a file by name", "does not run")(query("SELECT * FROM 'data/events.csv'"))
wrong_use("a query that reads a Python variable", "does not run", "from `source` only")(
    query("SELECT * FROM sandbox")
)
wrong_use("a query of a column that is not there", "does not run", "columns are: lead_id")(
    query("SELECT a FROM source")
)
wrong_use("a query that fails at a row", "does not run", "'Bern'")(
    query("SELECT CAST(city AS INT) FROM source")
)
wrong_use("an empty query", "a query is one SELECT")(query(""))
wrong_use("a query in plain English", "not valid SQL")(query("gimme the leads"))
refused("a query that gives a name twice", "the same name", "REPLACE")(
    query("SELECT *, upper(city) AS city FROM source")
)

# durations, moments and numbers

for length in ("30 days", "1y", "-7d", "1.5d", "99999999999d", "0d", 30, None):
    wrong_use(f"a horizon of {length}", "outcome.horizon", "project.yaml:10", "7d")(
        setting("outcome", "horizon", to=length)
    )
wrong_use("a window of no time", "features.windows.0", "a duration of zero")(
    setting("features", "windows", to=["0d"])
)
wrong_use("a window of a century and more", "features.windows.0", "at most 36600d")(
    setting("features", "windows", to=["40000d"])
)
wrong_use("a half-life of no time", "features.half_life", "a duration of zero")(
    setting("features", "half_life", to="0d")
)
wrong_use("a grid that is too fine", "at least 1h")(setting("spine", to={"every": "1m"}))
wrong_use("two ways of choosing moments", "not at_ages and every")(
    setting("spine", to={"every": "7d", "at_ages": ["1d"]})
)
reported("no way of choosing moments", spine=318)(setting("spine", to={}))
refused("ages that no lead reaches", "no lead is open", "160 leads")(
    setting("spine", to={"at_ages": ["10000d"]})
)
refused("moments beyond the data", "no lead is open", "data to 2024")(
    setting("spine", to={"dates": ["2050-01-01"]})
)
refused("leads of another century", "no lead is open")(setting("spine", to={"since": "2050-01-01"}))
wrong_use("a moment in words", "spine.dates.0", "tomorrow", "2026-01-31")(
    setting("spine", to={"dates": ["tomorrow"]})
)
wrong_use("moments from an unknown column", "not a column of leads", "created_at")(
    setting("spine", to={"column": "created"})
)
wrong_use("moments from a column of text", "not a date", "city")(setting("spine", to={"column": "city"}))
wrong_use("a test beyond the data", "no mature row lies after", "2050-01-01")(
    setting("judge", to={"test_from": "2050-01-01"})
)
reported("a test before the data", "no row is left to learn from")(
    setting("judge", to={"test_from": "2000-01-01"})
)
reported("an embargo longer than the history", "no row is left to learn from")(
    setting("judge", to={"embargo": "900d"})
)
wrong_use("a test that ends before it begins", "judge.test_to must be after")(
    setting("judge", to={"test_from": "2024-04-10", "test_to": "2024-04-01"})
)
wrong_use("a share of one", "judge.test_share", "less than 1")(setting("judge", to={"test_share": 1.0}))
wrong_use("a share in words", "judge.test_share", "a number is expected")(
    setting("judge", to={"test_share": "a quarter"})
)
wrong_use("trials without end", "model.trials", "10000")(setting("model", to={"trials": 10**9}))
wrong_use("data that end before they begin", "data.ends is before", "2000-01-01")(
    setting("data", "ends", to="2000-01-01")
)
reported("data that end in the far future", "data.ends is 2100-01-01")(
    setting("data", "ends", to="2100-01-01")
)

# names

wrong_use("an unknown setting", "unknown key", "did you mean: outcome?")(setting("outcomes", to={}))
wrong_use("an unknown setting in a section", "unknown key in judge", "did you mean: test_from")(
    setting("judge", to={"test_form": "2024-01-01"})
)
wrong_use("an unknown table", "unknown key in data", "did you mean: events")(
    setting("data", "event", to={"read": "x"})
)
wrong_use("an unknown kind of conversion", "no conversion is of this kind", "did you mean: sale")(
    setting("outcome", "kind", to=["sales"])
)
wrong_use("text where a list is meant", "outcome.kind", "a list is expected")(
    setting("outcome", "kind", to="sale")
)
wrong_use("settings where text is meant", "data.leads.read", "one text is expected")(
    setting("data", "leads", "read", to={"a": "b"})
)
wrong_use("a yes that YAML takes for true", "data.leads.missing.0", "in quotes")(
    setting("data", "leads", "missing", to=[True])
)
wrong_use("a name with spaces", "name: it is not written as", "My Project!", "lowercase letters")(
    setting("name", to="My Project!")
)
wrong_use("a value of 100,000 characters", "name: it is not written as", "xxx…")(
    setting("name", to="x" * 100_000)
)
wrong_use("hiding an unknown column", "known_after", "did you mean: city")(
    setting("known_after", to=["citty"])
)
wrong_use("hiding lead_id", "a column of the data contract", "lead_id")(
    setting("known_after", to=["lead_id"])
)
wrong_use("hiding created_at", "a column of the data contract", "created_at")(
    setting("known_after", to=["created_at"])
)
for key in ("drop", "behavioural", "firmographic"):
    wrong_use(f"an unknown column in features.{key}", f"features.{key}", "did you mean: city")(
        setting("features", key, to=["citty"])
    )


reported("words for an event type that is not there", "emial_opened", "did you mean email_opened?")(
    setting("features", "labels", to={"emial_opened": "Opened", "any": "A", "city": "B", "page_viewed": "C"})
)
reported("words for a value that is not there", "did you mean page_viewed: Pricing")(
    setting("features", "labels", to={"page_viewed: Prising": "Prices", "page_viewed: Careers": "Jobs"})
)
wrong_use("memory for nothing", "engine.memory", "too little memory", "at least 64MB")(
    setting("engine", to={"memory": "1MB"})
)


@wrong_use("one label for two counts", "two features have the same name", "features.counts")
def _(project: LittleProject) -> None:
    setting("features", "counts", to=[{"label": "Mine", "when": "page = 'Pricing'"}] * 2)(project)


@wrong_use("two thousand mistakes", "2,000 mistakes", "and 1,990 more")
def _(project: LittleProject) -> None:
    project.settings |= {f"key{number}": 1 for number in range(2000)}


@wrong_use("a password where settings are meant", "data.leads: settings are expected", "ann:***@h/db")
def _(project: LittleProject) -> None:
    project.data["leads"] = "postgresql://ann:hunter2@h/db"  # type: ignore[assignment]


# flat data

reported("flat data", spine=160, conversions=64, leads=160)(flat())
reported("an outcome of 1.0, 0.0 and nothing", conversions=64, mature=128)(
    flat(column="paid", positive=["1"])
)
wrong_use("an outcome column that is not there", "outcome.column is not in leads", "did you mean: won")(
    flat(column="wonn")
)
reported(
    "an outcome that never occurs",
    "never has a value in outcome.positive (sold): it has no, Yes, yes",
    conversions=0,
)(flat(positive=["sold"]))
reported("an outcome that is never told", "no row is mature", mature=0)(flat(column="never"))
wrong_use("an outcome of true for text", "outcome.positive.0", "in quotes")(flat(positive=[True]))
wrong_use("a kind of conversion in flat data", "outcome.kind selects from data.conversions")(
    flat(kind=["sale"])
)
wrong_use("an outcome told twice", "give the conversions once")(setting("outcome", to={"column": "city"}))
wrong_use("an outcome not told", "give the conversions once")(lambda project: project.data.pop("conversions"))
wrong_use("flat data looked at later", "as of its creation")(
    lambda project: (flat()(project), setting("spine", to={"at_ages": ["1d"]})(project))
)
reported("an outcome that is hidden too", conversions=64)(
    lambda project: (flat()(project), setting("known_after", to=["won"])(project))
)
wrong_use("an order column that is not there", "order names a column", "did you mean: income")(
    flat(order={"column": "incom"})
)
refused("an order column without a value", "no lead is left", "created_at")(flat(order={"column": "never"}))
wrong_use("an order in words", "order: settings are expected", "city")(flat(order="city"))
reported("no order", conversions=64, spine=160)(flat(order="none"))
reported("an order by a column that is hidden too", conversions=64)(
    lambda project: (
        flat(order={"column": "income"})(project),
        setting("known_after", to=["income"])(project),
    )
)
wrong_use("an order beside dates", "order is for flat data")(setting("order", to={"column": "income"}))

# hygiene


def hygiene(**settings: Any) -> Break:
    return setting("hygiene", to=settings)


def bots(**settings: Any) -> Break:
    return hygiene(bots={"mode": "filter", **settings})


wrong_use("an injection in exclude_leads", "';' is not allowed", "hygiene.exclude_leads")(
    hygiene(exclude_leads=_INJECTION)
)
wrong_use("a column in exclude_leads that is not there", "no column 'citty'", "did you mean: city")(
    hygiene(exclude_leads="citty = 'Bern'")
)
wrong_use(
    "own domains without addresses",
    "leads have no column of e-mail addresses or their domains",
    "ours.com",
    "your_column",
    "1 column of text here: city",
)(hygiene(internal_domains=["ours.com"]))
for domain in ("ours", "a b.com", "ann@ours.com", "https://ours.com", "", "%.com"):
    wrong_use(f"a domain {domain!r}", "hygiene.internal_domains", "written ours.com")(
        hygiene(internal_domains=[domain])
    )
wrong_use("a mode for bots that is none", "hygiene.bots.mode", "'filter'")(hygiene(bots={"mode": "remove"}))
wrong_use("a pattern that is none", "hygiene.bots.patterns.0", "'every_link'")(bots(patterns=["every link"]))
wrong_use("a burst of one", "hygiene.bots.burst", "2")(bots(burst=1))
wrong_use("a click that is an open", "either a click or an open: email_opened")(
    bots(clicks=["email_opened"], opens=["email_opened"])
)
wrong_use("a mail property that is not there", "events have no such property", "did you mean: page")(
    bots(mail="pages")
)
wrong_use("an unknown hygiene", "unknown key in hygiene", "did you mean: bots")(
    hygiene(bot={"mode": "filter"})
)
reported("bots without clicks", "found no event type for clicks: list yours", events=400)(bots())
reported(
    "clicks that never occur", "no event has the type 'page_view'; did you mean page_viewed?", events=400
)(bots(clicks=["page_view"]))
reported("hygiene off", events=400, leads=160)(hygiene(bots={"mode": False}, test_leads=False))

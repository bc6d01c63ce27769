"""The columns of the tables that Leadlens writes: their kind, and one sentence each on what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "moment", "number", "whole", "json"]
Dialect = Literal["duckdb", "postgresql"]

# The first type of each kind is the one we create; the others are accepted in a table that was there before.
SQL_TYPES: dict[Dialect, dict[Kind, tuple[str, ...]]] = {
    "duckdb": {
        "text": ("VARCHAR",),
        "moment": ("TIMESTAMP",),
        "number": ("DOUBLE",),
        "whole": ("INTEGER", "SMALLINT", "BIGINT"),
        "json": ("JSON",),
    },
    "postgresql": {
        "text": ("text", "character varying"),
        "moment": ("timestamp with time zone", "timestamp without time zone"),
        "number": ("double precision",),
        "whole": ("integer", "smallint", "bigint"),
        "json": ("jsonb",),
    },
}


@dataclass(frozen=True)
class Column:
    """One column of a written table.

    Attributes
    ----------
    name, kind : what it is called and what it holds; ``SQL_TYPES`` has the type of each database.
    about : one sentence; it becomes the column's comment in the database.
    required : a missing value is refused.
    compared : a difference here makes a row a changed row (see ``pipeline.writeback.statements``).
    in_history : kept in the history table too. The reasons and the ledger are not: they are most of the
        bytes, and any past score can be replayed from its model and scorecard version.
    """

    name: str
    kind: Kind
    about: str
    required: bool = False
    compared: bool = True
    in_history: bool = True

    def sql_type(self, dialect: Dialect) -> str:
        return SQL_TYPES[dialect][self.kind][0]


SCORE_COLUMNS: tuple[Column, ...] = (
    Column("lead_id", "text", "The lead; one row each.", required=True, compared=False),
    Column(
        "as_of",
        "moment",
        "The moment (UTC) as of which this row last changed; scoring_runs tells when it was last confirmed.",
        required=True,
        compared=False,
    ),
    Column("probability", "number", "Chance of converting within the horizon, 0 to 1.", required=True),
    Column(
        "score", "whole", "Score 1 to 99: 50 is the average lead, ten more doubles the odds.", required=True
    ),
    Column("grade", "text", "The model's grade: fit A to D, engagement 4 to 1: A4 fits and is active."),
    Column(
        "stage", "text", "Funnel stage: Lead, MQL, SQL, Disqualified, or No sheet if none is for the lead."
    ),
    Column("trend", "text", "Where the sheet's points went in the last 7 days: rising, falling or steady."),
    Column("route", "text", "What to do next, whose work it is, and why, by the sheet's routes."),
    Column("fit_points", "number", "Points of the score that come from who the lead is."),
    Column("engagement_points", "number", "Points of the score that come from what the lead did."),
    Column("rule_points", "number", "Total of the hand-written score sheet."),
    Column("rule_grade", "text", "Grade by the hand-written score sheet."),
    Column("rule_stage", "text", "Stage by the hand-written score sheet."),
    Column("reasons", "json", "Start and reasons in points; together they are the score.", in_history=False),
    Column("reasons_text", "text", "The strongest reasons in plain words.", in_history=False),
    Column("ledger", "json", "The dated events behind every line of the score sheet.", in_history=False),
    Column("model_version", "text", "The model that gave the probability."),
    Column("scorecard_version", "text", "Content hash of the score sheet."),
    Column(
        "run_id",
        "text",
        "The run that last changed this row; see scoring_runs.",
        required=True,
        compared=False,
    ),
    Column("explanation_url", "text", "A page that explains the score.", in_history=False),
)

HISTORY_COLUMNS: tuple[Column, ...] = (
    *(column for column in SCORE_COLUMNS if column.in_history),
    Column("change", "text", "What the run did to the lead's row: inserted or updated.", required=True),
)

RUN_COLUMNS: tuple[Column, ...] = (
    Column("run_id", "text", "The run; its scores were all written, or it is not here.", required=True),
    Column("scores_table", "text", "The table it wrote to.", required=True),
    Column("started_at", "moment", "When the run began (UTC).", required=True),
    Column("finished_at", "moment", "When it was about to commit (UTC).", required=True),
    Column("status", "text", "done: every score of the run is in the table.", required=True),
    Column("as_of", "moment", "The moment (UTC) the leads were scored as of.", required=True),
    Column("rows", "whole", "Leads scored.", required=True),
    Column("inserted", "whole", "Leads that had no row before.", required=True),
    Column("updated", "whole", "Leads whose row changed.", required=True),
    Column("unchanged", "whole", "Leads whose row was confirmed and not touched.", required=True),
    Column("model_version", "text", "The model that scored."),
    Column("scorecard_version", "text", "Content hash of the score sheet."),
    Column("config_fingerprint", "text", "Content hash of the project file."),
)

SCORES_KEY = ("lead_id",)
HISTORY_KEY = ("lead_id", "run_id")
RUNS_KEY = ("run_id", "scores_table")

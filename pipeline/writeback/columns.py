"""The columns of the tables that Leadlens writes: their kind, and one sentence each on their meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "timestamp", "number", "whole", "json"]
Dialect = Literal["duckdb", "postgresql"]

# New tables use the first type of each kind; the others are accepted in existing tables.
SQL_TYPES: dict[Dialect, dict[Kind, tuple[str, ...]]] = {
    "duckdb": {
        "text": ("VARCHAR",),
        "timestamp": ("TIMESTAMP",),
        "number": ("DOUBLE",),
        "whole": ("INTEGER", "SMALLINT", "BIGINT"),
        "json": ("JSON",),
    },
    "postgresql": {
        "text": ("text", "character varying"),
        "timestamp": ("timestamp with time zone", "timestamp without time zone"),
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
    name, kind : ``SQL_TYPES`` has the type of a kind in each database.
    about : one sentence; it becomes the column's comment in the database.
    required : a missing value is refused.
    compared : a difference here makes a row a changed row (see ``leadlens.pipeline.writeback.statements``). What drifts while
        a lead does nothing is not compared: a row that is not written stays as it was as of its ``as_of``, and adds up.
    in_whole : compared as whole numbers, as people read points.
    came_later : tables made by earlier versions lack it: it is added to them (see ``leadlens.pipeline.writeback.shape``).
    default : what it holds in rows that were there before it was added.
    ours : the write-back fills it, not who scores.
    in_history : kept in the history table too. Reasons and ledger are not: they are most of the bytes, and any
        past score can be replayed from its model and scorecard version.
    """

    name: str
    kind: Kind
    about: str
    required: bool = False
    compared: bool = True
    in_whole: bool = False
    in_history: bool = True
    came_later: bool = False
    default: str | None = None
    ours: bool = False

    def sql_type(self, dialect: Dialect) -> str:
        return SQL_TYPES[dialect][self.kind][0]

    def as_compared(self, value: str) -> str:
        """SQL of what is compared of ``value``, in every dialect."""
        return f"(round({value}) + 0)" if self.in_whole else value  # + 0: -0.0 is 0


OPEN, CLOSED = "open", "closed"
# By what people know a lead, called so that columns of the CRM in the same table keep theirs. They are empty unless the project asks for them, and in no history: names go when a lead does.
PEOPLE = {
    "lead_name": "The lead's name",
    "lead_email": "The lead's e-mail address",
    "lead_company": "The lead's company",
    "lead_owner": "Who works the lead",
}

SCORE_COLUMNS: tuple[Column, ...] = (
    Column("lead_id", "text", "The lead; one row each.", required=True, compared=False),
    Column(
        "as_of",
        "timestamp",
        "As-of date (UTC) of this row: of its last change; open_lead_scores has when it was last confirmed.",
        required=True,
        compared=False,
    ),
    Column(
        "probability",
        "number",
        "Probability of converting within the horizon, 0 to 1.",
        required=True,
        compared=False,
    ),
    Column(
        "score", "whole", "Score 1 to 99: 50 is the average lead, ten more doubles the odds.", required=True
    ),
    Column(
        "grade",
        "text",
        "Grade by the model: fit A to D, engagement 4 to 1. A4 fits and is active. A side without features is left out.",
    ),
    Column(
        "stage",
        "text",
        "Funnel stage: Lead, MQL, SQL, Disqualified, or No sheet if no sheet applies to the lead.",
    ),
    Column("trend", "text", "Trend of the sheet's points over the last 7 days: rising, falling or steady."),
    Column("route", "text", "Next step, its owner and the reason, by the routes of the sheet."),
    Column("fit_points", "number", "Points of the score from who the lead is.", compared=False),
    Column("engagement_points", "number", "Points of the score from what the lead did.", compared=False),
    Column("rule_points", "number", "Total of the hand-written score sheet.", in_whole=True),
    Column("rule_grade", "text", "Grade by the hand-written score sheet."),
    Column("rule_stage", "text", "Stage by the hand-written score sheet."),
    Column(
        "reasons",
        "json",
        "Base value and reasons in points; they add up to the score.",
        compared=False,
        in_history=False,
    ),
    Column("reasons_text", "text", "The strongest reasons as text.", in_history=False),
    Column(
        "ledger",
        "json",
        "The dated events behind each line of the score sheet.",
        compared=False,
        in_history=False,
    ),
    Column("model_version", "text", "Version of the model."),
    Column("scorecard_version", "text", "Content hash of the score sheet."),
    Column(
        "run_id",
        "text",
        "The run that last changed this row; see scoring_runs.",
        required=True,
        compared=False,
    ),
    Column("explanation_url", "text", "URL of a page that explains the score.", in_history=False),
    *(
        Column(
            name,
            "text",
            f"{about}, where the project keeps it here (scores.people).",
            in_history=False,
            came_later=True,
        )
        for name, about in PEOPLE.items()
    ),
    Column(
        "status",
        "text",
        "open: call it; closed: the lead left, and the row keeps its last score.",
        required=True,
        came_later=True,
        default=OPEN,
        ours=True,
    ),
    Column(
        "closed_reason",
        "text",
        "Why a closed lead left: objected (to profiling), converted, closed, merged, filtered, or vanished from the data.",
        came_later=True,
        ours=True,
    ),
    Column(
        "confirmed_at",
        "timestamp",
        "When a run last found a closed lead open (UTC). Of open leads: open_lead_scores.",
        compared=False,
        in_history=False,
        came_later=True,
        ours=True,
    ),
)

HISTORY_COLUMNS: tuple[Column, ...] = (
    *(column for column in SCORE_COLUMNS if column.in_history),
    Column(
        "change",
        "text",
        "What the run did to the lead's row: inserted, updated, closed or reopened.",
        required=True,
    ),
)

RUN_COLUMNS: tuple[Column, ...] = (
    Column("run_id", "text", "The run.", required=True),
    Column("scores_table", "text", "The table it writes to.", required=True),
    Column("started_at", "timestamp", "When the run began (UTC).", required=True),
    Column("finished_at", "timestamp", "When it ended (UTC): if done, when it committed."),
    Column(
        "status",
        "text",
        "done: all scores of the run are in the table; else started, refused, failed, stopped or killed.",
        required=True,
    ),
    Column("as_of", "timestamp", "As-of date (UTC) of the scores."),
    Column("rows", "whole", "Number of leads scored."),
    Column("inserted", "whole", "Number of leads without a row before."),
    Column("updated", "whole", "Number of leads whose row changed, those that came back included."),
    Column("unchanged", "whole", "Number of leads whose row was confirmed and not touched."),
    Column("model_version", "text", "Version of the model."),
    Column("scorecard_version", "text", "Content hash of the score sheet."),
    Column("config_fingerprint", "text", "Content hash of the project file."),
    Column("data_version", "whole", "Version of the prepared history that was scored.", came_later=True),
    Column("stages", "json", "Rows, seconds and memory of each stage of the run.", came_later=True),
    Column("project", "text", "The project whose leads were scored.", came_later=True),
    Column("closed", "whole", "Number of leads that left since the run before.", came_later=True),
    Column("error", "text", "What ended the run, if it is not done.", came_later=True),
    Column("warnings", "json", "What the run warned of.", came_later=True),
)

SCORES_KEY = ("lead_id",)
HISTORY_KEY = ("lead_id", "run_id")
RUNS_KEY = ("run_id", "scores_table")

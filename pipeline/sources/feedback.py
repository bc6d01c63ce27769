"""Feedback on leads, never a feature: the verdicts of sales and the answers of customers."""

from __future__ import annotations

from leadlens.features import DataError, DuckDBEngine, Finding, Step
from leadlens.features.errors import counted, listed
from leadlens.pipeline.sources.cleaning import Cleaner

TABLES = ("verdicts", "answers")
# What CRMs write, in lower case; a check box arrives as true and false, or 1 and 0.
_SPELLINGS = {
    "accepted": ("accepted", "accept", "approved", "qualified", "good", "yes", "true", "1"),
    "rejected": ("rejected", "reject", "declined", "disqualified", "unqualified", "bad", "no", "false", "0"),
}


def clean_feedback(engine: DuckDBEngine, findings: list[Finding], where: str) -> None:
    """Clean ``verdicts(lead_id, given_at, verdict, reason, by)`` and ``answers(lead_id, answered_at, question, answer)``.

    Only those of leads that are left are kept. Afterwards ``verdict`` is ``accepted`` or ``rejected``, once per lead
    and timestamp, and no answer occurs twice. ``where`` names the project file. Raises ``DataError`` for a verdict
    in an unknown spelling.
    """
    cleaner = _FeedbackCleaner(engine, findings)
    cleaner.verdicts(f"{where}: data.verdicts")
    cleaner.answers()


class _FeedbackCleaner(Cleaner):
    """The cleaner of the contract tables, for feedback."""

    def verdicts(self, where: str) -> None:
        self._normalize_verdicts(where)
        self._keep_usable("verdicts", ("lead_id", "given_at", "verdict"))
        both = "SELECT lead_id, given_at FROM verdicts GROUP BY 1, 2 HAVING count(DISTINCT verdict) > 1"
        contradictory = f"(lead_id, given_at) IN ({both})"
        problem = "that both accept and reject a lead at the same time"
        self._keep("verdicts", f"NOT ({contradictory})", "verdict-torn", problem, "lead_id")
        before = self.engine.count("verdicts")
        # prefer the one with a reason
        order = 'lead_id, given_at, reason NULLS LAST, "by" NULLS LAST'
        once = f"SELECT DISTINCT ON (lead_id, given_at) * FROM verdicts ORDER BY {order}"
        self.engine.run([Step("verdicts", once)])
        repeated = before - self.engine.count("verdicts")
        self._report(
            "verdict-repeated", repeated, "verdict", "given twice for that lead and time: kept once", "note"
        )

    def answers(self) -> None:
        self._keep_usable("answers", ("lead_id", "answered_at", "question", "answer"))
        before = self.engine.count("answers")
        self.engine.run([Step("answers", "SELECT DISTINCT * FROM answers")])
        repeated = before - self.engine.count("answers")
        self._report(
            "answer-repeated", repeated, "answer", "identical to another in every column: kept once", "note"
        )

    def _keep_usable(self, table: str, needed: tuple[str, ...]) -> None:
        thing, timestamp = table.removesuffix("s"), needed[1]
        for column in needed:
            self._keep(table, f"{column} IS NOT NULL", f"{thing}-incomplete", f"without {column}")
        self._keep_known_leads(table, f"{thing}-unknown-lead")
        self._drop_future(table, timestamp)
        created = f"(SELECT l.created_at FROM leads AS l WHERE l.lead_id = {table}.lead_id)"
        problem = "dated before the lead was created (a date without a time is midnight)"
        self._keep(table, f"{timestamp} >= {created}", f"{thing}-early", problem, "lead_id")

    def _normalize_verdicts(self, where: str) -> None:
        literal = self.engine.dialect.literal
        lower = "lower(verdict)"
        whens = " ".join(
            f"WHEN {lower} IN ({', '.join(map(literal, spellings))}) THEN {literal(verdict)}"
            for verdict, spellings in _SPELLINGS.items()
        )
        known = [spelling for spellings in _SPELLINGS.values() for spelling in spellings]
        unknown = f"verdicts WHERE {lower} NOT IN ({', '.join(map(literal, known))})"
        if count := self.engine.count(unknown):
            values = self.engine.frame(
                f"SELECT verdict AS v FROM {unknown} GROUP BY 1 ORDER BY count(*) DESC, v"
            )["v"]
            accepted, rejected = (listed(spellings[1:]) for spellings in _SPELLINGS.values())
            raise DataError(
                f"{counted(count, 'verdict')} {'is' if count == 1 else 'are'} neither accepted nor rejected",
                value=str(values[0]) if len(values) == 1 else listed(values, 5),
                known=known,
                where=where,
                why="a misread verdict would count for the opposite",
                fix=f"write accepted (or {accepted}) and rejected (or {rejected}); filter other rows out with "
                "`where`, or list their texts under `missing`",
            )
        self.engine.run([Step("verdicts", f"SELECT * REPLACE (CASE {whens} END AS verdict) FROM verdicts")])

"""What people said about leads: the verdicts of sales and the answers of customers. Feedback, never a feature."""

from __future__ import annotations

from features import DataError, DuckDBEngine, Finding, Step
from features.errors import counted, listed
from pipeline.sources.cleaning import Cleaner

TABLES = ("verdicts", "answers")
# What CRMs write, in small letters; a check box arrives as true and false, or 1 and 0.
_WORDS = {
    "accepted": ("accepted", "accept", "approved", "qualified", "good", "yes", "true", "1"),
    "rejected": ("rejected", "reject", "declined", "disqualified", "unqualified", "bad", "no", "false", "0"),
}


def clean_feedback(engine: DuckDBEngine, findings: list[Finding], where: str) -> None:
    """Make ``verdicts(lead_id, given_at, verdict, reason, by)`` and ``answers(lead_id, answered_at, question, answer)``
    fit the leads that are left; ``where`` names the project file.

    Afterwards ``verdict`` is ``accepted`` or ``rejected``, once per lead and moment, and every answer stands once.
    Raises ``DataError`` for a verdict in another word.
    """
    cleaner = _FeedbackCleaner(engine, findings)
    cleaner.verdicts(f"{where}: data.verdicts")
    cleaner.answers()


class _FeedbackCleaner(Cleaner):
    """The cleaner of the contract tables, for what people said."""

    def verdicts(self, where: str) -> None:
        self._in_our_words(where)
        self._keep_usable("verdicts", ("lead_id", "given_at", "verdict"))
        both = "SELECT lead_id, given_at FROM verdicts GROUP BY 1, 2 HAVING count(DISTINCT verdict) > 1"
        torn = f"(lead_id, given_at) IN ({both})"
        words = "that both accept and reject a lead at one moment"
        self._keep("verdicts", f"NOT ({torn})", "verdict-torn", words, "lead_id")
        before = self.engine.count("verdicts")
        # the one with a reason says more
        order = 'lead_id, given_at, reason NULLS LAST, "by" NULLS LAST'
        once = f"SELECT DISTINCT ON (lead_id, given_at) * FROM verdicts ORDER BY {order}"
        self.engine.run([Step("verdicts", once)])
        repeated = before - self.engine.count("verdicts")
        self._tell(
            "verdict-repeated", repeated, "verdict", "said before of that lead and moment: kept once", "note"
        )

    def answers(self) -> None:
        self._keep_usable("answers", ("lead_id", "answered_at", "question", "answer"))
        before = self.engine.count("answers")
        self.engine.run([Step("answers", "SELECT DISTINCT * FROM answers")])
        repeated = before - self.engine.count("answers")
        self._tell(
            "answer-repeated", repeated, "answer", "alike in every column to another: kept once", "note"
        )

    def _keep_usable(self, table: str, needed: tuple[str, ...]) -> None:
        thing, moment = table.removesuffix("s"), needed[1]
        for column in needed:
            self._keep(table, f"{column} IS NOT NULL", f"{thing}-incomplete", f"without {column}")
        self._keep_known_leads(table, f"{thing}-unknown-lead")
        self._drop_future(table, moment)
        born = f"(SELECT l.created_at FROM leads AS l WHERE l.lead_id = {table}.lead_id)"
        words = "dated before the lead was created (a day without a time is its midnight)"
        self._keep(table, f"{moment} >= {born}", f"{thing}-early", words, "lead_id")

    def _in_our_words(self, where: str) -> None:
        literal = self.engine.dialect.literal
        plain = "lower(verdict)"
        whens = " ".join(
            f"WHEN {plain} IN ({', '.join(map(literal, words))}) THEN {literal(verdict)}"
            for verdict, words in _WORDS.items()
        )
        known = [word for words in _WORDS.values() for word in words]
        strange = f"verdicts WHERE {plain} NOT IN ({', '.join(map(literal, known))})"
        if count := self.engine.count(strange):
            found = self.engine.frame(
                f"SELECT verdict AS v FROM {strange} GROUP BY 1 ORDER BY count(*) DESC, v"
            )["v"]
            accepted, rejected = (listed(words[1:]) for words in _WORDS.values())
            raise DataError(
                f"{counted(count, 'verdict')} {'is' if count == 1 else 'are'} neither accepted nor rejected",
                value=str(found[0]) if len(found) == 1 else listed(found, 5),
                known=known,
                where=where,
                why="a verdict read wrongly would speak for the opposite",
                fix=f"write accepted (or {accepted}) and rejected (or {rejected}); keep out what is neither with "
                "`where`, or name it under `missing`",
            )
        self.engine.run([Step("verdicts", f"SELECT * REPLACE (CASE {whens} END AS verdict) FROM verdicts")])

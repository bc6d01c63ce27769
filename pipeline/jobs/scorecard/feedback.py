"""`leadlens scorecard feedback`: a sheet's points compared with verdicts of sales and answers of customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features import DataError, History
from leadlens.features.errors import counted
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.insights import feedback as insights
from leadlens.models.scorecard.language.parsing import parse_conditions
from leadlens.models.scorecard.scoring.probes import matched_rules, set_rows, split_segment, without_segment
from leadlens.models.statistics import wilson
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.scorecard.leads import named, records
from leadlens.pipeline.prepared import open_history


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Verdicts of sales, by what the sheet said of the lead as of then; the last verdict on each lead counts.

    Attributes
    ----------
    leads, accepted, rejected : leads with a verdict that the sheet is for.
    share, low, high : the share of rejected ones with its 90 % interval.
    first, last : times of the first and of the last verdict.
    rules, bands, stages, grades, reasons, reasons_by_rule : as in ``leadlens.models.scorecard.insights.feedback``.
    """

    leads: int
    accepted: int
    rejected: int
    share: float
    low: float
    high: float
    first: datetime
    last: datetime
    rules: pd.DataFrame
    bands: pd.DataFrame
    stages: pd.DataFrame
    grades: pd.DataFrame
    reasons: pd.DataFrame
    reasons_by_rule: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What customers answered, and which rules matched them.

    Each is scored as of the first conversion, or, without one before the answer, as of the first answer.
    ``counts``, ``rules`` and ``by_rule`` are ``answer_counts``, ``customers_by_rule`` and ``answers_by_rule`` of
    ``leadlens.models.scorecard.insights.feedback``; ``bought`` are those scored as of their conversion.
    """

    customers: int
    bought: int
    counts: pd.DataFrame
    rules: pd.DataFrame
    by_rule: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """A sheet compared with feedback. ``mql`` is the total from which a lead is MQL, if there is one."""

    project: str
    sheet: str
    mql: float | None
    notes: tuple[str, ...]
    verdicts: Verdicts | None
    answers: Answers | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "notes": list(self.notes),
            "verdicts": _plain(self.verdicts),
            "answers": _plain(self.answers),
        }


def feedback(file: ProjectFile, sheet: Sheet) -> Feedback:
    """Compare ``data.verdicts`` and ``data.answers`` with the sheet; nothing is written.

    Raises ``DataError`` where there is neither, or where the sheet is for none of these leads.
    """
    history = open_history(file)
    findings = [item.message for item in history.findings if item.code.startswith(("verdict-", "answer-"))]
    notes = list(findings)
    verdicts, answers = _verdicts(history, notes), _answers(history, file.project.outcome.kind)
    if verdicts.empty and answers.empty:
        given = [name for name in ("verdicts", "answers") if getattr(file.project.data, name) is not None]
        raise DataError(
            "there is no feedback on any lead",
            value="; ".join(findings) or None,
            where=file.path.name,
            why="points are compared with sales verdicts and customer answers",
            fix=f"see what is left out of data.{' and data.'.join(given)}: leadlens check CONFIG"
            if given
            else "name the tables: data: {verdicts: {read: …}, answers: {read: …}}",
        )
    rows_with_feedback = [verdicts[["lead_id", "as_of"]], answers[["lead_id", "as_of"]]]
    rows = (
        pd.concat(rows_with_feedback).drop_duplicates().sort_values(["lead_id", "as_of"], ignore_index=True)
    )
    free = without_segment(sheet)
    with (
        set_rows(history, zip(rows["lead_id"], rows["as_of"], strict=True)) as spine,
        split_segment(sheet, history, spine) as segment,
    ):
        if not segment.rows:
            raise DataError(
                "the sheet is for none of the leads with feedback",
                value=sheet.for_,
                why=f"there is feedback on {counted(int(rows['lead_id'].nunique()), 'lead')}",
                fix="try another sheet, or see which values there are: leadlens check CONFIG",
            )
        plan = parse_conditions(free, history).plan
        scored = score_sheet(free, history, segment, plan=plan)
        matches = matched_rules(free, history, segment, scored.ledger, plan)
    numbered = scored.scores[["row_id", "lead_id", "as_of"]]
    judged = verdicts.merge(numbered, on=["lead_id", "as_of"])
    asked = answers.merge(numbered, on=["lead_id", "as_of"])
    _note_outside(notes, len(verdicts) - len(judged), "verdict")
    _note_outside(notes, int(answers["lead_id"].nunique() - asked["lead_id"].nunique()), "answer")
    limits = insights.mql_points(scored).dropna()
    return Feedback(
        project=file.project.name,
        sheet=named(sheet),
        mql=None if limits.empty else float(limits.iloc[0]),
        notes=tuple(notes),
        verdicts=None if judged.empty else _verdict_counts(scored, judged, matches),
        answers=None if asked.empty else _answer_counts(scored, asked, matches),
    )


def _verdicts(history: History, notes: list[str]) -> pd.DataFrame:
    """``lead_id, as_of, verdict, reason``: the last verdict on each lead; limits of the data are noted."""
    verdicts = history.engine.frame(
        "SELECT lead_id, given_at AS as_of, verdict, reason FROM verdicts ORDER BY lead_id, given_at"
    )
    verdicts = verdicts.astype({"as_of": "datetime64[us]"})
    if verdicts.empty:
        return verdicts
    last = verdicts.drop_duplicates("lead_id", keep="last", ignore_index=True)
    if earlier := len(verdicts) - len(last):
        is_left = "is left out: the last verdict on a lead" if earlier == 1 else "are left out: the last one"
        notes.append(f"{counted(earlier, 'earlier verdict')} {is_left} counts")
    if (last["as_of"] == last["as_of"].dt.normalize()).all():
        notes.append(
            "verdicts are dated to the day: each lead is scored as of the beginning (00:00 UTC) of its day, "
            "without what it did that day"
        )
    late = int((last["as_of"] > history.data_end).sum())
    if late and history.clock == "time":
        notes.append(
            f"{counted(late, 'verdict')} after the data's end ({history.data_end:%Y-%m-%d}): what those leads did "
            "in between is not known"
        )
    return last


def _answers(history: History, kinds: tuple[str, ...]) -> pd.DataFrame:
    """``lead_id, as_of, bought, question, answer``; ``as_of`` is when the lead is scored."""
    of_kind = f"WHERE kind IN ({', '.join(map(history.engine.dialect.literal, kinds))}) " if kinds else ""
    answers = history.engine.frame(
        "SELECT a.lead_id, a.answered_at, a.question, a.answer, c.at AS converted_at, l.created_at FROM answers AS a "
        "JOIN leads AS l ON l.lead_id = a.lead_id LEFT JOIN (SELECT lead_id, min(converted_at) AS at "
        f"FROM conversions {of_kind}GROUP BY lead_id) AS c ON c.lead_id = a.lead_id "
        "ORDER BY a.lead_id, a.answered_at, a.question, a.answer"
    )
    answered = answers["answered_at"].groupby(answers["lead_id"]).transform("min")
    # Flat data date a conversion as the lead's creation, when it had done nothing yet.
    bought = (answers["converted_at"] > answers["created_at"]) & (answers["converted_at"] <= answered)
    as_of = answered.where(~bought, answers["converted_at"]).astype("datetime64[us]")
    return answers.assign(as_of=as_of, bought=bought)[["lead_id", "as_of", "bought", "question", "answer"]]


def _note_outside(notes: list[str], outside: int, thing: str) -> None:
    if outside:
        is_left = "is" if outside == 1 else "are"
        notes.append(
            f"{counted(outside, 'lead')} with {thing}s {is_left} left out: the sheet is not for them"
        )


def _verdict_counts(scored: SheetScores, judged: pd.DataFrame, matches: pd.DataFrame) -> Verdicts:
    rejected = int((judged["verdict"] == insights.REJECTED).sum())
    low, high = wilson(rejected, len(judged))
    return Verdicts(
        leads=len(judged),
        accepted=len(judged) - rejected,
        rejected=rejected,
        share=rejected / len(judged),
        low=float(low),
        high=float(high),
        first=judged["as_of"].min().to_pydatetime(),
        last=judged["as_of"].max().to_pydatetime(),
        rules=insights.verdicts_by_rule(scored, judged, matches),
        bands=insights.verdicts_by_band(scored, judged),
        stages=insights.verdicts_by_stage(scored, judged),
        grades=insights.verdicts_by_grade(scored, judged),
        reasons=insights.rejection_reasons(judged),
        reasons_by_rule=insights.reasons_by_rule(scored, judged, matches),
    )


def _answer_counts(scored: SheetScores, asked: pd.DataFrame, matches: pd.DataFrame) -> Answers:
    customers = asked.drop_duplicates("lead_id")
    return Answers(
        customers=len(customers),
        bought=int(customers["bought"].sum()),
        counts=insights.answer_counts(asked),
        rules=insights.customers_by_rule(scored, customers["row_id"], matches),
        by_rule=insights.answers_by_rule(scored, asked, matches),
    )


def _plain(part: Verdicts | Answers | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {
        name: records(value) if isinstance(value, pd.DataFrame)
        else value.isoformat() if isinstance(value, datetime)
        else value
        for name, value in vars(part).items()
    }  # fmt: skip

"""Points compared with feedback: which rules sales rejects leads for, and what customers did who were asked.

Everything here is counting. A row is a lead as of its verdict (or answer), scored by what was known then.
Shares come with the 90 % Wilson interval, ``low`` and ``high``; they are missing where nobody was counted.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.scorecard.language.grades import STAGES
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import SheetScores
from leadlens.models.scorecard.scoring.scorecard_set import ScorecardSetScores
from leadlens.models.statistics import wilson

Scored = SheetScores | ScorecardSetScores
ACCEPTED, REJECTED = "accepted", "rejected"
_MOST_BANDS = 10
_MOST = 20  # reasons per rule, and answers per question that are broken down by rule


def matched_rules(scored: Scored) -> pd.DataFrame:
    """``row_id, rule`` of every rule with a line in the ledger; rules without points have none."""
    matches = scored.ledger.loc[scored.ledger["rule"].isin(_labels(scored)), ["row_id", "rule"]]
    return matches.astype({"rule": "str"}).drop_duplicates(ignore_index=True)


def mql_points(scored: Scored) -> pd.Series:
    """By row_id the total from which its sheet calls a lead MQL; missing where it does so by no total."""
    rows = scored.scores["row_id"]
    if isinstance(scored, SheetScores):
        return pd.Series(_mql(scored.sheet), index=pd.Index(rows), dtype="float64")
    points = {sheet.name: _mql(sheet) for sheet in scored.scorecards.sheets}
    names = scored.scores["sheet"]
    return pd.Series([points.get(name, np.nan) for name in names], index=pd.Index(rows), dtype="float64")


def made_mql(scored: Scored) -> pd.DataFrame:
    """(rows, rules) by row_id and label: the lead was MQL or SQL, and without the rule's points would have too few.

    Points are those counted for the total, after decay and caps; the others' caps are not given back.
    """
    scores, points = scored.scores.set_index("row_id"), scored.by_rule()
    limit, total = mql_points(scored).to_numpy()[:, None], scores["total"].to_numpy(dtype=float)[:, None]
    there = scores["stage"].isin(("MQL", "SQL")).to_numpy()[:, None]
    without = np.round(total - points.to_numpy(), 9)
    made = there & (total >= limit) & (without < limit)
    return pd.DataFrame(made, index=points.index, columns=points.columns, dtype=bool)


def verdicts_by_rule(
    scored: Scored, verdicts: pd.DataFrame, matches: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What sales said of the leads that each rule matched, in the sheet's order.

    ``verdicts`` has ``row_id`` and ``verdict``, one row per lead; rows that were not scored are left out. ``matches`` is
    ``row_id, rule``, by default of the rules with a line. Columns: ``rule``; ``held``, ``accepted``, ``rejected``,
    ``share`` (rejected among held), ``low``, ``high``; the same of the other leads as ``others``,
    ``others_rejected``, ``others_share``; and of the leads that the rule made MQL as ``made_mql``,
    ``made_accepted``, ``made_rejected``, ``made_share``, ``made_low``, ``made_high``.
    """
    rejected = _rejected(scored, verdicts)
    labels, made = _labels(scored), made_mql(scored).loc[rejected.index]
    holds = _table(matched_rules(scored) if matches is None else matches, rejected.index, labels)
    no = rejected.to_numpy()[:, None]
    first = _counted(holds, no)
    then = _counted(made.to_numpy(dtype=bool), no).add_prefix("made_")
    others = _counted(~holds, no)
    return pd.concat(
        [
            pd.DataFrame({"rule": pd.Series(labels, dtype="str")}),
            first.rename(columns={"leads": "held"}),
            others[["leads", "rejected", "share"]].set_axis(
                ["others", "others_rejected", "others_share"], axis=1
            ),
            then.rename(columns={"made_leads": "made_mql"}),
        ],
        axis=1,
    )


def verdicts_by_stage(scored: Scored, verdicts: pd.DataFrame) -> pd.DataFrame:
    """``stage, leads, accepted, rejected, share, low, high`` of every stage that a lead was in, the lowest first."""
    return _by(scored, verdicts, scored.scores["stage"], STAGES).rename(columns={"group": "stage"})


def verdicts_by_grade(scored: Scored, verdicts: pd.DataFrame) -> pd.DataFrame:
    """The same per ``grade``, the best first."""
    order = [f"{letter}{digit}" for letter in "ABCD" for digit in "4321"]
    return _by(scored, verdicts, scored.scores["grade"], order).rename(columns={"group": "grade"})


def verdicts_by_band(scored: Scored, verdicts: pd.DataFrame) -> pd.DataFrame:
    """The same per band of the total, ``total_from`` to below ``total_to`` (missing: open), the lowest first.

    At most ten bands between round numbers; those without a lead are left out.
    """
    judged = scored.scores["row_id"].isin(verdicts["row_id"])
    totals = scored.scores["total"].to_numpy(dtype=float)
    edges = round_edges(totals[judged.to_numpy()]) if judged.any() else np.array([])
    place = pd.Series(np.searchsorted(edges, totals, side="right"), index=scored.scores.index)
    bands = _by(scored, verdicts, place, range(len(edges) + 1))
    ends, at = np.array([np.nan, *edges, np.nan]), bands["group"].to_numpy(dtype=np.int64)
    bounds = pd.DataFrame({"total_from": ends[at], "total_to": ends[at + 1]})
    return pd.concat([bounds, bands.drop(columns="group")], axis=1)


def rejection_reasons(verdicts: pd.DataFrame) -> pd.DataFrame:
    """``reason, leads, share`` of the rejected leads, the most frequent first; reason is missing where none is given.

    Reasons that differ only in capitals and spaces are one, in the spelling used most.
    """
    no = verdicts[verdicts["verdict"] == REJECTED]
    counts = _spelt(no["reason"]).value_counts(dropna=False)
    reasons = pd.DataFrame({"reason": counts.index.astype("str"), "leads": counts.to_numpy(dtype=np.int64)})
    reasons = reasons.assign(share=reasons["leads"] / max(len(no), 1))
    return reasons.sort_values(["leads", "reason"], ascending=[False, True], ignore_index=True)


def reasons_by_rule(
    scored: Scored, verdicts: pd.DataFrame, matches: pd.DataFrame | None = None
) -> pd.DataFrame:
    """``rule, reason, leads``: why sales rejected the leads that each rule matched, the 20 most frequent of each."""
    known = verdicts["row_id"].isin(scored.scores["row_id"])
    no = verdicts[(verdicts["verdict"] == REJECTED) & known]
    no = no.assign(reason=_spelt(no["reason"])).dropna(subset="reason")
    joined = (matched_rules(scored) if matches is None else matches).merge(
        no[["row_id", "reason"]], on="row_id"
    )
    counts = joined.groupby(["rule", "reason"], observed=True).size().reset_index(name="leads")
    place = {label: number for number, label in enumerate(_labels(scored))}
    ordered = counts.assign(place=counts["rule"].map(place)).sort_values(
        ["place", "leads", "reason"], ascending=[True, False, True], ignore_index=True
    )
    return ordered.groupby("rule").head(_MOST)[["rule", "reason", "leads"]].reset_index(drop=True)


def answer_counts(answers: pd.DataFrame) -> pd.DataFrame:
    """``question, answer, leads, asked, share``: of the leads who answered a question, how many gave each answer.

    ``answers`` has ``lead_id, question, answer``; a lead may give several answers to one question, and counts once for
    each. Questions with most leads first, then the most frequent answer. Spelling as in ``rejection_reasons``.
    """
    given = spelt_answers(answers)
    asked = given.groupby("question")["lead_id"].nunique().rename("asked")
    counts = given.groupby(["question", "answer"])["lead_id"].nunique().rename("leads").reset_index()
    counts = counts.merge(asked.reset_index(), on="question")
    counts = counts.assign(share=counts["leads"] / counts["asked"])
    order = ["asked", "question", "leads", "answer"]
    counts = counts.sort_values(order, ascending=[False, True, False, True], ignore_index=True)
    return counts[["question", "answer", "leads", "asked", "share"]]


def customers_by_rule(
    scored: Scored, rows: Iterable[int], matches: pd.DataFrame | None = None
) -> pd.DataFrame:
    """``rule, customers, held, share, low, high``: how many of these rows did, or are, what each rule rewards."""
    index, labels = pd.Index(list(rows), dtype="int64"), _labels(scored)
    matched = _table(matched_rules(scored) if matches is None else matches, index, labels).sum(axis=0)
    share, low, high = _shares(matched, np.full(len(labels), len(index)))
    rule = pd.Series(labels, dtype="str")
    counts = {"customers": len(index), "held": matched, "share": share, "low": low, "high": high}
    return pd.DataFrame({"rule": rule, **counts})


def answers_by_rule(
    scored: Scored, answers: pd.DataFrame, matches: pd.DataFrame | None = None
) -> pd.DataFrame:
    """``question, answer, rule, leads, held, share``: of those who gave an answer, how many each rule matched.

    ``answers`` has ``row_id`` besides what ``answer_counts`` reads. Of each question the 20 most frequent answers.
    """
    given = spelt_answers(answers)[["row_id", "question", "answer"]].drop_duplicates()
    top = answer_counts(answers).groupby("question").head(_MOST)[["question", "answer", "leads"]]
    cells = top.merge(pd.DataFrame({"rule": pd.Series(_labels(scored), dtype="str")}), how="cross")
    joined = given.merge(matched_rules(scored) if matches is None else matches, on="row_id")
    counts = joined.groupby(["question", "answer", "rule"], observed=True).size().rename("held").reset_index()
    cells = cells.merge(counts, on=["question", "answer", "rule"], how="left")
    count = cells["held"].fillna(0).astype("int64")
    return cells.assign(held=count, share=count / cells["leads"])[
        ["question", "answer", "rule", "leads", "held", "share"]
    ]


def spelt_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """The same with one spelling for questions, and for answers to one question, that differ in capitals or spaces."""
    spelt = answers.assign(question=_spelt(answers["question"]))
    return spelt.assign(answer=spelt.groupby("question")["answer"].transform(_spelt))


def round_edges(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round numbers that cut totals into at most ten bands; the outermost are open."""
    low, high = np.quantile(totals, [0.01, 0.99])
    span = max(high - low, 1e-9)
    exponent = 10.0 ** np.floor(np.log10(span / _MOST_BANDS))
    step = next(size * exponent for size in (1, 2, 5, 10, 20) if span / (size * exponent) <= _MOST_BANDS - 1)
    first, last = np.floor(low / step) + 1, np.floor(high / step)
    edges = np.round(np.arange(first, last + 1) * step, 9)
    return edges if len(edges) else np.array([np.round(first * step, 9)])


def _mql(sheet: Sheet) -> float:
    points = sheet.thresholds.mql.points if sheet.thresholds else None
    return np.nan if points is None else float(points)


def _labels(scored: Scored) -> list[str]:
    return [rule.label for rule in scored.sheet.rules]


def _rejected(scored: Scored, verdicts: pd.DataFrame) -> pd.Series:
    """By row_id, of the rows that were scored and judged: whether sales rejected the lead."""
    known = verdicts[verdicts["row_id"].isin(scored.scores["row_id"])]
    return (known["verdict"] == REJECTED).set_axis(pd.Index(known["row_id"])).sort_index()


def _table(matches: pd.DataFrame, index: pd.Index, labels: list[str]) -> NDArray[np.bool_]:
    """Whether each rule (column) matches each row of the index."""
    table = np.zeros((len(index), len(labels)), dtype=bool)
    rows = index.get_indexer(pd.Index(matches["row_id"]))
    columns = pd.Index(labels).get_indexer(pd.Index(matches["rule"].astype("str")))
    ours = (rows >= 0) & (columns >= 0)
    table[rows[ours], columns[ours]] = True
    return table


def _counted(chosen: NDArray[np.bool_], rejected: NDArray[np.bool_]) -> pd.DataFrame:
    """Per column the chosen rows: ``leads, accepted, rejected, share, low, high``."""
    leads, no = chosen.sum(axis=0), (chosen & rejected).sum(axis=0)
    share, low, high = _shares(no, leads)
    counts = {"leads": leads, ACCEPTED: leads - no, REJECTED: no, "share": share, "low": low, "high": high}
    return pd.DataFrame(counts)


def _shares(
    part: NDArray[np.int64], whole: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    low, high = wilson(part, whole)
    known = whole > 0
    share = np.where(known, part / np.maximum(whole, 1), np.nan)
    return share, np.where(known, low, np.nan), np.where(known, high, np.nan)


def _by(
    scored: Scored, verdicts: pd.DataFrame, group: pd.Series, order: Iterable[str] | Iterable[int]
) -> pd.DataFrame:
    """Verdicts per group in this order (others behind it), those without a lead left out."""
    rejected = _rejected(scored, verdicts)
    of = group.set_axis(pd.Index(scored.scores["row_id"])).loc[rejected.index]
    there = set(of.unique())
    names = [name for name in order if name in there]
    names += sorted(there - set(names))
    chosen = of.to_numpy()[:, None] == np.array(names, dtype=object)[None, :]
    return pd.concat(
        [pd.DataFrame({"group": names}), _counted(chosen.astype(bool), rejected.to_numpy()[:, None])], axis=1
    )


def _spelt(texts: pd.Series) -> pd.Series:
    """Each text in the spelling used most among those alike but for capitals and spaces (of equals the first one)."""
    plain = texts.map(lambda text: " ".join(str(text).split()), na_action="ignore").astype("str")
    key = plain.str.casefold()
    counts = pd.DataFrame({"key": key, "plain": plain}).dropna().value_counts().reset_index()
    best = counts.sort_values(["key", "count", "plain"], ascending=[True, False, True]).drop_duplicates("key")
    return key.map(best.set_index("key")["plain"]).astype("str")

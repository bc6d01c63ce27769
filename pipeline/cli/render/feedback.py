"""What `leadlens scorecard feedback` prints for people: sales first, then customers, then how to read it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pandas as pd

from leadlens.pipeline.cli.render.tables import band, cut, indented, maybe, number, safe, table

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.scorecard.feedback import Answers, Feedback, Verdicts

_PAGE, _LABEL, _REASON, _ANSWER = 100, 32, 30, 60
_MOST_RULES, _MOST_REASONS, _MOST_ANSWERS, _FEW = 15, 3, 10, 20
_INTERVAL = "90 % interval"


def render_feedback(feedback: Feedback) -> list[str]:
    """The whole page, no line wider than 100 columns; what leads typed cannot control the terminal."""
    lines = [f"Feedback on sheet {feedback.sheet}"]
    for note in feedback.notes:
        lines += _wrapped(f"note: {note}", "  ")
    if feedback.verdicts is not None:
        lines += ["", *_verdicts(feedback.verdicts, feedback.mql)]
    if feedback.answers is not None:
        lines += ["", *_answers(feedback.answers)]
    return [cut(line, _PAGE) for line in lines]


def _verdicts(verdicts: Verdicts, mql: float | None) -> list[str]:
    leads = "lead" if verdicts.leads == 1 else "leads"
    first, last = f"{verdicts.first:%Y-%m-%d}", f"{verdicts.last:%Y-%m-%d}"
    lines = _wrapped(
        f"Sales rejected {verdicts.rejected:,} of {verdicts.leads:,} {leads} ({verdicts.share:.0%}, 90 % interval "
        f"{verdicts.low:.0%} to {verdicts.high:.0%}), {first if first == last else f'{first} to {last}'}. Points are those "
        "as of the verdict."
    )
    if verdicts.leads < _FEW:
        lines += _wrapped(f"With fewer than {_FEW} verdicts, read what follows as examples, not as shares.")
    lines += ["", *_made(verdicts.rules, mql)]
    matched = verdicts.rules[verdicts.rules["held"] > 0]
    lines += [""] if len(verdicts.rules) else []
    lines += ["Leads that each rule matched, and the others"] if len(matched) else []
    rows = [
        (cut(row["rule"], _LABEL), f"{row['held']:,}", f"{row['rejected']:,}", _share(row["share"]), _interval(row),
         _share(row["others_share"]))
        for row in _top(matched, "held")
    ]  # fmt: skip
    head = ("rule", "leads", "rejected", "share", _INTERVAL, "of the others")
    lines += indented(table(rows, head, "lrrrlr")) if rows else []
    lines += _more(len(matched) - _MOST_RULES, "rule")
    unmatched = verdicts.rules.loc[verdicts.rules["held"] == 0, "rule"]
    if len(unmatched):
        lines += _wrapped(f"Rules that matched no lead with a verdict: {', '.join(map(safe, unmatched))}")
    counts = ("leads", "accepted", "rejected", "share", _INTERVAL)
    for name, part in (
        ("total then", verdicts.bands),
        ("stage then", verdicts.stages),
        ("grade then", verdicts.grades),
    ):
        groups = [(_group(row), *_row(row)) for row in part.to_dict("records")]
        lines += ["", *indented(table(groups, (name, *counts), "lrrrr"))]
    return lines + _reasons(verdicts)


def _made(rules: pd.DataFrame, mql: float | None) -> list[str]:
    if mql is None:
        return ["The sheet has no MQL threshold in points: no rule makes an MQL by its points."]
    made = _top(rules[rules["made_mql"] > 0], "made_rejected", "made_mql")
    if not made:
        return [f"No rule made one of these leads MQL by its points alone (MQL from {number(mql)})."]
    lines = [f"MQLs that depend on one rule: without its points the total would be below {number(mql)}"]
    for row in made:
        rule, no, count = cut(row["rule"], _LABEL), int(row["made_rejected"]), int(row["made_mql"])
        leads_text = f"the {count:,} leads" if count > 1 else "the one lead"
        sure = f"{row['made_low']:.0%}–{row['made_high']:.0%}"
        lines.append(f"  Sales rejected {no:,} of {leads_text} that “{rule}” made MQL ({sure})")
    return lines


def _reasons(verdicts: Verdicts) -> list[str]:
    if not verdicts.rejected:
        return []
    lines = ["", "Why sales rejected"]
    for row in verdicts.reasons.head(_MOST_ANSWERS).to_dict("records"):
        reason = "(no reason given)" if pd.isna(row["reason"]) else cut(row["reason"], _ANSWER)
        lines.append(f"  {row['leads']:>5,}  {row['share']:>4.0%}  {reason}")
    lines += _more(len(verdicts.reasons) - _MOST_ANSWERS, "reason")
    parts = dict(iter(verdicts.reasons_by_rule.groupby("rule", sort=False)))
    by_rule = [
        (row["rule"], parts[row["rule"]]) for row in _top(verdicts.rules, "rejected") if row["rule"] in parts
    ]
    if by_rule:
        lines += ["", "Most frequent reasons by rule"]
    for rule, part in by_rule:
        most = part.head(_MOST_REASONS).to_dict("records")
        named = ", ".join(f"{cut(row['reason'], _REASON)} {row['leads']:,}" for row in most)
        lines += _wrapped(f"  {cut(rule, _LABEL)}: {named}", "    ")
    return lines


def _answers(answers: Answers) -> list[str]:
    who = "1 customer" if answers.customers == 1 else f"{answers.customers:,} customers"
    lines = [f"What {who} answered"]
    for question, part in answers.counts.groupby("question", sort=False):
        asked = int(part["asked"].iloc[0])
        lines += _wrapped(f"  {cut(question, _PAGE - 20)} ({asked:,} answered)", "  ")
        for row in part.head(_MOST_ANSWERS).to_dict("records"):
            lines.append(f"  {row['leads']:>5,}  {row['share']:>4.0%}  {cut(row['answer'], _ANSWER)}")
        lines += _more(len(part) - _MOST_ANSWERS, "answer")
    then = "before they bought" if answers.bought == answers.customers else "before they bought, or answered"
    if answers.rules.empty:
        return lines
    lines += ["", f"What they did {then}, as the sheet sees it"]
    rows = [
        (
            cut(row["rule"], _LABEL),
            f"{row['held']:,} of {row['customers']:,}",
            _share(row["share"]),
            _interval(row),
        )
        for row in answers.rules.to_dict("records")
    ]
    return [*lines, *indented(table(rows, ("rule", "customers", "share", _INTERVAL), "lrr"))]


def _top(rules: pd.DataFrame, *columns: str) -> list[dict[Any, Any]]:
    """The rules with most of something, in the sheet's order where alike."""
    order = rules.sort_values(list(columns), ascending=False, kind="stable")
    return order.head(_MOST_RULES).to_dict("records")


def _more(count: int, thing: str) -> list[str]:
    return [f"         … and {count:,} more {thing}{'' if count == 1 else 's'} (--json)"] if count > 0 else []


def _group(row: dict[Any, Any]) -> str:
    """The stage, the grade or the band that a row is about."""
    for name in ("stage", "grade"):
        if name in row:
            return str(row[name])
    return band(maybe(row["total_from"]), maybe(row["total_to"]))


def _row(row: dict[Any, Any]) -> tuple[str, ...]:
    return (
        f"{row['leads']:,}",
        f"{row['accepted']:,}",
        f"{row['rejected']:,}",
        _share(row["share"]),
        _interval(row),
    )


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0%}"


def _interval(row: dict[Any, Any]) -> str:
    return "–" if pd.isna(row["low"]) else f"{row['low']:.0%} to {row['high']:.0%}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    plain = safe(text)
    first = plain[: len(plain) - len(plain.lstrip())]
    return textwrap.wrap(plain.strip(), _PAGE, initial_indent=first, subsequent_indent=indent)

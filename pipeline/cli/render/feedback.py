"""What `leadlens scorecard feedback` prints for people: sales first, then customers, then how to read it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.cli.render.tables import band, cut, maybe, number, safe, table

if TYPE_CHECKING:
    from pipeline.jobs.scorecard.feedback import Answers, Feedback, Verdicts

_PAGE, _LABEL, _REASON, _ANSWER = 100, 32, 30, 60
_MOST_RULES, _MOST_REASONS, _MOST_ANSWERS, _FEW = 15, 3, 10, 20
_SURE = "surely between (90 %)"


def render_feedback(found: Feedback) -> list[str]:
    """The whole page, no line wider than 100 columns; what leads typed cannot steer the terminal."""
    lines = [f"Feedback on sheet {found.sheet}"]
    for note in found.notes:
        lines += _wrapped(f"note: {note}", "  ")
    if found.verdicts is not None:
        lines += ["", *_verdicts(found.verdicts, found.mql)]
    if found.answers is not None:
        lines += ["", *_answers(found.answers)]
    return [cut(line, _PAGE) for line in lines]


def _verdicts(found: Verdicts, mql: float | None) -> list[str]:
    leads = "lead" if found.leads == 1 else "leads"
    first, last = f"{found.first:%Y-%m-%d}", f"{found.last:%Y-%m-%d}"
    lines = _wrapped(
        f"Sales rejected {found.rejected:,} of {found.leads:,} {leads} ({found.share:.0%}, surely between "
        f"{found.low:.0%} and {found.high:.0%}), {first if first == last else f'{first} to {last}'}. Points are those "
        "at the moment of the verdict."
    )
    if found.leads < _FEW:
        lines += _wrapped(f"With fewer than {_FEW} verdicts, read what follows as stories, not as shares.")
    lines += ["", *_made(found.rules, mql)]
    held = found.rules[found.rules["held"] > 0]
    lines += [""] if len(found.rules) else []
    lines += ["Leads that each rule held for, and the others"] if len(held) else []
    rows = [
        (cut(row["rule"], _LABEL), f"{row['held']:,}", f"{row['rejected']:,}", _share(row["share"]), _sure(row),
         _share(row["others_share"]))
        for row in _top(held, "held")
    ]  # fmt: skip
    head = ("rule", "leads", "rejected", "share", _SURE, "of the others")
    lines += _table(head, rows, (1, 2, 3, 5)) if rows else []
    lines += _more(len(held) - _MOST_RULES, "rule")
    silent = found.rules.loc[found.rules["held"] == 0, "rule"]
    if len(silent):
        lines += _wrapped(f"For no lead with a verdict: {', '.join(map(safe, silent))}")
    counts = ("leads", "accepted", "rejected", "share", _SURE)
    for name, part in (
        ("total then", found.bands),
        ("stage then", found.stages),
        ("grade then", found.grades),
    ):
        groups = [(_group(row), *_row(row)) for row in part.to_dict("records")]
        lines += ["", *_table((name, *counts), groups, (1, 2, 3, 4))]
    return lines + _reasons(found)


def _made(rules: pd.DataFrame, mql: float | None) -> list[str]:
    if mql is None:
        return ["The sheet has no MQL threshold in points: no rule makes an MQL by its points."]
    made = _top(rules[rules["made_mql"] > 0], "made_rejected", "made_mql")
    if not made:
        return [f"No rule made one of these leads MQL by its points alone (MQL from {number(mql)})."]
    lines = [f"MQLs that hang on one rule: without its points the total would be below {number(mql)}"]
    for row in made:
        rule, no, count = cut(row["rule"], _LABEL), int(row["made_rejected"]), int(row["made_mql"])
        told = f"the {count:,} leads" if count > 1 else "the one lead"
        sure = f"{row['made_low']:.0%}–{row['made_high']:.0%}"
        lines.append(f"  Sales rejected {no:,} of {told} that “{rule}” made MQL ({sure})")
    return lines


def _reasons(found: Verdicts) -> list[str]:
    if not found.rejected:
        return []
    lines = ["", "Why sales rejected"]
    for row in found.reasons.head(_MOST_ANSWERS).to_dict("records"):
        reason = "(no reason given)" if pd.isna(row["reason"]) else cut(row["reason"], _ANSWER)
        lines.append(f"  {row['leads']:>5,}  {row['share']:>4.0%}  {reason}")
    lines += _more(len(found.reasons) - _MOST_ANSWERS, "reason")
    parts = dict(iter(found.reasons_by_rule.groupby("rule", sort=False)))
    told = [
        (row["rule"], parts[row["rule"]]) for row in _top(found.rules, "rejected") if row["rule"] in parts
    ]
    if told:
        lines += ["", "Most frequent reasons by rule"]
    for rule, part in told:
        most = part.head(_MOST_REASONS).to_dict("records")
        named = ", ".join(f"{cut(row['reason'], _REASON)} {row['leads']:,}" for row in most)
        lines += _wrapped(f"  {cut(rule, _LABEL)}: {named}", "    ")
    return lines


def _answers(found: Answers) -> list[str]:
    who = "1 customer" if found.customers == 1 else f"{found.customers:,} customers"
    lines = [f"What {who} answered"]
    for question, part in found.counts.groupby("question", sort=False):
        asked = int(part["asked"].iloc[0])
        lines += _wrapped(f"  {cut(question, _PAGE - 20)} ({asked:,} answered)", "  ")
        for row in part.head(_MOST_ANSWERS).to_dict("records"):
            lines.append(f"  {row['leads']:>5,}  {row['share']:>4.0%}  {cut(row['answer'], _ANSWER)}")
        lines += _more(len(part) - _MOST_ANSWERS, "answer")
    then = "before they bought" if found.bought == found.customers else "before they bought, or answered"
    if found.rules.empty:
        return lines
    lines += ["", f"What they did {then}, as the sheet sees it"]
    rows = [
        (
            cut(row["rule"], _LABEL),
            f"{row['held']:,} of {row['customers']:,}",
            _share(row["share"]),
            _sure(row),
        )
        for row in found.rules.to_dict("records")
    ]
    return [*lines, *_table(("rule", "customers", "share", _SURE), rows, (1, 2))]


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
        _sure(row),
    )


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0%}"


def _sure(row: dict[Any, Any]) -> str:
    return "–" if pd.isna(row["low"]) else f"{row['low']:.0%} and {row['high']:.0%}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], right: tuple[int, ...]) -> list[str]:
    return [f"  {line}" for line in table(head, rows, right=right)]


def _wrapped(text: str, indent: str = "") -> list[str]:
    plain = safe(text)
    first = plain[: len(plain) - len(plain.lstrip())]
    return textwrap.wrap(plain.strip(), _PAGE, initial_indent=first, subsequent_indent=indent)

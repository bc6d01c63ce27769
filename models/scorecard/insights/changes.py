"""What changed between two snapshots: every line that was added, removed or decayed, why, with sums that are exact.

The ledgers of two as-ofs are compared line by line. Every difference has a kind:

- ``event``       something the lead did since
- ``late``        something it did before, known since
- ``retraction``  an event that was retracted
- ``expired``     an event that left its window, or decayed to nothing
- ``decay``       points lost to decay
- ``cap``         a cap that took more, or less
- ``silence``     no matching event for `inactive_for`
- ``attribute``   the data about the lead or its account were edited
- ``feature``     a feature that a condition reads moved
- ``sheet``       the sheet itself is another one
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import pandas as pd

from leadlens.features.durations import humanize
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import SheetScores

EXACT = 9
KINDS = (
    "event", "late", "retraction", "expired", "decay", "cap", "silence", "attribute", "feature", "sheet",
)  # fmt: skip
COLUMNS = ["pair", "dimension", "rule", "kind", "occurred_at", "detail", "before", "after", "points", "why"]
_LINE = ["occurred_at", "detail", "taken_by_decay", "taken_by_cap", "raw_points", "points"]
_KEY = ["pair", "dimension", "rule", "occurrence", "nth"]
_FEATURE = re.compile(r"\bfeature\s*\.", re.IGNORECASE)


def score_changes(
    before: SheetScores, after: SheetScores, events: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What changed between two scorings of one sheet, for every lead that is in both.

    Per lead and dimension the points sum to the difference of its scores, to nine decimals.

    Parameters
    ----------
    before, after : each with at most one row per lead.
    events : the events behind the rules, of ``leadlens.models.scorecard.scoring.probes.matching_events``. Without them an event that became
        known late is recognised by its date alone, and one that completes an ``at_least`` may pass for a late one.

    Returns
    -------
    lead_id, dimension, rule, kind, occurred_at, detail, before, after (points of the line), points (the
    difference), why; by lead, the largest differences first.

    Raises ``ValueError`` for two sheets that are not the same, and for a lead with two rows.
    """
    if before.sheet.version != after.sheet.version:
        raise ValueError("two versions of a sheet are compared by version_changes, as of one time")
    pairs = _pairs(before, after)
    changes = line_changes(
        before.sheet,
        _paired(before.ledger, pairs, "row_before"),
        _paired(after.ledger, pairs, "row_after"),
        pairs,
        events,
    )
    return _with_leads(changes, pairs)


def version_changes(
    before: SheetScores, after: SheetScores, renamed: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The same between two sheets (or versions) as of one time: differences by rule, all of kind ``sheet``.

    ``renamed`` maps labels of the first sheet to those of the second where a rule is known to be the same.
    """
    pairs = _pairs(before, after)
    sides = []
    for scores, row in ((before, "row_before"), (after, "row_after")):
        lines = _paired(scores.ledger, pairs, row)
        rule = lines["rule"].map(lambda label: (renamed or {}).get(label, label))
        lines = lines.assign(rule=rule if row == "row_before" else lines["rule"])
        sides.append(lines.groupby(["pair", "dimension", "rule"])["points"].sum())
    sums = pd.concat(sides, axis=1, keys=["before", "after"]).fillna(0.0).round(EXACT).reset_index()
    points = (sums["after"] - sums["before"]).round(EXACT)
    changes = sums.assign(
        kind="sheet",
        occurred_at=pd.Series(pd.NaT, index=sums.index),
        detail=None,
        points=points,
        why=f"sheet {before.sheet.version} → {after.sheet.version}",
    )
    return _with_leads(changes.loc[points != 0, COLUMNS], pairs)


def moves(before: SheetScores, after: SheetScores) -> pd.DataFrame:
    """``lead_id`` and, before and after, ``total``, ``stage``, ``grade`` and ``route`` of each lead in both."""
    names = ["total", "score", "stage", "grade", "route", "disqualified_by"]
    left, right = (side.scores[["lead_id", *names]] for side in (before, after))
    return left.merge(right, on="lead_id", suffixes=("_before", "_after"), validate="one_to_one")


def line_changes(
    sheet: Sheet,
    before: pd.DataFrame,
    after: pd.DataFrame,
    pairs: pd.DataFrame,
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The differences of two ledgers of one sheet, pair by pair.

    ``before`` and ``after`` are ledgers with a column ``pair``; ``pairs`` has ``pair, lead_id, since, as_of``.
    Returns the columns ``COLUMNS``; the order is by pair, then the largest first.
    """
    rules = {rule.label: _RuleFacts.of(rule) for rule in sheet.rules}
    left, right = (_with_occurrences(lines, rules)[_KEY + _LINE] for lines in (before, after))
    both = left.merge(right, on=_KEY, how="outer", suffixes=("_old", "_new"))
    if both.empty:
        return pd.DataFrame(columns=COLUMNS)
    happened = _happened(pairs, events)
    spans: dict[Any, tuple[Any, Any]] = {
        row["pair"]: (row["since"], row["as_of"]) for row in pairs.to_dict("records")
    }
    parts = []
    for row in both.to_dict("records"):
        since, as_of = spans[row["pair"]]
        seen = happened.get((row["pair"], row["rule"])) if events is not None else None
        parts += [
            [row["pair"], row["dimension"], row["rule"], *part]
            for part in _parts(row, rules.get(row["rule"]), since, as_of, seen)
        ]
    changes = pd.DataFrame(parts, columns=COLUMNS)
    changes = changes.assign(
        occurred_at=pd.to_datetime(changes["occurred_at"]),
        size=changes["points"].abs(),
        place=changes["dimension"].map({name: place for place, name in enumerate(sheet.all_dimensions)}),
    )
    ordered = changes.sort_values(["pair", "size", "rule", "place"], ascending=[True, False, True, True])
    return ordered[COLUMNS].reset_index(drop=True)


class _Seen(NamedTuple):
    """What happened to the events of a rule between two as-ofs."""

    new: bool
    late: bool


class _RuleFacts(NamedTuple):
    """What identifies the lines of a rule, and explains why they appear and disappear."""

    occurrence: str  # one, each, day, value
    feature: bool
    action: bool = False
    within: timedelta | None = None
    to_zero: timedelta | None = None
    inactive_for: timedelta | None = None

    @classmethod
    def of(cls, rule: AttributeRule | ActionRule) -> _RuleFacts:
        feature = bool(_FEATURE.search(rule.when))
        if isinstance(rule, AttributeRule):
            return cls(occurrence="one", feature=feature)
        return cls(
            occurrence="one" if rule.per == "once" else rule.per,
            feature=feature,
            action=True,
            within=rule.within,
            to_zero=rule.decay.to_zero if rule.decay else None,
            inactive_for=rule.inactive_for,
        )

    def over(self, occurred_at: pd.Timestamp, as_of: pd.Timestamp) -> str | None:
        """Why an event of that time no longer counts; ``None`` if it still may."""
        if self.within is not None and occurred_at < as_of - self.within:
            return f"more than {humanize(self.within)} ago"
        if self.to_zero is not None and occurred_at <= as_of - self.to_zero:
            return f"decayed to nothing in {humanize(self.to_zero)}"
        return None


def _with_occurrences(lines: pd.DataFrame, rules: Mapping[str, _RuleFacts]) -> pd.DataFrame:
    """``occurrence`` identifies a line in two ledgers; equal ones are numbered by ``nth``."""
    unit = lines["rule"].map(lambda label: rules[label].occurrence if label in rules else "one").astype("str")
    occurred_at = lines["occurred_at"]
    # undated lines, and what counts once, are the same line whenever they are dated
    occurrence = pd.Series("", index=lines.index, dtype="str")
    occurrence = occurrence.mask(unit == "each", occurred_at.dt.strftime("%Y-%m-%d %H:%M:%S.%f"))
    occurrence = occurrence.mask(unit == "day", occurred_at.dt.strftime("%Y-%m-%d"))
    occurrence = occurrence.mask(unit == "value", lines["detail"])
    lines = lines.assign(occurrence=occurrence)
    return lines.assign(nth=lines.groupby(_KEY[:-1], dropna=False).cumcount())


def _happened(pairs: pd.DataFrame, events: pd.DataFrame | None) -> dict[tuple[int, str], _Seen]:
    """Per pair and rule: did events come to be seen in between, and had they happened before?"""
    if events is None or events.empty:
        return {}
    each = pairs[["pair", "lead_id", "since", "as_of"]].merge(events, on="lead_id")
    came = _seen(each, "as_of") & ~_seen(each, "since")
    each = each.assign(new=came & (each["occurred_at"] >= each["since"]), late=came)
    each["late"] &= ~each["new"]
    by_rule = each.groupby(["pair", "rule"])[["new", "late"]].any().reset_index()
    return {
        (row["pair"], row["rule"]): _Seen(bool(row["new"]), bool(row["late"]))
        for row in by_rule.to_dict("records")
    }


def _seen(events: pd.DataFrame, at: str) -> pd.Series:
    as_of = events[at]
    stands = events["retracted_at"].isna() | (events["retracted_at"] >= as_of)
    return (events["occurred_at"] < as_of) & (events["known_at"] < as_of) & stands


_Part = tuple[str, object, object, float, float, float, str]  # COLUMNS from kind on


def _parts(
    row: Mapping[Any, Any],
    rule: _RuleFacts | None,
    since: pd.Timestamp,
    as_of: pd.Timestamp,
    seen: _Seen | None,
) -> list[_Part]:
    """The differences of one line: added, removed, or decayed, renewed or capped."""
    old, new = ({name: row[f"{name}_{side}"] for name in _LINE} for side in ("old", "new"))
    if pd.isna(old["points"]):
        kind, why = _came(new, rule, since, seen)
        return _difference(kind, new, 0.0, new["points"], new["points"], why)
    if pd.isna(new["points"]):
        kind, why = _went(old, rule, as_of, seen)
        return _difference(kind, old, old["points"], 0.0, -old["points"], why)
    was, now = old["points"], new["points"]
    capped = round(old["taken_by_cap"] - new["taken_by_cap"], EXACT)
    rest = round(now - was - capped, EXACT)
    moved = "decay", "decayed"
    grew = rest * new["raw_points"] > 0
    if grew and new["occurred_at"] > old["occurred_at"]:
        late = not seen.new if seen else new["occurred_at"] < since
        moved = ("late", "done again, known late") if late else ("event", "done again")
    elif new["occurred_at"] < old["occurred_at"]:
        moved = "retraction", "the latest event was retracted"
    return [
        *_difference(moved[0], new, was, now, rest, moved[1]),
        *_difference(
            "cap", new, was, now, capped, "the cap took less" if abs(now) > abs(was) else "the cap took more"
        ),
    ]


def _difference(
    kind: str, line: Mapping[str, Any], was: float, now: float, points: float, why: str
) -> list[_Part]:
    points = round(points, EXACT) + 0.0
    if points == 0:
        return []
    detail = None if pd.isna(line["detail"]) else line["detail"]
    return [(kind, line["occurred_at"], detail, was, now, points, why)]


def _came(
    line: Mapping[str, Any], rule: _RuleFacts | None, since: pd.Timestamp, seen: _Seen | None
) -> tuple[str, str]:
    if rule is None or not rule.action:
        return ("feature", "now matches") if rule and rule.feature else ("attribute", "now matches")
    recent = line["occurred_at"] >= since
    if rule.inactive_for is not None:
        if recent:
            return "silence", f"no such event for {humanize(rule.inactive_for)}"
        return "retraction", "the event that ended the inactivity was retracted"
    # what completes an at_least is newer than the time of its line
    if recent or (rule.occurrence == "one" and seen is not None and seen.new):
        return "event", "new"
    return "late", "happened before, known since"


def _went(
    line: Mapping[str, Any], rule: _RuleFacts | None, as_of: pd.Timestamp, seen: _Seen | None
) -> tuple[str, str]:
    if rule is None or not rule.action:
        return (
            ("feature", "no longer matches") if rule and rule.feature else ("attribute", "no longer matches")
        )
    if rule.inactive_for is not None:
        late = seen is not None and not seen.new
        return ("late", "was active after all, known since") if late else ("event", "active again")
    over = rule.over(line["occurred_at"], as_of)
    return ("expired", over) if over else ("retraction", "retracted")


def _pairs(before: SheetScores, after: SheetScores) -> pd.DataFrame:
    sides = []
    for scores in (before, after):
        rows = scores.scores[["lead_id", "row_id", "as_of"]]
        if rows["lead_id"].duplicated().any():
            raise ValueError("a lead has two rows: give one per lead")
        sides.append(rows)
    pairs = sides[0].merge(sides[1], on="lead_id", suffixes=("_before", "_after"))
    pairs = pairs.rename(columns={"as_of_before": "since", "as_of_after": "as_of"})
    pairs = pairs.rename(columns={"row_id_before": "row_before", "row_id_after": "row_after"})
    return pairs.assign(pair=range(len(pairs)))


def _paired(ledger: pd.DataFrame, pairs: pd.DataFrame, row: str) -> pd.DataFrame:
    numbers = dict(zip(pairs[row], pairs["pair"], strict=True))
    pair = ledger["row_id"].map(numbers)
    kept = ledger[pair.notna()]
    return kept.assign(pair=pair.dropna().astype("int64"))


def _with_leads(changes: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    leads = pairs.set_index("pair")["lead_id"]
    named = changes.assign(lead_id=leads.reindex(changes["pair"]).to_numpy(), size=changes["points"].abs())
    named = named.sort_values(["pair", "size"], ascending=[True, False], kind="stable", ignore_index=True)
    return named[["lead_id", *COLUMNS[1:]]]

"""What changed between two looks: every line that came, went or faded, why, and sums that are exact.

The ledgers of two moments are laid side by side, line by line. A difference is told by its kind:

- ``event``       something the lead did since
- ``late``        something it did before, which became known since
- ``retraction``  an event that was taken back
- ``expired``     an event that left its window, or faded to nothing
- ``decay``       points that faded
- ``cap``         a cap that took more, or less
- ``silence``     nothing happened for long enough
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

from features.durations import humanize
from models.scorecard.language.rules import ActionRule, AttributeRule
from models.scorecard.language.sheet import Sheet
from models.scorecard.scoring.ledger import SheetScores

EXACT = 9
KINDS = (
    "event", "late", "retraction", "expired", "decay", "cap", "silence", "attribute", "feature", "sheet",
)  # fmt: skip
COLUMNS = ["pair", "dimension", "rule", "kind", "occurred_at", "detail", "before", "after", "points", "why"]
_LINE = ["occurred_at", "detail", "taken_by_decay", "taken_by_cap", "raw_points", "points"]
_KEY = ["pair", "dimension", "rule", "unit", "nth"]
_FEATURE = re.compile(r"\bfeature\s*\.", re.IGNORECASE)


def score_changes(before: SheetScores, after: SheetScores, hits: pd.DataFrame | None = None) -> pd.DataFrame:
    """What changed between two scorings of one sheet, for every lead that is in both.

    Per lead and dimension the points sum to the difference of its scores, to nine decimals.

    Parameters
    ----------
    before, after : each with at most one row per lead.
    hits : the events behind the rules, of ``models.scorecard.scoring.probes.hits_of``. Without them an event that became
        known late is told by its date alone, and one that completes an ``at_least`` may be taken for a late one.

    Returns
    -------
    lead_id, dimension, rule, kind, occurred_at, detail, before, after (points of the line), points (the
    difference), why; by lead, the largest differences first.

    Raises ``ValueError`` for two sheets that are not the same, and for a lead that stands twice.
    """
    if before.sheet.version != after.sheet.version:
        raise ValueError("two versions of a sheet are compared by version_changes, at one moment")
    pairs = _pairs(before, after)
    found = line_changes(
        before.sheet,
        _paired(before.ledger, pairs, "row_before"),
        _paired(after.ledger, pairs, "row_after"),
        pairs,
        hits,
    )
    return _with_leads(found, pairs)


def version_changes(
    before: SheetScores, after: SheetScores, renamed: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The same between two sheets (or versions) at one moment: differences by rule, all of kind ``sheet``.

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
    found = sums.assign(
        kind="sheet",
        occurred_at=pd.Series(pd.NaT, index=sums.index),
        detail=None,
        points=points,
        why=f"sheet {before.sheet.version} → {after.sheet.version}",
    )
    return _with_leads(found.loc[points != 0, COLUMNS], pairs)


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
    hits: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The differences of two ledgers of one sheet, pair by pair.

    ``before`` and ``after`` are ledgers with a column ``pair``; ``pairs`` tells ``pair, lead_id, since, as_of``.
    Returns the columns ``COLUMNS``; the order is by pair, then the largest first.
    """
    facts = {rule.label: _Facts.of(rule) for rule in sheet.rules}
    left, right = (_with_units(lines, facts)[_KEY + _LINE] for lines in (before, after))
    both = left.merge(right, on=_KEY, how="outer", suffixes=("_old", "_new"))
    if both.empty:
        return pd.DataFrame(columns=COLUMNS)
    happened = _happened(pairs, hits)
    moments: dict[Any, tuple[Any, Any]] = {
        row["pair"]: (row["since"], row["as_of"]) for row in pairs.to_dict("records")
    }
    told = []
    for row in both.to_dict("records"):
        since, as_of = moments[row["pair"]]
        seen = happened.get((row["pair"], row["rule"])) if hits is not None else None
        told += [
            [row["pair"], row["dimension"], row["rule"], *part]
            for part in _parts(row, facts.get(row["rule"]), since, as_of, seen)
        ]
    found = pd.DataFrame(told, columns=COLUMNS)
    found = found.assign(
        occurred_at=pd.to_datetime(found["occurred_at"]),
        size=found["points"].abs(),
        place=found["dimension"].map({name: place for place, name in enumerate(sheet.all_dimensions)}),
    )
    ordered = found.sort_values(["pair", "size", "rule", "place"], ascending=[True, False, True, True])
    return ordered[COLUMNS].reset_index(drop=True)


class _Seen(NamedTuple):
    """What happened to the events of a rule between two moments."""

    new: bool
    late: bool


class _Facts(NamedTuple):
    """What of a rule tells its lines apart, and why they come and go."""

    unit: str  # one, each, day, value
    action: bool
    fades: bool
    within: timedelta | None
    to_zero: timedelta | None
    inactive_for: timedelta | None
    feature: bool

    @classmethod
    def of(cls, rule: AttributeRule | ActionRule) -> _Facts:
        feature = bool(_FEATURE.search(rule.when))
        if isinstance(rule, AttributeRule):
            return cls("one", False, False, None, None, None, feature)
        unit = "one" if rule.per == "once" else rule.per
        to_zero = rule.decay.to_zero if rule.decay else None
        return cls(unit, True, rule.fades, rule.within, to_zero, rule.inactive_for, feature)

    def over(self, moment: pd.Timestamp, as_of: pd.Timestamp) -> str | None:
        """Why an event of that moment no longer counts; ``None`` if it still may."""
        if self.within is not None and moment < as_of - self.within:
            return f"more than {humanize(self.within)} ago"
        if self.to_zero is not None and moment <= as_of - self.to_zero:
            return f"faded to nothing in {humanize(self.to_zero)}"
        return None


def _with_units(lines: pd.DataFrame, facts: Mapping[str, _Facts]) -> pd.DataFrame:
    """``unit`` tells which lines of two ledgers are the same one; of equal ones ``nth`` counts."""
    kind = lines["rule"].map(lambda label: facts[label].unit if label in facts else "one").astype("str")
    moment = lines["occurred_at"]
    # undated lines, and what counts once, are the same line whenever they are dated
    unit = pd.Series("", index=lines.index, dtype="str")
    unit = unit.mask(kind == "each", moment.dt.strftime("%Y-%m-%d %H:%M:%S.%f"))
    unit = unit.mask(kind == "day", moment.dt.strftime("%Y-%m-%d"))
    unit = unit.mask(kind == "value", lines["detail"])
    lines = lines.assign(unit=unit)
    return lines.assign(nth=lines.groupby(_KEY[:-1], dropna=False).cumcount())


def _happened(pairs: pd.DataFrame, hits: pd.DataFrame | None) -> dict[tuple[int, str], _Seen]:
    """Per pair and rule: did events come to be seen in between, and had they happened before?"""
    if hits is None or hits.empty:
        return {}
    each = pairs[["pair", "lead_id", "since", "as_of"]].merge(hits, on="lead_id")
    came = _seen(each, "as_of") & ~_seen(each, "since")
    each = each.assign(new=came & (each["occurred_at"] >= each["since"]), late=came)
    each["late"] &= ~each["new"]
    found = each.groupby(["pair", "rule"])[["new", "late"]].any().reset_index()
    return {
        (row["pair"], row["rule"]): _Seen(bool(row["new"]), bool(row["late"]))
        for row in found.to_dict("records")
    }


def _seen(hits: pd.DataFrame, at: str) -> pd.Series:
    moment = hits[at]
    stands = hits["retracted_at"].isna() | (hits["retracted_at"] >= moment)
    return (hits["occurred_at"] < moment) & (hits["known_at"] < moment) & stands


_Part = tuple[str, object, object, float, float, float, str]  # COLUMNS from kind on


def _parts(
    row: Mapping[Any, Any],
    facts: _Facts | None,
    since: pd.Timestamp,
    as_of: pd.Timestamp,
    seen: _Seen | None,
) -> list[_Part]:
    """The differences of one line: it came, it went, or it stayed and faded, was renewed or cut by a cap."""
    old, new = ({name: row[f"{name}_{side}"] for name in _LINE} for side in ("old", "new"))
    if pd.isna(old["points"]):
        kind, why = _came(new, facts, since, seen)
        return _told(kind, new, 0.0, new["points"], new["points"], why)
    if pd.isna(new["points"]):
        kind, why = _went(old, facts, as_of, seen)
        return _told(kind, old, old["points"], 0.0, -old["points"], why)
    was, now = old["points"], new["points"]
    capped = round(old["taken_by_cap"] - new["taken_by_cap"], EXACT)
    rest = round(now - was - capped, EXACT)
    moved = "decay", "faded"
    grew = rest * new["raw_points"] > 0
    if grew and new["occurred_at"] > old["occurred_at"]:
        late = not seen.new if seen else new["occurred_at"] < since
        moved = ("late", "done again, known late") if late else ("event", "done again")
    elif new["occurred_at"] < old["occurred_at"]:
        moved = "retraction", "the latest time was taken back"
    return [
        *_told(moved[0], new, was, now, rest, moved[1]),
        *_told(
            "cap", new, was, now, capped, "the cap took less" if abs(now) > abs(was) else "the cap took more"
        ),
    ]


def _told(kind: str, line: Mapping[str, Any], was: float, now: float, points: float, why: str) -> list[_Part]:
    points = round(points, EXACT) + 0.0
    if points == 0:
        return []
    detail = None if pd.isna(line["detail"]) else line["detail"]
    return [(kind, line["occurred_at"], detail, was, now, points, why)]


def _came(
    line: Mapping[str, Any], facts: _Facts | None, since: pd.Timestamp, seen: _Seen | None
) -> tuple[str, str]:
    if facts is None or not facts.action:
        return ("feature", "now holds") if facts and facts.feature else ("attribute", "now holds")
    recent = line["occurred_at"] >= since
    if facts.inactive_for is not None:
        if recent:
            return "silence", f"nothing for {humanize(facts.inactive_for)}"
        return "retraction", "what broke the silence was taken back"
    # what completes an at_least is newer than the moment of its line
    if recent or (facts.unit == "one" and seen is not None and seen.new):
        return "event", "new"
    return "late", "happened before, known since"


def _went(
    line: Mapping[str, Any], facts: _Facts | None, as_of: pd.Timestamp, seen: _Seen | None
) -> tuple[str, str]:
    if facts is None or not facts.action:
        return ("feature", "no longer holds") if facts and facts.feature else ("attribute", "no longer holds")
    if facts.inactive_for is not None:
        late = seen is not None and not seen.new
        return ("late", "was active after all, known since") if late else ("event", "active again")
    over = facts.over(line["occurred_at"], as_of)
    return ("expired", over) if over else ("retraction", "taken back")


def _pairs(before: SheetScores, after: SheetScores) -> pd.DataFrame:
    sides = []
    for scores in (before, after):
        rows = scores.scores[["lead_id", "row_id", "as_of"]]
        if rows["lead_id"].duplicated().any():
            raise ValueError("a lead stands twice: give one row per lead and moment")
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


def _with_leads(found: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    leads = pairs.set_index("pair")["lead_id"]
    named = found.assign(lead_id=leads.reindex(found["pair"]).to_numpy(), size=found["points"].abs())
    named = named.sort_values(["pair", "size"], ascending=[True, False], kind="stable", ignore_index=True)
    return named[["lead_id", *COLUMNS[1:]]]

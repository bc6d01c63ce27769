"""Several sheets for several kinds of leads: each lead is scored by every sheet that is for it, and one is primary."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.engines import Table
from leadlens.features.errors import UsageError
from leadlens.features.history import Finding, History
from leadlens.features.matrix import make_features
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.checking import check_sheet
from leadlens.models.scorecard.language.contradictions import STARTING
from leadlens.models.scorecard.language.parsing import parse_segment
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import LEDGER_COLUMNS, SheetScores, score_sheet

NO_SHEET = "No sheet"
_LEAD = {"": "l", "account": "a"}
_SHARED = (
    *("total", "score", "grade", "stage", "disqualified_by", "product", "trend", "surge"),
    *("route", "action", "queue", "reason"),
)


@dataclass(frozen=True)
class ScorecardSet:
    """The sheets of a project in their order: the first whose ``for`` matches is a lead's primary sheet.

    Raises ``UsageError`` for two sheets of one name.
    """

    sheets: tuple[Sheet, ...]

    def __post_init__(self) -> None:
        for name, count in Counter(sheet.name for sheet in self.sheets).items():
            if count > 1:
                raise UsageError(
                    "two sheets have one name",
                    value=name,
                    why="scores, versions and routes identify sheets by name",
                    fix="give each its own `sheet:`",
                )

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """The inverse of ``content``."""
        return cls(tuple(Sheet.model_validate(sheet) for sheet in content.get("sheets", [content])))

    def content(self) -> dict[str, Any]:
        """Plain JSON values: of a single sheet its own content."""
        contents = [sheet.content() for sheet in self.sheets]
        return contents[0] if len(contents) == 1 else {"sheets": contents}

    @property
    def name(self) -> str:
        return " + ".join(sheet.name for sheet in self.sheets)

    @cached_property
    def version(self) -> str:
        """Twelve hex digits that change when any sheet, or their order, does."""
        versions = [sheet.version for sheet in self.sheets]
        if len(versions) == 1:
            return versions[0]
        return hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:12]

    @cached_property
    def rules(self) -> tuple[AttributeRule | ActionRule, ...]:
        """Every rule of every sheet, with labels that are unique among all; of several sheets also what each
        starts with, since it differs between their leads."""
        labelled: list[AttributeRule | ActionRule] = []
        for sheet in self.sheets:
            if points := self.base_points(sheet):
                when = sheet.for_ or "TRUE"
                labelled.append(AttributeRule(label=self.base_label(sheet), when=when, points=points))
            labelled += [
                rule.model_copy(update={"label": self.label(sheet, rule.label)}) for rule in sheet.rules
            ]
        return tuple(labelled)

    def base_points(self, sheet: Sheet) -> float:
        """Starting points of a sheet's total, 0 for a single sheet: they are alike for all."""
        if len(self.sheets) == 1:
            return 0
        return sum(sheet.base.get(name, 0) for name in sheet.total)

    def base_label(self, sheet: Sheet) -> str:
        """The label of a sheet's starting points among several."""
        return f"{STARTING} of {sheet.name}"

    @cached_property
    def _repeated(self) -> dict[tuple[str, str], str]:
        """By sheet and label, a unique label for each rule whose label another sheet has too."""
        counts = Counter(label for sheet in self.sheets for label in {rule.label for rule in sheet.rules})
        counts.update(self.base_label(sheet) for sheet in self.sheets if self.base_points(sheet))
        taken, labels = set(counts), {}
        for sheet in self.sheets:
            for label in dict.fromkeys(rule.label for rule in sheet.rules):
                if counts[label] > 1:
                    unique = f"{label} ({sheet.name})"
                    while unique in taken:  # a rule may be called that by hand
                        unique += f" ({sheet.name})"
                    taken.add(unique)
                    labels[sheet.name, label] = unique
        return labels

    def label(self, sheet: Sheet, label: str) -> str:
        """The label of a sheet's rule, with the sheet's name where another sheet has the same; never that of another."""
        return self._repeated.get((sheet.name, label), label)

    def check(self, history: History) -> list[Finding]:
        """What the sheets and the data do not agree on, and how many leads no sheet is for."""
        findings = [finding for sheet in self.sheets for finding in check_sheet(sheet, history)]
        if all(sheet.for_ is not None for sheet in self.sheets):
            engine, end = history.engine, history.engine.dialect.literal(history.data_end)
            every_lead = f"""
                SELECT row_number() OVER (ORDER BY lead_id) - 1 AS row_id, lead_id, {end} AS as_of, created_at
                FROM leads
            """
            with (
                Spine.make(engine, "every_lead", every_lead) as spine,
                self._assign(history, spine, None) as assigned,
            ):
                alone, every = engine.count(f"{assigned} WHERE sheet IS NULL"), assigned.rows
            if alone:
                message = f"no sheet is for {alone:,} of {every:,} leads: they get no points; "
                message += "a last sheet without `for` would take them"
                findings.append(Finding("sheet-no-segment", message, "warning", alone))
        return findings

    def _assign(self, history: History, spine: Spine, plan: FeaturePlan | None) -> Table:
        """``row_id, lead_id, as_of, created_at, in_0, in_1, …, sheet``: which sheets are for each row, and the first
        of them by its place. The caller drops the table."""
        engine, dialect = history.engine, history.engine.dialect
        steps, features = attribute_steps(history, spine), list[str]()
        try:
            holds, joins = [], ""
            for place, sheet in enumerate(self.sheets):
                segment, narrow = parse_segment(sheet, history, plan)
                aliases = {**_LEAD, "feature": f"f{place}"}
                holds.append("TRUE" if segment is None else segment.sql(dialect, aliases))
                if narrow is not None:
                    features.append(f"segment_features_{place}")
                    make_features(history, narrow, spine, features[-1])
                    joins += f" LEFT JOIN {features[-1]} AS f{place} ON f{place}.row_id = s.row_id"
            engine.run(steps)  # after the features, whose steps drop theirs of the same names
            flags = ", ".join(f"coalesce({sql}, FALSE) AS in_{place}" for place, sql in enumerate(holds))
            whens = " ".join(f"WHEN in_{place} THEN {place}" for place in range(len(holds)))
            return Table.make(
                engine,
                "assigned",
                f"""
                SELECT p.*, CASE {whens} END AS sheet
                FROM (
                  SELECT s.row_id, s.lead_id, s.as_of, s.created_at, {flags}
                  FROM {spine} AS s
                  LEFT JOIN lead_as_of AS l ON l.row_id = s.row_id
                  LEFT JOIN account_as_of AS a ON a.row_id = s.row_id{joins}
                ) AS p
                """,
            )
        finally:
            engine.drop(*features, *(step.name for step in steps))


@dataclass(frozen=True)
class ScorecardSetScores:
    """What the sheets say about every row of a spine.

    Attributes
    ----------
    scorecards : the sheets.
    scores : one row per spine row, by row_id, by its primary sheet: the columns of ``SheetScores.scores`` and
        ``sheet`` (its name; missing where no sheet is for the lead: 0 points, stage ``No sheet``). A dimension that
        the primary sheet does not have is missing.
    ledger : the lines of the primary sheets, with unique labels.
    parts : what each sheet says of all rows that it is for, by the sheet's name.
    """

    scorecards: ScorecardSet
    scores: pd.DataFrame
    ledger: pd.DataFrame
    parts: dict[str, SheetScores]

    @property
    def sheet(self) -> ScorecardSet:
        """The sheets."""
        return self.scorecards

    @property
    def undecided(self) -> int:
        """As of ``SheetScores``, of all sheets."""
        return sum(part.undecided for part in self.parts.values())

    def lines(self, row_id: int) -> pd.DataFrame:
        """The ledger of one spine row."""
        return self.ledger[self.ledger["row_id"] == row_id].reset_index(drop=True)

    def take(self, rows: pd.Index) -> ScorecardSetScores:
        """Some of the rows, by row_id."""

        def of(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[frame["row_id"].isin(rows)].reset_index(drop=True)

        parts = {
            name: replace(part, scores=of(part.scores), ledger=of(part.ledger))
            for name, part in self.parts.items()
        }
        return replace(self, scores=of(self.scores), ledger=of(self.ledger), parts=parts)

    def readable_ledger(self) -> pd.DataFrame:
        """The ledger with ``counts``: whether a line is part of the total of the row's primary sheet."""
        of = self.scores.set_index("row_id")["sheet"].reindex(self.ledger["row_id"]).to_numpy()
        counts = pd.Series(False, index=self.ledger.index)
        for sheet in self.scorecards.sheets:
            counts |= (of == sheet.name) & self.ledger["dimension"].isin(sheet.total)
        return self.ledger.assign(counts=counts)

    def by_rule(self) -> pd.DataFrame:
        """Points counted for the total, (rows, rules): 0 where a rule does not match, or is not the primary sheet's."""
        columns = [rule.label for rule in self.scorecards.rules]
        points_by_rule = pd.DataFrame(
            0.0, index=pd.Index(self.scores["row_id"], name="row_id"), columns=columns
        )
        for sheet in self.scorecards.sheets:
            if (part := self.parts.get(sheet.name)) is None:
                continue
            mine = self.scores.loc[self.scores["sheet"] == sheet.name, "row_id"]
            if base := self.scorecards.base_points(sheet):
                points_by_rule.loc[mine, self.scorecards.base_label(sheet)] = base
            points = part.by_rule().loc[mine]
            points_by_rule.loc[mine, [self.scorecards.label(sheet, label) for label in points.columns]] = (
                points.to_numpy()
            )
        return points_by_rule

    def _repr_html_(self) -> str:
        counts_by_sheet = self.scores["sheet"].fillna(NO_SHEET).value_counts()
        counts = ", ".join(f"{count:,} {name}" for name, count in counts_by_sheet.items())
        return f"<p><b>{self.scorecards.name}</b>: {counts or 'no rows'}</p>" + self.scores.head(10).to_html(
            index=False
        )


def score_scorecard_set(
    scorecards: ScorecardSet,
    history: History,
    spine: Spine,
    *,
    ledger: bool = True,
    movement: bool = False,
    plan: FeaturePlan | None = None,
) -> ScorecardSetScores:
    """Score a spine by every sheet of the set that is for its rows; see ``score_sheet``."""

    def score(sheet: Sheet, rows: Spine) -> SheetScores:
        return score_sheet(sheet, history, rows, ledger=ledger, movement=movement, plan=plan)

    first = scorecards.sheets[0]
    if first.for_ is None and len(scorecards.sheets) == 1:
        whole = score(first, spine)
        return ScorecardSetScores(
            scorecards, whole.scores.assign(sheet=first.name), whole.ledger, {first.name: whole}
        )
    engine, parts = history.engine, {}
    with scorecards._assign(history, spine, plan) as assigned:
        primary = engine.frame(f"SELECT row_id, lead_id, as_of, sheet FROM {assigned} ORDER BY row_id")
        for place, sheet in enumerate(scorecards.sheets):
            of_sheet = f"SELECT row_id, lead_id, as_of, created_at FROM {assigned} WHERE in_{place}"
            with Spine.make(engine, "of_sheet", of_sheet) as rows:
                if rows.rows:
                    parts[sheet.name] = score(sheet, rows)
    return _joined(scorecards, primary, parts, movement)


def _joined(
    scorecards: ScorecardSet, primary: pd.DataFrame, parts: dict[str, SheetScores], movement: bool
) -> ScorecardSetScores:
    scores, ledgers = [], []
    for place, sheet in enumerate(scorecards.sheets):
        if sheet.name not in parts:
            continue
        rows = primary.loc[primary["sheet"] == place, "row_id"]
        part = parts[sheet.name]
        scores.append(part.scores[part.scores["row_id"].isin(rows)].assign(sheet=sheet.name))
        lines = part.ledger[part.ledger["row_id"].isin(rows)]
        rules = lines["rule"].map(lambda label, s=sheet: scorecards.label(s, label)).astype("str")
        ledgers.append(lines.assign(rule=rules))
    alone = primary.loc[primary["sheet"].isna(), ["row_id", "lead_id", "as_of"]]
    if len(alone) or not scores:
        blank: dict[str, Any] = {
            "fit": 0.0,
            "engagement": 0.0,
            "total": 0.0,
            "score": 0.0,
            "grade": "D1",
            "stage": NO_SHEET,
        }
        moved = {"trend": np.nan, "surge": np.nan} if movement else {}
        scores.append(alone.assign(**blank, **moved))
    joined = pd.concat(scores, ignore_index=True)
    shared = [name for name in (*_SHARED, "sheet") if name in joined]
    dimensions = [name for name in joined.columns if name not in ("row_id", "lead_id", "as_of", *shared)]
    for name in ("sheet", "disqualified_by", "product", "route", "action", "queue", "reason"):
        joined[name] = (
            joined[name] if name in joined else pd.Series(index=joined.index, dtype="str")
        ).astype("str")
    order = ["row_id", "lead_id", "as_of", *dimensions, *(n for n in (*_SHARED, "sheet") if n in joined)]
    ledger = pd.concat(ledgers, ignore_index=True) if ledgers else _no_lines(primary)
    ledger = ledger.sort_values("row_id", kind="stable").reset_index(drop=True)
    return ScorecardSetScores(
        scorecards, joined[order].sort_values("row_id").reset_index(drop=True), ledger, parts
    )


def _no_lines(primary: pd.DataFrame) -> pd.DataFrame:
    """A ledger of no line, with the types of one that has some."""
    texts = ("lead_id", "dimension", "rule", "detail")
    kinds = dict.fromkeys(LEDGER_COLUMNS, "float64") | dict.fromkeys(texts, "str")
    kinds |= {"row_id": str(primary["row_id"].dtype), "occurred_at": str(primary["as_of"].dtype)}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})

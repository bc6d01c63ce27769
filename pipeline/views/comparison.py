"""A comparison as page and report show it: every number that both have comes from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from leadlens.models.judging import Comparison
from leadlens.models.judging.chances import chance
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.verdicts import FLAGGED, TOO_FEW_LEADS, VERDICTS, flagged_by_chance
from leadlens.pipeline.views import compared_charts as charts

_CALLED = (*range(5, 50, 5), *range(50, 101, 10))  # percent, rows of the table of gains
_GRADES = {"fit": "ABCD", "activity": "4321"}
_WORST_FIRST = {name: at for at, name in enumerate(VERDICTS)}


@dataclass(frozen=True)
class ComparisonView:
    """``figures`` is the comparison's JSON, ``at`` what ``Comparison.at_its_capacity`` said at the capacity that is shown."""

    figures: Mapping[str, Any]
    at: Mapping[str, Any]

    @classmethod
    def of(cls, comparison: Comparison) -> ComparisonView:
        """At its own capacity."""
        return cls(comparison.to_dict(), comparison.at_its_capacity())

    @cached_property
    def cells(self) -> dict[str, Mapping[str, Any]]:
        """Leads, conversions and rate of each quadrant, by name."""
        return {each["quadrant"]: each for each in self.at["quadrants"]}

    @property
    def settled(self) -> list[Mapping[str, Any]]:
        """The checks that are good."""
        return [check for check in self.at["trust"] if check["level"] == "good"]

    @property
    def unsettled(self) -> list[Mapping[str, Any]]:
        """The checks to look at, the worst first."""
        checks = [check for check in self.at["trust"] if check["level"] != "good"]
        return sorted(checks, key=lambda check: check["level"] != "bad")

    @cached_property
    def rules(self) -> list[Mapping[str, Any]]:
        """Every rule, those to look at first on top, and of a kind the largest."""
        return sorted(self.figures["audit"], key=_place)

    @property
    def flagged(self) -> list[Mapping[str, Any]]:
        """The rules to look at."""
        return [rule for rule in self.rules if rule["verdict"] in FLAGGED]

    @property
    def others(self) -> list[Mapping[str, Any]]:
        """The rules that need no change, or of which too little is known."""
        return [rule for rule in self.rules if rule["verdict"] not in FLAGGED]

    @property
    def by_chance(self) -> str:
        """How many rules would be flagged if all were sound; empty where none is flagged."""
        judged = sum(rule["verdict"] != TOO_FEW_LEADS for rule in self.rules)
        return flagged_by_chance(judged) if self.flagged else ""

    @cached_property
    def reached(self) -> list[dict[str, Any]]:
        """What calls for a share of the leads reach, and what the sheet's own stages do (``stage``); by share."""
        figures, total = self.figures, self.figures["conversions"]
        at = {(each["lens"], round(100 * each["called"])): each for each in figures["gains"]}
        rows = []
        for called in _CALLED:
            model, sheet = at[MODEL, called], at[RULES, called]
            rows.append(
                {
                    "stage": None,
                    "share": called / 100,
                    "calls": round(called / 100 * figures["leads"]),
                    "model": model["found"],
                    "sheet": sheet["found"],
                    "chance": model["random"],
                }
            )
        for cut in figures["cuts"]:
            found = {
                "model": cut["model"] / total,
                "sheet": cut["rules"] / total,
                "chance": cut["random"] / total,
            }
            rows.append({"stage": cut["name"], "share": cut["share"], "calls": cut["calls"], **found})
        return sorted(rows, key=lambda row: row["share"])

    @property
    def out_of_reach(self) -> int:
        """Converting leads that no order of calls reaches: the curves end below 100 %."""
        return int(self.figures["conversions"] - self.figures["reachable"])

    @cached_property
    def bands(self) -> list[dict[str, Any]]:
        """Leads and conversions of each band that has leads, and the chance of such a lead in words."""
        base = self.base_rate
        return [
            {**each, "chance": chance(each["leads"], each["conversions"], base)}
            for each in self.figures["bands"]
            if each["leads"]
        ]

    @property
    def base_rate(self) -> float:
        """Of all leads, the share that converted."""
        return float(self.figures["conversions"] / self.figures["leads"])

    @cached_property
    def grades(self) -> dict[str, dict[str, Any]]:
        """For each lens ``across``, ``down`` and ``cells`` by (fit, activity); a shade from 0 to 4 is how often leads convert."""
        top = max((each["rate"] or 0.0 for each in self.figures["grades"]), default=0.0) or 1.0
        shown = {}
        for kind, lens in charts.KINDS.items():
            own = [each for each in self.figures["grades"] if each["lens"] == lens and each["leads"]]
            sides = {
                side: [grade for grade in (*order, "–") if any(each[side] == grade for each in own)]
                for side, order in _GRADES.items()
            }
            cells = {
                (each["fit"], each["activity"]): {**each, "shade": round(4 * each["rate"] / top)}
                for each in own
            }
            shown[kind] = {"across": sides["activity"], "down": sides["fit"], "cells": cells}
        return shown

    @cached_property
    def gains_chart(self) -> charts.Gains:
        """Reached by called."""
        return charts.gains(self.figures["gains"], self.at["share"])

    @cached_property
    def bands_chart(self) -> charts.Bands | None:
        """Conversion by band of the score."""
        return charts.bands(self.figures["bands"], self.base_rate)

    @cached_property
    def calibration_chart(self) -> charts.Calibration:
        """Predicted and actual conversion."""
        return charts.calibration(self.figures["calibration"])

    @cached_property
    def strips(self) -> dict[str, charts.Strip]:
        """Points and worth of each rule."""
        return charts.strips(self.figures["audit"])


def _place(rule: Mapping[str, Any]) -> tuple[int, float]:
    return _WORST_FIRST.get(rule["verdict"], len(_WORST_FIRST)), -abs(rule["points"] or 0.0)

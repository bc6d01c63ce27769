"""The conditions of a sheet, checked against the columns of a history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from leadlens.features.columns import FeatureColumn
from leadlens.features.conditions.condition import Condition
from leadlens.features.conditions.guards import quoted
from leadlens.features.errors import UsageError
from leadlens.features.history import History, Kind
from leadlens.features.matrix import plan_columns
from leadlens.features.plan import FeaturePlan
from leadlens.features.planning import narrowed, plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import Spine
from leadlens.models.scorecard.language.sheet import Sheet

_OUTCOMES: dict[str, Kind] = {
    "total": "number",
    "score": "number",
    "grade": "category",
    "fit_grade": "category",
    "engagement_grade": "category",
    "trend": "number",
    "surge": "number",
    "product": "category",
}
# Rules may name any feature, however rare: whoever wrote the rule has a reason.
_EVERYTHING = FeatureSettings(
    windows=tuple(timedelta(days=days) for days in (1, 7, 30, 90, 365)), min_support=0.0, max_event_keys=500
)
_ROUTED: dict[str, Kind] = {"stage": "category", "disqualified": "boolean"}


@dataclass(frozen=True)
class Parsed:
    """A sheet's conditions in the order of the sheet.

    ``after`` and ``of`` are by the index of the action; ``stages`` by the stage's name; ``plan`` holds the features
    that conditions read, ``None`` where they read none.
    """

    attributes: tuple[Condition, ...]
    actions: tuple[Condition, ...]
    after: dict[int, Condition]
    of: dict[int, str]
    disqualifiers: tuple[Condition, ...]
    segment: Condition | None
    stages: dict[str, Condition]
    routes: tuple[Condition, ...]
    plan: FeaturePlan | None

    @cached_property
    def outcomes(self) -> tuple[Condition, ...]:
        """Those over what the points come to."""
        return (*self.stages.values(), *self.routes)

    def asks(self, *columns: str) -> bool:
        """Whether a stage or a route reads one of these columns."""
        return any(name in condition.columns_used for condition in self.outcomes for name in columns)


def parse_conditions(sheet: Sheet, history: History, plan: FeaturePlan | None = None) -> Parsed:
    """Check every condition of the sheet. ``plan`` has the features that may be named; by default any that the
    history supports.

    Raises ``UsageError`` with file, line and rule.
    """
    return _Reading(sheet, history, plan).parsed()


def parse_segment(
    sheet: Sheet, history: History, plan: FeaturePlan | None = None
) -> tuple[Condition | None, FeaturePlan | None]:
    """The condition of ``for``, and the features that it reads. Raises ``UsageError`` with file and line."""
    reading = _Reading(sheet, history, plan)
    segment = reading.segment()
    return segment, None if segment is None else reading.narrow([segment])


class _Reading:
    def __init__(self, sheet: Sheet, history: History, plan: FeaturePlan | None) -> None:
        self.sheet, self.history, self.plan = sheet, history, plan
        self.events: dict[str, Kind] = {
            **history.event_properties,
            "event_type": "category",
            "occurred_at": "time",
        }

    def parsed(self) -> Parsed:
        sheet = self.sheet
        actions = list(enumerate(sheet.actions))
        parsed = Parsed(
            attributes=tuple(
                self._lead(rule.when, "attributes", i) for i, rule in enumerate(sheet.attributes)
            ),
            actions=tuple(self._event(rule.when, "actions", i) for i, rule in actions),
            after={
                i: self._event(rule.after, "actions", i, "after")
                for i, rule in actions
                if rule.after is not None
            },
            of={i: self._of(rule.of, i) for i, rule in actions if rule.of is not None},
            disqualifiers=tuple(
                self._event(rule.when, "disqualify", i)
                if rule.on == "action"
                else self._lead(rule.when, "disqualify", i)
                for i, rule in enumerate(sheet.disqualify)
            ),
            segment=self.segment(),
            stages=self._stages(),
            routes=tuple(
                self._parse(route.when, self._outcome_columns(_ROUTED), ("routes", i, "when"), route.label)
                for i, route in enumerate(sheet.routes)
            ),
            plan=None,
        )
        return replace(
            parsed, plan=self.narrow((*parsed.attributes, *parsed.disqualifiers, *parsed.outcomes))
        )

    def _stages(self) -> dict[str, Condition]:
        stages = self.sheet.thresholds.stages if self.sheet.thresholds else ()
        return {
            name: self._parse(
                stage.when, self._outcome_columns({}), ("thresholds", name.lower(), "when"), name
            )
            for name, stage in stages
            if stage.when is not None
        }

    def _outcome_columns(self, more: Mapping[str, Kind]) -> dict[str, Kind]:
        return {**_OUTCOMES, **dict.fromkeys(self.sheet.all_dimensions, "number"), **more}

    def _event(self, text: str, section: str, index: int, key: str = "when") -> Condition:
        return Condition.parse(
            text, self.events, self.sheet.where(section, index, key), lists=self.sheet.lists
        )

    def _lead(self, text: str, section: str, index: int) -> Condition:
        return self._parse(text, {}, (section, index, "when"), getattr(self.sheet, section)[index].label)

    def _parse(
        self, text: str, outcomes: Mapping[str, Kind], place: tuple[str | int, ...], label: str
    ) -> Condition:
        """A condition about a lead; with ``outcomes`` also about what its points come to."""
        history = self.history
        tables: dict[str, Mapping[str, Kind]] = {"account": history.account_attributes}
        if "feature" in text.lower():
            tables["feature"] = {column.name: _kind(column) for column in self._features}
        if outcomes:
            tables["rule"] = {rule.key: "boolean" for rule in self.sheet.rules if rule.key is not None}
            tables["lead"] = history.lead_attributes  # a lead's own column may be called like an outcome
        columns = {**history.lead_attributes, **outcomes}
        condition = Condition.parse(text, columns, self.sheet.place(place, label), tables, self.sheet.lists)
        if not outcomes:
            return condition
        # the lead's own columns are kept apart from the sheet's results, even under one name
        return condition.moved(
            lambda at: replace(at, table="lead") if not at.table and at.name not in outcomes else at
        )

    @cached_property
    def _features(self) -> tuple[FeatureColumn, ...]:
        if self.plan is None:
            history, literal = self.history, self.history.engine.dialect.literal
            end = literal(history.data_end)
            every_lead = f"""
                SELECT row_number() OVER (ORDER BY lead_id) - 1 AS row_id, lead_id, {end} AS as_of, created_at
                FROM leads
                WHERE created_at <= {end}
            """
            with Spine.make(history.engine, "every_lead", every_lead) as rows:
                self.plan = plan_vocabulary(history, rows, _EVERYTHING)
        return plan_columns(self.plan)

    def _of(self, name: str, index: int) -> str:
        known = self.history.event_properties
        if name not in known:
            raise UsageError(
                f"there is no column {quoted(name)} of events here",
                value=name,
                where=self.sheet.where("actions", index, "of"),
                known=sorted(known),
                why="its values are what counts",
                fix="name a column of the events: `of: page`",
            )
        return name

    def segment(self) -> Condition | None:
        """The condition of ``for``."""
        return None if self.sheet.for_ is None else self._parse(self.sheet.for_, {}, ("for",), "for")

    def narrow(self, conditions: Iterable[Condition]) -> FeaturePlan | None:
        """The features that conditions read, ``None`` where they read none."""
        used = {
            name.removeprefix("feature.")
            for condition in conditions
            for name in condition.columns_used
            if name.startswith("feature.")
        }
        if not used:
            return None
        assert self.plan is not None
        return narrowed(self.plan, used)


def _kind(column: FeatureColumn) -> Kind:
    return "number" if column.kind == "number" else "category"

"""The feature matrix: exactly one row per spine row, and the columns' meaning beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from features.as_of import attribute_steps
from features.attributes import attribute_columns, attribute_select, colleague_steps
from features.behaviour import behaviour_columns, behaviour_steps
from features.columns import FeatureColumn
from features.engine import Step, StepReport
from features.errors import DataError
from features.history import History
from features.plan import FeaturePlan


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of a spine.

    Attributes
    ----------
    frame : (rows, columns), indexed by ``row_id`` in ascending order; numbers are float64 (NaN = unknown),
        categories are pandas text (missing = unknown).
    columns : what each column means, in the frame's order.
    spine : ``row_id, lead_id, as_of, created_at``, in the same order.
    """

    frame: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    spine: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when any value, row or column does."""
        digest = hashlib.sha256("\0".join(self.frame.columns).encode())
        for part in (self.spine[["lead_id", "as_of"]], self.frame):
            digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
        return digest.hexdigest()[:16]

    def _repr_html_(self) -> str:
        families = pd.Series([column.family for column in self.columns]).value_counts()
        told = ", ".join(f"{count} {family}" for family, count in families.items())
        head = pd.concat([self.spine[["lead_id", "as_of"]].head(5), self.frame.head(5).iloc[:, :8]], axis=1)
        return (
            f"<p><b>Feature matrix</b>: {len(self):,} rows × {len(self.columns)} columns ({told})</p>"
            + head.to_html(index=False, escape=True, na_rep="–")
        )


def plan_columns(plan: FeaturePlan) -> tuple[FeatureColumn, ...]:
    """Every column a plan makes, in the matrix's order."""
    return (*behaviour_columns(plan), *attribute_columns(plan))


def feature_steps(history: History, plan: FeaturePlan, spine: str = "spine") -> list[Step]:
    """All steps of a plan, ending in the table ``features``; for running, printing or timing."""
    quote = history.engine.dialect.quote
    behaviours = ", ".join(f"b.{quote(column.name)}" for column in behaviour_columns(plan))
    attributes = ", ".join(attribute_select(history, plan))
    columns = ", ".join(part for part in (behaviours, attributes) if part)
    colleagues = " JOIN colleagues ON colleagues.row_id = s.row_id" if plan.colleagues else ""
    return [
        *behaviour_steps(history, plan, spine),
        *attribute_steps(history, spine),
        *(colleague_steps(history, spine) if plan.colleagues else []),
        Step(
            "features",
            f"SELECT s.row_id, {columns or 'NULL AS nothing'} FROM {spine} AS s "
            "JOIN behaviour AS b ON b.row_id = s.row_id "
            "JOIN lead_as_of AS lead ON lead.row_id = s.row_id "
            f"JOIN account_as_of AS account ON account.row_id = s.row_id{colleagues}",
        ),
    ]


def _check_columns(history: History, plan: FeaturePlan) -> None:
    """A plan of an earlier day may name columns that the data of today no longer have."""
    own = {"lead": history.lead_attributes, "account": history.account_attributes}
    lacking = [
        f"{item.source}s.{item.column}" for item in plan.attributes if item.column not in own[item.source]
    ]
    read = [name for key in plan.keys for name in (key.prop, *key.amounts) if name is not None]
    lacking += [f"events.{name}" for name in read if name not in history.event_properties]
    if lacking:
        raise DataError(
            "the features need columns that the data do not have",
            value=", ".join(sorted(set(lacking))),
            why="a model can only score rows made as its training rows were",
            fix="restore the columns in `data`, or train again without them",
        )


def build_matrix(
    history: History,
    plan: FeaturePlan,
    spine: str = "spine",
    watch: Callable[[StepReport], None] | None = None,
) -> FeatureMatrix:
    """Run a plan over a spine. Raises ``DataError`` if the data lack a column of the plan, or a step fails."""
    _check_columns(history, plan)
    steps = feature_steps(history, plan, spine)
    history.engine.run(steps, watch)
    columns = plan_columns(plan)
    found = history.engine.frame("SELECT * FROM features ORDER BY row_id").set_index("row_id")
    rows = history.engine.frame(f"SELECT row_id, lead_id, as_of, created_at FROM {spine} ORDER BY row_id")
    assert len(found) == len(rows), "output law: exactly one feature row per spine row"
    frame = pd.DataFrame(
        {
            column.name: found[column.name].astype("float64" if column.kind == "number" else "str")
            for column in columns
        },
        index=found.index,
    )
    history.engine.drop(*(step.name for step in steps))
    return FeatureMatrix(frame, columns, rows)

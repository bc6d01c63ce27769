"""The feature matrix: exactly one row per spine row, and the meaning of its columns."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.attributes.columns import attribute_columns, attribute_select, colleague_steps
from leadlens.features.attributes.lookups import gathering_steps, lookup_joins, make_lookups
from leadlens.features.behaviour.aggregates import aggregate_steps
from leadlens.features.behaviour.columns import behaviour_columns, behaviour_steps, feature_column_steps
from leadlens.features.columns import FeatureColumn
from leadlens.features.engines import DuckDBEngine, Step, StepReport
from leadlens.features.errors import DataError
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan
from leadlens.features.plan_fit import refuse_unfit
from leadlens.features.spine import Spine

_ROW_GROUP = 122_880
_FEW_OTHERS = 20  # columns whose type is set one by one


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

    def take(self, rows: pd.Index) -> FeatureMatrix:
        """Some of the rows, by row_id."""
        spine = self.spine.set_index("row_id").loc[rows].reset_index()
        return FeatureMatrix(self.frame.loc[rows], self.columns, spine)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when any value, row or column does."""
        digest = hashlib.sha256("\0".join(self.frame.columns).encode())
        for part in (self.spine[["lead_id", "as_of"]], self.frame):
            digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
        return digest.hexdigest()[:16]

    def _repr_html_(self) -> str:
        families = pd.Series([column.family for column in self.columns]).value_counts()
        counts = ", ".join(f"{count} {family}" for family, count in families.items())
        head = pd.concat([self.spine[["lead_id", "as_of"]].head(5), self.frame.head(5).iloc[:, :8]], axis=1)
        return (
            f"<p><b>Feature matrix</b>: {len(self):,} rows × {len(self.columns)} columns ({counts})</p>"
            + head.to_html(index=False, escape=True, na_rep="–")
        )


@lru_cache(maxsize=8)
def plan_columns(plan: FeaturePlan) -> tuple[FeatureColumn, ...]:
    """Every column a plan makes, in the matrix's order."""
    return (*behaviour_columns(plan), *attribute_columns(plan))


def feature_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """All steps of a plan, ending in the table ``features``; for running, printing or timing."""
    return [
        *_attribute_steps(history, plan, spine),
        *behaviour_steps(history, plan, spine),
        _features(history, plan, spine),
    ]


def _attribute_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    return [
        *(attribute_steps(history, spine) if plan.attributes else []),
        *gathering_steps(history, plan, spine),
        *(colleague_steps(history, spine) if plan.colleagues else []),
    ]


def _features(history: History, plan: FeaturePlan, spine: Spine) -> Step:
    """The attributes, joined first since they are few, beside the hundreds of columns of behaviour."""
    quote = history.engine.dialect.quote
    names = [quote(column.name) for column in attribute_columns(plan)]
    joins = []
    if plan.attributes:
        joins.append("JOIN lead_as_of AS lead ON lead.row_id = s.row_id")
        joins.append("JOIN account_as_of AS account ON account.row_id = s.row_id")
    if plan.colleagues:
        joins.append("JOIN colleagues ON colleagues.row_id = s.row_id")
    attributes = f"""
        SELECT {", ".join(["s.row_id", *attribute_select(history, plan)])}
        FROM {spine} AS s
        {" ".join(joins)}
        {lookup_joins(history, plan)}
    """
    columns = [f"b.{quote(column.name)}" for column in behaviour_columns(plan)]
    columns += [f"a.{name}" for name in names]
    sql = f"""
        SELECT b.row_id, {", ".join(columns) or "NULL AS nothing"}
        FROM behaviour AS b
        JOIN ({attributes}) AS a ON a.row_id = b.row_id
    """
    return Step("features", sql)


def _compiles(history: History, plan: FeaturePlan, spine: Spine) -> bool:
    """Whether compiled loops make the aggregates.

    Not by how many rows and events there are: sums of doubles differ in the last bits from those of the SQL, and a lead
    alone is to have the features that it has among all.
    """
    if not isinstance(history.engine, DuckDBEngine) or not plan.keys or not spine.rows:
        return False
    from leadlens.features.compiled.coding import EventCoding

    return EventCoding.of(plan) is not None


def _parts(
    history: History,
    plan: FeaturePlan,
    spine: Spine,
    watch: Callable[[StepReport], None] | None,
    loops: bool = True,
) -> Generator[tuple[Spine, str]]:
    """Yields one part of the rows after another, and SQL of the table ``features`` of these rows, to select from."""
    engine = history.engine
    refuse_unfit(history, plan)
    attributes = _attribute_steps(history, plan, spine)
    made = [step.name for step in attributes]

    def column_steps(rows: Spine) -> list[Step]:
        return [*feature_column_steps(history, plan, rows), _features(history, plan, rows)]

    try:
        made.extend(make_lookups(history, plan, spine))
        engine.run(attributes, watch)
        if not (loops and _compiles(history, plan, spine)):
            aggregates = aggregate_steps(history, plan, spine)
            made.extend(step.name for step in aggregates)
            engine.run(aggregates, watch)
            columns = column_steps(spine)
            made.extend(step.name for step in columns)
            with engine.wide():
                engine.run(columns, watch)
                yield spine, "features"
            return
        # numba takes a while to import: only those who need it wait for it.
        from leadlens.features.compiled.aggregation import aggregate_events

        assert isinstance(engine, DuckDBEngine)
        for part in aggregate_events(history, plan, spine):
            part.register(engine, "aggregates", watch)
            sql = f"SELECT s.* FROM {spine} AS s JOIN aggregates AS f ON f.row_id = s.row_id"
            with Spine.make(engine, "part_rows", sql, watch) as rows, engine.wide():
                # One statement: hundreds of columns cost much more to plan than a row of them to compute.
                *before, last = column_steps(rows)
                named = ", ".join(f"{step.name} AS NOT MATERIALIZED ({step.sql})" for step in before)
                yield rows, f"(WITH {named} {last.sql})"
    finally:
        engine.drop(*made, "aggregates")


def build_matrix(
    history: History,
    plan: FeaturePlan,
    spine: Spine,
    watch: Callable[[StepReport], None] | None = None,
    *,
    loops: bool = True,
) -> FeatureMatrix:
    """Run a plan over a spine. Without ``loops`` all of it is SQL, as engines other than DuckDB run it.

    Raises ``DataError`` if the data lack a column of the plan or have it of another kind, or a step fails.
    """
    engine, columns = history.engine, plan_columns(plan)
    with closing(_parts(history, plan, spine, watch, loops)) as parts:
        frames = [engine.frame(f"SELECT * FROM {made} AS f") for _, made in parts]
    features = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    features = features.set_index("row_id").sort_index()
    rows = engine.frame(f"SELECT row_id, lead_id, as_of, created_at FROM {spine} ORDER BY row_id")
    assert len(features) == len(rows), "output law: exactly one feature row per spine row"
    frame = _typed(features, {c.name: "float64" if c.kind == "number" else "str" for c in columns})
    return FeatureMatrix(frame, columns, rows)


def _typed(features: pd.DataFrame, types: dict[str, str]) -> pd.DataFrame:
    """These columns, as these types. Most are so already, and each that is touched costs as much as a row's features."""
    frame = features if list(features) == list(types) else features[list(types)]
    pairs = list(zip(frame.dtypes, types.values(), strict=True))
    right = {pair: pair[0] == pair[1] for pair in set(pairs)}
    others = {name: types[name] for name, pair in zip(types, pairs, strict=True) if not right[pair]}
    if len(others) > _FEW_OTHERS:
        return frame.astype(others)  # makes every column anew
    if others:
        frame = frame.copy(deep=False)
    for name, kind in others.items():
        frame[name] = frame[[name]].astype({name: kind})[name]
    return frame


def make_features(history: History, plan: FeaturePlan, spine: Spine, name: str) -> None:
    """The features of a plan as table ``name`` of the engine: ``row_id`` and a column per feature."""
    engine = history.engine
    made: list[str] = []
    try:
        with closing(_parts(history, plan, spine, None)) as parts:
            for _, features in parts:
                made.append(f"{name}_{len(made)}")
                engine.run([Step(made[-1], f"SELECT * FROM {features} AS f")])
        engine.run([Step(name, " UNION ALL ".join(f"SELECT * FROM {part}" for part in made))])
    finally:
        engine.drop(*made)


def write_matrix(
    history: History,
    plan: FeaturePlan,
    spine: Spine,
    path: Path,
    watch: Callable[[StepReport], None] | None = None,
    times: bool = True,
) -> None:
    """The matrix as Parquet at ``path``, never whole in memory: ``row_id, lead_id, as_of, created_at``, features.

    Without ``times`` as_of and created_at are empty: in data without dates they stand for an order, or for nothing.
    One file, or a folder of part files on engines that write such; rows are in no particular order. What is at
    ``path`` stays as it was until all is written. Raises ``DataError`` where it cannot be written.
    """
    engine = history.engine
    as_of, created_at = (
        f"s.{name}" if times else f"CAST(NULL AS TIMESTAMP) AS {name}" for name in ("as_of", "created_at")
    )
    select = f"""
        SELECT s.lead_id, {as_of}, {created_at}, f.*
        FROM {{}} AS s
        JOIN {{}} AS f ON f.row_id = s.row_id
    """
    if not isinstance(engine, DuckDBEngine):
        with closing(_parts(history, plan, spine, watch)) as whole:
            for part in whole:
                engine.write(select.format(*part), path)
        return
    unfinished, writer, batches = path.with_name(path.name + ".unfinished"), None, None
    parts = _parts(history, plan, spine, watch)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for part in parts:
            batches = engine.connection.sql(select.format(*part)).to_arrow_reader(_ROW_GROUP)
            if writer is None:
                # Numbers seldom repeat: a dictionary, or strong compression, costs more than the loops.
                texts = [field.name for field in batches.schema if pa.types.is_string(field.type)]
                writer = pq.ParquetWriter(
                    unfinished, batches.schema, compression="lz4", use_dictionary=texts or False
                )
            for batch in batches:
                writer.write_batch(batch)
        if writer is not None:
            writer.close()
            if path.is_dir():  # of an engine that writes part files
                shutil.rmtree(path)
            unfinished.replace(path)
    except OSError as error:
        raise DataError(
            "a result could not be written",
            value=str(path),
            why=error.strerror or str(error),
            fix="free some space, or name another place",
        ) from error
    finally:
        if batches is not None:
            batches.close()  # else its tables cannot be dropped
        parts.close()
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)

"""Make features of one's own for some rows, and hold them against what they would have been at an earlier time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features.columns import FeatureColumn
from leadlens.features.errors import UsageError
from leadlens.features.history import History
from leadlens.features.own.declaration import OwnFeature
from leadlens.features.own.known import Known
from leadlens.features.own.values import aligned, typed
from leadlens.features.spine import Spine

_AT_ONCE = 20_000  # rows, so that what was known of them fits in memory
_REBUILT = 200


def make_own(
    history: History,
    spine: pd.DataFrame,
    features: Sequence[OwnFeature],
    *,
    taken: Sequence[str] = (),
    labels: Sequence[str] = (),
    hidden: Sequence[str] = (),
) -> tuple[pd.DataFrame, tuple[FeatureColumn, ...]]:
    """One column per feature for the rows of a spine (``row_id, lead_id, as_of, created_at``), by row_id in its order.

    A sample of the rows is made again in two goes, each as it would have been at an earlier time: later rows and what came after are
    not there, and rows come in another order. ``taken`` and ``labels`` are those
    of others, ``hidden`` columns of leads and accounts that no function may see.

    Raises ``UsageError`` for a name or label that is taken, a function that fails or gives not one number or text per row, and for one
    whose past values change.
    """
    check_features(features, taken, labels)
    made = _made(history, spine, features, hidden)
    columns, kinds = {}, {}
    for feature in features:
        columns[feature.name], kinds[feature.name] = typed(feature.name, made[feature.name])
    frame = pd.DataFrame(columns, index=made.index)
    _rebuild(history, spine, features, frame, hidden)
    return frame, tuple(feature.column(kinds[feature.name]) for feature in features)


def _made(
    history: History, spine: pd.DataFrame, features: Sequence[OwnFeature], hidden: Sequence[str]
) -> pd.DataFrame:
    """The values as given, aligned."""
    parts: dict[str, list[pd.Series]] = {feature.name: [] for feature in features}
    for start in range(0, len(spine), _AT_ONCE):
        some = spine.iloc[start : start + _AT_ONCE]
        rows = some.set_index("row_id")[["lead_id", "as_of", "created_at"]]
        if history.clock != "time":  # they stand for an order, or for nothing
            rows = rows.assign(**dict.fromkeys(("as_of", "created_at"), pd.Series(pd.NaT, index=rows.index)))
        with Spine.of(
            history.engine, "own_rows", some[["row_id", "lead_id", "as_of", "created_at"]]
        ) as table:
            known = Known(history, table, hidden)
            for feature in features:
                parts[feature.name].append(
                    aligned(feature.name, _called(feature, rows.copy(), known), rows.index)
                )
    return pd.DataFrame({name: pd.concat(values) for name, values in parts.items()}, index=spine["row_id"])


def _called(feature: OwnFeature, rows: pd.DataFrame, known: Known) -> Any:
    try:
        return feature(rows, known)
    except Exception as error:
        raise UsageError(
            f"{feature.name} fails",
            value=f"{type(error).__name__}: {error}",
            fix="its own traceback is above this one",
            where="own feature",
        ) from error


def _rebuild(
    history: History,
    spine: pd.DataFrame,
    features: Sequence[OwnFeature],
    frame: pd.DataFrame,
    hidden: Sequence[str],
) -> None:
    rng = np.random.default_rng(0)
    picked = rng.choice(len(spine), size=min(_REBUILT, len(spine)), replace=False)
    by_time = picked[np.argsort(spine["as_of"].to_numpy()[picked], kind="stable")]
    for some in np.array_split(by_time, 2):
        if not len(some):
            continue
        sample = spine.iloc[rng.permutation(some)]
        again = _made(history, sample, features, hidden)
        for name in map(str, frame):
            built = frame.loc[again.index, name]
            for at, (before, value) in enumerate(zip(built, again[name], strict=True)):
                if not _same(before, value):
                    row = sample.iloc[at]
                    when = f" as of {row['as_of']:%Y-%m-%d %H:%M}" if history.clock == "time" else ""
                    raise UsageError(
                        f"{name} gives different values when it is computed again as of the same time",
                        value=f"lead {row['lead_id']}{when}: {before!s} among all rows, {value!s} among "
                        f"{len(sample):,} of that time",
                        why="a value that depends on other rows, on chance or on later data is not what a lead has when it is scored",
                        fix="let each value depend on its own row alone: group by row_id, and draw nothing at random",
                        where="own feature",
                    )


def _same(built: Any, rebuilt: Any) -> bool:
    if pd.isna(built) or pd.isna(rebuilt):
        return bool(pd.isna(built) and pd.isna(rebuilt))
    if isinstance(built, str):
        return built == str(rebuilt)
    return math.isclose(float(built), float(rebuilt), rel_tol=1e-9, abs_tol=1e-9)


def check_features(
    features: Sequence[OwnFeature], taken: Sequence[str] = (), labels: Sequence[str] = ()
) -> None:
    """Raise ``UsageError`` for what is not declared, and for a name or label that another has."""
    read = {label.casefold() for label in labels}
    there = {name.lower(): name for name in taken}  # SQL ignores case in names
    for feature in features:
        if isinstance(feature, list | tuple):
            raise UsageError(
                "features are given one by one",
                value=feature,
                fix="with_features(*my_features), with a star",
                where="own feature",
            )
        if not isinstance(feature, OwnFeature):
            raise UsageError(
                "a feature needs a label and a family",
                value=getattr(feature, "__name__", type(feature).__name__),
                why="people read the label, and the family decides whether it counts as fit or as engagement",
                fix='put @leadlens.feature(label="…", family="behavioural") above the function',
            )
        if feature.name.lower() in there:
            raise UsageError(
                "there is a feature of this name already",
                value=feature.name,
                why="one of the two would be lost",
                fix='rename the function, or say feature(name="…", …)',
                where="own feature",
            )
        if feature.label.casefold() in read:
            raise UsageError(
                "there is a feature of this label already",
                value=feature.label,
                why="people read labels in reasons and reports, and could not tell the two apart",
                fix="say in the label what is different",
                where=f"own feature {feature.name}",
            )
        read.add(feature.label.casefold())
        there[feature.name.lower()] = feature.name

"""The training set as a value to work with in a notebook: its rows with names, labels and times, and where they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from leadlens.features import FeatureColumn, History, UsageError
from leadlens.features.own import OwnFeature, check_features, make_own
from leadlens.models.prediction import sheet_points
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set
from leadlens.pipeline.prepared import open_history


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Rows to learn from and to judge on, with their project and history. ``train`` takes it as it is.

    Attributes
    ----------
    file : the project.
    history : what its sources hold, opened.
    rows : features, labels and points of the sheets by row_id.
    matrix : the folder that the features were read from; ``None`` where they were built.
    """

    file: ProjectFile
    history: History
    rows: TrainingSet
    matrix: Path | None = None

    def with_features(self, *features: OwnFeature) -> Dataset:
        """The same rows with features of your own beside the others (``leadlens.feature``).

        Raises ``UsageError`` for a name or label that is taken, a function that fails, does not give one number or text per row, gives the
        same for all training rows, or gives other values for a past row when later ones are not there.
        """
        rows = self.rows
        points = sheet_points(rows.rules, rows.train)
        taken = [*rows.matrix.frame, *([] if points is None else points)]
        frame, columns = make_own(
            self.history,
            rows.matrix.spine,
            features,
            taken=taken,
            labels=[column.label for column in rows.matrix.columns],
            hidden=self.file.project.protected,
        )
        for column in columns:
            values = frame.loc[rows.train, column.name]
            if values.nunique(dropna=False) < 2:
                raise UsageError(
                    f"{column.name} is the same for every training row",
                    value=values.iloc[0],
                    why="it does not tell leads apart",
                    fix="look at what it gives: your_function.function(rows, known)",
                    where="own feature",
                )
        matrix = replace(
            rows.matrix, frame=rows.matrix.frame.join(frame), columns=(*rows.matrix.columns, *columns)
        )
        own = (*rows.own, *frame)
        return replace(self, rows=replace(rows, matrix=matrix, own=own))

    @property
    def columns(self) -> tuple[FeatureColumn, ...]:
        """What each feature means: label, family, unit, sentence."""
        return self.rows.matrix.columns

    def to_pandas(self) -> pd.DataFrame:
        """One row per (lead, as_of), by row_id: ``lead_id``, ``as_of`` (UTC; none where the data have no time), ``part`` (``train``
        or ``test``), ``label`` (0/1), ``weight`` (how many rows it stands for), then the features. Numbers are float64,
        categories text; NaN and missing are unknown.
        """
        rows = self.rows
        spine = rows.matrix.spine.set_index("row_id").loc[rows.label.index]
        own = {
            "lead_id": spine["lead_id"],
            "as_of": spine["as_of"] if rows.dated else None,
            "part": rows.part,
            "label": rows.label,
            "weight": 1.0 if rows.weight is None else rows.weight,
        }
        return pd.DataFrame(own, index=rows.label.index).join(rows.matrix.frame)

    def to_arrow(self) -> pa.Table:
        """The same as an Arrow table, with ``row_id`` as its first column; each feature's field says what it means."""
        table = pa.Table.from_pandas(self.to_pandas().reset_index(names="row_id"), preserve_index=False)
        labels = {column.name: column.label for column in self.columns}
        fields = [
            field.with_metadata({"label": labels[field.name]}) if field.name in labels else field
            for field in table.schema
        ]
        return table.cast(pa.schema(fields))

    def __repr__(self) -> str:
        return repr(self.rows).replace("TrainingSet(", f"Dataset({self.file.project.name}; ", 1)

    def _repr_html_(self) -> str:
        return self.rows._repr_html_()


def training_set(
    project: ProjectOrPath,
    *,
    matrix: Path | str | None = None,
    features: Sequence[OwnFeature] = (),
) -> Dataset:
    """Build the rows that ``leadlens train`` would learn from and judge on.

    ``project`` is a loaded project or its file; ``matrix`` a folder that ``leadlens features --out`` wrote, to be read instead;
    ``features`` are your own, as in ``Dataset.with_features``.
    Raises ``DataError`` and ``UsageError`` as ``train`` does.
    """
    if not isinstance(features, Sequence):
        raise UsageError(
            "your own features must be given as a list",
            value=getattr(features, "name", features),
            fix="features=[my_feature]",
        )
    check_features(features)  # before any row is built
    file = as_project(project)
    history = open_history(file)
    folder = None if matrix is None else Path(matrix)
    rows = build_training_set(file, history, matrix=folder)
    made = Dataset(file=file, history=history, rows=rows, matrix=folder)
    return made.with_features(*features) if features else made

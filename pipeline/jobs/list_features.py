"""`leadlens features`: the features, described and in SQL, and the training matrix as files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadlens.features import DataError, FeatureColumn, History, Step, UsageError
from leadlens.features.attributes.lookups import lookup_steps
from leadlens.features.engines import StepReport
from leadlens.features.label import build_labels
from leadlens.features.matrix import build_matrix, feature_steps, plan_columns, write_matrix
from leadlens.features.plan import FeaturePlan
from leadlens.features.planning import plan_features, plan_vocabulary
from leadlens.features.spine import Spine, build_spine
from leadlens.features.withheld import withheld_note
from leadlens.models.scorecard.sql_export.formatting import lines_of, tokens
from leadlens.pipeline.cluster import engine_settings, shared_folder
from leadlens.pipeline.config import EngineSettings, ProjectFile
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.matrix_target import check_target
from leadlens.pipeline.dataset.policies import feature_settings, outcome_horizon
from leadlens.pipeline.dataset.saved_matrix import save_matrix
from leadlens.pipeline.dataset.time_split import Split, split_by_time
from leadlens.pipeline.elsewhere import noting_written
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.sources.engines import spark_engine
from leadlens.pipeline.sources.transfer import data_fingerprint, transfer_history
from leadlens.pipeline.writable import check_writable


@dataclass(frozen=True, kw_only=True)
class FeatureList:
    """The columns, the SQL steps that make them, and what each step cost if it was run."""

    columns: tuple[FeatureColumn, ...]
    steps: tuple[Step, ...]
    ran: tuple[StepReport, ...]
    written: Path | None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "features": [column.to_dict() for column in self.columns],
            "steps": [step._asdict() for step in self.steps],
            "ran": [report._asdict() for report in self.ran],
            "written": str(self.written) if self.written else None,
            "notes": list(self.notes),
        }


@private_files()
@while_at_work
def list_features(
    file: ProjectFile,
    out: Path | None = None,
    debug: bool = False,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> FeatureList:
    """Choose the features; with ``out`` or ``debug`` build them too.

    ``out`` is a folder for the training matrix, which ``leadlens train --matrix`` reads: features chosen by the
    training rows, of all rows with a known outcome. A name that ends in ``.parquet`` gets one file instead, with
    lead_id, as_of and every column, of all rows that there are. ``engine`` and ``master`` stand in for the
    project's own. Raises ``UsageError`` where they do not fit together, and where ``out`` cannot be written or holds
    something else.
    """
    settings = engine_settings(file, engine, master)
    if out is not None and out.suffix.lower() == ".parquet" and settings.name == "spark":
        raise UsageError(
            "Spark writes a folder of part files", value=str(out), fix="name a folder: --out matrix"
        )
    as_file = out is not None and check_target(out)
    if settings.name == "spark":
        _check_spark(file, settings)
    progress("Reading the history", 0, 0)
    opened = open_history(file)
    data = data_fingerprint(opened) if out is not None and not as_file else ""
    with _on_engine(file, settings, opened, progress) as history:
        ran: list[StepReport] = []
        note: str | None = None
        watch = ran.append if debug else None
        progress("Building features", 0, 0)
        with ExitStack() as tables:
            plan, rows, split, notes = _planned(
                file, history, tables, required=out is not None and not as_file
            )
            if out is not None and split is not None and not as_file:
                with noting_written(file.project.name, "features", out / "features.parquet") as note:
                    save_matrix(file, history, plan, split, data, out, watch)
                rows = split.both
            elif out is not None:
                with noting_written(file.project.name, "features", out) as note:
                    write_matrix(history, plan, rows, out, watch=watch, times=history.clock == "time")
            elif debug:
                build_matrix(history, plan, rows, watch=watch)
            steps = tuple(
                Step(step.name, "\n".join(lines_of(tokens(step.sql, history.engine.dialect.name))))
                for step in (*lookup_steps(history, plan, rows), *feature_steps(history, plan, rows))
            )
    if note is not None:
        notes.append(note)
    if left_out := withheld_note(plan.withheld):
        notes.append(left_out)
    return FeatureList(
        columns=plan_columns(plan), steps=steps, ran=tuple(ran), written=out, notes=tuple(notes)
    )


def _planned(
    file: ProjectFile, history: History, tables: ExitStack, *, required: bool
) -> tuple[FeaturePlan, Spine, Split | None, list[str]]:
    """The features that `train` would train on, all rows of the project, and their split.

    Where no split can be made yet, features are chosen by all rows and a note says so, unless a split is
    ``required``. The tables live as long as ``tables``.
    """
    project, settings = file.project, feature_settings(file.project)
    chosen = training_spine(history, project)
    notes = [chosen.note] if chosen.note else []
    spine = tables.enter_context(build_spine(history, chosen.policy))
    labels = build_labels(history, spine, outcome_horizon(project), project.outcome.kind)
    tables.enter_context(labels)
    try:
        split = tables.enter_context(split_by_time(history, spine, labels, project))
    except (DataError, UsageError) as error:
        if required:
            raise
        why = f"{error.what}; {error.fix}" if error.fix else error.what
        note = f"these features are chosen by all rows, since `train` could not train on them: {why}"
        return plan_vocabulary(history, spine, settings), spine, None, [*notes, note]
    return plan_features(history, split.train, settings), spine, split, notes


def _check_spark(file: ProjectFile, settings: EngineSettings) -> None:
    from leadlens.features.engines.spark_session import check_ready

    check_ready(settings.master, settings.work)
    if settings.work is not None:
        where = f"{file.path.name}: engine.work"
        check_writable(file.resolve(settings.work), where, "name a folder that you may write to")


@contextmanager
def _on_engine(
    file: ProjectFile, settings: EngineSettings, opened: History, progress: Progress
) -> Iterator[History]:
    """The history on the engine that was asked for; what was made for it is removed at the end."""
    if settings.name == "duckdb":
        yield opened
        return
    with shared_folder(file, settings) as folder:
        progress("Starting Spark", 0, 0)
        with spark_engine(settings, folder) as engine:
            progress("Copying the history to Spark", 0, 0)
            history = transfer_history(opened, engine, folder / "history")
            opened.engine.close()
            yield history

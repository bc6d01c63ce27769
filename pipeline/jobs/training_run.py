"""What the MLflow run of a training holds: parameters, metrics, tables, pictures, the model card and the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leadlens.features import History
from leadlens.features.durations import format_duration
from leadlens.models.judging import Comparison, Measured, ModelReport
from leadlens.models.judging.signal import Signal
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.judged import OutOfTime, comparable
from leadlens.pipeline.dataset.training_set import TrainingSet
from leadlens.pipeline.registry.card import groups_of, model_card
from leadlens.pipeline.registry.description import data_set

if TYPE_CHECKING:
    from leadlens.models.training import TrainedModel


def figures_of(judged: OutOfTime) -> dict[str, float]:
    """The model's figures on out-of-time leads."""
    return Measured(judged.label, judged.probability).all()


def card_of(
    file: ProjectFile,
    history: History,
    rows: TrainingSet,
    trained: TrainedModel,
    judged: OutOfTime,
    report: Comparison | ModelReport,
    signal: Signal,
    warnings: list[str],
    counts: dict[str, int],
    conversions: dict[str, int],
) -> dict[str, Any]:
    """The card of the version that a training registers."""
    scored, used = judged.scored, set(judged.bundle.model.columns)
    at_ages = comparable(file.project, scored.spine, at_ages=bool(rows.spine.policy.at_ages))
    return model_card(
        judged.bundle.recipe,
        history,
        kind=trained.kind,
        sheet=trained.sheet,
        rows=counts,
        conversions=conversions,
        features=[column for column in rows.matrix.columns if column.name in used],
        measures=report.measures,
        signal=signal,
        groups=groups_of(
            scored.spine,
            scored.matrix.frame,
            scored.columns,
            scored.prediction.contributions.abs().mean(),
            judged.probability,
            judged.label.to_numpy(dtype=float),
            by_age=at_ages is not None and bool(rows.spine.policy.at_ages),
        ),
        protected=report.protected,
        warnings=warnings,
    )


def log_training(
    registry: Any,
    file: ProjectFile,
    history: History,
    rows: TrainingSet,
    trained: TrainedModel,
    judged: OutOfTime,
    figures: dict[str, dict[str, float]],
    signal: Signal,
    report: Comparison | ModelReport,
    folder: Path,
) -> None:
    """Parameters, metrics, fingerprints and artifacts of the run: a handful of calls, whatever the trials."""
    mlflow, bundle, tuned = registry.mlflow, judged.bundle, trained.tuned
    recipe = bundle.recipe
    mlflow.log_input(data_set(recipe, len(rows.train)), context="training")
    mlflow.log_params(
        {
            **{f"model.{name}": value for name, value in (tuned.params.to_dict() if tuned else {}).items()},
            "kind": trained.kind,
            "half_life": trained.recency.get("half_life") or "none",
            "steady": 1.0 if trained.kind == "few conversions" else trained.model.about.get("steady", 0.0),
            "sheet_in_model": bundle.model.sheet is not None,
            "trials": len(tuned.trials) if tuned else 0,
            "seed": file.project.model.seed,
            "features": len(bundle.model.columns),
            "train_rows": len(rows.train),
            "test_rows": len(rows.test),
            "sampled": rows.sample is not None,
            "test_from": recipe.test_from if file.project.order is None else "",
            "data_end": history.data_end.isoformat() if history.shown(history.data_end) else "",
            "data_fingerprint": recipe.data_fingerprint,
            "data_version": recipe.data_version,
            "config_fingerprint": recipe.project_fingerprint,
            "sheet_version": recipe.sheet_version,
            "spine": ", ".join(map(format_duration, rows.spine.policy.at_ages))
            or file.project.spine.model_dump_json(exclude_defaults=True),
            "spine_chosen": rows.spine.note is not None,
        }
    )
    metrics = {f"{lens}.{name}": value for lens, values in figures.items() for name, value in values.items()}
    metrics |= {
        "signal.p": signal.ranking.p,
        "signal.gain": signal.gain,
        "signal.gain_low": signal.interval[0],
        **({"sheet.cost": trained.sheet.cost} if trained.sheet else {}),
    }
    flagged = [] if recipe.audit is None else recipe.audit["flagged"]
    leaks = [item["subject"] for item in flagged if item["verdict"] == "proven"]
    mlflow.set_tags(
        {"leadlens.learned": str(signal.learned).lower(), "leadlens.leaks": ", ".join(leaks) or "none"}
    )
    mlflow.log_dict(recipe.audit, "audit.json")
    if len(trained.folds):
        metrics |= {f"folds.{name}": value for name, value in trained.folds.mean(numeric_only=True).items()}
    mlflow.log_metrics({name: float(value) for name, value in metrics.items() if np.isfinite(value)})
    # One table of all trials instead of a nested run each: a tenth of a second against half a minute.
    assert report.insights is not None
    tables = {
        "trials": tuned.trials if tuned else None,
        "folds": trained.folds,
        "importance": report.insights.importance,
        "partial_dependence": report.insights.dependence,
        "thresholds": report.thresholds,
        "learning_curve": report.insights.curve,
        "protected_groups": report.protected,
    }
    for name, table in tables.items():
        if table is not None and len(table):
            table.to_csv(folder / f"{name}.csv", index=False)
            mlflow.log_artifact(str(folder / f"{name}.csv"))
    if rows.sample is not None:
        mlflow.log_dict(rows.sample.to_dict(), "sample.json")
    mlflow.log_dict(file.project.canonical(), "project.json")
    mlflow.log_dict([column.to_dict() for column in rows.matrix.columns], "features.json")
    # The sheets as they were learned from: the active versions, which the files may have left behind.
    for sheet in rows.sheets.sheets if rows.sheets else ():
        mlflow.log_text(yaml_text(sheet), f"scorecard/{sheet.name}.yaml")
    if judged.scored.prediction.contributions.shape[1]:  # a model of the base rate alone has no reasons
        from leadlens.pipeline.report.shap_summary import beeswarm, waterfall

        for name, picture in (("summary", beeswarm(judged.scored)), ("waterfall", waterfall(judged.scored))):
            picture.save(folder / f"shap_{name}.png")
            mlflow.log_artifact(str(folder / f"shap_{name}.png"))
    from leadlens.pipeline.report import chart_files, write_report

    if isinstance(report, Comparison):
        for name, drawn in chart_files(report).items():
            mlflow.log_text(drawn, name)
    write_report(report, folder / "report.html", folder / "report.json")
    mlflow.log_artifact(str(folder / "report.html"))
    mlflow.log_artifact(str(folder / "report.json"))

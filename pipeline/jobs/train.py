"""`leadlens train`: history → spine → labels → features → rules → model → judge → register."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from leadlens.features import UsageError
from leadlens.models.data_checks.proxies import find_proxies
from leadlens.models.data_checks.suspects import Suspect, find_suspects
from leadlens.models.insights import Insights
from leadlens.models.judging import Comparison
from leadlens.models.judging.signal import Signal
from leadlens.models.learners.estimator import check_estimator
from leadlens.models.prediction import predict_frame, sheet_points, with_points
from leadlens.pipeline.audit.training import TrainingAudit, audit_training
from leadlens.pipeline.cluster import engine_settings, workers_of
from leadlens.pipeline.config import EngineSettings, ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.dataset.dataset import Dataset, training_set
from leadlens.pipeline.dataset.judged import compare_lenses, out_of_time, report_alone
from leadlens.pipeline.dataset.lead_sample import LeadSample
from leadlens.pipeline.dataset.learning import learn, recipe_of
from leadlens.pipeline.dataset.learning_curve import learning_curve
from leadlens.pipeline.dataset.night_gate import reference_night
from leadlens.pipeline.dataset.saved_matrix import open_matrix
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_rows
from leadlens.pipeline.dataset.spread_matrix import matrix_maker
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set
from leadlens.pipeline.jobs.gates import audit_refusal, signal_refusal
from leadlens.pipeline.jobs.search_arguments import check_processes, check_trials
from leadlens.pipeline.jobs.training_run import card_of, figures_of, log_training
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.prepared.raw_leads import raw_columns
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.card import CARD, CARD_TEXT, card_lines
from leadlens.pipeline.registry.description import described, run_name, typical_row
from leadlens.pipeline.registry.serving import keep_serving
from leadlens.pipeline.threads import one_blas_thread

if TYPE_CHECKING:
    from leadlens.models.sheet_check import SheetCheck
    from leadlens.pipeline.jobs.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training made: the registered version, and its figures on out-of-time leads.

    ``kind`` is how it was learned (``leadlens.models.training.TrainedModel``); ``half_life`` the share of the training period with
    which the weight of older rows halves, ``None`` where all count alike. ``sheet`` is what the sheet costs the model, and
    whether it is left out (``leadlens.models.sheet_check``); ``None`` where that was not asked.
    ``comparison`` is ``None`` for a project without a score sheet; ``figures`` are there all the same. ``rows`` and
    ``conversions`` are those that were kept, where ``sample`` says that not all rows fitted in memory. ``signal`` is what
    the model knows beyond the base rate, ``thresholds`` what each would bring, ``insights`` what the model goes by, and ``audit`` what speaks against the columns that it uses: `promote` asks for both.
    """

    project: str
    version: str
    run_id: str
    rows: dict[str, int]
    conversions: dict[str, int]
    kind: str
    half_life: float | None
    sheet: SheetCheck | None
    trials: int
    params: dict[str, Any]
    figures: dict[str, dict[str, float]]
    dropped: dict[str, str]
    suspects: tuple[Suspect, ...]
    warnings: tuple[str, ...]
    refused: tuple[str, ...]
    sample: LeadSample | None
    bundle: Bundle = field(repr=False)
    training_set: TrainingSet = field(repr=False)
    comparison: Comparison | None = field(repr=False)
    thresholds: pd.DataFrame = field(repr=False)
    insights: Insights = field(repr=False)
    signal: Signal = field(repr=False)
    audit: TrainingAudit = field(repr=False)

    def explain(self, row_ids: pd.Index | None = None) -> ScoredLeads:
        """Score and reasons of rows that it was judged on, all by default."""
        rows = self.training_set
        at = rows.test if row_ids is None else row_ids
        rules = None if rows.rules is None else rows.rules.take(at)
        return score_rows(rows.matrix.take(at), self.bundle, rules, rules)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "version": self.version,
            "run_id": self.run_id,
            "alias": "challenger",
            "rows": self.rows,
            "conversions": self.conversions,
            "kind": self.kind,
            "half_life": self.half_life,
            "sheet": self.sheet.to_dict() if self.sheet else None,
            "trials": self.trials,
            "params": self.params,
            "figures": self.figures,
            "signal": self.signal.to_dict(),
            "dropped": self.dropped,
            "audit": self.audit.to_dict(),
            "suspects": [vars(suspect) for suspect in self.suspects],
            "warnings": list(self.warnings),
            "refused": list(self.refused),
            "sample": self.sample.to_dict() if self.sample else None,
        }

    def _repr_html_(self) -> str:
        from leadlens.pipeline.html import table_html

        head = f"<p><b>{self.project}</b> version {self.version}, judged on {self.rows['test']:,} out-of-time rows</p>"
        return head + table_html(pd.DataFrame(self.figures).round(4))


@overload
def train(
    project: ProjectOrPath, *, trials: int | None = None, curve: bool = False, progress: Progress = silent
) -> Training: ...


@overload
def train(  # an Experiment where there are features of one's own
    project: ProjectOrPath | Dataset,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    processes: int = 1,
    matrix: Path | None = None,
    curve: bool = False,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> Training | Any: ...


@overload
def train(
    project: ProjectOrPath | Dataset,
    *,
    estimator: Any,
    matrix: Path | None = None,
    progress: Progress = silent,
) -> Experiment: ...


def train(
    project: ProjectOrPath | Dataset,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    processes: int = 1,
    matrix: Path | None = None,
    estimator: Any = None,
    curve: bool = False,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> Training | Experiment:
    """Train, judge and register a challenger; with an estimator or features of one's own, judge and log an experiment.

    Parameters
    ----------
    project : the project, its path, or a dataset made of it, whose rows are then not built again. With features of one's own the result
        is an ``Experiment``: a night could not make them, so it is not registered.
    trials : of the search; by default those of the project file.
    minutes : no trial of the search begins later; without ``trials`` it has as many as fit. Equal seeds give equal results only as
        long as equally many fit.
    processes : that search at once, sharing one study and the processors. Equal seeds give no equal results then.
    matrix : a folder that ``leadlens features --out`` wrote: its rows are read instead of built.
    estimator : any scikit-learn classifier in the place of the trees. It is not registered, since it could only be kept as
        a pickle.
    curve : measure the learning curve too, for the report (``Training.insights.curve``).
    engine, master : in the place of the project's own: with ``"spark"`` the workers of a cluster read what is new and build the
        rows; this machine learns from them.

    Raises
    ------
    DataError : the data do not allow it.
    UsageError : a wrong configuration, or an estimator that cannot learn from these rows.
    """
    if matrix is not None and isinstance(project, Dataset):
        raise UsageError(
            "a dataset already has its rows",
            value=f"matrix={matrix}",
            fix="leadlens.training_set(project, matrix=…)",
        )
    if not isinstance(project, Dataset):
        project = as_project(project)
    check_trials(trials)
    if minutes is not None and not (isinstance(minutes, int | float) and minutes > 0):
        raise UsageError(
            "a search needs a positive number of minutes", value=f"minutes={minutes}", fix="minutes=5"
        )
    check_processes(processes)
    asked = {"trials": trials, "minutes": minutes, "processes": None if processes == 1 else processes}
    ignored = [f"{name}={value}" for name, value in asked.items() if value is not None]
    if estimator is not None and ignored:
        raise UsageError(
            "settings of your own estimator are not searched",
            value=", ".join(ignored),
            fix="leave `trials`, `minutes` and `processes` out; GridSearchCV searches",
        )
    if estimator is not None:
        check_estimator(estimator)  # before any row is built
    own = estimator is not None or _has_own(project, matrix)
    if own and curve:
        raise UsageError(
            "the learning curve of an experiment is not in a report",
            fix="leave `curve` out; leadlens.learning_curve(dataset) measures it, with your own features too",
        )
    if not own:
        where = _engine(project, matrix, engine, master)
        return _train(project, trials, minutes, int(processes), matrix, curve, where, progress)
    if engine is not None or master is not None:
        raise UsageError(
            "the rows of an experiment are built here",
            value=f"engine={engine!r}",
            fix="leave `engine` and `master` out; leadlens features --engine spark --out DIR, then matrix=DIR",
        )
    from leadlens.pipeline.jobs.experiment import run_experiment

    dataset = project if isinstance(project, Dataset) else training_set(project, matrix=matrix)
    return run_experiment(
        dataset, estimator, trials=trials, minutes=minutes, processes=int(processes), progress=progress
    )


def _leads(rows: TrainingSet) -> pd.Series:
    return rows.matrix.spine.set_index("row_id")["lead_id"]


def _has_own(project: ProjectFile | Dataset, matrix: Path | None) -> bool:
    """Whether there are features that no plan makes, so that nothing could make them when leads are scored."""
    if isinstance(project, Dataset):
        return bool(project.rows.own)
    return matrix is not None and bool(open_matrix(matrix).own)


def _engine(
    project: ProjectFile | Dataset, matrix: Path | None, engine: str | None, master: str | None
) -> EngineSettings:
    """What builds the rows; where they are there already, nothing may be asked for."""
    file = project.file if isinstance(project, Dataset) else project
    if not isinstance(project, Dataset) and matrix is None:
        return engine_settings(file, engine, master)
    if engine is not None or master is not None:
        raise UsageError(
            "the rows are built already, so no engine is needed",
            value=f"engine={engine!r}" if engine else f"master={master!r}",
            fix="leave --engine and --master out, or --matrix",
        )
    return engine_settings(file, "duckdb", None)


@one_blas_thread
@private_files()
@while_at_work
def _train(
    project: ProjectFile | Dataset,
    trials: int | None,
    minutes: float | None,
    processes: int,
    matrix: Path | None,
    curve: bool,
    engine: EngineSettings,
    progress: Progress,
) -> Training:
    file = project.file if isinstance(project, Dataset) else project
    from leadlens.pipeline.registry.training_stores import open_stores

    registry, studies = open_stores(file.project.name)  # a server that is not there costs no training
    if isinstance(project, Dataset):
        history, rows, matrix = project.history, project.rows, project.matrix
    else:
        progress("Reading the history", 0, 0)
        # Workers are given back before the search, which may take hours.
        with workers_of(file, engine, progress) as workers:
            prepared = open_prepared(file, workers=workers)
            history = prepared.history()
            progress("Building features and rule points", 0, 0)
            rows = build_training_set(file, history, matrix=matrix, make=matrix_maker(workers, prepared))
    early = rows.train
    frame = rows.matrix.frame.loc[early]
    suspects = tuple(find_suspects(frame, rows.label[early], rows.matrix.columns, rows.train_weight))
    trained = learn(
        file,
        history,
        rows,
        trials=trials,
        minutes=minutes,
        processes=processes,
        studies=studies,
        progress=progress,
    )
    dropped = {proxy.name: proxy.reason for proxy in trained.dropped}
    progress("Auditing the training data", 0, 0)
    audit = audit_training(file, history, rows, trained.model.columns, matrix=matrix)
    accused = {str(item.subject) for item in audit.leaks}
    bundle = Bundle(trained.model, recipe_of(file, history, rows, dropped, audit.to_dict()))
    progress("Scoring currently open leads, as a reference for later nights", 0, 0)
    raw = raw_columns(open_prepared(file))
    bundle = replace(bundle, reference=reference_night(file, history, bundle), raw=raw)
    proxies = (
        []
        if rows.groups is None
        else find_proxies(frame, rows.matrix.columns, rows.groups.loc[early], _leads(rows).loc[early])
    )
    warnings = [
        *file.notes,
        *file.literal_secrets,
        *rows.warnings,
        *audit.warnings,
        *([trained.sheet.message] if trained.sheet and trained.sheet.message else []),
        *(suspect.message for suspect in suspects if suspect.source not in accused),
        *(each.message for each in proxies if each.found),
    ]
    progress("Judging on out-of-time leads", 0, 0)
    judged = out_of_time(rows, bundle)
    signal = judged.signal(file.project)
    refused = [
        refusal.what for refusal in (audit_refusal(bundle.recipe.audit), signal_refusal(signal)) if refusal
    ]
    if refused:
        warnings.append(f"promote would refuse this model: {'; '.join(refused)}")
    if signal.time_only:
        warnings.append(signal.time_only)
    comparison = None if rows.rules is None else compare_lenses(file, judged, "challenger", warnings)
    report = comparison or report_alone(file, judged, "challenger", warnings)
    assert report.insights is not None
    if curve:
        dataset = Dataset(file=file, history=history, rows=rows, matrix=matrix)
        measured = learning_curve(dataset, progress=progress)
        report = replace(report, insights=replace(report.insights, curve=measured.table))
        comparison = report if isinstance(report, Comparison) else None
    assert report.insights is not None
    figures = comparison.figures() if comparison else {"leadlens": figures_of(judged)}
    progress("Registering", 0, 0)
    parts = {"train": rows.train, "test": rows.test}
    counts = {part: len(index) for part, index in parts.items()}
    conversions = {part: int(rows.label[index].sum()) for part, index in parts.items()}
    about = described(bundle.recipe, counts, conversions, figures)
    card = card_of(file, history, rows, trained, judged, report, signal, warnings, counts, conversions)
    tags = {
        "leadlens.kind": "training",
        "leadlens.data_version": str(history.version),
        "mlflow.note.content": about,
    }
    with registry.run(run_name(bundle.recipe), tags) as run, tempfile.TemporaryDirectory() as folder:
        log_training(registry, file, history, rows, trained, judged, figures, signal, report, Path(folder))
        registry.mlflow.log_dict(card, CARD)
        registry.mlflow.log_text("\n".join(card_lines(card)), CARD_TEXT)
        example = typical_row(_model_input(rows, early, bundle))
        version = registry.register(
            bundle, example, predict_frame(bundle.model, example), Path(folder), about
        )
    keep_serving(file.project.name)
    return Training(
        project=file.project.name,
        version=version,
        run_id=run.info.run_id,
        rows=counts,
        conversions=conversions,
        kind=trained.kind,
        half_life=trained.recency.get("half_life"),
        sheet=trained.sheet,
        trials=0 if trained.tuned is None else len(trained.tuned.trials),
        params={} if trained.tuned is None else trained.tuned.params.to_dict(),
        figures=figures,
        dropped=dropped,
        suspects=suspects,
        warnings=tuple(warnings),
        refused=tuple(refused),
        sample=rows.sample,
        bundle=bundle,
        training_set=rows,
        comparison=comparison,
        thresholds=report.thresholds,
        insights=report.insights,
        signal=signal,
        audit=audit,
    )


def _model_input(rows: TrainingSet, index: pd.Index, bundle: Bundle) -> pd.DataFrame:
    """What the registered model takes: the features it uses, and the sheet's points where it wants them."""
    names = [*bundle.model.columns, *bundle.model.rule_names]
    return with_points(rows.matrix.frame.loc[index], sheet_points(rows.rules, index))[names]

"""`leadlens backtest`: model, sheet, base rate and the model before at a series of past dates, as they would have done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features import DataError, History, UsageError, format_duration, humanize
from leadlens.features.errors import LeadlensError, counted
from leadlens.features.history import require_dates
from leadlens.models.data_checks.suspects import find_suspects
from leadlens.models.judging.back_tests import BASE_RATE, BEFORE, BackTest, BackTests, LeftOut, RandomSplit
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.metrics import METRICS, Measured
from leadlens.models.prediction import sheet_points
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.judged import OutOfTime, score_out_of_time
from leadlens.pipeline.dataset.learning import learn, recipe_of
from leadlens.pipeline.dataset.policies import outcome_horizon
from leadlens.pipeline.dataset.time_split import Period, Split, known_by, split_at
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set
from leadlens.pipeline.elsewhere import noting_written
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.training_stores import open_stores
from leadlens.pipeline.runs import RecordedRun, recorded_run
from leadlens.pipeline.scorecards.project import load_sheets
from leadlens.pipeline.sources.opening import clock_of
from leadlens.pipeline.state import writable_state
from leadlens.pipeline.threads import one_blas_thread, processors

_FEWEST = 10  # converted leads to learn from: of fewer a model is the sheet, or the base rate
_DEFAULT_PERIODS = 12
_FOLDS = 2


@dataclass(frozen=True, kw_only=True)
class BackTesting:
    """The back-tests and where they were written; ``mlflow_run`` is the parent of a run per date."""

    run_id: str
    mlflow_run: str
    tests: BackTests
    page: Path
    json: Path

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        own = {"run_id": self.run_id, "mlflow_run": self.mlflow_run}
        return {**own, "page": str(self.page), "json": str(self.json), **self.tests.to_dict()}


@one_blas_thread
@private_files()
@while_at_work
def backtest(
    file: ProjectFile,
    *,
    every: timedelta = timedelta(days=30),
    periods: int = _DEFAULT_PERIODS,
    calls: int | None = None,
    trials: int = 1,
    out: Path | None = None,
    run_id: str | None = None,
    progress: Progress = silent,
) -> BackTesting:
    """Train and judge at past dates, each with what was known by then; nothing is registered, no alias moves.

    The last period ends one horizon before the data do, so that every outcome is known. ``calls`` a week are by default
    the project's ``judge.capacity`` of the leads that come in a week. Of one trial the default settings are taken.
    Leaves a record. Raises ``UsageError`` where the data have no dates, ``DataError`` where no date can be judged.
    """
    from leadlens.pipeline.report import refuse_others, write_back_tests

    require_dates(clock_of(file.project), "a backtest")
    folder = out or writable_state() / "reports" / file.project.name
    page, payload = folder / "backtest.html", folder / "backtest.json"
    refuse_others(page, payload)
    if every < timedelta(days=1):
        raise UsageError(
            "periods of less than a day cannot be judged", value=format_duration(every), fix="--every 30d"
        )
    with recorded_run(
        file.project.name, folder=writable_state() / "runs", command="backtest", run_id=run_id
    ) as run:
        progress = run.follow(progress)
        registry, studies = open_stores(file.project.name)
        progress("Reading the history", 0, 0)
        history = open_history(file)
        run.record.data_version, run.record.config_fingerprint = history.version, file.fingerprint
        tests = _Walk(file, history, studies if trials > 1 else None, trials, progress).judged(every, periods)
        found = BackTests(
            project=file.project.name,
            horizon=None if file.project.outcome.column else humanize(file.project.outcome.horizon),
            tests=tuple(tests.done),
            left_out=tuple(tests.left_out),
            calls_a_week=calls or _calls_a_week(tests.done, file.project.judge.capacity),
            random_split=tests.random_split(),
            notes=(*tests.notes(), *file.notes),
        )
        for note in found.notes:
            run.warn(note)
        run.record.rows = sum(len(test.rows) for test in found.tests)
        progress("Writing the report", 0, 0)
        folder.mkdir(parents=True, exist_ok=True)
        with noting_written(file.project.name, "backtest", page, payload):
            write_back_tests(found, page, payload)
        progress("Logging to MLflow", 0, 0)
        parent = _log(registry, found, run, every, trials, (page, payload))
    return BackTesting(run_id=run.record.run_id, mlflow_run=parent, tests=found, page=page, json=payload)


class _Walk:
    """The dates one after the other; what the latest one needs is kept."""

    def __init__(
        self, file: ProjectFile, history: History, studies: Any, trials: int, progress: Progress
    ) -> None:
        self._file, self._history, self._studies = file, history, studies
        self._trials, self._progress = trials, progress
        # Nothing is searched by one trial: the latest two folds decide all that is left to decide.
        self._folds = _FOLDS if trials == 1 else file.project.model.folds
        self._sheets = load_sheets(file)
        self._before: Bundle | None = None
        self._latest: tuple[datetime, TrainingSet] | None = None
        self.done: list[BackTest] = []
        self.left_out: list[LeftOut] = []

    def judged(self, every: timedelta, most: int) -> _Walk:
        """Judge every period; a date that cannot be is left out, with the reason."""
        dates = _periods(self._history, outcome_horizon(self._file.project), every, most)
        for number, period in enumerate(dates):
            self._progress("Training and judging at past dates", number, len(dates))
            past = replace(self._file, project=known_by(self._file.project, period.begins))
            try:
                with split_at(self._history, past.project, period) as split:
                    _refuse_few(split)
                    self.done.append(self._judge(past, period, split))
            except LeadlensError as error:
                if not isinstance(error, DataError | UsageError):
                    raise
                shown = f" ({error.value})" if error.value else ""
                self.left_out.append(LeftOut(date=period.begins, why=f"{error.what}{shown}"))
        if not self.done:
            shown = "; ".join(f"{each.date:%Y-%m-%d}: {each.why}" for each in self.left_out[-3:])
            raise DataError(
                "a model cannot be trained and judged at any of the past dates",
                value=shown or "none lies between the first lead and a horizon before the data's end",
                why=f"a date needs {_FEWEST} converted leads before it, and one after it whose horizon is over",
                fix="use longer periods (--every 90d) or a shorter outcome.horizon, or add older data",
            )
        return self

    def _judge(self, past: ProjectFile, period: Period, split: Split) -> BackTest:
        rows = build_training_set(past, self._history, split=split)
        trained = learn(
            past, self._history, rows, trials=self._trials, folds=self._folds, studies=self._studies
        )
        dropped = {proxy.name: proxy.reason for proxy in trained.dropped}
        bundle = Bundle(trained.model, recipe_of(past, self._history, rows, dropped, None))
        bundles = [bundle] if self._before is None else [bundle, self._before]
        own, *before = score_out_of_time(past, self._history, split, bundles, self._sheets)
        test = _back_test(period, trained.kind, rows, own, before)
        self._before, self._latest = bundle, (period.begins, rows)
        return test

    def random_split(self) -> RandomSplit | None:
        """The rows of the latest date, dealt by lead at random, learned from and judged in the same way."""
        from leadlens.models.training import TrainSettings, train_model

        assert self._latest is not None
        self._progress("Judging a random split beside the split by time", 0, 0)
        date, rows = self._latest
        settings, spine = self._file.project.model, rows.matrix.spine.set_index("row_id")
        leads = spine["lead_id"].unique()
        dealt = np.random.default_rng(settings.seed).permutation(leads)
        share = len(rows.test) / len(spine)
        test = spine["lead_id"].isin(dealt[: max(1, round(share * len(leads)))])
        early, late = spine.index[~test], spine.index[test]
        if rows.label[early].nunique() < 2 or rows.label[late].nunique() < 2:
            return None
        trained = train_model(
            rows.matrix.frame.loc[early],
            rows.label[early],
            lead_id=spine["lead_id"][early],
            rule_points=sheet_points(rows.rules, early),
            weight=None if rows.weight is None else rows.weight[early],
            settings=TrainSettings(trials=self._trials, folds=self._folds, n_jobs=processors()),
            seed=settings.seed,
        )
        probability = trained.model.predict_proba(rows.matrix.frame.loc[late], sheet_points(rows.rules, late))
        return RandomSplit(
            date=date,
            rows=len(late),
            leads=int(spine["lead_id"][late].nunique()),
            figures=Measured(rows.label[late], probability).all(),
            over_time=self.done[-1].figures[MODEL],
        )

    def notes(self) -> Iterator[str]:
        """What whoever reads the figures must know."""
        if self._sheets is not None:
            yield (
                "today's sheet is used at every date: what was learned since then and written into it flatters the sheet, and the model that starts from it"
            )
        assert self._latest is not None
        rows, opened = self._latest[1], {finding.message for finding in self._history.findings}
        suspects = find_suspects(
            rows.matrix.frame.loc[rows.train], rows.label[rows.train], rows.matrix.columns, rows.train_weight
        )
        yield from (
            f"{suspect.message}; a leak flatters every date (leadlens audit)" for suspect in suspects[:5]
        )
        yield from (warning for warning in rows.warnings if warning not in opened)


def _periods(history: History, horizon: timedelta, every: timedelta, most: int) -> list[Period]:
    """The latest ``most`` periods whose outcomes are known, the first one first; none before any outcome was known."""
    first = history.engine.value("SELECT min(created_at) FROM leads")
    end = history.data_end - horizon
    end = datetime(end.year, end.month, end.day)
    periods: list[Period] = []
    while first is not None and len(periods) < most and end - every - horizon > pd.Timestamp(first):
        periods.append(Period(end - every, end))
        end -= every
    return periods[::-1]


def _refuse_few(split: Split) -> None:
    """Raise ``DataError`` where a date has too few conversions to learn from, or its period none to judge by."""
    counts = split.both.engine.frame(
        f"""
        SELECT o.part, count(DISTINCT s.lead_id) AS leads, min(o.label) AS lowest
        FROM {split.outcomes} AS o
        JOIN {split.both} AS s ON s.row_id = o.row_id
        WHERE o.label = 1 OR o.part = 'test'
        GROUP BY o.part, o.label
        """
    )
    learned = counts.loc[counts["part"] == "train", "leads"].sum()
    if learned < _FEWEST:
        raise DataError(
            f"too few conversions: {counted(int(learned), 'lead')} had converted by then, and {_FEWEST} are needed"
        )
    classes = set(counts.loc[counts["part"] == "test", "lowest"])
    if classes != {0, 1}:
        raise DataError(f"{'no' if 1 not in classes else 'every'} lead of the period after it converted")


def _back_test(
    period: Period, kind: str, rows: TrainingSet, own: OutOfTime, before: list[OutOfTime]
) -> BackTest:
    probability = {MODEL: own.probability, BASE_RATE: np.full(len(own.label), own.base_rate)}
    rank = dict(probability)
    if own.scored.sheet is not None:
        sheet = own.scored.sheet
        points = sheet["total"].to_numpy(dtype=float)
        probability[RULES] = own.sheet_probability
        rank[RULES] = np.where(sheet["disqualified_by"].notna(), -np.inf, points)
    if before:
        probability[BEFORE] = rank[BEFORE] = before[0].probability
    learned = rows.matrix.spine.set_index("row_id").loc[rows.train, "lead_id"]
    return BackTest(
        date=period.begins,
        ends=period.ends,
        kind=kind,
        train_rows=len(rows.train),
        train_leads=int(learned.nunique()),
        train_converted=int(learned[rows.label[rows.train] == 1].nunique()),
        rows=own.model_frame(),
        probability=probability,
        rank=rank,
    )


def _calls_a_week(tests: list[BackTest], capacity: float) -> int:
    """The share of the leads that come in a week which sales can call, as a number."""
    weeks = sum(test.replay.weeks for test in tests)
    return max(1, round(capacity * sum(test.leads for test in tests) / weeks))


def _log(
    registry: Registry,
    found: BackTests,
    run: RecordedRun,
    every: timedelta,
    trials: int,
    files: tuple[Path, Path],
) -> str:
    """A parent run with a run per date, written when all is known."""
    mlflow, tags = registry.mlflow, {"leadlens.kind": "backtest", "leadlens.run_id": run.record.run_id}
    name = f"{found.project}, back-tests {found.tests[0].date:%Y-%m-%d} to {found.tests[-1].ends:%Y-%m-%d}"
    data = {
        "data_version": run.record.data_version,
        "config_fingerprint": run.record.config_fingerprint,
        "trials": trials,
    }
    with registry.run(name, tags) as parent:
        mlflow.log_params(
            data
            | {
                "every": format_duration(every),
                "periods": len(found.tests),
                "calls_a_week": found.calls_a_week,
            }
        )
        metrics = {
            f"{lens}.{metric}": found.figure(lens, metric).value
            for lens in found.lenses
            for metric in METRICS
        }
        metrics |= {f"{lens}.found": float(found.found[lens].sum()) for lens in found.lenses}
        mlflow.log_metrics({key: value for key, value in metrics.items() if np.isfinite(value)})
        for path in files:
            mlflow.log_artifact(str(path))
        for test, calls in zip(found.tests, found.found.to_dict("records"), strict=True):
            with registry.child(f"{test.date:%Y-%m-%d}", tags):
                mlflow.log_params(
                    data | {"date": test.date.isoformat(), "kind": test.kind, "train_rows": test.train_rows}
                )
                own = {f"{lens}.{m}": v for lens, each in test.figures.items() for m, v in each.items()}
                own |= {f"{lens}.found": calls[lens] for lens in found.lenses}
                mlflow.log_metrics({key: float(value) for key, value in own.items() if np.isfinite(value)})
        return str(parent.info.run_id)

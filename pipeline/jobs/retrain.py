"""`leadlens retrain`, `rollback` and `models`: the routine of a model in service, for schedulers and at three in the morning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leadlens.features import UsageError
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.jobs.promote import Promotion, promote
from leadlens.pipeline.jobs.search_arguments import check_trials
from leadlens.pipeline.jobs.train import Training, train
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.serving import keep_serving
from leadlens.pipeline.registry.versions import Version, roll_back, versions
from leadlens.pipeline.runs.recorded import recorded_run
from leadlens.pipeline.state import writable_state


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """A challenger that was trained and became champion; ``run_id`` names the run's record."""

    run_id: str
    training: Training
    promotion: Promotion

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "run_id": self.run_id,
            "training": self.training.to_dict(),
            "promotion": self.promotion.to_dict(),
        }


@private_files()
def retrain(
    file: ProjectOrPath, *, trials: int | None = None, run_id: str | None = None, progress: Progress = silent
) -> Retraining:
    """Read, audit, train, and promote the challenger if it passes every gate; else the champion stays.

    Leaves a record, whatever happens. Raises ``PromotionRefused`` where a gate refuses: the challenger is registered then,
    and the record is *refused*.
    """
    file = as_project(file)
    check_trials(trials)
    with recorded_run(
        file.project.name, folder=writable_state() / "runs", command="retrain", run_id=run_id
    ) as run:
        follow = run.follow(progress)
        training = train(file, trials=trials, progress=follow)
        run.record.model_version, run.record.rows = training.version, training.rows["train"]
        run.record.config_fingerprint = training.bundle.recipe.project_fingerprint
        run.record.data_version = training.bundle.recipe.data_version
        run.note("figures", training.figures)
        for warning in training.warnings:
            run.warn(warning)
        promotion = promote(file, rows=training.training_set, progress=follow)
        run.note("promotion", {"rival": promotion.rival, "difference": promotion.difference})
        return Retraining(run_id=run.record.run_id, training=training, promotion=promotion)


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """``version`` is champion again, ``left`` is not any more."""

    project: str
    version: str
    left: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


@private_files()
def rollback(file: ProjectOrPath, *, reason: str) -> Rollback:
    """Make the former champion champion again; the next scoring uses it.

    The reason is kept with the version that leaves. Raises ``DataError`` where there is none to go back to.
    """
    file = as_project(file)
    if not (isinstance(reason, str) and reason.strip()):
        raise UsageError(
            "going back to the former champion needs a reason",
            value=reason,
            why="it is kept with the version that is taken out of service, for later readers",
            fix='say why: --reason "too many calls to students"',
        )
    writable_state()
    back, left = roll_back(Registry(file.project.name), reason)
    keep_serving(file.project.name)
    return Rollback(project=file.project.name, version=back, left=left, reason=reason)


def list_models(file: ProjectOrPath) -> list[Version]:
    """Every registered version of the project, the latest first."""
    return versions(Registry(as_project(file).project.name))


def show_card(file: ProjectFile, version: str) -> dict[str, Any]:
    """The model card of a version. Raises ``DataError`` where there is no such version, or it has none."""
    return Registry(file.project.name).card(version)

"""The registered versions of a project: what each was, what became of it, and the way back to the champion before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadlens.features import DataError
from leadlens.pipeline.registry.mlflow_registry import (
    PROMOTED,
    ROLLED_BACK,
    WHY_BACK,
    Registry,
    out_of_service,
)
from leadlens.pipeline.runs.record import now

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_FIGURES = ("roc_auc", "average_precision", "log_loss")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One registered version.

    Attributes
    ----------
    aliases : ``champion``, ``challenger``; mostly none.
    trained_to : the latest as-of of its training rows, as text; empty where the data have no dates.
    train_rows, test_rows : what it learned from, and what it was judged on out of time; ``None`` where unknown.
    figures : on those out-of-time rows: ROC AUC, average precision, log loss.
    promoted_at, rolled_back_at : when it last became champion, and when it was last taken out of service; UTC, as text.
    forced, rolled_back : the reason for promoting it although a gate refused, and for taking it out of service.
    leaks : columns that it uses and that are proven leaks.
    """

    version: str
    aliases: tuple[str, ...]
    trained_to: str
    train_rows: int | None
    test_rows: int | None
    figures: dict[str, float]
    promoted_at: str | None
    rolled_back_at: str | None
    forced: str | None
    rolled_back: str | None
    leaks: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "aliases": list(self.aliases)}


def versions(registry: Registry) -> list[Version]:
    """All versions of the project, the latest first; empty where none was trained."""
    return [_version(registry, found) for found in _found(registry)]


def roll_back(registry: Registry, reason: str) -> tuple[str, str]:
    """Make the champion before the present one champion again; returns both versions, the former champion first.

    The reason is kept with the version that leaves, which is never returned to unless it is promoted again. Raises
    ``DataError`` where there is no champion, or none before it.
    """
    found = _found(registry)
    champion = next((each for each in found if "champion" in each.aliases), None)
    if champion is None:
        raise DataError(
            f"{registry.project!r} has no champion",
            why="there is nothing to go back from",
            fix="promote a challenger: leadlens promote CONFIG",
        )
    before = _former(found, champion)
    if before is None:
        raise DataError(
            f"{registry.project}/{champion.version} is the only version that was ever champion"
            if not any(PROMOTED in each.tags for each in found if each is not champion)
            else f"every version that was champion before {registry.project}/{champion.version} was rolled back itself",
            why="there is nothing to go back to",
            fix="train another and promote it: leadlens retrain CONFIG",
        )
    # The mark first: where the process dies between the two, the next rollback ends at the same version.
    for name, text in ((ROLLED_BACK, f"{now().isoformat(timespec='microseconds')}Z"), (WHY_BACK, reason)):
        registry.client.set_model_version_tag(registry.project, champion.version, name, text)
    registry.client.set_registered_model_alias(registry.project, "champion", before.version)
    return str(before.version), str(champion.version)


def _former(found: Sequence[ModelVersion], champion: ModelVersion) -> ModelVersion | None:
    """The version that was last made champion before this one, of those that were not taken out of service since."""

    others = [
        each
        for each in found
        if each.version != champion.version and PROMOTED in each.tags and not out_of_service(each.tags)
    ]
    return max(others, key=lambda each: (each.tags[PROMOTED], int(each.version)), default=None)


def _found(registry: Registry) -> list[ModelVersion]:
    """With their aliases, which a search leaves out."""
    from mlflow.exceptions import MlflowException

    try:
        aliases = registry.client.get_registered_model(registry.project).aliases
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return []
        raise
    found = list(registry.client.search_model_versions(f"name = '{registry.project}'"))
    for each in found:
        each.aliases = [name for name, version in aliases.items() if str(version) == str(each.version)]
    return sorted(found, key=lambda each: int(each.version), reverse=True)


def _version(registry: Registry, found: ModelVersion) -> Version:
    data = registry.client.get_run(found.run_id).data
    figures = {name: data.metrics.get(f"leadlens.{name}") for name in _FIGURES}
    leaks = data.tags.get("leadlens.leaks")
    return Version(
        version=str(found.version),
        aliases=tuple(sorted(found.aliases)),
        trained_to=found.tags.get("leadlens.trained_to", ""),
        train_rows=_whole(data.params.get("train_rows")),
        test_rows=_whole(data.params.get("test_rows")),
        figures={name: float(value) for name, value in figures.items() if value is not None},
        promoted_at=found.tags.get(PROMOTED),
        rolled_back_at=found.tags.get(ROLLED_BACK),
        forced=found.tags.get("leadlens.forced"),
        rolled_back=found.tags.get(WHY_BACK),
        leaks=None if leaks in (None, "none") else leaks,
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None

"""A project's sections as the features package wants them."""

from __future__ import annotations

from datetime import timedelta

from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import SpinePolicy
from leadlens.pipeline.config import Project


def spine_policy(project: Project) -> SpinePolicy:
    """Which leads are rows, and as of when: the `spine` section."""
    spine = project.spine
    return SpinePolicy(
        at_ages=spine.at_ages,
        every=spine.every,
        dates=spine.dates,
        column=spine.column,
        repeat=spine.repeat,
        kinds=project.outcome.kind,
        since=spine.since,
        objections=project.data.objections is not None,
        finished=project.data.finished is not None,
    )


def feature_settings(project: Project) -> FeatureSettings:
    """How features are chosen: the `features` section, and what is `protected`."""
    section = project.features
    names = set(FeatureSettings.__dataclass_fields__) - {"counts", "protected"}
    return FeatureSettings(
        **{name: getattr(section, name) for name in names},
        protected=project.protected,
        counts=tuple((count.label, count.when) for count in section.counts),
    )


def outcome_horizon(project: Project) -> timedelta:
    """How long a row waits for its label; an outcome that stands in the row itself is waited for no time."""
    return project.outcome.horizon if project.outcome.column is None else timedelta(seconds=1)

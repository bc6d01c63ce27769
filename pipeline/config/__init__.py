"""The project file: its settings, how it is loaded, its JSON Schema."""

from leadlens.pipeline.config.data import Source
from leadlens.pipeline.config.drift import Drift
from leadlens.pipeline.config.engine import EngineSettings
from leadlens.pipeline.config.hygiene import Bots, Hygiene
from leadlens.pipeline.config.loading import (
    ProjectFile,
    ProjectOrPath,
    as_project,
    expand,
    json_schema,
    load_project,
    unexpanded,
)
from leadlens.pipeline.config.model import Features, Judge, Model, Outcome, Project, Spine

__all__ = [
    "Bots",
    "Drift",
    "EngineSettings",
    "Features",
    "Hygiene",
    "Judge",
    "Model",
    "Outcome",
    "Project",
    "ProjectFile",
    "ProjectOrPath",
    "Source",
    "Spine",
    "as_project",
    "expand",
    "json_schema",
    "load_project",
    "unexpanded",
]

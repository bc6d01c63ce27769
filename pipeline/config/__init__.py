"""The project file: its settings, how it is loaded, its JSON Schema."""

from pipeline.config.drift import Drift
from pipeline.config.engine import EngineSettings
from pipeline.config.hygiene import Bots, Hygiene
from pipeline.config.loading import (
    ProjectFile,
    ProjectOrPath,
    as_project,
    expand,
    json_schema,
    load_project,
    unexpanded,
)
from pipeline.config.model import Features, Judge, Model, Outcome, Project, Source, Spine

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

"""The project file: what it may say, how it is read, its JSON Schema."""

from pipeline.config.loading import ProjectFile, expand, json_schema, load_project, unexpanded
from pipeline.config.model import Features, Judge, Model, Outcome, Project, Source, Spine

__all__ = [
    "Features",
    "Judge",
    "Model",
    "Outcome",
    "Project",
    "ProjectFile",
    "Source",
    "Spine",
    "expand",
    "json_schema",
    "load_project",
    "unexpanded",
]

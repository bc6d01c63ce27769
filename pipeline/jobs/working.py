"""Jobs that work with what they read of leads, so that whoever is forgotten meanwhile is waited for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from leadlens.pipeline.config import as_project
from leadlens.pipeline.state import at_work

_Job = TypeVar("_Job", bound=Callable[..., Any])


def while_at_work(job: _Job) -> _Job:
    """The job is known to be at work with its project, its first argument, as long as it runs (``leadlens.pipeline.state.at_work``)."""

    @wraps(job)
    def working(file: Any, *args: Any, **kwargs: Any) -> Any:
        project = as_project(getattr(file, "file", file))  # of a dataset, that of its project
        with at_work(project.project.name):
            return job(file, *args, **kwargs)

    return cast(_Job, working)

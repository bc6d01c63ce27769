"""Jinja as page and reports use it: all text that comes from data is escaped, and a name that is missing is an error."""

from __future__ import annotations

from importlib.resources import files

import jinja2

from leadlens.pipeline.views.links import segment
from leadlens.pipeline.views.speaking import speaks


def environment(package: str) -> jinja2.Environment:
    """The templates of a package, and those that all share."""
    folders = [str(files(name) / "templates") for name in (package, "leadlens.pipeline.views")]
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    speaks(made)
    made.globals["segment"] = segment
    return made

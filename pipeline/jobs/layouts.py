"""The layout of a file of scores: what it has in place of the columns of lead_scores."""

from __future__ import annotations

from typing import Literal

from leadlens.features.errors import UsageError
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.crm.fields import import_layout
from leadlens.pipeline.writeback.layout import Layout

_LAYOUTS: tuple[Literal["hubspot", "salesforce"], ...] = ("hubspot", "salesforce")


def layout_of(file: ProjectFile, to: str | None, layout: str | None) -> Layout | None:
    """``--layout`` as it is typed; the project's for the project's target. Raises ``UsageError`` for an unknown one."""
    if layout is None and to is None:
        layout = file.project.scores.layout
    if layout is None:
        return None
    for kind in _LAYOUTS:
        if layout == kind:
            return import_layout(file.project.crm, kind)
    raise UsageError("there is no such layout", value=layout, known=list(_LAYOUTS), where="--layout")

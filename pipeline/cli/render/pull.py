"""What `leadlens pull` prints."""

from __future__ import annotations

from leadlens.features.errors import listed
from leadlens.pipeline.jobs.pull import Pulled


def render_pulled(pulled: Pulled) -> list[str]:
    """What changed, what there is, and how a project reads it."""
    changed = "nothing changed"
    if pulled.changed:
        changed = listed(f"{rows:,} {table}" for table, rows in pulled.changed.items())
    lines = [f"Pulled from {pulled.source} into {pulled.folder}: {changed}"]
    lines += [f"  {table}: {rows:,} rows" for table, rows in pulled.rows.items() if rows]
    if pulled.retried:
        lines.append(f"  {pulled.retried:,} requests were sent again: the server was busy")
    return [*lines, "", "In a project file, with a path relative to it:", "", *pulled.project.splitlines()]

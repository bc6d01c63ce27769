"""`leadlens app`: the page of one or more projects, on this machine or behind a proxy that signs people in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leadlens.features.errors import UsageError
from leadlens.pipeline.config import ProjectFile

_PACKAGES = ("babel", "starlette", "uvicorn")


def app(project_files: Sequence[ProjectFile], *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until stopped; ``ready`` is told the address first.

    Raises ``UsageError`` where the extra is not installed, where nobody signs in on an address that others reach, and for
    an address that cannot be listened on.
    """
    from importlib.util import find_spec

    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise UsageError(
            "the page needs packages that are not installed",
            value=", ".join(missing),
            fix="pip install 'leadlens[app]'",
        )
    from leadlens.pipeline.app.server import application, serve

    serve(
        application(project_files),
        host,
        port,
        sign_in=project_files[0].project.page.sign_in is not None,
        ready=ready,
    )

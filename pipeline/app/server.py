"""The application: its addresses, and how it is served."""

from __future__ import annotations

import errno
import getpass
import ipaddress
import logging
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from leadlens.features.errors import LeadlensError, UsageError
from leadlens.pipeline.app.choosing import choose
from leadlens.pipeline.app.guard import TOO_LONG, Guard
from leadlens.pipeline.app.pages import api, compare, health, job, lead, leads, sheet, sheets, threshold
from leadlens.pipeline.app.people import Door
from leadlens.pipeline.app.shown_project import ShownProject
from leadlens.pipeline.app.site import form_of, project_of, to, wrong
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.languages.catalogue import recogniser
from leadlens.pipeline.languages.language import NAMES, language
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.published.bounded_queries import SlowQueryError
from leadlens.pipeline.stopping import Stopped
from leadlens.pipeline.views.links import of_segment, segment
from leadlens.pipeline.views.words import for_readers

if TYPE_CHECKING:
    import uvicorn

_MOST_BYTES = 256 * 1024  # of a form or of one lead as JSON
_AT_ONCE = (
    8  # requests that are worked on; more than the cores, since some wait for a file or for another writer
)
_LOCAL = ("localhost", "127.0.0.1", "::1")


class _LeadId(Convertor[str]):
    """An id as it is in the data, slashes and line breaks too."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return of_segment(value)

    def to_string(self, value: str) -> str:
        return segment(value)


register_url_convertor("id", _LeadId())


def application(project_files: Sequence[ProjectFile], *, local_person: str | None = None) -> ASGIApp:
    """The page of these projects, as an ASGI application for any server.

    All of them are open to whom the first one's ``page.sign_in`` lets in; without it, to anybody who reaches the
    server, as an admin: serve it on the loopback address alone. Raises ``UsageError`` for two projects of one name.
    """
    for code in NAMES:  # now, and not while the first reader waits
        language(code)
    recogniser()
    projects = {file.project.name: ShownProject(file) for file in project_files}
    if len(projects) < len(project_files):
        raise UsageError(
            "two projects have the same name",
            value=", ".join(file.project.name for file in project_files),
            fix="give each a different name in its project file",
        )
    settings = project_files[0].project.page
    hosts = {*_LOCAL, *(host.lower() for file in project_files for host in file.project.page.hosts)}
    hosts |= {
        str(urlsplit(file.project.page.url).hostname) for file in project_files if file.project.page.url
    }
    door = Door(local_person or _account(), settings.sign_in)
    app = Starlette(
        routes=[
            Route("/", _home),
            Mount(
                "/static",
                StaticFiles(
                    packages=[
                        (package, "static")
                        for package in ("leadlens.pipeline.app", "leadlens.pipeline.views")
                    ]
                ),
            ),
            Route("/language", _language, methods=["POST"]),
            Route("/{project}", _to_leads),
            Route("/{project}/leads", leads.leads),
            Route("/{project}/leads/export", leads.export, methods=["POST"]),
            Route("/{project}/leads/{lead:id}/verdict", lead.verdict, methods=["POST"]),
            Route("/{project}/leads/{lead:id}", lead.lead),
            Route("/{project}/compare", compare.compare),
            Route("/{project}/compare/{cell}", compare.cell),
            Route("/{project}/compare/{cell}/export", compare.export, methods=["POST"]),
            Route("/{project}/rules/{rule:id}", compare.rule),
            Route("/{project}/threshold", threshold.threshold),
            Route("/{project}/threshold/draft", threshold.draft, methods=["POST"]),
            Route("/{project}/sheets", sheets.sheets),
            Route("/{project}/sheets/{name}/{version}", sheet.sheet),
            Route("/{project}/sheets/{name}/{version}/keep", sheet.keep, methods=["POST"]),
            Route("/{project}/sheets/{name}/{version}/draft", sheet.draft, methods=["POST"]),
            Route("/{project}/sheets/{name}/{version}/move", sheet.move, methods=["POST"]),
            Route("/{project}/api/leads", api.leads),
            Route("/{project}/api/leads/{lead:id}", api.lead),
            Route("/{project}/api/score", api.score, methods=["POST"]),
            Route("/{project}/api/openapi.json", api.openapi),
            Route("/{project}/sheets/{name}/{version}/preview", sheet.preview, methods=["POST"]),
            Route("/{project}/jobs/{job}", job.job),
            Route("/{project}/health", health.health),
            Route("/{project}/log", health.log),
        ],
        exception_handlers={
            HTTPException: _http_error,
            SlowQueryError: _slow,
            LeadlensError: _unreadable,
            sqlite3.OperationalError: _busy,
            500: _broken,
        },
        max_body_size=_MOST_BYTES,
        lifespan=_ends_its_jobs,
    )
    app.state.projects, app.state.turns = projects, api.Turns()
    app.router.redirect_slashes = False  # it would name the host that a proxy hides
    # Around everything, so that a page that says what broke has the same headers.
    return Guard(app, door=door, hosts=frozenset(hosts), refusal=wrong, most_bytes=_MOST_BYTES)


@asynccontextmanager
async def _ends_its_jobs(app: Starlette) -> AsyncIterator[None]:
    # Of many requests at once few are worked on, the others wait in order: threads that take turns in all of them end all of them late.
    current_default_thread_limiter().total_tokens = _AT_ONCE
    yield
    for project in app.state.projects.values():
        project.jobs.stop()


def serve(app: ASGIApp, host: str, port: int, *, sign_in: bool, ready: Callable[[str], None]) -> None:
    """Serve until stopped. ``port`` 0 takes any that is free; ``ready`` is told the address.

    Raises ``UsageError`` for an address that others reach where nobody signs in, and for one that is taken or not ours.
    """
    import uvicorn

    if not sign_in and not _is_loopback(host):
        raise UsageError(
            "others can reach this address, and there is no sign-in",
            value=host,
            why="everyone on the network could read names and scores",
            fix="set page.sign_in in the project file, or leave --host out and open the page on this machine",
        )
    with _listening(host, port) as listener:
        at = listener.getsockname()
        ready(f"http://{f'[{host}]' if ':' in host else host}:{at[1]}/")
        with suppress(Stopped):  # that is how it ends
            uvicorn.Server(settings(app)).run(sockets=[listener])


def settings(app: ASGIApp) -> uvicorn.Config:
    """How the page is served, here and in tests: no version in answers, and no header of a proxy taken for the client."""
    import uvicorn

    return uvicorn.Config(
        app, log_level="warning", server_header=False, timeout_keep_alive=5, proxy_headers=False
    )


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise UsageError(
            "this port is taken" if taken else "this address cannot be listened on",
            value=f"{host}:{port}",
            why=None if taken else str(error),
            fix=f"name another: --port {port + 1}"
            if taken
            else "leave --host out, or name an address of this machine",
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _account() -> str:
    if author := os.environ.get("LEADLENS_AUTHOR"):
        return author
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, in a container
        return "you"


def _home(request: Request) -> Response:
    return RedirectResponse(f"/{next(iter(request.app.state.projects))}/leads")


async def _language(request: Request) -> Response:
    return choose(request, await form_of(request))


def _to_leads(request: Request) -> Response:
    project_of(request)
    return to(request, "leads")


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {
        404: N_("There is no such page."),
        405: N_("This page does not accept what was sent."),
        413: TOO_LONG,
    }
    plain = error.detail in (
        "Not Found",
        "Method Not Allowed",
        "Content Too Large",
        "Request Entity Too Large",
    )
    text = texts.get(error.status_code, error.detail) if plain else error.detail
    return wrong(request, error.status_code, text)


def _slow(request: Request, error: Exception) -> Response:
    return wrong(request, 503, N_("This took too long. Type more of the name, or filter first."))


def _busy(request: Request, error: Exception) -> Response:
    return wrong(
        request,
        503,
        N_("Somebody else is writing just now, so nothing was saved or read. Try again in a moment."),
    )


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, LeadlensError)
    logging.getLogger("uvicorn.error").warning("%s", error)
    return wrong(request, 503, f"{N_('This cannot be shown just now.')} {for_readers(error)}")


def _broken(request: Request, error: Exception) -> Response:
    return wrong(request, 500, N_("Something is wrong on our side. The log of the server has the details."))

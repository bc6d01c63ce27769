"""What stands before every page: the host that was asked for, who asks, where a form was sent from, and the headers of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadlens.pipeline.app.people import Door
from leadlens.pipeline.languages.marks import N_

_POLICY = "; ".join(
    (
        *(f"{what} 'none'" for what in ("default-src", "base-uri", "frame-ancestors")),
        *(f"{what} 'self'" for what in ("style-src", "img-src", "form-action")),
    )
)
# Pages hold personal data: no store between us and the reader keeps them, no other site learns their addresses.
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
_READS = ("GET", "HEAD")
TOO_LONG = N_("This is too long.")


class Guard:
    """Refuses forged hosts (DNS rebinding), strangers, and forms of other sites; nobody else gets to ``app``.

    ``refusal`` makes the page that says why: of the request, the status and the words.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        door: Door,
        hosts: frozenset[str],
        refusal: Callable[[Request, int, str], Response],
        most_bytes: int,
    ) -> None:
        self._app, self._door, self._hosts, self._refusal = app, door, hosts, refusal
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own[name] = value
                own.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refused(scope, headers)
        if refused is None:
            await self._app(scope, receive, with_headers)
        else:
            await self._refusal(Request(scope), *refused)(scope, receive, with_headers)

    def _refused(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        scope["state"] = scope.get("state", {}) | {"person": None}
        scope["app"] = self._app
        if _name(headers.get("host", "")) not in self._hosts:
            return (
                400,
                N_(
                    "This address is not one that the page answers to. Add it to page.hosts in the project file."
                ),
            )
        client = scope["client"][0] if scope.get("client") else ""
        person = self._door.person(client, headers)
        if person is None:
            return 403, N_("You are not signed in here, or have no role on this page. Ask whoever runs it.")
        scope["state"]["person"] = person
        if scope["method"] not in _READS and not _is_own(headers):
            return 403, N_("This was sent from another site, so nothing was changed.")
        length = headers.get("content-length", "")
        if length.isascii() and length.isdecimal() and int(length[:20]) > self._most_bytes:
            return 413, TOO_LONG  # what does not say how long it is, the application measures
        return None


def _is_own(headers: Headers) -> bool:
    """Whether a form was sent from one of our own pages, or by a program, which sends JSON.

    Another site's page cannot send JSON without asking first, and is never told that it may.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _name(host: str) -> str:
    """The host of a Host header, without its port.

    >>> _name("Leads.example.com:8443"), _name("[::1]:80"), _name("evil@localhost")
    ('leads.example.com', '::1', '')
    """
    found = _HOST.fullmatch(host)
    return "" if found is None else (found["six"] or found["name"]).lower()

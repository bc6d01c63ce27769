"""Tokens for a CRM: from the environment, renewed where the protocol can, never stored and never shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from leadlens.features.errors import LeadlensError, UsageError
from leadlens.features.secrets import remember_secret
from leadlens.pipeline.crm.destination import VENDORS, Destination, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of each kind: a token as it is; else what a token is got with, its OAuth grant, and where it is asked for.
_TOKEN: dict[Kind, str] = {
    "hubspot": "HUBSPOT_ACCESS_TOKEN",
    "salesforce": "SALESFORCE_ACCESS_TOKEN",
    "https": "LEADLENS_PUSH_TOKEN",
}
_GRANT: dict[Kind, tuple[str, str, tuple[str, ...]]] = {
    "hubspot": (
        "refresh_token",
        "/oauth/v1/token",
        ("HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_REFRESH_TOKEN"),
    ),
    "salesforce": (
        "client_credentials",
        "/services/oauth2/token",
        ("SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"),
    ),
}
_FORM = {"ID": "client_id", "SECRET": "client_secret", "TOKEN": "refresh_token"}


class Asking(Protocol):
    """What a token is asked for through (``leadlens.pipeline.crm.http.Server``)."""

    def ask_form(self, path: str, form: dict[str, str]) -> tuple[int, object, str]:
        """Status, JSON and, of an error, what is wrong."""


class Credentials:
    """The token of one destination. Raises ``UsageError`` where the environment has neither it nor what it is got with."""

    def __init__(self, destination: Destination) -> None:
        self._kind = destination.kind
        self._name = _TOKEN[destination.kind]
        self._token = os.environ.get(self._name) or None
        self._grant = _grant(destination.kind)
        remember_secret(self._token, f"${{{self._name}}}")
        if self._token is None and self._grant is None and destination.kind != "https":
            raise UsageError(
                f"there is no token for {destination.shown}",
                why="it comes from the environment alone, so that no file and no log holds it",
                fix=f"set {self._name} in the environment, or {' and '.join(_GRANT[destination.kind][2])}",
            )

    def token(self, server: Asking) -> str | None:
        """The token, asked for where there is none yet; ``None`` where the server needs none."""
        if self._token is None and self._grant is not None:
            grant, path, form = self._grant
            status, found, said = server.ask_form(path, {"grant_type": grant, **form})
            token = found.get("access_token") if isinstance(found, dict) else None
            if status != 200 or not isinstance(token, str) or not token:
                raise UsageError(
                    f"{VENDORS[self._kind]} gives no token: {said}",
                    why="nothing can be sent without it",
                    fix=f"see whether {' and '.join(_GRANT[self._kind][2])} are right and the app is still allowed",
                )
            remember_secret(token)
            self._token = token
        return self._token

    def renew(self) -> bool:
        """Let go of a token that was refused; whether another can be asked for."""
        if self._grant is None:
            return False
        self._token = None
        return True

    def refused(self, said: str) -> LeadlensError:
        """The error for a token that the server does not accept."""
        names: Sequence[str] = [self._name] if self._grant is None else _GRANT[self._kind][2]
        return UsageError(
            f"the server refuses the token: {said}",
            why="it is wrong, has expired, or was withdrawn; what was acknowledged until now is kept",
            fix=f"make a new one and set {' and '.join(names)}; then run the same command",
        )


def no_token(destination: Destination) -> list[str]:
    """A note where the environment has no token for a destination that needs one."""
    try:
        Credentials(destination)
    except UsageError as error:
        return [f"{error.what}, and a push needs one: {error.fix}"]
    return []


def _grant(kind: Kind) -> tuple[str, str, dict[str, str]] | None:
    if kind not in _GRANT:
        return None
    grant, path, names = _GRANT[kind]
    values = {name: os.environ.get(name) or "" for name in names}
    if not all(values.values()):
        return None
    for name, value in values.items():
        remember_secret(value, f"${{{name}}}")
    return grant, path, {_FORM[name.rpartition("_")[2]]: value for name, value in values.items()}

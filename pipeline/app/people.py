"""Who is asking, and what that person may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from leadlens.pipeline.config.page import Role, SignIn

Right = Literal["read", "verdict", "export", "sheets", "log"]
_RIGHTS: dict[Role, frozenset[Right]] = {
    "viewer": frozenset({"read", "verdict"}),
    "marketer": frozenset({"read", "verdict", "export", "sheets"}),
    "admin": frozenset({"read", "verdict", "export", "sheets", "log"}),
}


@dataclass(frozen=True)
class Person:
    """Somebody who opened the page. ``owner`` is the name by which the list is limited to own leads, if it is."""

    name: str
    role: Role
    owner: str | None = None

    def may(self, right: Right) -> bool:
        """Whether the role has this right."""
        return right in _RIGHTS[self.role]


@dataclass(frozen=True)
class Door:
    """Tells who a request is from: one person of this machine, or whom a trusted proxy names."""

    local: str
    sign_in: SignIn | None = None

    def person(self, client: str, headers: Mapping[str, str]) -> Person | None:
        """Who it is; ``None`` where nobody is named, or the person has no role.

        >>> door = Door("ann", SignIn(header="X-Email", roles={"bo@firm.example": "admin"}))
        >>> door.person("127.0.0.1", {"x-email": "bo@firm.example"})
        Person(name='bo@firm.example', role='admin', owner=None)
        >>> door.person("10.0.0.9", {"x-email": "bo@firm.example"}) is None
        True
        """
        if self.sign_in is None:
            return Person(self.local, "admin")
        name = headers.get(self.sign_in.header.lower(), "").strip()
        if client not in self.sign_in.proxy or not name or len(name) > 200:
            return None
        roles = {each.casefold(): role for each, role in self.sign_in.roles.items()}
        role = roles.get(name.casefold(), self.sign_in.everybody)
        if role is None:
            return None
        limited = self.sign_in.owners_only and role == "viewer"
        return Person(name, role, name if limited else None)

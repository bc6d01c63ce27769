"""`leadlens pull`: what changed in a CRM since the last pull, into files that a project reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.pipeline.crm.credentials import Credentials
from leadlens.pipeline.crm.destination import parse_destination
from leadlens.pipeline.crm.http import Patience, Server
from leadlens.pipeline.private import private_files
from leadlens.pipeline.pulling.files import PulledFiles, project_text
from leadlens.pipeline.pulling.hubspot import HubSpot
from leadlens.pipeline.pulling.salesforce import Salesforce
from leadlens.pipeline.pulling.source import KEYS, Crm, Page

_AT_ONCE = 20_000  # rows that wait before they are merged


@dataclass(frozen=True)
class Pulled:
    """What came: rows that changed by table, rows that there are, and what of a project file reads them."""

    source: str
    folder: str
    changed: dict[str, int]
    rows: dict[str, int]
    project: str
    retried: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


@private_files()
def pull(
    address: str,
    folder: Path,
    *,
    fields: Sequence[str] = (),
    patience: Patience | None = None,
    progress: Callable[[str], None] | None = None,
) -> Pulled:
    """Pull from ``hubspot://contacts`` or ``salesforce://company.my.salesforce.com/Lead`` into Parquet files in ``folder``.

    Only what changed since the last pull is read. ``fields`` are those of leads; of none nearly all. Raises ``UsageError`` for a wrong address or
    token, ``UnavailableError`` where the CRM does not answer; what came until then is kept.
    """
    destination = parse_destination(address)
    if destination.kind == "https":
        raise UsageError(
            "leads are pulled from HubSpot or Salesforce",
            value=destination.shown,
            fix="write hubspot://contacts or salesforce://company.my.salesforce.com/Lead; other systems: export files, or read their database",
        )
    files, say = PulledFiles.of(folder, destination.shown), progress or (lambda text: None)
    server = Server(destination.origin, Credentials(destination), patience or Patience())
    crm: Crm = (HubSpot if destination.kind == "hubspot" else Salesforce)(server, destination.place, fields)
    changed: dict[str, int] = {}
    waiting: list[Page] = []
    try:
        for page in crm.pages(dict(files.cursors)):
            waiting.append(page)
            if sum(len(rows) for each in waiting for rows in each.rows.values()) >= _AT_ONCE:
                _keep(files, waiting, changed)
                say(", ".join(f"{rows:,} {table}" for table, rows in changed.items()))
    finally:
        try:
            _keep(files, waiting, changed)
        finally:
            server.close()
    rows = {table: files.rows(table) for table in KEYS}
    return Pulled(
        destination.shown, str(folder), changed, rows, project_text(folder.as_posix(), rows), server.retried
    )


def _keep(files: PulledFiles, waiting: list[Page], changed: dict[str, int]) -> None:
    if waiting:
        for table, rows in files.add(waiting).items():
            changed[table] = changed.get(table, 0) + rows
        waiting.clear()

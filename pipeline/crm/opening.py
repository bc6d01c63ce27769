"""The CRM of a destination, ready to be sent to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from leadlens.features.errors import UsageError
from leadlens.pipeline.crm.credentials import Credentials
from leadlens.pipeline.crm.destination import Destination, Kind
from leadlens.pipeline.crm.generic import GenericSink
from leadlens.pipeline.crm.http import Patience, Server
from leadlens.pipeline.crm.hubspot import HubSpot
from leadlens.pipeline.crm.salesforce import Salesforce
from leadlens.pipeline.crm.sink import Sink

# Most leads of one request.
BATCHES: dict[Kind, int] = {
    "hubspot": HubSpot.batch,
    "salesforce": Salesforce.batch,
    "https": GenericSink.batch,
}


def refuse_creating(kind: Kind) -> None:
    """Raises ``UsageError`` for a CRM whose fields are not created from here."""
    if kind == "salesforce":
        raise UsageError(
            "fields of Salesforce are not created from here",
            value="--create-fields",
            why="nobody sees a new field there until access to it is granted in Setup",
            fix="create them in Setup > Object Manager; without --create-fields the missing ones are listed",
        )
    if kind == "https":
        raise UsageError(
            "fields are not created there",
            value="--create-fields",
            why="an https:// address takes whatever is sent",
            fix="leave it out",
        )


@contextmanager
def open_sink(
    destination: Destination, id_field: str | None, patience: Patience
) -> Iterator[tuple[Sink, Server]]:
    """Raises ``UsageError`` where the environment has no token for it. Nothing is sent yet."""
    server = Server(destination.origin, Credentials(destination), patience)
    try:
        if destination.kind == "hubspot":
            yield HubSpot(server, destination.place, id_field), server
        elif destination.kind == "salesforce":
            yield Salesforce(server, destination.place, id_field), server
        else:
            yield GenericSink(server, destination.place), server
    finally:
        server.close()

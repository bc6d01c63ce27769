"""The CRM of a destination, ready to be sent to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.crm.credentials import Credentials
from pipeline.crm.destination import Destination
from pipeline.crm.generic import GenericSink
from pipeline.crm.http import Patience, Server
from pipeline.crm.hubspot import HubSpot
from pipeline.crm.salesforce import Salesforce
from pipeline.crm.sink import Sink


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

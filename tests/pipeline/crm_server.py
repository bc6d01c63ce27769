"""A CRM on this machine that speaks HubSpot's, Salesforce's or a plain JSON protocol, and misbehaves as it is told.

It keeps what every lead has, how often each was sent, and how often that changed anything: an upsert of equal values does not.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pipeline import http_server

FIELDS = ("score", "grade", "stage", "reasons", "trend", "route", "link", "as_of", "status")
# What may become of a write. Those that begin with "late" happen after it was applied.
FAULTS = (
    "429", "500", "503", "reset", "late reset", "late 502", "late nonsense", "late cut short", "half reset", "half 500", "expired",
)  # fmt: skip
Stage = str


@dataclass
class FakeCrm:
    """One CRM.

    Attributes
    ----------
    kind : hubspot, salesforce or https.
    leads : the fields of each lead, by its id.
    received, changed : how often each lead was sent, and how often that changed what it has.
    faults : the next writes go wrong like this, one each; ``None`` goes right.
    chance, choices : of writes beyond those, the share that goes wrong, and how.
    bad : leads that are always refused; ``whole``: with them their whole batch.
    silence : seconds that a "silent" answer takes.
    left_today : requests that it says are left.
    watch : called with the number of a write and ``before``, ``applied`` or ``answered``.
    """

    kind: str
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    faults: list[str | None] = field(default_factory=list)
    chance: float = 0.0
    choices: Sequence[str] = FAULTS
    seed: int = 7
    bad: frozenset[str] = frozenset()
    whole: bool = False
    silence: float = 0.0
    tokens: set[str] = field(default_factory=lambda: {"good-token-1"})
    renewable: bool = True
    missing: set[str] = field(default_factory=set)
    watch: Callable[[int, Stage], None] | None = None
    origin: str = ""
    writes: int = 0
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    keep_asked: bool = True
    length: int = 255
    left_today: int | None = None
    fresh: bool = False  # a token that was just given does not expire before it was of use

    def __post_init__(self) -> None:
        self.lock, self.rng, self.given = threading.Lock(), random.Random(self.seed), 1
        names = [self.named(each) for each in FIELDS]
        self.fields = set(names)

    def named(self, field: str) -> str:
        """What a field is called here."""
        if self.kind == "hubspot":
            return f"leadlens_{field}"
        return f"Leadlens_{field.title()}__c" if self.kind == "salesforce" else field

    @property
    def to(self) -> str:
        """What ``--to`` is."""
        host = self.origin.partition("://")[2]
        ends = {"hubspot": f"hubspot://{host}/contacts", "salesforce": f"salesforce://{host}/Lead"}
        return ends.get(self.kind, f"{self.origin}/scores")

    def environment(self) -> dict[str, str]:
        """What a client needs to be let in."""
        if self.kind == "https":
            return {"LEADLENS_PUSH_TOKEN": "good-token-1"}
        name = self.kind.upper()
        more = {f"{name}_CLIENT_ID": "our-app", f"{name}_CLIENT_SECRET": "hush-hush-1"}
        if self.kind == "hubspot":
            more["HUBSPOT_REFRESH_TOKEN"] = "refresh-me-1"
        return more if self.renewable else {f"{name}_ACCESS_TOKEN": "good-token-1"}

    def fault(self) -> str | None:
        """What the next write suffers."""
        if self.faults:
            return self.faults.pop(0)
        return self.rng.choice(list(self.choices)) if self.rng.random() < self.chance else None

    def apply(self, lead: str, values: dict[str, Any]) -> None:
        """One lead is to have these values."""
        self.received[lead] += 1
        if self.leads.get(lead) != values:
            self.leads[lead] = values
            self.changed[lead] += 1


@contextmanager
def serving(crm: FakeCrm) -> Iterator[FakeCrm]:
    """The CRM, reachable at ``crm.origin`` until the block is left."""

    with http_server.serving(_Handler, crm) as host:
        crm.origin = f"http://{host}"
        yield crm


class _Handler(http_server.Handler):
    @property
    def crm(self) -> FakeCrm:
        crm: FakeCrm = self.state
        return crm

    def _any(self) -> None:
        body = self.body()
        crm, path = self.crm, urlsplit(self.path).path
        if path.endswith("/token"):
            return self._token(parse_qs(body.decode()))
        payload = json.loads(body) if body else None
        if crm.keep_asked:
            crm.asked.append((self.command, self.path, dict(self.headers), payload))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in crm.tokens:
            return self._say(401, {"message": "the token has expired", "category": "EXPIRED_AUTHENTICATION"})
        if "/properties/" in path or path.endswith("/describe"):
            return self._fields(path, payload)
        return self._write(path, payload)

    do_GET = do_POST = do_PATCH = _any

    def _token(self, form: dict[str, list[str]]) -> None:
        crm = self.crm
        wanted = {"hubspot": "refresh_token", "salesforce": "client_credentials"}[crm.kind]
        if form["grant_type"] != [wanted] or form["client_secret"] != ["hush-hush-1"]:
            return self._say(400, {"error": "invalid_grant", "error_description": "authentication failure"})
        with crm.lock:
            crm.given += 1
            crm.tokens = {f"good-token-{crm.given}"}
        self._say(200, {"access_token": f"good-token-{crm.given}", "instance_url": crm.origin})
        return None

    def _fields(self, path: str, payload: Any) -> None:
        crm = self.crm
        if self.command == "POST" and path.endswith("/groups"):
            return self._say(409, {"message": "there is such a group"})
        if self.command == "POST":
            crm.missing -= {each["name"] for each in payload["inputs"]}
            return self._say(201, {"results": payload["inputs"]})
        there = sorted(crm.fields - crm.missing)
        number, date = crm.named("score"), crm.named("as_of")
        types = {number: ("number", "double"), date: ("date", "date")}
        if crm.kind == "hubspot":
            found = [{"name": name, "type": types.get(name, ("string",))[0]} for name in there]
            found += [{"name": "external", "type": "string", "hasUniqueValue": True}]
            found += [{"name": "lastname", "type": "string", "modificationMetadata": {"readOnlyValue": True}}]
            return self._say(200, {"results": found})
        found = [
            {
                "name": name,
                "type": types.get(name, ("", "string"))[1],
                "length": crm.length,
                "updateable": True,
            }
            for name in there
        ]
        found += [{"name": "Ours__c", "type": "string", "length": 80, "updateable": True, "externalId": True}]
        return self._say(200, {"fields": found})

    def _write(self, path: str, payload: Any) -> None:
        crm = self.crm
        with crm.lock:
            crm.writes += 1
            number, fault = crm.writes, crm.fault()
            if crm.watch is not None:
                crm.watch(number, "before")
            if fault in ("429", "500", "503", "reset", "expired"):
                if fault == "expired" and crm.renewable and crm.kind != "https" and not crm.fresh:
                    crm.tokens, crm.fresh = set(), True
                    return self._say(401, {"message": "the token has expired"})
                if fault == "expired":
                    return self._say(503, {"message": "busy"})
                return self._reset() if fault == "reset" else self._say(int(fault), {"message": "busy"})
            leads, crm.fresh = self._leads(payload), False
            status, answer = self._apply(leads, half=(fault or "").startswith("half"))
            if crm.watch is not None:
                crm.watch(number, "applied")
        if fault == "silent":
            time.sleep(crm.silence)
        if fault in ("late reset", "half reset", "silent"):
            return self._reset()
        if fault == "late cut short":
            return self._say(status, answer, cut=True)
        if fault == "late nonsense":
            return self._raw(200, b"<html>Welcome to our maintenance page</html>")
        if fault in ("late 502", "half 500"):
            return self._say(int(fault[-3:]), {"message": "something went wrong"})
        if fault == "elsewhere":
            return self._say(302, {}, {"Location": "http://203.0.113.1/steal"})
        self._say(status, answer)
        if crm.watch is not None:
            crm.watch(number, "answered")
        return None

    def _leads(self, payload: Any) -> list[tuple[str, str, dict[str, Any]]]:
        """Mark, id and values of each lead that is sent."""
        kind = self.crm.kind
        if kind == "hubspot":
            return [
                (each["objectWriteTraceId"], each["id"], each["properties"]) for each in payload["inputs"]
            ]
        if kind == "salesforce":
            found = []
            for each in payload["records"]:
                values = {name: value for name, value in each.items() if name != "attributes"}
                lead = values.pop("id", None) or values.pop("Ours__c")
                found.append((lead, lead, values))
            return found
        return [
            (each["lead_id"], each["lead_id"], {n: v for n, v in each.items() if n != "lead_id"})
            for each in payload["leads"]
        ]

    def _apply(self, leads: list[tuple[str, str, dict[str, Any]]], *, half: bool) -> tuple[int, Any]:
        crm = self.crm
        bad = [lead for _, lead, _ in leads if lead in crm.bad]
        if bad and crm.whole:
            for _, lead, _ in leads:
                crm.received[lead] += 1
            return 400, {"message": f"Property values were not valid: {len(bad)}"}
        taken = leads[: len(leads) // 2] if half else leads
        for _, lead, values in taken:
            if lead not in crm.bad:
                crm.apply(lead, values)
            else:
                crm.received[lead] += 1
        said = "no such record"
        if crm.kind == "hubspot":
            results = [
                {"id": lead, "objectWriteTraceId": mark} for mark, lead, _ in leads if lead not in crm.bad
            ]
            if not bad:
                return 200, {"status": "COMPLETE", "results": results}
            errors = [
                {"status": "error", "category": "OBJECT_NOT_FOUND", "message": said, "context": {"objectWriteTraceId": [mark]}}
                for mark, lead, _ in leads
                if lead in crm.bad
            ]  # fmt: skip
            return 207, {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors}
        if crm.kind == "salesforce":
            error = {"statusCode": "ENTITY_IS_DELETED", "message": said, "fields": []}
            return 200, [
                {"id": lead, "success": lead not in crm.bad, "errors": [error] if lead in crm.bad else []}
                for _, lead, _ in leads
            ]
        return 207 if bad else 204, {"failed": [{"lead_id": lead, "error": said} for lead in bad]}

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None, cut: bool = False) -> None:
        text = b"" if status == 204 else json.dumps(body).encode()
        more = {"Retry-After": "0"} if status in (429, 500, 502, 503) else {}
        if (left := self.crm.left_today) is not None and self.crm.kind == "salesforce":
            more["Sforce-Limit-Info"] = f"api-usage={100_000 - left}/100000"
        elif left is not None:
            more["X-HubSpot-RateLimit-Daily-Remaining"] = str(left)
        self._raw(status, text, {**more, **(headers or {})}, cut=cut)

    def _raw(
        self, status: int, text: bytes, headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text[: len(text) // 2] if cut else text)
            if cut:
                self._reset()

    def _reset(self) -> None:
        """Break the connection off, as a crashed server does."""
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

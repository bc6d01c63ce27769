"""A CRM on this machine that gives its records by HubSpot's or Salesforce's protocol, page by page, and misbehaves as it is told."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pipeline import http_server

Record = dict[str, Any]


@dataclass
class Records:
    """What a CRM has.

    Attributes
    ----------
    contacts : id → properties, with ``modified`` (a time as text) and ``archived``.
    history : id → property → [(time, value)], the first value included.
    activities : kind → id → properties, with ``modified`` and ``of`` (ids of contacts).
    page : rows of a page, in the place of the vendor's number.
    busy, expired : the share of requests that get 429, and of those after which the token no longer holds.
    break_after : requests after which the server answers nothing but 500.
    """

    contacts: dict[str, Record] = field(default_factory=dict)
    history: dict[str, dict[str, list[tuple[str, str | None]]]] = field(default_factory=dict)
    activities: dict[str, dict[str, Record]] = field(default_factory=dict)
    page: int = 3
    busy: float = 0.0
    expired: float = 0.0
    break_after: int | None = None
    requests: int = 0
    tokens: int = 1
    asked: list[str] = field(default_factory=list)
    origin: str = ""

    def __post_init__(self) -> None:
        self.rng, self.lock = random.Random(7), threading.Lock()


@contextmanager
def serving(records: Records) -> Iterator[Records]:
    """The CRM at ``records.origin``, as host and port, until the block is left."""

    with http_server.serving(_Handler, records) as records.origin:
        yield records


class _Handler(http_server.Handler):
    def _any(self) -> None:
        records: Records = self.state
        body = self.body()
        with records.lock:
            url = urlsplit(self.path)
            if url.path.endswith("/token"):
                records.tokens += 1
                return self._answer(200, {"access_token": f"good-token-{records.tokens}"})
            records.requests += 1
            records.asked.append(f"{self.command} {url.path}")
            if records.break_after is not None and records.requests > records.break_after:
                return self._answer(500, {"message": "gone"})
            if self.headers.get("Authorization") != f"Bearer good-token-{records.tokens}":
                return self._answer(401, {"message": "expired"})
            if records.rng.random() < records.busy:
                return self._answer(429, {"message": "slow down"}, {"Retry-After": "0"})
            if records.rng.random() < records.expired:
                records.tokens += 1
                return self._answer(401, {"message": "expired"})
            asked = json.loads(body) if body else None
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            answer = hubspot if url.path.startswith("/crm") else salesforce
            return self._answer(200, answer(records, url.path, query, asked))

    do_GET = do_POST = _any

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


# HubSpot


def hubspot(records: Records, path: str, query: dict[str, str], asked: Any) -> Any:
    parts = path.split("/")
    if parts[3] == "properties":
        names = {name for each in records.contacts.values() for name in each} - {
            "modified",
            "archived",
            "merged",
        }
        system = [{"name": "hs_object_source"}, {"name": "num_notes", "calculated": True}]
        return {"results": [*({"name": name} for name in sorted(names)), *system]}
    if parts[3] == "associations":
        known = records.activities[parts[4]]
        return {
            "results": [
                {
                    "from": {"id": each["id"]},
                    "to": [{"toObjectId": int(of)} for of in known[each["id"]]["of"]],
                }
                for each in asked["inputs"]
                if known[each["id"]]["of"]
            ]
        }
    kind = parts[4]
    held = records.contacts if kind == "contacts" else records.activities.get(kind, {})
    if query.get("archived") == "true":
        gone = [number for number, each in held.items() if each.get("archived")]
        start = int(query.get("after", 0))
        more = {"paging": {"next": {"after": str(start + 1)}}} if start + 1 < len(gone) else {}
        return {"results": [{"id": number} for number in gone[start : start + 1]], **more}
    if parts[-1] == "search":
        (condition,) = asked["filterGroups"][0]["filters"]
        assert condition["operator"] == "GTE"
        modified = condition["propertyName"]
        found = sorted(
            (each["modified"], number)
            for number, each in held.items()
            if not each.get("archived")
            and (condition["value"] == "0" or each["modified"] >= condition["value"])
        )
        start = int(asked["after"])
        assert start + asked["limit"] <= 10_000
        some = found[start : start + asked["limit"]]
        return {"results": [{"id": number, "properties": {modified: at}} for at, number in some]}
    assert len(asked["inputs"]) <= 50
    return {"results": [_read(records, kind, held, each["id"], asked) for each in asked["inputs"]]}


def _read(records: Records, kind: str, held: dict[str, Record], number: str, asked: Any) -> Any:
    own = held[number]
    values = {name: own.get(name) for name in asked["properties"]}
    if kind != "contacts":
        return {"id": number, "properties": values, "createdAt": own["created"]}
    values |= {"createdate": own["created"], "hs_merged_object_ids": own.get("merged")}
    history = {
        name: [{"value": value, "timestamp": at} for at, value in reversed(versions)]
        for name, versions in records.history.get(number, {}).items()
        if name in asked["propertiesWithHistory"]
    }
    return {"id": number, "properties": values, "propertiesWithHistory": history}


# Salesforce


def salesforce(records: Records, path: str, query: dict[str, str], asked: Any) -> Any:
    if path.endswith("/describe"):
        names = {name for each in records.contacts.values() for name in each} - {
            "modified",
            "archived",
            "merged",
            "created",
        }
        return {
            "fields": [
                *({"name": name, "type": "string"} for name in sorted(names)),
                {"name": "Address", "type": "address"},
            ]
        }
    if "/queryAll" not in path:
        soql, _, start = path.rpartition("/")[2].partition("-")
        rows = _select(records, bytes.fromhex(soql).decode())
        return _page(records, bytes.fromhex(soql).decode(), rows, int(start))
    return _page(records, query["q"], _select(records, query["q"]), 0)


def _page(records: Records, soql: str, rows: list[Record], start: int) -> Any:
    end = start + records.page
    more = (
        {"nextRecordsUrl": f"/services/data/v62.0/query/{soql.encode().hex()}-{end}"}
        if end < len(rows)
        else {}
    )
    return {"records": rows[start:end], "done": not more, "totalSize": len(rows), **more}


def _select(records: Records, soql: str) -> list[Record]:
    found = re.fullmatch(r"SELECT (.+) FROM (\w+) WHERE (\w+) >= (\S+) ORDER BY \3, Id", soql)
    assert found is not None, soql
    names, table, by, since = found[1].split(", "), found[2], found[3], found[4]
    rows: list[Record] = []
    if table == "Lead":
        for number, each in records.contacts.items():
            deleted = bool(each.get("archived") or each.get("merged"))
            rows.append({**each, "Id": number, "CreatedDate": each["created"], "SystemModstamp": each["modified"], "IsDeleted": deleted, "MasterRecordId": each.get("merged")})  # fmt: skip
    elif table == "LeadHistory":
        for number, history in records.history.items():
            for name, versions in history.items():
                for before, (at, value) in pairwise(versions):
                    rows.append({"Id": f"h{len(rows)}", "LeadId": number, "Field": name, "OldValue": before[1], "NewValue": value, "CreatedDate": at})  # fmt: skip
    else:
        for number, each in records.activities.get(table, {}).items():
            rows.append({**each, "Id": number, "WhoId": each["of"][0], "CreatedDate": each["created"], "SystemModstamp": each["modified"], "IsDeleted": bool(each.get("archived"))})  # fmt: skip
    rows = sorted(
        (row for row in rows if row[by].replace("+0000", "Z") >= since), key=lambda row: (row[by], row["Id"])
    )
    return [{name: row.get(name) for name in names} for row in rows]

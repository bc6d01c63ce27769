"""Read Salesforce: leads or contacts with the history of tracked fields, merged and deleted ones, tasks and meetings.

Protocol: Salesforce's "REST API Developer Guide" (`queryAll`, which has deleted and merged rows; `nextRecordsUrl`; sObject Describe) and "Object
Reference" (`LeadHistory`, `Task.WhoId`, `MasterRecordId`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from leadlens.features.errors import UsageError
from leadlens.pipeline.crm.http import Answer, Server
from leadlens.pipeline.crm.refusals import refused
from leadlens.pipeline.pulling.source import Page, Rows

_API = "/services/data/v62.0"
_BEGINNING = "1970-01-01T00:00:00Z"
_UNREAD = ("address", "location", "base64", "textarea", "encryptedstring")
_OURS = ("Id", "CreatedDate", "SystemModstamp", "IsDeleted", "MasterRecordId")
_HISTORY = {"Lead": ("LeadHistory", "LeadId"), "Contact": ("ContactHistory", "ContactId")}
_PREFIX = {"Lead": "00Q", "Contact": "003"}
# What of an activity may be a property of an event. Never its text: it is about people, and written by them.
_ACTIVITIES = {
    "Task": ("CreatedDate", ("TaskSubtype", "Status", "CallDurationInSeconds")),
    "Event": ("StartDateTime", ("EventSubtype", "DurationInMinutes")),
}


class Salesforce:
    """Leads, or contacts, as leads. ``fields`` are those to read; of none all that the object has but long texts and addresses."""

    def __init__(self, server: Server, name: str, fields: Sequence[str] = ()) -> None:
        if name not in _HISTORY:
            raise UsageError(
                "this kind of object cannot be pulled as leads", value=name, known=list(_HISTORY)
            )
        self._server, self._object, self._fields = server, name, tuple(fields)

    def pages(self, cursors: Mapping[str, str]) -> Iterator[Page]:
        names = tuple(name for name in self._fields or self._own_fields() if name not in _OURS)
        wanted = ", ".join((*_OURS, *names))
        for rows in self._query(wanted, self._object, "SystemModstamp", cursors.get(self._object)):
            page = Page(cursors={self._object: str(rows[-1]["SystemModstamp"])})
            for row in rows:
                self._add_lead(page, row, names)
            yield page
        history, whose = _HISTORY[self._object]
        fields = f"Id, {whose}, Field, OldValue, NewValue, CreatedDate"
        for rows in self._query(fields, history, "CreatedDate", cursors.get(history)):
            changes = [
                {"entity": "lead", "id": row[whose], "attribute": row["Field"], "value": _text(row["NewValue"]), "known_at": row["CreatedDate"]}
                for row in rows
            ]  # fmt: skip
            # An edit says what was there before.
            first = [
                {"entity": "lead", "id": row[whose], "attribute": row["Field"], "value": _text(row["OldValue"])}
                for row in rows
                if row["OldValue"] is not None
            ]  # fmt: skip
            yield Page(
                {"changes": changes},
                first={"changes": first},
                cursors={history: str(rows[-1]["CreatedDate"])},
            )
        for name, (at, extra) in _ACTIVITIES.items():
            fields = ", ".join(
                dict.fromkeys(("Id", "WhoId", "CreatedDate", "SystemModstamp", "IsDeleted", at, *extra))
            )
            for rows in self._query(fields, name, "SystemModstamp", cursors.get(name)):
                page = Page(cursors={name: str(rows[-1]["SystemModstamp"])})
                for row in rows:
                    self._add_event(page, name, at, extra, row)
                yield page

    def _own_fields(self) -> tuple[str, ...]:
        answer = self._server.ask("GET", f"{_API}/sobjects/{self._object}/describe")
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise refused(answer, "Salesforce", "API Enabled, and the object")
        return tuple(str(each["name"]) for each in answer.body["fields"] if each.get("type") not in _UNREAD)

    def _query(self, fields: str, name: str, by: str, since: str | None) -> Iterator[Rows]:
        """Rows that changed since a moment, that included, in its order: deleted and merged ones too."""
        where = f"{by} >= {_moment(since or _BEGINNING)}"
        soql = f"SELECT {fields} FROM {name} WHERE {where} ORDER BY {by}, Id"
        path = f"{_API}/queryAll?q={quote(soql)}"
        while path:
            answer: Answer = self._server.ask("GET", path)
            if answer.status != 200 or not isinstance(answer.body, dict):
                raise refused(answer, "Salesforce", f"Read on {name} and its fields")
            if rows := answer.body["records"]:
                yield rows
            path = "" if answer.body.get("done", True) else str(answer.body["nextRecordsUrl"])

    def _add_lead(self, page: Page, row: dict[str, Any], names: Sequence[str]) -> None:
        lead = str(row["Id"])
        if row.get("IsDeleted"):
            page.gone.setdefault("leads", []).append(lead)
            if master := row.get("MasterRecordId"):
                page.rows.setdefault("aliases", []).append({"old_id": lead, "lead_id": str(master)})
            return
        own = {"lead_id": lead, "created_at": row["CreatedDate"]}
        page.rows.setdefault("leads", []).append(own | {name: _text(row.get(name)) for name in names})

    def _add_event(self, page: Page, name: str, at: str, extra: Sequence[str], row: dict[str, Any]) -> None:
        event, who = f"{name}-{row['Id']}", str(row.get("WhoId") or "")
        if row.get("IsDeleted"):
            page.gone.setdefault("events", []).append(event)
        elif who.startswith(_PREFIX[self._object]):
            page.rows.setdefault("events", []).append(
                {
                    "event_id": event,
                    "lead_id": who,
                    "occurred_at": row[at],
                    "known_at": row["CreatedDate"],
                    "event_type": "meeting" if name == "Event" else "task",
                    **{each: _text(row.get(each)) for each in extra},
                }
            )


def _moment(text: str) -> str:
    """A time as SOQL takes it: Salesforce gives 2026-01-31T09:30:00.000+0000, and wants the zone as Z.

    >>> _moment("2026-01-31T09:30:00.000+0000")
    '2026-01-31T09:30:00.000Z'
    """
    return text.removesuffix("+0000").removesuffix("Z") + "Z"


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)

"""Read HubSpot: contacts with the history of their properties, merged and deleted ones, and activities.

Protocol: HubSpot's reference of "CRM search v3" (200 rows a page, 10,000 a search), "CRM objects v3" (`batch/read` with `propertiesWithHistory`,
50 a batch; `archived=true`), "properties v3" and "associations v4" (`batch/read`, 1,000 a batch).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from leadlens.pipeline.crm.http import Answer, Server
from leadlens.pipeline.crm.refusals import refused
from leadlens.pipeline.pulling.source import Page, Rows

_PAGE, _MOST = 200, 10_000
_BATCH = 50
_ASSOCIATED = 1_000
_BEGINNING = "0"
_MERGED = "hs_merged_object_ids"
# Kind of activity → what of it may be a property of an event. Never its text: it is about people, and written by them.
_ACTIVITIES = {
    "calls": ("hs_call_direction", "hs_call_disposition", "hs_call_duration"),
    "emails": ("hs_email_direction", "hs_email_status"),
    "meetings": ("hs_meeting_outcome",),
    "notes": (),
    "tasks": ("hs_task_status", "hs_task_type"),
}


class HubSpot:
    """Contacts, or another kind of record, as leads.

    ``properties`` are those to read; of none all that the account has and people or programs fill, without calculated ones of HubSpot's own
    (``hs_…``).
    """

    def __init__(self, server: Server, kind: str, properties: Sequence[str] = ()) -> None:
        self._server, self._kind, self._properties = server, kind, tuple(properties)

    def pages(self, cursors: Mapping[str, str]) -> Iterator[Page]:
        names = self._properties or self._own_properties()
        modified = "lastmodifieddate" if self._kind == "contacts" else "hs_lastmodifieddate"
        for ids, cursor in self._changed(self._kind, modified, cursors.get(self._kind, _BEGINNING)):
            page = Page(cursors={self._kind: cursor})
            for some in _batches(ids, _BATCH):
                self._add_leads(page, some, names)
            yield page
        yield Page(gone={"leads": list(self._archived())})
        for activity, extra in _ACTIVITIES.items():
            known = cursors.get(activity, _BEGINNING)
            for ids, cursor in self._changed(activity, "hs_lastmodifieddate", known):
                page = Page(cursors={activity: cursor})
                for some in _batches(ids, _BATCH):
                    page.rows.setdefault("events", []).extend(self._events(activity, extra, some))
                yield page

    def _own_properties(self) -> tuple[str, ...]:
        answer = self._asked("GET", f"/crm/v3/properties/{self._kind}")
        return tuple(
            str(each["name"])
            for each in answer["results"]
            if not each.get("calculated")
            and not str(each["name"]).startswith("hs_")
            and not each.get("hidden")
        )

    def _changed(self, kind: str, modified: str, since: str) -> Iterator[tuple[list[str], str]]:
        """Ids of records that changed since a moment, that included, page by page, each with the moment of its last."""
        after, read = 0, set[str]()
        while True:
            asked = {
                "filterGroups": [
                    {"filters": [{"propertyName": modified, "operator": "GTE", "value": since}]}
                ],
                "sorts": [{"propertyName": modified, "direction": "ASCENDING"}],
                "properties": [modified],
                "limit": _PAGE,
                "after": str(after),
            }
            found = self._asked("POST", f"/crm/v3/objects/{kind}/search", asked)["results"]
            if not found:
                return
            last = str(found[-1]["properties"][modified])
            new = [str(each["id"]) for each in found if str(each["id"]) not in read]
            read.update(new)
            after += len(found)
            if new:
                yield new, last
            if len(found) < _PAGE:
                return
            if (
                after + _PAGE > _MOST and last != since
            ):  # a search gives no more, so another begins where it ended
                since, after = last, 0

    def _add_leads(self, page: Page, ids: Sequence[str], names: Sequence[str]) -> None:
        asked = {
            "inputs": [{"id": each} for each in ids],
            "properties": [*names, "createdate", _MERGED],
            "propertiesWithHistory": list(names),
        }
        answer = self._asked("POST", f"/crm/v3/objects/{self._kind}/batch/read", asked)
        for each in answer["results"]:
            lead_id, values = str(each["id"]), each["properties"]
            created = values.get("createdate") or each.get("createdAt")
            lead = {"lead_id": lead_id, "created_at": created, **{name: values.get(name) for name in names}}
            page.rows.setdefault("leads", []).append(lead)
            page.rows.setdefault("aliases", []).extend(
                {"old_id": old, "lead_id": lead_id}
                for old in str(values.get(_MERGED) or "").split(";")
                if old and old != lead_id
            )
            page.rows.setdefault("changes", []).extend(
                {"entity": "lead", "id": lead_id, "attribute": name, "value": version.get("value"), "known_at": version["timestamp"]}
                for name, versions in (each.get("propertiesWithHistory") or {}).items()
                for version in versions
            )  # fmt: skip

    def _archived(self) -> Iterator[str]:
        after = ""
        while True:
            path = f"/crm/v3/objects/{self._kind}?archived=true&limit=100"
            answer = self._asked("GET", path + (f"&after={after}" if after else ""))
            yield from (str(each["id"]) for each in answer["results"])
            after = str(((answer.get("paging") or {}).get("next") or {}).get("after") or "")
            if not after:
                return

    def _events(self, activity: str, extra: Sequence[str], ids: Sequence[str]) -> Rows:
        asked = {"inputs": [{"id": each} for each in ids], "properties": ["hs_timestamp", *extra]}
        read = self._asked("POST", f"/crm/v3/objects/{activity}/batch/read", asked)["results"]
        leads = self._leads_of(activity, ids)
        rows: Rows = []
        for each in read:
            values, number = each["properties"], str(each["id"])
            for lead in leads.get(number, ()):
                rows.append(
                    {
                        "event_id": f"{activity}-{number}-{lead}",
                        "lead_id": lead,
                        "occurred_at": values.get("hs_timestamp"),
                        "known_at": each.get("createdAt"),
                        "event_type": activity.removesuffix("s"),
                        **{name.removeprefix("hs_"): values.get(name) for name in extra},
                    }
                )
        return rows

    def _leads_of(self, activity: str, ids: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for some in _batches(ids, _ASSOCIATED):
            asked = {"inputs": [{"id": each} for each in some]}
            path = f"/crm/v4/associations/{activity}/{self._kind}/batch/read"
            for each in self._asked("POST", path, asked)["results"]:
                own = found.setdefault(str(each["from"]["id"]), [])
                own += [str(to["toObjectId"]) for to in each["to"]]
        return found

    def _asked(self, method: str, path: str, payload: Any = None) -> Any:
        answer: Answer = self._server.ask(method, path, payload)
        if answer.status not in (200, 207) or not isinstance(answer.body, dict):
            raise refused(answer, "HubSpot", "crm.objects read and crm.schemas read")
        return answer.body


def _batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some

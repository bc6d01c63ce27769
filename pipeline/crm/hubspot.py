"""HubSpot's CRM API v3: properties, and batches of records that are updated or upserted.

Protocol: HubSpot's reference of "CRM objects v3" (`batch/update`, `batch/upsert`, multi-status errors) and "properties v3".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leadlens.features.errors import UsageError
from leadlens.pipeline.crm.fields import FieldKind, Record, Wanted
from leadlens.pipeline.crm.http import Answer, Server, one_line
from leadlens.pipeline.crm.refusals import refused
from leadlens.pipeline.crm.sink import KnownField, Outcome, check_fields

OWN_ID = "hs_object_id"
_TEXT: frozenset[FieldKind] = frozenset({"text"})
_KINDS: dict[str, frozenset[FieldKind]] = {
    "number": frozenset({"number"}),
    "string": frozenset({"text", "number", "date"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": _TEXT,
    "phone_number": _TEXT,
}
_LONGEST = 65_536
_GROUP = "leadlens"


class HubSpot:
    """Records of one kind. By their own id they are updated; by another unique property made too where there are none."""

    batch = 100

    def __init__(self, server: Server, kind: str, id_property: str | None) -> None:
        self._server, self._kind, self._id = server, kind, id_property or OWN_ID

    def check(self, wanted: Sequence[Wanted], *, create: bool) -> Mapping[str, int]:
        known = self._properties()
        if self._id != OWN_ID and not (self._id in known and known[self._id].unique):
            raise UsageError(
                f"{self._kind} cannot be found by {self._id}",
                value=self._id,
                known=[name for name, field in known.items() if field.unique],
                why="a score must go to one record: HubSpot looks records up by unique properties only",
                fix=f"name a property with unique values, or leave crm.id out: {OWN_ID}",
                where="crm.id",
            )
        if create and (missing := [each for each in wanted if each.name not in known]):
            self._create(missing)
            known = self._properties()
        check_fields(wanted, known, f"HubSpot's {self._kind}", "add --create-fields, create them")
        return {each.name: known[each.name].longest or _LONGEST for each in wanted if each.kind == "text"}

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        verb = "update" if self._id == OWN_ID else "upsert"
        inputs = [self._input(number, record) for number, record in enumerate(records)]
        answer = self._server.ask("POST", f"/crm/v3/objects/{self._kind}/batch/{verb}", {"inputs": inputs})
        if answer.status in (200, 201, 207):
            return self._outcomes(answer, records)
        if answer.status in (400, 404, 409, 413, 422):
            if len(records) == 1:
                return [Outcome(answer.said)]
            # One of them is wrong and none was taken: halves find out which.
            half = len(records) // 2
            return [*self.send(records[:half]), *self.send(records[half:])]
        raise refused(answer, "HubSpot", "crm.objects write and crm.schemas read")

    def _input(self, number: int, record: Record) -> dict[str, Any]:
        # An empty text clears a property.
        values = {name: "" if value is None else str(value) for name, value in record.values.items()}
        found = {"id": record.lead_id, "properties": values, "objectWriteTraceId": str(number)}
        return found if self._id == OWN_ID else {**found, "idProperty": self._id}

    def _outcomes(self, answer: Answer, records: Sequence[Record]) -> list[Outcome]:
        """By the mark that each input had; records without any go by their id, and the silent ones are sent again."""
        body = answer.body if isinstance(answer.body, dict) else {}
        results, errors = _dicts(body.get("results")), _dicts(body.get("errors"))
        if answer.status == 200 and not errors and len(results) == len(records):
            return [Outcome()] * len(records)
        taken = {str(each.get("objectWriteTraceId")) for each in results}
        taken_ids = {str(each.get("id")) for each in results} if self._id == OWN_ID else set()
        wrong: dict[str, str] = {}
        for error in errors:
            context = error.get("context")
            context = context if isinstance(context, dict) else {}
            said = one_line(str(error.get("message") or error.get("category") or "refused"))
            for mark in _texts(error.get("objectWriteTraceId")) + _texts(context.get("objectWriteTraceId")):
                wrong[mark] = said
            for lead in _texts(error.get("id")) + _texts(context.get("id")) + _texts(context.get("ids")):
                wrong[f"id {lead}"] = said
        outcomes = []
        for number, record in enumerate(records):
            said = wrong.get(str(number)) or wrong.get(f"id {record.lead_id}") or ""
            if said:
                outcomes.append(Outcome(said))
            elif str(number) in taken or record.lead_id in taken_ids:
                outcomes.append(Outcome())
            else:
                outcomes.append(Outcome("HubSpot's answer does not say what became of it", again=True))
        return outcomes

    def _properties(self) -> dict[str, KnownField]:
        answer = self._server.ask("GET", f"/crm/v3/properties/{self._kind}")
        if answer.status == 404:
            raise UsageError(
                "HubSpot has no such kind of record",
                value=self._kind,
                known=["contacts", "companies", "deals", "leads"],
                where="--to",
            )
        if answer.status != 200:
            raise refused(answer, "HubSpot", "crm.schemas read")
        found = _dicts(answer.body.get("results")) if isinstance(answer.body, dict) else []
        return {str(each["name"]): _known(each) for each in found if "name" in each}

    def _create(self, wanted: Sequence[Wanted]) -> None:
        """A group of our own, which may be there already, and the properties in it."""
        group = {"name": _GROUP, "label": "Leadlens", "displayOrder": -1}
        answer = self._server.ask("POST", f"/crm/v3/properties/{self._kind}/groups", group)
        if answer.status not in (200, 201, 409):
            raise refused(answer, "HubSpot", "crm.schemas write")
        inputs = [_property(each) for each in wanted]
        answer = self._server.ask("POST", f"/crm/v3/properties/{self._kind}/batch/create", {"inputs": inputs})
        if answer.status not in (200, 201, 207):
            raise refused(answer, "HubSpot", "crm.schemas write")


def _known(found: dict[str, Any]) -> KnownField:
    changes = found.get("modificationMetadata")
    read_only = bool(found.get("calculated")) or (
        isinstance(changes, dict) and bool(changes.get("readOnlyValue"))
    )
    kinds = frozenset[FieldKind]() if read_only else _KINDS.get(str(found.get("type")), frozenset())
    return KnownField(str(found["name"]), kinds, _LONGEST, bool(found.get("hasUniqueValue")))


def _property(wanted: Wanted) -> dict[str, Any]:
    types = {"number": ("number", "number"), "date": ("date", "date"), "text": ("string", "text")}
    kind, control = types[wanted.kind]
    control = "textarea" if wanted.is_long else control
    return {
        "name": wanted.name,
        "label": wanted.label,
        "type": kind,
        "fieldType": control,
        "groupName": _GROUP,
    }


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _texts(found: Any) -> list[str]:
    if found is None:
        return []
    return [str(each) for each in found] if isinstance(found, list) else [str(found)]

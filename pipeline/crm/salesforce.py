"""Salesforce's REST API: describe, and sObject Collections that are updated by Id or upserted by an external id.

Protocol: Salesforce's "REST API Developer Guide" (sObject Describe; sObject Collections, Update and Upsert).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leadlens.features.errors import UsageError
from leadlens.pipeline.crm.fields import FieldKind, Record, Wanted
from leadlens.pipeline.crm.http import Answer, NoAnswerError, Server, one_line
from leadlens.pipeline.crm.refusals import refused
from leadlens.pipeline.crm.sink import KnownField, Outcome, check_fields

OWN_ID = "Id"
_API = "/services/data/v62.0"
_ANY: frozenset[FieldKind] = frozenset({"text", "number", "date"})
_TEXT: frozenset[FieldKind] = frozenset({"text"})
_NUMBER: frozenset[FieldKind] = frozenset({"number"})
_KINDS: dict[str, frozenset[FieldKind]] = {
    "string": _ANY,
    "textarea": _ANY,
    "picklist": _TEXT,
    "url": _TEXT,
    "double": _NUMBER,
    "int": _NUMBER,
    "percent": _NUMBER,
    "currency": _NUMBER,
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
}
# Errors of one record that another attempt may not meet.
_AGAIN = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION")


class Salesforce:
    """Records of one object. By Id they are updated; by an external id made too where there are none."""

    batch = 200

    def __init__(self, server: Server, name: str, id_field: str | None) -> None:
        self._server, self._object, self._id = server, name, id_field or OWN_ID

    def check(self, wanted: Sequence[Wanted], *, create: bool) -> Mapping[str, int]:
        answer = self._server.ask("GET", f"{_API}/sobjects/{self._object}/describe")
        if answer.status == 404:
            raise UsageError(
                "Salesforce has no such object",
                value=self._object,
                known=["Lead", "Contact", "Account", "Opportunity"],
                where="--to",
            )
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise refused(answer, "Salesforce", "API Enabled, and the object")
        described = [each for each in answer.body.get("fields", []) if isinstance(each, dict)]
        known = {str(each["name"]): _known(each) for each in described if "name" in each}
        if self._id != OWN_ID and not (self._id in known and known[self._id].unique):
            raise UsageError(
                f"{self._object} cannot be found by {self._id}",
                value=self._id,
                known=[name for name, field in known.items() if field.unique],
                why="a score must go to one record: Salesforce looks records up by external ids only",
                fix=f"name a field that is an external id, or leave crm.id out: {OWN_ID}",
                where="crm.id",
            )
        check_fields(wanted, known, f"Salesforce's {self._object}", "create them in Setup > Object Manager")
        return {
            each.name: longest
            for each in wanted
            if each.kind == "text" and (longest := known[each.name].longest)
        }

    def send(self, records: Sequence[Record]) -> Sequence[Outcome]:
        path = f"{_API}/composite/sobjects"
        if self._id != OWN_ID:
            path += f"/{self._object}/{self._id}"
        key = "id" if self._id == OWN_ID else self._id
        listed = [
            {"attributes": {"type": self._object}, key: record.lead_id, **record.values} for record in records
        ]
        answer = self._server.ask("PATCH", path, {"allOrNone": False, "records": listed})
        if answer.status == 200:
            return _outcomes(answer, len(records))
        if answer.status in (400, 404, 413):
            if len(records) == 1:
                return [Outcome(answer.said)]
            half = len(records) // 2  # one of them is wrong and none was taken
            return [*self.send(records[:half]), *self.send(records[half:])]
        raise refused(answer, "Salesforce", "Edit on the object and its fields")


def _outcomes(answer: Answer, count: int) -> list[Outcome]:
    """They come in the order of the records; an answer of another length says nothing of any."""
    found = answer.body
    if not isinstance(found, list) or len(found) != count:
        raise NoAnswerError(
            "Salesforce's answer does not say what became of the records",
            why=f"{count} were sent, and it has {len(found) if isinstance(found, list) else 'no list of'} results",
            fix="run the same command later",
        )
    return [_outcome(each) for each in found]


def _outcome(result: Any) -> Outcome:
    if isinstance(result, dict) and result.get("success") is True:
        return Outcome()
    errors = result.get("errors") if isinstance(result, dict) else None
    error = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = str(error.get("statusCode") or "")
    said = ": ".join(filter(None, [code, one_line(str(error.get("message") or ""))]))
    return Outcome(said or "refused without a reason", again=code in _AGAIN or not code)


def _known(found: dict[str, Any]) -> KnownField:
    kinds = _KINDS.get(str(found.get("type")), frozenset()) if found.get("updateable") else frozenset()
    length = found.get("length")
    longest = length if isinstance(length, int) and length > 0 else None
    unique = bool(found.get("externalId") or found.get("idLookup"))
    return KnownField(str(found["name"]), kinds, longest, unique)

"""What is known of a CRM's fields and ids without asking it."""

from __future__ import annotations

import re

from leadlens.features.errors import UsageError
from leadlens.pipeline.config.crm import Crm
from leadlens.pipeline.crm.destination import VENDORS, Kind
from leadlens.pipeline.crm.fields import Wanted, wanted_fields

_NAMES: dict[Kind, tuple[re.Pattern[str], str]] = {
    "hubspot": (re.compile(r"[a-z][a-z0-9_]{0,99}"), "small letters, digits and _, such as leadlens_score"),
    "salesforce": (
        re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}"),
        "letters, digits and _, such as Leadlens_Score__c",
    ),
}
_OWN_IDS = {"hubspot": "hs_object_id", "salesforce": "Id"}
_RECORD_IDS: dict[Kind, tuple[re.Pattern[str], str]] = {
    "hubspot": (re.compile(r"[0-9]+"), "a number"),
    "salesforce": (re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?"), "15 or 18 letters and digits"),
}


def check_names(settings: Crm, kind: Kind) -> None:
    """Raises ``UsageError`` for fields that no CRM of this kind can have, or that two values would be written to."""
    wanted = wanted_fields(settings, kind)
    if not wanted:
        raise UsageError("nothing is sent: every field is null", where="crm.fields", fix="name at least one")
    taken: dict[str, Wanted] = {}
    for each in wanted:
        first = taken.setdefault(each.name.lower(), each)
        if first is not each:
            raise UsageError(
                f"{first.field} and {each.field} would be written to one field of the CRM",
                value=each.name,
                why="the second would replace the first",
                fix="name another, or null to leave one out",
                where=f"crm.fields.{each.field}",
            )
    named = {f"crm.fields.{each.field}": each.name for each in wanted}
    if settings.id is not None:
        if settings.id.lower() in taken:
            raise UsageError(
                f"{taken[settings.id.lower()].field} would be written over the ids by which records are found",
                value=settings.id,
                fix="name another field",
                where="crm.id",
            )
        named["crm.id"] = settings.id
    if kind not in _NAMES:
        return
    pattern, allowed = _NAMES[kind]
    for where, name in named.items():
        if not pattern.fullmatch(name):
            raise UsageError(
                f"{VENDORS[kind]} has no field of such a name",
                value=name,
                why="what people see is its label; its name, which is written to, has no spaces",
                fix=f"take the internal name: {allowed}",
                where=where,
            )
        if where != "crm.id" and name.lower() == _OWN_IDS[kind].lower():
            raise UsageError(f"{name} is the CRM's own id, and nobody writes it", value=name, where=where)


def odd_id(lead_id: str, settings: Crm, kind: Kind) -> str | None:
    """What an id of the CRM's own looks like, where a lead's id is not like that; ``None`` where it is, or another field holds it."""
    if settings.id is not None or kind not in _RECORD_IDS:
        return None
    pattern, looks = _RECORD_IDS[kind]
    return None if pattern.fullmatch(lead_id) else looks

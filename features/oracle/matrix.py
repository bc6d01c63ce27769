"""The slow, obvious way to compute features, in plain Python: what every engine is held against.

One loop per spine row over all events of the lead, no SQL, no windows merged, nothing cached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from leadlens.features.oracle.attributes import attribute_value, can_be_seen, colleague_values
from leadlens.features.oracle.behaviour import behaviour_values, purchase_values
from leadlens.features.plan import FeaturePlan

Row = Mapping[str, Any]
_DAY = timedelta(days=1)


def oracle_features(
    tables: Mapping[str, Sequence[Row]], plan: FeaturePlan, spine: Sequence[Row]
) -> list[dict[str, Any]]:
    """One dict of feature values per spine row; ``None`` means unknown.

    ``tables`` holds the contract tables as lists of rows (timestamps as ``datetime``, unknown as ``None``).
    Behaviours given by a free condition (``EventKey.when``) are not evaluated: the oracle knows no SQL.
    """
    leads = {lead["lead_id"]: lead for lead in tables["leads"]}
    accounts = {account["account_id"]: account for account in tables.get("accounts", ())}
    return [_row(tables, plan, row["as_of"], leads[row["lead_id"]], leads, accounts) for row in spine]


def _row(
    tables: Mapping[str, Sequence[Row]],
    plan: FeaturePlan,
    as_of: datetime,
    lead: Row,
    leads: Mapping[str, Row],
    accounts: Mapping[str, Row],
) -> dict[str, Any]:
    seen = [
        event
        for event in tables.get("events", ())
        if event["lead_id"] == lead["lead_id"] and can_be_seen(event, as_of)
    ]
    values = behaviour_values(plan, seen, as_of)
    if plan.purchases:
        values.update(purchase_values(tables.get("conversions", ()), lead["lead_id"], as_of))
    if plan.lead_age:
        values["lead_age"] = (as_of - lead["created_at"]) / _DAY
    account = accounts.get(lead["account_id"], {"account_id": lead["account_id"]})
    for feature in plan.attributes:
        entity = lead if feature.source == "lead" else account
        values[feature.name] = attribute_value(tables.get("changes", ()), feature, entity, as_of)
    if plan.colleagues:
        values.update(colleague_values(tables, plan, lead, leads, as_of))
    return values

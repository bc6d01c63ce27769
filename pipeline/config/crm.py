"""Settings of the push to a CRM: where scores go, and under which names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from leadlens.pipeline.config.section import Address, Section

CrmField = Literal[
    "score", "grade", "stage", "reasons", "trend", "route", "link", "as_of", "status", "probability", "points"
]  # fmt: skip


class Crm(Section):
    """Where `leadlens push` sends scores, and what the fields are called there."""

    to: Annotated[str | None, Address] = Field(
        None,
        description="hubspot://contacts, salesforce://company.my.salesforce.com/Lead or https://…; ${NAME} from the environment. "
        "Tokens come only from the environment.",
    )
    id: str | None = Field(
        None,
        description="The field of the CRM that holds our lead_id; by default the CRM's own id of a record (hs_object_id, Id). Another "
        "must be unique there (HubSpot) or an external id (Salesforce).",
    )
    fields: dict[CrmField, str | None] = Field(
        default_factory=dict,
        description="What is sent → the field's name in the CRM; null leaves it out. By default score, grade, stage, reasons, trend, route, "
        "link, as_of and status, called leadlens_score (HubSpot), Leadlens_Score__c (Salesforce) and so on; probability and points too where they are named.",
    )

    @field_validator("fields")
    @classmethod
    def _each_once(cls, fields: dict[CrmField, str | None]) -> dict[CrmField, str | None]:
        names = [name.lower() for name in fields.values() if name is not None]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two values would be written to one field of the CRM: {twice[0]}")
        if any(name is not None and not name.strip() for name in fields.values()):
            raise ValueError("a field of the CRM needs a name; null leaves it out")
        return fields

"""Settings of the page: what the copy for readers shows of a lead, and who may read it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from leadlens.pipeline.config.section import Section

Role = Literal["viewer", "marketer", "admin"]
Columns = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]


class SignIn(Section):
    """Who may open the page where it listens on more than the loopback address: told by one trusted proxy."""

    header: str = Field(
        description="The header in which the proxy names the person, such as X-Forwarded-Email. It must remove what clients send."
    )
    proxy: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"), description="Addresses that requests may come from: those of the proxy."
    )
    roles: dict[str, Role] = Field(
        default_factory=dict,
        description="Person → viewer (reads, own verdicts), marketer (also exports and sheets), admin (also the log).",
    )
    everybody: Role | None = Field(
        "viewer", description="The role of whoever is not named; null refuses them."
    )
    owners_only: bool = Field(
        False, description="Viewers see only the leads whose owner is the name they sign in with."
    )

    @field_validator("header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
            raise ValueError("a header is letters, digits and -, such as X-Forwarded-Email")
        return value


class Page(Section):
    """What `leadlens score` publishes for `leadlens app`: columns of leads or accounts by which people know a lead.

    Not given, they are recognised by their names; an empty list shows none.
    """

    publish: bool = Field(
        True, description="Whether `leadlens score` keeps a copy of the scores for `leadlens app`."
    )
    url: str | None = Field(
        None,
        description="Where people reach the page, such as https://leads.example.com: fills explanation_url of every score.",
    )
    name: Columns | None = Field(
        None, description="The lead's name: one column, or several such as [first_name, last_name]."
    )
    email: Columns | None = Field(None, description="The lead's e-mail address.")
    company: Columns | None = Field(None, description="The lead's company.")
    owner: Columns | None = Field(None, description="Who works the lead.")
    crm: str | None = Field(
        None,
        description="Where the CRM shows a lead, such as https://crm.example.com/contacts/{lead_id}: linked from its page.",
    )
    hosts: tuple[str, ...] = Field(
        (), description="Further host names that the page answers to; localhost and that of `url` always."
    )
    second_person: bool = Field(
        False,
        description="On the page, whoever saved a version of a sheet cannot make it active: somebody else has to.",
    )
    sign_in: SignIn | None = Field(None, description="Needed to listen on more than the loopback address.")

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("a URL begins with https:// and a host: https://leads.example.com")
        return value.rstrip("/")

    @field_validator("crm")
    @classmethod
    def _names_the_lead(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s]*\{lead_id\}[^\s]*", value):
            raise ValueError("the address of a lead in the CRM begins with https:// and has {lead_id} in it")
        return value

    def shown(self) -> dict[str, tuple[str, ...] | None]:
        """The columns of each thing that is shown; ``None`` where they are recognised."""
        return {"name": self.name, "email": self.email, "company": self.company, "owner": self.owner}

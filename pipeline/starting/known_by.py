"""By what people know a lead: the columns of an export that hold its name, e-mail address, company and owner."""

from __future__ import annotations

from collections.abc import Collection

from leadlens.features.attributes.personal import names_person_id
from leadlens.pipeline.published.people import name_columns
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.people import Leads


def known_by(leads: Leads, mapped: Collection[str]) -> dict[str, str | list[str]]:
    """``name``, ``email``, ``company`` and ``owner`` as settings of ``page``, as far as the leads have them.

    Columns that are ``mapped`` have other names in the project; ids, such as those of owners, say nothing to people.
    """

    def telling(names: Collection[Column]) -> list[str]:
        able = [column.name for column in names if column.filled > 0 and column.name not in mapped]
        return [name for name in able if not names_person_id(name)]

    def first(*roles: str) -> list[str]:
        return telling(leads.table.having(*roles))[:1]

    found = {
        "name": list(name_columns(telling(list(leads.table.export.columns.values())))),
        "email": first("email"),
        "company": first("company"),
        "owner": first("owner"),
    }
    return {shown: names[0] if len(names) == 1 else names for shown, names in found.items() if names}

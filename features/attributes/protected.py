"""Columns whose names say that they hold what the law protects people by: gender, age, origin, religion and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from leadlens.features.attributes.personal import snake_case
from leadlens.features.attributes.word_lists import word_lists

_OF_WHOM = "customer|client|contact|lead|person|prospect|member|applicant|kunden?|kontakt"


def looks_protected(columns: Iterable[str]) -> list[str]:
    """Those of the columns that are called so, in their order.

    >>> looks_protected(["Gender", "customer_age", "page_age", "birthDate", "marital", "Geschlecht", "race_bike_owner", "stage"])
    ['Gender', 'customer_age', 'birthDate', 'marital', 'Geschlecht']
    """
    return [column for column in columns if _pattern().fullmatch(snake_case(column))]


@cache
def _pattern() -> re.Pattern[str]:
    names = "|".join(name for group in word_lists("protected").values() for name in group)
    return re.compile(rf"(?:(?:{_OF_WHOM})_)?(?:{names})(?:_(?:code|id|group|name))?")

"""Conditions in words: what is said is what is asked, and what would not be plainer is not said."""

from __future__ import annotations

import pytest

from leadlens.features.conditions.wording import condition_words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("a = 1 OR b = 2 AND c = 3", "a is 1 or (b is 2 and c is 3)"),
        ("(a = 1 OR b = 2) AND c = 3", "(a is 1 or b is 2) and c is 3"),
        ("a = 1 AND b = 2 AND c = 3", "a is 1 and b is 2 and c is 3"),
        ("NOT (a = 1 AND b = 2)", "not (a is 1 and b is 2)"),
        ("NOT NOT a = 1", "not (a is not 1)"),
        ("a NOT IN ('x', 'y')", "a is none of “x”, “y”"),
        ("a IN ('x')", "a is “x”"),
        ("a NOT IN customers", "a is not in the list customers"),
        ("NOT a > -3", "not (a is more than -3)"),
        ("a BETWEEN 1 AND 2.5", "a is from 1 to 2.5"),
        ("a IS NOT NULL AND b IS NULL", "a is known and b is not known"),
        ("a NOT LIKE '%x%'", "a does not contain “x”"),
        ("a ILIKE 'x%' OR a LIKE '%y'", "a begins with “x” or a ends with “y”"),
        ("rule.trial AND NOT disqualified", "rule trial matches and disqualified is not true"),
        ("no_email IS NOT TRUE", "no email is not true"),
        ("created < DATE '2026-01-31'", "created is before 2026-01-31"),
        ("account.\"Staff Count\" <> 5", "the company's staff count is not 5"),
        ("feature.any__active_days >= 3", "feature any__active_days is at least 3"),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_words(condition: str, words: str) -> None:
    assert condition_words(condition) == words


@pytest.mark.parametrize(
    "condition",
    ["a / 2 > 1", "lower(a) = 'x'", "a LIKE 'x_y%'", "a LIKE 'x'", "a LIKE '%'", "a = b", "3 < a", "TRUE", "a = 'x", "", "<script>", "a; DROP"],
)  # fmt: skip
def test_what_would_not_be_plainer_is_not_said(condition: str) -> None:
    assert condition_words(condition) is None

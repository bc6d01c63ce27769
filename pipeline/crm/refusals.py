"""Answers after which nothing else need be sent."""

from __future__ import annotations

from leadlens.features.errors import LeadlensError, UnavailableError, UsageError
from leadlens.pipeline.crm.http import Answer


def refused(answer: Answer, name: str, rights: str) -> LeadlensError:
    """The error for one; ``rights`` are those that are needed."""
    if answer.status == 403 and "LIMIT" not in answer.said.upper():
        return UsageError(
            f"{name} does not allow this: {answer.said}",
            why=f"the token lacks a right that is needed: {rights}",
            fix="give the app that right, and run the same command",
        )
    return UnavailableError(
        f"{name} refuses all that is sent (status {answer.status}): {answer.said}",
        fix="run the same command later; if the problem stays, ask whoever runs that account",
    )

"""Conditions that users write: read, checked against a whitelist, and written again as SQL of our own."""

from leadlens.features.conditions.condition import Condition

__all__ = [
    "Condition",
]

"""A registered model version, loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.registry.bundle import Bundle

Alias = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Registered:
    """A registered model version, loaded."""

    bundle: Bundle
    version: str
    alias: Alias
    run_id: str

    @property
    def display_name(self) -> str:
        """The version's name in tables and reports: ``bank_marketing/3``."""
        return f"{self.bundle.recipe.project['name']}/{self.version}"

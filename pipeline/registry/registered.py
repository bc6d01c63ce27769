"""A registered model version, loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leadlens.features.errors import counted, listed
from leadlens.pipeline.registry.bundle import Bundle

Alias = Literal["champion", "challenger", "former"]


@dataclass(frozen=True)
class Registered:
    """A registered model version, loaded; ``alias`` is ``"former"`` for one that was asked for by its number and has none.

    ``forced`` is the reason it was promoted for although a gate refused it, with what the gate said; else ``None``.
    ``rolled_back`` is the reason for which it was taken out of service since; else ``None``.
    """

    bundle: Bundle
    version: str
    alias: Alias
    run_id: str
    forced: str | None = None
    rolled_back: str | None = None

    @property
    def display_name(self) -> str:
        """The version's name in tables and reports: ``bank_marketing/3``."""
        return f"{self.bundle.recipe.project['name']}/{self.version}"

    @property
    def cautions(self) -> list[str]:
        """What whoever uses its scores must know: that a gate refused it, and which leaks it uses."""
        found = [f"{self.display_name} was promoted by force: {self.forced}"] if self.forced else []
        audit = self.bundle.recipe.audit
        leaks = [item["subject"] for item in audit["flagged"] if item["verdict"] == "proven"] if audit else []
        if leaks:
            found.append(f"{self.display_name} uses {counted(len(leaks), 'proven leak')}: {listed(leaks)}")
        return found

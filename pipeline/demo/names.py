"""Names of people and firms (made of ``names.yaml``), mail domains and phone numbers; all invented."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
import yaml

from leadlens.pipeline.demo.draws import Bools, Draws, Ints, pick

FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com", "proton.me")
_FREE_WEIGHTS = (0.45, 0.2, 0.13, 0.08, 0.1, 0.04)
DISPOSABLE_MAIL = ("mailinator.com", "10minutemail.com", "guerrillamail.com")

_PARTS: dict[str, str] = yaml.safe_load(
    (files("leadlens.pipeline.demo") / "names.yaml").read_text(encoding="utf-8")
)


def people_names(size: int, draws: Draws) -> pd.Series:
    """Full names."""
    return _joined(("first", "last"), size, draws.of("people names"))


def firm_names(size: int, draws: Draws) -> pd.Series:
    """Firm names; like real ones they are not unique."""
    return _joined(("firm", "trade", "legal_form"), size, draws.of("firm names"))


def mail_domains(account: Ints, free: Bools, disposable: Bools, draws: Draws) -> pd.Series:
    """The firm's own domain, else a free-mail or a disposable one.

    Own domains end in ``.internal``, which is never delegated (ICANN, 2024): no firm can have one, and it is no name of
    tests, as ``.example`` is.

    ``account`` is -1 for people without a firm, who always have a free-mail or a disposable address.
    """
    rng = draws.of("mail domains")
    domain = np.array(FREE_MAIL, dtype=object)[pick(rng, _FREE_WEIGHTS, len(account))]
    throwaway = np.array(DISPOSABLE_MAIL, dtype=object)[rng.integers(len(DISPOSABLE_MAIL), size=len(account))]
    own = ~free & (account >= 0)
    domain[own] = [f"firm{number:05d}.internal" for number in account[own]]
    domain[disposable] = throwaway[disposable]
    return pd.Series(domain, dtype="str")


def phone_numbers(given: Bools, prefix: str, draws: Draws) -> pd.Series:
    """Phone numbers where given, else missing."""
    number = draws.of("phone numbers").integers(1_000_000, 9_999_999, size=len(given))
    return pd.Series([f"{prefix} {digits}" for digits in number], dtype="str").where(given)


def _joined(parts: tuple[str, ...], size: int, rng: np.random.Generator) -> pd.Series:
    words = [np.array(_PARTS[part].split(), dtype=object) for part in parts]
    chosen = [pool[rng.integers(len(pool), size=size)] for pool in words]
    return pd.Series([" ".join(name) for name in zip(*chosen, strict=True)], dtype="str")

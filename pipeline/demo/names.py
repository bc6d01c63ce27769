"""Names of people and firms, mail domains and phone numbers; all invented, some hard on naive text handling."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.demo.draws import Bools, Draws, Ints, pick

FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com", "proton.me")
_FREE_WEIGHTS = (0.45, 0.2, 0.13, 0.08, 0.1, 0.04)
DISPOSABLE_MAIL = ("mailinator.com", "10minutemail.com", "guerrillamail.com")

_FIRST = (
    "Anna Ben Clara David Emma Felix Grace Hugo Ines Jack Kim Liam Mia Noah Olga Paul Quinn Rosa Sam Tara Uma "
    "Victor Wendy Yusuf Zoë Łukasz Søren Núria Çağla Jürgen Élodie Þóra Óscar Nguyễn 美咲 Дарья Σοφία José"
)
_LAST = (
    "Smith Jones Brown Weber Rossi Silva Novak Kowalski Jensen Martin Dubois Schmidt Lopez Clark Evans Fischer "
    "Moreau Costa Hansen Patel Khan Chen Kim Okafor O'Brien Müller Gößwein Łącki Åkesson Peña Đặng Öztürk "
    "D’Angelo 田中 Иванова Παππάς Saint-Exupéry Ibáñez"
)
_FIRM = (
    "Alder Birch Cobalt Delta Ember Fjord Granit Harbor Indigo Juniper Kestrel Lumen Meridian Nordlys Onyx "
    "Prisma Quarz Ribera Sölde Tundra Umbra Vega Willow Zénith"
)
_TRADE = "Systems Logistics Foods Health Retail Motors Media Energy Partners Works Labs Group"
_FORM = "GmbH Ltd Inc. S.A. AB Kft. A/S 株式会社"


def people_names(size: int, draws: Draws) -> pd.Series:
    """Full names."""
    return _joined((_FIRST, _LAST), size, draws.of("people names"))


def firm_names(size: int, draws: Draws) -> pd.Series:
    """Firm names; like real ones they are not unique."""
    return _joined((_FIRM, _TRADE, _FORM), size, draws.of("firm names"))


def mail_domains(account: Ints, free: Bools, disposable: Bools, draws: Draws) -> pd.Series:
    """The firm's own domain (reserved ``.example`` names), else a free or a disposable one.

    ``account`` is -1 for people without a firm, who always have a free or a disposable address.
    """
    rng = draws.of("mail domains")
    domain = np.array(FREE_MAIL, dtype=object)[pick(rng, _FREE_WEIGHTS, len(account))]
    throwaway = np.array(DISPOSABLE_MAIL, dtype=object)[rng.integers(len(DISPOSABLE_MAIL), size=len(account))]
    own = ~free & (account >= 0)
    domain[own] = [f"firm{number:05d}.example" for number in account[own]]
    domain[disposable] = throwaway[disposable]
    return pd.Series(domain, dtype="str")


def phone_numbers(given: Bools, prefix: str, draws: Draws) -> pd.Series:
    """Phone numbers where given, else missing."""
    number = draws.of("phone numbers").integers(1_000_000, 9_999_999, size=len(given))
    return pd.Series([f"{prefix} {digits}" for digits in number], dtype="str").where(given)


def _joined(pools: tuple[str, ...], size: int, rng: np.random.Generator) -> pd.Series:
    words = [np.array(pool.split(), dtype=object) for pool in pools]
    chosen = [pool[rng.integers(len(pool), size=size)] for pool in words]
    return pd.Series([" ".join(parts) for parts in zip(*chosen, strict=True)], dtype="str")

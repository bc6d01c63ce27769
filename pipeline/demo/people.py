"""The people of a world: accounts, leads, their attributes, their latent fit, and what the CRM learns later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadlens.models.statistics import expit, log_odds
from leadlens.pipeline.demo.attributes import LEARNED_LATE_DAYS, Drawn, draw_attributes
from leadlens.pipeline.demo.draws import Bools, Draws, Floats, Ints, pick
from leadlens.pipeline.demo.names import firm_names, mail_domains, people_names, phone_numbers
from leadlens.pipeline.demo.spec import WorldSpec

_YEAR = 365.25
_DAY = 86_400
_KEEN_ON_PHONE = 0.5
"""Log-odds of giving a phone number per standard deviation of keenness, which makes a number a good sign."""


@dataclass(frozen=True)
class People:
    """One position per lead in every array; ``leads`` and ``accounts`` are contract tables without closed_at."""

    leads: pd.DataFrame
    accounts: pd.DataFrame
    changes: pd.DataFrame
    created: Floats
    """Seconds since the start of the world; the hour follows its seasonality."""
    account: Ints
    """Position of the account, -1 without one."""
    project_start: Floats
    """Day on which the account's buying project starts; infinity without a project."""
    persona: Ints
    wanted: Ints
    keen: Floats
    fit: Floats
    """Centred: zero for the average lead."""
    scanner: Bools


def draw_people(spec: WorldSpec, size: int, draws: Draws) -> People:
    """Draw ``size`` leads and their accounts."""
    persona = pick(draws.of("persona"), [kind.weight for kind in spec.personas], size)
    accounts = _Accounts(spec, max(1, int(size * spec.accounts)) if spec.accounts else 0, draws)
    account = accounts.members(spec, persona, draws)
    created = _created(spec, account, accounts.first_day, draws)
    years = created / _DAY / _YEAR
    own = draw_attributes(spec.lead_attributes, years, draws, spec.personas, persona)
    wanted = pick(draws.of("wanted"), [product.weight for product in spec.outcome.products], size)
    keen = draws.of("keen").standard_normal(size)

    fit = own.fit + np.array([product.fit for product in spec.outcome.products])[wanted]
    fit += np.where(account >= 0, accounts.drawn.fit[account], 0.0) if len(accounts.drawn.fit) else 0.0
    fit -= fit.mean()
    fit += np.array([kind.fit for kind in spec.personas])[persona]

    scans = draws.of("scanners")
    scanner = scans.random(size) < spec.scanners
    if spec.accounts:
        gateway = scans.random(len(accounts.first_day)) < spec.scanners
        scanner = np.where(account >= 0, gateway[account], scanner)

    leads = _lead_table(spec, persona, account, created, keen, own, draws)
    lead_changes = _learn_late(spec, "lead", leads, own.late_days, leads["created_at"])
    changes = pd.concat([lead_changes, accounts.changes], ignore_index=True)
    return People(
        leads=leads,
        accounts=accounts.table,
        changes=changes.sort_values(["known_at", "entity", "id"], kind="stable", ignore_index=True),
        created=created,
        account=account,
        project_start=accounts.project_start[account] if spec.accounts else np.full(size, np.inf),
        persona=persona,
        wanted=wanted,
        keen=keen,
        fit=fit,
        scanner=scanner,
    )


def timestamps(spec: WorldSpec, seconds: Floats) -> pd.Series:
    """Seconds since the world's start as naive UTC timestamps, whole seconds in microsecond resolution."""
    start = np.datetime64(spec.start, "s")
    return pd.Series((start + np.floor(seconds).astype("timedelta64[s]")).astype("datetime64[us]"))


def times_of_day(spec: WorldSpec, rng: np.random.Generator, size: int) -> Floats:
    """Seconds after midnight, by the seasonality of the world."""
    hour = pick(rng, spec.seasonality.hours, size)
    return np.asarray(hour * 3600.0 + np.floor(rng.random(size) * 3600.0), dtype=np.float64)


class _Accounts:
    """The accounts: their table, first day, buying project and late-known attributes."""

    def __init__(self, spec: WorldSpec, size: int, draws: Draws) -> None:
        rng = draws.of("accounts")
        self.first_day = rng.random(size) * spec.days
        self.weight = np.exp(0.8 * rng.standard_normal(size))
        starts = self.first_day - 10.0 + 90.0 * rng.random(size)
        self.project_start = np.where(rng.random(size) < spec.interest.project, starts, np.inf)
        self.drawn = draw_attributes(spec.account_attributes, self.first_day / _YEAR, draws)
        ids = pd.Series([f"A{number:05d}" for number in range(size)], dtype="str")
        columns = {"account_id": ids}
        if size:
            columns |= {"account_name": firm_names(size, draws), **self.drawn.columns}
        self.table = pd.DataFrame(columns)
        known_from = timestamps(spec, np.floor(self.first_day) * _DAY)
        self.changes = _learn_late(spec, "account", self.table, self.drawn.late_days, known_from)

    def members(self, spec: WorldSpec, persona: Ints, draws: Draws) -> Ints:
        """The account of each lead: some accounts have many contacts, some personas have no account."""
        if not len(self.first_day):
            return np.full(len(persona), -1, dtype=np.int64)
        account = pick(draws.of("account members"), self.weight, len(persona))
        belongs = np.array([kind.has_account for kind in spec.personas])[persona]
        return np.where(belongs, account, -1)


def _created(spec: WorldSpec, account: Ints, first_day: Floats, draws: Draws) -> Floats:
    """Contacts of one account are created within the same weeks, people without an account at any time."""
    rng = draws.of("created")
    day = rng.random(len(account)) * spec.days
    delay = rng.standard_exponential(len(account)) * 35.0
    if len(first_day):
        day = np.where(account >= 0, (first_day[account] + delay) % spec.days, day)
    return np.floor(day) * _DAY + times_of_day(spec, rng, len(account))


def _lead_table(
    spec: WorldSpec, persona: Ints, account: Ints, created: Floats, keen: Floats, own: Drawn, draws: Draws
) -> pd.DataFrame:
    size, contact, rng = len(persona), spec.contact, draws.of("contact")
    free_mail = np.array([contact.free_mail if k.free_mail is None else k.free_mail for k in spec.personas])
    free = rng.random(size) < free_mail[persona]
    disposable = rng.random(size) < contact.disposable
    has_phone = rng.random(size) < expit(log_odds(contact.phone) + _KEEN_ON_PHONE * keen)
    late = rng.random(size) < contact.phone_late
    wait = rng.standard_exponential(size) * LEARNED_LATE_DAYS
    own.late_days["phone"] = np.where(has_phone & late, wait, np.nan)
    columns = {
        "lead_id": pd.Series([f"L{number:06d}" for number in range(size)], dtype="str"),
        "created_at": timestamps(spec, created),
    }
    if spec.accounts:
        ids = pd.Series([f"A{number:05d}" for number in account], dtype="str")
        columns["account_id"] = ids.where(account >= 0)
    columns["full_name"] = people_names(size, draws)
    columns["email_domain"] = mail_domains(account, free, disposable, draws)
    columns["phone"] = phone_numbers(has_phone, contact.phone_prefix, draws)
    return pd.DataFrame(columns | own.columns)


def _learn_late(
    spec: WorldSpec, entity: str, table: pd.DataFrame, late_days: dict[str, Floats], known_from: pd.Series
) -> pd.DataFrame:
    """The change log of values learned late: first NULL, later the value.

    A value not yet learned when the world ends is removed from ``table``.
    """
    end = pd.Timestamp(spec.start) + pd.Timedelta(days=spec.days)
    key = table[f"{entity}_id"]
    parts = []
    for name, days in late_days.items():
        known = known_from + pd.to_timedelta(np.floor(days * _DAY), unit="s").astype("timedelta64[us]")
        table[name] = table[name].mask(known >= end)
        learned = known < end
        change = {"entity": entity, "id": key[learned], "attribute": name}
        parts.append(pd.DataFrame(change | {"value": None, "known_at": known_from[learned]}))
        parts.append(
            pd.DataFrame(change | {"value": table[name][learned].map(_as_text), "known_at": known[learned]})
        )
    text = dict.fromkeys(("entity", "id", "attribute", "value"), "str")
    empty = pd.DataFrame(columns=[*text, "known_at"]).astype({"known_at": "datetime64[us]"})
    return pd.concat(parts or [empty], ignore_index=True).astype(text)


def _as_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

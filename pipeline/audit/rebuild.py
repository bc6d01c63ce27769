"""Rebuild a sample of past rows from the contract tables in slow plain Python, and compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features import History, Step
from leadlens.features.errors import counted
from leadlens.features.matrix import FeatureMatrix, plan_columns
from leadlens.features.oracle.matrix import oracle_features
from leadlens.features.plan import FeaturePlan

Row = Mapping[str, Any]
_CLOSE = 1e-9
_SHOWN = 10
_MOST_EVENTS = 20_000  # of one lead and its colleagues: more would keep plain Python busy for minutes


@dataclass(frozen=True)
class Mismatch:
    """One value on which the engine and the oracle disagree."""

    lead_id: str
    as_of: str
    column: str
    built: Any
    rebuilt: Any


@dataclass(frozen=True)
class Rebuild:
    """The comparison: ``rows`` and ``columns`` compared, what was ``left_out`` and why, the first mismatches."""

    rows: int
    columns: int
    mismatched: int
    mismatches: tuple[Mismatch, ...]
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "mismatches": [vars(m) for m in self.mismatches],
            "left_out": list(self.left_out),
        }


def rebuild(
    history: History, plan: FeaturePlan, matrix: FeatureMatrix, sample: int = 50, seed: int = 0
) -> Rebuild:
    """Compare ``sample`` rows of a matrix with the oracle: whole numbers and texts exactly, others to 1e-9.

    The same seed takes the same rows. Behaviours given by a free condition are left out: the oracle knows no SQL.
    """
    compared, left_out = _for_the_oracle(plan)
    wanted = {column.name for column in plan_columns(compared)}
    columns = [column.name for column in matrix.columns if column.name in wanted]
    picked = np.random.default_rng(seed).choice(len(matrix), size=min(sample, len(matrix)), replace=False)
    teams = _Teams.of(history, matrix.spine["lead_id"].iloc[picked])
    mismatches: list[Mismatch] = []
    mismatched, done = 0, 0
    for at in sorted(picked):
        row = matrix.spine.iloc[at]
        tables = teams.tables(row["lead_id"])
        if tables is None:
            continue
        spine = [{"lead_id": row["lead_id"], "as_of": row["as_of"].to_pydatetime()}]
        rebuilt = oracle_features(tables, compared, spine)[0]
        built = matrix.frame.iloc[at].to_dict()
        done += 1
        for name in columns:
            if not equal(built[name], rebuilt[name]):
                mismatched += 1
                if len(mismatches) < _SHOWN:
                    mismatches.append(_mismatch(row, name, built[name], rebuilt[name]))
    if crowded := len(picked) - done:
        left_out = (
            *left_out,
            f"{counted(crowded, 'row')} of accounts with more than {_MOST_EVENTS:,} events",
        )
    return Rebuild(done, len(columns), mismatched, tuple(mismatches), left_out)


def equal(built: Any, rebuilt: Any) -> bool:
    """Whether two values of one feature are the same.

    >>> equal(float("nan"), None), equal(3.0, 3), equal(0.1 + 0.2, 0.3), equal(3.0000001, 3), equal("a", "b")
    (True, True, True, False, False)
    """
    if rebuilt is None or rebuilt != rebuilt:
        return bool(pd.isna(built))
    if pd.isna(built):
        return False
    if isinstance(rebuilt, int | str):
        return bool(built == rebuilt)
    return math.isclose(float(built), float(rebuilt), rel_tol=_CLOSE, abs_tol=_CLOSE)


def _for_the_oracle(plan: FeaturePlan) -> tuple[FeaturePlan, tuple[str, ...]]:
    free = tuple(key for key in plan.keys if key.when)
    if not free:
        return plan, ()
    left_out = tuple(f"{key.phrase} (counted by a free condition)" for key in free)
    return replace(plan, keys=tuple(key for key in plan.keys if not key.when)), left_out


def _mismatch(row: pd.Series, name: str, built: Any, rebuilt: Any) -> Mismatch:
    plain = None if pd.isna(built) else built.item() if hasattr(built, "item") else built
    return Mismatch(str(row["lead_id"]), row["as_of"].isoformat(), name, plain, rebuilt)


@dataclass(frozen=True)
class _Teams:
    """Everything in the contract tables about some leads, their accounts and their colleagues."""

    team: dict[str, list[str]]
    account: dict[str, str | None]
    rows: dict[str, dict[str, list[Row]]]

    @classmethod
    def of(cls, history: History, leads: pd.Series) -> _Teams:
        """Fetch each table once; leads of accounts with too many events are left out."""
        engine = history.engine
        engine.register("audit_sample", pd.DataFrame({"lead_id": leads.unique()}))
        engine.run(
            [
                Step(
                    "audit_teams",
                    """
                    SELECT s.lead_id AS sampled, o.lead_id, l.account_id
                    FROM audit_sample AS s
                    JOIN leads AS l ON l.lead_id = s.lead_id
                    JOIN leads AS o ON o.lead_id = l.lead_id OR o.account_id = l.account_id
                    """,
                ),
                Step(
                    "audit_teams",
                    f"""
                    SELECT t.*
                    FROM audit_teams AS t
                    JOIN (
                        SELECT m.sampled
                        FROM audit_teams AS m
                        LEFT JOIN events AS e ON e.lead_id = m.lead_id
                        GROUP BY m.sampled
                        HAVING count(e.lead_id) <= {_MOST_EVENTS}
                    ) AS small ON small.sampled = t.sampled
                    """,
                ),
            ]
        )
        team: dict[str, list[str]] = {}
        account: dict[str, str | None] = {}
        for row in records(history, "SELECT * FROM audit_teams ORDER BY sampled, lead_id"):
            team.setdefault(row["sampled"], []).append(row["lead_id"])
            account[row["sampled"]] = row["account_id"]
        of_leads = "lead_id IN (SELECT lead_id FROM audit_teams)"
        of_accounts = "IN (SELECT account_id FROM audit_teams)"
        wanted = {
            "leads": ("lead_id", of_leads),
            "accounts": ("account_id", f"account_id {of_accounts}"),
            "events": ("lead_id", of_leads),
            "conversions": ("lead_id", of_leads),
            "changes": ("id", f"id IN (SELECT lead_id FROM audit_teams) OR id {of_accounts}"),
        }
        rows: dict[str, dict[str, list[Row]]] = {}
        for table, (key, where) in wanted.items():
            by_key: dict[str, list[Row]] = {}
            for row in records(history, f"SELECT * FROM {table} WHERE {where}"):
                by_key.setdefault(row[key], []).append(row)
            rows[table] = by_key
        engine.drop("audit_sample", "audit_teams")
        return cls(team, account, rows)

    def tables(self, lead: str) -> dict[str, Sequence[Row]] | None:
        """The contract tables around one lead; ``None`` if it was left out."""
        if lead not in self.team:
            return None
        leads, account = self.team[lead], self.account[lead]
        accounts = [account] if account is not None else []
        ids = {
            "leads": leads,
            "accounts": accounts,
            "events": leads,
            "conversions": leads,
            "changes": list(dict.fromkeys([*leads, *accounts])),
        }
        return {
            table: [row for key in keys for row in self.rows[table].get(key, ())]
            for table, keys in ids.items()
        }


def records(history: History, sql: str) -> list[dict[str, Any]]:
    """Rows as the oracle expects them: plain Python values, ``datetime`` for timestamps, ``None`` for NULL."""
    frame = history.engine.frame(sql)
    plain = {str(name): _plain(frame[name]) for name in frame.columns}
    return [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]


def _plain(column: pd.Series) -> list[Any]:
    return [
        None if missing else value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
        for missing, value in zip(column.isna(), column.astype("object").tolist(), strict=True)
    ]

"""Roll-ups of a lead's account: its other leads ("colleagues"), their activity and their conversions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from leadlens.features.accounts.one_row import COUNTED, one_row_step
from leadlens.features.accounts.steps import COUNTS, best_step, block_step, piece_steps
from leadlens.features.columns import FeatureColumn
from leadlens.features.engines import Step
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine

RECENT = timedelta(days=30)
# Accounts with more than one lead: no other lead has a colleague.
SHARED = """(
  SELECT account_id FROM leads WHERE account_id IS NOT NULL GROUP BY account_id HAVING count(*) > 1
)"""


def _column(name: str, *, label: str, unit: str, sentence: str, phrase: str, absent: str) -> FeatureColumn:
    return FeatureColumn(
        name=name,
        label=label,
        family="firmographic",
        unit=unit,
        sentence=sentence,
        condition="account_id is the same",
        phrase=phrase,
        absent=absent,
    )


ROLLUPS = (
    _column(
        "colleagues", label="Colleagues known at the account", unit="people",
        sentence="Other leads of the same account, created before the as-of time.",
        phrase="{value} colleagues known at the account", absent="No account known",
    ),
    _column(
        "colleagues_active_30d", label="Colleagues active in 30 days", unit="people",
        sentence="Other leads of the same account with an event in the 30 days before the as-of time.",
        phrase="{value} colleagues active in 30 days", absent="No account known",
    ),
    _column(
        "best_colleague_30d", label="Events of the most active colleague in 30 days", unit="events",
        sentence="The most events of one other lead of the same account in the 30 days before the as-of time.",
        phrase="{value} events of the most active colleague in 30 days", absent="No account known",
    ),
    _column(
        "account_last_activity", label="Days since a colleague was active", unit="days",
        sentence="Days from the last event of any other lead of the same account to the as-of time.",
        phrase="A colleague was last active on {date}", absent="No colleague was ever active",
    ),
    _column(
        "account_conversions", label="Past conversions of colleagues", unit="conversions",
        sentence="Conversions of other leads of the same account, strictly before the as-of time.",
        phrase="{value} past conversions of colleagues", absent="No account known",
    ),
    _column(
        "account_last_conversion", label="Days since a colleague converted", unit="days",
        sentence="Days from the last conversion of any other lead of the same account to the as-of time.",
        phrase="A colleague last converted on {date}", absent="No colleague has converted",
    ),
)  # fmt: skip


def rollups(plan: FeaturePlan) -> tuple[FeatureColumn, ...]:
    """The roll-ups of a plan, in order; ``colleagues=True`` asks for all of them."""
    wanted = plan.colleagues
    if isinstance(wanted, bool):
        return ROLLUPS if wanted else ()
    return tuple(column for column in ROLLUPS if column.name in wanted)


def _columns(history: History, counted: Mapping[str, str]) -> str:
    """The roll-ups of what was counted of others, each after a comma; all are NULL without an account."""

    def days_since(time: str) -> str:
        return f"{history.engine.dialect.seconds_between('s.as_of', time)} / 86400.0"

    values = {
        "colleagues": f"CAST({counted['known']} AS DOUBLE)",
        "colleagues_active_30d": f"CAST({counted['active']} AS DOUBLE)",
        "best_colleague_30d": f"CAST({counted['recent']} AS DOUBLE)",
        "account_last_activity": days_since(counted["last_event"]),
        "account_conversions": f"CAST({counted['conversions']} AS DOUBLE)",
        "account_last_conversion": days_since(counted["last_conversion"]),
    }
    return "".join(
        f", CASE WHEN l.account_id IS NOT NULL THEN {sql} END AS {name}" for name, sql in values.items()
    )


def colleague_steps(history: History, spine: Spine) -> list[Step]:
    """Steps ending in ``colleagues(row_id, one column per roll-up)``; all are NULL without an account.

    A colleague counts from its creation on; an event while the spine row may see it (``leadlens.features.visibility``);
    a conversion strictly after it. ``leadlens.features.accounts.steps`` explains how it is computed, ``leadlens.features.accounts.one_row`` of one row.
    """

    if spine.rows == 1:
        return [one_row_step(history, spine, RECENT, _columns(history, COUNTED))]
    counted = {
        **{
            name: f"coalesce(c.{name}, 0) - coalesce(own.{name}, 0)"
            for name in ("known", "active", "conversions")
        },
        "recent": "coalesce(b.recent, 0)",
        "last_event": "b.last_event",
        "last_conversion": "b.last_conversion",
    }
    columns = _columns(history, counted)
    snapshots = f"""
        SELECT m.account_id, m.as_of, row_number() OVER (PARTITION BY m.account_id ORDER BY m.as_of) AS n
        FROM (
          SELECT DISTINCT l.account_id, s.as_of
          FROM {spine} AS s
          JOIN leads AS l ON l.lead_id = s.lead_id
          JOIN {SHARED} AS shared ON shared.account_id = l.account_id
        ) AS m
    """
    spans = """
        SELECT m.account_id, m.first_as_of, m.last_as_of, m.snapshots, l.leads
        FROM (
          SELECT account_id, min(as_of) AS first_as_of, max(as_of) AS last_as_of, count(*) AS snapshots
          FROM account_snapshots
          GROUP BY account_id
        ) AS m
        JOIN (
          SELECT account_id, count(*) AS leads
          FROM leads
          GROUP BY account_id
        ) AS l ON l.account_id = m.account_id
    """
    colleagues = f"""
        SELECT s.row_id{columns}
        FROM {spine} AS s
        JOIN leads AS l ON l.lead_id = s.lead_id
        LEFT JOIN account_snapshots AS m ON m.account_id = l.account_id AND m.as_of = s.as_of
        LEFT JOIN account_counts AS c ON c.account_id = m.account_id AND c.n = m.n
        LEFT JOIN account_pieces AS own
          ON own.lead_id = l.lead_id AND own.from_n <= m.n AND own.to_n >= m.n
        LEFT JOIN account_best AS b ON b.row_id = s.row_id
    """
    return [
        Step("account_snapshots", snapshots),
        Step("account_spans", spans),
        *piece_steps(history, RECENT),
        COUNTS,
        block_step(),
        best_step(spine),
        Step("colleagues", colleagues),
    ]

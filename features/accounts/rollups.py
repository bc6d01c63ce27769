"""What a lead's account tells: its other leads ("colleagues"), their activity and their conversions."""

from __future__ import annotations

from datetime import timedelta

from features.accounts.steps import COUNTS, best_step, block_step, piece_steps
from features.columns import FeatureColumn
from features.engines import Step
from features.history import History
from features.plan import FeaturePlan
from features.spine import Spine

RECENT = timedelta(days=30)


def _column(name: str, label: str, unit: str, sentence: str, phrase: str, absent: str) -> FeatureColumn:
    return FeatureColumn(
        name, label, "firmographic", "number", unit, sentence, "account_id is the same", phrase, absent
    )


ROLLUPS = (
    _column(
        "colleagues", "Colleagues known at the account", "people",
        "Other leads of the same account, created before the moment.",
        "{value} colleagues known at the account", "No account known",
    ),
    _column(
        "colleagues_active_30d", "Colleagues active in 30 days", "people",
        "Other leads of the same account with an event in the 30 days before the moment.",
        "{value} colleagues active in 30 days", "No account known",
    ),
    _column(
        "best_colleague_30d", "Events of the most active colleague in 30 days", "events",
        "The most events in the 30 days before the moment that one other lead of the same account has.",
        "{value} events of the most active colleague in 30 days", "No account known",
    ),
    _column(
        "account_last_activity", "Days since a colleague was active", "days",
        "Days from the last event of any other lead of the same account to the moment.",
        "A colleague was active {value} days ago", "No colleague was ever active",
    ),
    _column(
        "account_conversions", "Past conversions of colleagues", "conversions",
        "Conversions of other leads of the same account, strictly before the moment.",
        "{value} past conversions of colleagues", "No account known",
    ),
    _column(
        "account_last_conversion", "Days since a colleague converted", "days",
        "Days from the last conversion of any other lead of the same account to the moment.",
        "A colleague converted {value} days ago", "No colleague has converted",
    ),
)  # fmt: skip


def rollups(plan: FeaturePlan) -> tuple[FeatureColumn, ...]:
    """The roll-ups of a plan, in order; ``colleagues=True`` asks for all of them."""
    wanted = plan.colleagues
    if isinstance(wanted, bool):
        return ROLLUPS if wanted else ()
    return tuple(column for column in ROLLUPS if column.name in wanted)


def colleague_steps(history: History, spine: Spine) -> list[Step]:
    """Steps ending in ``colleagues(row_id, one column per roll-up)``; all are NULL without an account.

    A colleague counts from its creation on; an event while the spine row may see it (``features.visibility``);
    a conversion from the moment after it. How it is done is told in ``features.accounts.steps``.
    """

    def others(count: str) -> str:
        return f"CAST(coalesce(c.{count}, 0) - coalesce(own.{count}, 0) AS DOUBLE)"

    def days_since(moment: str) -> str:
        return f"{history.engine.dialect.seconds_between('s.as_of', moment)} / 86400.0"

    values = {
        "colleagues": others("known"),
        "colleagues_active_30d": others("active"),
        "best_colleague_30d": "CAST(coalesce(b.recent, 0) AS DOUBLE)",
        "account_last_activity": days_since("b.last_event"),
        "account_conversions": others("conversions"),
        "account_last_conversion": days_since("b.last_conversion"),
    }
    told = "".join(
        f", CASE WHEN l.account_id IS NOT NULL THEN {sql} END AS {name}" for name, sql in values.items()
    )
    return [
        Step(
            "account_moments",
            "SELECT m.account_id, m.as_of, row_number() OVER (PARTITION BY m.account_id ORDER BY m.as_of) AS n "
            f"FROM (SELECT DISTINCT l.account_id, s.as_of FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id "
            "JOIN (SELECT account_id FROM leads WHERE account_id IS NOT NULL GROUP BY account_id HAVING count(*) > 1) "
            "AS shared ON shared.account_id = l.account_id) AS m",
        ),
        Step(
            "account_spans",
            "SELECT m.account_id, m.first_as_of, m.last_as_of, m.moments, l.leads FROM (SELECT account_id, "
            "min(as_of) AS first_as_of, max(as_of) AS last_as_of, count(*) AS moments FROM account_moments "
            "GROUP BY account_id) AS m JOIN (SELECT account_id, count(*) AS leads FROM leads GROUP BY account_id) AS l "
            "ON l.account_id = m.account_id",
        ),
        *piece_steps(history, RECENT),
        COUNTS,
        block_step(),
        best_step(spine),
        Step(
            "colleagues",
            f"SELECT s.row_id{told} FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id "
            "LEFT JOIN account_moments AS m ON m.account_id = l.account_id AND m.as_of = s.as_of "
            "LEFT JOIN account_counts AS c ON c.account_id = m.account_id AND c.n = m.n "
            "LEFT JOIN account_pieces AS own ON own.lead_id = l.lead_id AND own.from_n <= m.n AND own.to_n >= m.n "
            "LEFT JOIN account_best AS b ON b.row_id = s.row_id",
        ),
    ]

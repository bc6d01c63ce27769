"""How roll-ups of accounts are computed without pairing leads with each other, or events with every snapshot.

1. The snapshots of an account (the ``as_of`` of its leads) are numbered n = 1, 2, 3 … (``account_snapshots``).
2. What is known of a lead holds from the first snapshot after it was known to the last before it ended. These points
   in time and the snapshots of an account are sorted together once, which turns both ends into such numbers; per lead
   they add up to pieces: from this number to that one, so many events of 30 days, that last activity
   (``account_pieces``).
3. Counts are running sums over an account's numbers, less what the lead itself adds (``account_counts``).
4. A greatest value among the *others* cannot be subtracted from. Each piece is cut at powers of two, as in a
   segment tree, into at most two blocks per power; a block keeps the two best leads per value, so that one of
   them is another one; a snapshot asks one block per power (``account_blocks``, ``account_best``).

So a firm with ten thousand leads costs about as much as ten thousand firms with one.
"""

from __future__ import annotations

from datetime import timedelta

from leadlens.features.engines import Step
from leadlens.features.history import History
from leadlens.features.spine import Spine

_FEW_LEADS = 8
_SIZES = f"(VALUES {', '.join(f'({2**power})' for power in range(31))}) AS z(size)"  # of blocks, in snapshots


def piece_steps(history: History, recent: timedelta) -> list[Step]:
    """Steps ending in ``account_pieces`` and ``account_retracted``, from ``account_snapshots`` and ``account_spans``.

    (account_id, lead_id, from_n, to_n, known, active, recent, last_event, conversions, last_conversion): the state of
    one lead at the account's snapshots from_n … to_n; pieces of a lead do not overlap. Events that are retracted
    later are in ``account_retracted`` as far as the last activity goes: they overlap.
    """
    end = history.engine.dialect.minus("e.occurred_at", -recent)
    since = "greatest(e.occurred_at, e.known_at, l.created_at)"
    events = f"""
        SELECT
          a.account_id, l.lead_id, e.occurred_at, e.retracted_at, a.first_as_of,
          {since} AS since, least({end}, e.retracted_at) AS until
        FROM account_spans AS a
        JOIN leads AS l ON l.account_id = a.account_id
        JOIN events AS e ON e.lead_id = l.lead_id
        WHERE {since} < a.last_as_of AND (e.retracted_at IS NULL OR e.retracted_at > {since})
    """
    numbered = f"""
        SELECT
          p.account_id, p.lead_id, p.known, p.recent, p.last_event, p.retracted_at, p.conversions,
          p.last_conversion, p.is_snapshot,
          1 + CAST(sum(p.is_snapshot) OVER (
            PARTITION BY p.account_id ORDER BY p.at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) AS BIGINT) AS n
        FROM ({_points()}) AS p
    """
    steps = """
        SELECT
          account_id, lead_id, n, sum(known) AS known, sum(recent) AS recent,
          max(CASE WHEN retracted_at IS NULL THEN last_event END) AS last_event,
          sum(conversions) AS conversions, max(last_conversion) AS last_conversion
        FROM account_numbered
        WHERE is_snapshot = 0
        GROUP BY account_id, lead_id, n
    """
    pieces = f"""
        SELECT p.*, CASE WHEN p.recent > 0 THEN 1 ELSE 0 END AS active
        FROM (
          SELECT
            t.account_id, t.lead_id, t.n AS from_n,
            coalesce(lead(t.n) OVER (PARTITION BY t.lead_id ORDER BY t.n) - 1, a.snapshots) AS to_n,
            {_so_far("sum", "known")},
            {_so_far("sum", "recent")},
            {_so_far("max", "last_event")},
            {_so_far("sum", "conversions")},
            {_so_far("max", "last_conversion")}
          FROM account_steps AS t
          JOIN account_spans AS a ON a.account_id = t.account_id
        ) AS p
        WHERE p.from_n <= p.to_n
    """
    retracted = """
        SELECT account_id, lead_id, min(n) AS from_n, max(n) - 1 AS to_n, last_event
        FROM account_numbered
        WHERE retracted_at IS NOT NULL
        GROUP BY account_id, lead_id, last_event, retracted_at
        HAVING min(n) < max(n)
    """
    return [
        Step("account_events", events),
        Step("account_numbered", numbered),
        Step("account_steps", steps),
        Step("account_pieces", pieces),
        Step("account_retracted", retracted),
    ]


def _so_far(aggregate: str, column: str) -> str:
    over = f"{aggregate}(t.{column}) OVER (PARTITION BY t.lead_id ORDER BY t.n ROWS UNBOUNDED PRECEDING)"
    return f"{f'CAST({over} AS BIGINT)' if aggregate == 'sum' else over} AS {column}"


def _points() -> str:
    """Every point in time at which something begins or ceases to hold, and the snapshots."""
    columns = {"account_id": "NULL", "lead_id": "NULL", "at": "NULL", "known": "0", "recent": "0",
               "last_event": "CAST(NULL AS TIMESTAMP)", "retracted_at": "CAST(NULL AS TIMESTAMP)",
               "conversions": "0", "last_conversion": "CAST(NULL AS TIMESTAMP)", "is_snapshot": "0"}  # fmt: skip

    def select(rest: str, **given: str) -> str:
        return f"""
            SELECT {", ".join(f"{sql} AS {name}" for name, sql in (columns | given).items())}
            FROM {rest}
        """

    event = {"account_id": "e.account_id", "lead_id": "e.lead_id"}
    lead = {"account_id": "l.account_id", "lead_id": "l.lead_id"}
    leads = "account_spans AS a JOIN leads AS l ON l.account_id = a.account_id"
    # Over before the first snapshot, and never retracted: only the latest of a lead's can matter.
    past = "(e.retracted_at IS NULL AND e.since < e.first_as_of AND e.until < e.first_as_of)"
    converted = "greatest(c.converted_at, l.created_at)"
    return " UNION ALL ".join(
        (
            select("account_snapshots AS m", account_id="m.account_id", lead_id="''", at="m.as_of", is_snapshot="1"),
            select(f"{leads} WHERE l.created_at < a.last_as_of", **lead, at="l.created_at", known="1"),
            select(
                f"account_events AS e WHERE NOT {past}", **event, at="e.since", last_event="e.occurred_at",
                recent="CASE WHEN e.since < e.until THEN 1 ELSE 0 END", retracted_at="e.retracted_at",
            ),
            select(
                f"account_events AS e WHERE NOT {past} AND e.since < e.until", **event, at="e.until", recent="-1"
            ),
            select(
                "account_events AS e WHERE e.retracted_at IS NOT NULL", **event, at="e.retracted_at",
                last_event="e.occurred_at", retracted_at="e.retracted_at",
            ),
            select(
                f"account_events AS e WHERE {past} GROUP BY e.account_id, e.lead_id", **event, at="max(e.since)",
                last_event="max(e.occurred_at)",
            ),
            select(
                f"{leads} JOIN conversions AS c ON c.lead_id = l.lead_id WHERE {converted} < a.last_as_of", **lead,
                at=converted, conversions="1", last_conversion="c.converted_at",
            ),
        )
    )  # fmt: skip


_COUNTED = ("known", "active", "conversions")
_RUNNING = ", ".join(
    f"CAST(sum(d.{name}) OVER (PARTITION BY d.account_id ORDER BY d.n ROWS UNBOUNDED PRECEDING) AS BIGINT) AS {name}"
    for name in _COUNTED
)
COUNTS = Step(
    "account_counts",
    f"""
    SELECT d.account_id, d.n, {_RUNNING}
    FROM (
      SELECT u.account_id, u.n, {", ".join(f"sum(u.{name}) AS {name}" for name in _COUNTED)}
      FROM (
        SELECT account_id, n, 0 AS known, 0 AS active, 0 AS conversions FROM account_snapshots
        UNION ALL
        SELECT account_id, from_n, known, active, conversions FROM account_pieces
        UNION ALL
        SELECT account_id, to_n + 1, -known, -active, -conversions FROM account_pieces
      ) AS u
      GROUP BY u.account_id, u.n
    ) AS d
    """,
)
"""The step ``account_counts(account_id, n, known, active, conversions)``: of all leads of the account."""


def block_step() -> Step:
    """``account_blocks(account_id, size, node, lead_id, recent, last_event, last_conversion)``.

    A block is the snapshots node × size … (node + 1) × size - 1; kept are the two best leads per value, or all of
    a small account's, which costs less than to rank them.
    """
    values = ("recent", "last_event", "last_conversion")
    kept = f"account_id, size, node, lead_id, {', '.join(values)}"
    columns = f"account_id, lead_id, size, {', '.join(values)}"
    places = ", ".join(
        f"row_number() OVER (PARTITION BY account_id, size, node ORDER BY {value} DESC NULLS LAST, lead_id) "
        f"AS {value}_place"
        for value in values
    )
    small = f"(SELECT account_id FROM account_spans WHERE leads <= {_FEW_LEADS})"
    sql = f"""
        WITH pieces AS (
          SELECT account_id, lead_id, from_n, to_n, recent, last_event, last_conversion
          FROM account_pieces
          WHERE recent > 0 OR last_event IS NOT NULL OR last_conversion IS NOT NULL
          UNION ALL
          SELECT account_id, lead_id, from_n, to_n, 0, last_event, CAST(NULL AS TIMESTAMP)
          FROM account_retracted
        ),
        cut AS (
          SELECT
            p.*, z.size,
            CAST(floor((p.from_n + z.size - 1) / z.size) AS BIGINT) AS first_node,
            CAST(floor((p.to_n + 1) / z.size) AS BIGINT) AS past_node
          FROM pieces AS p
          JOIN {_SIZES} ON z.size <= p.to_n - p.from_n + 1
        ),
        nodes AS (
          SELECT {columns}, first_node AS node
          FROM cut
          WHERE first_node < past_node AND first_node % 2 = 1
          UNION ALL
          SELECT {columns}, past_node - 1 AS node
          FROM cut
          WHERE first_node < past_node AND past_node % 2 = 1
        ),
        by_lead AS (
          SELECT account_id, size, node, lead_id, {", ".join(f"max({value}) AS {value}" for value in values)}
          FROM nodes
          GROUP BY account_id, size, node, lead_id
        )
        SELECT {kept}
        FROM by_lead
        WHERE account_id IN {small}
        UNION ALL
        SELECT {kept}
        FROM (SELECT *, {places} FROM by_lead WHERE account_id NOT IN {small}) AS placed
        WHERE {" OR ".join(f"{value}_place <= 2" for value in values)}
    """
    return Step("account_blocks", sql)


def best_step(spine: Spine) -> Step:
    """``account_best(row_id, recent, last_event, last_conversion)``: the greatest among the others, as of then."""
    sql = f"""
        SELECT
          q.row_id, max(x.recent) AS recent, max(x.last_event) AS last_event,
          max(x.last_conversion) AS last_conversion
        FROM (
          SELECT s.row_id, s.lead_id, m.account_id, z.size, CAST(floor(m.n / z.size) AS BIGINT) AS node
          FROM {spine} AS s
          JOIN leads AS l ON l.lead_id = s.lead_id
          JOIN account_snapshots AS m ON m.account_id = l.account_id AND m.as_of = s.as_of
          JOIN account_spans AS a ON a.account_id = m.account_id
          JOIN {_SIZES} ON z.size <= a.snapshots
        ) AS q
        JOIN account_blocks AS x
          ON x.account_id = q.account_id AND x.size = q.size AND x.node = q.node AND x.lead_id <> q.lead_id
        GROUP BY q.row_id
    """
    return Step("account_best", sql)

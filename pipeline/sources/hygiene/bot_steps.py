"""Recognise clicks made by bots, by what was known at the time.

A click is recognised at the earliest time at which a pattern that it belongs to is complete among the events known
by then. That time never depends on what becomes known later, so that a later event changes no earlier row.

The steps read clicks and opens once; hash aggregates leave few clicks, and window functions sort only those:

- ``bot_seen``     the clicks, with mail, link and a bucket of time
- ``bot_opens``    for each lead and mail (NULL: any) the first open that became known
- ``bot_near``     the clicks with enough others in their bucket and the next ones to be part of a crowd at all
- ``bot_firsts``   those, with whether each is the first known one on its link of the mail
- ``bot_crowds``   for the time span that begins at each: when its n-th click (its n-th link) was known
- ``bot_clicks``   rowid of each click; when each pattern recognised it (NULL: never)

In a span the n-th click by ``known_at`` completes a crowd, not the n-th by ``occurred_at``: so clicks may become known
in any order, and nothing is compared pair by pair, however many come at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from leadlens.features import Step
from leadlens.features.engines.dialect import Dialect
from leadlens.pipeline.config import Bots

TABLES = ("bot_seen", "bot_opens", "bot_near", "bot_firsts", "bot_crowds", "bot_clicks")
_FIRST = (
    "min(struct_pack(known_at := known_at, occurred_at := occurred_at))"  # the first known, then the first
)


class MailEvents(NamedTuple):
    """The event types of clicks and opens, and the properties that identify mail and link (if any).

    ``opens_since`` is when the first open became known among all leads, where the events are not those of all.
    """

    clicks: tuple[str, ...]
    opens: tuple[str, ...]
    mail: str | None
    link: str | None
    opens_since: datetime | None = None


def bot_steps(dialect: Dialect, bots: Bots, mail: MailEvents) -> list[Step]:
    """The steps that end in ``bot_clicks(r, burst, every_link, before_open, since)``.

    ``r`` is the rowid in ``events``; the others are timestamps, NULL where a pattern never recognised the click;
    ``since`` is the first of them.
    """
    return [*_read(dialect, bots, mail), *_crowded(bots), _clicks(bots, _first_open(dialect, mail))]


def bucket_sql(bots: Bots) -> str:
    """The bucket of time that an event is in; buckets are as long as a crowd."""
    return f"epoch_us(occurred_at) // {int(bots.within.total_seconds()) * 1_000_000}"


def crowd_size(bots: Bots) -> int | None:
    """How many clicks at once are the smallest crowd; ``None`` where no pattern is one of crowds."""
    sizes = {"burst": bots.burst, "every_link": bots.links}
    return min((size for pattern, size in sizes.items() if pattern in bots.patterns), default=None)


def _read(dialect: Dialect, bots: Bots, mail: MailEvents) -> list[Step]:
    def of(types: tuple[str, ...]) -> str:
        return f"FROM events WHERE event_type IN ({', '.join(map(dialect.literal, types)) or 'NULL'})"

    def text(column: str | None) -> str:
        return f"CAST({dialect.quote(column) if column else 'NULL'} AS VARCHAR)"

    bucket = bucket_sql(bots)
    return [
        Step(
            "bot_seen",
            f"""
            SELECT
                rowid AS r,
                lead_id,
                occurred_at,
                known_at,
                {bucket} AS bucket,
                {text(mail.mail)} AS mail,
                {text(mail.link)} AS link
            {of(mail.clicks)}
            """,
        ),
        Step(
            "bot_opens",
            f"SELECT lead_id, {text(mail.mail)} AS mail, {_FIRST} AS opened {of(mail.opens)} GROUP BY ALL",
        ),
    ]


def _crowded(bots: Bots) -> list[Step]:
    """The two patterns of many clicks at once. Both are crowds: of clicks, and of first clicks on links of a mail."""
    within = f"INTERVAL {int(bots.within.total_seconds())} SECONDS"
    least = crowd_size(bots)
    # A span covers at most two buckets, so one of them has half of its clicks.
    enough = "FALSE" if least is None else f"count(*) >= {(least + 1) // 2}"
    ahead = f"ORDER BY occurred_at RANGE BETWEEN CURRENT ROW AND {within} FOLLOWING"
    return [
        Step(
            "bot_near",
            f"""
            SELECT s.*
            FROM bot_seen AS s
            SEMI JOIN (
                SELECT lead_id, bucket + step AS bucket
                FROM (SELECT lead_id, bucket FROM bot_seen GROUP BY ALL HAVING {enough}) AS c,
                    (VALUES (-1), (0), (1)) AS v(step)
            ) AS n ON n.lead_id = s.lead_id AND n.bucket = s.bucket
            """,
        ),
        Step(
            "bot_firsts",
            f"""
            SELECT
                n.*,
                CASE
                    WHEN f.first = struct_pack(known_at := n.known_at, occurred_at := n.occurred_at)
                        AND row_number() OVER (
                            PARTITION BY n.lead_id, n.mail, n.link ORDER BY n.known_at, n.occurred_at
                        ) = 1
                    THEN n.known_at
                END AS first_known
            FROM bot_near AS n
            LEFT JOIN (
                SELECT lead_id, mail, link, {_FIRST} AS first
                FROM bot_seen
                WHERE link IS NOT NULL AND lead_id IN (SELECT lead_id FROM bot_near)
                GROUP BY ALL
            ) AS f ON f.lead_id = n.lead_id AND f.mail IS NOT DISTINCT FROM n.mail AND f.link = n.link
            """,
        ),
        Step(
            "bot_crowds",
            f"""
            SELECT
                *,
                nth_value(known_at, {bots.burst} ORDER BY known_at)
                    OVER (PARTITION BY lead_id {ahead}) AS burst_full,
                nth_value(first_known, {bots.links} ORDER BY first_known NULLS LAST)
                    OVER (PARTITION BY lead_id, mail {ahead}) AS links_full
            FROM bot_firsts
            """,
        ),
    ]


def _first_open(dialect: Dialect, mail: MailEvents) -> str:
    """SQL of when the first open became known; NULL where there is none."""
    among = "(SELECT min(opened.known_at) FROM bot_opens)"
    return among if mail.opens_since is None else f"least({among}, {dialect.literal(mail.opens_since)})"


def _clicks(bots: Bots, first_open: str) -> Step:
    within = f"INTERVAL {int(bots.within.total_seconds())} SECONDS"
    behind = f"ORDER BY occurred_at RANGE BETWEEN {within} PRECEDING AND CURRENT ROW"

    def pattern(name: str, recognised: str, since: str) -> str:
        wanted = recognised if name in bots.patterns else "FALSE"
        return f"CASE WHEN {wanted} THEN {since} END AS {name}"

    def before(first: str) -> str:
        return f"coalesce({first}.known_at <= s.known_at AND {first}.occurred_at <= s.occurred_at, FALSE)"

    # An open of an unknown mail may belong to any click, a click of an unknown mail may follow any open.
    unopened = f"NOT ({before('m.opened')} OR {before('(CASE WHEN s.mail IS NULL THEN a.any_mail ELSE a.no_mail END)')})"
    recorded = f"{first_open} <= s.known_at"  # else absence means nothing
    columns = [
        pattern("burst", "c.burst_full IS NOT NULL", "greatest(c.burst_full, s.known_at)"),
        pattern("every_link", "c.links_full IS NOT NULL", "greatest(c.links_full, s.known_at)"),
        pattern("before_open", f"{recorded} AND {unopened}", "s.known_at"),
    ]
    return Step(
        "bot_clicks",
        f"""
        SELECT *, least(burst, every_link, before_open) AS since
        FROM (
            SELECT s.r, {", ".join(columns)}
            FROM bot_seen AS s
            LEFT JOIN (
                SELECT
                    r,
                    min(burst_full) OVER (PARTITION BY lead_id {behind}) AS burst_full,
                    min(links_full) OVER (PARTITION BY lead_id, mail {behind}) AS links_full
                FROM bot_crowds
            ) AS c ON c.r = s.r
            LEFT JOIN bot_opens AS m ON m.lead_id = s.lead_id AND m.mail = s.mail
            LEFT JOIN (
                SELECT
                    lead_id,
                    min(opened) FILTER (WHERE mail IS NULL) AS no_mail,
                    min(opened) AS any_mail
                FROM bot_opens
                GROUP BY lead_id
            ) AS a ON a.lead_id = s.lead_id
        ) AS t
        """,
    )

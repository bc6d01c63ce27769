"""Numbers of leads: small, dense, and the same from night to night, so that events can be kept by them."""

from __future__ import annotations

from leadlens.features import DuckDBEngine, Step

STRIDE = 1 << 20  # numbers of the leads of part i begin at i * STRIDE
EXCLUDED, NAMELESS, STRANGER = -3, -2, -1


def number_leads(engine: DuckDBEngine, parts: int) -> None:
    """Make ``numbers(lead_id, lead, lead_no)`` of ``stored_numbers``, for all ids in ``wanted(lead_id, lead, home)``.

    ``lead`` is the surviving lead of an id, NULL for one that is excluded; ``home`` decides over its part: leads of
    one account share a part, so that colleagues are read together.
    """
    engine.run(
        [
            Step(
                "new_numbers",
                f"""
                SELECT
                  w.lead_id,
                  CAST(
                    w.part * {STRIDE} + coalesce(u.used, 0)
                    + row_number() OVER (PARTITION BY w.part ORDER BY w.lead_id) - 1 AS INTEGER
                  ) AS lead_no
                FROM (
                  SELECT lead_id, CAST(hash(home) % {parts} AS INTEGER) AS part
                  FROM wanted
                  WHERE lead = lead_id
                    AND lead_id NOT IN (SELECT lead_id FROM stored_numbers WHERE lead = lead_id AND lead_no >= 0)
                ) AS w
                LEFT JOIN (
                  SELECT lead_no // {STRIDE} AS part, max(lead_no % {STRIDE}) + 1 AS used
                  FROM stored_numbers
                  WHERE lead_no >= 0
                  GROUP BY 1
                ) AS u ON u.part = w.part
                """,
            ),
            Step(
                "own_numbers",
                """
                SELECT lead_id, lead_no FROM new_numbers
                UNION ALL
                SELECT s.lead_id, s.lead_no
                FROM stored_numbers AS s
                JOIN wanted AS w ON w.lead_id = s.lead_id AND w.lead = s.lead_id
                WHERE s.lead_no >= 0 AND s.lead = s.lead_id
                """,
            ),
            Step(
                "numbers",
                f"""
                SELECT w.lead_id, w.lead, coalesce(o.lead_no, {EXCLUDED}) AS lead_no
                FROM wanted AS w
                LEFT JOIN own_numbers AS o ON o.lead_id = w.lead
                """,
            ),
        ]
    )
    engine.drop("own_numbers")


def strays(engine: DuckDBEngine, parts: int) -> tuple[tuple[int, int], ...]:
    """Leads whose account now belongs to another part than the one that they are in: (number, that part)."""
    return tuple(
        engine.connection.execute(
            f"""
            SELECT n.lead_no, CAST(hash(w.home) % {parts} AS INTEGER) AS part
            FROM wanted AS w
            JOIN numbers AS n ON n.lead_id = w.lead_id
            WHERE w.lead = w.lead_id AND n.lead_no // {STRIDE} <> CAST(hash(w.home) % {parts} AS INTEGER)
            ORDER BY 1
            """
        ).fetchall()
    )


def renumbered(engine: DuckDBEngine) -> list[int]:
    """Numbers under which events may be kept that would now have another number, or none."""
    rows = engine.connection.execute(
        """
        SELECT DISTINCT s.lead_no
        FROM stored_numbers AS s
        LEFT JOIN numbers AS n ON n.lead_id = s.lead_id
        WHERE n.lead_no IS DISTINCT FROM s.lead_no OR n.lead IS DISTINCT FROM s.lead
        """
    ).fetchall()
    return [row[0] for row in rows]

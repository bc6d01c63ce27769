"""Reviews of the stages that are kept, from the latest backwards, until each is found to be kept or lost.

A row is reviewed at every time something of its lead began or ceased to count, and a review reads all events of the lead
before it: of a lead with n events that is a square of n. The latest times decide in most cases, so they come first, in
rounds of more and more; and there is an end to it.
"""

from __future__ import annotations

from collections.abc import Callable

from leadlens.features.engines import Step
from leadlens.models.scorecard.scoring.stage_and_route import Pass, SheetPasses, review_times

# Events that the reviews of a row read together, up to the end of each round: at most 6.4 million in a round, which take
# 600 MB, and 51.2 million in all, which take 30 seconds. Rows of up to 4,100 events are looked through to the end.
ROUNDS = (100_000, 400_000, 1_600_000, *range(6_400_000, 51_200_001, 6_400_000))


def review_stages(x: SheetPasses, run: Callable[[Pass], None]) -> int:
    """Make ``sheet_kept(row_id, kept_<stage>)`` of all rows that wait for it.

    ``run`` runs a pass. Returns of how many rows a stage was neither reached nor lost as far back as was looked, though
    there are earlier times: it is taken as lost (NULL).
    """
    engine, stages = x.history.engine, [f"kept_{name}" for name, _ in x.kept]
    unknown = " OR ".join(f"k.{name} IS NULL" for name in stages)
    begun = ", ".join(f"CAST(NULL AS BOOLEAN) AS {name}" for name in stages)
    kept = "sheet_kept_begun"
    done = -1
    run(Pass(x.spine, (Step("sheet_waiting", x.form.waiting(x)), Step("sheet_review_times", _times(x))), ()))
    run(Pass(x.spine, (Step(kept, f"SELECT row_id, {begun} FROM sheet_waiting"),), ()))

    def waiting() -> str:
        return f"sheet_review_times AS t JOIN {kept} AS k ON k.row_id = t.of_row WHERE ({unknown}) AND t.round > {done}"

    while (
        number := engine.value(f"SELECT min(t.round) FROM {waiting()} AND t.round < {len(ROUNDS)}")
    ) is not None:
        times = f"""
            SELECT
              row_number() OVER (ORDER BY t.of_row, t.as_of) AS row_id, t.of_row, t.lead_id, t.as_of, t.created_at
            FROM {waiting()} AND t.round = {int(number)}
        """
        after = Step(f"sheet_kept_{int(number)}", _decided(x, kept))
        for item in x.review_passes((Step(x.review.spine.name, times),), after):
            run(item)
        kept, done = after.name, int(number)
    run(Pass(x.spine, (Step("sheet_kept", f"SELECT * FROM {kept}"),), ()))
    beyond = f"SELECT DISTINCT t.of_row FROM {waiting()} AND t.round >= {len(ROUNDS)}"
    return engine.count(f"({beyond}) AS b")


def _times(x: SheetPasses) -> str:
    """The times of all reviews, each with its round."""
    if x.main.event_conditions:
        events = "SELECT lead_id, count(*) AS n FROM sheet_matches GROUP BY lead_id"
    else:
        events = "SELECT lead_id, 1 AS n FROM leads"
    read = "t.place * greatest(coalesce(e.n, 1), 1)"
    rounds = " ".join(f"WHEN {read} <= {most} THEN {number}" for number, most in enumerate(ROUNDS))
    return f"""
        SELECT t.of_row, t.lead_id, t.as_of, t.created_at, CASE {rounds} ELSE {len(ROUNDS)} END AS round
        FROM (
          SELECT r.*, row_number() OVER (PARTITION BY r.of_row ORDER BY r.as_of DESC) AS place
          FROM ({review_times(x)}) AS r
        ) AS t
        LEFT JOIN ({events}) AS e ON e.lead_id = t.lead_id
    """


def _decided(x: SheetPasses, before: str) -> str:
    """What is known of each row after a round: what was known before, else what the latest of its reviews says."""
    latest = ", ".join(
        f"max(CASE WHEN r.reached_{name} THEN r.as_of END) AS reached_{name}, "
        f"max(CASE WHEN r.total < {stage.keep!r} THEN r.as_of END) AS fell_{name}"
        for name, stage in x.kept
    )
    kept = ", ".join(
        f"""
        CASE
          WHEN k.kept_{name} IS NOT NULL THEN k.kept_{name}
          WHEN n.reached_{name} IS NOT NULL AND (n.fell_{name} IS NULL OR n.fell_{name} <= n.reached_{name}) THEN TRUE
          WHEN n.fell_{name} IS NOT NULL THEN FALSE
        END AS kept_{name}
        """
        for name, _ in x.kept
    )
    return f"""
        SELECT k.row_id, {kept}
        FROM {before} AS k
        LEFT JOIN (
          SELECT s.of_row, {latest}
          FROM review_reached AS r
          JOIN review_spine AS s ON s.row_id = r.row_id
          GROUP BY s.of_row
        ) AS n ON n.of_row = k.row_id
    """

"""The leads whose stage a run changed, from the history of scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from leadlens.pipeline.writeback.current import read_rows
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.target import Target


class StageChange(NamedTuple):
    """A lead and its stages; ``before`` is ``None`` of a lead that had no row."""

    lead_id: str
    stage: str | None
    before: str | None
    score: int
    score_before: int | None
    grade: str | None
    route: str | None
    status: str
    closed_reason: str | None
    link: str | None
    is_new: bool


def stage_changes(target: Target, table: str, run_id: str) -> Iterator[StageChange]:
    """Those of a run that is done, by id. A lead that is new or came back has changed if it has a stage; one that left, always.

    Of the first run of a table all leads are new: none of them has changed.
    """

    def statement(names: TableNames, mark: str) -> str:
        return f"""
            WITH now AS (
                SELECT * FROM {names.history} WHERE run_id = {mark}
            ), past AS (
                SELECT lead_id, stage, score,
                    row_number() OVER (PARTITION BY lead_id ORDER BY as_of DESC, run_id DESC) AS place
                FROM {names.history}
                WHERE run_id <> {mark} AND lead_id IN (SELECT lead_id FROM now)
            )
            SELECT n.lead_id, n.stage, p.stage, n.score, p.score, n.grade, n.route, n.status, n.closed_reason,
                s.explanation_url, p.lead_id IS NULL
            FROM now n
            LEFT JOIN past p ON p.lead_id = n.lead_id AND p.place = 1
            LEFT JOIN {names.scores} s ON s.lead_id = n.lead_id
            WHERE EXISTS (SELECT 1 FROM {names.history} WHERE run_id <> {mark})
              AND (n.stage IS DISTINCT FROM p.stage OR n.change IN ('closed', 'reopened'))
            ORDER BY n.lead_id
        """

    for row in read_rows(target, table, statement, [run_id] * 3):
        yield StageChange(*row)

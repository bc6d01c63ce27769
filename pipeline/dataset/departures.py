"""Why leads that were open are not scored any more, as the history tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from leadlens.features import DuckDBEngine
from leadlens.features.history import Finding, History
from leadlens.features.spine import SpinePolicy, kind_filter
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.sources.opening import read_tables
from leadlens.pipeline.writeback.closings import VANISHED

_ASKED = "departed"


def why_left(
    prepared: PreparedHistory, as_of: datetime, policy: SpinePolicy, leads: Sequence[str]
) -> list[str]:
    """The reason of each lead, as of then: ``leadlens.pipeline.writeback.closings.REASONS``.

    ``objected`` before all others: the lead objects to profiling. ``converted`` before ``closed``, where both are so (``closed`` is a lead of ``data.finished`` too). ``merged``: the id is an old one of another lead. ``filtered``:
    the lead is in the data, but a setting leaves it out (``where`` of the leads, ``hygiene``, ``spine.since``).
    ``vanished``: it is not in the data.
    """
    with prepared.history() as history:
        engine = history.engine
        assert isinstance(engine, DuckDBEngine), "a prepared history is opened by DuckDB"
        engine.connection.register(_ASKED, pa.table({"lead_id": pa.array(leads, pa.string())}))
        reasons = dict(
            engine.connection.execute(_reasons(history, prepared.numbers(engine), as_of, policy)).fetchall()
        )
    gone = [lead for lead in leads if reasons[lead] == VANISHED]
    if gone and any(source.where for source in prepared.file.project.data.sources("leads")):
        reasons |= dict.fromkeys(_left_out(prepared.file, gone), "filtered")
    return [reasons[lead] for lead in leads]


def _reasons(history: History, numbers: str, as_of: datetime, policy: SpinePolicy) -> str:
    then = history.engine.dialect.literal(as_of)
    converted = "FALSE"
    if not policy.repeat:
        converted = f"""
            EXISTS (
                SELECT 1
                FROM conversions AS past
                WHERE past.lead_id = d.lead_id
                    AND past.converted_at < {then}{kind_filter(history, policy.kinds, "past")}
            )
        """
    return f"""
        SELECT
            d.lead_id,
            CASE
                WHEN o.lead_id IS NOT NULL THEN 'objected'
                WHEN l.lead_id IS NOT NULL AND {converted} THEN 'converted'
                WHEN l.closed_at < {then} OR f.lead_id IS NOT NULL THEN 'closed'
                WHEN l.lead_id IS NOT NULL THEN 'filtered'
                WHEN n.lead_id IS NULL THEN '{VANISHED}'
                WHEN n.lead <> n.lead_id THEN 'merged'
                ELSE 'filtered'
            END AS reason
        FROM {_ASKED} AS d
        LEFT JOIN leads AS l ON l.lead_id = d.lead_id
        LEFT JOIN objections AS o ON o.lead_id = d.lead_id
        LEFT JOIN finished AS f ON f.lead_id = d.lead_id
        LEFT JOIN {numbers} AS n ON n.lead_id = d.lead_id
    """


def _left_out(file: ProjectFile, leads: Sequence[str]) -> list[str]:
    """Those of the leads that are in the source, where the project file's ``where`` leaves them out."""
    everybody = file.project.data.without_where("leads")
    open_file = replace(file, project=file.project.model_copy(update={"data": everybody}))
    with DuckDBEngine() as engine:
        findings: list[Finding] = []
        read_tables(engine, open_file, ["leads"], findings)
        engine.connection.register(_ASKED, pa.table({"lead_id": pa.array(leads, pa.string())}))
        found = engine.connection.execute(
            f"SELECT lead_id FROM {_ASKED} WHERE lead_id IN (SELECT lead_id FROM leads)"
        ).fetchall()
    return [lead for (lead,) in found]

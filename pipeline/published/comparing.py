"""Publish a comparison for readers: every out-of-time lead with its cell at each capacity, and the leads of each rule."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from leadlens.features.engines.duckdb_connections import connect_own
from leadlens.features.errors import LeadlensError
from leadlens.models.judging import Comparison, ModelReport
from leadlens.models.judging.above import weekly_above
from leadlens.models.judging.at_capacity import SHARES, at_capacities
from leadlens.models.judging.plain import plain
from leadlens.models.judging.thresholds import point_thresholds
from leadlens.models.scale import shown_score
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.private import private_files
from leadlens.pipeline.published.facts import write_facts
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.runs.record import new_run_id, now
from leadlens.pipeline.scorecards.project import load_sheets

_LEADS = ("lead_id", "as_of", "score", "grade", "rule_points", "rule_grade", "rule_stage", "converted")
_MADE = {
    "cell": "SELECT row_number() OVER () AS place, * FROM cells ORDER BY share, quadrant, place",
    "rule_lead": "SELECT * FROM rule_leads ORDER BY rule, score DESC, lead_id",
    "person": "SELECT p.* FROM people AS p SEMI JOIN cells AS c ON c.lead_id = p.lead_id ORDER BY lead_id",
}


def publish_comparison(
    file: ProjectFile,
    comparison: Comparison | ModelReport,
    people: pa.Table,
    judged: tuple[pd.DataFrame, pd.DataFrame] | None,
) -> str | None:
    """Make the copy and point readers to it; returns why not, where theirs stays.

    ``people`` is what ``people_of`` gives; ``judged`` are the rows and the ledger that ``compare`` was given, ``None`` for a
    report on the model alone.
    """
    folder, run_id = CopyFolder.compared(file.project.name), new_run_id()
    unfinished = folder.path / f".{run_id}.copy"
    try:
        with private_files():
            folder.path.mkdir(parents=True, exist_ok=True)
            with connect_own(unfinished) as copy:
                _write(copy, file, comparison, people, judged)
            unfinished.rename(folder.copy(run_id))
            folder.point_to(run_id)
    except (duckdb.Error, OSError) as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        return f"the page goes on showing the comparison before: {(str(error).splitlines() or [type(error).__name__])[0]}"
    return None


def _write(
    copy: duckdb.DuckDBPyConnection,
    file: ProjectFile,
    comparison: Comparison | ModelReport,
    people: pa.Table,
    judged: tuple[pd.DataFrame, pd.DataFrame] | None,
) -> None:
    facts: dict[str, Any] = {"comparison": comparison.to_dict(), "made_at": now(), "at": []}
    cells, rule_leads = pd.DataFrame(columns=["share", "quadrant", *_LEADS]), _no_rules()
    if isinstance(comparison, Comparison) and judged is not None:
        (frame, ledger), own = judged, comparison.capacity
        dated = comparison.meta.get("clock", "time") == "time"
        asked = file.project.judge.capacity
        at = at_capacities(frame, sorted({*SHARES, asked}), dated=dated)
        for each in at:
            capacity = own if each.share == asked else each.capacity
            there = replace(comparison, asked=each.share, capacity=capacity, quadrants=each.quadrants)
            facts["at"].append(there.at_its_capacity())
        cuts = point_thresholds(frame, dated=dated, also=_own_thresholds(file))
        facts["asked"], facts["cuts"] = asked, plain(cuts)
        if dated:
            facts["weekly"] = plain(weekly_above(frame, cuts["points"].tolist()))
        cells = pd.concat([each.leads.assign(share=each.share) for each in at], ignore_index=True)
        rule_leads = _of_rules(ledger, frame)
    copy.register("cells", cells[["share", "quadrant", *_LEADS]])
    copy.register("rule_leads", rule_leads)
    copy.register("people", people)
    for name, statement in _MADE.items():
        copy.execute(f"CREATE TABLE {name} AS {statement}")
    write_facts(copy, facts)


def _own_thresholds(file: ProjectFile) -> list[float]:
    """The points from which the project's sheets call a lead MQL or SQL; none of a sheet that cannot be read any more."""
    try:
        sheets = load_sheets(file)
    except LeadlensError:
        return []
    stages = [sheet.thresholds.stages for sheet in (sheets.sheets if sheets else ()) if sheet.thresholds]
    return [float(stage.points) for each in stages for _, stage in each if stage.points is not None]


def _no_rules() -> pd.DataFrame:
    return pd.DataFrame(columns=["rule", "points", *_LEADS])


def _of_rules(ledger: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The leads that each rule matched, each once: as of the first row on which it did."""
    lines = ledger.groupby(["rule", "row_id"], as_index=False)["points"].sum()
    shown = frame.assign(
        lead_id=frame["lead_id"].astype(str), score=shown_score(frame["score"]), converted=frame["label"]
    )
    matched = lines.merge(shown[["row_id", *_LEADS]], on="row_id").sort_values("as_of", kind="stable")
    first: pd.DataFrame = matched.drop_duplicates(["rule", "lead_id"])[["rule", "points", *_LEADS]]
    return first

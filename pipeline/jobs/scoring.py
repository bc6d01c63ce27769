"""What a scoring run did: its result, and what is counted over the parts of the leads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa

from leadlens.features.errors import counted
from leadlens.pipeline.dataset.lead_scores import scores_frame
from leadlens.pipeline.dataset.long_ledgers import MOST_LINES
from leadlens.pipeline.drift.comparing import Difference
from leadlens.pipeline.exit_codes import DONE
from leadlens.pipeline.jobs.push import Push
from leadlens.pipeline.writeback import WriteResult

# Of more leads than these, a result holds those with the highest scores alone.
_MOST_SHOWN = 50_000
_SHOWN_OF_MORE = 1_000


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What a scoring run did. ``written`` is ``None`` for a dry run.

    ``table`` has the columns of lead_scores, a row per lead; of more than 50,000 leads only the 1,000 with the
    highest scores. ``stages`` says what reading, features, sheet, score, reasons and writing cost, ``differences`` in what
    the night is unlike those before, or unlike the training data. ``as_of`` is ``None`` where the data have no dates; rows
    are written with the time of the run then. ``pushed`` is what became of them in a CRM, where ``to`` named one.
    ``made_folder`` is the topmost folder that was made for a file. ``published``: the page shows these scores now.
    """

    project: str
    as_of: datetime | None
    version: str
    alias: str
    run_id: str
    data_version: int
    leads: int
    objected: int
    finished: int
    grades: dict[str, int]
    table: pa.Table
    written: WriteResult | None
    warnings: tuple[str, ...]
    stages: tuple[dict[str, Any], ...]
    differences: tuple[Difference, ...] = ()
    pushed: Push | None = None
    made_folder: str | None = None
    published: bool = False

    @property
    def exit_code(self) -> int:
        """Not 0 where the scores are written, and some of them not in the CRM."""
        return DONE if self.pushed is None else self.pushed.exit_code

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The rows as people read them."""
        return scores_frame(self.table)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "model_version": self.version,
            "alias": self.alias,
            "run_id": self.run_id,
            "data_version": self.data_version,
            "leads": self.leads,
            "objected": self.objected,
            "finished": self.finished,
            "grades": self.grades,
            "written": self.written.as_dict() if self.written else None,
            "made_folder": self.made_folder,
            "published": self.published,
            **({} if self.pushed is None else {"pushed": self.pushed.to_dict()}),
            "warnings": list(self.warnings),
            "differences": [difference.to_dict() for difference in self.differences],
            "stages": list(self.stages),
        }

    def _repr_html_(self) -> str:
        from leadlens.pipeline.html import table_html

        wanted = ("lead_id", "score", "grade", "rule_points", "rule_stage", "reasons_text")
        shown = [name for name in wanted if name in self.scores]
        best = self.scores.sort_values("score", ascending=False)[shown]
        at = f" as of {self.as_of:%Y-%m-%d}" if self.as_of else ""
        return f"<p>{self.leads:,} open leads{at}</p>" + table_html(best)


@dataclass
class Tally:
    """What is to be said of all parts together."""

    leads: int = 0
    long_ledgers: int = 0
    undecided: int = 0
    grades: Counter[str] = field(default_factory=Counter)
    tables: list[pa.Table] = field(default_factory=list)

    def add(self, rows: pa.Table) -> None:
        self.leads += len(rows)
        self.grades.update(rows["grade"].to_pylist())
        self.tables.append(rows)
        if self.leads > _MOST_SHOWN:
            self.tables = [self.table()]

    def warnings(self) -> list[str]:
        """What the rows do not hold."""
        warnings = []
        if self.long_ledgers:
            have = "has" if self.long_ledgers == 1 else "have"
            warnings.append(
                f"{counted(self.long_ledgers, 'lead')} {have} more than {MOST_LINES:,} lines in the ledger: the largest are "
                "written, and one line says what the others come to. Points stay the same"
            )
        if self.undecided:
            have = "has" if self.undecided == 1 else "have"
            warnings.append(
                f"{counted(self.undecided, 'lead')} {have} so many events that only part of the past was looked at for a stage with "
                "`keep`: it was neither reached nor lost there, and counts as lost. Ask for fewer events in the sheet, "
                "such as by `data.events.where`"
            )
        return warnings

    def table(self) -> pa.Table:
        """All rows by lead; of very many leads those with the highest scores."""
        if not self.tables:
            return pa.table({"lead_id": pa.array([], pa.string())})
        rows = pa.concat_tables(self.tables)
        if self.leads > _MOST_SHOWN:
            rows = rows.sort_by([("score", "descending"), ("lead_id", "ascending")]).slice(0, _SHOWN_OF_MORE)
        return rows.sort_by("lead_id").combine_chunks()

"""`leadlens scorecard learn`: a sheet whose lines and points come from past conversions, beside yours and the model."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from leadlens.features import DataError, History, UsageError
from leadlens.models.judging.lenses import MODEL, JudgedRows
from leadlens.models.judging.plain import plain
from leadlens.models.judging.price import Price, price
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.models.scorecard.learning.candidates import candidates
from leadlens.models.scorecard.learning.learned_sheet import learned_sheet, match_lines
from leadlens.models.scorecard.learning.selection import Learned, learn_points
from leadlens.models.scorecard.scoring.probes import set_rows
from leadlens.models.statistics import logit, weighted_mean
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.judged import OutOfTime, score_out_of_time
from leadlens.pipeline.dataset.lead_sample import FittingRows, Room, fitting_rows
from leadlens.pipeline.dataset.scored_leads import score_leads
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.jobs.scorecard.files import refuse_existing, write_text
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.scorecards.project import load_sheets
from leadlens.pipeline.threads import one_blas_thread

Floats = NDArray[np.float64]
YOURS, LEARNED = "your sheet", "learned sheet"
MOST_LINES = 20
_LEAST_FOLD = (
    0.2  # of the rows: the earlier part of a fold must have them to say how many lines all rows bear out
)


@dataclass(frozen=True, kw_only=True)
class LearnedSheet:
    """The sheet, where it was written, and what it keeps of the model on out-of-time leads. ``yours`` is the project's
    first sheet."""

    sheet: Sheet
    path: Path
    rows: int
    leads: int
    conversions: int
    candidates: int
    price: Price
    version: str
    test_from: datetime | None
    yours: str | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "written": str(self.path),
            "sheet": self.sheet.name,
            "version": self.sheet.version,
            "rules": [
                {"label": rule.label, "when": rule.when, "points": rule.points} for rule in self.sheet.rules
            ],
            "learned_from": {"rows": self.rows, "leads": self.leads, "conversions": self.conversions},
            "candidates": self.candidates,
            "model": self.version,
            "test_from": self.test_from.isoformat() if self.test_from else None,
            "price": plain(self.price),
            "notes": list(self.notes),
        }


@one_blas_thread
def learn(
    file: ProjectFile, out: Path | None = None, most: int = MOST_LINES, progress: Progress = silent
) -> LearnedSheet:
    """Learn a sheet from the project's training rows, write it, and judge it on the out-of-time rows.

    Lines, thresholds and points come from training rows alone; the model that serves says which columns are time proxies,
    and what the sheet is priced against. Without ``out`` it goes to ``scorecards/`` beside the project file. Raises
    ``UsageError`` where a file is there already: none is ever overwritten; ``DataError`` where no line is worth points.
    """
    path = out or file.path.parent / "scorecards" / f"{file.project.name}_learned.yaml"
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError("a sheet is a YAML file", value=str(path), fix=f"write {path.with_suffix('.yaml')}")
    refuse_existing(path)
    progress("Opening the model", 0, 0)
    served = serving_model(file.project.name)
    progress("Reading the history", 0, 0)
    history, sheets = open_history(file), load_sheets(file)
    with split_snapshots(history, file.project) as split:
        progress("Scoring the out-of-time leads", 0, 0)
        (judged,) = score_out_of_time(file, history, split, [served.bundle], sheets)
        judged.refuse_seen()
        # Lines are several to a feature.
        room = Room.of(file, served.bundle.recipe.plan, sheets)
        with fitting_rows(
            history.engine, split.train, split.outcomes, replace(room, columns=4 * room.columns)
        ) as rows:
            sheet, learned_from, tried = _sheet(file, history, rows, served.bundle, path, most, progress)
        progress("Judging", 0, 0)
        ranks = _ranks(history, judged, sheet)
    model = JudgedRows.of(judged.model_frame())
    priced = price(model, ranks, file.project.judge.capacity)
    notes = tuple(
        note
        for note in (
            rows.sample and rows.sample.message,
            judged.sample and judged.sample.message,
            *served.cautions,
        )
        if note
    )
    result = LearnedSheet(
        sheet=sheet,
        path=path,
        rows=len(learned_from),
        leads=int(learned_from["lead_id"].nunique()),
        conversions=int(learned_from.loc[learned_from["label"] == 1, "lead_id"].nunique()),
        candidates=tried,
        price=priced,
        version=served.display_name,
        test_from=history.shown(split.test_from),
        yours=sheets.sheets[0].name if sheets else None,
        notes=notes,
    )
    write_text(path, _header(result) + yaml_text(sheet))
    return result


def _sheet(
    file: ProjectFile,
    history: History,
    rows: FittingRows,
    bundle: Bundle,
    path: Path,
    most: int,
    progress: Progress,
) -> tuple[Sheet, pd.DataFrame, int]:
    """The sheet, the rows it was learned from, and how many lines were tried."""
    spine = history.engine.frame(f"SELECT row_id, lead_id, as_of FROM {rows.spine} ORDER BY row_id")
    label = rows.outcomes["label"].loc[spine["row_id"]].to_numpy(dtype=float)
    weight = None if rows.weight is None else rows.weight.loc[spine["row_id"]].to_numpy(dtype=float)
    progress("Trying lines", 0, 0)
    lines = candidates(history, bundle.recipe.plan, rows.spine, bundle.recipe.dropped)
    matches = match_lines(history, rows.spine, lines)
    progress("Choosing lines", 0, 0)
    scored = score_leads(history, rows.spine, bundle, None)
    says = scored.prediction.table["probability"].loc[spine["row_id"]].to_numpy(dtype=float)
    learned = learn_points(
        matches,
        label,
        pd.factorize(spine["lead_id"])[0],
        columns=[line.column if line.value else "" for line in lines],
        model=says,
        weight=weight,
        most=most,
    )
    _refuse_nothing(learned)
    rate = weighted_mean(label, weight)
    sheet = learned_sheet(
        _name(path),
        _about(history, spine, label),
        lines,
        learned,
        average_log_odds=float(logit(rate)),
        totals=learned.totals(matches),
        weight=weight,
        capacity=file.project.judge.capacity,
    )
    # What is judged is what the file will say.
    read = Sheet.model_validate(yaml.safe_load(yaml_text(sheet)))
    assert read.version == sheet.version
    return read, spine.assign(label=label), len(lines)


def _refuse_nothing(learned: Learned) -> None:
    if not learned.points:
        raise DataError(
            "no line of a sheet is worth points in these data",
            why="none separates converting leads from the others better than chance, so the sheet would be noise",
            fix="see what the data hold: leadlens check CONFIG; wait for more conversions",
        )


def _ranks(history: History, judged: OutOfTime, sheet: Sheet) -> dict[str, Floats]:
    """The rank of each judged row by the project's sheets, if there are any, and by the learned one."""
    spine = judged.scored.spine
    with set_rows(history, zip(spine["lead_id"], spine["as_of"], strict=True)) as rows:
        scores = score_sheet(sheet, history, rows, ledger=False).scores.sort_values("row_id")
    ranks = {LEARNED: scores["total"].to_numpy(dtype=float)}
    if (own := judged.scored.sheet) is not None:
        out = own["disqualified_by"].notna().to_numpy()
        ranks = {YOURS: np.where(out, -np.inf, own["total"].to_numpy(dtype=float)), **ranks}
    return ranks


def _name(path: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    return (name if name[:1].isalpha() else f"sheet_{name}")[:60].rstrip("_")


def _about(history: History, spine: pd.DataFrame, label: Floats) -> str:
    last = history.shown(spine["as_of"].max())
    when = f" to {last:%Y-%m-%d}" if last else ""
    converted = spine.loc[label == 1, "lead_id"].nunique()
    return (
        f"Learned from {spine['lead_id'].nunique():,} leads{when}, {converted:,} of them converted; ten points double "
        "the odds, 50 is the average lead"
    )


def _header(result: LearnedSheet) -> str:
    """Comments at the top of the file."""
    since = f" since {result.test_from:%Y-%m-%d}" if result.test_from else ""
    names = {MODEL: f"model {result.version}"}
    figures = "; ".join(
        f"{names.get(name, name)}: ROC AUC {of['roc_auc']:.3f}, {of['found']:.0f} of {result.price.conversions:,} "
        f"conversions in {result.price.calls:,} calls"
        for name in result.price.names
        for of in [result.price.of(name)]
    )
    return (
        "# Learned by `leadlens scorecard learn`; nothing is scored by it until it is named under `scorecards:`.\n"
        f"# On {result.price.leads:,} out-of-time leads{since}: {figures}.\n"
        "# Change what you like: it is a sheet like any other. Disqualifiers, grades and routes are not learned.\n"
    )

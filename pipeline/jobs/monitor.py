"""`leadlens monitor`: do the scores in service still mean what they say, and are the data what they were?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa

from leadlens.features import DuckDBEngine, History, UsageError, humanize
from leadlens.features.errors import counted
from leadlens.features.history import require_dates
from leadlens.features.spine import kind_filter
from leadlens.models.judging.bands import HOT
from leadlens.models.judging.matured import Matured, Outcome, judge_matured, outcomes_by_band
from leadlens.models.judging.thresholds import STEPS
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.night_profile import data_profile
from leadlens.pipeline.drift.comparing import Difference, compare_data, compare_scores, stale
from leadlens.pipeline.drift.monitoring import Checkpoint, Monitoring, WeekAbove, calibration, inflation
from leadlens.pipeline.drift.profile import Profile
from leadlens.pipeline.drift.watching import FeatureMoves, feature_moves, grade_moves
from leadlens.pipeline.elsewhere import noting_written
from leadlens.pipeline.jobs.target import target_of
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.published.monitored import keep_monitored
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.runs import RunRecord, RunStore, recorded_run
from leadlens.pipeline.runs.record import CHALLENGER_NOTE, now
from leadlens.pipeline.sources.opening import clock_of
from leadlens.pipeline.state import writable_state
from leadlens.pipeline.writeback import parse_target
from leadlens.pipeline.writeback.standing import Standing

_CHECKPOINTS, _MONTH = 6, timedelta(days=30)
_WEEKS, _WEEK = 12, timedelta(days=7)
_COMPARED = 7  # nights
_SOURCES = {"leads": "created_at", "events": "known_at", "conversions": "converted_at"}


@private_files()
@while_at_work
def monitor(
    file: ProjectFile,
    *,
    as_of: datetime | None = None,
    to: str | None = None,
    back: timedelta | None = None,
    out: Path | None = None,
    challenger: bool = False,
    run_id: str | None = None,
    progress: Progress = silent,
) -> Monitoring:
    """Look at the scores that ``score`` wrote to ``to`` (default: the project's target), and at the data as they are now.

    ``back`` says how long ago the scores were written whose outcomes are judged; by default one horizon before the data's
    end. ``as_of`` is today (default: the clock): the age of the data is measured at it, and scores as of later dates are not
    looked at. ``challenger``: the scores are those of the challenger, kept in a target of their own. Writes a page and its JSON; leaves
    a record. Raises ``UsageError`` for a target that has no scores of this
    project, ``DataError`` where no model was trained.
    """
    from leadlens.pipeline.report import refuse_others, write_tables
    from leadlens.pipeline.report.monitor_view import monitor_view

    require_dates(clock_of(file.project), "monitoring")
    folder = out or writable_state() / "reports" / file.project.name
    name = "monitor_challenger" if challenger else "monitor"
    page, payload = folder / f"{name}.html", folder / f"{name}.json"
    refuse_others(page, payload)
    target = parse_target(target_of(file, to))
    records = RunStore(writable_state() / "runs").records()
    standing = Standing(
        target,
        file.project.scores.table,
        file.project.name,
        known=[
            each.target for each in records if each.project == file.project.name and each.status == "done"
        ],
    )
    today = as_of or now()
    with recorded_run(
        file.project.name, folder=writable_state() / "runs", command="monitor", run_id=run_id
    ) as run:
        progress = run.follow(progress)
        if challenger:
            run.note(CHALLENGER_NOTE, True)  # its scores are not those that sales see
        progress("Opening the model", 0, 0)
        served = serving_model(file.project.name, challenger=challenger)
        latest, newest = standing.dates(today)
        progress("Reading the history", 0, 0)
        history = open_history(file)
        run.record.model_version, run.record.data_version = served.display_name, history.version
        nights = _nights(file, target.shown, records)
        watch = _Watch(file, history, served, standing, nights, today, latest)
        if newest > today:
            watch.note(
                f"scores as of {newest:%Y-%m-%d %H:%M} were written too: later than {today:%Y-%m-%d %H:%M}, and not looked at"
            )
        found = watch.look(run.record.run_id, back, progress, page, payload)
        run.record.rows = found.matured.leads if found.matured else 0
        for each in found.findings:
            run.warn(each.message)
        run.note("alarms", [each.to_dict() for each in found.alarms])
        progress("Writing the report", 0, 0)
        folder.mkdir(parents=True, exist_ok=True)
        with noting_written(file.project.name, "monitor", page, payload):
            write_tables(monitor_view(found), found.to_dict(), page, payload)
        # The challenger in the champion's shadow is not what the page shows.
        if not challenger and file.project.page.publish:
            keep_monitored(file.project.name, found.to_dict() | {"made_at": now()})
    return found


def _nights(file: ProjectFile, target: str, records: list[RunRecord]) -> list[Profile]:
    """What the runs that were written to this target saw, the latest last."""
    own = (file.project.name, target, file.project.scores.table)
    profiles = (
        Profile.from_dict(record.notes.get("profile"))
        for record in records
        if record.status == "done" and (record.project, record.target, record.table) == own
    )
    return sorted((each for each in profiles if each is not None), key=lambda each: each.as_of)


class _Watch:
    def __init__(
        self,
        file: ProjectFile,
        history: History,
        served: Registered,
        standing: Standing,
        nights: list[Profile],
        today: datetime,
        latest: datetime | None,
    ) -> None:
        """``latest``: the as-of date of the latest scores that were written by ``today``."""
        self._file, self._history, self._served = file, history, served
        self._standing, self._nights, self._today, self._latest_scores = standing, nights, today, latest
        self._horizon = file.project.outcome.horizon
        self._notes: list[str] = []

    def note(self, note: str) -> None:
        """Say it beside what is found."""
        self._notes.append(note)

    def look(
        self, run_id: str, back: timedelta | None, progress: Progress, page: Path, payload: Path
    ) -> Monitoring:
        history, project = self._history, self._file.project
        if back is not None and back < self._horizon:
            raise UsageError(
                "what became of such scores is not known yet",
                value=humanize(back),
                where="--back",
                why=f"a lead has {humanize(self._horizon)} to convert",
                fix=f"look back {humanize(self._horizon)} or more",
            )
        # Outcomes are known until the data's end; scores may stand as of a later date, such as the midnight after it.
        end = min(history.data_end, self._today)
        as_of = max(end, self._latest_scores or end)
        looked_back = end - (back or self._horizon)
        progress("Judging the scores whose horizon is over", 0, 0)
        matured, outcomes = self._matured(looked_back)
        progress("Counting leads above the threshold", 0, 0)
        checkpoints = tuple(self._checkpoints(as_of, end))
        weeks = tuple(self._weeks(as_of, end))
        progress("Comparing the data with the training and the last nights", 0, 0)
        drift, moves, scores = self._drift(as_of)
        return Monitoring(
            run_id=run_id,
            project=project.name,
            version=self._served.display_name,
            as_of=as_of,
            looked_back=looked_back,
            matured=matured,
            checkpoints=checkpoints,
            outcomes=tuple(outcomes),
            scores=scores,
            weeks=weeks,
            capacity=project.judge.capacity,
            features=tuple(moves),
            sources={table: self._latest(table, end) for table in _SOURCES},
            findings=(
                *stale(history.data_end, self._today, project.drift),
                *(() if matured is None else calibration(matured, looked_back, project.drift)),
                *inflation(checkpoints, project.judge.capacity, project.drift),
                *drift,
            ),
            notes=(*self._notes, *self._served.cautions),
            page=page,
            json=payload,
        )

    def _matured(self, date: datetime) -> tuple[Matured | None, list[Outcome]]:
        if self._file.project.outcome.column is not None:
            self._notes.append(
                "flat data say whether leads converted and not when: past scores are not judged"
            )
            return None, []
        rows = self._standing.on(date)
        if rows.empty:
            self._notes.append(
                f"no score was written by {date:%Y-%m-%d}: there is none whose horizon is over"
            )
            return None, []
        known = self._served.bundle.recipe.knows_to
        if known > date:
            self._notes.append(
                f"{self._served.display_name} learned from outcomes until {known:%Y-%m-%d}; figures for scores as of an earlier date look better than they are"
            )
        converted = self._converted(rows["lead_id"], date)
        left = converted.eq("before")
        if left.any() and not self._file.project.spine.repeat:
            self._notes.append(
                f"{counted(int(left.sum()), 'lead')} had converted by {date:%Y-%m-%d} and were still listed as open: not counted"
            )
            rows, converted = rows[~left.to_numpy()], converted[~left]
        within = converted.eq("within")
        by_band = outcomes_by_band(rows["score"], rows["probability"], within) if len(rows) else []
        return judge_matured(rows["probability"], within), by_band

    def _converted(self, leads: pd.Series, date: datetime) -> pd.Series:
        """``before`` the date, ``within`` the horizon from it, or missing, per lead."""
        engine, project = self._history.engine, self._file.project
        assert isinstance(engine, DuckDBEngine), "a prepared history is opened by DuckDB"
        literal = engine.dialect.literal
        begins, ends = literal(date), literal(date + self._horizon)
        kinds = kind_filter(self._history, project.outcome.kind, "c")
        before = "FALSE" if project.spine.repeat else f"bool_or(c.converted_at < {begins})"
        engine.connection.register(
            "standing_leads", pa.table({"lead_id": pa.array(leads.tolist(), pa.string())})
        )
        try:
            found = engine.connection.execute(
                f"""
                SELECT s.lead_id,
                  CASE
                    WHEN {before} THEN 'before'
                    WHEN bool_or(c.converted_at >= {begins} AND c.converted_at < {ends}) THEN 'within'
                  END AS converted
                FROM standing_leads AS s
                LEFT JOIN conversions AS c ON c.lead_id = s.lead_id{kinds}
                GROUP BY s.lead_id
                """
            ).fetchall()
        finally:
            engine.connection.unregister("standing_leads")
        return leads.map(dict(found)).fillna("")

    def _checkpoints(self, as_of: datetime, end: datetime) -> Iterator[Checkpoint]:
        """Open leads at ``as_of`` and by months before; who converted, where the horizon was over at the data's ``end``."""
        for back in range(_CHECKPOINTS, -1, -1):
            date = as_of - back * _MONTH
            rows = self._standing.on(date)
            if rows.empty:
                continue
            over = date + self._horizon <= end and self._file.project.outcome.column is None
            converted = int(self._converted(rows["lead_id"], date).eq("within").sum()) if over else None
            staged = rows["rule_stage"].dropna()
            yield Checkpoint(
                date=date,
                leads=len(rows),
                hot=int((rows["score"] >= HOT).sum()),
                mql=int(staged.isin(["MQL", "SQL"]).sum()) if len(staged) else None,
                converted=converted,
            )

    def _weeks(self, as_of: datetime, end: datetime) -> Iterator[WeekAbove]:
        """Open leads by weeks before ``as_of``, above each threshold of the score and above the one that the sheet had then."""
        for back in range(_WEEKS, -1, -1):
            date = as_of - back * _WEEK
            rows = self._standing.on(date)
            if rows.empty:
                continue
            over = date + self._horizon <= end and self._file.project.outcome.column is None
            within = self._converted(rows["lead_id"], date).eq("within") if over else None
            above: dict[int | None, pd.Series] = {cut: rows["score"] >= cut for cut in STEPS}
            if rows["rule_stage"].notna().any():
                above[None] = rows["rule_stage"].isin(["MQL", "SQL"])
            for cut, there in above.items():
                converted = None if within is None else int((within & there).sum())
                yield WeekAbove(
                    date=date, cut=cut, leads=len(rows), above=int(there.sum()), converted=converted
                )

    def _drift(self, as_of: datetime) -> tuple[list[Difference], list[FeatureMoves], FeatureMoves | None]:
        """Today's data against the last nights and the training; the scores as the latest night saw them."""
        project, reference = self._file.project, self._served.bundle.reference
        today = data_profile(self._history, as_of)
        nights = [each for each in self._nights if each.as_of <= self._today]
        found = compare_data(today, reference, nights[-_COMPARED:], project.drift)
        if reference is None:
            self._notes.append(
                "this model keeps no profile of its training data: train again to compare with it"
            )
        if not nights:
            self._notes.append(
                "no run that was written from here is known, so scores are not compared with the last nights"
            )
            return found, [], None
        latest, before = nights[-1], nights[:-1][-_COMPARED:]
        found += compare_scores(latest, reference, before, project.drift)
        return found, feature_moves(latest, reference, before), grade_moves(latest, reference, before)

    def _latest(self, table: str, end: datetime) -> datetime | None:
        column, literal = _SOURCES[table], self._history.engine.dialect.literal
        value = self._history.engine.value(
            f"SELECT max({column}) FROM {table} WHERE {column} <= {literal(end)}"
        )
        return None if value is None else datetime.fromisoformat(str(value))

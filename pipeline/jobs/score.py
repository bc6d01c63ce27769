"""`leadlens score`: every open lead through the serving model and the sheet, written back in one go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

from leadlens.features.engines.spark_session import check_ready
from leadlens.features.errors import UsageError
from leadlens.features.secrets import has_literal_secret
from leadlens.features.spine import count_left_out
from leadlens.models.scorecard import ScorecardSet
from leadlens.pipeline.cluster import Workers, engine_settings, workers_of
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.config.parts import read_as_of
from leadlens.pipeline.crm.destination import is_destination
from leadlens.pipeline.crm.http import Patience
from leadlens.pipeline.dataset.departures import why_left
from leadlens.pipeline.dataset.night_gate import NightGate, left_out
from leadlens.pipeline.dataset.old_leads import OldLeads
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.protected import model_uses
from leadlens.pipeline.elsewhere import noting_written
from leadlens.pipeline.jobs.layouts import layout_of
from leadlens.pipeline.jobs.past_run import HISTORY_NOTE
from leadlens.pipeline.jobs.push import check_destination, example_records, push_after_scoring
from leadlens.pipeline.jobs.scoring import Scoring, Tally
from leadlens.pipeline.jobs.target import (
    as_target,
    left_behind,
    missing_folder,
    shown_elsewhere,
    shown_target,
    target_of,
)
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.night import Night, scored_parts
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.published.people import last_verdicts, rules_kept_short, shown_columns
from leadlens.pipeline.published.publishing import Publishing
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.runs import RecordedRun, recorded_run
from leadlens.pipeline.runs.record import CHALLENGER_NOTE, RunRecord, now
from leadlens.pipeline.scorecards.project import SHEET_CHANGED, load_sheets, notes_of
from leadlens.pipeline.state import state_folder, state_is_writable
from leadlens.pipeline.webhooks.announcing import announcer
from leadlens.pipeline.writeback import RunManifest, parse_target, report_runs, stage_scores
from leadlens.pipeline.writeback.layout import Layout

_READ_ONLY = (
    "the state folder is read-only: this run leaves no record for later runs to be compared with, and a history with "
    "anything new is read from its sources each time"
)


@private_files()
@while_at_work
def score(
    file: ProjectOrPath,
    *,
    as_of: str | date | None = None,
    to: str | Path | None = None,
    dry_run: bool = False,
    force: str | None = None,
    replace_newer: bool = False,
    challenger: bool = False,
    run_id: str | None = None,
    watch: Callable[[RunRecord], None] | None = None,
    layout: str | None = None,
    create_fields: bool = False,
    patience: Patience | None = None,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> Scoring:
    """Score the leads open at ``as_of`` (default: the data's end) and write them to ``to`` (default: the project's).

    Leads are scored part by part, so that memory does not grow with their number. All scores are written or none;
    writing equal scores again changes nothing. Leads that left are closed. Scores as of a later date are replaced only
    with ``replace_newer``. A night unlike those before is refused, unless ``force`` gives a reason; a dry run only says
    so. The champion scores; the challenger if ``challenger`` asks for it, or while there never was a champion. Raises
    ``LeadlensError`` with the target as it was before. The run leaves a record in the state folder, however it ends
    (``leadlens.pipeline.runs``); a dry run does not. ``run_id`` is what it is called, ``watch`` is given the record when it begins.
    ``layout``, ``hubspot`` or ``salesforce``, gives a .csv the columns of that CRM's import.

    Where ``to`` names a CRM, the scores are written to the project's target, and from there pushed to it with
    ``create_fields`` and ``patience`` (``leadlens.pipeline.jobs.push``); that it lacks a field or refuses the token is said before
    anything is scored.

    ``engine`` and ``master`` stand in for the project's own: with ``"spark"`` the workers of a cluster score the parts, by the
    same code; this machine writes them.
    """
    file, at, to = as_project(file), read_as_of(as_of), as_target(to)
    settings = engine_settings(file, engine, master)
    if settings.name == "spark":
        check_ready(settings.master, settings.work, connect=True)  # before the history is read
    crm = to if to is not None and is_destination(to) else None
    if crm is not None:
        to = None
        check_destination(
            file, crm, dry_run=dry_run, challenger=challenger, create_fields=create_fields, patience=patience
        )
    elif create_fields:
        raise UsageError("fields can only be created in a CRM", value="--create-fields", fix="leave it out")
    if force is not None and not isinstance(force, str):
        raise UsageError(
            "writing by force needs a reason",
            value=force,
            why="it is kept with the run",
            fix='say why: force="the reason"',
        )
    laid_out = layout_of(file, to, layout)
    kept = not dry_run and state_is_writable()
    shown, table = shown_target(file, to), file.project.scores.table
    announcing, undelivered = None, list[str]()
    try:
        with (
            recorded_run(
                file.project.name,
                folder=state_folder() / "runs",
                target=shown,
                table=table,
                kept=kept,
                run_id=run_id,
            ) as run,
            ExitStack() as open_until_written,
        ):
            if challenger:
                run.note(CHALLENGER_NOTE, True)  # its scores are not those that sales see
            if watch is not None:
                watch(run.record)
            if not dry_run and not kept:
                run.warn(_READ_ONLY)
            if kept and (announcing := announcer(file, target_of(file, to), state_folder())) is not None:
                for caution in announcing.cautions():
                    run.warn(caution)
            scoring = _score(
                run,
                file,
                at,
                to,
                dry_run,
                force,
                challenger,
                replace_newer,
                laid_out,
                open_until_written.enter_context(workers_of(file, settings, progress)),
                run.follow(progress),
            )
    finally:
        if announcing is not None:
            undelivered = announcing.announce()
    scoring = replace(scoring, warnings=(*scoring.warnings, *undelivered))
    if crm is None:
        return scoring
    if dry_run:
        rows = scoring.table.sort_by([("score", "descending"), ("lead_id", "ascending")]).slice(0, 10)
        return replace(scoring, pushed=example_records(file, crm, rows.to_pylist()))
    return replace(scoring, pushed=push_after_scoring(file, crm, patience=patience, progress=progress))


def _score(
    run: RecordedRun,
    file: ProjectFile,
    as_of: datetime | None,
    to: str | None,
    dry_run: bool,
    force: str | None,
    challenger: bool,
    replace_newer: bool,
    layout: Layout | None,
    workers: Workers | None,
    progress: Progress,
) -> Scoring:
    record, stages = run.record, run.stages
    target = target_of(file, to)
    place = parse_target(target)
    record.target, made = place.shown, None
    if not dry_run:
        made = missing_folder(place)
        progress(f"Looking at {record.target}", 0, 0)
        run.report_to(partial(report_runs, target, record.table, layout=layout))
    for warning in left_behind(file, to):
        run.warn(warning)
    progress("Opening the model", 0, 0)
    with stages("model"):
        served = serving_model(file.project.name, challenger=challenger)
    if served.alias != "champion" and not challenger:
        run.warn("no champion yet: the challenger scores (leadlens promote makes it champion)")
    for caution in served.cautions:
        run.warn(caution)
    progress("Reading the history", 0, 0)
    with stages("read"):
        prepared = open_prepared(file, workers=workers)
        with prepared.history() as history:
            moment, findings = history.moment(as_of), history.findings
            objected, finished = count_left_out(history, moment, spine_policy(file.project))
            shown, data_end = history.shown(moment), history.data_end
            # A wrong name there stops the run before anything is scored.
            known_by = shown_columns(history, file.project.page)
    kept_people = file.project.scores.people
    for name in kept_people:
        if not known_by[name]:
            run.warn(
                f"scores.people asks for {name}, but no column of leads or accounts is known to hold it: name it as page.{name}"
            )
    if to is not None and has_literal_secret(to):
        run.warn(
            "the password after --to is in the list of processes and in the shell's history: write '${NAME}' in its place"
        )
    gate = NightGate(
        run,
        limits=file.project.drift,
        reference=served.bundle.reference,
        now=as_of or now(),
        refuses=not dry_run,
        force=force,
    )
    as_of = moment
    sheets, sheet_notes = load_sheets(file), notes_of(file)
    for warning in (
        *(finding.message for finding in findings if finding.level == "warning"),
        *file.notes,
        *file.literal_secrets,
        *sheet_notes,
        *_stale_sheets(sheets, served.bundle.recipe.sheet_version),
        *_seen_future(served, shown),
        *filter(None, [model_uses(served.bundle.recipe.plan, file.project)]),
    ):
        run.warn(warning)
    # Without dates in the data a score is as of the run: nothing else about it has a time.
    record.as_of, record.model_version = shown or record.started_at, served.display_name
    record.scorecard_version = "" if sheets is None else f"{sheets.name} {sheets.version}"
    record.config_fingerprint, record.data_version = file.fingerprint, prepared.version
    run.note(HISTORY_NOTE, prepared.folder.path.name)
    policy = spine_policy(file.project)
    if shown:
        gate.check_age(data_end)
    tally, written = Tally(), None
    old = OldLeads.of(file.project, served.bundle.recipe.spine)
    staging = (
        nullcontext()
        if dry_run
        else stage_scores(
            target,
            table=record.table,
            run=RunManifest.of(
                record, replace_newer=replace_newer, people=tuple(f"lead_{name}" for name in kept_people)
            ),
            folder=state_folder() / "written" if state_is_writable() else None,
            layout=layout,
        )
    )
    # A target with newer scores says so before nights are compared: of an older date, less data are no fault.
    # The challenger in the champion's shadow is for whoever compares them, not for sales.
    shows = not dry_run and not challenger and file.project.page.publish and state_is_writable()
    if shows and (other := shown_elsewhere(file, to)) is not None:
        run.warn(
            f"the page goes on showing the scores in {other}: these go elsewhere; to show them, name their target as scores.to"
        )
        shows = False
    publishing = Publishing(file, record.run_id) if shows else nullcontext()
    with staging as staged, publishing as copy:
        progress("Comparing with the nights before", 0, 0)
        with stages("drift"), prepared.history() as history:
            gate.check_data(history, as_of, left_out(objected, finished))
        night = Night(
            file=file,
            prepared=prepared,
            bundle=served.bundle,
            sheets=sheets,
            as_of=as_of,
            written_as_of=None if shown else record.as_of,
            people=kept_people,
            published=copy is not None,
        )
        for scored in scored_parts(night, workers, stages, progress):
            gate.add(scored.tally)
            old.add(scored.old)
            tally.add(scored.rows)
            tally.long_ledgers += scored.long_ledgers
            tally.undecided += scored.undecided
            if staged is not None:
                with stages("write", len(scored.rows)):
                    staged.add(scored.rows)
            if copy is not None and scored.people is not None:
                with stages("publish", len(scored.rows)):
                    copy.add(scored.rows, scored.people, scored.sheet_score)
        gate.check_scores()
        for warning in (*old.warnings(), *tally.warnings()):
            run.warn(warning)
        if staged is not None:
            progress(f"Writing to {record.target}", 0, 0)
            with stages("write"):
                files = [place.path] if place.url is None else []
                is_database = place.kind == "duckdb"
                with noting_written(file.project.name, "score", *files, database=is_database):
                    written = staged.commit(
                        stages.to_list(), record.warnings, partial(why_left, prepared, as_of, policy)
                    )
            record.rows, record.inserted, record.closed = written.rows, written.inserted, written.closed
            record.updated, record.unchanged = written.updated, written.unchanged
        if copy is not None:
            progress("Publishing for the page", 0, 0)
            facts = {
                "project": file.project.name,
                "about": file.project.about,
                "as_of": record.as_of,
                "dated": shown is not None,
                "data_end": data_end,
                "scored_at": now(),
                "model": record.model_version,
                "alias": served.alias,
                "sheet": record.scorecard_version,
                "leads": tally.leads,
                "objected": objected,
                # Which version of a sheet scores is for the operator: the page shows versions itself.
                "warnings": [text for text in record.warnings if text not in sheet_notes],
            }
            with stages("publish"):
                with prepared.history() as history:
                    verdicts = last_verdicts(history)
                    facts["kept_short"] = rules_kept_short(history, file.project.page, sheets)
                kept = copy.publish(
                    facts,
                    partial(why_left, prepared, as_of, policy),
                    verdicts=verdicts,
                    replace_newer=replace_newer,
                )
            shows = kept is None
            if kept is not None:
                run.warn(kept)
    return Scoring(
        project=file.project.name,
        as_of=shown,
        version=served.display_name,
        alias=served.alias,
        run_id=record.run_id,
        data_version=prepared.version,
        leads=tally.leads,
        objected=objected,
        finished=finished,
        grades=dict(tally.grades),
        table=tally.table(),
        written=written,
        warnings=tuple(record.warnings),
        stages=tuple(stages.to_list()),
        differences=tuple(gate.differences),
        published=shows,
        made_folder=None if made is None else str(made),
    )


def _stale_sheets(sheets: ScorecardSet | None, learned: str) -> list[str]:
    """Whether the sheets are those that the model starts from (their version when it was trained)."""
    if sheets is None and learned:
        return [
            "the project no longer names a score sheet, but the model starts from the points of one: train again"
        ]
    if sheets is not None and sheets.version != learned:
        return [SHEET_CHANGED]
    return []


def _seen_future(served: Registered, as_of: datetime | None) -> list[str]:
    """Whether the model has learned from what happened after ``as_of``; ``None`` where the data have no dates."""
    known = served.bundle.recipe.knows_to
    if as_of is None or as_of >= known:
        return []
    return [
        f"{served.display_name} has seen this future: it learned from what became of leads until {known:%Y-%m-%d %H:%M}, after "
        f"{as_of:%Y-%m-%d %H:%M}. These are not the scores that it would have given then, and look better than they are"
    ]

"""Commands that look back at what models did, or would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from leadlens.pipeline.cli.options import (
    Config,
    Json,
    LogFile,
    LogFormat,
    MetricsFile,
    as_timestamp,
    load,
    print_result,
)


def backtest(
    config: Config,
    every: Annotated[str, typer.Option("--every", help="Time between dates, such as 30d or 4w.")] = "30d",
    periods: Annotated[int, typer.Option("--periods", min=1, max=200, help="Number of dates at most.")] = 12,
    calls: Annotated[
        int | None,
        typer.Option(
            "--calls",
            min=1,
            help="Calls per week; by default judge.capacity of a week's leads.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="Optuna trials at each date; 1 means the default settings.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for backtest.html and backtest.json.", show_default=False),
    ] = None,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Train and judge at past dates, as it would have happened.

    Uses at each date only what was known by then, and compares the model with the sheet, the base rate and the previous date's
    model, at equal calls per week. Registers nothing. Leaves out dates with too few conversions, and names them.
    """
    from leadlens.features.durations import parse_duration
    from leadlens.pipeline.cli.render.routine import render_backtest
    from leadlens.pipeline.jobs.backtest import backtest as job
    from leadlens.pipeline.logs import logged

    step = parse_duration(every, "--every")
    with logged("backtest", log_format, log_file) as (log, progress):
        result = job(
            load(config),
            every=step,
            periods=periods,
            calls=calls,
            trials=trials,
            out=out,
            run_id=log.run_id,
            progress=progress,
        )
        log.warnings(result.tests.notes)
    print_result(as_json, result.to_dict(), lambda: render_backtest(result))


def monitor(
    config: Config,
    to: Annotated[
        str | None,
        typer.Option("--to", help="Where scores were written; by default scores.to.", show_default=False),
    ] = None,
    back: Annotated[
        str | None,
        typer.Option(
            "--back",
            help="Judge the scores in force this long ago, e.g. 90d; by default one horizon.",
            show_default=False,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of", help="Take this as today (UTC), for data that ended in the past.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for monitor.html and monitor.json.", show_default=False),
    ] = None,
    challenger: Annotated[
        bool,
        typer.Option("--challenger", help="Watch shadow scores: those of `score --challenger --to …`."),
    ] = False,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    metrics_file: MetricsFile = None,
    as_json: Json = False,
) -> None:
    """Watch scores in service and the data; exit code 1 on alarm.

    Looks at what became of earlier scores, expected against observed conversions, a growing share of leads above the threshold,
    drift from training and from recent nights, event types that vanished, and stale sources.
    """
    from leadlens.features.durations import parse_duration
    from leadlens.pipeline.cli.measured import monitored
    from leadlens.pipeline.cli.render.routine import render_monitor
    from leadlens.pipeline.jobs.monitor import monitor as job
    from leadlens.pipeline.logs import logged

    length = None if back is None else parse_duration(back, "--back")
    with logged("monitor", log_format, log_file) as (log, progress), monitored(metrics_file, config) as keep:
        file = load(config)
        result = keep(
            job(
                file,
                as_of=as_timestamp(as_of),
                to=to,
                back=length,
                out=out,
                challenger=challenger,
                run_id=log.run_id,
                progress=progress,
            )
        )
        log.warnings([each.message for each in result.findings])
    print_result(as_json, result.to_dict(), lambda: render_monitor(result))
    raise typer.Exit(result.exit_code)


def runs(
    config: Config,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="Number of runs at most.")] = 10,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Only runs to this target; a database is asked too, for the nights of other machines.",
            show_default=False,
        ),
    ] = None,
    command: Annotated[
        Literal["score", "push", "retrain", "backtest", "monitor"],
        typer.Option("--command", help="List the runs of this command."),
    ] = "score",
    as_json: Json = False,
) -> None:
    """List the last nights: how each ended, and what it wrote.

    Reads the records that runs leave in the state folder, also of those that failed, were stopped or killed. Of one run
    (--last 1) all warnings are shown, of several the first. Hours are UTC.
    """
    from leadlens.pipeline.cli.render.runs import render_runs
    from leadlens.pipeline.jobs.list_runs import list_runs as job

    found = job(load(config), last=last, to=to, command=command)
    print_result(as_json, found.to_dict(), lambda: render_runs(found))

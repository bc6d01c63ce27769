"""The command line: every command is one call of a job, its result printed for people or, with --json, as one JSON object."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from leadlens.pipeline.cli import one_lead, people, pulling, registry, routine, scoring, starting
from leadlens.pipeline.cli.options import (
    Config,
    EngineOption,
    Json,
    LogFile,
    LogFormat,
    Master,
    load,
    print_result,
)
from leadlens.pipeline.cli.scorecard import scorecard

# Nothing heavy is imported up here: `leadlens --help` answers in less than half a second.
app = typer.Typer(
    name="leadlens",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(scorecard)
_SIGNALLED = 128  # shells add the number of the signal


def main() -> None:
    """Run the command line; ``leadlens.pipeline.exit_codes`` says what its exit codes mean."""
    from leadlens.pipeline.stopping import Stopped, stoppable

    with stoppable():
        try:
            code = app(standalone_mode=False)
        except (Exception, KeyboardInterrupt, Stopped) as error:
            code = _fail(error)
    if code and code > _SIGNALLED:
        print("stopped; nothing is lost: run the same command again to resume", file=sys.stderr)
    sys.exit(code or 0)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"leadlens {version('leadlens')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Two lenses on every lead: the points marketing wrote by hand, and what past conversions say."""


app.command(epilog="Example: leadlens init my_leads --from crm_export/")(starting.init)


@app.command(epilog="Example: leadlens check my_leads")
def check(
    config: Config,
    only_read: Annotated[
        bool,
        typer.Option("--only-read", help="Only bring the prepared history up to date and report on it."),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read all sources again and compare with the prepared history; exit code 1 if they differ.",
        ),
    ] = False,
    engine: EngineOption = None,
    master: Master = None,
    as_json: Json = False,
) -> None:
    """Report on project file and data, and whether they suffice.

    Counts, spans, rates, missing values, suspect columns, settings that match nothing, and how many more
    conversions would help.
    """
    from leadlens.pipeline.cli.render.jobs import render_check, render_reading
    from leadlens.pipeline.progress import shown

    if only_read or verify:
        from leadlens.pipeline.jobs.read import read

        with shown() as progress:
            reading = read(load(config), verify=verify, engine=engine, master=master, progress=progress)
        print_result(as_json, reading.to_dict(), lambda: render_reading(reading))
        if reading.differences:
            raise typer.Exit(1)
        return
    from leadlens.pipeline.jobs.check import check as job

    with shown() as progress:
        result = job(load(config), engine=engine, master=master, progress=progress)
    print_result(as_json, result.to_dict(), lambda: render_check(result))


@app.command(epilog="Example: leadlens features my_leads --out matrix")
def features(
    config: Config,
    explain: Annotated[bool, typer.Option("--explain", help="Print the SQL instead.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder to write the training matrix into, for `train --matrix`; or one .parquet file of all rows.",
        ),
    ] = None,
    engine: EngineOption = None,
    master: Master = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show rows and seconds of every step.")] = False,
    as_json: Json = False,
) -> None:
    """List the features that `train` uses, or write them to a file.

    Name, label, family and how each is computed; --explain prints the SQL instead.
    """
    from leadlens.pipeline.cli.render.jobs import render_features, render_steps
    from leadlens.pipeline.jobs.list_features import list_features
    from leadlens.pipeline.progress import shown

    with shown() as progress:
        result = list_features(load(config), out, debug, engine, master, progress)
    print_result(
        as_json,
        result.to_dict(),
        lambda: render_steps(result) if explain else render_features(result),
        blocks=explain,
    )


@app.command(epilog="Example: leadlens train my_leads --trials 40")
def train(
    config: Config,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Optuna trials in all.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes", help="Start no trial after this many minutes; without --trials, run as many as fit."
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes", min=1, max=256, help="Processes that search at the same time, in one study."
        ),
    ] = 1,
    matrix: Annotated[
        Path | None, typer.Option("--matrix", help="Read the rows that `features --out` wrote here.")
    ] = None,
    curve: Annotated[
        bool,
        typer.Option("--learning-curve", help="Also train on growing shares of the leads, for the report."),
    ] = False,
    engine: EngineOption = None,
    master: Master = None,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Tune, train, judge out of time, and register a challenger.

    You can stop it with Ctrl-C; the next run resumes the study where it left off.
    """
    from leadlens.pipeline.cli.render.jobs import render_experiment, render_training
    from leadlens.pipeline.jobs.train import Training
    from leadlens.pipeline.jobs.train import train as job
    from leadlens.pipeline.logs import logged

    with logged("train", log_format, log_file) as (_, progress):
        result = job(
            load(config),
            trials=trials,
            minutes=minutes,
            processes=processes,
            matrix=matrix,
            curve=curve,
            engine=engine,
            master=master,
            progress=progress,
        )
    print_result(
        as_json,
        result.to_dict(),
        lambda: (
            render_training(result, str(config))
            if isinstance(result, Training)
            else render_experiment(result)
        ),
    )


@app.command(epilog="Example: leadlens compare my_leads --out report")
def compare(
    config: Config,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.html, its JSON and its list of leads.")
    ] = None,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Judge rules and model on the same out-of-time leads.

    Writes one HTML page, its JSON, and a list of the leads. Without a score sheet, they cover the model alone.
    """
    from leadlens.pipeline.cli.render.jobs import render_comparison
    from leadlens.pipeline.jobs.compare import compare as job
    from leadlens.pipeline.logs import logged

    with logged("compare", log_format, log_file) as (_, progress):
        result = job(load(config), out=out, progress=progress)
    print_result(as_json, result.to_dict(), lambda: render_comparison(result, str(config)))


app.command(epilog="Example: leadlens explain my_leads L000646 --as-of 2025-06-30")(one_lead.explain)
app.command(epilog="Example: leadlens pull hubspot://contacts my_leads/crm")(pulling.pull)
app.command(epilog="Example: leadlens score-lead my_leads lead.json")(one_lead.score_lead)
app.command(epilog="Example: leadlens person my_leads ann@example.com")(people.person)
app.command(epilog="Example: leadlens forget my_leads ann@example.com --yes")(people.forget)


@app.command(epilog="Example: leadlens audit my_leads --sample 200")
def audit(
    config: Config,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="Past rows to rebuild from the raw history.")
    ] = 50,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed picks the same rows.")] = 0,
    engine: EngineOption = None,
    master: Master = None,
    as_json: Json = False,
) -> None:
    """Look for leaks from the future; exit code 1 if one is proven.

    Rebuilds a sample of past rows from the raw history with plain Python and compares value by value.
    """
    from leadlens.pipeline.cli.render.audit import render_audit
    from leadlens.pipeline.jobs.audit import audit as job
    from leadlens.pipeline.progress import shown

    with shown() as progress:
        result = job(load(config), sample=sample, seed=seed, engine=engine, master=master, progress=progress)
    print_result(as_json, result.to_dict(), lambda: render_audit(result))
    raise typer.Exit(result.exit_code)


app.command(epilog="Example: leadlens score my_leads --to duckdb:///scores.duckdb --as-of 2025-07-01")(
    scoring.score
)
app.command(epilog="Example: leadlens push my_leads --to hubspot://contacts --dry-run")(scoring.push)


@app.command(name="app", epilog="Example: leadlens app my_leads")
def app_command(
    configs: Annotated[list[Path], typer.Argument(help="Project files or folders.", metavar="CONFIG...")],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; any but loopback needs page.sign_in.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8765,
) -> None:
    """Open the page: scores, reasons and rules in a browser.

    Shows the latest scores that `leadlens score` published, until it is stopped with Ctrl-C.
    """
    from leadlens.pipeline.app.command import app as job
    from leadlens.pipeline.cli.render.terminal import print_lines

    def ready(address: str) -> None:
        print_lines([f"The page is at {address}; press Ctrl-C to stop it."])
        sys.stdout.flush()

    job([load(config) for config in configs], host=host, port=port, ready=ready)


app.command(epilog="Example: leadlens promote my_leads")(registry.promote)
app.command(epilog="Example: leadlens retrain my_leads --log-format json")(registry.retrain)
app.command(epilog="Example: leadlens backtest my_leads --every 30d --calls 200")(routine.backtest)
app.command(epilog="Example: leadlens monitor my_leads --back 90d --metrics-file leadlens.prom")(
    routine.monitor
)
app.command(epilog="Example: leadlens runs my_leads --last 14")(routine.runs)
app.command(epilog='Example: leadlens rollback my_leads --reason "calls to students"')(registry.rollback)
app.command(epilog="Example: leadlens models my_leads")(registry.models)


@app.command(epilog="Example: leadlens demo --dir demo --leads 2000")
def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Folder to write the demo worlds into.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same worlds.")] = 7,
    leads: Annotated[int | None, typer.Option("--leads", min=500, help="Leads in each world.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate two worlds, then train, score and compare on them.

    Ends by saying what to open.
    """
    from leadlens.pipeline.cli.render.jobs import render_demo
    from leadlens.pipeline.jobs.demo import run_demo
    from leadlens.pipeline.progress import shown

    with shown() as progress:
        result = run_demo(directory, seed=seed, leads=leads, progress=progress)
    print_result(as_json, result.to_dict(), lambda: render_demo(result))


@app.command(hidden=True)
def schema(directory: Annotated[Path, typer.Argument(help="Folder to write into.")]) -> None:
    """Write the JSON Schemas of project files, score sheets and leads."""
    from leadlens.pipeline.schemas import write_schemas

    for path in write_schemas(directory):
        print(path)


def _fail(error: BaseException) -> int:
    """Print an error for a person or, with --json, for a machine; returns the exit code."""
    import typer.exceptions

    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    from leadlens.pipeline.exit_codes import INTERNAL, as_user_error, exit_code
    from leadlens.pipeline.stopping import Stopped, stopped_by

    if stopped_by() is not None or isinstance(error, typer.Abort | KeyboardInterrupt | Stopped):
        return exit_code(KeyboardInterrupt())
    if isinstance(error, typer.exceptions.TyperException):
        show = getattr(error, "show", None)  # usage errors show the usage beside the message
        show() if show else print(error, file=sys.stderr)
        return 2
    from leadlens.features.errors import LeadlensError
    from leadlens.features.secrets import remember_environment
    from leadlens.pipeline.cli.render.terminal import print_json, print_message

    remember_environment()
    told = getattr(error, "logged", False)  # standard error is read by a machine
    error = as_user_error(error)
    if isinstance(error, LeadlensError):
        if "--json" in sys.argv:
            print_json(error.as_dict())
        if not told:
            print_message(str(error))
        return exit_code(error)
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if os.environ.get("LEADLENS_DEBUG"):
        import traceback

        print_message("".join(traceback.format_exception(error)).rstrip("\n"))
        return INTERNAL
    if told:
        return INTERNAL
    print_message(
        f"this is an error in leadlens, not in what you did: {type(error).__name__}: {error}\n"
        "  how to fix it: run it again with LEADLENS_DEBUG=1 and report what it prints"
    )
    return INTERNAL

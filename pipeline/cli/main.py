"""The command line: every command is one call of a job, told in words or, with --json, as one JSON object."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsOf, Config, Json, load, moment, tell
from pipeline.cli.scorecard import scorecard

# Nothing heavy is imported up here: `leadlens --help` answers in less than half a second.
app = typer.Typer(
    name="leadlens",
    help="Two lenses on every lead: the points marketing wrote by hand, and what past conversions say.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(scorecard)
_STOPPED = 130  # what shells expect after Ctrl-C


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 refused by the data or a gate, 2 wrong use."""
    try:
        code = app(standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        code = _fail(error)
    if code == _STOPPED:
        print("stopped; nothing is lost: run the same command again and it goes on", file=sys.stderr)
    sys.exit(code or 0)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Folder to write the starter into.")],
    as_json: Json = False,
) -> None:
    """Write a commented project file, a score sheet and a tiny example CSV."""
    from pipeline.starter import write_starter

    written = write_starter(directory)
    tell(
        as_json,
        {"written": [str(path) for path in written]},
        lambda: [*(f"wrote {path}" for path in written), "", f"next: leadlens check {directory}"],
    )


@app.command()
def check(config: Config, as_json: Json = False) -> None:
    """Read config and data; report counts, spans, rates, gaps, suspects, and whether there is enough to learn from."""
    from pipeline.cli.render.jobs import render_check
    from pipeline.jobs.check import check as job

    found = job(load(config))
    tell(as_json, found.to_dict(), lambda: render_check(found))


@app.command()
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
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="duckdb or spark; by default what the project file says, else duckdb."),
    ] = None,
    master: Annotated[
        str | None, typer.Option("--master", help="Where Spark runs: local[4], spark://host:7077, yarn.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Tell rows and seconds of every step.")] = False,
    as_json: Json = False,
) -> None:
    """List the features: name, what it tells, family, and how it is computed."""
    from pipeline.cli.render.jobs import render_features
    from pipeline.jobs.list_features import list_features
    from pipeline.progress import shown

    with shown() as progress:
        found = list_features(load(config), out, debug, engine, master, progress)
    tell(
        as_json,
        found.to_dict(),
        lambda: (
            [f"-- {step.name}\n{step.sql};\n" for step in found.steps] if explain else render_features(found)
        ),
    )


@app.command()
def train(
    config: Config,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Optuna trials in all.")] = None,
    matrix: Annotated[
        Path | None, typer.Option("--matrix", help="Read the rows that `features --out` wrote here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tune, train, judge on later leads and register a challenger. Stop with Ctrl-C; run again to go on."""
    from pipeline.cli.render.jobs import render_training
    from pipeline.jobs.train import train as job
    from pipeline.progress import shown

    with shown() as progress:
        done = job(load(config), trials=trials, matrix=matrix, progress=progress)
    tell(as_json, done.to_dict(), lambda: render_training(done, str(config)))


@app.command()
def compare(
    config: Config,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for report.html and report.json.")] = None,
    as_json: Json = False,
) -> None:
    """Judge rules and model on the same later leads; write one HTML page and its JSON."""
    from pipeline.jobs.compare import compare as job
    from pipeline.progress import shown

    with shown() as progress:
        done = job(load(config), out=out, progress=progress)
    tell(as_json, done.to_dict(), lambda: [*done.comparison.story(), "", f"open {done.page}"])


@app.command()
def explain(
    config: Config,
    lead: Annotated[str, typer.Argument(help="The lead's id.")],
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Both lenses on one lead: the sheet's dated ledger and the model's reasons, each summing to its score."""
    from pipeline.cli.render.jobs import render_explanation
    from pipeline.jobs.explain import explain as job

    found = job(load(config), lead, as_of=moment(as_of))
    tell(as_json, found.to_dict(), lambda: render_explanation(found))


@app.command()
def audit(
    config: Config,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="Past rows to rebuild from the raw history.")
    ] = 50,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds take the same rows.")] = 0,
    as_json: Json = False,
) -> None:
    """Rebuild past rows from the raw history and look for leaks from the future; exit code 1 if one is proven."""
    from pipeline.cli.render.audit import render_audit
    from pipeline.jobs.audit import audit as job
    from pipeline.progress import shown

    with shown() as progress:
        found = job(load(config), sample=sample, seed=seed, progress=progress)
    tell(as_json, found.to_dict(), lambda: render_audit(found))
    raise typer.Exit(found.exit_code)


@app.command()
def score(
    config: Config,
    as_of: AsOf = None,
    to: Annotated[
        str | None, typer.Option("--to", help="duckdb:///file, postgresql://…, or a .parquet or .csv path.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Score, but write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Score every open lead with the champion (else the challenger) and write the scores back."""
    from pipeline.cli.render.jobs import render_scoring
    from pipeline.jobs.score import score as job
    from pipeline.progress import shown

    with shown() as progress:
        done = job(load(config), as_of=moment(as_of), to=to, dry_run=dry_run, progress=progress)
    tell(as_json, done.to_dict(), lambda: render_scoring(done))


@app.command()
def promote(
    config: Config,
    force: Annotated[
        str | None, typer.Option("--force", metavar="REASON", help="Promote although the gate refuses.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the challenger champion, if it holds its own against the champion (else the sheet) on later leads."""
    from pipeline.jobs.promote import promote as job
    from pipeline.progress import shown

    with shown() as progress:
        done = job(load(config), force=force, progress=progress)
    tell(as_json, done.to_dict(), lambda: done.words)


@app.command()
def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Where the demo worlds go.")] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal worlds.")] = 7,
    leads: Annotated[int | None, typer.Option("--leads", min=500, help="Leads in each world.")] = None,
    as_json: Json = False,
) -> None:
    """Simulate two worlds, then train, score and compare on them; say what to open."""
    from pipeline.jobs.demo import run_demo
    from pipeline.progress import shown

    with shown() as progress:
        done = run_demo(directory, seed=seed, leads=leads, progress=progress)
    tell(as_json, done.to_dict(), lambda: done.words)


@app.command(hidden=True)
def schema(directory: Annotated[Path, typer.Argument(help="Folder to write into.")]) -> None:
    """Write the JSON Schemas of project files and score sheets, for editors."""
    from pipeline.schemas import write_schemas

    for path in write_schemas(directory):
        print(path)


def _fail(error: BaseException) -> int:
    """Tell an error to a person or, with --json, to a machine; returns the exit code."""
    import typer.exceptions

    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        return _STOPPED
    if isinstance(error, typer.exceptions.TyperException):
        show = getattr(error, "show", None)  # usage errors show the usage beside the message
        show() if show else print(error, file=sys.stderr)
        return 2
    from features.errors import LeadlensError, masked

    if isinstance(error, LeadlensError):
        if "--json" in sys.argv:
            print(json.dumps(error.as_dict(), ensure_ascii=False, default=str))
        print(error, file=sys.stderr)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if os.environ.get("LEADLENS_DEBUG"):
        raise error
    print(
        f"leadlens met an error of its own, not of yours: {type(error).__name__}: {masked(str(error))}\n"
        "  how to fix it: run again with LEADLENS_DEBUG=1 and report what it prints",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    main()

"""Commands about one person: what is stored of them, and how they are forgotten."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from leadlens.pipeline.cli.options import Config, Json, load, print_result

Lead = Annotated[str, typer.Argument(help="The lead's id, e-mail address or name.")]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--to", help="Another target that scores were written to; repeatable; scores.to is always searched."
    ),
]


def person(config: Config, lead: Lead, to: Targets = None, as_json: Json = False) -> None:
    """Show all that is stored about a lead, and explain its score.

    Row by row: the history, current and earlier scores, verdicts, the page's log, what a push keeps, and files that mention the lead.
    Where a stored score differs from the one computed now, it says why.
    """
    from leadlens.pipeline.cli.render.people import render_person
    from leadlens.pipeline.jobs.person import person as job

    result = job(load(config), lead, to=to or ())
    print_result(as_json, result.to_dict(), lambda: render_person(result))


def forget(
    config: Config,
    lead: Lead,
    to: Targets = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            "--also", help="A file or folder that Leadlens does not know of, such as a download; repeatable."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation; this cannot be undone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove a lead from every store, and keep it from coming back.

    Covers prepared histories, current and earlier scores, copies for the page, reports, verdicts, training artifacts, and files that commands
    wrote where you chose. Lists what you edited and what it cannot reach, for you to handle. Safe to kill: the next call completes it.
    Run `leadlens person` first to see what is stored.
    """
    from leadlens.features import UsageError
    from leadlens.features.errors import UnavailableError
    from leadlens.pipeline.cli.render.people import render_forgotten
    from leadlens.pipeline.jobs.forget import forget as job

    file = load(config)
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "forgetting cannot be undone, and there is no terminal to ask for confirmation",
            value=lead,
            fix="see `leadlens person` first, then add --yes",
        )
    if not yes and not typer.confirm(f"Remove {lead} from every store of {file.project.name}?", err=True):
        raise typer.Abort
    result = job(file, lead, to=to or (), also=also or ())
    print_result(as_json, result.to_dict(), lambda: render_forgotten(result))
    if result.failed:
        raise UnavailableError(
            "some places could not be reached, and may still have the lead",
            value=f"{len(result.failed)}",
            why="the lead is still left out of everything that is read from now on",
            fix="run this again when they can be reached: it resumes where it stopped",
        )

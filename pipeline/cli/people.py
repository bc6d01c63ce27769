"""Commands about one person: what is stored of them, and how they are forgotten."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from leadlens.pipeline.cli.options import Config, Json, load, print_result

Lead = Annotated[str, typer.Argument(help="A lead's id, or the e-mail address or name that it has.")]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--to", help="A further target of scores, as often as needed; scores.to is looked into anyway."
    ),
]


def person(config: Config, lead: Lead, to: Targets = None, as_json: Json = False) -> None:
    """Show all that is stored of a lead, and why its score is so.

    Row by row: the history, scores and earlier scores, verdicts, the page's log, what a push keeps, and files that mention it. Why a score that
    stands somewhere is another than the one computed now.
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
            "--also", help="A file that nothing is known of, such as a download, or a folder of them."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a lead from every store, and keep it from coming back.

    Prepared histories, scores and earlier scores, copies for the page, reports, verdicts, artifacts of trainings, and files that commands wrote
    where you chose. What you edited, and what cannot be reached, is named. Safe to kill: the next call completes it. `leadlens person` shows first what there is.
    """
    from leadlens.features import UsageError
    from leadlens.features.errors import UnavailableError
    from leadlens.pipeline.cli.render.people import render_forgotten
    from leadlens.pipeline.jobs.forget import forget as job

    file = load(config)
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "forgetting cannot be undone, and nobody can be asked here",
            value=lead,
            fix="look at `leadlens person` first, then add --yes",
        )
    if not yes and not typer.confirm(f"Remove {lead} from every store of {file.project.name}?", err=True):
        raise typer.Abort
    result = job(file, lead, to=to or (), also=also or ())
    print_result(as_json, result.to_dict(), lambda: render_forgotten(result))
    if result.failed:
        raise UnavailableError(
            "some places could not be reached, and may still have the lead",
            value=f"{len(result.failed)}",
            why="it is left out of all that is read from now on, all the same",
            fix="run this again when they can be reached: it goes on where it stopped",
        )

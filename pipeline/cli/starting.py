"""`leadlens init`: a project to begin with, made up or out of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadlens.pipeline.cli.options import Json, print_result


def init(
    directory: Annotated[Path, typer.Argument(help="Folder to write the project into.")],
    given: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="EXPORT",
            help="A file or folder exported from a CRM, or a database; it is read in place, not copied.",
            show_default=False,
        ),
    ] = None,
    leads: Annotated[
        str | None,
        typer.Option(
            "--leads",
            help="The file or sheet that holds the leads, if the guess is wrong.",
            show_default=False,
        ),
    ] = None,
    conversion: Annotated[
        str | None,
        typer.Option(
            "--conversion",
            help="The column, value or file that says who converted, if the guess is wrong.",
            show_default=False,
        ),
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option("--domain", help="Your own e-mail domain; repeatable.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a project, from an export or with made-up data.

    With --from, it works out from headers, types and values what is what: leads, conversions, events, edits, columns that are
    filled in later. It prints what it took for what, how sure it is and what to check; at a terminal it asks three questions.
    Without --from, it writes a project file, a score sheet and example CSV files of a car dealer, for you to replace with yours.
    """
    if given is not None:
        _from_export(directory, given, leads, conversion, tuple(domain or ()), as_json)
        return
    if leads or conversion or domain:
        from leadlens.features.errors import UsageError

        raise UsageError(
            "--leads, --conversion and --domain belong to an export",
            why="the starter brings its own data",
            fix=f"leadlens init {directory} --from EXPORT",
        )
    from leadlens.pipeline.starter import write_starter

    written = write_starter(directory)
    print_result(
        as_json,
        {"written": [str(path) for path in written]},
        lambda: [*(f"wrote {path}" for path in written), "", f"next: leadlens check {directory}"],
    )


def _from_export(
    directory: Path,
    given: str,
    leads: str | None,
    conversion: str | None,
    domains: tuple[str, ...],
    as_json: bool,
) -> None:
    import sys

    from leadlens.pipeline.cli.asking import asking_of
    from leadlens.pipeline.cli.render.starting import render_started
    from leadlens.pipeline.progress import shown
    from leadlens.pipeline.starting.writing import init_from

    if sys.stdin.isatty() and sys.stdout.isatty() and not as_json:  # no bar beside questions
        started = init_from(
            directory,
            given,
            leads=leads,
            conversion=conversion,
            domains=domains,
            asking=asking_of(conversion, domains),
        )
    else:
        with shown() as progress:
            started = init_from(
                directory, given, leads=leads, conversion=conversion, domains=domains, progress=progress
            )
    print_result(as_json, started.to_dict(), lambda: render_started(started, str(directory)))

"""The command that brings leads in from a CRM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadlens.pipeline.cli.options import Json, print_result


def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="hubspot://contacts or salesforce://company.my.salesforce.com/Lead.", metavar="CRM"
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder for the files; the next pull continues there.")],
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", help="A lead field to pull; repeatable; by default nearly all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Pull new and changed leads out of HubSpot or Salesforce.

    Writes leads, activities, field histories, and what was merged or deleted, as Parquet files that a project reads. Tokens come
    from the environment.
    """
    from leadlens.pipeline.cli.render.pull import render_pulled
    from leadlens.pipeline.jobs.pull import pull as job

    result = job(source, folder, fields=fields or ())
    print_result(as_json, result.to_dict(), lambda: render_pulled(result))

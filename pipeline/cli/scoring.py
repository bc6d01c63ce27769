"""`leadlens score` and `leadlens push`."""

from __future__ import annotations

from typing import Annotated

import typer

from leadlens.pipeline.cli.options import (
    AsOf,
    Challenger,
    Config,
    EngineOption,
    Json,
    LogFile,
    LogFormat,
    Master,
    MetricsFile,
    as_timestamp,
    load,
    print_result,
)

CreateFields = Annotated[
    bool,
    typer.Option("--create-fields", help="Create the fields that are missing in the CRM (HubSpot)."),
]


def score(
    config: Config,
    as_of: AsOf = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="duckdb:///file, postgresql://…, or a .parquet, .csv or .xlsx path; or a CRM (hubspot://contacts, salesforce://…, "
            "https://…): scores are then written to scores.to and pushed from there.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Score, but neither write nor send anything.")
    ] = False,
    challenger: Challenger = False,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Write even if the night is unlike those before."),
    ] = None,
    replace_newer: Annotated[
        bool,
        typer.Option("--replace-newer", help="Write even if the target has scores as of a later date."),
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="Column layout of a .csv, for import: hubspot or salesforce."),
    ] = None,
    create_fields: CreateFields = False,
    engine: EngineOption = None,
    master: Master = None,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    metrics_file: MetricsFile = None,
    as_json: Json = False,
) -> None:
    """Score every open lead and write the scores back.

    Uses the champion, or the challenger while there is no champion or with --challenger. Writes all scores or none, and only rows
    that changed. Refuses a night that is unlike those before, or unlike what the model learned from.
    """
    from leadlens.pipeline.cli.measured import measured
    from leadlens.pipeline.cli.render.jobs import render_scoring
    from leadlens.pipeline.jobs.score import score as job
    from leadlens.pipeline.logs import logged

    with logged("score", log_format, log_file) as (log, progress), measured(metrics_file, config) as watch:
        result = job(
            load(config),
            as_of=as_timestamp(as_of),
            to=to,
            dry_run=dry_run,
            force=force,
            replace_newer=replace_newer,
            challenger=challenger,
            run_id=log.run_id,
            watch=watch,
            layout=layout,
            create_fields=create_fields,
            engine=engine,
            master=master,
            progress=progress,
        )
        log.warnings(result.warnings)
        written = result.written.as_dict() if result.written else {}
        log.event("info", f"{result.leads:,} open leads scored", leads=result.leads, **_numbers(written))
    print_result(as_json, result.to_dict(), lambda: render_scoring(result, str(config)))
    raise typer.Exit(result.exit_code)


def push(
    config: Config,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="hubspot://contacts, salesforce://company.my.salesforce.com/Lead or https://…; by default crm.to.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show ten examples without connecting to anything.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also send leads that the CRM already has as they are.")
    ] = False,
    create_fields: CreateFields = False,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Send the latest scores to a CRM, and retry what it refused.

    Reads lead_scores, scores nothing, and sends only what differs from what the CRM last acknowledged. You can stop it at any
    time; the next run resumes where it left off. Exit code 1 if the CRM refuses leads, 3 if it does not answer.
    """
    from leadlens.pipeline.cli.render.push import render_push
    from leadlens.pipeline.jobs.push import push as job
    from leadlens.pipeline.logs import logged

    with logged("push", log_format, log_file) as (log, progress):
        result = job(
            load(config),
            to=to,
            dry_run=dry_run,
            everything=everything,
            create_fields=create_fields,
            run_id=log.run_id,
            progress=progress,
        )
        log.event(
            "info",
            f"{result.acknowledged:,} of {result.waiting:,} leads pushed",
            acknowledged=result.acknowledged,
            remaining=result.left,
        )
    print_result(as_json, result.to_dict(), lambda: render_push(result, str(config)))
    raise typer.Exit(result.exit_code)


def _numbers(values: dict[str, object]) -> dict[str, int]:
    return {name: value for name, value in values.items() if isinstance(value, int)}

"""Commands about one lead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadlens.pipeline.cli.options import AsOf, Challenger, Config, Json, as_timestamp, load, print_result


def explain(
    config: Config,
    lead: Annotated[str, typer.Argument(help="The lead's id, e-mail address or name.")],
    as_of: AsOf = None,
    data_version: Annotated[
        int | None,
        typer.Option(
            "--data-version", min=1, help="Replay a past run, given its data_version in scoring_runs."
        ),
    ] = None,
    challenger: Challenger = False,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", help="Explain the score of a past scoring run, given its run_id.", show_default=False
        ),
    ] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Show what one more action would add to both scores instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Explain one lead's score by both lenses, line by line.

    The model's reasons and the sheet's dated ledger, each summing to its score.
    """
    from leadlens.pipeline.cli.render.jobs import render_explanation, render_what_if
    from leadlens.pipeline.jobs.explain import explain as job

    if what_if:
        from leadlens.features import UsageError
        from leadlens.pipeline.jobs.what_if import what_if as tried

        if data_version is not None or run is not None:
            raise UsageError(
                "--what-if asks what would come next, and a past run is over",
                fix="leave --data-version and --run out",
            )
        after = tried(load(config), lead, as_of=as_timestamp(as_of), challenger=challenger)
        print_result(as_json, after.to_dict(), lambda: render_what_if(after))
        return
    result = job(
        load(config),
        lead,
        as_of=as_timestamp(as_of),
        data_version=data_version,
        challenger=challenger,
        run=run,
    )
    print_result(as_json, result.to_dict(), lambda: render_explanation(result))


def score_lead(
    config: Config,
    lead: Annotated[
        str, typer.Argument(help="JSON file of the lead, or - for standard input.", metavar="LEAD.json|-")
    ],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Score as of this time (UTC); by default what the JSON says, else now."),
    ] = None,
    challenger: Challenger = False,
    as_json: Json = False,
) -> None:
    """Score one new lead, given as JSON, by both lenses.

    Gives the same row, score, reasons and ledger as if the lead were in the data. {"lead": {"created_at": "2026-01-31T09:30:00Z", ATTRIBUTES},
    "account": {ATTRIBUTES}, "events": [{"occurred_at": TIME, "event_type": TYPE, PROPERTIES}]}; only lead is required.
    """
    from leadlens.pipeline.cli.render.jobs import render_explanation
    from leadlens.pipeline.jobs.score_lead import score_lead as job
    from leadlens.pipeline.raw_lead.request import parse_raw_lead, text_of

    name = "standard input" if lead == "-" else Path(lead).name
    raw = parse_raw_lead(text_of(lead), name)
    result = job(load(config), raw, as_of=as_timestamp(as_of), challenger=challenger, where=name)
    print_result(as_json, result.to_dict(), lambda: render_explanation(result))

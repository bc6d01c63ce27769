"""Commands that put a model into service, and take it out."""

from __future__ import annotations

from typing import Annotated

import typer

from leadlens.pipeline.cli.options import Config, Json, LogFile, LogFormat, load, print_result


def promote(
    config: Config,
    force: Annotated[
        str | None,
        typer.Option(
            "--force",
            metavar="REASON",
            help="Promote even if a gate refuses; the reason is kept with the model.",
        ),
    ] = None,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Make the challenger champion if it passes every gate.

    On the same out-of-time leads it must know more than the base rate beyond chance, and be no worse than the champion
    (else the sheet). Exit code 1, with the figures, if it does not.
    """
    from leadlens.pipeline.cli.render.registry import render_promotion
    from leadlens.pipeline.jobs.promote import promote as job
    from leadlens.pipeline.logs import logged

    with logged("promote", log_format, log_file) as (_, progress):
        result = job(load(config), force=force, progress=progress)
    print_result(as_json, result.to_dict(), lambda: render_promotion(result))


def retrain(
    config: Config,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Optuna trials in all.")] = None,
    log_format: LogFormat = "text",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Train, and promote the result if it passes every gate.

    Made for a scheduler. Exit code 1 if a gate refuses: the challenger is kept, and the champion stays in service. Every run leaves a
    record in the state folder.
    """
    from leadlens.pipeline.cli.render.registry import render_retraining
    from leadlens.pipeline.jobs.retrain import retrain as job
    from leadlens.pipeline.logs import logged

    with logged("retrain", log_format, log_file) as (log, progress):
        result = job(load(config), trials=trials, run_id=log.run_id, progress=progress)
        log.warnings(result.training.warnings)
    print_result(as_json, result.to_dict(), lambda: render_retraining(result))


def rollback(
    config: Config,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", help="Why; kept with the version that is taken out of service.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Make the previous champion champion again. The next scoring run uses it."""
    from leadlens.pipeline.cli.render.registry import render_rollback
    from leadlens.pipeline.jobs.retrain import rollback as job

    result = job(load(config), reason=reason)
    print_result(as_json, result.to_dict(), lambda: render_rollback(result, config))


def models(
    config: Config,
    card: Annotated[
        str | None,
        typer.Option(
            "--card", metavar="VERSION", help="Show the model card of a version.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the registered versions, and what became of each.

    Shows what each was trained on and how it was judged, and the reasons given for forcing it or taking it out of service.
    """
    from leadlens.pipeline.cli.render.registry import render_models
    from leadlens.pipeline.jobs.retrain import list_models, show_card

    file = load(config)
    if card is not None:
        from leadlens.pipeline.registry.card import card_lines

        shown = show_card(file, card)
        print_result(as_json, shown, lambda: card_lines(shown))
        return
    found = list_models(file)
    facts = {"project": file.project.name, "versions": [version.to_dict() for version in found]}
    print_result(as_json, facts, lambda: render_models(file.project.name, found))

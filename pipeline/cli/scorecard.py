"""`leadlens scorecard …`: write, try, compare and activate score sheets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadlens.pipeline.cli.options import AsOf, Config, Json, as_timestamp, load, print_result

if TYPE_CHECKING:
    from leadlens.models.scorecard import Sheet
    from leadlens.pipeline.config import ProjectFile

scorecard = typer.Typer(
    name="scorecard",
    help="Score sheets: write, check, try, compare, go live.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Which = Annotated[
    str | None,
    typer.Option(
        "--sheet",
        help="NAME (its file), NAME@active, NAME@VERSION, or a path; by default the project's first sheet.",
    ),
]
Own = Annotated[
    str | None,
    typer.Option(
        "--sheet",
        help="NAME (its file), NAME@active, NAME@VERSION, or a path; by default the first sheet that applies to the lead.",
    ),
]
Lead = Annotated[str, typer.Argument(help="The lead's id, e-mail address or name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; shown to those who read it later.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]
Author = Annotated[str | None, typer.Option("--author", help="Who; by default your login name.")]


def _sheet(file: ProjectFile, which: str | None) -> Sheet | None:
    """The sheet that was named; ``None`` for the lead's own."""
    from leadlens.pipeline.scorecards.project import choose_sheet

    return None if which is None else choose_sheet(file, which)[0]


@scorecard.command()
def new(
    path: Annotated[Path | None, typer.Argument(help="File to write, e.g. scorecards/dealer.yaml.")] = None,
    ready: Annotated[str | None, typer.Option("--from", help="A ready-made sheet to start from.")] = None,
    as_json: Json = False,
) -> None:
    """Start a sheet, or list the ready-made ones.

    \b
    Examples:
      leadlens scorecard new
      leadlens scorecard new scorecards/dealer.yaml --from car_dealer
    """
    from leadlens.pipeline.jobs.scorecard.files import describe_templates, new_sheet

    if path is None:
        templates = describe_templates()
        print_result(as_json, templates, lambda: [f"{name:16} {about}" for name, about in templates.items()])
        return
    written = new_sheet(path, ready)
    after = "next: write its rules, and name it under `scorecards:` in project.yaml"
    lines = [*(f"wrote {item}" for item in written), "", after]
    print_result(as_json, {"written": [str(item) for item in written]}, lambda: lines)


@scorecard.command()
def check(config: Config, sheet: Which = None, as_json: Json = False) -> None:
    """Check a sheet against the data.

    Reports misspelt values, rules that never fire and thresholds out of reach.

    \b
    Example:
      leadlens scorecard check project.yaml
    """
    from leadlens.pipeline.jobs.scorecard.files import checked, render_check

    result = checked(load(config), sheet)
    print_result(as_json, result.to_dict(), lambda: render_check(result))


@scorecard.command("test")
def on_a_lead(
    config: Config, lead: Lead, sheet: Own = None, as_of: AsOf = None, as_json: Json = False
) -> None:
    """Test one lead against every rule of a sheet.

    Shows which rules gave points, and why the others did not.

    \b
    Example:
      leadlens scorecard test project.yaml L000983 --as-of 2026-01-31
    """
    from leadlens.pipeline.cli.render.scorecard import render_lead_test
    from leadlens.pipeline.jobs.scorecard.one_lead import lead_test

    file = load(config)
    result = lead_test(file, _sheet(file, sheet), lead, as_timestamp(as_of))
    print_result(as_json, result.to_dict(), lambda: render_lead_test(result))


@scorecard.command()
def preview(
    config: Config,
    sheet: Which = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="The sheet to compare with; by default the active version, if any."),
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Preview a sheet on all open and past leads.

    Shows scores, stages, who crosses a threshold, and how past leads of each band converted.

    \b
    Example:
      leadlens scorecard preview project.yaml --sheet scorecards/new.yaml
    """
    from leadlens.pipeline.cli.render.scorecard import render_preview
    from leadlens.pipeline.jobs.scorecard.preview import preview as job
    from leadlens.pipeline.scorecards.project import active_version, choose_sheet

    file = load(config)
    chosen, _ = choose_sheet(file, sheet)
    other = active_version(file, chosen.name) if against is None else choose_sheet(file, against)[0]
    same = other is not None and other.version == chosen.version
    result = job(file, chosen, as_timestamp(as_of), None if same else other)
    print_result(as_json, result.to_dict(), lambda: render_preview(result))


@scorecard.command()
def diff(
    config: Config,
    before: Annotated[str, typer.Argument(help="NAME@active, NAME@VERSION, NAME or a path.")],
    after: Annotated[str, typer.Argument(help="The sheet to compare it with, named in the same way.")],
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Compare two sheets: settings that differ, leads that move.

    \b
    Example:
      leadlens scorecard diff project.yaml dealer@active dealer
    """
    from leadlens.pipeline.cli.render.scorecard import render_diff
    from leadlens.pipeline.jobs.scorecard.diff import diff as job
    from leadlens.pipeline.scorecards.project import choose_sheet

    file = load(config)
    result = job(file, choose_sheet(file, before)[0], choose_sheet(file, after)[0], as_timestamp(as_of))
    print_result(as_json, result.to_dict(), lambda: render_diff(result))


@scorecard.command("learn")
def learn_(
    config: Config,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Sheet (YAML) to write; by default scorecards/PROJECT_learned.yaml."),
    ] = None,
    lines: Annotated[int, typer.Option("--lines", min=1, max=100, help="Maximum number of lines.")] = 20,
    as_json: Json = False,
) -> None:
    """Learn a sheet from past conversions, to compare with yours.

    Writes a new sheet and never overwrites a file. It is judged on out-of-time leads, beside your sheet and the model.

    \b
    Examples:
      leadlens scorecard learn project.yaml
      leadlens scorecard learn project.yaml --out scorecards/short.yaml --lines 8
    """
    from leadlens.pipeline.cli.render.learned_sheet import render_learned
    from leadlens.pipeline.jobs.scorecard.learn import learn
    from leadlens.pipeline.progress import shown

    with shown() as progress:
        result = learn(load(config), out, lines, progress)
    print_result(as_json, result.to_dict(), lambda: render_learned(result, str(config)))


@scorecard.command()
def simulate(
    config: Config,
    lead: Lead,
    days: Annotated[int, typer.Option("--days", min=1, max=1000, help="How many days ahead.")] = 90,
    sheet: Own = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Simulate a lead's score if nothing more happens.

    \b
    Example:
      leadlens scorecard simulate project.yaml L000983 --days 30
    """
    from leadlens.pipeline.cli.render.scorecard import render_simulation
    from leadlens.pipeline.jobs.scorecard.simulate import simulate as job

    file = load(config)
    result = job(file, _sheet(file, sheet), lead, days, as_timestamp(as_of))
    print_result(as_json, result.to_dict(), lambda: render_simulation(result))


@scorecard.command()
def changed(
    config: Config,
    lead: Lead,
    since: Annotated[str, typer.Option("--since", help="The date to compare with (UTC).")],
    sheet: Own = None,
    old_sheet: Annotated[
        str | None,
        typer.Option("--old-sheet", help="The sheet that was in force then, if it was a different one."),
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Explain what changed a lead's points since a date.

    Causes can be events, decay, expired windows, edited data and the sheet itself.

    \b
    Example:
      leadlens scorecard changed project.yaml L000983 --since 2026-01-01
    """
    from leadlens.pipeline.cli.render.scorecard import render_changed
    from leadlens.pipeline.jobs.scorecard.changed import changed as job
    from leadlens.pipeline.scorecards.project import choose_sheet

    file = load(config)
    old = None if old_sheet is None else choose_sheet(file, old_sheet)[0]
    result = job(file, _sheet(file, sheet), lead, as_timestamp(since, "--since"), as_timestamp(as_of), old)
    print_result(as_json, result.to_dict(), lambda: render_changed(result))


@scorecard.command()
def stages(
    config: Config,
    lead: Annotated[
        str | None, typer.Argument(help="The lead's id, e-mail address or name; by default all open leads.")
    ] = None,
    sheet: Own = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show when leads entered and left each stage.

    \b
    Examples:
      leadlens scorecard stages project.yaml
      leadlens scorecard stages project.yaml L000983
    """
    from leadlens.pipeline.cli.render.scorecard import render_stages
    from leadlens.pipeline.jobs.scorecard.stages import stages as job

    file = load(config)
    result = job(file, _sheet(file, sheet), lead, as_timestamp(as_of))
    print_result(as_json, result.to_dict(), lambda: render_stages(result))


@scorecard.command()
def feedback(config: Config, sheet: Which = None, as_json: Json = False) -> None:
    """Compare rules with sales verdicts and customer answers.

    \b
    Example:
      leadlens scorecard feedback project.yaml
    """
    from leadlens.pipeline.cli.render.feedback import render_feedback
    from leadlens.pipeline.jobs.scorecard.feedback import feedback as job
    from leadlens.pipeline.scorecards.project import choose_sheet

    file = load(config)
    result = job(file, choose_sheet(file, sheet)[0])
    print_result(as_json, result.to_dict(), lambda: render_feedback(result))


@scorecard.command()
def sql(
    config: Config,
    dialect: Annotated[str, typer.Option("--dialect", help="duckdb, postgres or spark.")] = "duckdb",
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Export the ledger lines instead of the scores.")
    ] = False,
    sheet: Which = None,
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; by default the query is printed.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Export a sheet as one SQL query for a warehouse.

    \b
    Example:
      leadlens scorecard sql project.yaml --dialect postgres --out points.sql
    """
    from leadlens.pipeline.jobs.scorecard.files import as_sql, refuse_existing, write_text

    if out is not None:
        refuse_existing(out, force)
    query = as_sql(load(config), sheet, dialect, as_timestamp(as_of), ledger)
    if out is None:
        print_result(as_json, {"dialect": dialect, "sql": query}, lambda: [query], blocks=True)
    else:
        write_text(out, query)
        print_result(as_json, {"dialect": dialect, "written": str(out)}, lambda: [f"wrote {out}"])


@scorecard.command("export")
def export_(
    config: Config,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    sheet: Which = None,
    decimal_comma: Annotated[
        bool,
        typer.Option("--decimal-comma", help="For spreadsheets that write 2,5 and separate columns by ;"),
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Export a sheet as CSV, for editing in a spreadsheet.

    \b
    Example:
      leadlens scorecard export project.yaml --out dealer.csv
    """
    from leadlens.models.scorecard.spreadsheet.table import to_csv
    from leadlens.pipeline.jobs.scorecard.files import refuse_existing, write_text
    from leadlens.pipeline.scorecards.project import choose_sheet

    refuse_existing(out, force)
    chosen, _ = choose_sheet(load(config), sheet)
    # the byte-order mark shows spreadsheets that the text is UTF-8
    write_text(out, "\ufeff" + to_csv(chosen, decimal_comma=decimal_comma))
    payload = {"written": str(out), "sheet": chosen.name, "version": chosen.version}
    print_result(as_json, payload, lambda: [f"wrote {out}"])


@scorecard.command("import")
def import_(
    table: Annotated[Path, typer.Argument(help="CSV file that `export` wrote and you edited.")],
    out: Annotated[Path, typer.Option("--out", help="Sheet (YAML) to write.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Import an exported CSV as a YAML sheet.

    \b
    Example:
      leadlens scorecard import dealer.csv --out scorecards/dealer.yaml
    """
    from leadlens.pipeline.jobs.scorecard.files import import_sheet

    imported = import_sheet(table, out, force)
    text = f"wrote {out}: {imported.name} {imported.version}, {len(imported.rules)} rules"
    payload = {
        "written": str(out),
        "sheet": imported.name,
        "version": imported.version,
        "rules": len(imported.rules),
    }
    print_result(as_json, payload, lambda: [text])


@scorecard.command()
def save(
    config: Config, sheet: Which = None, reason: Reason = "", author: Author = None, as_json: Json = False
) -> None:
    """Save the sheet's file as a new version, in draft.

    \b
    Example:
      leadlens scorecard save project.yaml --reason "More points for demos"
    """
    from leadlens.pipeline.jobs.scorecard.files import save_version

    kept = save_version(load(config), sheet, reason, author)
    state = "saved as a draft" if kept.is_new else f"was saved before, and is {kept.stage}"
    print_result(as_json, vars(kept), lambda: [f"{kept.sheet} {kept.version} {state}"])


@scorecard.command()
def move(
    config: Config,
    to: Annotated[str, typer.Argument(help="draft, test, active, archived or withdrawn.")],
    reason: Reason,
    sheet: Which = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Move a version to test, active, archived or withdrawn.

    Leads are scored by the active version. Only a draft that was never in test can be withdrawn.

    \b
    Example:
      leadlens scorecard move project.yaml active --reason "Sales agreed"
    """
    from leadlens.pipeline.jobs.scorecard.files import move_version

    moved = move_version(load(config), sheet, to, reason, author)
    print_result(as_json, vars(moved), lambda: [f"{moved.sheet} {moved.version} is {moved.stage} now"])


@scorecard.command()
def versions(config: Config, sheet: Which = None, as_json: Json = False) -> None:
    """List the versions of a sheet, and who moved them and why.

    \b
    Example:
      leadlens scorecard versions project.yaml
    """
    from leadlens.pipeline.jobs.scorecard.files import history_of, render_history

    history = history_of(load(config), sheet)
    print_result(as_json, history, lambda: render_history(history))

"""`leadlens scorecard …`: write, try, compare and activate the hand-written points."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsOf, Config, Json, as_timestamp, load, print_result

scorecard = typer.Typer(
    name="scorecard",
    help="Hand-written points: start, check, try on leads, compare, keep versions, make one active.",
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
Lead = Annotated[str, typer.Argument(help="The lead's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who look at it later.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there.")]
Author = Annotated[
    str | None, typer.Option("--author", help="Who; by default the name you are logged in by.")
]


@scorecard.command()
def new(
    path: Annotated[Path | None, typer.Argument(help="File to write, e.g. scorecards/dealer.yaml.")] = None,
    ready: Annotated[str | None, typer.Option("--from", help="A ready sheet to start from.")] = None,
    as_json: Json = False,
) -> None:
    """Write a sheet to start from; without a file, list the ready ones."""
    from pipeline.jobs.scorecard.files import describe_templates, new_sheet

    if path is None:
        found = describe_templates()
        print_result(as_json, found, lambda: [f"{name:16} {about}" for name, about in found.items()])
        return
    written = new_sheet(path, ready)
    after = "next: write its rules, and name it under `scorecards:` in project.yaml"
    told = [*(f"wrote {item}" for item in written), "", after]
    print_result(as_json, {"written": [str(item) for item in written]}, lambda: told)


@scorecard.command()
def check(config: Config, sheet: Which = None, as_json: Json = False) -> None:
    """Hold a sheet against the data: misspelt values, rules that never fire, thresholds out of reach."""
    from pipeline.jobs.scorecard.files import checked, render_check

    found = checked(load(config), sheet)
    print_result(as_json, found.to_dict(), lambda: render_check(found))


@scorecard.command("test")
def on_a_lead(
    config: Config, lead: Lead, sheet: Which = None, as_of: AsOf = None, as_json: Json = False
) -> None:
    """One lead, every line of the sheet: what gave points, and what did not and why."""
    from pipeline.cli.render.scorecard import render_lead_test
    from pipeline.jobs.scorecard.one_lead import lead_test
    from pipeline.scorecards.project import choose_sheet

    file = load(config)
    found = lead_test(file, choose_sheet(file, sheet)[0], lead, as_timestamp(as_of))
    print_result(as_json, found.to_dict(), lambda: render_lead_test(found))


@scorecard.command()
def preview(
    config: Config,
    sheet: Which = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="The sheet that stands now; by default its active version, if any."),
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Before anyone goes live: scores, stages, who crosses a threshold, and what past leads of each band did."""
    from pipeline.cli.render.scorecard import render_preview
    from pipeline.jobs.scorecard.preview import preview as job
    from pipeline.scorecards.project import active_version, choose_sheet

    file = load(config)
    chosen, _ = choose_sheet(file, sheet)
    other = active_version(file, chosen.name) if against is None else choose_sheet(file, against)[0]
    same = other is not None and other.version == chosen.version
    found = job(file, chosen, as_timestamp(as_of), None if same else other)
    print_result(as_json, found.to_dict(), lambda: render_preview(found))


@scorecard.command()
def diff(
    config: Config,
    before: Annotated[str, typer.Argument(help="NAME@active, NAME@VERSION, NAME or a path.")],
    after: Annotated[str, typer.Argument(help="The same for the other one.")],
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Two sheets: the lines that differ, and the leads that move."""
    from pipeline.cli.render.scorecard import render_diff
    from pipeline.jobs.scorecard.diff import diff as job
    from pipeline.scorecards.project import choose_sheet

    file = load(config)
    found = job(file, choose_sheet(file, before)[0], choose_sheet(file, after)[0], as_timestamp(as_of))
    print_result(as_json, found.to_dict(), lambda: render_diff(found))


@scorecard.command()
def simulate(
    config: Config,
    lead: Lead,
    days: Annotated[int, typer.Option("--days", min=1, max=1000, help="How far ahead.")] = 90,
    sheet: Which = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """One lead's score over the coming days if nothing more happens."""
    from pipeline.cli.render.scorecard import render_simulation
    from pipeline.jobs.scorecard.simulate import simulate as job
    from pipeline.scorecards.project import choose_sheet

    file = load(config)
    found = job(file, choose_sheet(file, sheet)[0], lead, days, as_timestamp(as_of))
    print_result(as_json, found.to_dict(), lambda: render_simulation(found))


@scorecard.command()
def changed(
    config: Config,
    lead: Lead,
    since: Annotated[str, typer.Option("--since", help="The moment to compare with (UTC).")],
    sheet: Which = None,
    old_sheet: Annotated[
        str | None, typer.Option("--old-sheet", help="The sheet that stood then, if it was another.")
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What changed one lead's points since a moment: events, decay, expired windows, edits, the sheet itself."""
    from pipeline.cli.render.scorecard import render_changed
    from pipeline.jobs.scorecard.changed import changed as job
    from pipeline.scorecards.project import choose_sheet

    file = load(config)
    old = None if old_sheet is None else choose_sheet(file, old_sheet)[0]
    found = job(
        file, choose_sheet(file, sheet)[0], lead, as_timestamp(since, "--since"), as_timestamp(as_of), old
    )
    print_result(as_json, found.to_dict(), lambda: render_changed(found))


@scorecard.command()
def stages(
    config: Config,
    lead: Annotated[str | None, typer.Argument(help="The lead's id; without it all open leads.")] = None,
    sheet: Which = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """When leads entered and left each stage."""
    from pipeline.cli.render.scorecard import render_stages
    from pipeline.jobs.scorecard.stages import stages as job
    from pipeline.scorecards.project import choose_sheet

    file = load(config)
    found = job(file, choose_sheet(file, sheet)[0], lead, as_timestamp(as_of))
    print_result(as_json, found.to_dict(), lambda: render_stages(found))


@scorecard.command()
def feedback(config: Config, sheet: Which = None, as_json: Json = False) -> None:
    """What sales said of the leads and customers of why they bought, beside each rule and band."""
    from pipeline.cli.render.feedback import render_feedback
    from pipeline.jobs.scorecard.feedback import feedback as job
    from pipeline.scorecards.project import choose_sheet

    file = load(config)
    found = job(file, choose_sheet(file, sheet)[0])
    print_result(as_json, found.to_dict(), lambda: render_feedback(found))


@scorecard.command()
def sql(
    config: Config,
    dialect: Annotated[str, typer.Option("--dialect", help="duckdb, postgres or spark.")] = "duckdb",
    ledger: Annotated[bool, typer.Option("--ledger", help="The lines instead of the scores.")] = False,
    sheet: Which = None,
    as_of: AsOf = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; else it is printed.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """The sheet as one query for a warehouse that holds the same tables."""
    from pipeline.jobs.scorecard.files import as_sql, refuse_existing, write_text

    if out is not None:
        refuse_existing(out, force)
    told = as_sql(load(config), sheet, dialect, as_timestamp(as_of), ledger)
    if out is None:
        print_result(as_json, {"dialect": dialect, "sql": told}, lambda: [told])
    else:
        write_text(out, told)
        print_result(as_json, {"dialect": dialect, "written": str(out)}, lambda: [f"wrote {out}"])


@scorecard.command("export")
def export_(
    config: Config,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    sheet: Which = None,
    decimal_comma: Annotated[
        bool, typer.Option("--decimal-comma", help="For spreadsheets that write 2,5 and part columns by ;")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """A sheet as CSV, to edit in a spreadsheet; `import` brings it back."""
    from models.scorecard.spreadsheet.table import to_csv
    from pipeline.jobs.scorecard.files import refuse_existing, write_text
    from pipeline.scorecards.project import choose_sheet

    refuse_existing(out, force)
    chosen, _ = choose_sheet(load(config), sheet)
    # the mark at the beginning tells spreadsheets that the text is UTF-8
    write_text(out, "\ufeff" + to_csv(chosen, decimal_comma=decimal_comma))
    facts = {"written": str(out), "sheet": chosen.name, "version": chosen.version}
    print_result(as_json, facts, lambda: [f"wrote {out}"])


@scorecard.command("import")
def import_(
    table: Annotated[Path, typer.Argument(help="CSV file that `export` wrote and you edited.")],
    out: Annotated[Path, typer.Option("--out", help="Sheet (YAML) to write.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Bring an exported sheet back as YAML."""
    from pipeline.jobs.scorecard.files import import_sheet

    found = import_sheet(table, out, force)
    words = f"wrote {out}: {found.name} {found.version}, {len(found.rules)} rules"
    facts = {"written": str(out), "sheet": found.name, "version": found.version, "rules": len(found.rules)}
    print_result(as_json, facts, lambda: [words])


@scorecard.command()
def save(
    config: Config, sheet: Which = None, reason: Reason = "", author: Author = None, as_json: Json = False
) -> None:
    """Keep the sheet's file as a version: a draft."""
    from pipeline.jobs.scorecard.files import save_version

    kept = save_version(load(config), sheet, reason, author)
    words = "saved as a draft" if kept.is_new else f"was saved before, and is {kept.stage}"
    print_result(as_json, vars(kept), lambda: [f"{kept.sheet} {kept.version} {words}"])


@scorecard.command()
def move(
    config: Config,
    to: Annotated[str, typer.Argument(help="draft, test, active or archived.")],
    reason: Reason,
    sheet: Which = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Take a version on: draft, test, active, archived. Leads are scored by the active one."""
    from pipeline.jobs.scorecard.files import move_version

    moved = move_version(load(config), sheet, to, reason, author)
    print_result(as_json, vars(moved), lambda: [f"{moved.sheet} {moved.version} is {moved.stage} now"])


@scorecard.command()
def versions(config: Config, sheet: Which = None, as_json: Json = False) -> None:
    """Versions of a sheet, and who moved them when and why."""
    from pipeline.jobs.scorecard.files import history_of, render_history

    found = history_of(load(config), sheet)
    print_result(as_json, found, lambda: render_history(found))

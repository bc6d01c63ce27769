"""What the commands print for people: short lines, the important first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leadlens.pipeline.cli.render.push import render_push
from leadlens.pipeline.cli.render.registry import signal_lines
from leadlens.pipeline.cli.render.tables import as_of, table
from leadlens.pipeline.cli.render.terminal import from_here

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.check import Check
    from leadlens.pipeline.jobs.compare import Compared
    from leadlens.pipeline.jobs.demo import Demo
    from leadlens.pipeline.jobs.experiment import Experiment
    from leadlens.pipeline.jobs.explain import Explanation
    from leadlens.pipeline.jobs.list_features import FeatureList
    from leadlens.pipeline.jobs.read import Reading
    from leadlens.pipeline.jobs.scoring import Scoring
    from leadlens.pipeline.jobs.train import Training
    from leadlens.pipeline.jobs.what_if import WhatIf


def render_check(check: Check) -> list[str]:
    """`leadlens check`."""
    readiness = check.readiness
    lines = [f"{check.project}: {readiness.level}"]
    lines += [f"  {reason.message}" for reason in readiness.reasons]
    lines += ["", "Data"]
    lines += [f"  {count:>11,}  {_TABLES[table]}" for table, count in check.counts.items() if count]
    if check.clock == "time":
        lines.append(f"  {check.first:%Y-%m-%d} to {check.data_end:%Y-%m-%d}")
    else:
        order = (
            "their order is known, not their dates"
            if check.clock == "sequence"
            else "no order in time is known"
        )
        lines.append(f"  {order}")
    if check.label_rate is not None:
        lines.append(f"  {check.label_rate:.1%} of mature rows convert ({check.conversions:,} leads)")
    lines.append(f"  {check.features:,} features")
    if check.look is not None and check.look.found:
        lines.append(f"  {check.look.message}")
    gaps = sorted(((share, name) for name, share in check.missing.items() if share >= 0.05), reverse=True)
    if gaps:
        lines += ["", "Missing values"]
        lines += [f"  {share:>5.0%}  {name}" for share, name in gaps[:15]]
        lines += [f"         … and {len(gaps) - 15} more columns"] * (len(gaps) > 15)
    if check.unused:
        lines += ["", "Columns that give no feature"]
        lines += [f"  {column.message}" for column in check.unused[:_MOST_COLUMNS]]
        more = len(check.unused) - _MOST_COLUMNS
        lines += [f"  … and {more:,} more: --json lists all"] * (more > 0)
    notes = [
        *(finding.message for finding in check.findings),
        *(suspect.message for suspect in check.suspects),
    ]
    if check.suspects:
        notes.append(
            "there may be more leaks: this check looks at one column at a time. leadlens audit tests each column as a model would use it"
        )
    if notes:
        lines += ["", "Please check", *(f"  - {note}" for note in notes)]
    return lines


_MOST_COLUMNS = 30
_MOST_LINES = 100  # of a ledger
_TABLES = {
    "leads": "leads",
    "accounts": "accounts",
    "events": "events",
    "conversions": "conversions",
    "changes": "attribute changes",
    "verdicts": "sales verdicts",
    "answers": "customer answers",
    "objections": "leads who object to profiling: left out",
    "finished": "leads that are over: not scored",
    "spine": "snapshots (a lead at a point in time): the rows",
    "mature": "of these mature (their outcome is known)",
}


def render_features(features: FeatureList) -> list[str]:
    """`leadlens features`."""
    rows = [(column.family, column.name, column.label, column.sentence) for column in features.columns]
    lines = table(rows, ("family", "name", "label", "how")).split("\n")
    lines += ["", f"{len(features.columns)} features. --explain prints the SQL."]
    lines += [f"note: {note}" for note in features.notes]
    if features.ran:
        lines += [
            "",
            *table(
                [(step.name, f"{step.rows:,}", f"{step.seconds:.2f}") for step in features.ran],
                ("step", "rows", "seconds"),
                "lrr",
            ).split("\n"),
        ]
    if features.written:
        lines.append(f"wrote {features.written}")
    return lines


def render_steps(features: FeatureList) -> list[str]:
    """`leadlens features --explain`: the SQL of every step."""
    notes = [f"-- note: {note}\n" for note in features.notes]
    return [*notes, *(f"-- {step.name}\n{step.sql};\n" for step in features.steps)]


def render_training(run: Training, config: str) -> list[str]:
    """`leadlens train`."""
    learned, judged = run.rows["train"], run.rows["test"]
    lines = [
        f"{run.project} version {run.version} is registered as challenger.",
        f"Learned from {learned:,} rows ({run.conversions['train']:,} followed by a conversion), judged on "
        f"{judged:,} out-of-time rows ({run.conversions['test']:,}).",
        *_how(run),
        "",
    ]
    names = ("roc_auc", "average_precision", "log_loss", "brier", "ece")
    figures = [(lens, *(f"{values[name]:.4f}" for name in names)) for lens, values in run.figures.items()]
    lines += table(figures, ("out of time", *names)).split("\n")
    lines += ["", *signal_lines(run.signal)]
    if run.comparison is not None:
        lines += ["", *run.comparison.findings()]
    if run.dropped:
        lines += [
            "",
            "Left out as time proxies: they mostly tell when a row was made (model.drop_time_proxies: false keeps them):",
        ]
        lines += [f"  - {name}: {reason}" for name, reason in run.dropped.items()]
    if run.warnings:
        lines += ["", "Please check", *(f"  - {warning}" for warning in run.warnings)]
    ahead = "" if run.refused else f", then leadlens promote {config}"
    return [*lines, "", f"next: leadlens compare {config}{ahead}"]


def render_experiment(run: Experiment) -> list[str]:
    """`leadlens train --matrix` with columns that a scientist added."""
    rows = run.dataset.rows
    lines = [
        f"{run.dataset.file.project.name}: an experiment, logged as run {run.run_id} and not registered: `leadlens score` could not "
        "compute the added columns.",
        f"Learned from {len(rows.train):,} rows ({int(rows.label[rows.train].sum()):,} followed by a conversion), judged on "
        f"{len(rows.test):,} out-of-time rows ({int(rows.label[rows.test].sum()):,}).",
        "",
    ]
    names = ("roc_auc", "average_precision", "log_loss", "brier", "ece")
    figures = [
        (str(lens), *(f"{values[name]:.4f}" for name in names)) for lens, values in run.figures.iterrows()
    ]
    lines += table(figures, ("out of time", *names)).split("\n")
    own = [
        (str(name), row["label"], row["family"], f"{row['points']:.2f}", str(row["rank"]))
        for name, row in run.own_features.iterrows()
    ]
    lines += ["", *table(own, ("your feature", "label", "family", "points on average", "rank")).split("\n")]
    return lines + (["", "Please check", *(f"  - {text}" for text in run.warnings)] if run.warnings else [])


_KINDS = {
    "few conversions": "Too few conversions to choose settings by: models of every strength are averaged, each weighted by "
    "how well the rows support it.",
    "sheet": "Too few conversions to learn from: the model is the score sheet, with its points turned into probabilities.",
    "base rate": "Too few conversions to learn from: every lead gets the base rate.",
}
_SPANS = {1.0: "over the whole", 0.5: "over every half of the", 0.25: "over every quarter of the"}


def _how(run: Training) -> list[str]:
    """What is not as usual in how the model was made."""
    lines = [_KINDS[run.kind]] if run.kind in _KINDS else []
    if run.half_life is not None:
        span = _SPANS[run.half_life]
        lines.append(
            f"Recent rows count more, since that predicted later rows better: going back in time, a row's weight halves {span} "
            "training period."
        )
    return lines


def render_comparison(compared: Compared, project: str) -> list[str]:
    """`leadlens compare`; ``project`` is how it was named."""
    note = [f"note: {compared.note}"] if compared.note else []
    leads = [f"all leads with their cell: {compared.leads}"] if compared.leads else []
    ahead = (
        [f"next: leadlens promote {project}, if its gates let it"] if compared.alias == "challenger" else []
    )
    return [*compared.comparison.story(), *note, "", *leads, f"open {compared.page}", *ahead]


def render_demo(demo: Demo) -> list[str]:
    """`leadlens demo`: the story of each world, and what can be typed next."""
    lines: list[str] = []
    program = _program()
    for world in demo.worlds:
        best = world.best
        lines += [
            f"== {world.about}  (simulated: {world.leads:,} leads)",
            *world.comparison.story(),
            *([f"Not promoted, so scoring uses the challenger: {world.refused}."] if world.refused else []),
            f"The best open lead, {best.lead_id}: {best.score} ({best.grade}); by hand {best.rule_points:g} points.",
            f"  {best.reasons}",
            f"Open {world.page} for the comparison, {world.scores} for all scores.",
            f"One lead line by line: {program} explain {world.folder} {best.lead_id}",
            "",
        ]
    folders = " ".join(str(world.folder) for world in demo.worlds)
    one = demo.worlds[0].best.lead_id
    return [
        *lines,
        f"In a browser: {program} app {folders}",
        f"  then click a lead, such as {one}, to see what explains its score and what to do next; Health shows what went wrong lately.",
        f"All runs and models: {program.with_name('mlflow')} ui --backend-store-uri {demo.store}",
    ]


def _program() -> Path:
    """How this command was called, so that what is printed can be typed."""
    called = Path(sys.argv[0])
    return called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called


def render_explanation(lead: Explanation) -> list[str]:
    """`leadlens explain`."""
    from leadlens.models.judging.chances import forecast
    from leadlens.pipeline.jobs.explain import largest_lines

    lines = [
        f"Lead {lead.lead_id}{as_of(lead.as_of)}",
        *(f"note: {note}" for note in lead.notes),
        "",
        f"Model {lead.version} ({lead.alias}): score {lead.shown}, "
        f"{f'grade {lead.grade}, ' if lead.grade else ''}probability {forecast(lead.probability)}",
        f"  {lead.start:>+8.1f}  every lead starts at",
    ]
    shown = [reason for reason in lead.reasons if abs(reason.points) >= 0.5]
    lines += [f"  {reason.points:>+8.1f}  {reason.text}" for reason in shown]
    rest = sum(reason.points for reason in lead.reasons) - sum(reason.points for reason in shown)
    if len(shown) < len(lead.reasons):
        lines.append(f"  {rest:>+8.1f}  {len(lead.reasons) - len(shown)} smaller reasons")
    lines.append(f"  {lead.score:>8.1f}  = score (50 is the average lead, +10 doubles the odds; shown 1–99)")
    if lead.rule_points is None:
        return lines
    lines += ["", f"Sheet: {lead.rule_points:g} points, grade {lead.rule_grade}, stage {lead.rule_stage}"]
    if lead.route:
        lines.append(f"  what to do: {lead.route}")
    if lead.disqualified_by:
        lines.append(f"  disqualified: {lead.disqualified_by}")
    counted = lead.ledger[lead.ledger["counts"].astype(bool)] if len(lead.ledger) else lead.ledger
    counted, more, points = largest_lines(counted, _MOST_LINES) if len(counted) else (counted, 0, 0.0)
    import pandas as pd

    for line in counted.to_dict("records"):
        date = " " * 16 if pd.isna(line["occurred_at"]) else f"{line['occurred_at']:%Y-%m-%d %H:%M}"
        lost = [("time", line["taken_by_decay"]), ("the cap", line["taken_by_cap"])]
        taken = ", ".join(f"{what} took {points:g}" for what, points in lost if points)
        lines.append(f"  {line['points']:>+8g}  {date}  {line['rule']}{f'  ({taken})' if taken else ''}")
    if more:
        lines.append(f"  {points:>+8g}  {more:,} more lines with fewer points each")
    lines.append(f"  {lead.rule_points:>8g}  = points")
    return lines


def render_what_if(lead: WhatIf) -> list[str]:
    """`leadlens explain --what-if`."""
    from leadlens.pipeline.jobs.what_if import CAVEAT

    sheet = "" if lead.rule_points is None else f"; sheet {lead.rule_points:g} points, {lead.rule_stage}"
    lines = [
        f"Lead {lead.lead_id}{as_of(lead.as_of)}: score {lead.shown} by {lead.version} ({lead.alias}){sheet}",
        *(f"note: {note}" for note in lead.notes),
        "",
    ]
    if lead.actions:
        rows = [
            (
                each.action,
                f"{each.added:+.1f}",
                str(each.shown),
                "–" if each.rule_points_added is None else f"{each.rule_points_added:+g}",
                "–" if each.rule_stage is None else each.rule_stage,
            )
            for each in lead.actions
        ]
        head = ("one more action", "model", "score after", "sheet", "stage after")
        lines += table(rows, head).split("\n")
    else:
        lines.append("No single action would raise its score by a point.")
    for about, actions in (("About the same", lead.little), ("Lower", lead.lowering)):
        if actions:
            named = ", ".join(f"{each.action} {each.added:+.1f}" for each in actions)
            lines += ["", f"{about} after: {named}."]
    if lead.unseen:
        lines += ["", f"Not tried, since no lead did it: {', '.join(lead.unseen)}."]
    return [*lines, "", CAVEAT]


def render_reading(reading: Reading) -> list[str]:
    """`leadlens check --only-read` and `--verify`."""
    counts = ", ".join(f"{count:,} {table}" for table, count in reading.counts.items() if count)
    lines = [f"{reading.project}, version {reading.version} of its data: {counts}"]
    lines += [f"{finding.level}: {finding.message}" for finding in reading.findings]
    if reading.differences:
        lines.append(f"Differs from what the sources give: {', '.join(reading.differences)}.")
        lines.append("The prepared history was discarded: the next command reads the sources again.")
    elif reading.differences is not None:
        lines.append("All sources were read again: the prepared history is what they give.")
    return lines


def render_scoring(run: Scoring, project: str = "") -> list[str]:
    """`leadlens score`; ``project`` is how it was named."""
    lines = [*(f"note: {warning}" for warning in run.warnings)]
    lines.append(f"{run.leads:,} open leads scored{as_of(run.as_of)} with {run.version} ({run.alias}).")
    if run.objected:
        lines.append(f"{run.objected:,} lead{'s' * (run.objected != 1)} left out: they object to profiling.")
    if run.finished:
        lines.append(f"{run.finished:,} lead{'s' * (run.finished != 1)} left out: over by data.finished.")
    if run.written is None:
        lines.append("Dry run: nothing was written.")
    else:
        written = run.written
        lines.append(
            f"Written to {from_here(written.target_shown)}: {written.inserted:,} new, {written.updated:,} changed, "
            f"{written.unchanged:,} as before; {written.closed:,} closed: they left."
        )
        if run.made_folder is not None:
            lines.append(f"Made the folder {from_here(run.made_folder)} for it.")
        if run.published:
            lines.append(f"The page shows these scores now: leadlens app {project}".rstrip())
    if len(run.scores):
        import pandas as pd

        best = run.scores.sort_values(["score", "lead_id"], ascending=[False, True]).head(5)
        rules = "rule_points" in best
        rows = [
            (
                str(row["lead_id"]),
                str(row["score"]),
                "–" if pd.isna(row["grade"]) else str(row["grade"]),
                f"{row['rule_points']:g}" if rules else "–",
                str(row["reasons_text"]),
            )
            for row in best.to_dict("records")
        ]
        lines += ["", *table(rows, ("lead", "score", "grade", "sheet", "why")).split("\n")]
    if run.pushed is not None:
        lines += ["", *render_push(run.pushed, project)]
    return lines

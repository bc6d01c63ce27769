"""The three questions that `leadlens init --from` asks at a terminal; Enter takes the guess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from leadlens.features import nearest
from leadlens.features.errors import listed
from leadlens.features.printable import printable
from leadlens.pipeline.cli.render.terminal import print_lines

if TYPE_CHECKING:
    from leadlens.pipeline.starting.conversions import Conversions
    from leadlens.pipeline.starting.domains import Domains
    from leadlens.pipeline.starting.people import Leads
    from leadlens.pipeline.starting.proposing import Proposal
    from leadlens.pipeline.starting.writing import Asking


def asking_of(conversion: str | None, domains: tuple[str, ...]) -> Asking:
    """The questions; what was given as an option is not asked."""
    from leadlens.pipeline.starting.writing import Asking

    return Asking(
        conversion=ask_conversion if conversion is None else lambda ways, leads: ways[0],
        domains=(lambda found: domains) if domains else ask_domains,
        late=ask_late,
    )


def ask_conversion(ways: Sequence[Conversions], leads: Leads) -> Conversions | None:
    """What counts as a conversion, of the ways that the export knows."""
    from leadlens.pipeline.starting.conversions import rate

    print_lines(["", "1. What counts as a conversion?"])
    print_lines(f"   {number}  {way.how}: {rate(way, leads)}" for number, way in enumerate(ways, 1))
    print_lines(["   0  none of these: leave it open"])
    while True:
        answer = _answer("number", "1")
        if answer.isdigit() and int(answer) <= len(ways):
            return ways[int(answer) - 1] if int(answer) else None
        print_lines([f"   {answer!r} is not a number from 0 to {len(ways)}"])


def ask_domains(found: Domains) -> tuple[str, ...]:
    """Your own e-mail domains."""
    print_lines(
        ["", "2. Which e-mail domains are your own? Leads with such an address are colleagues. (- for none)"]
    )
    print_lines([f"   guess: {', '.join(found.names) or 'none'} ({found.why})"])
    while True:
        answer = _answer("domains", ", ".join(found.names) or "-")
        names = tuple(
            each.strip().lower().removeprefix("@")
            for each in answer.replace(";", ",").split(",")
            if each.strip(" -")
        )
        wrong = [name for name in names if "." not in name or " " in name]
        if not wrong:
            return names
        print_lines([f"   {wrong[0]!r} is not a domain: write for example ours.com, ours.de"])


def ask_late(proposal: Proposal) -> tuple[str, ...]:
    """Which columns are filled in after a lead came in."""
    late = list(dict.fromkeys(each.column for each in proposal.late))
    columns = [name for name in proposal.leads.table.export.columns if name not in proposal.columns.values()]
    print_lines(
        [
            "",
            "3. Which columns are filled in, or kept up to date, after a lead came in? No feature will use them.",
        ]
    )
    print_lines([f"   guess: {', '.join(late) or 'none'}"])
    print_lines(
        [
            f"   taken as known from the start: {', '.join(name for name in columns if name not in late) or 'none'}"
        ]
    )
    while True:
        answer = _answer("changes, such as +Phone, -Rating", "none")
        changed, wrong = list(late), ""
        for each in (part.strip() for part in answer.split(",") if part.strip() and answer != "none"):
            name = next((column for column in columns if column.lower() == each[1:].strip().lower()), None)
            if each[0] not in "+-" or name is None:
                near = nearest(each.lstrip("+-").strip(), columns)
                wrong = f"   {each!r} is not a column with + or - before it{': did you mean ' + listed(near, 1) + '?' if near else ''}"
                break
            changed = [column for column in changed if column != name] + ([name] if each[0] == "+" else [])
        if not wrong:
            return tuple(changed)
        print_lines([wrong])


def _answer(what: str, guess: str) -> str:
    return str(typer.prompt(f"   {what}", default=printable(guess))).strip()

"""What is done with clicks that a machine made: told, taken back, or marked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from features import DuckDBEngine, Finding, UsageError, humanize, nearest
from features.errors import counted, listed
from features.history import Kind
from pipeline.config import Bots
from pipeline.sources.hygiene.bot_steps import TABLES, Looked, bot_steps

# What mail programs, CRMs and newsletters call them: email_clicked, "Email Link Clicked", click, opened.
_NAMED = {
    "clicks": r"^click(s|ed)?$|(mail|newsletter|link).*click|click.*(mail|newsletter|link)",
    "opens": r"^open(s|ed)?$|(mail|newsletter).*open|open.*(mail|newsletter)",
}
_MAILS = ("mail", "mail_id", "email_id", "message", "message_id", "mailing", "mailing_id", "campaign", "campaign_id",
          "newsletter")  # fmt: skip
_LINKS = ("link", "link_url", "link_id", "url", "href", "target", "page")
_CONSIDERABLE = 0.01  # of the clicks: below that, telling is noise


def mark_bots(
    engine: DuckDBEngine, bots: Bots, kinds: dict[str, Kind], findings: list[Finding], name: str
) -> None:
    """Do what ``bots.mode`` says with the clicks of the cleaned table ``events``.

    ``filter`` sets ``retracted_at`` to the moment of recognition (an earlier one stays); ``feature`` adds the
    property ``machine``: true if the click was recognised as it became known, by its own past alone; NULL for what
    is no click. ``kinds`` are the events' properties and get the new one; ``name`` is the project file's.

    Raises ``UsageError`` for a property that is not there, or that is called ``machine`` already.
    """
    if bots.mode == "off" or not engine.count("events"):
        return
    if bots.mode == "feature" and "machine" in {column.lower() for column in kinds}:
        raise UsageError(
            "events have a column machine already, which hygiene.bots would add",
            value="mode: feature",
            where=f"{name}: hygiene.bots",
            fix="rename yours: columns: {my_machine: machine}, or use mode: filter",
        )
    looked = _looked(engine, bots, kinds, findings, name)
    if not looked.clicks:
        if bots.mode != "report":
            told = "hygiene.bots found no event type that looks like a click: name yours under `clicks`"
            findings.append(Finding("bots-no-clicks", told))
        return
    engine.run(bot_steps(engine.dialect, bots, looked))
    findings += _findings(engine, bots, looked)
    # In place: another copy of all events would cost far more than looking for machines did.
    if bots.mode == "filter":
        # NULL is no moment: least() passes it over
        change = (
            "retracted_at = least(e.retracted_at, b.since) FROM bot_clicks AS b WHERE b.since IS NOT NULL"
        )
        engine.connection.execute(f"UPDATE events AS e SET {change} AND b.r = e.rowid")
    elif bots.mode == "feature":
        engine.connection.execute("ALTER TABLE events ADD COLUMN machine BOOLEAN")
        at_once = "coalesce(b.since <= e.known_at, FALSE)"
        engine.connection.execute(
            f"UPDATE events AS e SET machine = {at_once} FROM bot_clicks AS b WHERE b.r = e.rowid"
        )
        kinds["machine"] = "boolean"
    engine.drop(*TABLES)


def _looked(
    engine: DuckDBEngine, bots: Bots, kinds: Mapping[str, Kind], findings: list[Finding], name: str
) -> Looked:
    there = list(engine.frame("SELECT DISTINCT event_type AS t FROM events ORDER BY t")["t"])
    types = {}
    for part, pattern in _NAMED.items():
        told: tuple[str, ...] = getattr(bots, part)
        other = bots.opens if part == "clicks" else bots.clicks
        types[part] = told or tuple(t for t in there if re.search(pattern, t.lower()) and t not in other)
        for absent in (t for t in told if t not in there):
            near = nearest(absent, there, 1)
            meant = f"; did you mean {listed(near)}?" if near else ""
            message = f"hygiene.bots.{part}: no event is of type {absent!r}{meant}"
            findings.append(Finding("bots-unknown-type", message))
    clicks = tuple(t for t in types["clicks"] if bots.clicks or t not in types["opens"])
    opens = tuple(t for t in types["opens"] if t not in clicks)
    by_shape = {re.sub(r"[^a-z0-9]+", "_", column.lower()): column for column in reversed(list(kinds))}
    properties = {}
    for part, names in (("mail", _MAILS), ("link", _LINKS)):
        column: str | None = getattr(bots, part)
        if column is not None and column not in kinds:
            raise UsageError(
                "events have no such property",
                value=column,
                known=kinds,
                where=f"{name}: hygiene.bots.{part}",
            )
        properties[part] = column or next((by_shape[shape] for shape in names if shape in by_shape), None)
    return Looked(clicks, opens, properties["mail"], properties["link"])


def _findings(engine: DuckDBEngine, bots: Bots, looked: Looked) -> list[Finding]:
    total, all_marked = engine.count("bot_clicks"), engine.count("bot_clicks WHERE since IS NOT NULL")
    span = humanize(bots.within)
    said = {
        "burst": f"in bursts ({bots.burst} and more within {span})",
        "every_link": f"on every link ({bots.links} and more links of one mail first clicked within {span})",
        "before_open": "before any open of the mail",
    }
    parts = {pattern: engine.count(f"bot_clicks WHERE {pattern} IS NOT NULL") for pattern in bots.patterns}
    where = f"of {counted(total, 'click')} ({listed(looked.clicks, 3)})"
    if bots.mode == "report":
        # On its own a click before any open tells little: many mail programs hide opens.
        crowded = engine.count("bot_clicks WHERE burst IS NOT NULL OR every_link IS NOT NULL")
        if crowded < max(1, _CONSIDERABLE * total):
            return []
        each = [f"{count:,} {said[pattern]}" for pattern, count in parts.items() if count]
        told = f"{crowded:,} {where} look like a machine's: {'; '.join(each)}"
        advice = "They count as the lead's; hygiene: {bots: {mode: filter}} takes them back"
        return [Finding("bots-seen", f"{told}. {advice}", count=crowded)]
    done = (
        "taken back" if bots.mode == "filter" else "marked by the property machine where recognised at once"
    )
    codes = {"burst": "bots-burst", "every_link": "bots-every-link", "before_open": "bots-before-open"}
    found = [
        Finding(codes[pattern], f"{count:,} {where} {said[pattern]}: {done}", "note", count)
        for pattern, count in parts.items()
        if count
    ]
    blind = []
    if "before_open" in parts:
        told = f"opens are {listed(looked.opens, 3)}" if looked.opens else "no event type is an open"
        blind.append(told)
    blind.append(f"{looked.mail} tells the mail" if looked.mail else "no property tells the mail")
    blind.append(f"{looked.link} the link" if looked.link else "none the link")
    sum_up = f"hygiene.bots: {all_marked:,} {where} recognised as a machine's in all ({', '.join(blind)})"
    found.append(Finding("bots-looked", sum_up, "note", all_marked))
    if parts.get("before_open", 0) > total / 2:
        found.append(
            Finding(
                "bots-many-before-open",
                "more than half of the clicks come before any open: mail programs that load no images hide opens. "
                "hygiene: {bots: {patterns: [burst, every_link]}} leaves that pattern out",
                count=parts["before_open"],
            )
        )
    return found

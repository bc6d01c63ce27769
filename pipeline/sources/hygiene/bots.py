"""Clicks made by bots: reported, retracted, or marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from leadlens.features import DuckDBEngine, Finding, UsageError, humanize, nearest
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind
from leadlens.pipeline.config import Bots
from leadlens.pipeline.sources.hygiene.bot_steps import TABLES, MailEvents, bot_steps

# What mail programs, CRMs and newsletters call them: email_clicked, "Email Link Clicked", click, opened.
_NAMED = {
    "clicks": r"^click(s|ed)?$|(mail|newsletter|link).*click|click.*(mail|newsletter|link)",
    "opens": r"^open(s|ed)?$|(mail|newsletter).*open|open.*(mail|newsletter)",
}
_MAILS = ("mail", "mail_id", "email_id", "message", "message_id", "mailing", "mailing_id", "campaign", "campaign_id",
          "newsletter")  # fmt: skip
_LINKS = ("link", "link_url", "link_id", "url", "href", "target", "page")
CONSIDERABLE = 0.01  # of the clicks: a smaller share is not worth a warning


def mark_bots(
    engine: DuckDBEngine,
    bots: Bots,
    kinds: dict[str, Kind],
    findings: list[Finding],
    name: str,
    opens_since: datetime | None = None,
) -> None:
    """Apply ``bots.mode`` to the clicks of the cleaned table ``events``.

    ``filter`` sets ``retracted_at`` to the time of recognition (an earlier one stays); ``feature`` adds the
    property ``machine``: true if the click was recognised as soon as it was known, by its past alone; NULL for other
    events. ``kinds`` are those of the events' properties and get the new one; ``name`` is that of the project file.
    ``opens_since`` is when the first open became known, where ``events`` are not those of all leads.

    Raises ``UsageError`` for a property that does not exist, or that is called ``machine`` already.
    """
    if not find_bots(engine, bots, kinds, findings, name, opens_since):
        return
    # In place: another copy of all events would cost far more than the search for bots.
    if bots.mode == "filter":
        # least() ignores NULL
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


def find_bots(
    engine: DuckDBEngine,
    bots: Bots,
    kinds: Mapping[str, Kind],
    findings: list[Finding],
    name: str,
    opens_since: datetime | None = None,
) -> bool:
    """Make ``bot_clicks`` of the cleaned table ``events``; whether there was anything to look at. See ``mark_bots``."""
    if bots.mode == "off" or not engine.count("events"):
        return False
    refuse_machine(bots, kinds, name)
    present = list(engine.frame("SELECT DISTINCT event_type AS t FROM events ORDER BY t")["t"])
    mail = mail_events(present, bots, kinds, findings, name)
    if mail.clicks:
        counts = look_for_bots(engine, bots, mail._replace(opens_since=opens_since))
        findings += bot_findings(counts, bots, mail)
    return bool(mail.clicks)


def look_for_bots(engine: DuckDBEngine, bots: Bots, mail: MailEvents) -> Counter[str]:
    """Make ``bot_clicks`` of the clicks and opens in ``events``; returns how many clicks there are, and which are recognised.

    Counted are ``clicks``, those ``marked`` by any pattern, those ``crowded`` by a pattern of many at once, and those of
    each pattern.
    """
    engine.run(bot_steps(engine.dialect, bots, mail))
    counted_columns = ["since", "coalesce(burst, every_link)", *bots.patterns]
    columns = ", ".join(f"count({column})" for column in counted_columns)
    counts = engine.connection.execute(f"SELECT count(*), {columns} FROM bot_clicks").fetchall()[0]
    return Counter(dict(zip(("clicks", "marked", "crowded", *bots.patterns), counts, strict=True)))


def of_events(finding: Finding, events: int) -> Finding:
    """A finding about clicks, as a share of all events."""
    if finding.code != "bots-seen" or not finding.count or not events:
        return finding
    return replace(finding, share=finding.count / events)


def refuse_machine(bots: Bots, kinds: Mapping[str, Kind], name: str) -> None:
    """Raise ``UsageError`` where the property that ``mode: feature`` adds is there already."""
    if bots.mode == "feature" and "machine" in {column.lower() for column in kinds}:
        raise UsageError(
            "events already have a column machine, which hygiene.bots would add",
            value="mode: feature",
            where=f"{name}: hygiene.bots",
            fix="rename yours: columns: {my_machine: machine}, or use mode: filter",
        )


def mail_events(
    present: Sequence[str], bots: Bots, kinds: Mapping[str, Kind], findings: list[Finding], name: str
) -> MailEvents:
    """Which of the ``present`` event types are clicks and opens, and which properties identify mail and link.

    Raises ``UsageError`` for a property that does not exist.
    """
    types = {}
    for part, pattern in _NAMED.items():
        given: tuple[str, ...] = getattr(bots, part)
        other = bots.opens if part == "clicks" else bots.clicks
        types[part] = given or tuple(t for t in present if re.search(pattern, t.lower()) and t not in other)
        for absent in (t for t in given if t not in present):
            near = nearest(absent, present, 1)
            meant = f"; did you mean {listed(near)}?" if near else ""
            message = f"hygiene.bots.{part}: no event has the type {absent!r}{meant}"
            findings.append(Finding("bots-unknown-type", message))
    clicks = tuple(t for t in types["clicks"] if bots.clicks or t not in types["opens"])
    if not clicks and bots.mode != "report":
        message = "hygiene.bots found no event type for clicks: list yours under `clicks`"
        findings.append(Finding("bots-no-clicks", message))
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
    return MailEvents(clicks, opens, properties["mail"], properties["link"])


def bot_findings(counts: Mapping[str, int], bots: Bots, mail: MailEvents) -> list[Finding]:
    """What there is to say of clicks that were counted by ``look_for_bots``."""
    total, all_marked = counts["clicks"], counts["marked"]
    span = humanize(bots.within)
    patterns = {
        "burst": f"in bursts ({bots.burst} or more within {span})",
        "every_link": f"on every link ({bots.links} or more links of one mail first clicked within {span})",
        "before_open": "before any open of the mail",
    }
    parts = {pattern: counts[pattern] for pattern in bots.patterns}
    where = f"of {counted(total, 'click')} ({listed(mail.clicks, 3)})"
    if bots.mode == "report":
        # A click before any open means little on its own: many mail programs hide opens.
        crowded = counts["crowded"]
        if crowded < max(1, CONSIDERABLE * total):
            return []
        each = [f"{count:,} {patterns[pattern]}" for pattern, count in parts.items() if count]
        message = f"{crowded:,} {where} were probably made by bots: {'; '.join(each)}"
        advice = "They count as clicks of the lead; hygiene: {bots: {mode: filter}} retracts them"
        return [Finding("bots-seen", f"{message}. {advice}", count=crowded)]
    done = "retracted" if bots.mode == "filter" else "marked by the property machine where recognised at once"
    codes = {"burst": "bots-burst", "every_link": "bots-every-link", "before_open": "bots-before-open"}
    findings = [
        Finding(codes[pattern], f"{count:,} {where} {patterns[pattern]}: {done}", "note", count)
        for pattern, count in parts.items()
        if count
    ]
    used = []
    if "before_open" in parts:
        used.append(f"opens: {listed(mail.opens, 3)}" if mail.opens else "no event type for opens")
    used.append(f"mail: {mail.mail}" if mail.mail else "no property for the mail")
    used.append(f"link: {mail.link}" if mail.link else "none for the link")
    sum_up = f"hygiene.bots: {all_marked:,} {where} recognised as made by bots ({', '.join(used)})"
    findings.append(Finding("bots-looked", sum_up, "note", all_marked))
    if parts.get("before_open", 0) > total / 2:
        findings.append(
            Finding(
                "bots-many-before-open",
                "more than half of the clicks come before any open: mail programs that block images hide opens. "
                "hygiene: {bots: {patterns: [burst, every_link]}} leaves that pattern out",
                count=parts["before_open"],
            )
        )
    return findings

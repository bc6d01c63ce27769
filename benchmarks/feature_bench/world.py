"""A generated history as Parquet: the same on every run, written month by month so that any size fits in memory.

Two shapes. ``visits``: people come in visits of about ten events within half an hour, as on a real site.
``even``: every event at a different time, the worst case for anything that aggregates by day.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

TYPES = ("page_viewed", "email_opened", "email_clicked", "form_started", "form_sent", "video_watched",
         "webinar_joined", "brochure_loaded", "chat_opened", "call_answered", "quote_asked", "trial_used")  # fmt: skip
START, DAYS = datetime(2025, 1, 1), 365
END = START + timedelta(days=DAYS)
NIGHT = END + timedelta(days=DAYS / 100)  # the second night: 1 % more time, so 1 % more events
_MONTHS = 12
_PER_VISIT, _VISIT, _LATE_SHARE, _LATEST = 10, timedelta(minutes=30), 0.005, timedelta(days=3)


@dataclass(frozen=True)
class World:
    """One history on disk: about ``events`` events of ``leads`` leads over 365 days, and spines.

    Spines: ``one`` (a random time in the second half per lead), ``twelve`` (a random time in every month per
    lead), ``calendar`` (the twelve month ends, midnight, the same for all), ``first`` and ``second`` (all leads
    at the end of the history, and 1 % later: two nightly runs).
    """

    folder: Path
    shape: str
    events: int
    leads: int

    @property
    def home(self) -> Path:
        """Where its files are."""
        return self.folder / f"{self.shape}-{self.events}-{self.leads}"

    @property
    def months(self) -> list[str]:
        """The events known by the end of the history, a file per month, each in order of time."""
        return [str(self.home / f"events-{month:02}.parquet") for month in range(_MONTHS)]

    @property
    def night(self) -> str:
        """The events of the second night: new ones, and old ones that became known late."""
        return str(self.home / "night.parquet")

    @property
    def people(self) -> str:
        """The leads."""
        return str(self.home / "leads.parquet")

    def spine(self, name: str) -> str:
        """Rows to make: ``row_id, lead_id, as_of, created_at``."""
        return str(self.home / f"spine-{name}.parquet")


def make(world: World) -> None:
    """Write the history unless it exists in full."""
    import duckdb

    done = world.home / "done"
    if done.exists():
        return
    shutil.rmtree(world.home, ignore_errors=True)
    world.home.mkdir(parents=True)
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '2GB'; SET temp_directory = {_text(world.home / 'spill')}")

    def write(select: str, path: str, group: int = 122_880) -> None:
        connection.execute(f"COPY ({select}) TO {_text(path)} (FORMAT parquet, ROW_GROUP_SIZE {group})")

    write(
        f"SELECT {_lead('i')} AS lead_id, {_time(START)} AS created_at, CAST(NULL AS VARCHAR) AS account_id, "
        f"CAST(NULL AS TIMESTAMP) AS closed_at FROM range({world.leads}) AS t(i)",
        world.people,
    )
    # Times of a visit (or of an event) are spread by its number, so a month is a range of numbers.
    starts = world.events // _PER_VISIT if world.shape == "visits" else world.events
    edges = [starts * month // _MONTHS for month in range(_MONTHS + 1)]
    order = "ORDER BY occurred_at, lead_id"
    for month, path in enumerate(world.months):
        events = _events(world, starts, edges[month], edges[month + 1])
        write(f"SELECT * FROM ({events}) WHERE known_at < {_time(END)} {order}", path)
    late = f"SELECT * FROM ({_events(world, starts, edges[-2], starts)}) WHERE known_at >= {_time(END)}"
    fresh = _events(world, starts, starts, starts + starts // 100)
    write(
        f"SELECT * FROM ({late} UNION ALL {fresh}) WHERE known_at < {_time(NIGHT)} {order}",
        world.night,
    )
    one, twelve = _draw("i", "as-of"), _draw("i, m", "as-of")
    month_ends = [(END.replace(year=2025 + month // 12, month=month % 12 + 1)) for month in range(1, 13)]
    spines = {
        "one": f"SELECT i, {_later(START, f'{DAYS / 2} + {DAYS / 2} * {one}')} AS as_of",
        "twelve": f"SELECT i, {_later(START, f'{DAYS / 12} * (m + {twelve})')} AS as_of",
        "calendar": f"SELECT i, [{', '.join(map(_time, month_ends))}][m + 1] AS as_of",
        "first": f"SELECT i, {_time(END)} AS as_of",
        "second": f"SELECT i, {_time(NIGHT)} AS as_of",
    }
    for name, select in spines.items():
        times = 12 if name in ("twelve", "calendar") else 1
        write(
            f"SELECT row_number() OVER (ORDER BY as_of, lead_id) - 1 AS row_id, lead_id, as_of, "
            f"{_time(START)} AS created_at FROM (SELECT {_lead('i')} AS lead_id, as_of FROM ({select} "
            f"FROM range({world.leads}) AS t(i), range({times}) AS u(m))) ORDER BY row_id",
            world.spine(name),
            group=20_480,
        )
    connection.close()
    shutil.rmtree(world.home / "spill", ignore_errors=True)
    done.touch()


def _events(world: World, starts: int, first: int, end: int) -> str:
    """The events of the visits (or single events) numbered ``first`` up to ``end``."""
    jitter = _draw("i", "start")
    start = _later(START, f"{DAYS} * ((i + {jitter}) / {starts})")
    # Some leads are busy: the busiest has 11 times the mean, the quietest half of it.
    busy = f"(power({_draw('i', 'lead')} + 0.05, 2) - 0.0025) / 1.1"
    lead = f"(CAST(floor({world.leads} * {busy}) AS BIGINT) * 1000003) % {world.leads}"
    size = f"range(1 + CAST(floor({2 * _PER_VISIT - 1} * {_draw('i', 'size')}) AS BIGINT))"
    within = (
        f"to_microseconds(CAST({_draw('i, k', 'within')} * {_VISIT // timedelta(microseconds=1)} AS BIGINT))"
    )
    if world.shape == "visits":
        rows = (
            f"SELECT i, k, lead, start + {within} AS occurred_at FROM "
            f"(SELECT i, unnest({size}) AS k, {lead} AS lead, {start} AS start FROM range({first}, {end}) AS t(i))"
        )
    else:
        rows = f"SELECT i, 0 AS k, {lead} AS lead, {start} AS occurred_at FROM range({first}, {end}) AS t(i)"
    delay = f"{_draw('i, k', 'delay')} * {_LATEST // timedelta(microseconds=1)}"
    late = f"CASE WHEN {_draw('i, k', 'late')} < {_LATE_SHARE} THEN CAST({delay} AS BIGINT) ELSE 0 END"
    return (
        f"SELECT {_lead('lead')} AS lead_id, occurred_at, occurred_at + to_microseconds({late}) AS known_at, "
        f"{_type()} AS event_type, 'page ' || CAST(floor(40 * power({_draw('i, k', 'page')}, 2)) AS INTEGER) AS page, "
        f"CASE WHEN {_draw('i, k', 'paid')} < 0.05 THEN round(1000 * {_draw('i, k', 'value')}, 2) END AS value "
        f"FROM ({rows})"
    )


def _type() -> str:
    """Types by Zipf: the second is half as common as the first, the third a third …"""
    weights = [1 / rank for rank in range(1, len(TYPES) + 1)]
    cases = [
        f"WHEN u < {sum(weights[: rank + 1]) / sum(weights)!r} THEN {_text(name)}"
        for rank, name in enumerate(TYPES[:-1])
    ]
    drawn = f"CASE {' '.join(cases)} ELSE {_text(TYPES[-1])} END"
    return drawn.replace("u <", f"{_draw('i, k', 'type')} <")


def _draw(number: str, salt: str) -> str:
    """A number in [0, 1) that depends on nothing else."""
    return f"((hash({number}, {_text(salt)}) >> 11) / 9007199254740992.0::DOUBLE)"


def _lead(number: str) -> str:
    return f"format('lead-{{:07d}}', {number})"


def _time(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"


def _later(moment: datetime, days: str) -> str:
    return f"({_time(moment)} + to_microseconds(CAST(86400000000.0::DOUBLE * ({days}) AS BIGINT)))"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"

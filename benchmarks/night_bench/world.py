"""A generated project on disk, the same on every run: leads scattered over ten event files in order of time.

Accounts, leads with eight attributes, events in visits of about five, and conversions of one lead in twenty, those that
asked for quotes and used the trial more than others. ``rich`` adds what makes reading harder: a second property and an
amount, events known late or retracted, bots, merged leads.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import yaml

from benchmarks.feature_bench.world import TYPES

Form = Literal["parquet", "csv"]
FILES = 10
START, DAYS = datetime(2025, 1, 1), 365
END = START + timedelta(days=DAYS)
_PER_VISIT, _VISIT_MINUTES = 5, 20
_SAMPLE_LEADS = 20_000  # enough to tune a model as a project of this size would have
_CONVERTED = 0.05


@dataclass(frozen=True)
class NightWorld:
    """A project of ``leads`` leads and about ``events`` events over a year, as files of one form."""

    folder: Path
    leads: int
    events: int
    form: Form = "parquet"
    rich: bool = False

    @property
    def home(self) -> Path:
        """The project's folder."""
        kind = f"{self.form}{'-rich' if self.rich else ''}"
        return self.folder / f"night-{kind}-{self.leads}-{self.events}"

    @property
    def accounts(self) -> int:
        return max(10, self.leads * 3 // 20)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def sample(self) -> Path:
        """The same project with few leads, to train on."""
        return self.home / "sample"

    @property
    def months(self) -> list[Path]:
        """The event files of the first night."""
        return [self.data / f"events-{number:02}.{self.form}" for number in range(FILES)]

    @property
    def sources(self) -> list[Path]:
        """All files of the first night."""
        names = ["leads", "accounts", "conversions", *(["aliases"] if self.rich else [])]
        return [*(self.data / f"{name}.{self.form}" for name in names), *self.months]

    @property
    def fresh(self) -> Path:
        """Ready to be added: 1 % more events, among them late ones and exact repeats."""
        return self.home / "later" / f"events-{FILES:02}.{self.form}"

    @property
    def edited(self) -> Path:
        """Ready to replace the file in the middle: the same rows, 1 % of them changed."""
        return self.home / "later" / self.months[FILES // 2].name

    def make(self) -> None:
        """Write everything unless it exists in full."""
        if (self.home / "done").exists():
            return
        from benchmarks.night_bench.sheet import sheet
        from leadlens.models.scorecard.language.yaml_text import yaml_text

        shutil.rmtree(self.home, ignore_errors=True)
        for folder in (self.data, self.fresh.parent, self.sample / "data"):
            folder.mkdir(parents=True)
        _write_all(self)
        for folder in (self.home, self.sample):
            (folder / "sheet.yaml").write_text(yaml_text(sheet()), encoding="utf-8")
            text = yaml.safe_dump(self.project(folder), sort_keys=False)
            (folder / "project.yaml").write_text(text, encoding="utf-8")
        (self.home / "done").touch()

    def project(self, folder: Path) -> dict[str, object]:
        """The project file. The sample has the same name, so that a model of it is one of the project."""
        form = self.form if folder == self.home else "parquet"
        tables = ["leads", "accounts", "conversions", *(["aliases"] if self.rich else [])]
        data: dict[str, object] = {name: {"read": f"data/{name}.{form}"} for name in tables}
        data["events"] = {"read": f"data/events-*.{form}"}
        hygiene = {"bots": {"mode": "filter", "clicks": ["email_clicked"], "opens": ["email_opened"]}}
        return {
            "name": "night",
            "data": data,
            "outcome": {"horizon": "30d"},
            "spine": {"at_ages": ["7d", "30d", "90d"]},
            "scorecards": ["sheet.yaml"],
            "model": {"trials": 20},
            **({"hygiene": hygiene} if self.rich else {}),
        }

    @property
    def size(self) -> dict[str, object]:
        """What makes it this world and no other, for ``child.make``."""
        return {
            "folder": str(self.folder), "leads": self.leads, "events": self.events, "form": self.form, "rich": self.rich,
        }  # fmt: skip

    def add_fresh(self) -> None:
        """Add the file of 1 % more events, as written now."""
        os.utime(self.fresh)
        os.link(self.fresh, self.data / self.fresh.name)

    def put_edited(self) -> None:
        """Put the edited file, as written now, in the place of the original."""
        middle = self.months[FILES // 2]
        middle.rename(self._original)
        os.utime(self.edited)
        os.link(self.edited, middle)

    def restore(self) -> None:
        """Back to the files of the first night, with their own times."""
        (self.data / self.fresh.name).unlink(missing_ok=True)
        if self._original.exists():
            self._original.replace(self.months[FILES // 2])

    @property
    def _original(self) -> Path:
        return self.home / "later" / "original"


def _write_all(world: NightWorld) -> None:
    import duckdb

    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '4GB'; SET temp_directory = {_text(world.home / 'spill')}")
        visits = world.events // _PER_VISIT
        edges = [visits * number // FILES for number in range(FILES + 1)]
        for first, end, path in zip(edges, edges[1:], world.months, strict=False):
            _write(con, f"{_events(world, visits, first, end)} ORDER BY occurred_at, event_id", path)
        con.execute(f"CREATE VIEW events AS SELECT * FROM {reader(world.months)}")
        _write(con, _leads(world), world.data / f"leads.{world.form}")
        con.execute(f"CREATE TABLE converted AS {_conversions(world)}")
        _write(
            con,
            "SELECT * FROM converted ORDER BY converted_at, lead_id",
            world.data / f"conversions.{world.form}",
        )
        _write(con, _accounts(world), world.data / f"accounts.{world.form}")
        if world.rich:
            _write(con, _aliases(world), world.data / f"aliases.{world.form}")
        _write_later(con, world, visits)
        _write_sample(con, world)
    shutil.rmtree(world.home / "spill", ignore_errors=True)


def _write(con: object, select: str, path: Path) -> None:
    form = "FORMAT csv, HEADER" if path.suffix == ".csv" else "FORMAT parquet"
    con.execute(f"COPY ({select}) TO {_text(path)} ({form})")  # type: ignore[attr-defined]


def reader(paths: list[Path]) -> str:
    """SQL that reads files of one form."""
    function = "read_csv" if paths[0].suffix == ".csv" else "read_parquet"
    return f"{function}([{', '.join(map(_text, paths))}])"


def _events(world: NightWorld, visits: int, first: int, end: int) -> str:
    """The events of the visits numbered ``first`` up to ``end``; their numbers are in order of time.

    Leads come evenly over the year and are busiest at first: a visit is of a lead that is there, rather of a new one.
    """
    size = f"range(1 + CAST(floor({2 * _PER_VISIT - 1} * {_draw('i', 'size')}) AS BIGINT))"
    there = f"{world.leads} * (0.05 + 0.95 * least(i / {visits}, 1))"
    lead = f"CAST(floor({there} * (1 - power({_draw('i', 'lead')}, 2))) AS BIGINT)"
    start = f"{DAYS} * ((i + {_draw('i', 'start')}) / {visits})"
    within = f"{_VISIT_MINUTES / 1440} * {_draw('i, k', 'within')}"
    columns = [
        "format('{:016x}', hash(i, k, 'id')) AS event_id",
        f"{_lead('lead', world)} AS lead_id",
        f"{_time('day')} AS occurred_at",
        "event_type",
        "CASE WHEN event_type IN ('page_viewed', 'form_started', 'form_sent', 'video_watched') "
        f"THEN 'page ' || CAST(floor(40 * power({_draw('i, k', 'page')}, 2)) AS INTEGER) END AS page",
    ]
    if world.rich:
        late, delay = _draw("i, k", "late"), _draw("i, k", "delay")
        columns += [
            f"CASE WHEN {late} < 0.02 THEN {_time(f'(day + 3 * {delay})')} END AS known_at",
            f"CASE WHEN {_draw('i, k', 'back')} < 0.01 THEN {_time(f'(day + 9 * {delay})')} END AS retracted_at",
            "['ads', 'search', 'mail', 'partner'][CAST(1 + hash(i, 'channel') % 4 AS BIGINT)] AS channel",
            f"CASE WHEN {_draw('i, k', 'paid')} < 0.1 THEN round(1000 * {_draw('i, k', 'amount')}, 2) END AS amount",
        ]
    return f"""
        SELECT {", ".join(columns)}
        FROM (
            SELECT i, k, least(lead, {world.leads - 1}) AS lead, start + {within} AS day, {_type()} AS event_type
            FROM (
                SELECT i, unnest({size}) AS k, {lead} AS lead, {start} AS start FROM range({first}, {end}) AS t(i)
            )
        )
    """


def _leads(world: NightWorld) -> str:
    """Eight attributes; they come evenly to the last day, a little before their first visit; one in fifty is closed."""
    created = f"{DAYS} * i / (0.95 * {world.leads}) - 20"

    def one_of(values: list[str], salt: str) -> str:
        return f"{values}[CAST(1 + hash(i, {_text(salt)}) % {len(values)} AS BIGINT)]"

    cities = [f"City {number}" for number in range(60)]
    titles = [
        "CEO",
        "Head of Sales",
        "Vice President, Marketing",
        "Engineer",
        "Buyer",
        "Student",
        "Clerk",
        "Owner",
    ]
    hosts = ["gmail.com", "web.de", "firm.io", "works.com", "uzh.ch", "corp.net"]
    account = f"'A' || hash(i, 'account') % {world.accounts}"
    return f"""
        SELECT
            {_lead("i", world)} AS lead_id,
            {_time(f"({created})")} AS created_at,
            CASE WHEN {_draw("i", "firm")} < 0.7 THEN {account} END AS account_id,
            CASE WHEN {_draw("i", "closed")} < 0.02 THEN {_time(f"({created} + 200)")} END AS closed_at,
            CAST(18 + hash(i, 'age') % 60 AS DOUBLE) AS age,
            CASE WHEN {_draw("i", "income?")} < 0.8 THEN round(1000 * (20 + 100 * {_draw("i", "income")})) END AS income,
            {one_of(cities, "city")} AS city,
            {one_of(["ads", "search", "fair", "partner", "mail"], "source")} AS source,
            {one_of(titles, "title")} AS title,
            {one_of(["1-10", "11-50", "51-200", "201-1000"], "staff")} AS staff,
            hash(i, 'news') % 3 = 0 AS newsletter,
            'user' || i || '@' || {one_of(hosts, "host")} AS email
        FROM range({world.leads}) AS t(i)
    """


def _accounts(world: NightWorld) -> str:
    industries = ["software", "finance", "retail", "health", "public"]
    return f"""
        SELECT
            'A' || i AS account_id,
            {industries}[CAST(1 + hash(i, 'industry') % 5 AS BIGINT)] AS industry,
            ['CH', 'DE', 'AT', 'US'][CAST(1 + hash(i, 'country') % 4 AS BIGINT)] AS country,
            CAST(1 + hash(i, 'employees') % 5000 AS DOUBLE) AS employees
        FROM range({world.accounts}) AS t(i)
    """


def _aliases(world: NightWorld) -> str:
    """One lead in a hundred has an old id under which part of its events stand."""
    old, new = f"({world.leads} - 1 - i)", "i"
    return (
        f"SELECT {_lead(old, world)} AS old_id, {_lead(new, world)} AS lead_id, CAST(NULL AS TIMESTAMP) AS merged_at "
        f"FROM range({world.leads // 100}) AS t(i)"
    )


def _conversions(world: NightWorld) -> str:
    """Each strong event adds to what a lead has done; it converts days after that exceeds what it needs.

    What an event adds depends on who the lead is; needs are set so that one lead in twenty converts.
    """
    fits = "l.age BETWEEN 33 AND 62 AND l.source <> 'ads'"
    return f"""
        WITH strong AS (
            SELECT
                lead_id,
                occurred_at,
                CASE event_type WHEN 'quote_asked' THEN 4 WHEN 'trial_used' THEN 3 ELSE 1 END
                    * CASE WHEN {fits} THEN 2 ELSE 0.5 END AS adds
            FROM events AS e
            JOIN {reader([world.data / f"leads.{world.form}"])} AS l USING (lead_id)
            WHERE event_type IN ('quote_asked', 'trial_used') OR page = 'page 3'
        ),
        done AS (
            SELECT
                lead_id,
                occurred_at,
                sum(adds) OVER (PARTITION BY lead_id ORDER BY occurred_at)
                    / -ln(1e-12 + {_draw("lead_id", "need")}) AS done
            FROM strong
        ),
        enough AS (
            SELECT min(most) AS done FROM (
                SELECT max(done) AS most FROM done GROUP BY lead_id
                ORDER BY most DESC LIMIT {round(_CONVERTED * world.leads)}
            )
        )
        SELECT
            lead_id,
            min(occurred_at) + to_hours(CAST(24 * (1 + hash(lead_id, 'wait') % 5) AS INTEGER)) AS converted_at,
            'sale' AS kind,
            round(100 + 900 * {_draw("lead_id", "value")}, 2) AS value
        FROM done
        WHERE done >= (SELECT done FROM enough)
        GROUP BY lead_id
        HAVING converted_at < {_moment(END)}
    """


def _write_later(con: object, world: NightWorld, visits: int) -> None:
    more = max(visits // 100, 10)
    hundredth = f"hash(event_id, {{}}) % {100 if world.events > 50_000 else 20}"
    fresh = _events(world, visits, visits, visits + more * 9 // 10)
    # What happened in the last month and is heard of only now: other visits of the same time.
    late = _events(world, visits, visits * 11 // 12, visits * 11 // 12 + more * 7 // 100)
    late = f"SELECT * REPLACE ('late-' || event_id AS event_id) FROM ({late})"
    again = (
        f"SELECT * FROM {reader(world.months[-2:])} WHERE {hundredth.format(1)} = 0 LIMIT {more * 3 // 20}"
    )
    _write(
        con, f"({fresh}) UNION ALL ({late}) UNION ALL ({again}) ORDER BY occurred_at, event_id", world.fresh
    )
    page = f"CASE WHEN {hundredth.format(2)} = 0 THEN 'page 41' ELSE page END AS page"
    middle = world.months[FILES // 2]
    _write(con, f"SELECT * REPLACE ({page}) FROM {reader([middle])}", world.edited)


def _write_sample(con: object, world: NightWorld) -> None:
    """Every so-many-th lead with all it did, as Parquet whatever the form."""
    keep = f"hash(lead_id, 'sample') % {max(world.leads // _SAMPLE_LEADS, 1)} = 0"
    for name in ("leads", "conversions"):
        rows = f"SELECT * FROM {reader([world.data / f'{name}.{world.form}'])} WHERE {keep}"
        _write(con, rows, world.sample / "data" / f"{name}.parquet")
    for name in ("accounts", *(["aliases"] if world.rich else [])):
        rows = f"SELECT * FROM {reader([world.data / f'{name}.{world.form}'])}"
        _write(con, rows, world.sample / "data" / f"{name}.parquet")
    _write(con, f"SELECT * FROM events WHERE {keep}", world.sample / "data" / "events-00.parquet")


def _type() -> str:
    """Types by Zipf: the second is half as common as the first, the third a third …"""
    weights = [1 / rank for rank in range(1, len(TYPES) + 1)]
    drawn = _draw("i, k", "type")
    cases = [
        f"WHEN {drawn} < {sum(weights[: rank + 1]) / sum(weights)!r} THEN {_text(name)}"
        for rank, name in enumerate(TYPES[:-1])
    ]
    return f"CASE {' '.join(cases)} ELSE {_text(TYPES[-1])} END"


def _draw(number: str, salt: str) -> str:
    """A number in [0, 1) that depends on nothing else."""
    return f"((hash({number}, {_text(salt)}) >> 11) / 9007199254740992.0::DOUBLE)"


def _lead(number: str, world: NightWorld) -> str:
    """Numbers that are near are ids that are far from each other."""
    return f"format('lead-{{:07d}}', (CAST({number} AS BIGINT) * 1000003) % {world.leads})"


def _time(days: str) -> str:
    """SQL of the timestamp so many days after the start, to the millisecond."""
    return f"({_moment(START)} + to_milliseconds(CAST(86400000.0::DOUBLE * {days} AS BIGINT)))"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"

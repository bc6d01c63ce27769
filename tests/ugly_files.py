"""One and the same history as files of every dialect: are they read alike, or refused by column and value?

    python -m tests.ugly_files --count 2000 --seed 1

Writes small tables of leads and events as CSV (separators, quotes, encodings, marks, line ends, decimal commas, spellings of
names, of dates and of what is not known), as Parquet of many types, as DuckDB tables and, with ``--postgres URL``, as
tables of PostgreSQL; opens them, and asks for the same ids, times and values as plain Python has, and for the features that
the same tables have as plain Parquet. What is not read alike must be told with the name of its column.
``tests/pipeline/test_ugly_files.py`` tries a few, drawn by Hypothesis. With ``--spark local[2]``, or another master, workers of Spark
prepare each history, and it is held against the one that is prepared here, too, to the words of a refusal.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from leadlens.features import DuckDBEngine, History, LeadlensError
from leadlens.features.matrix import build_matrix
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan, Reading, Touch
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.pipeline.cluster import Workers, spark_workers
from leadlens.pipeline.config import EngineSettings, ProjectFile, load_project
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.verifying import _unlike as content_unlike
from leadlens.pipeline.progress import silent
from leadlens.pipeline.sources.opening import open_history as open_plainly
from leadlens.pipeline.sources.unknown_words import words_for

Row = dict[str, Any]
_TOLD = ("number-as-text", "text-in-number")  # what a column is not read as, by its name, with examples
START = datetime(2024, 3, 1, 8, 30)
IDS = ("plain", "padded", "scored", "digits", "exponent", "versions", "unicode", "long")
KINDS = {"income": "number", "staff": "number", "keen": "boolean", "born": "time", "city": "category"}
READINGS: dict[str, Reading] = {
    "income": "number", "staff": "number", "keen": "flag", "born": "age", "city": "category"
}  # fmt: skip
CITIES = ("Bern", "Zürich", "São Paulo", "O'Fallon", 'The "Hague"', "A;B|C, D", "Łódź", "Two\nlines")
WORDS = sorted(words_for("number"))
MARKS = sorted(words_for("text") - {"nan"})


def ids_of(rng: Random, style: str, count: int) -> list[str]:
    """Ids that a reader may take for something else."""
    made = {
        "plain": lambda n: f"L{n:03}",
        "padded": lambda n: f"{n:06}",
        "scored": lambda n: f"1_{n}",
        "digits": lambda n: str(12345678901234567000 + n),
        "exponent": lambda n: f"{n}e5",
        "versions": lambda n: f"{n // 10}.{n % 10}0",
        "unicode": lambda n: f"Ä{n}\u0301é",
        "long": lambda n: f"{rng.getrandbits(64):x}-{n}-" + "x" * 40,
    }
    return [made[style](n) for n in range(count)]


@dataclass(frozen=True)
class Tables:
    """Leads and events as plain Python has them: ``None`` is what is not known."""

    leads: list[Row]
    events: list[Row]

    @classmethod
    def drawn(cls, rng: Random) -> Tables:
        """Forty leads, and three events of each."""
        ids = ids_of(rng, rng.choice(IDS), 40)
        types = rng.choice(
            (("1.1", "1.10"), ("page_viewed", "email_opened"), ("007", "7"), ("Öffnung", "Öffnung 2"))
        )

        def maybe(value: Any) -> Any:
            return None if rng.random() > 0.85 else value  # known is the simpler, to which examples shrink

        leads = [
            {
                "lead_id": lead,
                "created_at": START + timedelta(hours=7 * n),
                "income": maybe(rng.randint(-9_000_000, 9_000_000) / 100),
                "staff": maybe(rng.randint(0, 100_000)),
                "keen": maybe(rng.random() < 0.5),
                "born": maybe(datetime(1960, 1, 1) + timedelta(days=rng.randint(0, 15_000))),
                "city": maybe(rng.choice(CITIES)),
            }
            for n, lead in enumerate(ids)
        ]
        events = [
            {
                "event_id": f"e{n}-{hours}",
                "lead_id": row["lead_id"],
                "occurred_at": row["created_at"]
                + timedelta(hours=hours, microseconds=rng.choice((0, 250_000))),
                "event_type": rng.choice(types),
                "page": maybe(rng.choice(("Pricing", "Home"))),
            }
            for n, row in enumerate(leads)
            for hours in (1, 5, 30)
        ]
        return cls(leads, events)


@dataclass
class Dialect:
    """How one run writes: drawn once, so that a failure says what it was."""

    drawn: dict[str, Any] = field(default_factory=dict)

    def pick(self, rng: Random, name: str, choices: Any) -> Any:
        self.drawn[name] = rng.choice(list(choices))
        return self.drawn[name]

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.drawn.items())


def write(
    folder: Path, tables: Tables, rng: Random, postgres: str | None, kind: str | None = None
) -> tuple[Path, Dialect]:
    """A project of these tables in some dialect; returns the project file."""
    dialect = Dialect()
    kinds = ["csv", "csv", "csv", "parquet", "parquet", "duckdb", *(["postgres"] if postgres else [])]
    kind = dialect.pick(rng, "kind", [kind] if kind else kinds)
    data: dict[str, Any] = {}
    spelling = dialect.pick(rng, "names", ("plain", "UPPER", "Title"))
    for name, rows in (("leads", tables.leads), ("events", tables.events)):
        contract = ("lead_id", "created_at", "event_id", "occurred_at", "event_type")
        spelled = {
            column: {"plain": column, "UPPER": column.upper(), "Title": column.title()}[spelling]
            if column in contract
            else column
            for column in rows[0]
        }
        renamed = [{spelled[column]: value for column, value in row.items()} for row in rows]
        if kind == "csv":
            data[name] = _csv(folder, name, renamed, rng, dialect)
        elif kind == "parquet":
            data[name] = _parquet(folder, name, renamed, rng, dialect)
        elif kind == "duckdb":
            data[name] = _duckdb(folder, name, renamed, rng, dialect)
        else:
            data[name] = _postgres(str(postgres), name, renamed, rng, dialect)
    return _project(folder, data), dialect


def _project(folder: Path, data: dict[str, Any]) -> Path:
    (folder / "conversions.csv").write_text("lead_id,converted_at\n", encoding="utf-8")
    data = {**data, "conversions": {"read": "conversions.csv"}}
    project = {"name": "ugly", "data": data, "outcome": {"horizon": "10d"}, "spine": {"at_ages": ["1d"]}}
    path = folder / "project.yaml"
    path.write_text(yaml.safe_dump(project, allow_unicode=True), encoding="utf-8")
    return path


# writers


def _csv(folder: Path, name: str, rows: list[Row], rng: Random, dialect: Dialect) -> Row:
    pick = lambda what, choices: dialect.pick(rng, f"{name}.{what}", choices)  # noqa: E731
    mark = pick("separator", (",", ";", "\t", "|"))
    written = "".join(str(value) for row in rows for value in row.values())
    narrow = [name for name in ("cp1252", "latin-1") if _fits(written, name)]
    encoding = pick("encoding", ("utf-8", "utf-8-sig", "utf-16", *narrow))
    end, always = pick("line end", ("\n", "\r\n")), pick("quote all", (False, True))
    unknown = pick("unknown", ("", *(word for word in rng.sample(WORDS, 3) if _fits(word, encoding))))
    whole, exact = pick("whole numbers", ("12", "12.0", "+12")), pick("numbers", ("plain", "exponent"))
    packed, ending = (
        pick("packed", ("", "", ".gz", ".zst", ".bz2")),
        pick("ending", (".csv", ".CSV", ".txt", ".tsv")),
    )
    parts = pick("files", (1, 1, 3))
    comma = pick("decimal", (".", ".", "." if mark == "," and not always else ","))
    moments = pick("moments", ("iso", "T", "zoned", "Z", "offset", "region"))
    booleans = pick("booleans", (("true", "false"), ("True", "False"), ("TRUE", "FALSE")))
    pad, blank, bom_end = (
        pick("spaces", ("", " ")),
        pick("blank columns", (0, 0, 2)),
        pick("last line end", (True, False)),
    )

    def text(column: str, value: Any) -> str:
        if value is None:
            return "" if column in ("city", "page") else unknown
        if isinstance(value, bool):
            return str(booleans[0] if value else booleans[1])
        if isinstance(value, datetime):
            return _moment(value, moments if column.lower() in ("created_at", "occurred_at") else "iso")
        if isinstance(value, float):
            return (f"{value:.8e}" if exact == "exponent" else str(value)).replace(".", comma)
        if isinstance(value, int):
            return {"12": f"{value}", "12.0": f"{value}.0".replace(".", comma), "+12": f"{value:+}"}[whole]
        return str(value)

    def cell(content: str, column: str) -> str:
        odd = any(char in content for char in (mark, '"', "\n", "\r"))
        if column not in ("city", "lead_id") and not odd:
            content = f"{pad}{content}{pad}" if not always else content
        return '"' + content.replace('"', '""') + '"' if always or odd else content

    size = -(-len(rows) // parts)
    for part in range(parts):
        columns = rng.sample(list(rows[0]), len(rows[0]))  # in an order of its own
        lines = [mark.join([*(cell(column, "lead_id") for column in columns), *[""] * blank])]
        lines += [
            mark.join([*(cell(text(column, row[column]), column) for column in columns), *[""] * blank])
            for row in rows[part * size : (part + 1) * size]
        ]
        path = str(folder / f"{name}-{part}{ending}{packed}")
        with pa.output_stream(path, compression=_PACKED[packed]) as stream:
            stream.write((end.join(lines) + (end if bom_end else "")).encode(encoding))
    return {"read": f"{name}-*{ending}{packed}", "encoding": encoding.removesuffix("-sig")}


_PACKED = {"": None, ".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


def _fits(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding).decode(encoding) == text
    except UnicodeError:
        return False


def _moment(value: datetime, style: str) -> str:
    shifted = value.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=2)))
    fraction = f".{value.microsecond:06}" if value.microsecond else ""
    return {
        "iso": f"{value:%Y-%m-%d %H:%M:%S}{fraction}",
        "T": value.isoformat(),
        "zoned": f"{shifted:%Y-%m-%d %H:%M:%S}{fraction}+02:00",
        "Z": f"{value.isoformat()}Z",
        "offset": f"{shifted:%Y-%m-%d %H:%M:%S}{fraction} +0200",
        "region": f"{value:%Y-%m-%d %H:%M:%S}{fraction} Africa/Abidjan",
    }[style]


def _parquet(folder: Path, name: str, rows: list[Row], rng: Random, dialect: Dialect) -> Row:
    pick = lambda what, choices: dialect.pick(rng, f"{name}.{what}", choices)  # noqa: E731
    texts = pick("text", ("string", "large_string", "string_view", "dictionary"))
    unit, zone = pick("unit", ("s", "ms", "us", "ns")), pick("zone", (None, "UTC", "Asia/Tokyo"))
    numbers = pick("number", ("float64", "decimal", "text"))
    arrays = {}
    for column in rows[0]:
        values = [row[column] for row in rows]
        known = next((value for value in values if value is not None), None)
        if isinstance(known, datetime):
            fine = (
                unit
                if all(v is None or not v.microsecond or unit not in ("s", "ms") for v in values)
                else "us"
            )
            own = None if column == "born" else zone
            made = [None if v is None else v.replace(tzinfo=UTC) if own else v for v in values]
            arrays[column] = pa.array(made, pa.timestamp("us", "UTC" if own else None)).cast(
                pa.timestamp(fine, own)
            )
        elif isinstance(known, float):
            arrays[column] = _number(values, numbers)
        elif isinstance(known, str):
            array = pa.array(values, pa.string())
            arrays[column] = (
                array.dictionary_encode() if texts == "dictionary" else array.cast(getattr(pa, texts)())
            )
        else:
            arrays[column] = pa.array(values)
    table = pa.table(arrays)
    parts = pick("files", (1, 3))
    size = -(-len(rows) // parts)
    for part in range(parts):
        pq.write_table(table.slice(part * size, size), folder / f"{name}-{part}.parquet")
    return {"read": f"{name}-*.parquet"}


def _number(values: list[Any], style: str) -> pa.Array:
    if style == "text":
        return pa.array([None if value is None else str(value) for value in values])
    array = pa.array(values, pa.float64())
    return array.cast(pa.decimal128(12, 2), safe=False) if style == "decimal" else array


def _duckdb(folder: Path, name: str, rows: list[Row], rng: Random, dialect: Dialect) -> Row:
    file = dialect.pick(rng, f"{name}.file", ("crm", "my data", "ä#1", "100%"))
    schema = dialect.pick(rng, f"{name}.schema", ("main", "crm", "odd schema"))
    with duckdb.connect(str(folder / f"{file}-{name}.duckdb")) as connection:
        frame = pa.Table.from_pylist(rows)  # noqa: F841 - DuckDB finds it by its name
        [catalog] = connection.execute("SELECT current_database()").fetchone() or ()
        place = ".".join('"' + part.replace('"', '""') + '"' for part in (catalog, schema))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place}")
        casts = {
            "income": dialect.pick(rng, f"{name}.income", ("DOUBLE", "DECIMAL(12, 2)", "VARCHAR")),
            "staff": dialect.pick(
                rng, f"{name}.staff", ("UINTEGER", "HUGEINT", "BIGNUM", "DECIMAL(9, 0)", "VARCHAR")
            ),
            "born": dialect.pick(rng, f"{name}.born", ("DATE", "TIMESTAMP_S", "TIMESTAMP_NS")),
            "city": dialect.pick(
                rng, f"{name}.city", ("VARCHAR", "VARIANT", "UNION(place VARCHAR, n INTEGER)")
            ),
            "keen": dialect.pick(rng, f"{name}.keen", ("BOOLEAN", "BOOLEAN")),
        }
        own = ", ".join(
            f'CAST("{column}" AS {casts[column]}) AS "{column}"' if column in casts else f'"{column}"'
            for column in rows[0]
        )
        connection.execute(f'CREATE TABLE {place}."the {name}" AS SELECT {own} FROM frame')
    return {"read": f"{file}-{name}.duckdb", "table": f"{schema}.the {name}"}


def _postgres(url: str, name: str, rows: list[Row], rng: Random, dialect: Dialect) -> Row:
    zone = dialect.pick(rng, f"{name}.zone", ("timestamp", "timestamptz"))
    number = dialect.pick(rng, f"{name}.number", ("double precision", "numeric", "text"))
    types: dict[type, str] = {datetime: zone, float: number, int: "bigint", bool: "boolean", str: "text"}
    columns = {}
    for column in rows[0]:
        known = next((row[column] for row in rows if row[column] is not None), "")
        columns[column] = "timestamp" if column == "born" else types[type(known)]
    quoted = {column: '"' + column.replace('"', '""') + '"' for column in columns}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(f'DROP TABLE IF EXISTS "ugly.{name}"')
        made = ", ".join(f"{quoted[column]} {kind}" for column, kind in columns.items())
        connection.execute(f'CREATE TABLE "ugly.{name}" ({made})')  # type: ignore[call-overload]
        marks = ", ".join(["%s"] * len(columns))
        with connection.cursor() as cursor:
            values = [
                [str(v) if isinstance(v, float) and number == "text" else v for v in row.values()]
                for row in rows
            ]
            cursor.executemany(f'INSERT INTO "ugly.{name}" VALUES ({marks})', values)  # type: ignore[arg-type]
    return {"read": url, "table": f"ugly.{name}"}


# what must be read


def plainly(folder: Path, tables: Tables) -> Path:
    """The project of the same tables as Parquet of the types that Arrow gives them: nothing is left to be guessed."""
    folder.mkdir()
    for name, rows in (("leads", tables.leads), ("events", tables.events)):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return _project(folder, {name: {"read": f"{name}.parquet"} for name in ("leads", "events")})


def features_of(history: History, like: History) -> pd.DataFrame:
    """One row per lead and age of 1 and 2 days: features of every column and every behaviour of ``like``."""
    assert isinstance(like.engine, DuckDBEngine)
    types = like.engine.connection.execute("SELECT DISTINCT event_type FROM events ORDER BY 1").fetchall()
    keys = [EventKey("any", "Anything", cadence=True)]
    keys += [EventKey(f"type {number}", "That", event_type=name) for number, (name,) in enumerate(types)]
    keys.append(EventKey("page", "Prices", prop="page", value="Pricing"))
    plan = FeaturePlan(
        keys=tuple(keys),
        windows=(timedelta(days=1),),
        touches=(Touch("last", "event_type", "Last", tuple(name for (name,) in types)),),
        purchases=False,
        attributes=tuple(
            AttributeFeature("lead", column, reading, column, "demographic", CITIES[:4])
            for column, reading in READINGS.items()
            if like.lead_attributes.get(column) == KINDS[column]  # a column without a value has no kind
        ),
        lead_age=True,
        colleagues=False,
    )
    with build_spine(history, SpinePolicy(at_ages=(timedelta(days=1), timedelta(days=2)))) as spine:
        built = build_matrix(history, plan, spine)
    return pd.concat([built.spine[["lead_id", "as_of"]], built.frame], axis=1).sort_values(
        ["lead_id", "as_of"], ignore_index=True
    )


def unlike(history: History, folder: Path, tables: Tables) -> list[str]:
    """Features that are others than those of the same tables as plain Parquet."""
    with open_plainly(load_project(plainly(folder, tables))) as plain:
        mine, theirs = features_of(history, plain), features_of(plain, plain)
    return [
        f"feature {name}: {mine[name].tolist()[:3]} instead of {theirs[name].tolist()[:3]}"
        for name in theirs
        if not mine[name].equals(theirs[name])
    ]


def differences(tables: Tables, history: History) -> list[str]:
    """What is neither read as it is nor told with the name of its column."""
    assert isinstance(history.engine, DuckDBEngine)
    told = " ".join(item.message for item in history.findings if item.code in _TOLD)
    wrong = []
    for table, rows in (("leads", tables.leads), ("events", tables.events)):
        order = "lead_id" if table == "leads" else "lead_id, occurred_at"
        want = sorted(rows, key=lambda row: tuple(row[name] for name in order.split(", ")))
        if (count := history.engine.count(table)) != len(want):
            wrong.append(f"{table}: {count} rows of {len(want)}")
            continue
        present = history.engine.columns(table)
        for name in (name for name in rows[0] if name != "event_id"):
            if name not in present:
                wrong.append(f"{table}.{name} is not there")
                continue
            found = history.engine.connection.execute(
                f'SELECT "{name}" FROM {table} ORDER BY {order}'
            ).fetchall()
            odd = [
                (row[name], value) for row, (value,) in zip(want, found, strict=True) if row[name] != value
            ]
            if odd and f"{table}.{name}" not in told:
                wrong.append(f"{table}.{name}: {odd[0][0]!r} is read as {odd[0][1]!r}")
    return wrong


def unlike_here(file: ProjectFile, folder: Path, history: History | str) -> list[str]:
    """Where a history that workers prepared, or the words in which they refused it, is another than the one prepared here."""
    try:
        with open_prepared(file, PreparedFolder(folder)).history() as here:
            if isinstance(history, str):
                return [f"here it is read, on Spark: {history}"]
            odd = [f"{what}: not as here" for what in content_unlike(here, history)]
            return odd or ["findings in another order"] * (here.findings != history.findings)
    except LeadlensError as error:
        return [f"here: {error}", f"on Spark: {history}"] if str(error) != str(history) else []


def run(
    tables: Tables,
    rng: Random,
    postgres: str | None = None,
    kind: str | None = None,
    workers: Workers | None = None,
) -> tuple[str, Dialect, list[str]]:
    """One set of files: ``read``, ``told`` (a column in a finding), ``refused`` (a column in the message) or ``wrong``."""
    with tempfile.TemporaryDirectory(prefix="leadlens-ugly-") as name:
        folder = Path(name)
        path, dialect = write(folder, tables, rng, postgres, kind)
        prepared = dialect.pick(
            rng, "prepared", (False, False, False, True)
        )  # reading into memory is sooner done
        try:
            file = load_project(path)
            opened = (
                open_prepared(file, PreparedFolder(folder / "prepared"), workers).history()
                if prepared or workers is not None
                else open_plainly(file)
            )
            with opened as history:
                wrong = differences(tables, history)
                if workers is not None:
                    wrong += unlike_here(file, folder / "here", history)
                told = any(item.code in _TOLD for item in history.findings)
                if not wrong and not told:
                    wrong = unlike(history, folder / "plain", tables)
        except LeadlensError as error:
            if workers is not None and (odd := unlike_here(file, folder / "here", str(error))):
                return "wrong", dialect, odd
            columns = [*tables.leads[0], *tables.events[0]]
            named = any(column in str(error).lower() for column in columns) and error.value is not None
            return ("refused", dialect, [str(error)]) if named else ("wrong", dialect, [str(error)])
        except Exception as error:  # an error of its own is what must never be
            return "wrong", dialect, [f"{type(error).__name__}: {error}"]
    return ("wrong" if wrong else "told" if told else "read"), dialect, wrong


def _run(arguments: tuple[int, str | None]) -> tuple[int, str, Dialect, list[str]]:
    seed, postgres = arguments
    rng = Random(f"ugly {seed}")
    return seed, *run(Tables.drawn(rng), rng, postgres)


def _each(options: argparse.Namespace) -> Iterator[tuple[int, str, Dialect, list[str]]]:
    seeds = [(seed, options.postgres) for seed in range(options.seed, options.seed + options.count)]
    if options.spark is None:
        with get_context("spawn").Pool(options.workers) as pool:
            yield from pool.imap(_run, seeds)
        return
    with tempfile.TemporaryDirectory(prefix="leadlens-ugly-") as name:
        file = load_project(plainly(Path(name) / "any", Tables.drawn(Random(0))))
        settings = EngineSettings(name="spark", master=options.spark, work=name)
        with spark_workers(file, settings, silent) as workers:
            for seed, postgres in seeds:
                rng = Random(f"ugly {seed}")
                yield seed, *run(Tables.drawn(rng), rng, postgres, workers=workers)


def main() -> None:
    """Exit code 1 if a file was not read alike and not told."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="sets of files; 200")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; the others follow")
    parser.add_argument("--postgres", help="URL of a database in which tables may be made")
    parser.add_argument("--workers", type=int, default=2, help="processes; 2. With PostgreSQL: 1")
    parser.add_argument("--spark", metavar="MASTER", help="let workers of Spark prepare the histories")
    parser.add_argument("--most", type=int, default=10, help="failures after which to stop; 10")
    options = parser.parse_args()
    started, outcomes, kinds, done = time.perf_counter(), Counter[str](), Counter[str](), 0
    for seed, outcome, dialect, wrong in _each(options):
        outcomes[outcome] += 1
        kinds[dialect.drawn["kind"]] += 1
        done += 1
        if outcome not in ("read", "told"):
            print(f"seed {seed}, {outcome}: {dialect}\n  " + "\n  ".join(wrong), flush=True)
        if outcomes["wrong"] >= options.most:
            break
        if done % 100 == 0:
            print(f"{done:,} sets of files: {dict(outcomes)}", file=sys.stderr, flush=True)
    print(f"{done:,} sets of files ({dict(kinds)}): {dict(outcomes)}; {time.perf_counter() - started:.0f} s")
    sys.exit(1 if outcomes["wrong"] else 0)


if __name__ == "__main__":
    main()

"""One export of contacts in each format: what the first reading costs beside DuckDB's own reader of the same file.

    python -m benchmarks.imports
    python -m benchmarks.imports --rows 100000

CPU seconds (user and system) and peak memory of ``leadlens check --only-read`` with an empty state folder, less what the command takes
when there is nothing new, against ``CREATE TABLE … AS SELECT * FROM`` the same file in a DuckDB process. DuckDB reads workbooks by
an extension that is fetched at run time, so a workbook is set against the CSV file of the same cells. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import duckdb

from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.commands import Cost, leadlens, run

_FORMS = ("csv", "parquet", "xlsx")
_DUCKDB = "import duckdb, sys; duckdb.connect().execute(f\"CREATE TABLE t AS SELECT * FROM '{sys.argv[1]}'\")"
_CONTACTS = """
    SELECT
        100000 + i AS "Record ID",
        DATE '2022-01-01' + CAST(hash(i, 1) % 1000 AS INTEGER) AS "Create Date",
        'Person' || i || '@firm' || (hash(i, 2) % 200000) || '.example' AS "Email",
        ['Ann', 'Bo', 'Chloé', 'Dörte', 'Émile'][1 + CAST(hash(i, 3) % 5 AS INTEGER)] AS "First Name",
        'Lee' || (hash(i, 4) % 5000) AS "Last Name",
        'Firm ' || (hash(i, 5) % 200000) AS "Company Name",
        ['Germany', 'France', 'Spain', 'Brazil', 'United States'][1 + CAST(hash(i, 6) % 5 AS INTEGER)] AS "Country/Region",
        ['Manager', 'Director', 'Head of Sales', NULL][1 + CAST(hash(i, 7) % 4 AS INTEGER)] AS "Job Title",
        ['PAID_SEARCH', 'ORGANIC_SEARCH', 'DIRECT_TRAFFIC', 'REFERRALS'][1 + CAST(hash(i, 8) % 4 AS INTEGER)] AS "Original Source",
        CAST(hash(i, 9) % 5000 AS INTEGER) AS "Number of Employees",
        round(CAST(hash(i, 10) % 100000 AS DOUBLE) / 7, 2) AS "Annual Revenue",
        hash(i, 11) % 3 = 0 AS "Marketing contact"
    FROM range({rows}) AS t(i)
"""
_PROJECT = """\
name: imports
data:
  leads:
    read: contacts.{form}
    columns: {{lead_id: Record ID, created_at: Create Date}}
  conversions: {{read: won.csv}}
"""


def main() -> None:
    """Measure each format; exit 1 when one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="contacts, of twelve columns")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--forms", default=",".join(_FORMS))
    options = parser.parse_args()
    figures: dict[str, float] = {}
    failed = None
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        forms = options.forms.split(",")
        try:
            _write(base, options.rows, forms)
            pairs = {form: [_pair(base, form, options.rows) for _ in range(options.times)] for form in forms}
            for form, measured in pairs.items():
                figures |= _figures(form, measured)
            if {"csv", "xlsx"} <= set(forms):
                figures["xlsx_x_csv"] = figures["xlsx_s"] / figures["csv_s"]
        except PartFailedError as error:
            failed = str(error)
    for name, value in figures.items():
        print(f"{name:20} {value:10,.2f}")
    line = {
        "bench": "imports",
        "rows": options.rows,
        "figures": {name: round(value, 3) for name, value in figures.items()},
    }
    print(json.dumps(line | ({"failed": failed} if failed else {})))
    sys.exit(1 if failed else 0)


def _write(base: Path, rows: int, forms: list[str]) -> None:
    (base / "won.csv").write_text("lead_id,converted_at\n100001,2024-12-01\n", encoding="utf-8")
    con = duckdb.connect()
    con.execute(f"CREATE TABLE contacts AS {_CONTACTS.format(rows=rows)}")
    for form in forms:
        if form == "xlsx":
            _write_workbook(con, base / "contacts.xlsx")
        else:
            con.execute(f"COPY contacts TO '{base / f'contacts.{form}'}' (FORMAT {form})")
        (base / f"{form}.yaml").write_text(_PROJECT.format(form=form), encoding="utf-8")
    con.close()


def _write_workbook(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(
        path,
        {"constant_memory": True, "default_date_format": "yyyy-mm-dd", "strings_to_urls": False},
    )
    sheet = book.add_worksheet("Contacts")
    cursor = con.execute("SELECT * FROM contacts")
    sheet.write_row(0, 0, [column[0] for column in cursor.description or ()])
    at = 1
    while batch := cursor.fetchmany(10_000):
        for row in batch:
            sheet.write_row(at, 0, row)
            at += 1
    book.close()


def _pair(base: Path, form: str, rows: int) -> tuple[Cost, Cost, Cost | None]:
    """The first reading, one with nothing new, and DuckDB's own."""
    with tempfile.TemporaryDirectory() as home:
        first, again = (
            leadlens("check", base / f"{form}.yaml", "--only-read", "--json", home=Path(home))
            for _ in range(2)
        )
    for each in (first, again):
        if (leads := each.told["counts"]["leads"]) != rows:
            raise PartFailedError(f"{form}: {leads:,} leads were read of {rows:,}")
    own = None if form == "xlsx" else run([sys.executable, "-c", _DUCKDB, str(base / f"contacts.{form}")])
    return first, again, own


def _figures(form: str, measured: list[tuple[Cost, Cost, Cost | None]]) -> dict[str, float]:
    figures = {
        f"{form}_s": statistics.median(first.cpu - again.cpu for first, again, _ in measured),
        f"{form}_peak_gib": max(first.peak for first, _, _ in measured),
    }
    ratios = [(first.cpu - again.cpu) / own.cpu for first, again, own in measured if own is not None]
    return figures | ({f"{form}_x_duckdb": statistics.median(ratios)} if ratios else {})


if __name__ == "__main__":
    main()

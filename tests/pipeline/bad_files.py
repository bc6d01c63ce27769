"""Kinds of bad input: files that are not there, not what they seem, or written in another way."""

from __future__ import annotations

import duckdb

from tests.pipeline.kinds import Break, Table, setting
from tests.pipeline.little_project import LittleProject

FILES = Table()
wrong_use, refused, reported = FILES.wrong_use, FILES.refused, FILES.reported


def reading(path: str) -> Break:
    return setting("data", "leads", "read", to=path)


wrong_use("a file that is not there", "no such file", "did you mean: data/leads.csv")(
    reading("data/lead.csv")
)
wrong_use("a folder that is not there", "no such file", "folder does not exist")(reading("exports/leads.csv"))
wrong_use(
    "a folder by an environment variable that is not set",
    "no such file",
    "exports/leads.csv",
    "SALES_FOLDER not set, so the default applies: export SALES_FOLDER=…",
)(reading("${SALES_FOLDER:-exports}/leads.csv"))
wrong_use("a glob that matches nothing", "no such file", "data/leads-*.csv")(reading("data/leads-*.csv"))
wrong_use("a folder given as file", "a folder, not a file", "data/*.parquet")(reading("data"))
wrong_use("nothing to read", "a folder, not a file")(reading(""))
wrong_use("a Windows path", "a Windows path", r"C:\crm\leads.csv", "forward slashes")(
    reading(r"C:\crm\leads.csv")
)
wrong_use("an address of the web", "not read over the net", "download")(
    reading("https://a.example/leads.csv")
)
wrong_use("a bucket", "not read over the net", "download")(reading("s3://bucket/leads.parquet"))
wrong_use("an unknown kind of database", "unknown kind of database", "did you mean: postgresql")(
    reading("postgres1://h/d")
)
wrong_use("a DuckDB address", "a DuckDB file is given as a path")(reading("duckdb:///crm.duckdb"))
wrong_use("a database without a table", "either table or query")(reading("postgresql://h/d"))
wrong_use("an environment variable that is not set", "not set", "LEADLENS_NO_SUCH")(
    reading("${LEADLENS_NO_SUCH}/x.csv")
)
wrong_use("a table of a file", "a file has no tables", "leads")(setting("data", "leads", "table", to="leads"))
reported("backslashes between folders", leads=160)(reading(r"data\leads.csv"))


def csv(project: LittleProject, sep: str = ",", encoding: str = "utf-8", **options: str) -> None:
    project.files["data/leads.csv"] = project.leads.to_csv(index=False, sep=sep, **options).encode(encoding)


@refused("a workbook that is none", "this workbook cannot be read", "leads.xlsx", "save it again")
def _(project: LittleProject) -> None:
    project.files["leads.xlsx"] = b"PK\x03\x04"
    project.data["leads"]["read"] = "leads.xlsx"


@refused(
    "an Excel file named .csv", "an Excel or zip file, not CSV", "name a workbook .xlsx", "an archive .zip"
)
def _(project: LittleProject) -> None:
    project.files["data/leads.csv"] = b"PK\x03\x04" + b"\0" * 100


@refused("Parquet named .csv", "a Parquet file, not CSV", "name it .parquet")
def _(project: LittleProject) -> None:
    project.leads.to_parquet(project.folder / "leads")
    project.files["data/leads.csv"] = (project.folder / "leads").read_bytes()


@refused("CSV named .parquet", "cannot be read", "leads.parquet", "of the kind its name says")
def _(project: LittleProject) -> None:
    project.files["leads.parquet"] = project.leads.to_csv(index=False).encode()
    project.data["leads"]["read"] = "leads.parquet"


@refused("a Parquet file cut off", "cannot be read", "leads.parquet", "complete")
def _(project: LittleProject) -> None:
    project.leads.to_parquet(project.folder / "leads.parquet")
    project.files["leads.parquet"] = (project.folder / "leads.parquet").read_bytes()[:2000]
    project.data["leads"]["read"] = "leads.parquet"


@refused("CSV named .duckdb", "DuckDB file cannot be read")
def _(project: LittleProject) -> None:
    project.files["leads.duckdb"] = project.leads.to_csv(index=False).encode() * 100
    project.data["leads"] |= {"read": "leads.duckdb", "table": "leads"}


@refused("an empty file", "this file is empty", "header line")
def _(project: LittleProject) -> None:
    project.files["data/leads.csv"] = b""


@refused("leads with a header only", "the table leads is empty")
def _(project: LittleProject) -> None:
    project.leads = project.leads.head(0)


@reported("events with a header only", events=0, leads=160, conversions=73)
def _(project: LittleProject) -> None:
    project.events = project.events.head(0)


@refused("Latin-1 bytes deep in a file said to be UTF-8", "line 152 is not UTF-8", "encoding: cp1252")
def _(project: LittleProject) -> None:
    project.leads.loc[150, "city"] = "Zürich"
    csv(project, encoding="latin-1")


@reported("Latin-1, said so", leads=160)
def _(project: LittleProject) -> None:
    project.leads["city"] = "Zürich"
    csv(project, encoding="latin-1")
    project.data["leads"]["encoding"] = "latin-1"


@reported("UTF-16, not said so", leads=160)
def _(project: LittleProject) -> None:
    csv(project, sep="\t", encoding="utf-16")


@reported("a byte order mark", leads=160)
def _(project: LittleProject) -> None:
    csv(project, encoding="utf-8-sig")


@reported("semicolons and decimal commas", "leads.income: decimal commas, read as numbers", leads=160)
def _(project: LittleProject) -> None:
    project.leads["income"] += 0.5
    csv(project, sep=";", decimal=",")


@reported("commas, quotes and line ends inside quotes", leads=160)
def _(project: LittleProject) -> None:
    project.leads["city"] = 'Bern, "the\ncapital"'


@reported("blank lines and Windows line ends", leads=160)
def _(project: LittleProject) -> None:
    csv(project, lineterminator="\r\n")
    project.files["data/leads.csv"] += b"\r\n\r\n\r\n"


@refused("rows that are too long", "row 162 has 8 values where the header has 6", "L999")
def _(project: LittleProject) -> None:
    csv(project)
    project.files["data/leads.csv"] += b"L999,2024-03-05,A1,,5,Bern,extra,more\n"


@refused("rows that are too short", "row 162 has 2 values where the header has 6", "L999")
def _(project: LittleProject) -> None:
    csv(project)
    project.files["data/leads.csv"] += b"L999,2024-03-05\n"


@refused("an export that was broken off", "row 162 has 2 values where the header has 6", "export it again")
def _(project: LittleProject) -> None:
    csv(project)
    project.files["data/leads.csv"] += b"L999,2024-03"


@refused("a copy that was broken off", "row 162 has 2 values where the header has 6", "export it again")
def _(project: LittleProject) -> None:
    csv(project)
    project.files["data/leads.csv"] += b"L999,2024-03" + bytes(4096)


@refused("a title above the header", "row 2 has 6 values where the header has 1", "title lines")
def _(project: LittleProject) -> None:
    project.files["data/leads.csv"] = b"Export of 1 March\n" + project.leads.to_csv(index=False).encode()


@refused("a quote that is never closed", "row 51", "close the quote")
def _(project: LittleProject) -> None:
    csv(project)
    lines = project.files["data/leads.csv"].split(b"\n")
    lines[50] = lines[50].replace(b"A", b'"A', 1)
    project.files["data/leads.csv"] = b"\n".join(lines)


@refused("a quote in the last column that is never closed", "a quote is opened and not closed")
def _(project: LittleProject) -> None:
    csv(project)
    lines = project.files["data/leads.csv"].split(b"\n")
    lines[50] = lines[50].replace(b",Rome", b',"Rome')
    project.files["data/leads.csv"] = b"\n".join(lines)


@wrong_use("no header line", "needs a column lead_id", "Columns found: L000")
def _(project: LittleProject) -> None:
    project.files["data/leads.csv"] = project.leads.to_csv(index=False, header=False).encode()


@refused("two columns of one name", "two columns have the same name", "city")
def _(project: LittleProject) -> None:
    project.leads.insert(2, "city", "Lima", allow_duplicates=True)


@refused("two column names that differ by case", "differ only by case", "city, City")
def _(project: LittleProject) -> None:
    project.leads["City"] = "Lima"
    project.leads.to_parquet(project.folder / "leads.parquet")
    project.data["leads"]["read"] = "leads.parquet"


@reported("globbed files of which one lacks a column", leads=160)
def _(project: LittleProject) -> None:
    project.files["data/part-1.csv"] = project.leads.head(80).to_csv(index=False).encode()
    project.files["data/part-2.csv"] = (
        project.leads.tail(80).drop(columns="city").to_csv(index=False).encode()
    )
    project.data["leads"]["read"] = "data/part-?.csv"


@wrong_use("globbed files of several kinds", "not all of one readable kind", ".csv, .parquet")
def _(project: LittleProject) -> None:
    project.files["data/part-1.csv"] = project.leads.to_csv(index=False).encode()
    project.files["data/part-2.parquet"] = b""
    project.data["leads"]["read"] = "data/part-*"


@reported("brackets in a file name", leads=160)
def _(project: LittleProject) -> None:
    project.files["data/leads [new].csv"] = project.leads.to_csv(index=False).encode()
    project.data["leads"]["read"] = "data/leads [new].csv"


def in_duckdb(project: LittleProject, table: str | None, name: str = "contacts") -> None:
    with duckdb.connect(str(project.folder / "crm.duckdb")) as database:
        database.register("found", project.leads)
        database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM found')
    project.data["leads"] = {"read": "crm.duckdb"} | ({"table": table} if table else {})


wrong_use("a DuckDB table that is not there", "no such table", "did you mean: contacts")(
    lambda project: in_duckdb(project, "contact")
)
wrong_use("no DuckDB table said", "which table to read is not set", "its tables: contacts")(
    lambda project: in_duckdb(project, None)
)
wrong_use("a DuckDB table name with an injection", "no such table", "contacts")(
    lambda project: in_duckdb(project, 'contacts"; DROP TABLE contacts; --')
)
reported("a DuckDB table name with a dot and a quote", leads=160)(
    lambda project: in_duckdb(project, "a.b's", "a.b's")
)

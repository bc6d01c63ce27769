"""Promises about tables: steps, names, types, copies, files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from leadlens.features.conformance.case import Case, differences, plain
from leadlens.features.engines import Engine, Step, StepReport
from leadlens.features.errors import DataError

ODD_NAMES = ("plain", "two words", "a.b", 'a"b', "a`b", "a'b", "back\\slash", "Ünïcødé 李", "a:b=c;{},(d)")
ODD_TEXTS = (
    "", " ", "plain", "it's", '"quoted"', "`tick`", "back\\slash", "\\", "\\'", "end\\", "${user}", "$$", "%", "_", "%_\\%",
    "two\nlines", "tab\t", "Ünïcødé 李", "👍🏽", "--", "/* no */", "; DROP TABLE leads", "\\u0041", "\\n", "NULL", "ß İ Σ",
)  # fmt: skip


def _steps(engine: Engine, _: int) -> Iterator[str]:
    reports: list[StepReport] = []
    engine.run(
        [Step("conf_a", "SELECT 1 AS n"), Step("conf_b", "SELECT n + 1 AS n FROM conf_a")], reports.append
    )
    if engine.value("SELECT n FROM conf_b") != 2:
        yield "a step does not see the table of the step before"
    if [(report.name, report.rows) for report in reports] != [("conf_a", 1), ("conf_b", 1)]:
        yield f"watch got {reports}"
    engine.run([Step("conf_a", "SELECT n + 10 AS n FROM conf_a UNION ALL SELECT 5 AS n")])
    if engine.count("conf_a") != 2 or engine.value("SELECT max(n) FROM CONF_A") != 11:
        yield "a step cannot replace the table that it reads"
    if engine.value("SELECT n FROM conf_b") != 2:
        yield "replacing a table changed another one that was made from it"
    if plain(engine.value("SELECT CAST(NULL AS BIGINT) AS n")) is not None:
        yield "NULL does not come back as None"
    engine.run([Step("conf_none", "SELECT 1 AS n, 'a' AS t WHERE FALSE")])
    if engine.count("conf_none") or list(engine.frame("SELECT * FROM conf_none")) != ["n", "t"]:
        yield "a table without rows loses its columns"
    engine.drop("conf_a", "conf_b", "conf_none", "conf_never_made")
    try:
        engine.run([Step("conf_c", "SELECT * FROM conf_a")])
    except DataError as error:
        if "conf_c" not in str(error):
            yield "the error does not name the step that failed"
    else:
        yield "a dropped table can still be read"


def _types(engine: Engine, _: int) -> Iterator[str]:
    columns = {
        "text": "'a'", "flag": "TRUE", "at": "TIMESTAMP '2024-02-29 23:59:59.999999'",
        "whole": "CAST(9007199254740993 AS BIGINT)", "real": "CAST(0.1 AS DOUBLE)",
    }  # fmt: skip
    engine.run([Step("conf_t", f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in columns.items())}")])
    wanted = {"text": "VARCHAR", "flag": "BOOLEAN", "at": "TIMESTAMP", "whole": "BIGINT", "real": "DOUBLE"}
    if (types := engine.columns("conf_t")) != wanted:
        yield f"columns() returns {types}"
    yield from differences(
        engine.frame("SELECT * FROM conf_t"),
        [{"text": "a", "flag": True, "at": datetime(2024, 2, 29, 23, 59, 59, 999_999), "whole": 2**53 + 1, "real": 0.1}],
        ("text",),
    )  # fmt: skip
    frame = engine.frame("SELECT * FROM conf_t")
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    if (kinds["at"], kinds["whole"], kinds["real"], kinds["text"]) != (
        "datetime64[us]",
        "int64",
        "float64",
        "str",
    ):
        yield f"pandas types are {kinds}"
    engine.drop("conf_t")


def _names(engine: Engine, _: int) -> Iterator[str]:
    quote = engine.dialect.quote
    columns = ", ".join(f"{number} AS {quote(name)}" for number, name in enumerate(ODD_NAMES))
    engine.run([Step("conf odd.table", f"SELECT {columns}"),
                Step("conf_n", f"SELECT {', '.join(map(quote, ODD_NAMES))} FROM {quote('conf odd.table')}")])  # fmt: skip
    if list(engine.columns("conf_n")) != list(ODD_NAMES):
        yield f"columns() returns {list(engine.columns('conf_n'))}"
    yield from differences(
        engine.frame("SELECT * FROM conf_n"), [{name: number for number, name in enumerate(ODD_NAMES)}], ()
    )
    engine.drop("conf_n", "conf odd.table")


def _texts(engine: Engine, _: int) -> Iterator[str]:
    literals = ", ".join(
        f"{engine.dialect.literal(text)} AS t{number}" for number, text in enumerate(ODD_TEXTS)
    )
    yield from differences(
        engine.frame(f"SELECT {literals}"),
        [{f"t{number}": text for number, text in enumerate(ODD_TEXTS)}],
        (),
    )
    engine.register("conf_x", pd.DataFrame({"n": range(len(ODD_TEXTS)), "t": ODD_TEXTS}))
    for number, text in enumerate(ODD_TEXTS):
        if number % 5 == 0:  # a statement each: a few are enough
            number_found = engine.value(f"SELECT n FROM conf_x WHERE t = {engine.dialect.literal(text)}")
            if number_found != number:
                yield f"{text!r} is not found by its literal"
    yield from differences(
        engine.frame("SELECT n, t FROM conf_x ORDER BY n"),
        ({"n": number, "t": text} for number, text in enumerate(ODD_TEXTS)),
        ("n",),
    )
    ordered = list(engine.frame("SELECT t FROM conf_x ORDER BY t")["t"])
    if ordered != sorted(ODD_TEXTS):
        yield f"texts are ordered {ordered}, not by code point"
    engine.drop("conf_x")


def _frames(engine: Engine, _: int) -> Iterator[str]:
    rows: list[dict[str, Any]] = [
        {"t": "a", "n": 1.5, "f": True, "at": datetime(1969, 12, 31, 23, 59, 59, 1), "c": "u"},
        {"t": None, "n": None, "f": None, "at": None, "c": None},
        {"t": "it's", "n": -1e300, "f": False, "at": datetime(2024, 3, 31, 2, 30), "c": "v"},
    ]
    frame = pd.DataFrame(rows)
    frame["c"] = frame["c"].astype("category")
    engine.register("conf_f", frame)
    frame.loc[0, "t"] = "changed"
    order = "SELECT * FROM conf_f ORDER BY n NULLS LAST"
    wanted = [rows[2], rows[0], rows[1]]
    yield from differences(engine.frame(order), wanted, ("n",))
    if engine.columns("conf_f")["at"] != "TIMESTAMP":
        yield f"timestamps of a frame are {engine.columns('conf_f')['at']}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it's [a] {folder} 50%" / "rows.parquet"
        for _ in range(2):  # the second replaces the first
            engine.write("SELECT * FROM conf_f", path)
        engine.read("conf_g", path)
        yield from differences(engine.frame(order.replace("conf_f", "conf_g")), wanted, ("n",))
        engine.run([Step("conf_g", "SELECT * FROM conf_g WHERE n > 0")])
        if engine.count("conf_g") != 1:
            yield "a table that was read from a file cannot be replaced by a step"
        engine.drop("conf_g")
    engine.drop("conf_f")


TABLE_CASES = (
    Case("steps make tables", "a step's table is seen by later steps, replaced, dropped", _steps),
    Case("types", "columns have the types that DuckDB gives, and frames pandas' own", _types),
    Case("names", "any column or table name works when quoted", _names),
    Case("texts", "any text works as a literal and as data, and sorts by code point", _texts),
    Case("frames and files", "pandas frames and Parquet go in and out unchanged", _frames),
)

"""Have Spark copy the tables of its catalog that a project reads, so that they are files for whoever reads them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from leadlens.features import DataError, UsageError
from leadlens.features.engines.spark_addresses import address as spark_address
from leadlens.features.engines.spark_session import spark_message
from leadlens.pipeline.config import ProjectFile, Source, expand
from leadlens.pipeline.private import private_files
from leadlens.pipeline.sources.spark_tables import SCHEME, TableCopy, is_spark_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def names_spark_tables(file: ProjectFile) -> bool:
    """Whether a project reads tables of Spark's catalog."""
    return any(
        is_spark_table(address) for _, source in file.project.data.every_place() for address in source.reads
    )


@private_files()
def copy_tables(session: SparkSession, file: ProjectFile) -> None:
    """Bring the copies of all tables that a project names up to date: whole, or with a ``cursor`` what is beyond it.

    Raises ``UsageError`` for a table or column that Spark does not know, ``DataError`` for one that it cannot read.
    """
    copied: set[str] = set()
    for place, source in file.project.data.every_place():
        for address in source.reads:
            where = f"{file.path.name}: {place}"
            if is_spark_table(address) and address not in copied:
                with _one_at_a_time(TableCopy.of(file, address).folder):
                    _copy(session, file, source, address, where)
                copied.add(address)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy(session: SparkSession, file: ProjectFile, source: Source, address: str, where: str) -> None:
    from pyspark.sql.functions import lit

    name = expand(address, where).removeprefix(SCHEME)
    copy = TableCopy.of(file, address)
    reached = copy.reached(source.cursor)
    rows, before = _table(session, name, where), []
    if source.cursor is not None:
        if source.cursor not in rows.columns:
            raise UsageError(
                "cursor names a column that is not in this table",
                value=source.cursor,
                known=rows.columns,
                where=f"{where}.cursor",
            )
        if reached is not None:
            kind, before = dict(rows.dtypes)[source.cursor], [path.rpartition("/")[2] for path in copy.files]
            column = rows[_quoted(source.cursor)]
            rows = rows.where(column > lit(reached).cast(kind))
    unfinished = copy.folder / f".{uuid4().hex}"
    try:
        # What is written is what counts: the table may grow meanwhile.
        rows.write.parquet(spark_address(str(unfinished)))
        written = session.read.parquet(spark_address(str(unfinished)))
        largest = reached
        if source.cursor is not None:
            last = written.agg({_quoted(source.cursor): "max"}).collect()[0][0]
            largest = reached if last is None else str(last)
        new: list[str] = []
        if before and written.isEmpty():
            return
        for number, path in enumerate(sorted(unfinished.glob("part-*.parquet"))):
            # Numbered, so that later rows come later.
            own = f"{len(before) + number:06}-{uuid4().hex[:12]}.parquet"
            path.rename(copy.folder / own)
            new.append(own)
    except OSError:
        raise
    except Exception as error:
        raise DataError(
            "Spark cannot read this table", value=name, where=where, why=spark_message(error)
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    copy.replace([*before, *new], source.cursor, largest)


def _table(session: SparkSession, name: str, where: str) -> DataFrame:
    try:
        return session.table(name)
    except Exception as error:
        raise UsageError(
            "Spark knows no such table",
            value=name,
            where=where,
            why=spark_message(error),
            fix="catalog://catalog.schema.table, as Spark's own SQL names it; settings of the catalog go under engine.spark",
        ) from None


def _quoted(column: str) -> str:
    return f"`{column.replace('`', '``')}`"

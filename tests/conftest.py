"""The order of all tests, and what they need not do over and over."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

# An empty database of MLflow as its own migrations left it.
_migrated = sqlite3.connect(":memory:", check_same_thread=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spark's files first: they take longest, and one of them left over would keep one of two processors idle."""
    items.sort(key=lambda item: "test_spark" not in item.nodeid)


def pytest_runtest_setup() -> None:
    """From the first test on that has MLflow: nearly every test has a state folder of its own, whose database some sixty migrations lay
    out, a second and more each time, to end in the same empty tables.
    """
    stores: Any = sys.modules.get("mlflow.store.db.utils")
    if stores is not None and not isinstance(stores._upgrade_db, partial):
        stores._upgrade_db = partial(_upgrade, stores._upgrade_db)


def _upgrade(upgrade: Callable[[Any], None], engine: Any) -> None:
    """Migrate a database, the second new one and those after it by a copy of the first; one with data as ever."""
    from sqlalchemy import inspect

    if engine.dialect.name != "sqlite" or inspect(engine).has_table("alembic_version"):
        upgrade(engine)
        return
    known = _migrated.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not known:
        upgrade(engine)
    with engine.connect() as connection:
        own = connection.connection.driver_connection
        if known:
            _migrated.backup(own)
        else:
            own.backup(_migrated)

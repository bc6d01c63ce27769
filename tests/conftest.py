"""The order of all tests."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spark's files first: they take longest, and one of them left over would keep one of two processors idle."""
    items.sort(key=lambda item: "test_spark" not in item.nodeid)

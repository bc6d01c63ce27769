"""A sheet that is handed out as Spark SQL scores there as it does here."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from leadlens.features import History
from leadlens.features.engines.spark import SparkEngine
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.sql_export.warehouse import sheet_sql
from tests.features.spark_support import INTERPRETED, TINY, need_spark
from tests.models.postgres_tables import CONTRACT
from tests.models.warehouse_cases import AS_OF, RICH, check_ledger, check_scores, expected, rich_history


@pytest.fixture(scope="module")
def history() -> History:
    return rich_history()


@pytest.fixture(scope="module")
def spark(history: History) -> Iterator[SparkEngine]:
    need_spark()
    with SparkEngine("local[2]", settings=TINY | INTERPRETED) as engine:
        for table in CONTRACT:
            engine.register(table, history.engine.frame(f"SELECT * FROM {table}"))
        yield engine


def test_the_ledger_of_every_mechanism(spark: SparkEngine, history: History) -> None:
    sheet = Sheet.model_validate(RICH)
    got = spark.frame(sheet_sql(sheet, history, "spark", AS_OF, ledger=True))
    check_ledger(got, expected(sheet, history, AS_OF))


def _smaller(**parts: Any) -> Sheet:
    """Fewer rules: Spark plans a CTE anew wherever it is read, and its plans grow with every rule."""
    content = copy.deepcopy(RICH) | parts
    content["attributes"] = content["attributes"][:2]
    content["actions"] = [
        rule for rule in content["actions"] if rule["label"] in ("Page", "Priced", "Silent", "Signal")
    ]
    content["groups"] = content["groups"][1:]
    return Sheet.model_validate(content)


def test_stages_that_are_kept(spark: SparkEngine, history: History) -> None:
    sheet = _smaller(routes=RICH["routes"][1:2], thresholds={"mql": {"points": 22, "keep": 14}})
    wanted = expected(sheet, history, AS_OF)
    held = wanted.scores[(wanted.scores["stage"] == "MQL") & (wanted.scores["total"] < 22)]
    assert len(held) > 0, "none is kept"
    check_scores(spark.frame(sheet_sql(sheet, history, "spark", AS_OF)), wanted)


def test_routes_trend_and_surge(spark: SparkEngine, history: History) -> None:
    sheet = _smaller(thresholds={"mql": 12, "sql": 18})
    wanted = expected(sheet, history, AS_OF)
    assert wanted.scores["route"].nunique() > 2
    assert wanted.scores["surge"].nunique() > 5
    check_scores(spark.frame(sheet_sql(sheet, history, "spark", AS_OF)), wanted)

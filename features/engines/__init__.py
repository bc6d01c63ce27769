"""Where SQL runs: the contract, DuckDB, Spark, and the functions that each engine spells differently."""

from features.engines.dialect import Dialect, DuckDBDialect
from features.engines.engine import DuckDBEngine, Engine, Step, StepReport
from features.engines.table import Table

__all__ = [
    "Dialect",
    "DuckDBDialect",
    "DuckDBEngine",
    "Engine",
    "Step",
    "StepReport",
    "Table",
]

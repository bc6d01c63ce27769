"""Where SQL runs: the contract, DuckDB, Spark, and the functions that each engine spells differently."""

from leadlens.features.engines.dialect import Dialect, DuckDBDialect
from leadlens.features.engines.engine import DuckDBEngine, Engine, Step, StepReport
from leadlens.features.engines.table import Table

__all__ = [
    "Dialect",
    "DuckDBDialect",
    "DuckDBEngine",
    "Engine",
    "Step",
    "StepReport",
    "Table",
]

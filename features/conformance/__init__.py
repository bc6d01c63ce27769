"""Does an engine keep to the contract of ``leadlens.features.engines.engine.Engine``? Run this before trusting one.

The cases hold an engine against plain Python (``leadlens.features.oracle.matrix``) and against DuckDB, on random histories with
ties, late and retracted events, leap days, sub-second timestamps and awkward ids. With pytest::

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_my_engine(my_engine, case):
        case.check(my_engine)
"""

from leadlens.features.conformance.case import Case, NonConformance
from leadlens.features.conformance.suite import CASES, check_engine

__all__ = ["CASES", "Case", "NonConformance", "check_engine"]

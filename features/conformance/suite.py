"""The list of cases, and one call for all of them."""

from __future__ import annotations

from collections.abc import Iterable

from leadlens.features.conformance.case import Case, NonConformance
from leadlens.features.conformance.conditions import CONDITION_CASES
from leadlens.features.conformance.histories import HISTORY_CASES
from leadlens.features.conformance.primitives import PRIMITIVE_CASES
from leadlens.features.conformance.tables import TABLE_CASES
from leadlens.features.engines import Engine
from leadlens.features.errors import UsageError

CASES: tuple[Case, ...] = (*TABLE_CASES, *PRIMITIVE_CASES, *CONDITION_CASES, *HISTORY_CASES)


def check_engine(engine: Engine, only: Iterable[str] = (), histories: int = 40) -> None:
    """Run every case (or those named by ``only``), each over ``histories`` random histories where it uses such.

    Raises ``NonConformance`` that lists all broken promises, ``UsageError`` for an unknown case.

    >>> from leadlens.features import DuckDBEngine
    >>> check_engine(DuckDBEngine(), only=["steps make tables"])
    """
    by_name = {case.name: case for case in CASES}
    asked = tuple(only) or tuple(by_name)
    broken = []
    for name in asked:
        if name not in by_name:
            raise UsageError("there is no such conformance case", value=name, known=by_name)
        try:
            by_name[name].check(engine, histories)
        except NonConformance as error:
            broken.append(str(error))
        except Exception as error:  # a statement that the engine does not understand
            broken.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
    if broken:
        raise NonConformance("\n".join(broken))

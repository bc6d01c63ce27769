"""The comparison report: one self-contained page, its charts, and the pictures that go to MLflow."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.report.page import refuse_others, write_back_tests, write_report, write_tables
    from pipeline.report.pictures import chart_files

__all__ = ["chart_files", "refuse_others", "write_back_tests", "write_report", "write_tables"]

_HOME = {
    "write_report": "pipeline.report.page",
    "write_back_tests": "pipeline.report.page",
    "write_tables": "pipeline.report.page",
    "refuse_others": "pipeline.report.page",
    "chart_files": "pipeline.report.pictures",
}


def __getattr__(name: str) -> Any:
    """Import on first use: Jinja and pandas are too heavy for a command that draws nothing."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

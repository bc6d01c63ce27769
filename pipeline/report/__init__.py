"""The comparison report: one self-contained page, its charts, and the pictures that go to MLflow."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadlens.pipeline.report.page import refuse_others, write_back_tests, write_report, write_tables
    from leadlens.pipeline.report.pictures import chart_files

__all__ = ["chart_files", "refuse_others", "write_back_tests", "write_report", "write_tables"]

_HOME = {
    "write_report": "leadlens.pipeline.report.page",
    "write_back_tests": "leadlens.pipeline.report.page",
    "write_tables": "leadlens.pipeline.report.page",
    "refuse_others": "leadlens.pipeline.report.page",
    "chart_files": "leadlens.pipeline.report.pictures",
}


def __getattr__(name: str) -> Any:
    """Import on first use: Jinja and pandas are too heavy for a command that draws nothing."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

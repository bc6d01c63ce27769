"""Reports as files: one self-contained page without a script, nothing fetched, typed text never run."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
from markupsafe import Markup

from leadlens.features import UsageError
from leadlens.models.judging import Comparison, ModelReport
from leadlens.models.judging.agreement import QUADRANTS
from leadlens.models.judging.back_tests import BackTests
from leadlens.models.judging.comparison import FIRST
from leadlens.pipeline.private import file_mode
from leadlens.pipeline.report.back_tests_view import back_tests_view
from leadlens.pipeline.report.comparison_tables import comparison_tables, setup
from leadlens.pipeline.report.lead_list import HEAD, lead_list
from leadlens.pipeline.report.model_view import model_view
from leadlens.pipeline.report.words import GLOSSARY
from leadlens.pipeline.views.comparison import ComparisonView
from leadlens.pipeline.views.csv_text import BEGINS, csv_line, csv_lines
from leadlens.pipeline.views.environment import environment
from leadlens.pipeline.views.links import Links


def write_report(
    comparison: Comparison | ModelReport,
    path_html: Path,
    path_json: Path | None = None,
    path_csv: Path | None = None,
    *,
    people: pa.Table | None = None,
    links: Links | None = None,
) -> None:
    """Write the page, and beside it everything it shows as JSON, and all leads with their cell as CSV. A file appears whole or not
    at all.

    ``people`` is what ``people_of`` gives; without it leads are shown by their ids. ``links`` lead to pages of ``leadlens app``.
    """
    if isinstance(comparison, Comparison):
        leads = lead_list(comparison, people)
        name = None if path_csv is None else path_csv.name
        _write(path_html, page(comparison, people=people, links=links, csv=name))
        if path_csv is not None:
            _write(
                path_csv,
                BEGINS + csv_lines([HEAD, *((cell, *lead) for cell, own in leads.items() for lead in own)]),
            )
    else:
        _write(path_html, model_page(comparison))
    if path_json is not None:
        _write(path_json, json.dumps(comparison.to_dict(), allow_nan=False, indent=2, ensure_ascii=False))


def write_back_tests(tests: BackTests, path_html: Path, path_json: Path) -> None:
    """Write the page of back-tests, and beside it everything it shows as JSON."""
    write_tables(back_tests_view(tests), tests.to_dict(), path_html, path_json)


def write_tables(view: dict[str, Any], payload: dict[str, Any], path_html: Path, path_json: Path) -> None:
    """Write a page of sentences and tables, and its JSON, which has ``headline`` and ``story``."""
    _write(path_html, tables_page(view))
    _write(path_json, json.dumps(payload, allow_nan=False, indent=2, ensure_ascii=False))


_TITLE = re.compile(rb"<title>[^<]{1,200}: (?:rules beside model|the model alone|back-tests|monitor)</title>")


def refuse_others(*paths: Path) -> None:
    """Raise ``UsageError`` where a file that a report would replace is not a report of ours."""
    for path in paths:
        if not os.path.lexists(path) or _is_ours(path):
            continue
        raise UsageError(
            "there is already a file here that is not a Leadlens report",
            value=str(path),
            why="nothing of yours is overwritten; nothing was written",
            fix="name another folder with --out, or move the file away",
        )


def _is_ours(path: Path) -> bool:
    try:
        if not path.is_file() or path.is_symlink():
            return False
        with path.open("rb") as file:
            head = file.read(1 << 14)
        if path.suffix == ".html":
            return bool(_TITLE.search(head))
        if path.suffix == ".csv":
            return head.startswith(f"{BEGINS}{csv_line(HEAD)}".encode())
        return head.lstrip().startswith(b"{") and {"headline", "story"} <= set(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return False


def page(
    comparison: Comparison,
    *,
    people: pa.Table | None = None,
    links: Links | None = None,
    csv: str | None = None,
) -> str:
    """The report as one HTML text; ``csv`` is the name of the list beside it.

    Text typed by leads cannot run: all of it is escaped, and the page's Content Security Policy allows no script and no load
    from elsewhere.
    """
    first = lead_list(comparison, people, FIRST)
    return _rendered(
        "report.html",
        project=comparison.meta.get("project") or "Comparison",
        subject="rules beside model",
        c=ComparisonView.of(comparison),
        links=links or Links(),
        leads={cell: first.get(cell, []) for cell in QUADRANTS},
        csv=csv,
        tables=comparison_tables(comparison),
        setup=setup(comparison),
        glossary=GLOSSARY,
    )


def model_page(report: ModelReport) -> str:
    """The report on a model alone as one HTML text."""
    return tables_page(model_view(report))


def tables_page(view: dict[str, Any]) -> str:
    """Sentences and tables as one HTML text."""
    return _rendered(
        "tables.html", project=view["project"], subject=view["subject"], said=view, setup=view["setup"]
    )


def _rendered(template: str, **shown: Any) -> str:
    return _templates().get_template(template).render(css=Markup(style()), style=_hash(style()), **shown)


def chart(name: str, drawn: object) -> str:
    """One chart of ``charts.html`` with its legend."""
    module = _templates().get_template("charts.html").module
    return str(getattr(module, name)(drawn))


@cache
def _templates() -> jinja2.Environment:
    return environment("leadlens.pipeline.report")


@cache
def style() -> str:
    """The style sheet of page and reports."""
    return (files("leadlens.pipeline.views") / "static" / "page.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="" if path.suffix == ".csv" else "\n") as file:
            file.write(text)
        os.chmod(name, file_mode())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

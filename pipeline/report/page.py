"""One self-contained page: charts, scripts and styles inside, nothing fetched, typed text never run."""

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
from markupsafe import Markup

from features import UsageError
from models.judging import Comparison, ModelReport
from models.judging.back_tests import BackTests
from models.judging.lenses import MODEL, RULES
from pipeline.private import file_mode
from pipeline.report import charts
from pipeline.report.back_tests_view import back_tests_view
from pipeline.report.insights_view import insight_tables, protected_tables, threshold_table
from pipeline.report.model_view import model_view
from pipeline.report.pictures import vega_lite_version
from pipeline.report.view import view


def write_report(
    comparison: Comparison | ModelReport, path_html: str | Path, path_json: str | Path | None = None
) -> None:
    """Write the page, and beside it everything it shows as JSON. Either file appears whole or not at all."""
    whole = page(comparison) if isinstance(comparison, Comparison) else model_page(comparison)
    _write(Path(path_html), whole)
    if path_json is not None:
        _write(
            Path(path_json), json.dumps(comparison.to_dict(), allow_nan=False, indent=2, ensure_ascii=False)
        )


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
            "there is a file already that is no report of Leadlens",
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
        return head.lstrip().startswith(b"{") and {"headline", "story"} <= set(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return False


def page(comparison: Comparison) -> str:
    """The report as one HTML text.

    Text typed by leads cannot run: all of it is escaped (in the charts' JSON too), and the page's Content
    Security Policy allows only the two scripts below, by their hashes, and no load from elsewhere.
    """
    scripts = [_vega(), _text("report.js")]
    return _template("report.html").render(
        **view(comparison),
        thresholds=threshold_table(comparison.thresholds, lenses=True),
        insights=[*protected_tables(comparison.protected, lenses=True), *insight_tables(comparison.insights)],
        specs={name: _script_json(spec) for name, spec in _specs(comparison).items()},
        scripts=[Markup(script) for script in scripts],
        hashes=" ".join(f"'sha256-{_hash(script)}'" for script in scripts),
        css=Markup(_text("report.css")),
    )


def model_page(report: ModelReport) -> str:
    """The report on a model alone as one HTML text: tables and no script, and all text escaped."""
    return tables_page(model_view(report))


def tables_page(view: dict[str, Any]) -> str:
    """Sentences and tables as one HTML text without a script, all text escaped."""
    return _template("tables.html").render(**view, css=Markup(_text("report.css")))


def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(str(files("pipeline.report") / "templates"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def _specs(comparison: Comparison) -> dict[str, dict[str, Any]]:
    drawn = {
        "gains": charts.gains_chart(comparison),
        "calibration": charts.calibration_chart(comparison),
        "bands": charts.bands_chart(comparison),
        "grades-model": charts.grade_chart(comparison, MODEL),
        "grades-rules": charts.grade_chart(comparison, RULES),
    }
    if comparison.audit["worth"].notna().any():
        drawn["audit"] = charts.audit_chart(comparison)
    return {name: chart.to_dict() for name, chart in drawn.items()}


def _script_json(value: Any) -> Markup:
    """JSON that cannot end its script element, nor open a comment or an entity."""
    text = json.dumps(value, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, out of the vl-convert wheel."""
    import vl_convert

    snippet = "window.vegaEmbed = vegaEmbed;"
    script = vl_convert.javascript_bundle(snippet, vl_version=vega_lite_version())
    return str(script).replace("\r\n", "\n").replace("</script", "<\\/script")


def _text(name: str) -> str:
    return (files("pipeline.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, file_mode())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

"""Every notebook runs from top to bottom, shows what it promises, and is kept without outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Cell id -> texts that its result, as a reader sees it, must hold.
SHOWN = {
    "first_scores": {
        "starter": ("event_type", "<table"),
        "check": ("usable", "leads", "<table"),
        "training_set": ("train:", "conversions", "features"),
        "train": ("out-of-time rows", "roc_auc", "scorecard"),
        "compare": ("<table",),
        "score": ("open leads", "reasons_text", "rule_points", "<table"),
        "explain": ("Every lead starts at", "sheet", "<table"),
    },
    "sheet_against_model": {
        "project": ("out-of-time rows", "scorecard"),
        "compare": ("<table",),
        "audit": ("Viewed vacancies", "Wrong direction"),
        "thresholds": ("precision", "share_of_conversions"),
        "importance": ("pricing", "points"),
        "dependence": ("page_viewed", "probability"),
    },
    "retraining_and_promotion": {
        "world": ("usable",),
        "first": ("out-of-time rows", "roc_auc"),
        "retrain": ("rival_log_loss",),
        "models": ("champion", "challenger"),
        "rollback": ("too many calls to students",),
    },
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_results_show_themselves(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what the notebook writes goes with the test
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)

    NotebookClient(notebook, timeout=180, km=_this_python(tmp_path)).execute(cwd=str(ROOT))

    shown = {cell["id"]: _html(cell) for cell in notebook.cells if cell.cell_type == "code"}
    for cell, texts in SHOWN[path.stem].items():
        assert shown[cell], f"the cell {cell!r} shows nothing"
        absent = [text for text in texts if text not in shown[cell]]
        assert not absent, f"the cell {cell!r} does not show {absent}: {shown[cell][:500]}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)

    nbformat.validate(notebook)
    kept = [cell["id"] for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    assert not kept, f"clear the outputs of {kept}"
    assert notebook.metadata.kernelspec.name == "python3"


def test_every_notebook_is_held_to_what_it_shows() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)


def _this_python(folder: Path) -> AsyncKernelManager:
    """A kernel of the interpreter that runs the tests, whatever kernels the machine knows."""
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    told = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(told), encoding="utf-8")
    specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False)
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)


def _html(cell: Any) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)

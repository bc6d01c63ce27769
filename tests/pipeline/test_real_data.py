"""The five real data sets through the same commands, where their folder is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.data_sets import DATASETS
from leadlens import check, load_project, train

CONFIGS = Path(__file__).parents[2] / "configs"
DATA = Path(os.environ.get("LEADLENS_DATA") or CONFIGS / "../../shared/data")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real data sets are not here: see configs/*.yaml, and set LEADLENS_DATA"
)


@pytest.mark.parametrize("name", DATASETS)
def test_check_has_no_quarrel_with_real_data(name: str) -> None:
    found = check(load_project(CONFIGS / f"{name}.yaml"))
    assert found.readiness.level in ("ready", "usable")
    assert found.look is not None
    assert found.look.found
    assert not found.suspects
    assert found.label_rate is not None
    assert 0.05 < found.label_rate < 0.5


@pytest.mark.parametrize(("name", "asked"), DATASETS.items())
def test_the_model_does_not_lose_to_its_sheet(
    name: str, asked: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short search, so a little below what `make bench-quality` reaches with the full one."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path))
    figures = train(load_project(CONFIGS / f"{name}.yaml"), trials=2).figures
    assert figures["leadlens"]["roc_auc"] >= asked - 0.01
    assert figures["leadlens"]["roc_auc"] >= figures["scorecard"]["roc_auc"]
    assert figures["leadlens"]["log_loss"] < figures["scorecard"]["log_loss"]

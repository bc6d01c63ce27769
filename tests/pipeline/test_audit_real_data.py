"""The documented leaks of the five real data sets, undeclared and declared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.audit import TRUTH, judge, real
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.audit import audit

CONFIGS = Path(__file__).parents[2] / "configs"
DATA = Path(os.environ.get("LEADLENS_DATA") or CONFIGS / "../../shared/data")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real data sets are not here: see configs/*.yaml, and set LEADLENS_DATA"
)


@pytest.mark.parametrize("name", TRUTH)
def test_every_documented_leak_is_found_and_no_clean_column_flagged(name: str, tmp_path: Path) -> None:
    file, truth = real(name, tmp_path)
    score = judge(found := audit(file, sample=10), truth)

    assert (score.missed, score.wrongly_flagged) == ((), ())
    assert found.rebuilt.mismatched == 0
    assert found.exit_code == int(bool(truth.leaks))


@pytest.mark.parametrize("name", ["bank_marketing", "x_education_leads"])  # those with `known_after`
def test_the_shipped_project_passes_and_its_declarations_are_confirmed(name: str) -> None:
    found = audit(load_project(CONFIGS / f"{name}.yaml"), sample=10)

    assert found.exit_code == 0
    assert found.unconfirmed == ()
    assert not [item for item in found.flagged if item.verdict == "proven" and not item.kept_out]

"""The benchmark of the gates deals labels as it says, and writes its tables where the page has room for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import gates
from benchmarks.data_sets import ROOT
from leadlens import build_training_set, load_project, open_history
from leadlens.models.judging.signal import measure_signal
from leadlens.pipeline.dataset.training_set import TrainingSet
from tests.pipeline.little_project import LittleProject


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Leads with rows at one and at four days, the others at one."""
    project = LittleProject(tmp_path_factory.mktemp("gates") / "little")
    project.settings["spine"] = {"at_ages": ["1d", "4d"]}
    project.leads.loc[::3, "closed_at"] = project.leads["created_at"] + pd.Timedelta(days=2)
    file = load_project(project.write())
    return build_training_set(file, open_history(file))


def test_labels_are_dealt_anew_among_leads_with_rows_at_the_same_ages(rows: TrainingSet) -> None:
    def by_lead(label: pd.Series) -> pd.DataFrame:
        spine = rows.matrix.spine.set_index("row_id").loc[label.index]
        age = (spine["as_of"] - spine["created_at"]).dt.days
        return pd.DataFrame({"lead": spine["lead_id"], "age": age, "label": label}).pivot(
            index="lead", columns="age", values="label"
        )

    before, after = by_lead(rows.label), by_lead(gates.dealt_anew(rows, seed=1))
    assert before[4].isna().sum() > 20, "some leads have one row"
    pd.testing.assert_frame_equal(before.isna(), after.isna())
    before, after = before.fillna(-1), after.fillna(-1)
    assert before.value_counts().to_dict() == after.value_counts().to_dict()
    alike = (before == after).all(axis=1).mean()
    assert 0.3 < alike < 0.8, "as many as chance leaves"
    assert not gates.dealt_anew(rows, seed=2).equals(gates.dealt_anew(rows, seed=1))


def test_dealt_within_blocks_of_time_the_rate_of_each_block_stays(rows: TrainingSet) -> None:
    created = rows.matrix.spine.groupby("lead_id")["created_at"].min()
    age = (
        rows.matrix.spine.set_index("row_id")["lead_id"]
        .map(np.ceil(created.rank(pct=True) * 4))
        .loc[rows.label.index]
    )
    dealt = gates.dealt_anew(rows, seed=1, blocks=4)
    pd.testing.assert_series_equal(dealt.groupby(age).sum(), rows.label.groupby(age).sum())
    assert not dealt.equals(rows.label)
    assert list(gates.shuffles({"starter": None, "bank_marketing": None}, 40)) == []


def test_what_passes_is_counted() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(size=900)
    label = (rng.random(900) < 1 / (1 + np.exp(1.5 - 1.5 * score))).astype(float)
    rate = float(label.mean())
    claims = [1 / (1 + np.exp(1.5 - slope * score)) for slope in (1.5, 12.0)] + [np.full(900, rate)]
    known = [measure_signal(label, claimed, base_rate=rate, lead=np.arange(900)) for claimed in claims]
    counts = gates.counted(iter(known))
    assert counts["trainings"] == 3
    assert counts["pass"] == counts["log_loss"] == 1
    assert counts["ranking"] == 2
    assert counts["time_only"] == 0
    assert counts["not_worse"] == 2, "nothing is not worse than nothing"


def test_tables_replace_what_is_between_the_marks(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    page = tmp_path / "docs" / "promotion.md"
    page.parent.mkdir()
    page.write_text((ROOT / "docs" / "promotion.md").read_text(encoding="utf-8"), encoding="utf-8")
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- bench-gates -->\n")
    monkeypatch.setattr(gates, "ROOT", tmp_path)
    gates.write_page(gates.markdown(gates.HEAD, [("x",) * len(gates.HEAD)]))
    after = page.read_text(encoding="utf-8")
    assert after.startswith(before)
    assert after.endswith(rest.partition("<!-- /bench-gates -->")[2])
    assert after.count("<!-- /bench-gates -->") == 1
    assert after.count("| x | x |") >= 1

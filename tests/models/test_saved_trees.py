"""A saved model explains rows as the fitted one does, without what only training needs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError
from leadlens.models.lead_model import LeadModel
from leadlens.models.learners.saved_trees import SavedTrees
from leadlens.models.learners.tree_shap import TreeShap
from tests.models.test_one_pass import leads, model, new_leads

HEAVY = ("lightgbm", "sklearn", "shap", "mlflow", "optuna", "scipy.optimize", "scipy.stats", "scipy.special")
_EXPLAIN = """
import json, sys
import pandas as pd
from leadlens.models.lead_model import LeadModel
from leadlens.models.prediction import predict  # what scoring imports
model = LeadModel.load({folder!r})
found = model.explain(pd.read_parquet({rows!r}))
print(json.dumps([found.base_value, [name for name in {heavy!r} if name in sys.modules]]))
"""


def test_a_saved_model_is_the_fitted_one_to_the_last_bit(tmp_path: Path) -> None:
    for kind in ("trees", "all"):
        made = model(kind)
        made.save(tmp_path / kind)
        loaded = LeadModel.load(tmp_path / kind)
        frame, points = new_leads(made)
        want, got = made.explain(frame, points), loaded.explain(frame, points)
        assert got.base_value == want.base_value
        pd.testing.assert_frame_equal(got.contributions, want.contributions, check_exact=True)
        np.testing.assert_array_equal(loaded.log_odds(frame, points), made.log_odds(frame, points))
        loaded.save(tmp_path / "again")
        assert (tmp_path / "again" / "model.json").read_bytes() == (
            tmp_path / kind / "model.json"
        ).read_bytes()
        assert (tmp_path / "again" / "trees.txt").read_bytes() == (tmp_path / kind / "trees.txt").read_bytes()


def test_deep_trees_are_explained_by_lightgbm_after_loading_too() -> None:
    made = model("trees")
    frame, _ = leads(1500, seed=0)
    assert made.trees is not None
    settings = {"max_depth": 12, "num_leaves": 60, "min_child_samples": 5, "bagging_fraction": 1.0}
    deep = made.trees.__class__(n_trees=10, **settings, categorical_features=[2])
    deep = deep.fit(made.encoding.encode(frame), (frame["visits"] + frame["noise"] > 3).astype(int))
    assert TreeShap.of(deep.booster_.model_to_string()) is None
    saved = SavedTrees.of(json.loads(json.dumps(deep.to_dict())))
    want = replace(made, trees=deep).explain(new_leads(made)[0])
    got = replace(made, trees=saved).explain(new_leads(made)[0])
    pd.testing.assert_frame_equal(got.contributions, want.contributions, check_exact=True)


@pytest.mark.parametrize("missing", ["trees", "n_features", "start", "settings"])
def test_a_model_that_lacks_an_entry_of_its_trees_is_refused(missing: str) -> None:
    data = model("trees").to_dict()
    del data["trees"][missing]
    with pytest.raises(DataError, match="file is damaged"):
        LeadModel.from_dict(data)


def test_explaining_imports_nothing_that_only_training_needs(tmp_path: Path) -> None:
    made = replace(model("all"), sheet=None)
    made.save(tmp_path / "model")
    frame, _ = new_leads(made)
    frame.to_parquet(tmp_path / "rows.parquet")
    code = _EXPLAIN.format(folder=str(tmp_path / "model"), rows=str(tmp_path / "rows.parquet"), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [made.explain(frame).base_value, []]

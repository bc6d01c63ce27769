"""A method of the benchmark: a Python file that learns from the fixed rows, in an environment of its own (docs/benchmark.md).

Its process gets the rows as files, without the outcomes of those to predict, on one thread. What it predicts is kept in
.leadlens/bench by a digest of all that it depends on, so that a second run asks only for what has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data_sets import ROOT

if TYPE_CHECKING:
    from leadlens.features import History
    from leadlens.pipeline.config import ProjectFile
    from leadlens.pipeline.dataset.training_set import TrainingSet

SHIPPED = Path(__file__).parent / "methods"
RUNNER = Path(__file__).parent / "run_method.py"
KEPT = ROOT / ".leadlens" / "bench" / "predicted"
SEARCH = 30  # processor seconds of a search where no figure of Leadlens says how many
LIMIT = 3600  # seconds by the clock, for one training and its predictions
_GIVEN = ("train.parquet", "test.parquet", "known.parquet", "folds.json")
_INSTALLED = "import sys, importlib.metadata as m; print(sys.version, sorted((d.name, d.version) for d in m.distributions()))"


@dataclass(frozen=True)
class Method:
    """A method's file, and the Python that runs it."""

    path: Path
    python: Path

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True, kw_only=True)
class Given:
    """What every method is given: rows to learn from, with outcomes and folds, and the features of rows to predict."""

    train: pd.DataFrame
    known: pd.DataFrame
    folds: list[list[list[int]]]
    test: pd.DataFrame
    seed: int
    seconds: float

    @classmethod
    def of(
        cls,
        file: ProjectFile,
        history: History,
        rows: TrainingSet,
        *,
        seed: int,
        seconds: float,
        learn: pd.Index | None = None,
        label: pd.Series | None = None,
    ) -> Given:
        """The rows of a project; ``learn`` are fewer training rows than all, ``label`` other outcomes than theirs."""
        from leadlens.models.folds import make_folds
        from leadlens.pipeline.dataset.policies import outcome_horizon

        learn = rows.train if learn is None else learn
        outcome = (rows.label if label is None else label)[learn]
        spine = rows.matrix.spine.set_index("row_id").loc[learn]
        as_of = None if history.clock == "none" else spine["as_of"]
        folds = make_folds(
            outcome,
            as_of,
            spine["lead_id"],
            pd.Timedelta(outcome_horizon(file.project)),
            n_folds=file.project.model.folds,
            seed=file.project.model.seed,
        )
        known = pd.DataFrame({"label": outcome, "lead_id": spine["lead_id"]})
        return cls(
            train=rows.matrix.frame.loc[learn],
            known=known if as_of is None else known.assign(as_of=as_of),
            folds=[[side.tolist() for side in fold] for fold in folds],
            test=rows.matrix.frame.loc[rows.test],
            seed=seed,
            seconds=seconds,
        )

    def write(self, folder: Path) -> None:
        """The files that ``run_method.py`` reads."""
        for name in ("train", "test", "known"):
            # Without pandas' own notes: its version there may be another.
            table = pa.Table.from_pandas(getattr(self, name), preserve_index=False)
            pq.write_table(table.replace_schema_metadata(None), folder / f"{name}.parquet")
        (folder / "folds.json").write_text(json.dumps(self.folds), encoding="utf-8")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every track that takes methods."""
    parser.add_argument(
        "--method",
        type=Path,
        action="append",
        default=[],
        help="a Python file with fit and predict; may be repeated",
    )
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="that runs --method; this one by default"
    )


def methods_of(options: argparse.Namespace) -> list[Method]:
    """The methods that ``--method`` names; ends the benchmark before anything is learned where one is not there."""
    for path in (*options.method, *([options.python] if options.method else [])):
        if not path.is_file():
            raise SystemExit(f"there is no file {path}")
    return [Method(path, options.python) for path in options.method]


def shipped(python: Path) -> list[Method]:
    """The peers of ``make bench-quality``, run by a Python with benchmarks/peers.txt."""
    if not python.is_file():
        raise SystemExit(f"there is no file {python}")
    return [Method(SHIPPED / f"{name}.py", python) for name in PEERS]


PEERS = {
    "logistic_regression": "logistic regression",
    "hist_gradient_boosting": "HistGradientBoosting",
    "lightgbm_tuned": "LightGBM, tuned",
    "catboost": "CatBoost",
    "flaml": "FLAML",
}


def check_names(methods: Sequence[Method], taken: Sequence[str]) -> None:
    """Two lenses of one name would be one row of the tables."""
    names = [*taken, *(method.name for method in methods)]
    for method in methods:
        if names.count(method.name) > 1:
            raise SystemExit(
                f"{method.path}: there is another {method.name}; give the file a name of its own"
            )


def predicted(method: Method, given: Given) -> tuple[np.ndarray, float]:
    """The probability of every row to predict, and the processor seconds it took; kept where nothing has changed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given.write(folder)
        kept = KEPT / digest(method, given, folder)
        if not (kept / "spent.json").exists():
            run(method, given, folder)
            kept.mkdir(parents=True, exist_ok=True)
            for made in ("predicted.parquet", "spent.json"):  # the latter last: with it the folder is whole
                (kept / made).write_bytes((folder / made).read_bytes())
    spent = json.loads((kept / "spent.json").read_text(encoding="utf-8"))
    return pd.read_parquet(kept / "predicted.parquet")["probability"].to_numpy(), float(spent)


def digest(method: Method, given: Given, folder: Path) -> str:
    """Of all that a prediction depends on, what is installed included."""
    found = hashlib.sha256(f"{given.seed} {given.seconds}".encode())
    found.update(subprocess.run([method.python, "-c", _INSTALLED], check=True, capture_output=True).stdout)
    for path in (*(folder / name for name in _GIVEN), method.path, RUNNER):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def run(method: Method, given: Given, folder: Path) -> None:
    """Run it in a process of its own, which is told of no data but the folder's; ends the benchmark where it is refused."""
    # -P: benchmarks/features.py and others would be imported in the place of packages.
    # absolute(), as it runs elsewhere; not resolve(), which leaves an environment for the Python that it was made with.
    command = [method.python.absolute(), "-P", RUNNER, method.path.absolute(), folder]
    command += ["--seed", str(given.seed), "--seconds", str(given.seconds)]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("LEADLENS_", "PYTHON"))}
    own |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(list(map(str, command)), cwd=folder, env=own, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{method.path.name} is refused: it was not done after {LIMIT:,} seconds") from None
    if done.returncode:
        raise SystemExit(f"{method.path.name} gave no probabilities (exit code {done.returncode})")

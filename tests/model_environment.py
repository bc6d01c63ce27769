"""A registered model, loaded in an environment made from nothing but its own requirements.

    python -m tests.model_environment        # by hand: some minutes, and needs a package index

Leadlens itself comes as a wheel from a local folder, as a firm would keep it, everything else from the index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[1]
_PREDICT = """
import sys, mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(model.input_example).to_json(orient="records"))
import leadlens
print(leadlens.__file__)
"""


def main() -> None:
    """Train, make the environment, predict there and here, and compare."""
    from leadlens.pipeline.registry.mlflow_registry import Registry
    from tests.pipeline.little_project import LittleProject, leadlens

    with (
        tempfile.TemporaryDirectory() as place,
        mock.patch.dict(os.environ, {"LEADLENS_HOME": f"{place}/home"}),
    ):
        folder = Path(place)
        answer = leadlens("train", LittleProject(folder).write(), "--trials", "1")
        assert answer.code == 0, answer.err
        registry = Registry("little")
        model = Path(registry.mlflow.artifacts.download_artifacts("models:/little@challenger"))
        here = registry.mlflow.pyfunc.load_model(str(model))
        started = time.monotonic()
        _run(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder / "dist",
            ROOT,
        )
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        _run(
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--find-links",
            folder / "dist",
            "-r",
            model / "requirements.txt",
        )
        said = _run(python, "-I", "-c", _PREDICT, model).splitlines()
        print(
            f"{(model / 'requirements.txt').read_text(encoding='utf-8')}\n{time.monotonic() - started:.0f} seconds"
        )
        print(*said, sep="\n")
        assert said[-1].startswith(str(folder / "env")), "Leadlens is that of the environment"
        assert said[-2] == here.predict(here.input_example).to_json(orient="records")


def _run(*words: str | Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


if __name__ == "__main__":
    main()

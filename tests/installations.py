"""Leadlens installed as strangers install it: a wheel and a source archive, in environments of their own.

    python -m tests.installations                      # by hand: this Python, every package from the index; minutes
    python -m tests.installations --python python3.12  # another one
    python -m tests.installations --oldest             # the oldest versions that pyproject.toml allows (needs uv)

In each environment the commands and the functions of the README's tour are run in a folder whose owner has packages
``features``, ``models`` and ``pipeline`` too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILT_AT = "1700000000"  # the time that archives carry, so that equal sources give equal bytes
_THEIRS = ("features", "models", "pipeline")
_IN_PYTHON = """
import json, sys
import features, leadlens, models, pipeline
project = leadlens.load_project("my_leads")
checked = leadlens.check(project)
from leadlens.pipeline.jobs.demo import configs_folder
print(json.dumps({
    "project": project.project.name, "ours": leadlens.__file__, "theirs": [m.__name__ for m in (features, models, pipeline) if m.MINE],
    "public": all(hasattr(leadlens, name) for name in leadlens.__all__), "configs": str(configs_folder()), "version": leadlens.__version__,
}))
"""


def build(kind: str, target: Path, source: Path = ROOT) -> Path:
    """A wheel or an sdist of the sources, by the build backend itself, which asks no index."""
    command = [sys.executable, "-P", "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(
        command, cwd=source, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": BUILT_AT}
    )
    (made,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


def names_in(wheel: Path) -> set[str]:
    """What a wheel puts beside everybody else's packages."""
    with zipfile.ZipFile(wheel) as archive:
        return {name.partition("/")[0] for name in archive.namelist()}


def somebodys_folder(folder: Path) -> Path:
    """A working directory with packages of its own, under the names of our three folders."""
    for name in _THEIRS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("MINE = True\n", encoding="utf-8")
    return folder


def used(python: Path, folder: Path) -> dict[str, str]:
    """The tour in an environment, from such a folder: what Python says of it. Raises where a command fails."""
    env = _surroundings(folder)
    leadlens = python.with_name("leadlens")

    def run(*command: object) -> str:
        done = subprocess.run(
            [str(word) for word in command], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    run(leadlens, "init", "my_leads")
    run(leadlens, "check", "my_leads")
    run(python, "-m", "leadlens", "check", "my_leads", "--only-read")
    told: dict[str, str] = json.loads(run(python, "-c", _IN_PYTHON))
    return told


def whole_tour(python: Path, folder: Path) -> None:
    """Train, compare, promote and score, as the README does."""
    env = _surroundings(folder)
    leadlens = str(python.with_name("leadlens"))
    for words in (
        ("train", "my_leads", "--trials", "2"),
        ("compare", "my_leads", "--out", "report"),
        ("promote", "my_leads", "--force", "trying it out"),
        ("score", "my_leads", "--to", "scores.csv", "--as-of", "2025-07-01"),
    ):
        subprocess.run([leadlens, *words], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    if len((folder / "scores.csv").read_text(encoding="utf-8").splitlines()) < 50:
        raise RuntimeError("almost nothing was scored")


def _surroundings(folder: Path) -> dict[str, str]:
    """Nothing that leads to this checkout."""
    bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return bare | {"LEADLENS_HOME": str(folder / ".leadlens")}


def main() -> None:
    """Build, install with every dependency from the index, and work with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--oldest", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        archive = build("sdist", folder / "dist")
        made = {"wheel": build("wheel", folder / "dist"), "source archive": archive}
        for kind, file in made.items():
            began = time.monotonic()
            environment = folder / kind.replace(" ", "_")
            subprocess.run([options.python, "-m", "venv", str(environment)], check=True)
            python = environment / "bin" / "python"
            pins = _oldest(python, folder) if options.oldest else []
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *pins, str(file)], check=True)
            theirs = somebodys_folder(folder / f"work_{kind}")
            told = used(python, theirs)
            whole_tour(python, theirs)
            size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file()) / 1e6
            print(
                f"{kind}: {told['version']} on {_version(python)}, {size:,.0f} MB, {time.monotonic() - began:.0f} s: works"
            )
            shutil.rmtree(environment)


def _oldest(python: Path, folder: Path) -> list[str]:
    """Constraints: of each direct dependency the oldest version that is allowed."""
    pins = folder / "oldest.txt"
    command = [
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--resolution",
        "lowest-direct",
        "--no-header",
        "--no-annotate",
    ]
    subprocess.run(
        [*command, "--python", str(python), str(ROOT / "pyproject.toml"), "-o", str(pins)], check=True
    )
    return ["--constraint", str(pins)]


def _version(python: Path) -> str:
    done = subprocess.run([str(python), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()

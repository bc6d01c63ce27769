"""How much an installation weighs, what of it weighs most, and how long the command line takes to start.

    make weights

Read from the metadata of the environment that this runs in, which must have the extras; nothing is installed. Prints Markdown, writes it
into `docs/installing.md`, and prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from release.locked import closure_here

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "installing.md"
MARKS = ("<!-- weights -->\n", "<!-- /weights -->")
LARGEST = 10
# What a night could do without, if somebody wrote it anew: runs and models, pictures, the log of the prepared history.
SPARED = ("deltalake", "matplotlib", "mlflow-skinny")
ROUNDS = 5
_MB = 1e6


@dataclass(frozen=True)
class Weight:
    """Some packages together: how many, their bytes, and the part of them that Python compiled when they were installed."""

    packages: int
    bytes: int
    compiled: int


def weights(pyproject: Path, site_packages: Path) -> dict[str, Weight]:
    """Of Leadlens alone under ``""``, and of what each extra adds to it."""
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    files = files_of(site_packages)
    alone = closure_here(pyproject, site_packages)
    found = {"": _weight(alone, set(), files)}
    for extra in sorted(extras):
        added = closure_here(pyproject, site_packages, extra) - alone
        found[extra] = _weight(added, alone, files)
    return found


def spared(pyproject: Path, site_packages: Path, names: Sequence[str]) -> dict[str, Weight]:
    """What would go with each of some packages that Leadlens asks for."""
    files, alone = files_of(site_packages), closure_here(pyproject, site_packages)
    left = {name: closure_here(pyproject, site_packages, without=name) for name in names}
    return {name: _weight(alone - stays, stays, files) for name, stays in left.items()}


def files_of(site_packages: Path) -> dict[str, dict[str, int]]:
    """The files of each package with their bytes."""
    sizes: dict[str, dict[str, int]] = {}
    for package in distributions(path=[str(site_packages)]):
        paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
        sizes[canonicalize_name(package.name)] = {
            os.path.normpath(path): path.stat().st_size for path in paths if path.is_file()
        }
    return sizes


def _weight(names: set[str], beside: set[str], files: dict[str, dict[str, int]]) -> Weight:
    """Files that two packages list (mlflow and mlflow-skinny do) count once."""
    before = {path for name in beside for path in files[name]}
    once = {path: size for name in names for path, size in files[name].items() if path not in before}
    compiled = sum(size for path, size in once.items() if path.endswith(".pyc"))
    return Weight(len(names), sum(once.values()), compiled)


def starts() -> dict[str, float]:
    """Median CPU seconds of some commands, each in a process of its own; the first run, which compiles, does not count."""
    bare = [sys.executable, "-c"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LEADLENS_HOME": str(Path(folder, "state")), "PYTHONPATH": str(ROOT)}

        def seconds(command: list[str]) -> float:
            taken = []
            for _ in range(ROUNDS + 1):
                began = _cpu()
                subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
                taken.append(_cpu() - began)
            return statistics.median(taken[1:])

        leadlens = [sys.executable, "-m", "leadlens"]
        subprocess.run(
            [*leadlens, "init", "my_leads"], cwd=folder, env=environment, check=True, capture_output=True
        )
        return {
            "python -c pass": seconds([*bare, "pass"]),
            "import leadlens": seconds([*bare, "import leadlens"]),
            "leadlens --help": seconds([*leadlens, "--help"]),
            "leadlens check my_leads": seconds([*leadlens, "check", "my_leads"]),
        }


def _cpu() -> float:
    """Of processes that have ended: other work on the same machine does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(
    found: dict[str, Weight], largest: list[tuple[str, int]], gone: dict[str, Weight], taken: dict[str, float]
) -> str:
    """Markdown of all of it."""
    version = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        f"{version}:",
        "",
        "| installed | packages | MB | of that compiled by Python |",
        "|---|---:|---:|---:|",
    ]
    for extra, one in found.items():
        name = f"`[{extra}]` adds" if extra else "`leadlens`"
        lines.append(f"| {name} | {one.packages} | {one.bytes / _MB:,.0f} | {one.compiled / _MB:,.0f} |")
    lines += ["", f"| the {len(largest)} largest of `leadlens` | MB |", "|---|---:|"]
    lines += [f"| {name} | {size / _MB:,.0f} |" for name, size in largest]
    lines += ["", "| without | packages fewer | MB fewer |", "|---|---:|---:|"]
    lines += [f"| {name} | {one.packages} | {one.bytes / _MB:,.0f} |" for name, one in gone.items()]
    lines += ["", f"| start | CPU seconds, median of {ROUNDS} |", "|---|---:|"]
    lines += [f"| `{name}` | {seconds:.2f} |" for name, seconds in taken.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    site_packages = Path(sysconfig.get_path("purelib"))
    found = weights(ROOT / "pyproject.toml", site_packages)
    files = files_of(site_packages)
    alone = closure_here(ROOT / "pyproject.toml", site_packages)
    largest = sorted(((name, sum(files[name].values())) for name in alone), key=lambda pair: -pair[1])[
        :LARGEST
    ]
    taken = starts()
    text = table(found, largest, spared(ROOT / "pyproject.toml", site_packages, SPARED), taken)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")
    print(text)
    figures = {name or "leadlens": round(one.bytes / _MB) for name, one in found.items()}
    print(json.dumps({"bench": "weights", "figures": figures}))


if __name__ == "__main__":
    main()

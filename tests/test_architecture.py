"""Each package imports by itself: without the optional extras, and without the packages that stand on it.

Import cycles and the order of the three packages are held by `lint-imports` (pyproject.toml), in `make check`.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

EXTRAS = ("pyspark", "py4j", "streamlit")
ABOVE = {
    "leadlens.features": ("leadlens.models", "leadlens.pipeline"),
    "leadlens.models": ("leadlens.pipeline",),
    "leadlens.pipeline": (),
}
# Imports every module of a package with the extras blocked; prints the packages that are loaded then.
_IMPORT_ALL = """
import importlib, json, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
package = importlib.import_module({package!r})
names = [found.name for found in pkgutil.walk_packages(package.__path__, {package!r} + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(json.dumps([len(names), sorted({{".".join(name.split(".")[:depth]) for name in sys.modules for depth in (1, 2)}})]))
"""


@pytest.mark.parametrize("package", ABOVE)
def test_every_module_imports_without_extras_and_without_what_stands_on_it(package: str) -> None:
    code = _IMPORT_ALL.format(package=package, extras=EXTRAS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules, loaded = json.loads(done.stdout.splitlines()[-1])
    assert modules > 20
    assert not set(loaded) & {*ABOVE[package], *EXTRAS}

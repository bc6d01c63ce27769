"""Each package imports by itself: without the optional extras, and without the packages that stand on it.

Import cycles and the order of the three packages are held by `lint-imports` (pyproject.toml), in `make check`.
"""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import leadlens

EXTRAS = ("pyspark", "py4j", "streamlit")
ROOT = Path(__file__).parents[1]
# Packages that another one of ours is made of: its types and errors are spoken of by their own names.
PARTS = {"anyio": "starlette", "markupsafe": "jinja2", "py4j": "pyspark", "pydantic-core": "pydantic"}
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


def test_what_is_imported_is_asked_for() -> None:
    """Each package that our code names is in pyproject.toml, and does not come along with another one by chance."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [
        *project["dependencies"],
        *(text for texts in project["optional-dependencies"].values() for text in texts),
    ]
    asked = {canonicalize_name(Requirement(text).name) for text in texts}
    asked |= {part for part, whole in PARTS.items() if whole in asked}
    packages = packages_distributions()

    unasked = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in ("features", "models", "pipeline")
        for path in (ROOT / folder).rglob("*.py")
        for module in _imported(path)
        if not asked & {canonicalize_name(name) for name in packages.get(module, [module])}
    }

    assert not unasked


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"leadlens"}


def test_a_type_checker_sees_the_public_names_that_python_gives() -> None:
    tree = ast.parse((ROOT / "leadlens" / "__init__.py").read_text(encoding="utf-8"))
    declared = {
        alias.name: getattr(importlib.import_module(statement.module), alias.name)
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("leadlens.")
        for alias in statement.names
    }

    assert set(declared) == set(leadlens.__all__)
    assert [name for name, thing in declared.items() if thing is not getattr(leadlens, name)] == []

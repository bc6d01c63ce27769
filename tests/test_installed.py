"""A wheel and a source archive, built here and installed into an environment of their own, beside a user's packages.

The packages that Leadlens needs are lent by the environment of the tests; `python -m tests.installations` installs them too.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path

import pytest

from tests.installations import ROOT, build, names_in, somebodys_folder, used

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel_of_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(build("sdist", folder)) as archive:
        archive.extractall(folder, filter="data")
    return build("wheel", folder / "made", folder / f"leadlens-{VERSION}")


def test_a_wheel_has_one_package(wheel: Path) -> None:
    assert names_in(wheel) == {"leadlens", f"leadlens-{VERSION}.dist-info"}


def test_equal_sources_give_equal_bytes(wheel: Path, wheel_of_archive: Path, tmp_path: Path) -> None:
    again = build("wheel", tmp_path)
    assert again.read_bytes() == wheel.read_bytes()
    assert wheel_of_archive.read_bytes() == wheel.read_bytes(), "the archive lacks what the checkout has"


def test_it_works_beside_packages_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    own = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # A path in a .pth file is not searched for further .pth files: the checkout that the tests run on stays out.
    Path(own, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, str(wheel)], check=True)

    told = used(python, somebodys_folder(tmp_path / "work"))

    assert told["theirs"] == ["features", "models", "pipeline"]
    assert told["ours"] == str(Path(own, "leadlens", "__init__.py"))
    assert told["configs"] == str(Path(own, "leadlens", "pipeline", "configs"))
    assert told["project"] == "starter"
    assert told["public"]
    assert told["version"] == VERSION

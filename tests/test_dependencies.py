"""What Leadlens brings along: a licence that is not allowed is named, and what was not looked at is not called clean."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from release.licences import ALLOWED, DECLARED, EXCEPTIONS, refused, terms
from release.locked import Scope, read_locked
from tests.pipeline.http_server import Handler, serving

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".leadlens" / "release" / "bin" / "python"
needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None and not os.environ.get("CI"),
    reason="`make spark` installs what the lock pins",
)
needs_tools = pytest.mark.skipif(
    not TOOLS.exists() and not os.environ.get("CI"), reason="`make dependencies` makes the environment"
)
Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that needs `plain`, which needs `below`; `extra` with an extra; `tool` for its developers."""

    def make(**metadata: str) -> Path:
        (tmp_path / "pyproject.toml").write_text(
            '[project]\nname = "leadlens"\nversion = "1.0"\nlicense = "Apache-2.0"\ndependencies = ["plain>=1"]\n'
            '[project.optional-dependencies]\nmore = ["extra"]\n',
            encoding="utf-8",
        )
        site = tmp_path / "lib" / "python3" / "site-packages"
        for name in ("plain", "below", "extra", "tool"):
            folder = site / f"{name}-1.0.dist-info"
            folder.mkdir(parents=True)
            needs = "Requires-Dist: below\n" if name == "plain" else ""
            said = metadata.get(name, "License-Expression: MIT")
            (folder / "METADATA").write_text(
                f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{needs}{said}\n", encoding="utf-8"
            )
        pins = [
            f"{name}==1.0 \\\n    --hash=sha256:{'ab' * 32}" for name in ("plain", "below", "extra", "tool")
        ]
        (tmp_path / "requirements.lock").write_text("\n".join(pins) + "\n", encoding="utf-8")
        (tmp_path / "requirements-spark.lock").write_text("", encoding="utf-8")
        return tmp_path

    return make


@needs_spark
def test_every_licence_of_ours_is_allowed() -> None:
    locked = read_locked(ROOT, ROOT / ".venv")
    assert len(locked.at_run_time()) > 100
    assert {locked.scopes[name] for name in ("numpy", "pyspark", "pytest")} == set(Scope)
    assert refused(locked) == []

    used = {pin.name for pin in locked.at_run_time()}
    assert set(EXCEPTIONS) | set(DECLARED) <= used, "nobody needs these any more"


@pytest.mark.parametrize("name", ["plain", "below", "extra"])
@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("License-Expression: GPL-3.0-only", "GPL-3.0-only is not allowed"),
        ("License-Expression: MIT AND (AGPL-3.0-only)", "AGPL-3.0-only) is not allowed"),
        ("License-Expression: MIT OR SSPL-1.0", "MIT OR SSPL-1.0 is not allowed"),
        (
            "License: GPLv3\nClassifier: License :: OSI Approved :: GNU General Public License (GPL)",
            "(GPL) is not",
        ),
        ("License: All rights reserved", "no licence in its metadata"),
        ("Keywords: none", "no licence in its metadata"),
    ],
)
def test_another_licence_is_refused_by_name(project: Project, name: str, metadata: str, words: str) -> None:
    folder = project(**{name: metadata})
    (line,) = refused(read_locked(folder, folder))
    assert line.startswith(f"{name}: ")
    assert words in line


@pytest.mark.parametrize(
    "metadata",
    [
        "License: Apache 2.0",
        "License: BSD",
        "License: Words\nClassifier: License :: OSI Approved :: MIT License",
    ],
)
def test_old_ways_to_say_an_allowed_licence(project: Project, metadata: str) -> None:
    folder = project(
        plain=metadata, tool="License-Expression: GPL-3.0-only"
    )  # developers install it, we do not bring it
    assert refused(read_locked(folder, folder)) == []


def test_an_exception_is_for_one_licence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXCEPTIONS, "plain", ("LGPL-3.0-only", "a test"))  # type: ignore[arg-type]
    folder = project(plain="License-Expression: LGPL-3.0-only", extra="License-Expression: LGPL-3.0-only")
    assert [line.partition(":")[0] for line in refused(read_locked(folder, folder))] == ["extra"]


def test_exceptions_are_needed_and_have_a_reason() -> None:
    for name, (licence, reason) in EXCEPTIONS.items():
        assert not set(terms(licence)) <= ALLOWED, name
        assert len(reason) > 20, name


def test_what_is_not_installed_as_pinned_is_not_judged(project: Project) -> None:
    folder = project()
    lock = folder / "requirements.lock"
    lock.write_text(lock.read_text(encoding="utf-8").replace("below==1.0", "below==2.0"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"below 2\.0 is pinned and 1\.0 installed"):
        read_locked(folder, folder)
    lock.write_text("plain>=1.0\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1"):
        read_locked(folder, folder)


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(TOOLS),
        "-m",
        "release.dependencies",
        "--project",
        str(folder),
        "--environment",
        str(folder),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "--out", str(folder / "dist"), *options],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


class Osv(Handler):
    """Answers as OSV does, with the advisories of its ``state``: id by name and version."""

    def do_POST(self) -> None:
        asked = json.loads(self.body())
        name = asked["package"]["name"]
        ids = self.state.get((name, asked["version"]), [])
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}}]
        vulns = [{"id": one, "summary": "a test", "affected": affected} for one in ids]
        answer = json.dumps({"vulns": vulns} if vulns else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


KNOWN = {("pyyaml", "5.3"): ["PYSEC-2021-142"]}


@needs_tools
@pytest.mark.parametrize(
    ("advisories", "code", "words"),
    [
        (KNOWN, 0, "4 versions looked up, 0 advisories"),
        (KNOWN | {("below", "1.0"): ["PYSEC-2026-1"]}, 1, "below 1.0: PYSEC-2026-1"),
        (KNOWN | {("below", "2.0"): ["PYSEC-2026-1"]}, 0, "4 versions looked up, 0 advisories"),
        ({}, 3, "NOT CHECKED"),
    ],
    ids=["clean", "known", "of another version", "a database that knows nothing"],
)
def test_vulnerabilities_of_a_database(
    project: Project, advisories: dict[tuple[str, str], list[str]], code: int, words: str
) -> None:
    with serving(Osv, advisories) as address:
        done = run(project(), "--osv-url", f"http://{address}/v1/query")
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout


@needs_tools
@pytest.mark.parametrize(("licence", "code"), [("MIT", 3), ("GPL-3.0-only", 1)])
def test_a_database_out_of_reach_is_no_clean_bill(project: Project, licence: str, code: int) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/query"
        done = run(project(extra=f"License-Expression: {licence}"), "--osv-url", url)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Vulnerabilities: NOT CHECKED" in done.stdout
    assert "advisories." not in done.stdout
    assert ("extra: GPL-3.0-only is not allowed" in done.stdout) == (code == 1)


@needs_tools
def test_the_bill_of_materials_says_what_is_pinned(project: Project) -> None:
    folder = project()
    written = folder / "dist" / "leadlens.cdx.json"
    texts = []
    for _ in range(2):
        run(folder, "--osv-url", "http://127.0.0.1:9/")
        texts.append(written.read_bytes())
    assert texts[0] == texts[1], "equal locks give equal bytes"

    bill = json.loads(texts[0])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {one["name"]: one["scope"] for one in bill["components"]} == {
        "plain": "required",
        "below": "required",
        "extra": "optional",
        "tool": "excluded",
    }
    for one in bill["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@1.0"
        assert one["licenses"] == [{"license": {"id": "MIT"}}]
        assert one["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    graph = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert graph["leadlens==1.0"] == ["extra==1.0", "plain==1.0"]
    assert graph["plain==1.0"] == ["below==1.0"]


@needs_tools
def test_the_official_schema_refuses_what_is_no_bill() -> None:
    code = 'from release.sbom import invalid; print(invalid(\'{"bomFormat": "CycloneDX", "specVersion": "1.6", "x": 1}\'))'
    done = subprocess.run([str(TOOLS), "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "'x' was unexpected" in done.stdout

"""What an installation weighs: of planted files each counts once, and where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.weights import MARKS, PAGE, Weight, spared, table, weights


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """`plain` needs `shared`; `more` shares a file with it, and `tool` is nobody's."""
    for name, needs, files in (
        ("plain", "Requires-Dist: shared", {"plain.py": 100, "__pycache__/plain.pyc": 40}),
        ("shared", "", {"both.py": 1000}),
        (
            "more",
            "Requires-Dist: shared\nRequires-Dist: elsewhere; sys_platform == 'none'",
            {"both.py": 1000, "more.py": 7},
        ),
        ("tool", "", {"tool.py": 5000}),
    ):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{needs}\n", encoding="utf-8"
        )
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
        for file, size in files.items():
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_bytes(b"x" * size)
    return tmp_path


def test_each_file_counts_once_and_where_it_belongs(site: Path, tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        '[project]\ndependencies = ["plain"]\n[project.optional-dependencies]\nmore = ["more"]\n',
        encoding="utf-8",
    )
    found = weights(pyproject, site)
    assert found == {"": Weight(2, 1140, 40), "more": Weight(1, 7, 0)}
    assert spared(pyproject, site, ["plain"]) == {"plain": Weight(2, 1140, 40)}


def test_the_page_has_the_table_that_is_written() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = text.partition(MARKS[0])[2].partition(MARKS[1])[0]
    for line in table({"": Weight(0, 0, 0)}, [("a", 1)] * 10, {}, {}).splitlines():
        if line.startswith("| ") and "0" not in line and "| a |" not in line:
            assert line in written, "make weights"
    assert text.count(MARKS[0]) == text.count(MARKS[1]) == 1

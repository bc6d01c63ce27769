"""The documentation says what is there: commands, options, paths, settings, targets and variables all exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer.main
from pydantic import BaseModel

import models.scorecard.language.sheet
import pipeline.config.model
from pipeline.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "scorecards").glob("*.md")), *ADRS]
WRITTEN = [*PAGES, *sorted((ROOT / "docs").glob("*.svg")), *sorted((ROOT / "notebooks").glob("*.ipynb"))]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
_BLOCK = re.compile(r"^```.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(r"^\.?[\w-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|yaml|ipynb|lock|toml|svg))$")


def shown_commands() -> list[str]:
    """Every `$ leadlens …` of README's code blocks."""
    lines = [line for block in _BLOCK.findall(README) for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ leadlens ")]


@pytest.mark.parametrize("shown", shown_commands())
def test_a_command_that_readme_shows_is_understood(shown: str) -> None:
    _, name, *arguments = shlex.split(shown)

    assert name in COMMANDS, f"there is no command {name!r}"
    COMMANDS[name].make_context(name, arguments)  # raises for an unknown option or a missing argument


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_command_that_is_named_exists_with_its_options(page: Path) -> None:
    for code in _inline(page):
        if not re.match(r"(?:\.venv/bin/)?leadlens \w", code):
            continue
        name, *rest = code.split()[1:]
        assert name in COMMANDS, f"{code!r}: there is no such command"
        options = {option for found in COMMANDS[name].params for option in found.opts} | {"--help"}
        unknown = [word for word in rest if word.startswith("--") and word not in options]
        assert not unknown, f"{code!r}: there is no option {unknown[0]}"


def test_readme_shows_every_command() -> None:
    visible = {name for name, command in COMMANDS.items() if not command.hidden}

    absent = [name for name in visible if not re.search(rf"leadlens {name}\b", README) and name != "demo"]

    assert not absent, f"README does not show {absent}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_path_that_is_named_exists(page: Path) -> None:
    absent = [path for path in _inline(page) if _PATH.match(path) and "/" in path and not _exists(path)]
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    absent += [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert not absent, f"{page.name} names what is not there: {absent}"


def test_readme_tells_where_every_package_is_changed() -> None:
    """Acceptance by folder: each folder of the three packages stands in README's tables."""
    rows = "\n".join(line for line in README.splitlines() if line.startswith("|"))
    folders = [
        folder.relative_to(ROOT).as_posix()
        for package in ("features", "models", "pipeline")
        for folder in (ROOT / package).iterdir()
        if folder.is_dir() and (folder / "__init__.py").exists()
    ]

    absent = [folder for folder in folders if f"`{folder}/" not in rows]

    assert folders
    assert not absent, f"no row of README leads to {absent}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_make_target_that_is_named_exists(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")

    named = set(re.findall(r"(?:`|^    |=\S+ )make ([a-z-]+)", text, re.MULTILINE))

    assert named <= known, f"{page.name}: make knows no {sorted(named - known)}"


def test_readme_lists_the_environment_variables_that_are_read() -> None:
    sources = [
        path for package in ("features", "models", "pipeline") for path in (ROOT / package).rglob("*.py")
    ]
    read = set()
    for path in sources:
        read |= set(
            re.findall(r"environ(?:\.get\(|\[)\"((?:LEADLENS|MLFLOW)_[A-Z_]+)\"", path.read_text("utf-8"))
        )
    listed = set(re.findall(r"^\| `([A-Z_]+)`", README, re.MULTILINE))

    assert read <= listed, f"README lacks {sorted(read - listed)}"
    assert listed - read == {"LEADLENS_DATA"}, "read by the project files in configs/ alone"


def test_readme_keeps_the_marks_that_the_benchmark_writes_between() -> None:
    assert README.count("<!-- bench-quality -->\n") == 1
    assert README.count("<!-- /bench-quality -->") == 1
    assert README.index("<!-- bench-quality -->") < README.index("<!-- /bench-quality -->")


@pytest.mark.parametrize("page", ADRS, ids=lambda page: page.stem)
def test_a_decision_says_what_it_costs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    number = int(page.stem.split("-")[0])
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Status", "Context", "Decision", "Cost"]
    assert len(text.splitlines()) <= 80, "a decision is one page"


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.stem.split("-")[0]) for page in ADRS] == list(range(1, len(ADRS) + 1))


def settings() -> Iterator[tuple[str, type[BaseModel]]]:
    """Every section of project files and score sheets."""
    for module in (pipeline.config.model, models.scorecard.language.sheet):
        for name, found in vars(module).items():
            if (
                isinstance(found, type)
                and issubclass(found, BaseModel)
                and found.__module__ == module.__name__
            ):
                yield name, found


@pytest.mark.parametrize(("name", "section"), list(settings()))
def test_a_setting_has_a_description(name: str, section: type[BaseModel]) -> None:
    assert (section.__doc__ or "").strip(), f"{name} has no docstring"
    for setting, field in section.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or nested, f"{name}.{setting} has no description"


def test_the_changelog_names_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == version  # type: ignore[index]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_no_page_names_a_machine(page: Path) -> None:
    found = re.findall(
        r"(?<![\w.])/(?:home|root|tmp|work|Users|mnt|opt|var)/\S*|\b[A-Z]:\\\S+|\blocalhost\b|\b\d+(?:\.\d+){3}\b",
        page.read_text(encoding="utf-8"),
    )

    assert not found, f"{page.name} names {found}"


def test_pictures_say_what_they_show() -> None:
    for picture in sorted((ROOT / "docs").glob("*.svg")):
        root = ElementTree.parse(picture).getroot()
        told = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in root}
        assert told.get("title"), f"{picture.name} has no title"
        assert told.get("desc"), f"{picture.name} has no description"
        assert "prefers-color-scheme: dark" in picture.read_text(encoding="utf-8")


def _inline(page: Path) -> list[str]:
    return _INLINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))


def _exists(path: str) -> bool:
    made_by_commands = (".venv/", ".leadlens/")
    return path.startswith(made_by_commands) or (ROOT / path).exists()

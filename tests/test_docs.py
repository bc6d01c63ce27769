"""The documentation says what is there: commands, options, paths, settings, targets and variables all exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer.main
from pydantic import BaseModel

import leadlens
import leadlens.models.scorecard.language.sheet
import leadlens.pipeline.config.model
from leadlens.pipeline.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = sorted((ROOT / "docs").glob("*.md"))
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
FOLDERS = ("scorecards", "tutorials", "benchmark")
PAGES += [*GUIDES, *(page for name in FOLDERS for page in sorted((ROOT / "docs" / name).glob("*.md"))), *ADRS]
# What a user reads: README and the pages it leads to. Decisions tell of the past and prove nothing of the present.
DOCS = "\n".join([README, *(page.read_text(encoding="utf-8") for page in GUIDES)])
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
REAL_DATA = (ROOT / "docs" / "real_data.md").read_text(encoding="utf-8")
WRITTEN = [*PAGES, *sorted((ROOT / "docs").glob("*.svg")), *sorted((ROOT / "notebooks").glob("*.ipynb"))]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
_BLOCK = re.compile(r"^```.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(r"^\.?[\w-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|yaml|ipynb|lock|toml|svg))$")


def command_of(words: Sequence[str]) -> tuple[str, Any, list[str]]:
    """The command that ``leadlens`` takes these words for, its name, and the arguments that are left."""
    name, *rest = words
    assert name in COMMANDS, f"there is no command {name!r}"
    command = COMMANDS[name]
    if hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        below, *rest = rest
        assert below in command.commands, f"there is no command {name} {below!r}"
        name, command = f"{name} {below}", command.commands[below]
    return name, command, rest


def shown_commands() -> list[str]:
    """Every `$ leadlens …` of the code blocks in README and docs/."""
    lines = [line for block in _BLOCK.findall(DOCS) for line in block.splitlines()]
    return sorted({line.removeprefix("$ ") for line in lines if line.startswith("$ leadlens ")})


@pytest.mark.parametrize("shown", shown_commands())
def test_a_command_that_is_shown_is_understood(shown: str) -> None:
    name, command, arguments = command_of(shlex.split(shown)[1:])

    command.make_context(name, arguments)  # raises for an unknown option or a missing argument


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_command_that_is_named_exists_with_its_options(page: Path) -> None:
    for code in _inline(page):
        if not re.match(r"(?:\.venv/bin/)?leadlens \w", code):
            continue
        _, command, rest = command_of(re.sub(r" …$", "", code).split()[1:])
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        unknown = [word for word in rest if word.startswith("--") and word not in options]
        assert not unknown, f"{code!r}: there is no option {unknown[0]}"


def test_the_documentation_shows_every_command() -> None:
    visible = {name: command for name, command in COMMANDS.items() if not command.hidden}
    visible |= {
        f"{name} {below}": command
        for name, group in tuple(visible.items())
        for below, command in getattr(group, "commands", {}).items()
        if not command.hidden
    }

    absent = [name for name in visible if not re.search(rf"leadlens {name}\b", DOCS)]

    assert not absent, f"neither README nor docs/ shows {absent}"


def test_the_tour_in_readme_shows_the_central_commands() -> None:
    absent = [
        name
        for name in ("init", "check", "train", "compare", "explain", "promote", "score")
        if f"$ leadlens {name} " not in README
    ]

    assert not absent
    assert len(README.splitlines()) < 200, "what is longer belongs to docs/"


def test_the_readme_lets_a_reader_breathe() -> None:
    """Whoever decides in five minutes reads no paragraph of many facts."""
    told = re.sub(r"\]\([^)]*\)", "]", _BLOCK.sub("", README))
    prose = [line for line in told.splitlines() if not re.match(r"[|!#]", line)]
    paragraphs = re.split(r"\n\n+|\n(?=- )", "\n".join(prose))

    assert not [text for text in paragraphs if len(text.split()) > 60]
    assert max(map(len, prose)) <= 130


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_path_that_is_named_exists(page: Path) -> None:
    absent = [path for path in _inline(page) if _PATH.match(path) and "/" in path and not _exists(path)]
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    absent += [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert not absent, f"{page.name} names what is not there: {absent}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_test_that_is_named_exists(page: Path) -> None:
    for file, name in re.findall(r"`(?:tests/)?([\w/]+\.py)::(\w+)`", page.read_text(encoding="utf-8")):
        held = ROOT / "tests" / file
        assert held.exists(), f"{page.name}: there is no {file}"
        assert f"\ndef {name}(" in held.read_text(encoding="utf-8"), f"{page.name}: {file} has no {name}"


def test_every_threat_names_what_shows_that_it_is_held() -> None:
    """What is not held is under *Accepted*, in words, and not in a table without a test."""
    text = (ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8")
    places = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    held = {place: part for place, part in places.items() if "| shown by |" in part}

    assert len(held) >= 7
    for place, part in held.items():
        rows = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert rows, place
        assert all("::test_" in row.split(" | ")[-1] for row in rows), place
        assert "\nAccepted: " in part, place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_link_leads_to_a_heading(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        text = (page.parent / file if file else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text), re.MULTILINE)
        anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in anchors, f"{page.name}: {file} has no heading {anchor}"


def test_every_package_is_in_the_table_of_what_to_change_where() -> None:
    """Acceptance by folder: each folder of the three packages has a row, and README names those at the top."""
    rows = "\n".join(line for line in ARCHITECTURE.splitlines() if line.startswith("|"))
    folders = [
        path.parent.relative_to(ROOT).as_posix()
        for package in ("features", "models", "pipeline")
        for path in (ROOT / package).glob("*/**/__init__.py")
    ]

    absent = [folder for folder in folders if f"`{folder}/" not in rows]
    unnamed = [folder for folder in folders if f"`{folder.split('/')[1]}`" not in README]

    assert folders
    assert not absent, f"no row of docs/architecture.md leads to {absent}"
    assert not unnamed, f"README's table of packages lacks {unnamed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_make_target_that_is_named_exists(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")

    named = set(re.findall(r"(?:`|^    |=\S+ )make ([a-z-]+)", text, re.MULTILINE))

    assert named <= known, f"{page.name}: make knows no {sorted(named - known)}"


def test_the_environment_variables_that_are_read_are_listed() -> None:
    sources = [
        path for package in ("features", "models", "pipeline") for path in (ROOT / package).rglob("*.py")
    ]
    read = set()
    for path in sources:
        read |= set(
            re.findall(r"environ(?:\.get\(|\[)\"((?:LEADLENS|MLFLOW)_[A-Z_]+)\"", path.read_text("utf-8"))
        )
    threads = (ROOT / "leadlens" / "__init__.py").read_text("utf-8")
    read |= set(re.findall(r"environ\.setdefault\(\"(OMP_[A-Z_]+)\"", threads))
    listed = set(re.findall(r"^\| `([A-Z_]+)`", DOCS, re.MULTILINE))

    assert read <= listed, f"docs/commands.md lacks {sorted(read - listed)}"
    assert listed - read == {"LEADLENS_DATA"}, "read by the project files in configs/ alone"


def test_the_page_keeps_the_marks_that_the_benchmark_writes_between() -> None:
    assert REAL_DATA.count("<!-- bench-quality -->\n") == 1
    assert REAL_DATA.count("<!-- /bench-quality -->") == 1
    assert REAL_DATA.index("<!-- bench-quality -->") < REAL_DATA.index("<!-- /bench-quality -->")


def test_every_page_is_in_a_table_of_contents_of_the_site() -> None:
    pages = set((ROOT / "docs").rglob("*.md"))
    toctree = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    listed = {
        found
        for page in pages
        for block in toctree.findall(page.read_text(encoding="utf-8"))
        for entry in re.findall(r"^(?:.* <)?([\w/.*-]+)>?$", block, re.MULTILINE)
        for found in page.parent.glob(f"{entry}.md")
    }

    absent = pages - listed - {ROOT / "docs" / "index.md"}

    assert not absent, f"no table of contents names {sorted(page.name for page in absent)}"


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
    for module in (leadlens.pipeline.config.model, leadlens.models.scorecard.language.sheet):
        for name, value in vars(module).items():
            if (
                isinstance(value, type)
                and issubclass(value, BaseModel)
                and value.__module__ == module.__name__
            ):
                yield name, value


@pytest.mark.parametrize(("name", "section"), list(settings()))
def test_a_setting_has_a_description(name: str, section: type[BaseModel]) -> None:
    assert (section.__doc__ or "").strip(), f"{name} has no docstring"
    for setting, field in section.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or nested, f"{name}.{setting} has no description"


def test_the_changelog_names_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    headings = re.findall(r"^## (\S+)", changes, re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == version


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_no_page_names_a_machine(page: Path) -> None:
    named = re.findall(
        r"(?<![\w.])/(?:home|root|tmp|work|Users|mnt|opt|var)/\S*|\b[A-Z]:\\\S+|\blocalhost\b|\b\d+(?:\.\d+){3}\b",
        page.read_text(encoding="utf-8"),
    )

    assert not named, f"{page.name} names {named}"


def test_pictures_say_what_they_show() -> None:
    for picture in sorted((ROOT / "docs").glob("*.svg")):
        root = ElementTree.parse(picture).getroot()
        texts = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in root}
        assert texts.get("title"), f"{picture.name} has no title"
        assert texts.get("desc"), f"{picture.name} has no description"
        assert "prefers-color-scheme: dark" in picture.read_text(encoding="utf-8")


def test_the_reference_has_every_public_name() -> None:
    reference = (ROOT / "docs" / "reference" / "leadlens.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"^\.\. auto\w+:: (\w+)$", reference, re.MULTILINE)) == sorted(leadlens.__all__)


def test_no_page_of_the_reference_names_a_folder_for_a_package() -> None:
    """`features` beside `leadlens.features` would be a second copy of each class."""
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))

    assert re.findall(r"^\.\. automodule:: (?!leadlens\b)(\S+)$", pages, re.MULTILINE) == []


def test_the_picture_of_the_page_is_shown_and_small() -> None:
    """`python -m tests.page_picture` takes it anew."""
    picture = ROOT / "docs" / "page.png"
    content = picture.read_bytes()

    assert f"]({picture.relative_to(ROOT).as_posix()})" in README
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20], "big") == 1280, "pixels wide"
    assert len(content) < 150_000


def _inline(page: Path) -> list[str]:
    return _INLINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))


def _exists(path: str) -> bool:
    made_by_commands = (".venv/", ".leadlens/", "site/")
    return path.startswith(made_by_commands) or (ROOT / path).exists()

"""Every data set of the benchmark has a card, a project, a sheet and a licence, and what the card says is what the code makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import cards, standings
from benchmarks.audit import TRUTH
from benchmarks.data_sets import DATA, DATASETS, ROOT, project_of
from benchmarks.marks import between, put_between
from benchmarks.method import LIMIT, SEARCH
from benchmarks.quality import HALF_A_MINUTE, TITLES
from benchmarks.run_method import MOST_LEVELS, SAME, learn_and_predict, read
from leadlens import load_project
from tests.test_benchmark_methods import small_given

PAGE = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
FACTS = (
    "Source", "Licence", "Where to get it", "Files", "A lead", "Rows", "Label", "Horizon", "Known leaks", "Sheet", "Project"
)  # fmt: skip


def facts_of(name: str) -> dict[str, str]:
    text = cards.card_of(name).read_text(encoding="utf-8")
    head = text.partition("\n## ")[0]
    return dict(re.findall(r"^\| ([A-Z][^|]*?) \| (.+) \|$", head, re.MULTILINE))


def test_there_is_a_card_for_every_data_set_and_for_no_other() -> None:
    assert {path.stem for path in (ROOT / "docs" / "benchmark").glob("*.md")} == set(DATASETS)
    assert set(TRUTH) == set(DATASETS), "the documented leaks of each are held against the audit"


@pytest.mark.parametrize("name", DATASETS)
def test_a_card_says_all_there_is_to_say(name: str) -> None:
    facts = facts_of(name)
    assert tuple(facts) == FACTS
    assert all(fact.strip(" –") for fact in facts.values())


@pytest.mark.parametrize("name", DATASETS)
def test_card_and_project_name_the_same_licence_files_and_sheet(name: str) -> None:
    facts, path = facts_of(name), ROOT / "configs" / f"{name}.yaml"
    assert f"`{path.relative_to(ROOT)}`" in facts["Project"]
    project = path.read_text(encoding="utf-8")
    comments = " ".join(
        line.strip("# ") for line in project.splitlines() if line.lstrip().startswith("#")
    ).lower()
    assert "get it:" in comments
    assert re.split("[:;]", facts["Licence"])[0].lower() in comments
    for file in re.findall(r"\$\{LEADLENS_DATA:[^}]*\}/(\S+)", project):
        assert f"`{file}`" in facts["Files"]
    sheets = load_project(path).project.scorecards
    assert all(f"`configs/{sheet}`" in facts["Sheet"] for sheet in sheets)
    if not sheets:
        assert facts["Sheet"].startswith("none: "), "a reason why there is no sheet"


@pytest.mark.parametrize("name", DATASETS)
def test_a_card_names_every_documented_leak(name: str) -> None:
    told = set(re.findall(r"`([^`]+)`", facts_of(name)["Known leaks"]))
    truth = TRUTH[name]
    assert truth.leaks | truth.disputed <= told


@pytest.mark.parametrize("name", DATASETS)
def test_the_split_of_a_card_is_that_of_the_project(name: str) -> None:
    project = load_project(ROOT / "configs" / f"{name}.yaml").project
    figures = between(cards.card_of(name), cards.MARK)
    assert figures.splitlines()[0] == cards.split_of(project)
    for date in (project.judge.test_from, project.judge.test_to):
        assert date is None or f"{date:%Y-%m-%d}" in figures
    dates = project.spine.dates
    assert all(f"{date:%Y-%m-%d}" in facts_of(name)["Rows"] for date in dates)


@pytest.mark.skipif(
    not DATA.is_dir(),
    reason="the public data sets are not here: see docs/benchmark.md, and set LEADLENS_DATA",
)
@pytest.mark.parametrize("name", DATASETS)
def test_rows_and_dates_of_a_card_are_those_that_the_code_makes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path))
    assert cards.figures_of(project_of(name, tmp_path)) == between(cards.card_of(name), cards.MARK)


def test_the_standings_are_what_was_measured() -> None:
    assert between(standings.PAGE, standings.MARK) == standings.standings()
    table = standings.tables_of(between(standings.REAL_DATA, "bench-quality"))
    row = re.search(r"^\| `cdnow` \| (.+) \|$", (standings.REAL_DATA).read_text("utf-8"), re.MULTILINE)
    assert row is not None
    assert table["ROC AUC"]["cdnow"]["Leadlens"] == row[1].split(" | ")[0].strip("*")
    assert table["ROC AUC"]["cdnow"]["without sheet"] == row[1].split(" | ")[1].strip("*"), (
        "and no difference"
    )


def test_the_page_says_the_limits_that_the_code_has() -> None:
    assert LIMIT == 3600, "an hour"
    assert SEARCH == HALF_A_MINUTE == 30
    assert f"beyond {MOST_LEVELS}" in PAGE
    assert f"between {SAME:f} and {1 - SAME:f}" in PAGE
    scored = re.findall(r"^\| (.+?) \| .+ \| (?:higher|lower) \|$", PAGE, re.MULTILINE)
    assert [name.lower() for name in scored] == [title.partition(":")[0].lower() for title in TITLES.values()]


def test_the_commands_of_the_page_have_their_options() -> None:
    commands = re.findall(r"^\$ python -m (benchmarks\.\w+)(.*)$", PAGE, re.MULTILINE)
    assert {module for module, _ in commands} == {
        "benchmarks.quality", "benchmarks.little_data", "benchmarks.gates"
    }  # fmt: skip
    shared = (ROOT / "benchmarks" / "method.py").read_text(encoding="utf-8")
    for module, rest in commands:
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8") + shared
        for option in re.findall(r"--[\w-]+", rest):
            assert f'"{option}"' in source, f"{module} has no {option}"
        for name in re.findall(r" ([a-z]+_[a-z_]+)(?= |$)", rest):
            assert name in DATASETS


def test_the_method_on_the_page_works(tmp_path: Path) -> None:
    given = small_given()
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "my_method.py").write_text(code, encoding="utf-8")
    given.write(tmp_path)
    found, _ = learn_and_predict(tmp_path / "my_method.py", *read(tmp_path, 0, 1))
    above = given.test["number"].to_numpy() > 0
    assert found[above].mean() > found[~above].mean() + 0.2


def test_a_page_without_its_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n", encoding="utf-8")
    put_between(page, "x", "new\nrows")
    assert page.read_text(encoding="utf-8") == "a\n<!-- x -->\nnew\nrows\n<!-- /x -->\nb\n"
    assert between(page, "x") == "new\nrows"
    with pytest.raises(SystemExit, match="no marks y"):
        put_between(page, "y", "new")

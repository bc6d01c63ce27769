"""The tutorial about sheets is run, as `tests/followed_pages.py` says.

Of docs/scorecards/tutorial.md besides: a command whose answer says how to fix it ends with an error, and each row of the
table of mistakes is a line written below `actions:`, and words of what `check` says to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.followed_pages import Follower, Typed, run, unseen

PAGE = Path(__file__).parents[1] / "docs" / "scorecards" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
SHEET = Path("my_leads/scorecards/mine.yaml")
# Of a training the page shows that it is registered: one trial tells that as well as twenty.
SHORTER = {"leadlens train my_leads": " --trials 1"}
# | `the line` | `words of the message` | what is wrong |; ⇥ is the tab key
_MISTAKE = re.compile(r"^\| `(?P<line>[ ⇥]*- .+?)` \| `(?P<says>.+?)` \|", re.MULTILINE)
MISTAKES = [(found["line"].replace("⇥", "\t"), found["says"]) for found in _MISTAKE.finditer(TEXT)]


def is_refused(step: Typed) -> bool:
    return any("how to fix it" in line for line in step.shown)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Typed]]:
    """Every command of the tutorial, run once in a fresh folder, which stays the present one."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.setenv("LEADLENS_AUTHOR", "Mia")
        patch.chdir(folder)
        yield Follower(SHORTER).follow(TEXT)


def test_the_tutorial_comes_out_as_it_is_shown(done: list[Typed]) -> None:
    wrong = [step.wrong for step in done if step.wrong]

    assert len(done) > 20
    assert not wrong, "\n\n".join(wrong)


def test_commands_fail_where_the_page_shows_an_error_and_nowhere_else(done: list[Typed]) -> None:
    assert [step.command for step in done if bool(step.code) != is_refused(step)] == []


def test_a_changed_line_of_the_page_is_found(done: list[Typed]) -> None:
    assert list(unseen(done)) == []


def test_the_page_ends_with_the_first_version_active(done: list[Typed]) -> None:
    versions = next(step for step in reversed(done) if " versions " in step.command).printed

    assert any(re.match(r"[0-9a-f]{12}  active", line) for line in versions)


@pytest.mark.parametrize(("line", "says"), MISTAKES, ids=[says for _, says in MISTAKES])
def test_a_mistake_is_answered_as_the_table_says(line: str, says: str, done: list[Typed]) -> None:
    assert done
    good = SHEET.read_text(encoding="utf-8")
    wrong = Path("wrong.yaml")
    wrong.write_text(re.sub(r"^(actions:.*)$", lambda found: f"{found[0]}\n{line}", good, flags=re.MULTILINE))

    out, err, _ = run(f"leadlens scorecard check my_leads --sheet {wrong}")

    assert says in out + err


def test_there_is_a_table_of_mistakes() -> None:
    assert len(MISTAKES) >= 6

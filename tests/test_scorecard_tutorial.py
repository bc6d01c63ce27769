"""The tutorial is run: its files are written, its commands typed, and what they print is what the page shows.

In docs/scorecards/tutorial.md

- ```` ```yaml FILE ```` is a whole file, ```` ```yaml +FILE ```` is what is written below what the file holds;
- ```` ```diff FILE ```` replaces what stands after `-` by what stands after `+`: whole lines or parts of them;
- ```` ```console ```` holds commands and what they print. `…` stands for anything: in a line for the rest or a part
  of it, alone in a line for any number of lines. A command whose answer says how to fix it ends with an error.
- Each row of the table of mistakes is a line written below `actions:`, and words of what `check` says to it.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from leadlens.pipeline.cli import main as cli

PAGE = Path(__file__).parents[1] / "docs" / "scorecards" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
SHEET = Path("my_leads/scorecards/mine.yaml")
# Of a training the page shows that it is registered: one trial tells that as well as twenty.
SHORTER = {"leadlens train my_leads": " --trials 1"}
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# | `the line` | `words of the message` | what is wrong |; ⇥ is the tab key
_MISTAKE = re.compile(r"^\| `(?P<line>[ ⇥]*- .+?)` \| `(?P<says>.+?)` \|", re.MULTILINE)
MISTAKES = [(found["line"].replace("⇥", "\t"), found["says"]) for found in _MISTAKE.finditer(TEXT)]


@dataclass(frozen=True)
class Typed:
    """A command of the page: what the page shows below it, and what came."""

    command: str
    shown: list[str]
    printed: list[str]
    code: int

    @property
    def refused(self) -> bool:
        return any("how to fix it" in line for line in self.shown)


def run(command: str) -> tuple[str, str, int]:
    """Type `leadlens …`: standard output, standard error, exit code."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", shlex.split(command))
        try:
            cli.main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int), code
    return out.getvalue(), err.getvalue(), code


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def typed(block: str) -> Iterator[Typed]:
    """The commands of one block, run in the order in which they stand."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        out, err, code = run(command + SHORTER.get(command, ""))
        yield Typed(command, lines_of(shown), lines_of(err if code else out), code)


def follow(page: str) -> list[Typed]:
    """Do what the page says, from its first block to its last, in the present folder."""
    done: list[Typed] = []
    for kind, name, body in _BLOCK.findall(page):
        if kind == "console":
            done += typed(body)
        elif kind == "yaml" and name.startswith("+"):
            path = Path(name[1:])
            path.write_text(path.read_text(encoding="utf-8") + body, encoding="utf-8")
        elif kind == "yaml" and name:
            Path(name).write_text(body, encoding="utf-8")
        elif kind == "diff":
            edit(Path(name), body)
    return done


def edit(path: Path, diff: str) -> None:
    old, new = ("\n".join(line[1:] for line in diff.splitlines() if line[0] == mark) for mark in ("-", "+"))
    text = path.read_bytes().decode("utf-8")
    assert text.count(old) == 1, f"{path}: {old!r} stands there {text.count(old)} times"
    path.write_bytes(text.replace(old, new).encode())


def difference(shown: list[str], printed: list[str]) -> str | None:
    """The first line of ``shown`` that was not printed where the page shows it; none if all were."""
    at, skipping = 0, False
    for line in shown:
        if line.strip() == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        while at < len(printed) and skipping and not pattern.fullmatch(printed[at]):
            at += 1
        if at == len(printed) or not pattern.fullmatch(printed[at]):
            return line
        at, skipping = at + 1, False
    return None if skipping or at == len(printed) else f"the page ends before {printed[at]!r}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Typed]]:
    """Every command of the tutorial, run once in a fresh folder, which stays the present one."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.setenv("LEADLENS_AUTHOR", "Mia")
        patch.chdir(folder)
        yield follow(TEXT)


def test_the_tutorial_comes_out_as_it_is_shown(done: list[Typed]) -> None:
    wrong = [
        f"$ {step.command}\n  not as shown: {found}\n" + "\n".join(step.printed)
        for step in done
        if (found := difference(step.shown, step.printed)) is not None
    ]

    assert len(done) > 20
    assert not wrong, "\n\n".join(wrong)


def test_commands_fail_where_the_page_shows_an_error_and_nowhere_else(done: list[Typed]) -> None:
    assert [step.command for step in done if bool(step.code) != step.refused] == []


def test_a_changed_line_of_the_page_is_found(done: list[Typed]) -> None:
    unseen = []
    for step in done:
        for at, line in enumerate(step.shown):
            if line.replace("…", "").strip():
                changed = [*step.shown[:at], line.replace("…", "") + " ~", *step.shown[at + 1 :]]
                unseen += [line] if difference(changed, step.printed) is None else []

    assert unseen == []


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

"""Pages that are followed to the letter: their files are written, their commands typed, and what they print is what the page shows.

- ```` ```yaml FILE ```` is a whole file, ```` ```yaml +FILE ```` is what is written below what the file holds;
- ```` ```diff FILE ```` replaces what stands after `-` by what stands after `+`: whole lines or parts of them;
- ```` ```console ```` holds commands and what they print: standard output, or standard error without its progress where a command failed.
  A command without an answer on the page is typed all the same. `$ echo $?` prints how the command before it ended;
  what is not `leadlens` is the shell's;
- `$ leadlens app` is started and goes on; its address is ``Follower.address``.
- ```` ```python ```` is run, and prints what stands in the ```` ```text ```` right below it. All of a page are one session.

`…` stands for anything: in a line for the rest or a part of it, alone in a line for any number of lines.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leadlens.pipeline.cli import main as cli
from tests.forked_jobs import ForkedJobs

_PROGRESS = re.compile(r"^ *[\d.]+s  .*\n", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """A command of a page, or a piece of Python: what the page shows below it, and what came; ``aside`` is what no page shows."""

    command: str
    shown: list[str]
    printed: list[str]
    code: int
    aside: str = ""

    @property
    def wrong(self) -> str | None:
        """How what came differs from what is shown; None if it does not. A command that shows nothing may print anything."""
        found = difference(self.shown, self.printed) if self.shown else None
        return found and "\n".join(
            [f"$ {self.command}", f"  not as shown: {found}", *self.printed, self.aside]
        )


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


class Follower:
    """Somebody who does what a page says, from its first block to its last, in the present folder.

    ``shorter`` has, by command, what is typed behind it, where the page shows nothing that depends on it. With ``jobs`` each
    command is a process of its own, as it is for a reader: what it had open is free when it ends.
    """

    def __init__(self, shorter: Mapping[str, str] | None = None, jobs: ForkedJobs | None = None) -> None:
        self.shorter, self.jobs = shorter or {}, jobs
        self.done: list[Typed] = []
        self._session: dict[str, Any] = {"__name__": "__main__"}
        self._app: subprocess.Popen[str] | None = None
        self.address = ""

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        if self._app is not None:
            self._app.terminate()
            self._app.communicate(timeout=20)

    def follow(self, page: str) -> list[Typed]:
        """All that was typed."""
        blocks = BLOCK.findall(page)
        for at, (kind, name, body) in enumerate(blocks):
            below = blocks[at + 1] if at + 1 < len(blocks) else ("", "", "")
            self.do(kind, name, body, lines_of(below[2]) if below[0] == "text" else [])
        return self.done

    def do(self, kind: str, name: str, body: str, below: list[str]) -> None:
        """One block; ``below`` is what it prints, where the page shows that in a block of its own."""
        if kind == "console":
            self._type(body)
        elif kind == "python":
            self._enter(body, below)
        elif kind == "yaml" and name.startswith("+"):
            path = Path(name[1:])
            path.write_text(path.read_text(encoding="utf-8") + body, encoding="utf-8")
        elif kind == "yaml" and name:
            Path(name).write_text(body, encoding="utf-8")
        elif kind == "diff":
            _edit(Path(name), body)

    def _type(self, block: str) -> None:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            if command.startswith("leadlens app "):
                out, err, code = self._serve(command), "", 0
            elif command == "echo $?":
                out, err, code = f"{self.done[-1].code}\n", "", 0
            elif command.startswith("leadlens "):
                out, err, code = self._run(command + self.shorter.get(command, ""))
            else:
                ended = subprocess.run(
                    ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
                )
                out, err, code = ended.stdout, ended.stderr, ended.returncode
            came, aside = (_PROGRESS.sub("", err), out) if code else (out, err)
            self.done.append(Typed(command, lines_of(shown), lines_of(came), code, aside))

    def _run(self, command: str) -> tuple[str, str, int]:
        if self.jobs is None:
            return run(command)
        job = self.jobs.start(*shlex.split(command)[1:], home=Path(os.environ["LEADLENS_HOME"]))
        code = job.end()
        return job.out, job.err, code

    def _serve(self, command: str) -> str:
        """Start the page, on a port that is free; what it says of itself."""
        words = [sys.executable, "-m", *shlex.split(command), "--port", "0"]
        self._app = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._app.stdout is not None
        said = self._app.stdout.readline()
        self.address = re.findall(r"http://[^\s;]+", said)[0]
        return said

    def _enter(self, code: str, below: list[str]) -> None:
        out = io.StringIO()
        with redirect_stdout(out):
            exec(compile(code, "<page>", "exec"), self._session)  # noqa: S102 (a page of ours)
        self.done.append(Typed(code, below, lines_of(out.getvalue()), 0))


def _edit(path: Path, diff: str) -> None:
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


def unseen(done: list[Typed]) -> Iterator[str]:
    """Lines of pages that could say anything: changed, they would still pass for what was printed."""
    for step in done:
        for at, line in enumerate(step.shown):
            if line.replace("…", "").strip():
                changed = [*step.shown[:at], line.replace("…", "") + " ~", *step.shown[at + 1 :]]
                if difference(changed, step.printed) is None:
                    yield line

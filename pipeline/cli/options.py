"""What every command of the command line shares: its arguments, and how results are printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile

Config = Annotated[
    Path, typer.Argument(help="Project file (YAML), or a folder that holds project.yaml.", metavar="CONFIG")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Score as of this time (UTC), e.g. 2026-01-31; by default, when the data end."
    ),
]
Challenger = Annotated[bool, typer.Option("--challenger", help="Use the challenger instead of the champion.")]
LogFormat = Annotated[
    Literal["text", "json"],
    typer.Option(
        "--log-format",
        help="Format of standard error and the log file: text for people; json for machines, one object per line, without "
        "personal data.",
    ),
]
LogFile = Annotated[
    Path | None, typer.Option("--log-file", help="Also append the log to this file.", show_default=False)
]
MetricsFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file", help="Write metrics of the run to this Prometheus text file.", show_default=False
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option("--engine", help="duckdb or spark; by default what the project file says, or duckdb."),
]
Master = Annotated[
    str | None, typer.Option("--master", help="Where Spark runs: local[4], spark://host:7077, yarn.")
]


def load(config: Path) -> ProjectFile:
    """The project file."""
    from leadlens.pipeline.config import load_project

    return load_project(config)


def as_timestamp(text: str | None, option: str = "--as-of") -> Any:
    """A timestamp that was typed; ``None`` for none."""
    from leadlens.pipeline.config.parts import read_timestamp

    return None if text is None else read_timestamp(text, option)


def print_result(
    as_json: bool, payload: dict[str, Any], render: Callable[[], list[str]], *, blocks: bool = False
) -> None:
    """Print a result for a machine or for a person: lines, or ``blocks`` of them such as SQL."""
    from leadlens.pipeline.cli.render.terminal import print_json, print_lines

    if as_json:
        print_json(payload)
    else:
        print_lines(render(), blocks=blocks)

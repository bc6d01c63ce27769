"""What the site adds to Sphinx: our docstrings as they are written, and pages that are made from the code itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import typer.main
from docutils import nodes
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from leadlens.features import format_duration
from leadlens.pipeline.cli.main import app as command_line
from leadlens.pipeline.config import Project, Source

_SECTION = re.compile(r"^(Attributes|Parameters|Raises)$")
_ENTRY = re.compile(r"^(\w[\w, ]*?) : (\S.*)$")


def describe_by_name(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """``name : what it is``, which numpydoc would take for a type, becomes a name with its description below.

    A paragraph after the last name ends the section, as it does for a reader.
    """
    inside, written = False, []
    for line, below in zip(lines, [*lines, ""][1:], strict=True):
        entry = _ENTRY.match(line) if inside else None
        if below and set(below) == {"-"}:
            inside = bool(_SECTION.match(line))
        elif inside and line[:1].strip() and not entry and written[-1:] == [""]:
            inside, written = False, [*written, ""]
        written += [entry[1], f"    {entry[2]}"] if entry else [line]
    lines[:] = written


def hide_fields(_app: Sphinx, _what: str, _name: str, thing: Any, *_: Any) -> tuple[str, None] | None:
    """The signature of a pydantic model would repeat all its settings: they have pages of their own."""
    return ("", None) if isinstance(thing, type) and issubclass(thing, BaseModel) else None


class ProjectSettings(SphinxDirective):
    """``{project-settings}``: every section of a project file with its settings, defaults and descriptions."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(_section(Project)), allow_section_headings=True)


def _section(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Markdown of one section, and of those below it."""
    below = {name: _models(field.annotation) for name, field in model.model_fields.items()}
    yield from (f"## `{path}`" if path else "## The top of the file", "", model.__doc__ or "", "")
    yield from ("| setting | default | what it says |", "|---|---|---|")
    for name, field in model.model_fields.items():
        description = field.description or f"The section `{f'{path}.{name}'.lstrip('.')}`, see below."
        yield f"| `{name}` | {_default(field)} | {_cell(description)} |"
    yield ""
    for section in dict.fromkeys(section for sections in below.values() for section in sections):
        names = [name for name, sections in below.items() if section in sections]
        yield from _section(section, f"{path}.{'<table>' if section is Source else names[0]}".lstrip("."))


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The sections that an annotation such as ``Source | None`` or ``tuple[Count, ...]`` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models(inner)]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    match field.get_default(call_default_factory=True, validated_data={}):
        case timedelta() as length:
            return f"`{format_duration(length)}`"
        case bool(value):
            return f"`{str(value).lower()}`"
        case tuple(values) if values:
            return f"`[{', '.join(map(str, values))}]`"
        case str() | int() | float() as value if value != "":
            return f"`{value}`"
    return "–"


def _cell(text: str) -> str:
    return re.sub(r"(\$\{[^}]*\})", r"`\1`", text).replace("|", "\\|").replace("<", "&lt;")


class Commands(SphinxDirective):
    """``{commands}``: what `--help` says of every command."""

    def run(self) -> list[nodes.Node]:
        help_texts = "\n".join(_commands(typer.main.get_command(command_line), "leadlens"))
        return self.parse_text_to_nodes(help_texts, allow_section_headings=True)


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        called = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _commands(command, called)
        elif not command.hidden:
            context = command.make_context(called, [], resilient_parsing=True, terminal_width=80)
            yield from (f"## `{called}`", "", "```text", command.get_help(context), "```", "")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", describe_by_name, priority=400)  # before napoleon reads them
    app.connect("autodoc-process-signature", hide_fields)
    app.add_directive("project-settings", ProjectSettings)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

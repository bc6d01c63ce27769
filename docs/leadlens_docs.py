"""What the site adds to Sphinx: our docstrings as they are written, and pages that are made from the code itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_SECTION = re.compile(r"^(Attributes|Parameters|Raises)$")
_ENTRY = re.compile(r"^(\w[\w, ]*?) : (\S.*)$")


def describe_by_name(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """``name : what it is``, which numpydoc would take for a type, becomes a name with its description below.

    A paragraph after the last name ends the section, as it does for a reader.
    """
    inside, written = False, []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
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


class SettingsTable(SphinxDirective):
    """``{project-settings}``: every section of a project file with its settings, defaults and descriptions."""

    def run(self) -> list[nodes.Node]:
        from pipeline.config import Project

        return self.parse_text_to_nodes("\n".join(_section(Project, "")), allow_section_headings=True)


def _section(model: type[BaseModel], path: str) -> Iterable[str]:
    """Markdown of one section and of those below it."""
    plain = {name: field for name, field in model.model_fields.items() if not _sections_of(field.annotation)}
    nested = {name: field for name, field in model.model_fields.items() if name not in plain}
    yield from (f"## `{path}`" if path else "## The top of the file", "", str(model.__doc__), "")
    rows = {**plain, **{name: field for name, field in nested.items() if field.description}}
    if rows:
        yield from ("| setting | default | what it says |", "|---|---|---|")
        yield from (
            f"| `{name}` | {_default(field)} | {_cell(field.description)} |" for name, field in rows.items()
        )
        yield ""
    seen: set[type[BaseModel]] = set()
    for name, field in nested.items():
        for section in _sections_of(field.annotation):
            if section not in seen:
                seen.add(section)
                several = name if section.__name__ != "Source" else "<table>"
                yield from _section(section, f"{path}.{several}".lstrip("."))


def _sections_of(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in getattr(annotation, "__args__", ()) for section in _sections_of(inner)]


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default in (None, (), {}, "", PydanticUndefined) or isinstance(default, BaseModel):
        return "–"
    shown = field.annotation and BaseModel.model_json_schema
    return f"`{_plain(default)}`" if shown else "–"


def _plain(value: Any) -> str:
    from datetime import timedelta

    from features import format_duration

    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _cell(text: str | None) -> str:
    return re.sub(r"(\$\{[^}]*\})", r"`\1`", (text or "")).replace("|", "\\|").replace("<", "&lt;")


class CommandsList(SphinxDirective):
    """``{commands}``: what `--help` says of every command."""

    def run(self) -> list[nodes.Node]:
        import typer.main

        from pipeline.cli.main import app

        text = "\n".join(_commands(typer.main.get_command(app), "leadlens"))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _commands(group: Any, path: str) -> Iterable[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        called = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _commands(command, called)
            continue
        help_text = command.get_help(command.make_context(called, [], resilient_parsing=True))
        yield from (f"## `{called}`", "", "```text", help_text, "```", "")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", describe_by_name, priority=400)  # before napoleon reads them
    app.connect("autodoc-process-signature", hide_fields)
    app.add_directive("project-settings", SettingsTable)
    app.add_directive("commands", CommandsList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Read a YAML file into a pydantic model; whatever is wrong is told with file, line, value and nearest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from features.errors import UsageError

_MOST_BYTES = 1_000_000
_MOST_NODES = 100_000
Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


def load_yaml_model(path: str | Path, model: type[M], what: str) -> M:
    """Load and check the YAML file at ``path``.

    ``what`` names the kind of file in messages ("project file", "score sheet").
    Raises ``UsageError`` that lists every mistake, each with its line.
    """
    path = Path(path)
    document, lines = read_yaml(path, what)
    if not isinstance(document, dict):
        raise UsageError(
            f"this {what} holds no settings",
            where=str(path),
            value=document,
            fix="a file of `key: value` lines is expected; `leadlens init DIR` writes a commented one",
        )
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [_explain(item, model, path, lines, document) for item in error.errors()]
        raise problems[0] if len(problems) == 1 else _joined(problems, what, path) from None


def read_yaml(path: Path, what: str) -> tuple[Any, dict[Place, int]]:
    """Plain values of a YAML file, and the line of every key and item by its place in the document."""
    text = _text(path, what)
    lines: dict[Place, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            return (None if node is None else _build(loader, node, (), lines, path)), lines
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(
            f"this is not valid YAML: {getattr(error, 'problem', None) or error}",
            where=f"{path}:{mark.line + 1}" if mark else str(path),
            fix="check indentation and quotes near that line",
        ) from None
    except RecursionError:
        raise UsageError("this YAML is nested too deeply", where=str(path)) from None


def _text(path: Path, what: str) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        siblings = [item.name for item in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UsageError(
            f"there is no such {what}",
            value=path.name,
            known=siblings,
            where=str(path),
            fix="check the path; `leadlens init DIR` writes a commented project file",
        ) from None
    except OSError as error:
        raise UsageError(f"this {what} cannot be read: {error.strerror}", where=str(path)) from None
    if len(raw) > _MOST_BYTES:
        raise UsageError(f"this {what} is larger than 1 MB", where=str(path), value=f"{len(raw):,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UsageError(
            f"this {what} is not UTF-8 text",
            value=raw[max(0, error.start - 10) : error.start + 10],
            where=f"{path}:{line}",
            fix="save it as UTF-8",
        ) from None


def _build(
    loader: yaml.SafeLoader, node: yaml.Node, place: Place, lines: dict[Place, int], path: Path
) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if len(lines) > _MOST_NODES:
        raise UsageError("this YAML is too large", where=str(path), fix="are aliases (&, *) nested?")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(key_node.start_mark)
            line = key_node.start_mark.line + 1
            if key in found:
                raise UsageError(
                    "this key stands twice",
                    value=key,
                    where=f"{path}:{line}",
                    why="YAML would keep the last one in silence",
                    fix=f"keep one (the first is on line {lines[(*place, key)]})",
                )
            lines[(*place, key)] = line
            found[key] = _build(loader, value_node, (*place, key), lines, path)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*place, i), lines, path) for i, item in enumerate(node.value)]
    return loader.construct_object(node)


def _explain(
    item: Any, model: type[BaseModel], path: Path, lines: dict[Place, int], document: Any
) -> UsageError:
    place = tuple(part for part in item["loc"])
    while place and place not in lines:  # pydantic adds the names of union members and validators
        place = place[:-1]
    where = f"{path}:{lines.get(place, 1)}"
    dotted = ".".join(str(part) for part in place) or "the file"
    label = _label(document, place)
    named = f"{dotted} ({label!r})" if label else dotted
    if item["type"] == "extra_forbidden":
        section = _section(model, place[:-1])
        inside = f" in {'.'.join(map(str, place[:-1]))}" if place[:-1] else ""
        known = sorted(section.model_fields) if section else []
        return UsageError(
            f"unknown key{inside}",
            value=str(place[-1]),
            known=known,
            where=where,
            fix=f"known here: {', '.join(known)}",
        )
    if item["type"] == "missing":
        return UsageError(f"{'.'.join(str(part) for part in item['loc'])} is missing", where=where)
    message = item["msg"].removeprefix("Value error, ")
    return UsageError(f"{named}: {message}", where=where, value=item["input"] if place else None)


def _label(document: Any, place: Place) -> str | None:
    """The label of the rule that an error stands in, where there is one."""
    label = None
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(document, dict) and isinstance(document.get("label"), str):
            label = document["label"]
    return label


def _section(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in place:
        if current is None or isinstance(part, int):
            continue
        field = current.model_fields.get(str(part))
        current = _model_in(field.annotation) if field else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if found := _model_in(inner):
            return found
    return None


def _joined(problems: list[UsageError], what: str, path: Path) -> UsageError:
    told = "\n".join(str(problem) for problem in problems)
    return UsageError(f"this {what} has {len(problems)} mistakes\n{told}", where=str(path))

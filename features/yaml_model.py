"""Read a YAML file into a pydantic model; every mistake is reported with file, line, value and nearest name."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from leadlens.features.errors import UsageError, listed
from leadlens.features.regular_files import refuse_no_file

_MOST_BYTES = 1_000_000
_MOST_NODES = 100_000
_MOST_TOLD = 10
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}
_QUOTES = (
    "text is expected: YAML reads yes, no, on, off, dates and numbers as something else; write it in quotes"
)
# pydantic's names of mistakes → plain words
_WORDS = {
    "tuple_type": "a list is expected: [one, two]",
    "model_type": "settings are expected: key: value",
    "model_attributes_type": "settings are expected: key: value",
    "dict_type": "settings are expected: key: value",
    "string_pattern_mismatch": "it is not written as it must be",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
}
Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


def load_yaml_model(path: str | Path, model: type[M], what: str, context: dict[str, Any] | None = None) -> M:
    """Load and check the YAML file at ``path``.

    ``what`` names the kind of file in messages ("project file", "score sheet"); ``context`` is for the model's
    validators.
    Raises ``UsageError`` that lists every mistake, each with its line.
    """
    return load_yaml_with_lines(path, model, what, context)[0]


def load_yaml_with_lines(
    path: str | Path, model: type[M], what: str, context: dict[str, Any] | None = None
) -> tuple[M, dict[Place, int]]:
    """The same, and the line of every key and item by its place in the document."""
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
        return model.model_validate(document, context=context), lines
    except ValidationError as error:
        items = _one_a_place(error.errors(), lines)
        problems = [_explain(item, model, path, lines, document) for item in items[:_MOST_TOLD]]
        raise problems[0] if len(items) == 1 else _joined(problems, len(items), what, path) from None


def read_yaml(path: Path, what: str) -> tuple[Any, dict[Place, int]]:
    """Plain values of a YAML file, and the line of every key and item by its place in the document."""
    document, lines = _parsed(_text(path, what), path)
    return deepcopy(document), dict(lines)


def parse_yaml(text: str, name: str) -> Any:
    """Plain values of a text; ``name`` is what messages call it. Raises ``UsageError`` for what is no plain YAML."""
    return deepcopy(_parsed(text, Path(name))[0])


@lru_cache(maxsize=32)
def _parsed(text: str, path: Path) -> tuple[Any, dict[Place, int]]:
    """Kept by the text itself: a running process reads a sheet for every lead, and parsing is what takes long."""
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
            f"this is not valid YAML: {_plain(str(getattr(error, 'problem', None) or error))}",
            where=f"{path}:{mark.line + 1}" if mark else str(path),
            fix="check indentation and quotes near that line",
        ) from None
    except ValueError:  # "\U00110000": there is no such character
        raise UsageError(
            "this is not valid YAML: an escape code stands for a character that does not exist",
            where=f"{path}:{loader.line + 1}",
            fix="write the character itself",
        ) from None
    except RecursionError:
        raise UsageError(
            "this YAML is nested too deeply", where=str(path), fix="does an alias (*) stand inside itself?"
        ) from None


# the parser's messages → what to change
_PARSER_WORDS = {
    "'\\t'": "a tab stands here, and YAML is indented with spaces",
    "<block end>": "this line is not indented like the lines that it belongs to",
    "<stream end>": "a bracket or a quote is opened and not closed",
    "mapping values are not allowed": "a colon stands where none may: are the braces {…} missing, or quotes?",
    "expected ',' or": "in {…} and […] entries are parted by commas; put text with commas or quotes in double quotes",
}


def _plain(problem: str) -> str:
    plain = [words for sign, words in _PARSER_WORDS.items() if sign in problem]
    return f"{plain[0]} ({problem})" if plain else problem


def _text(path: Path, what: str) -> str:
    refuse_no_file(path)
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        siblings = [item.name for item in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UsageError(
            f"there is no such {what}",
            value=path.name,
            known=siblings,
            where=str(path),
            fix="check the path; `leadlens init DIR` writes commented examples",
        ) from None
    except OSError as error:
        raise UsageError(
            f"this {what} cannot be read: {error.strerror}",
            where=str(path),
            fix="check that you are allowed to read it",
        ) from None
    if len(raw) > _MOST_BYTES:
        raise UsageError(
            f"this {what} is larger than 1 MB",
            where=str(path),
            value=f"{max(len(raw), path.stat().st_size):,} bytes",
            fix="this file holds settings only: was a data file named by mistake?",
        )
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
    where = f"{path}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        _refuse_tag(node, loader.DEFAULT_MAPPING_TAG, where)
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError("a key is a plain word", where=f"{path}:{line}", fix="write key: value")
            key = key_node.value
            if key in mapping:
                raise UsageError(
                    "this key occurs twice",
                    value=key,
                    where=f"{path}:{line}",
                    why="YAML would silently keep the last one",
                    fix=f"keep one (the first is on line {lines[(*place, key)]})",
                )
            lines[(*place, key)] = line
            mapping[key] = _build(loader, value_node, (*place, key), lines, path)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        _refuse_tag(node, loader.DEFAULT_SEQUENCE_TAG, where)
        return [_build(loader, item, (*place, i), lines, path) for i, item in enumerate(node.value)]
    _refuse_tag(node, node.tag if node.tag in _PLAIN_TAGS else loader.DEFAULT_SCALAR_TAG, where)
    try:
        value = loader.construct_object(node)
        # JSON writes an emoji as two halves, which YAML reads one by one
        return value.encode("utf-16", "surrogatepass").decode("utf-16") if isinstance(value, str) else value
    except (ValueError, OverflowError) as error:  # 2026-02-31 looks like a date, 0x_ like a number
        raise UsageError(
            f"YAML cannot read this value: {error}",
            value=node.value,
            where=where,
            fix="correct it, or write it in quotes if it is meant as text",
        ) from None


def _refuse_tag(node: yaml.Node, plain: str, where: str) -> None:
    if node.tag != plain:
        raise UsageError(
            "this file can hold plain values only",
            value=node.tag.replace("tag:yaml.org,2002:", "!!"),
            where=where,
            why="a YAML tag could make a program run",
            fix="remove the word that begins with !",
        )


def _one_a_place(errors: list[Any], lines: dict[Place, int]) -> list[Any]:
    """Mistakes in the order of lines; of several at one place (a value may be one thing or another) the first."""
    first: dict[Place, Any] = {}
    for item in errors:
        first.setdefault(_place(item, lines) if item["type"] != "missing" else _missing(item, lines), item)
    return sorted(first.values(), key=lambda item: lines.get(_place(item, lines), 1))


def _place(item: Any, lines: dict[Place, int]) -> Place:
    place: Place = ()
    for part in item["loc"]:  # pydantic adds the names of union members and validators
        if (*place, part) in lines:
            place = (*place, part)
    return place


def _missing(item: Any, lines: dict[Place, int]) -> Place:
    """The place of what is not there."""
    return (*_place({"loc": item["loc"][:-1]}, lines), item["loc"][-1])


def _explain(
    item: Any, model: type[BaseModel], path: Path, lines: dict[Place, int], document: Any
) -> UsageError:
    place = _place(item, lines)
    where = f"{path}:{lines.get(place, 1)}"
    dotted = ".".join(str(part) for part in place)
    label = _label(document, place)
    named = f"{dotted} ({label!r})" if label else dotted
    if item["type"] == "extra_forbidden":
        section = _section(model, place[:-1])
        inside = f" in {'.'.join(map(str, place[:-1]))}" if place[:-1] else ""
        known = sorted(field.alias or name for name, field in section.model_fields.items()) if section else []
        fix = f"known here: {listed(known, 20)}"
        if re.fullmatch(r"\d+", str(place[-1])):
            fix = "a number is written with a point, 2.5: a comma begins the next setting"
        elif " " in str(place[-1]):
            fix = "a text that holds a comma is written in double quotes"
        return UsageError(f"unknown key{inside}", value=str(place[-1]), known=known, where=where, fix=fix)
    if item["type"] == "missing":
        missing = _missing(item, lines)
        return UsageError(
            f"{'.'.join(map(str, missing))} is missing",
            where=where,
            fix=f"what goes there: {_description(model, missing) or 'see the commented example of `leadlens init DIR`'}",
        )
    message = _WORDS.get(item["type"], item["msg"].removeprefix("Value error, ").replace("Input", "this"))
    if item["type"] == "string_type":
        message = "one text is expected" if isinstance(item["input"], list | dict) else _QUOTES
    description = _description(model, place)
    choices = (item.get("ctx") or {}).get("expected", "") if item["type"] == "literal_error" else ""
    return UsageError(
        f"{named}: {message}" if place else message,
        where=where,
        value=item["input"] if place else None,
        known=re.findall(r"'([^']+)'", choices),
        fix=f"what goes here: {description}"
        if description
        else "`leadlens init DIR` writes a commented example",
    )


def _description(model: type[BaseModel], place: Place) -> str | None:
    """What the setting at this place is for."""
    names = [part for part in place if isinstance(part, str)]
    section = _section(model, tuple(names[:-1]))
    field = section.model_fields.get(names[-1]) if section and names else None
    return field.description if field else None


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
        if (inside := _model_in(inner)) is not None:
            return inside
    return None


def _joined(problems: list[UsageError], count: int, what: str, path: Path) -> UsageError:
    lines = "\n".join(str(problem) for problem in problems)
    more = f"\n… and {count - len(problems):,} more" if count > len(problems) else ""
    return UsageError(f"this {what} has {count:,} mistakes\n{lines}{more}", where=str(path))

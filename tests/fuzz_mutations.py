"""How valid score sheets and conditions are broken: as text, as values, word by word."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from typing import Any

from tests.features.condition_attacks import attacks

# fmt: off
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 3, 0.1, 1e308, -1e308, 10**400, 2**63, 1e-320, float("inf"), float("nan"),
    "", " ", "x", "yes", "0", "30d", "0d", "-1d", "99999999999999999999d", "１d", "30 d", "fit", "total", "rule",
    "each", "once", "value", "a" * 5_000, "é", "\u202ex", "\x00", "\ud800", "💥", "'", '"', "%", "{0}", "{", "}}",
    "../../etc/passwd", "/dev/zero", "rivals.txt", "empty.txt", ".", "a\x00b", "TRUE", "age > 1", "age > 1; DROP",
    [], {}, [None], [[]], [{}], {"x": 1}, {"fit": None}, {"label": "x"}, {"points": 1}, ["fit", "fit"], [1, 2, 3],
    [75, 50, 25], [3, 2, float("nan")], {"half_life": "1d", "to_zero": "1d"}, {"half_life": "0d"}, {"days": 0},
    {"events": 3, "days": 3}, {"values": 1e9}, {"": ""}, {"when": "TRUE", "points": None}, [["a"] * 3] * 3,
    {"a": {"b": {"c": {"d": {"e": {"f": [{"g": {}}]}}}}}},
]
SNIPPETS = [
    "!!python/object/apply:os.system [echo]", "!!python/name:os.system x", "!!binary aGVsbG8=", "!!set {a}", "!x y",
    "!!int 3", "!!str 3", "!!float x", "!!null x", "!!timestamp 2026-02-31", "!!omap [a: 1]", "!", "!!", "!<x>",
    "&a", "*a", "&a [*a]", "&a {<<: *a}", "<<: *a", "<<: {label: x}", "? [a, b]\n: c", "? a", "{[a]: b}", "- -",
    "0x1F", "0o17", "0b1", "1_000", "1:30", "1e999", ".inf", "-.inf", ".nan", "9" * 400, "9" * 5_000, "-0", "+1",
    "2026-02-31", "2026-01-31 25:00", "0000-00-00", "~", "null", "Null", "yes", "NO", "off", "=", "<<", "%", "@x",
    "---", "...", "%YAML 1.1\n---", "%TAG ! x", "|", ">", "|2-", "|\n", "# x", "#", ": ", ":", "- ", "-", "? ", ",",
    "[", "]", "{", "}", "'", '"', "\\", '"\\x00"', '"\\ud800"', '"\\U0010ffff"', '"\\U00110000"', '"\\q"', "\t",
    "\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\u00a0", "\u200b", "\u2028", "\u202e", "\ufeff", "\ufffe", "💥",
    "é", "ß", "İ", "\u0301", "＇", "１", "\r", "\r\n", "\n", "\n\n", " ", "  ", "    ", "[" * 300, "{a: " * 300,
]
_WORDS = """age name student created account . account.industry rivals sectors 1 2.5 -1 1e9 'x' 'it''s' NULL TRUE
FALSE DATE '2026-01-31' TIMESTAMP ( ) ( ) , = <> < > <= + - * / AND OR NOT ! IN BETWEEN LIKE ILIKE IS ISNULL lower(
upper( trim( length( coalesce( SELECT FROM ; -- /* */ " ' [ ] { } :: ? $1 CASE WHEN END . % || ~ EXISTS "a b" x
event_type occurred_at page value total score stage rule.demo rule.thrice feature.any__trend company"""
WORDS = _WORDS.split()
# fmt: on
ATTACKS = [text for _, text in attacks("rivals.txt") if len(text) < 5_000]


def of_text(text: str, rng: random.Random) -> str:
    """Characters, lines and pieces of YAML: added, taken, doubled, swapped."""
    for _ in range(rng.choice([1, 1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(text) + 1)
        lines = text.split("\n")
        row, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(9):
            case 0:
                text = text[:at] + rng.choice(SNIPPETS) + text[at:]
            case 1:
                text = text[:at] + text[at + rng.choice([1, 1, 1, 5, 50, 500]) :]
            case 2:
                text = (
                    text[:at]
                    + chr(rng.choice([rng.randrange(128), rng.randrange(0xD800), 0x1F4A5]))
                    + text[at:]
                )
            case 3:
                lines.insert(other, lines[row])
                text = "\n".join(lines)
            case 4:
                lines[row] = " " * rng.randrange(6) + lines[row].lstrip(rng.choice([" ", " -"]))
                text = "\n".join(lines)
            case 5:
                key, colon, _ = lines[row].partition(":")
                lines[row] = f"{key}{colon} {rng.choice(SNIPPETS)}"
                text = "\n".join(lines)
            case 6:
                found = list(re.finditer(r"\w+", text))
                if found:
                    first, second = rng.choice(found), rng.choice(found)
                    text = text[: first.start()] + second[0] + text[first.end() :]
            case 7:
                found = list(re.finditer(r"-?\d+(\.\d+)?", text))
                if found:
                    hit = rng.choice(found)
                    number = rng.choice(
                        ["9" * 30, "1e400", "-1", "0", "1.5", "9" * 5_000, ".nan", "0x", "1e-400", "٣"]
                    )
                    text = text[: hit.start()] + number + text[hit.end() :]
            case _:
                del lines[min(row, other) : max(row, other)]
                text = "\n".join(lines)
    return text


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from _places(inner, (*place, key))


def of_values(document: Any, rng: random.Random) -> Any:
    """Settings replaced by odd values or by each other, taken, doubled or under another name."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 1, 1, 2, 5])):
        places = list(_places(document))
        if not places:
            return document
        *way, last = rng.choice(places)
        holder = document
        for key in way:
            holder = holder[key]
        old = holder[last]
        match rng.randrange(8):
            case 0 | 1 | 2:
                holder[last] = copy.deepcopy(rng.choice(ODD))
            case 3 if isinstance(old, str):
                holder[last] = of_condition(old, rng) if rng.random() < 0.7 else of_text(old, rng)
            case 4:
                del holder[last]
            case 5 if isinstance(holder, list):
                holder.extend(copy.deepcopy([old] * rng.choice([1, 2, 50])))
            case 5 if isinstance(holder, dict):
                holder[of_text(str(last), rng)[:200] or "x"] = holder.pop(last)
            case 6:
                holder[last] = rng.choice([[old], {"points": old}, {"x": old}, str(old), [old, old]])
            case _:
                *path, key = rng.choice(places)
                try:
                    other: Any = document
                    for part in (*path, key):
                        other = other[part]
                    holder[last] = copy.deepcopy(other)
                except (KeyError, IndexError, TypeError):
                    pass
    return document


def of_condition(text: str, rng: random.Random) -> str:
    """Words of conditions added, taken and replaced; now and then an attack."""
    if rng.random() < 0.1:
        return rng.choice(ATTACKS)
    parts = text.split()
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(parts) + 1)
        match rng.randrange(4):
            case 0:
                parts.insert(at, rng.choice(WORDS))
            case 1 if parts:
                parts[at % len(parts)] = rng.choice(WORDS)
            case 2 if parts:
                del parts[at % len(parts)]
            case _:
                parts = of_text(" ".join(parts), rng).split(" ")
    return " ".join(parts)

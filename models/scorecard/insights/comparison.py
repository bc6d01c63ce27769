"""Two sheets, or two versions of one, compared: which settings differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadlens.models.scorecard.language.sheet import Sheet

_SECTIONS = {"attributes": "attribute", "actions": "action", "disqualify": "disqualifier", "routes": "route"}
_LONGEST = 60
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One setting in which two sheets differ.

    ``what`` is ``added``, ``removed`` or ``changed``; ``section`` is attribute, action, disqualifier, route or
    setting; ``label`` is the rule's (its new one), or the setting's name; ``setting`` what of the rule changed.
    """

    what: str
    section: str
    label: str
    setting: str | None = None
    before: Any = None
    after: Any = None

    @property
    def text(self) -> str:
        """In one line: ``action “Webinar”: points 10 → 15``."""
        name = self.label if self.section == "setting" else f"{self.section} “{self.label}”"
        if self.what == "changed":
            setting = f"{self.setting} " if self.setting else ""
            return f"{name}: {setting}{_plain(self.before)} → {_plain(self.after)}"
        rule = self.after if self.what == "added" else self.before
        return f"{name}: {self.what}" + (f" ({_brief(rule)})" if rule is not None else "")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "words": self.text}


@dataclass(frozen=True)
class SheetComparison:
    """All differences of two sheets; ``renamed`` maps old labels to new ones where a rule is known to be the same."""

    differences: tuple[Difference, ...]
    renamed: dict[str, str]


def compare_sheets(before: Sheet, after: Sheet) -> SheetComparison:
    """What changed from one sheet to the other. Rules are the same by their key, else their label, else by all the rest."""
    old, new = before.settings(), after.settings()
    differences: list[Difference] = list(_settings(old, new))
    renamed: dict[str, str] = {}
    for section, name in _SECTIONS.items():
        pairs = list(_matched(old.get(section, []), new.get(section, [])))
        renamed |= {
            a["label"]: b["label"] for a, b in pairs if a and b and a["label"] != b["label"]
        }  # fmt: skip
        for a, b in pairs:
            differences += _rule(name, a, b)
        if section in ("disqualify", "routes"):
            differences += _order(section, pairs, old.get(section, []))
    return SheetComparison(tuple(differences), renamed)


def _settings(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    names = [name for name in dict.fromkeys([*old, *new]) if name not in _SECTIONS]
    for name in names:
        yield from _setting(name, old.get(name), new.get(name))


def _setting(name: str, a: Any, b: Any) -> Iterator[Difference]:
    """Differences inside maps and lists are listed one by one."""
    if a == b:
        return
    if name == "lists" or (isinstance(a, dict) and isinstance(b, dict)):
        for key in dict.fromkeys([*(a or {}), *(b or {})]):
            yield from _setting(f"{name}.{key}", (a or {}).get(key), (b or {}).get(key))
    elif name == "groups":
        left, right = ({group["name"]: group["cap"] for group in groups or []} for groups in (a, b))
        for key in dict.fromkeys([*left, *right]):
            yield from _setting(f"groups.{key}", left.get(key), right.get(key))
    elif name.startswith("lists.") and a and b:
        for value in b:
            if value not in a:
                yield Difference(what="added", section="setting", label=name, after=value)
        for value in a:
            if value not in b:
                yield Difference(what="removed", section="setting", label=name, before=value)
    elif a is None or b is None:
        what = "added" if a is None else "removed"
        yield Difference(what=what, section="setting", label=name, before=a, after=b)
    else:
        yield Difference(what="changed", section="setting", label=name, before=a, after=b)


_Rule = Mapping[str, Any]
_Pair = tuple[_Rule | None, _Rule | None]


def _matched(old: Sequence[_Rule], new: Sequence[_Rule]) -> Iterator[_Pair]:
    """Rules of both sides: pairs in the new order, then those that were removed."""
    left = list(old)
    partner: dict[int, _Rule] = {}
    for same in (_same_key, _same_label, _same_rest):
        for place, rule in enumerate(new):
            if place in partner:
                continue
            if (match := next((other for other in left if same(other, rule)), None)) is not None:
                partner[place] = match
                left.remove(match)
    for place, rule in enumerate(new):
        yield partner.get(place), rule
    for rule in left:
        yield rule, None


def _same_key(a: _Rule, b: _Rule) -> bool:
    return a.get("key") is not None and a.get("key") == b.get("key")


def _same_label(a: _Rule, b: _Rule) -> bool:
    return bool(a["label"] == b["label"])


def _same_rest(a: _Rule, b: _Rule) -> bool:
    return {**a, "label": None, "key": None} == {**b, "label": None, "key": None}


def _rule(section: str, a: _Rule | None, b: _Rule | None) -> list[Difference]:
    if a is None or b is None:
        what, label = "added" if a is None else "removed", (b or a or {})["label"]
        return [Difference(what=what, section=section, label=label, before=a, after=b)]
    return [
        Difference(
            what="changed",
            section=section,
            label=b["label"],
            setting=name,
            before=a.get(name),
            after=b.get(name),
        )
        for name in dict.fromkeys([*a, *b])
        if a.get(name, _MISSING) != b.get(name, _MISSING)
    ]


def _order(section: str, pairs: list[_Pair], old: Sequence[_Rule]) -> list[Difference]:
    """The first that matches wins, so their order is part of the meaning."""
    kept = [(a, b) for a, b in pairs if a and b]
    was = sorted(kept, key=lambda pair: old.index(pair[0]))
    if was == kept:
        return []
    before, after = ([b["label"] for _, b in side] for side in (was, kept))
    label = f"order of {section}"
    return [Difference(what="changed", section="setting", label=label, before=before, after=after)]


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        text = f"[{', '.join(map(_plain, value))}]"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _brief(rule: Any) -> str:
    if not isinstance(rule, Mapping) or "label" not in rule:
        return _plain(rule)
    parts = [f"{rule['points']:+g}"] if "points" in rule else []
    parts += [rule["when"]] if "when" in rule else []
    return _plain(", ".join(parts))

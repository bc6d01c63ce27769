"""Two hundred texts that want to be more than text, and a reader of pages that notices whether one of them got its way.

Each has ``CANARY`` where a browser, a spreadsheet or a template would act on it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from html.parser import HTMLParser

CANARY = "zqx"
COUNT = 200
_TAGS = (
    f"<script>{CANARY}()</script>", f"<{CANARY}>", f"<img src=x onerror={CANARY}()>", f"<svg onload={CANARY}()>", f"<a href=javascript:{CANARY}()>x</a>",
    f"<iframe srcdoc='<b>{CANARY}</b>'></iframe>", f"<base href=//{CANARY}.example>", f"<meta http-equiv=refresh content='0;url=//{CANARY}.example'>",
    f"<form action=//{CANARY}.example><button>x", f"<style>@import '//{CANARY}.example'</style>", f"<link rel=stylesheet href=//{CANARY}.example>",
    f"<details open ontoggle={CANARY}()>", f"<input autofocus onfocus={CANARY}()>", f"<math><mtext><{CANARY}></mtext></math>", f"<!-- {CANARY}", f"<![CDATA[{CANARY}]]>",
)  # fmt: skip
_BREAKS = (
    "",
    '">',
    "'>",
    "</td></tr></table>",
    "</title>",
    "</option></select>",
    "--></script></style>",
    '" x="',
)
_ATTRIBUTES = tuple(
    f"{quote}{blank}{name}={quote}{CANARY}()"
    for quote, blank, name in itertools.product(
        ('"', "'", "`"), (" ", "/", "\t"), ("onclick", f"data-{CANARY}")
    )
)
_FORMULAS = tuple(
    f"{begins}{rest}"
    for begins, rest in itertools.product(
        ("=", "+", "-", "@", "\t=", "\r="), (f'HYPERLINK("//{CANARY}.example")', f"cmd|' /C {CANARY}'!A0")
    )
)
_LATER = tuple(f"{CANARY}{ends}=1+1{ends}{CANARY}" for ends in (";", "\t", "\n", '";', '"\n"', ';"', "; "))
_TEMPLATES = (
    f"{{{{ '{CANARY}' * 7 }}}}", "{{7*'49zqx'}}", f"{{% include '{CANARY}' %}}", f"${{'{CANARY}'}}", f"#{{'{CANARY}'}}", f"<%= '{CANARY}' %>",
    f"%({CANARY})s %(n)s", f"{{0}} {{{CANARY}}} {{n_leads}}", f"{{{{ self.__init__.__globals__ }}}} {CANARY}", f"{{# {CANARY} #}}",
)  # fmt: skip
_SIGNS = (
    f"\u202e{CANARY}\u202c", f"\u2066{CANARY}", f"{CANARY}\u0000null", f"\u0000{CANARY}", f"{CANARY}\x1b[31m", f"{CANARY}\x7f\x08", f"\ufeff{CANARY}", f"{CANARY}\u200b\u200d",
    f"{CANARY}{'e' + chr(0x301) * 60}", f"\U0001f469\u200d\U0001f4bb {CANARY}", f"＜script＞{CANARY}", f"{CANARY}\u2028\u2029", f"{CANARY}\x85\x0b\x0c", f"ﷺ{CANARY}" * 9,
    f"{CANARY}\r\nSet-Cookie: {CANARY}=1", f"{CANARY}\r\n\r\n<html>", f"%0d%0aX-{CANARY}: 1", f"{CANARY}{'a' * 3000}", f"{'<' * 999}{CANARY}", f"{'&' * 500}{CANARY}",
)  # fmt: skip
_OTHERS = (
    f"&lt;script&gt;{CANARY}", f"&#60;{CANARY}&#62;", f"&#x3c;{CANARY}>", f"&{CANARY};", f"\\u003c{CANARY}\\u003e", f"%3C{CANARY}%3E", f"javascript:{CANARY}()", f"data:text/html,{CANARY}",
    f"//{CANARY}.example", f"../../{CANARY}", f"..%2f..%2f{CANARY}", f"C:\\{CANARY}", f"'; DROP TABLE lead; -- {CANARY}", f"' OR '{CANARY}'='{CANARY}", f"\" OR 1=1 -- {CANARY}",
    f"{CANARY}/1 ?#&=+;", f"{CANARY}%", f"?{CANARY}=1&status=any", f"#{CANARY}", f"$(touch {CANARY})", f"`touch {CANARY}`", f"{CANARY}; rm -rf", f"| {CANARY}", f"\\{CANARY}\\",
    f'{{"{CANARY}": 1}}', f"[{CANARY}](javascript:{CANARY})", f"]]>{CANARY}", f"<?xml {CANARY}?>", f"/*{CANARY}*/", f"null {CANARY}",
)  # fmt: skip


def hostile_texts() -> list[str]:
    """The texts: all of the short lists, and of the tags in every context as many as make two hundred."""
    fixed = [*_ATTRIBUTES, *_FORMULAS, *_LATER, *_TEMPLATES, *_SIGNS, *_OTHERS]
    tags = [f"{context}{tag}" for tag, context in itertools.product(_TAGS, _BREAKS)]
    return [*fixed, *tags][:COUNT]


@dataclass
class Reader(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and all that is only text."""

    elements: set[str] = field(default_factory=set)
    attributes: set[tuple[str, str]] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def __hash__(self) -> int:
        return id(self)

    @classmethod
    def of(cls, page: str) -> Reader:
        """Read a page to its end."""
        reader = cls()
        reader.feed(page)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.add((tag, name))
            self.texts.append(value or "")
            if name in ("href", "src", "action", "formaction"):
                self.links.add(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    unknown_decl = handle_pi = handle_comment

    def handle_decl(self, decl: str) -> None:
        if decl != "doctype html":
            self.comments.append(decl)

    def shows(self, text: str) -> bool:
        """Whether a text stands on the page as it is, but for spaces at its ends."""
        return any(text.strip() in each for each in self.texts)

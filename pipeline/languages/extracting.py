"""Bring the catalogues up to date: ``python -m leadlens.pipeline.languages.extracting`` adds new messages and drops old ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from leadlens.pipeline.languages.catalogue import TRANSLATED, catalogue

_KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "NN_": (1, 2),
    "P_": ((1, "c"), 2),
    "NP_": ((1, "c"), 2, 3),
}
_READ = ("app", "languages", "views")
_TEMPLATES = "jinja2.ext:babel_extract"
_JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}

_HEADER = """\
msgid ""
msgstr ""
"Language: {code}\\n"
"Plural-Forms: {plurals};\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""
_PLURALS = {
    "de": "nplurals=2; plural=(n != 1)",
    "fr": "nplurals=2; plural=(n > 1)",
    "id": "nplurals=1; plural=0",
}


def extracted() -> Catalog:
    """Every message of the page's code and templates, with the files that have it."""
    catalog, home = Catalog(), Path(str(files("leadlens.pipeline")))
    for path in sorted(
        path for folder in _READ for kind in ("*.py", "*.html") for path in (home / folder).rglob(kind)
    ):
        place = f"pipeline/{path.relative_to(home).as_posix()}"
        for message, context in _messages(path):
            catalog.add(message, locations=[(place, 0)], context=context)
    return catalog


def updated(code: str, messages: Catalog) -> bytes:
    """The text of a catalogue with these messages: translations of old ones are kept, new ones are empty."""
    header = _HEADER.format(code=code, plurals=_PLURALS[code]).encode()
    catalog, new = catalogue(code), read_po(BytesIO(header), locale=code)
    for message in messages:
        if message.id:
            known = catalog.get(message.id, message.context)
            new.add(
                message.id,
                known.string if known is not None else None,
                locations=message.locations,
                context=message.context,
            )
    text = BytesIO()
    write_po(text, new, width=118, omit_header=True, include_lineno=False)
    return header + text.getvalue()


def is_translated(message: Message) -> bool:
    """Whether every form has a text."""
    forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return bool(forms) and all(forms)


def _messages(path: Path) -> Iterator[tuple[Any, str | None]]:
    method, options = (_TEMPLATES, _JINJA) if path.suffix == ".html" else ("python", {})
    with path.open("rb") as file:
        for _, message, _, context in extract(method, file, _KEYWORDS, (), options):
            yield message, context


def main() -> None:
    messages = extracted()
    for code in TRANSLATED:
        path = Path(str(files("leadlens.pipeline.languages") / f"{code}.po"))
        path.write_bytes(updated(code, messages))
        catalogue.cache_clear()
        empty = [each.id for each in catalogue(code) if each.id and not is_translated(each)]
        print(
            f"{path.name}: {len(catalogue(code))} messages, {len(empty)} without a translation",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()

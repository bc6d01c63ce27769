"""In which language a page is shown: the one that was chosen, else what the browser asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from leadlens.pipeline.languages.language import NAMES, Language, language

COOKIE = "language"
_YEAR = 365 * 24 * 60 * 60
_ASKED = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?")
_OLD_CODES = {"in": "id"}  # Indonesian, as some browsers still say
_PLACE = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def language_of(request: Request) -> Language:
    """The language of an answer."""
    chosen = request.cookies.get(COOKIE, "")
    return language(chosen if chosen in NAMES else asked_for(request.headers.get("accept-language", "")))


def written_in(request: Request, fields: Mapping[str, str]) -> Language:
    """The language in which the numbers of a form were typed: the one in which it was shown, if it says so."""
    code = fields.get("written", "")
    return language(code) if code in NAMES else language_of(request)


def asked_for(header: str) -> str:
    """Which of our languages a browser would like best; English where it names none.

    >>> asked_for("pt-BR, fr-CH;q=0.8, de;q=0.9, en;q=0.7"), asked_for("in"), asked_for("ja, de;q=0"), asked_for("")
    ('de', 'id', 'en', 'en')
    """
    best, code = 0.0, "en"
    for part in header[:500].split(","):
        found = _ASKED.fullmatch(part)
        if found is not None:
            own = found[1].lower()
            own, weight = _OLD_CODES.get(own, own), float(found[2] or 1)
            if own in NAMES and weight > best:
                best, code = weight, own
    return code


def choose(request: Request, fields: dict[str, str]) -> Response:
    """Remember the language that was chosen, in the reader's browser, and go back to where it was chosen."""
    back = fields.get("back", "")
    answer = RedirectResponse(back if _PLACE.fullmatch(back) else "/", status_code=303)
    if (code := fields.get("language")) in NAMES:
        answer.set_cookie(COOKIE, str(code), max_age=_YEAR, httponly=True, samesite="lax")
    return answer

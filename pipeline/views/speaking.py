"""What templates say in the reader's language: gettext, stored sentences, numbers and dates.

The language is the one that a template is rendered with, ``language``; without one, as in a report, all stays English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup, escape

from leadlens.pipeline.views import words

if TYPE_CHECKING:
    from leadlens.pipeline.languages.language import Language


_REASON = re.compile(r"(.+?): ([+-][0-9,]+)(?:; |$)", re.DOTALL)


def speaks(environment: jinja2.Environment) -> None:
    """Give an environment ``_``, ``ngettext`` and the filters."""
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= _FILTERS
    environment.globals |= {"interval": _interval}


def _language(context: Context) -> Language | None:
    language: Language | None = context.get("language")
    return language


@jinja2.pass_context
def _gettext(context: Context, message: str) -> str:
    language = _language(context)
    return message if language is None else language.gettext(message)


@jinja2.pass_context
def _ngettext(context: Context, singular: str, plural: str, count: int) -> str:
    language = _language(context)
    if language is None:
        return singular if count == 1 else plural
    return language.ngettext(singular, plural, count)


@jinja2.pass_context
def _say(context: Context, text: Any, kind: str = "") -> str:
    """A stored sentence as HTML; what stays English says so."""
    language = _language(context)
    if language is None or text is None or text == "":
        return words.text(text)
    parts = (
        escape(part) if known else Markup('<span lang="en">{}</span>').format(part)
        for part, known in language.say(str(text), kind, context["own"])
    )
    return Markup("").join(parts)


@jinja2.pass_context
def _word(context: Context, text: Any, kind: str = "") -> str:
    """A word or a sentence as plain text; a user's own stays."""
    language = _language(context)
    if language is None or text is None or text == "":
        return words.text(text)
    return language.word(str(text), kind, context["own"])


@jinja2.pass_context
def _reasons(context: Context, text: str | None) -> str:
    """The strongest reasons of a lead in one line, as the CRM has it."""
    language = _language(context)
    if language is None or language.code == "en" or not text:
        return words.text(text)
    return "; ".join(
        f"{language.word(found[1], 'reason', context['own'])}: {language.local('signed', found[2])}"
        for found in _REASON.finditer(text)
    )


@jinja2.pass_context
def _interval(context: Context, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return words.NOTHING
    language = _language(context)
    ends = [
        words.signed(end) if language is None else language.local("signed", words.signed(end))
        for end in (low, high)
    ]
    return _gettext(context, "%(low)s to %(high)s") % {"low": ends[0], "high": ends[1]}


@jinja2.pass_context
def _left(context: Context, reason: str | None) -> str:
    """Why a lead left, in words."""
    said = words.LEFT.get(reason or "")
    return words.text(reason) if said is None else _gettext(context, said)


@jinja2.pass_context
def _local(context: Context, text: str, kind: str) -> str:
    """A number or a date that was written as in English."""
    language = _language(context)
    return text if language is None else language.local(kind, text)


def _localised(kind: str, worded: Callable[[Any], str]) -> Callable[[Context, Any], str]:
    @jinja2.pass_context
    def localise(context: Context, value: Any) -> str:
        language = _language(context)
        return worded(value) if language is None else language.local(kind, worded(value))

    return localise


def _count(value: int) -> str:
    return f"{value:,}"


_FILTERS: dict[str, Callable[..., str]] = {
    "count": _localised("n", _count),
    "number": _localised("n", words.number),
    "hundredths": _localised("n", words.hundredths),
    "signed": _localised("signed", words.signed),
    "percent": _localised("percent", words.percent),
    "day": _localised("date", words.day),
    "minute": _localised("minute", words.minute),
    "local": _local,
    "text": words.text,
    "left": _left,
    "reasons": _reasons,
    "say": _say,
    "word": _word,
}

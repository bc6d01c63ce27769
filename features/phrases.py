"""From event types and column names to words that a sales rep reads."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Verbs that end an event type such as ``email_opened``, as they begin a sentence.
_PAST = re.compile(r"^(.+)_([a-z]+(?:ed|ent|ought|one|eft|ade|aid|old|et|itten|oken))$")
_THINGS = {"email": "an e-mail", "mail": "a mail", "form": "a form", "page": "a page", "chat": "a chat",
           "webinar": "a webinar", "trial": "a trial", "demo": "a demo", "order": "an order", "call": "a call",
           "meeting": "a meeting", "video": "a video", "link": "a link", "ad": "an ad"}  # fmt: skip


def event_phrase(event_type: str, labels: Mapping[str, str], value: str | None = None) -> str:
    """What happened, as the beginning of a sentence.

    ``labels`` are the user's own words and win: by ``"type: value"``, then by ``"type"``.

    >>> event_phrase("email_opened", {}), event_phrase("page_viewed", {}, "Directions")
    ('Opened an e-mail', 'Viewed the Directions page')
    """
    if value is not None and (own := labels.get(f"{event_type}: {value}")):
        return own
    own = labels.get(event_type)
    if own and value is None:
        return own
    match = _PAST.match(event_type)
    if match is None or own:
        base = own or words(event_type)
        return base if value is None else f"{base} ({value})"
    thing, verb = match[1], match[2].capitalize()
    if match[2] in ("sent", "delivered"):  # done to the lead, not by it
        verb = f"Was {match[2]}"
    if value is not None:
        thing_words = thing.replace("_", " ")
        shown = re.sub(r"[_/]+", " ", value).strip() or value
        return f"{verb} the {shown} {thing_words}" if thing_words not in shown.lower() else f"{verb} {shown}"
    return f"{verb} {_THINGS.get(thing) or _with_article(thing.replace('_', ' '))}"


def words(name: str) -> str:
    """A column name in words; abbreviations and case of the user's own are kept.

    >>> words("total_time_spent"), words("A_SUBMITTED"), words("jobTitle")
    ('Total time spent', 'A submitted', 'Job title')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    spaced = re.sub(r"[_\s.\-]+", " ", spaced).strip()
    return (spaced[:1].upper() + spaced[1:].lower()) if spaced else name


def _with_article(thing: str) -> str:
    return f"{'an' if thing[:1] in 'aeiou' else 'a'} {thing}"

"""Ranges written for people ("51-200 employees", "$10M-$50M", "10k+") as numbers, and numbers as named bands."""

from __future__ import annotations

import re
import unicodedata

_LARGEST = 1e15
_LONGEST_SHOWN, _MOST_WORDS = 40, 6
_LONGEST = 60  # what is longer is a sentence, not a range
_SCALES = {
    1e3: "k t tsd thousand tausend mil mille",
    1e6: "m mm mn mio mln million millions millionen milliones millones milioni milhoes",
    1e9: "b bn bil billion billions mrd milliarden milliard milliards md",
}
_SCALE = {word: scale for scale, words in _SCALES.items() for word in words.split()}
_NUMBER = re.compile(
    r"(?P<digits>\d{1,3}(?:[ ,.'’]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)"
    rf"(?:\s?(?P<scale>{'|'.join(sorted(_SCALE, key=len, reverse=True))})(?![a-z0-9]))?"
)
_BETWEEN = re.compile(r"[-‐-―−~/]| (to|until|and|bis|und|a|et|hasta|y|fino a|e|ate|tot) ")
_BELOW = re.compile(
    r"<|\b(under|below|less than|fewer than|up to|upto|at most|max|unter|weniger als|bis|hochstens|moins de|jusqu"
    r"|menos de|hasta|meno di|fino a|ate|minder dan|tot)\b"
)
_OPEN = re.compile(
    rf"[+>]|{_BELOW.pattern}|\b(over|above|more than|at least|from|ab|uber|mehr als|plus|mas|piu|meer)\b"
)


def range_number(text: str) -> float | None:
    """The middle of a range, half of what is only bounded above, the bound of what is only bounded below.

    So ranges of one column, and exact numbers among them, come in their own order. ``None`` where the text
    is neither a range nor a number.

    >>> [range_number(text) for text in ("51-200", "$10M – $50M", "10k+", "under 10", "1.500,50", "many")]
    [125.5, 30000000.0, 10000.0, 5.0, 1500.5, None]
    """
    plain = _plain(text)
    matches = list(_NUMBER.finditer(plain))
    if len(plain) > _LONGEST or not 1 <= len(matches) <= 2:
        return None
    first, last = matches[0], matches[-1]
    numbers = [_number(match["digits"]) for match in matches]
    scales = [_SCALE.get(match["scale"] or "", 1.0) for match in matches]
    if len(matches) == 2 and not first["scale"] and numbers[0] <= numbers[1]:
        scales[0] = scales[1]  # "10-50 million"
    low, *high = (number * scale for number, scale in zip(numbers, scales, strict=True))
    if not high:
        low = low / 2 if _BELOW.search(plain[: first.start()]) else low
        return low if low <= _LARGEST else None
    two_ends = _BETWEEN.search(plain[first.end() : last.start()]) and low <= high[0] <= _LARGEST
    return (low + high[0]) / 2 if two_ends else None


def is_range(text: str) -> bool:
    """Whether a text is a range and not just a number: it has two ends, or is open to one side.

    >>> [is_range(text) for text in ("51-200", "5000+", "under 10", "1.500", "Rome")]
    [True, True, True, False, False]
    """
    plain = _plain(text)
    two_ends = len(_NUMBER.findall(plain)) == 2
    return range_number(text) is not None and (two_ends or _OPEN.search(plain) is not None)


def is_shown(text: str) -> bool:
    """Whether a text says a range or a number and little more, so that it can be shown for the number read from it.

    >>> [is_shown(text) for text in ("50-74K", "51-200 employees", "1,500", "rang at 5-6, Anna asks for a call", "room 5")]
    [True, True, True, False, False]
    """
    short = len(text) <= _LONGEST_SHOWN and len(text.split()) <= _MOST_WORDS
    return short and range_number(text) is not None and (is_range(text) or not any(map(str.isalpha, text)))


def _plain(text: str) -> str:
    """Small letters without accents, and only one kind of space."""
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(" " if c.isspace() else c for c in spread if not unicodedata.combining(c))


def _number(digits: str) -> float:
    """The thousands mark is dropped, the decimal mark becomes a point: of two marks the last is decimal."""
    marks = re.findall(r"[ ,.'’]", digits)
    if not marks:
        return float(digits)
    decimal = marks[-1] in ".," and (
        len(set(marks)) > 1 if len(marks) > 1 else not re.fullmatch(r"\d{1,3}[.,]\d{3}", digits)
    )
    whole, fraction = digits.rsplit(marks[-1], 1) if decimal else (digits, "0")
    return float(re.sub(r"[ ,.'’]", "", whole) + "." + fraction)


Band = tuple[float, str]  # from this number on, up to the next band's
SIZE_BANDS: tuple[Band, ...] = (
    (0, "up to 10"), (11, "11–50"), (51, "51–200"), (201, "201–500"), (501, "501–1,000"), (1_001, "1,001–5,000"),
    (5_001, "5,001–10,000"), (10_001, "over 10,000"),
)  # fmt: skip
REVENUE_BANDS: tuple[Band, ...] = (
    (0, "under 1M"), (1e6, "1M–10M"), (10e6, "10M–50M"), (50e6, "50M–250M"), (250e6, "250M–1bn"), (1e9, "1bn and over"),
)  # fmt: skip
AGE_BANDS: tuple[Band, ...] = (
    (0, "under 18"), (18, "18–24"), (25, "25–34"), (35, "35–44"), (45, "45–54"), (55, "55–64"), (65, "65 and over"),
)  # fmt: skip


def band_of(value: float, bands: tuple[Band, ...]) -> str | None:
    """The band that holds a number; ``None`` below the first.

    >>> band_of(200, SIZE_BANDS), band_of(201, SIZE_BANDS), band_of(-1, SIZE_BANDS)
    ('51–200', '201–500', None)
    """
    return next((name for least, name in reversed(bands) if value >= least), None)

"""Which columns hold names of people, free text or ids, by their names and their values, in many languages.

None of them is a feature unless it is asked for: they say who a lead is and not what it is like, and would end in models
and in reasons. What is left out is told (``FeaturePlan.withheld``), and ``features.read`` brings it back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from leadlens.features.attributes.word_lists import word_lists
from leadlens.features.withheld import Why

_FEWEST_NAMES = 3  # different values that are known names, where the column's name says nothing
_FEWEST_TEXTS = 20
_MOST, _LONGEST = 100, 500  # values that are looked at, and signs of each
_IDS = "id|uuid|guid|nr|no|num|number|nummer|numero|ref|reference|key"
_ID = re.compile(rf"(^|_)({_IDS}|record|sku|ean|isbn)$")
_WHO = "lead|contact|customer|client|person|prospect|visitor|session|record|account|company|member|employee|staff|kunden?|kontakt"
_CONTACT = re.compile(
    r"(?:^|_)(?:e_?mail|mail_address|phone|telephone|telefon|telefono|tel|mobile|mobil|movil|handy|cell|fax|whatsapp|street|strasse|rue|calle|"
    r"(?:home|postal|street|mailing)?_?address|adresse|iban|ssn|passport)(?:_|\d*$)"
)
_BIRTH = re.compile(
    r"(?:^|_)(?:birth_?(?:date|day)|date_of_birth|dob|geburts_?(?:datum|tag)|date_de_naissance|fecha_de_nacimiento)$"
)
_IS_CODE = re.compile(r"(?=.*\d)[\w.:\-]+")
_PLACE_CODE = re.compile(r"post|zip|plz|house|haus|street|strasse|area|phone|tel")
_TITLES = re.compile(
    r"^(?:(?:dr|prof|mr|mrs|ms|miss|herr|frau|m|mme|mlle|sr|sra|srta|sig|dott|ing|dipl|mag|van|von|de|da|di|del|el|al|bin|ben|la|le|der|den)\.?\s+)+",
    re.IGNORECASE,
)
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "ı": "i"})  # that Unicode does not take apart
_SENTENCE = re.compile(r"[^\W\d_]{2,}[,.;:!?…]?\s")


def personal_text(column: str, sample: Sequence[str]) -> Why | None:
    """Whether a column of texts holds names of people or free text; ``sample`` are some of its distinct values.

    >>> personal_text("last_name", ["O'Neil", "Meier"]), personal_text("owner", ["Anna Schmidt", "Tom Weber", "Eva Novak"])
    ('personal-name', 'personal-name')
    >>> personal_text("notes", ["ill, will call later", "ok"]), personal_text("city", ["Florence", "Sydney", "Charlotte"])
    ('free-text', None)
    """
    name, sample = snake_case(column), [value[:_LONGEST] for value in sample[:_MOST]]
    if not sample:
        return None
    if names_person_id(column) and _share(_IS_CODE.fullmatch, sample) >= 0.8:
        return "id"
    if re.search(rf"_(?:{_pattern('properties_of_text')})$", name):
        return None
    if _says(name, "name_columns"):
        return "personal-name"
    if _says(name, "text_columns") and _share(_is_phrase, sample) >= 0.1:
        return "free-text"
    known, shaped = _share(_is_known_name, sample), _share(_is_name_shaped, sample)
    category, role = _says(name, "categories"), _says(name, "roles", at_end=True)
    if (
        shaped >= 0.8
        and known >= 0.3
        and (role or (not category and _says(name, "may_be_names", at_end=True)))
    ):
        return "personal-name"
    if category:
        return None
    if shaped >= 0.8 and known >= 0.6 and len(sample) >= _FEWEST_NAMES:
        return "personal-name"
    if len(sample) >= _FEWEST_TEXTS and _share(_is_sentence, sample) >= 0.4:
        return "free-text"
    return None


def names_people(column: str) -> bool:
    """Whether a column's name says that it holds names of people.

    >>> [names_people(name) for name in ("Last Name", "name", "company_name", "Vorname", "city")]
    [True, True, False, True, False]
    """
    name = snake_case(column)
    plain = not _says(name, "categories") and _says(name, "may_be_names", at_end=True)
    return _says(name, "name_columns") or plain


def names_person_id(column: str) -> bool:
    """Whether a name says that it is the id of a person or a firm: as a feature it says who, however often it recurs.

    >>> [names_person_id(name) for name in ("OwnerId", "Customer No", "campaign_id", "store_id", "Id")]
    [True, True, False, False, True]
    """
    name = snake_case(column)
    who = rf"(?:{_WHO}|{_pattern('roles')})"
    return name in ("id", "uuid", "guid") or bool(re.search(rf"(?:^|_){who}_(?:{_IDS})s?$", name))


def says_who(column: str) -> bool:
    """Whether a column's name says that its values tell who somebody is, how to reach them, or what was written about them.

    >>> [says_who(name) for name in ("Phone", "e_mail", "last_name", "Notes", "street_address", "birth_date", "industry", "email_kind", "phone_type")]
    [True, True, True, True, True, True, False, False, False]
    """
    name = snake_case(column)
    contact = bool(_CONTACT.search(name)) and not re.search(rf"_(?:{_pattern('properties_of_text')})$", name)
    written = _says(name, "text_columns", at_end=True)
    born, role = bool(_BIRTH.search(name)), _says(name, "roles", at_end=True)
    return contact or born or written or role or names_people(column) or names_person_id(column)


def names_id(column: str) -> bool:
    """Whether a number's name says that it is an id; it is one if its values are whole and hardly recur.

    >>> [names_id(name) for name in ("Record ID", "customerNo", "zip_no", "no_of_cds", "paid")]
    [True, True, False, False, False]
    """
    name = snake_case(column)
    return bool(_ID.search(name)) and not _PLACE_CODE.search(name)


def snake_case(column: str) -> str:
    """A column's name in small letters without accents, its words joined by ``_``.

    >>> snake_case("Prénom"), snake_case("contactPerson"), snake_case("Last  name*")
    ('prenom', 'contact_person', 'last_name')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column)
    return re.sub(r"\W+|_+", "_", _plain(words)).strip("_")


def _plain(text: str) -> str:
    """Small letters without accents; signs that are made of several are one again."""
    spread = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return unicodedata.normalize("NFC", "".join(c for c in spread if not unicodedata.combining(c)))


@cache
def _pattern(group: str) -> str:
    # accents are taken from the words as they are from the names
    return "|".join(_plain(part) for part in word_lists("personal")[group])


def _says(name: str, group: str, *, at_end: bool = False) -> bool:
    """Whether a column's name has a word of a group, or ends in one."""
    end = r"(?:_name)?$" if at_end else r"(?:_|$)"
    return bool(re.search(rf"(?:^|_)(?:{_pattern(group)}){end}", name))


@cache
def _people() -> frozenset[str]:
    return frozenset(_plain(word_lists("personal")["people"]).split())


def _share(test: object, sample: Sequence[str]) -> float:
    assert callable(test)
    return sum(bool(test(value)) for value in sample) / len(sample)


def _tokens(value: str) -> list[str]:
    """The words of a name without titles and particles; none where it is no name by its shape."""
    if len(value) > 60 or any(c.isdigit() or c in "@/&|_;:!?()" for c in value):
        return []
    words = _TITLES.sub("", value.strip()).replace(",", " ").split()
    shaped = 1 <= len(words) <= 4 and all(
        re.fullmatch(r"[^\W\d_](?:[^\W\d_]|['’`.\-])*", word) for word in words
    )
    return words if shaped else []


def _is_name_shaped(value: str) -> bool:
    """Up to four words that begin with a capital, where the script has them."""
    words = _tokens(value)
    return bool(words) and all(not word[0].islower() or len(words) == 1 for word in words)


def _is_known_name(value: str) -> bool:
    words = [_plain(word).replace("’", "'").replace("`", "'").strip(".") for word in _tokens(value)]
    if any(part in _people() for word in words for part in (word, *word.split("-"))):
        return True
    whole = "".join(words)
    signs = str(word_lists("personal")["family_signs"])
    return 2 <= len(whole) <= 4 and whole[0] in signs and all(ord(c) > 0x2E80 for c in whole)


def _is_phrase(value: str) -> bool:
    """Three words or more, or as long; scripts without spaces say as much in eight signs."""
    if any(ord(c) > 0x2E80 for c in value):
        return len(value) >= 8
    return len(value.split()) >= 3 or len(value) > 40


def _is_sentence(value: str) -> bool:
    """Five words or more, mostly in small letters, or many signs of a script without spaces with a mark."""
    if any(ord(c) > 0x2E80 for c in value):
        return len(value) >= 15 and any(c in "。，、！？" for c in value)
    words = value.split()
    small = sum(word[0].islower() for word in words[1:])
    return len(words) >= 5 and small >= 0.6 * (len(words) - 1) and bool(_SENTENCE.search(value))

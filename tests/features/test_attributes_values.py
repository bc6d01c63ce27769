"""What is read from one value: addresses, numbers, titles and ranges as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.features.attributes.contact import MAIL_KINDS, PHONE_KINDS, country_code, read_email, read_phone
from leadlens.features.attributes.lookups import postcode_area
from leadlens.features.attributes.ranges import (
    AGE_BANDS,
    REVENUE_BANDS,
    SIZE_BANDS,
    band_of,
    is_range,
    range_number,
)
from leadlens.features.attributes.titles import function, names, seniority


@pytest.mark.parametrize(
    ("address", "kind", "valid"),
    [
        ("ada@gmail.com", "free", 1),
        ("ada@GMX.de ", "free", 1),
        ("ada@tutanota.com", "free", 1),  # not on the library's list
        ("ada@mailinator.com", "disposable", 1),
        ("ada@inbox.mailinator.com", "disposable", 1),
        ("ada@0-mail.com", "disposable", 1),  # on both lists
        ("ada@uzh.ch", "academic", 1),
        ("ada@student.ox.ac.uk", "academic", 1),
        ("ada@jsut.edu.cn", "academic", 1),  # a university on the library's stop list
        ("ada@firm.example", "corporate", 1),
        ("ada@bücher.de", "corporate", 1),
        ("ada..b@firm.io", "corporate", 0),
        ("Ada <ada@firm.io>", "corporate", 0),
        ("ada@localhost", None, 0),
        ("gmail.com", "free", 0),
        ("nonsense", None, 0),
        ("@", None, 0),
    ],
)
def test_addresses(address: str, kind: str | None, valid: int) -> None:
    assert read_email(address)[:2] == (kind, valid)


def test_endings_that_everybody_buys_tell_no_country() -> None:
    assert [read_email(f"a@b.{end}").country for end in ("ch", "uk", "io", "ai", "com", "xx")] == [
        "CH", "GB", None, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "country", "kind", "valid", "where"),
    [
        ("+41 79 669 12 34", None, "mobile", 1, "CH"),
        ("0041 44 668 18 00", None, "landline", 1, "CH"),
        ("044 668 18 00", "Suisse", "landline", 1, "CH"),
        ("044 668 18 00", None, None, None, None),  # could be anywhere
        ("044 668 18 00", "Narnia", None, None, None),
        ("(415) 555-2671", "USA", "landline or mobile", 1, "US"),
        ("+1 800 555 1234", None, "toll-free", 1, "US"),
        ("41446681800", None, "landline", 1, "CH"),  # a spreadsheet has eaten the plus
        ("+41 79 669 12 34", "US", "mobile", 1, "CH"),
        ("+1 555 1000314", None, None, 0, None),
        ("12", "CH", None, 0, None),
        ("ask Mary", "CH", None, 0, None),
    ],
)
def test_phone_numbers(
    number: str, country: str | None, kind: str | None, valid: int | None, where: str | None
) -> None:
    assert read_phone(number, country) == (kind, valid, where)


@given(st.text(max_size=30), st.none() | st.text(max_size=10))
def test_no_text_is_too_odd_to_be_read(text: str, beside: str | None) -> None:
    assert read_email(text).kind in (None, *MAIL_KINDS)
    assert read_phone(text, beside).kind in (None, *PHONE_KINDS)
    assert seniority(text) in names("seniority")
    assert function(text) in names("function")
    number = range_number(text)
    assert number is None or 0 <= number <= 1e15
    assert postcode_area(text) != ""


@given(st.from_regex(r"[+0(]?[0-9][0-9 ()/-]{5,18}", fullmatch=True))
def test_a_number_that_exists_reaches_something_somewhere(text: str) -> None:
    found = read_phone(text, "Germany")
    assert (found.valid == 1) == (found.kind is not None)


@pytest.mark.parametrize(
    ("title", "rank", "work"),
    [
        ("CEO", "executive", "general management"),
        ("C.F.O.", "executive", "finance"),
        ("Co-Founder & CTO", "executive", "IT and engineering"),
        ("Vice President, Sales", "vice president", "sales"),
        ("SVP Engineering", "vice president", "IT and engineering"),
        ("Managing Director", "executive", "general management"),
        ("Executive Assistant to the CEO", "staff", "general management"),
        ("Assistenz der Geschäftsführung", "staff", "general management"),
        ("Assistant Director, Marketing", "director", "marketing"),
        ("Product Owner", "staff", "product"),
        ("HR Business Partner", "staff", "HR"),
        ("Partner", "executive", "general management"),
        ("Head of Legal", "director", "legal"),
        ("Leiterin Einkauf", "director", "purchasing"),
        ("Teamleiter Vertrieb", "manager", "sales"),
        ("Directeur des Ressources Humaines", "director", "HR"),
        ("Jefe de ventas", "manager", "sales"),
        ("Diretora de Operações", "director", "operations"),
        ("Lead Generation Specialist", "staff", "other"),
        ("International Sales Manager", "manager", "sales"),
        ("Internal Auditor", "staff", "finance"),
        ("Intern", "student", "other"),
        ("Werkstudentin Marketing", "student", "marketing"),
        ("Director of Student Affairs", "director", "student"),
        ("PhD student", "student", "student"),
        ("Customer Success Manager", "manager", "customer service"),
        ("Professor of Physics", "staff", "research and education"),
        ("Gärtner", "staff", "other"),
        ("", "staff", "other"),
    ],
)
def test_titles(title: str, rank: str, work: str) -> None:
    assert (seniority(title), function(title)) == (rank, work)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("51-200", 125.5),
        ("1,001–5,000 employees", 3000.5),
        ("10.000 - 50.000 €", 30_000),
        ("10'000 bis 50'000 CHF", 30_000),
        ("1 000 à 5 000", 3000),
        ("$10M-$50M", 30e6),
        ("10-50 million", 30e6),
        ("500-1k", 750),
        ("5 Mio. – 10 Mio. EUR", 7.5e6),
        ("10k+", 10_000),
        ("over 1 billion", 1e9),
        (">10,000", 10_000),
        ("<10", 5),
        ("unter 10", 5),
        ("65+", 65),
        ("12 Mitarbeiter", 12),
        ("1.500,50", 1500.5),
        ("1,234", 1234),
        ("1,23", 1.23),
        ("200-51", None),
        ("1-2-3", None),
        ("1e5", None),
        ("many", None),
        ("9" * 40, None),
    ],
)
def test_ranges(text: str, number: float | None) -> None:
    assert range_number(text) == number


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.sampled_from([" - ", "–", " to "]))
def test_a_later_range_is_the_greater_number(low: int, width: int, dash: str) -> None:
    first, second = f"{low:,}{dash}{low + width:,}", f"{low + width + 1:,}{dash}{low + 2 * width:,}+"
    number = range_number(first)
    assert number == low + width / 2
    assert is_range(first)
    assert is_range(second)
    above = range_number(f"{low + width + 1:,}+")
    assert above is not None
    assert number < above


@given(st.floats(0, 1e12))
def test_every_number_lies_in_the_last_band_that_begins_below_it(number: float) -> None:
    for bands in (SIZE_BANDS, REVENUE_BANDS, AGE_BANDS):
        assert band_of(number, bands) == [name for least, name in bands if least <= number][-1]


def test_countries_are_known_by_names_and_codes() -> None:
    told = (
        "CH",
        "che",
        "Schweiz",
        "United Kingdom",
        "UK",
        "Österreich",
        "Viet Nam",
        "Vietnam",
        "U.S.A.",
        "?",
    )
    assert [country_code(text) for text in told] == [
        "CH",
        "CH",
        "CH",
        "GB",
        "GB",
        "AT",
        "VN",
        "VN",
        "US",
        None,
    ]


def test_postcodes() -> None:
    told = ("SW1A 1AA", "M1 1AE", "8001", "D-80331", "1011 AB", "-")
    assert [postcode_area(text) for text in told] == ["SW", "M1", "80", "80", "10", None]

"""Numbers in forms: what a field shows is read back as the same number, and a separator is never taken for a decimal mark."""

from __future__ import annotations

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from leadlens.pipeline.languages.language import NAMES, language
from leadlens.pipeline.languages.typed_numbers import field_number, read_number

CODES = st.sampled_from(sorted(NAMES))
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**14), 10**14),
    st.integers(-(10**9), 10**9).map(lambda n: n / 1000),
)


@given(code=CODES, number=NUMBERS)
def test_what_is_shown_is_read_as_the_same(code: str, number: float) -> None:
    assert read_number(field_number(number, language(code)), language(code)) == number


@given(code=CODES, thousandths=st.integers(-(10**12), 10**12))
def test_what_babel_writes_in_a_language_is_read_in_it(code: str, thousandths: int) -> None:
    text = format_decimal(thousandths / 1000, format="#,##0.###", locale=code)
    assert read_number(text, language(code)) == thousandths / 1000


@pytest.mark.parametrize(
    ("code", "text", "number"),
    [
        ("de", "1.500", 1500), ("de", "25.000", 25000), ("de", "12,50", 12.5), ("de", "1.472,2", 1472.2), ("de", "12.5", 12.5),
        ("de", "0.500", 0.5), ("de", "1 500", 1500), ("de", "-1.500", -1500), ("de", "1.2345", 1.2345), ("de", ",5", 0.5),
        ("id", "1.500", 1500), ("id", "1.472,2", 1472.2), ("en", "1,500", 1500), ("en", "1,500.5", 1500.5), ("en", ".5", 0.5),
        ("en", "1.500", 1.5), ("fr", "1 500", 1500), ("fr", "1\u00a0500", 1500), ("fr", "1\u202f500,5", 1500.5), ("fr", "1,500", 1.5),
        ("fr", "12.5", 12.5), ("fr", "−3", -3), ("en", "+1e3", 1000), ("de", "1.234.567", 1234567),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(code: str, text: str, number: float) -> None:
    assert read_number(text, language(code)) == number


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("fr", "1.500"), ("en", "1.500,5"), ("en", "12,5"), ("en", "12,50"), ("en", "1,5000"), ("de", "1,500.5"), ("de", "1.50.000"),
        ("de", "1.500 000"), ("de", "0.500,1"), ("en", "1,234,56"), ("fr", "1 50"), ("fr", "1 500.5.2"), ("de", "1.5000,2"),
        ("en", "ten"), ("en", ""), ("en", "."), ("en", "-"), ("en", "nan"), ("en", "inf"), ("en", "1_000"), ("en", "٣"), ("en", "5 €"),
        ("en", "1e"), ("en", "0x10"), ("en", "1" * 41),
    ],
)  # fmt: skip
def test_what_may_be_two_numbers_or_none_is_refused(code: str, text: str) -> None:
    with pytest.raises(ValueError, match="This "):
        read_number(text, language(code))

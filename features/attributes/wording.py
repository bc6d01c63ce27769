"""How people read an attribute feature: label, unit, sentence and phrases."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from leadlens.features.attributes.ranges import range_number
from leadlens.features.columns import FeatureColumn
from leadlens.features.plan import AttributeFeature, Reading

BORN = re.compile(r"birth|born|\bdob\b|geburt|naissance|nacimiento|nascita|nascimento|geboorte")
FOUNDED = re.compile(
    r"found|establish|incorporat|gr[uü]e?ndung|gegr[uü]e?ndet|fondation|creation_year|fundaci|fondazione"
)


class _Words(NamedTuple):
    """``{where}`` is the table's column, ``{label}`` what the user calls it, ``{small}`` the same inside a sentence."""

    shown: str
    sentence: str
    kind: Literal["number", "category"] = "category"
    unit: str = ""
    phrase: str = "{shown}: {value}"
    absent: str = "{shown}: not known"


_KINDS = "free, disposable, academic or corporate (any other)"
_WORDS: dict[Reading, _Words] = {
    "number": _Words("{label}", "{where} as known as of then.", "number"),
    "category": _Words("{label}", "{where} as known as of then; rare values are (other)."),
    "flag": _Words("{label}", "1 if {where} is true.", "number", "yes/no", "{shown}", "Not so: {small}"),
    "filled": _Words(
        "{label} given", "1 if {where} is filled in.", "number", "yes/no", "{shown}", "{label} not given"
    ),
    "age": _Words(
        "Days since {small}", "Days from {where} to the as-of time.", "number", "days", "{label}: {date}",
        "{label}: not known",
    ),
    "years": _Words("Years since {small}", "Full years from {where} to the as-of time.", "number", "years"),
    "range": _Words(
        "{label}",
        "The number in {where}: the middle of a range, its bound where it is open above, half of it where "
        "it is open below.",
        "number",
    ),
    "size_band": _Words("{label} (band)", "{where} in bands from up to 10 to over 10,000."),
    "revenue_band": _Words("{label} (band)", "{where} in bands from under 1M to 1bn and over."),
    "age_band": _Words("{label} (band)", "{where} in bands of ten years."),
    "email_kind": _Words("E-mail address", "Kind of the domain of {where}: " + _KINDS + ", by the libraries' lists."),
    "email_valid": _Words(
        "E-mail address well-formed",
        "1 if {where} is written as the standards for addresses allow; nothing is sent or looked up.",
        "number", "yes/no", "{shown}", "No well-formed e-mail address",
    ),
    "email_country": _Words("Country of the e-mail address", "Country by the ending of the domain of {where}."),
    "phone_valid": _Words(
        "Phone number exists",
        "1 if {where} exists by its country's numbering plan, 0 if not; not known without a country.",
        "number", "yes/no", "{shown}", "No phone number that is known to exist",
    ),
    "phone_kind": _Words("Kind of phone number", "What {where} reaches by its country's numbering plan."),
    "phone_country": _Words("Country of the phone number", "Country of {where}; rare ones are (other)."),
    "seniority": _Words("Seniority", "Rank by the words of {where}, staff where there is none."),
    "function": _Words("Line of work", "Line of work by the words of {where}, other where there is none."),
    "postcode_area": _Words(
        "{label}: area", "The letters that begin {where}, or its first two digits; rare ones are (other)."
    ),
}  # fmt: skip


def attribute_column(feature: AttributeFeature) -> FeatureColumn:
    """The column of an attribute feature."""
    where = f"{feature.source}s.{feature.column}"
    words, label = _WORDS[feature.reading], feature.label
    shown = _years_label(feature) if feature.reading == "years" else words.shown
    if feature.beside:
        where += f" (dialled from {feature.source}s.{feature.beside})"

    def filled(template: str) -> str:
        shown_now = shown.replace("{label}", label).replace("{small}", label[:1].lower() + label[1:])
        for name, text in (("shown", shown_now), ("where", where), ("label", label)):
            template = template.replace(f"{{{name}}}", text)
        return template.replace("{small}", shown_now[:1].lower() + shown_now[1:])

    return FeatureColumn(
        name=feature.name,
        label=filled("{shown}"),
        family=feature.family,
        kind=words.kind,
        unit=words.unit,
        sentence=filled(words.sentence),
        condition=f"{feature.source}s.{feature.column}",
        phrase=filled(words.phrase),
        absent=filled(words.absent),
        written=_written(feature) if feature.reading == "range" else (),
    )


def _written(feature: AttributeFeature) -> tuple[tuple[float, str], ...]:
    """The numbers of ranges, each with the text that most leads have for it."""
    texts: dict[float, str] = {}
    for text in feature.categories:
        if (number := range_number(text)) is not None:
            texts.setdefault(number, text)
    return tuple(texts.items())


def _years_label(feature: AttributeFeature) -> str:
    if BORN.search(feature.column.lower()):
        return "Age in years"
    return "Age of the firm in years" if FOUNDED.search(feature.column.lower()) else "Years since {small}"

"""Numbers and dates of CSV text in other styles than 1234.5 and 2026-01-31: 1.234,5 and 31.01.2026, 31/01/2026, 1/31/2026 2:05 PM."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from features import Finding
from pipeline.sources.contract import CONTRACT

COMMA, DOTTED, DAY_FIRST, MONTH_FIRST = (
    "DOUBLE, comma",
    "TIMESTAMP, d.m.y",
    "TIMESTAMP, d/m/y",
    "TIMESTAMP, m/d/y",
)
PROOF = "comma"  # beside COMMA, where a value shows that the comma is no mark of thousands
STYLES = (COMMA, DOTTED, DAY_FIRST, MONTH_FIRST)

# Without leading zeros, as of codes, and fewer digits than an id may have.
_COMMAS = "^[+-]?(0|[1-9][0-9]{{0,14}}|[1-9][0-9]{{0,2}}([.][0-9]{{3}}){{1,4}})(,[0-9]{{1,15}})?$"
PROVES = "regexp_matches({v}, ',([0-9]{{1,2}}|[0-9]{{4,}})$|^[+-]?0,|^[+-]?[0-9]{{4,}},|[.].*,')"
_CLOCK = r",? ?[0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}})?( ?[AaPp][Mm])?"


def _dates(days: str) -> str:
    """SQL that reads a date, perhaps with a time of day; NULL for what is none."""
    clocks = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
    formats = ", ".join(f"'{days}{clock}'" for clock in clocks)
    text = r"regexp_replace(translate({v}, '-,', '/'), ' ?([AaPp][Mm])$', ' \1')"
    return f"try_strptime({text}, [{formats}])"


# kind → (SQL of whether a value is written so, SQL of the value)
_READS = {
    DOTTED: (rf"^[0-9]{{{{1,2}}}}[.][0-9]{{{{1,2}}}}[.][0-9]{{{{4}}}}({_CLOCK})?$", _dates("%d.%m.%Y")),
    DAY_FIRST: (rf"^[0-9]{{{{1,2}}}}[/-][0-9]{{{{1,2}}}}[/-][0-9]{{{{4}}}}({_CLOCK})?$", _dates("%d/%m/%Y")),
    MONTH_FIRST: (
        rf"^[0-9]{{{{1,2}}}}[/-][0-9]{{{{1,2}}}}[/-][0-9]{{{{4}}}}({_CLOCK})?$",
        _dates("%m/%d/%Y"),
    ),
}
FITS = {
    COMMA: f"regexp_matches({{v}}, '{_COMMAS}')",
    **{
        kind: f"regexp_matches({{v}}, '{pattern}') AND {value} IS NOT NULL"
        for kind, (pattern, value) in _READS.items()
    },
}


def sql_type(kind: str) -> str:
    """The SQL type of a kind.

    >>> sql_type("DOUBLE, comma"), sql_type("BIGINT")
    ('DOUBLE', 'BIGINT')
    """
    return kind.partition(",")[0]


def in_style(value: str, kind: str) -> str:
    """SQL of a value as a number or date of a style; NULL for what is none."""
    if kind == COMMA:
        return f"TRY_CAST(replace(replace({value}, '.', ''), ',', '.') AS DOUBLE)"
    return f"CAST({_READS[kind][1].format(v=value)} AS TIMESTAMP)"


def styles_of(dates: str | None) -> tuple[str, ...]:
    """The styles that are tried; ``dates`` are day first or month first where the project file says so."""
    left_out = {"day first": MONTH_FIRST, "month first": DAY_FIRST}.get(dates or "")
    return tuple(style for style in STYLES if style != left_out)


def style_of(fits: Collection[str]) -> str | None:
    """The one style that every value of a column is in; ``None`` where there is none, or it is not clear.

    Of 1,234 it is not clear whether it is more than a thousand, and of 01/02/2026 which is the day.
    """
    if COMMA in fits:
        return COMMA if PROOF in fits else None
    dates = [kind for kind in (DOTTED, DAY_FIRST, MONTH_FIRST) if kind in fits]
    return dates[0] if len(dates) == 1 else None


_WORDS = {
    COMMA: ("decimal-comma", "decimal commas, read as numbers: 1.234,5 is 1234.5"),
    DOTTED: ("day-first", "dates such as 31.01.2026, read day first"),
    DAY_FIRST: ("day-first", "dates such as 31/01/2026, read day first"),
    MONTH_FIRST: ("month-first", "dates such as 01/31/2026, read month first"),
}


def style_findings(table: str, kinds: Mapping[str, str], read: Collection[str]) -> list[Finding]:
    """One note per column (name after the mapping → kind) that is read in one of these styles.

    ``read`` are columns outside the contract; what is neither in there nor in the contract is not read at all.
    """
    findings = []
    for name, kind in kinds.items():
        if kind in _WORDS and (name in read or name in CONTRACT[table]):
            code, words = _WORDS[kind]
            findings.append(Finding(code, f"{table}.{name}: {words}", "note"))
    return findings

"""Numbers and dates of CSV text in other styles than 1234.5 and 2026-01-31: 1.234,5 and 31.01.2026, 31/01/2026, 1/31/2026 2:05 PM."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from leadlens.features import Finding
from leadlens.pipeline.sources.contract import CONTRACT

COMMA, DOTTED, DAY_FIRST, MONTH_FIRST = (
    "DOUBLE, comma",
    "TIMESTAMP, d.m.y",
    "TIMESTAMP, d/m/y",
    "TIMESTAMP, m/d/y",
)
STYLES = (COMMA, DOTTED, DAY_FIRST, MONTH_FIRST)
UNCLEAR = "DOUBLE, unclear"  # 1.500 may be 1.5 or 1500: read as the former, and named
# What is noted beside the kinds that fit: of COMMA, that a value shows which mark is that of decimals, and a value that does not; of
# DOTTED, that semicolons stand between the values of a file, as where the comma is taken.
PROOF, EXAMPLE, SEMICOLONS = "comma", "such as ", "semicolons"

# Without leading zeros, as of codes, and fewer digits than an id may have.
_COMMAS = "^[+-]?(0|[1-9][0-9]{{0,14}}|[1-9][0-9]{{0,2}}([.][0-9]{{3}}){{1,4}})(,[0-9]{{1,15}})?$"
PROVES = "regexp_matches({v}, ',([0-9]{{1,2}}|[0-9]{{4,}})$|^[+-]?0,|^[+-]?[0-9]{{4,}},|[.].*[,.]')"
POINTED = "{v} LIKE '%.%'"
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

    >>> sql_type(COMMA), sql_type("BIGINT")
    ('DOUBLE', 'BIGINT')
    """
    return kind.partition(",")[0]


def in_style(value: str, kind: str) -> str:
    """SQL of a value as a number or date of a style; NULL for what is none."""
    if kind == COMMA:
        return f"TRY_CAST(replace(replace({value}, '.', ''), ',', '.') AS DOUBLE)"
    return f"CAST({_READS[kind][1].format(v=value)} AS TIMESTAMP)"


def styles_of(dates: str | None, decimals: str | None = None) -> tuple[str, ...]:
    """The styles that are tried, where the project file says how ``dates`` and ``decimals`` are written without the others; with
    ``PROOF`` where it says that decimals have a comma.
    """
    left_out = {{"day first": MONTH_FIRST, "month first": DAY_FIRST}.get(dates or "")}
    left_out |= {COMMA} if decimals == "point" else set()
    said = (PROOF,) if decimals == "comma" else ()
    return (*(style for style in STYLES if style not in left_out), *said)


def style_of(fits: Collection[str], decimals: str | None) -> str | None:
    """The one style that every value of a column is in; ``None`` where there is none, or it is not clear.

    ``decimals`` is the mark that the other columns of the source show (:func:`decimals_of`). Of 1,234 and 1.500 it is not clear
    whether it is more than a thousand, and of 01/02/2026 which is the day. A point that may be either is read as that of decimals.
    """
    if COMMA in fits and "BIGINT" not in fits:
        if PROOF in fits or decimals == "comma":
            return COMMA
        if "DOUBLE" not in fits:
            return None
        return UNCLEAR if decimals is None and example_of(fits) else "DOUBLE"  # +12 has no mark to be unclear
    dates = [kind for kind in (DOTTED, DAY_FIRST, MONTH_FIRST) if kind in fits]
    return dates[0] if len(dates) == 1 else None


def decimals_of(columns: Iterable[Collection[str]]) -> str | None:
    """Whether a comma or a point is the mark of decimals in a source, by what fits each of its columns; ``None`` where none shows it,
    or some show either. Dates such as 31.01.2026 between semicolons are written where the comma is that mark.
    """
    columns = [fits for fits in columns if "BIGINT" not in fits]
    shown = {"comma" for fits in columns if COMMA in fits and PROOF in fits}
    shown |= {"point" for fits in columns if "DOUBLE" in fits and COMMA not in fits}
    if not shown and any(DOTTED in fits and SEMICOLONS in fits for fits in columns):
        return "comma"
    return shown.pop() if len(shown) == 1 else None


def notes_of(files: Iterable[Collection[str]]) -> set[str]:
    """What is noted of a column in any of several files, without what fits it."""
    notes = {note for fits in files for note in fits if note in (PROOF, SEMICOLONS)}
    examples = [note for fits in files for note in fits if note.startswith(EXAMPLE)]
    return notes | ({min(examples)} if examples else set())


def example_of(fits: Iterable[str]) -> str:
    """A value such as 1.500 that is noted of a column."""
    return next((note.removeprefix(EXAMPLE) for note in fits if note.startswith(EXAMPLE)), "")


_WORDS = {
    COMMA: ("decimal-comma", "decimal commas, read as numbers: 1.234,5 is 1234.5"),
    DOTTED: ("day-first", "dates such as 31.01.2026, read day first"),
    DAY_FIRST: ("day-first", "dates such as 31/01/2026, read day first"),
    MONTH_FIRST: ("month-first", "dates such as 01/31/2026, read month first"),
}


def style_findings(
    table: str, kinds: Mapping[str, str], unclear: Mapping[str, str], read: Collection[str]
) -> list[Finding]:
    """One note per column (name after the mapping → kind) that is read in one of these styles, and a warning for each that is
    ``unclear`` (name → a value).

    ``read`` are columns outside the contract; what is neither in there nor in the contract is not read at all.
    """
    findings = []
    for name, kind in kinds.items():
        if kind in _WORDS and (name in read or name in CONTRACT[table]):
            code, words = _WORDS[kind]
            findings.append(Finding(code, f"{table}.{name}: {words}", "note"))
    for name, value in unclear.items():
        if name in read or name in CONTRACT[table]:
            findings.append(Finding("unclear-decimals", f"{table}.{name}: {unclear_words(value)}"))
    return findings


def unclear_words(value: str) -> str:
    """What is said of a column with such a value, after its name.

    >>> unclear_words("1.500")
    'whether 1.500 is 1.5 or 1500 is not clear, read as 1.5. Beside `read`: decimals: point, or comma'
    """
    number = f"{float(value):.15g}"
    return (
        f"whether {value} is {number} or {value.replace('.', '')} is not clear, read as {number}. "
        "Beside `read`: decimals: point, or comma"
    )

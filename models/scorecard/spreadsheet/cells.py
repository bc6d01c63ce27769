"""Cells of a sheet's table: texts that no spreadsheet program may run or rewrite, numbers as people write them."""

from __future__ import annotations

import json
import re

MOST_TEXT = 32_767  # characters that a cell of Excel holds
_SEPARATORS = ",;\t\n"  # the end of a line last
_FORMULA = "=+\\-@＝＋－＠"  # the full-width forms start a formula as well (OWASP, "CSV Injection")
_ESCAPED = 'json:"'
# Characters that are lost, or end a line, in one program or another.
_LOST = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_TRUE = "true wahr vrai verdadero vero verdadeiro waar"
_FALSE = "false falsch faux falso onwaar"
_TRUE_FALSE = {**dict.fromkeys(_TRUE.split(), "TRUE"), **dict.fromkeys(_FALSE.split(), "FALSE")}
# First letters of months, and units of what programs take for a date, a time or an amount, in several languages.
_MONTHS = (
    "jan ene gen feb fév fev mar mär mrz mrt apr avr abr may mai mei mag jun jui giu jul lug aug aoû ago sep "
)
_MONTHS += "set oct okt ott out nov dec dez déc dic"
_UNITS = "e a p am pm st nd rd th t z eur usd chf gbp 年 月 日 년 월 일"
_DATED = frozenset(f"{_MONTHS} {_UNITS}".split())
_WHOLE = re.compile(r"[+-]?\d{1,30}(e[+-]?\d{1,3})?", re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?\d{0,30}[.,]\d{1,30}(e[+-]?\d{1,3})?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")  # 1.500 is one and a half here, and 1500 there


def text_cell(text: str, delimiter: str) -> str:
    """The cell that a spreadsheet program neither runs nor rewrites; :func:`cell_text` gives the text back.

    A leading apostrophe goes before what would be a formula, a number, a date or TRUE; what an apostrophe cannot
    save is written as ``json:"…"``.
    """
    others = "".join(mark for mark in _SEPARATORS if mark != delimiter)
    # A program that splits at another separator than ours must find no formula there, nor a quotation mark or an
    # end of line, by which it would lose what comes after.
    hidden = re.search(rf'[{others}]\s*([{_FORMULA}"]|$)|[{others[:-1]}]\s*\n', text)
    if hidden or text.startswith(("'", _ESCAPED)) or _LOST.search(text):
        escaped = re.sub(f"[{others}]", _escape, json.dumps(text, ensure_ascii=False))
        return "json:" + _LOST.sub(_escape, escaped)
    return f"'{text}" if _needs_apostrophe(text) else text


def cell_text(cell: str) -> str:
    """The text of a cell, with or without the apostrophe that a program may have taken for its own sign."""
    if cell.startswith("'") and _needs_apostrophe(cell[1:]):
        return cell[1:]
    if cell.startswith(_ESCAPED):
        try:
            value = json.loads(cell.removeprefix("json:"))
        except ValueError:
            return cell  # somebody's own text
        return value if isinstance(value, str) else cell
    return cell


def condition_text(cell: str) -> str:
    """The text of a condition; a bare TRUE or FALSE is understood in the language of the spreadsheet program."""
    bare = _TRUE_FALSE.get(cell.casefold()) if cell.isupper() else None  # programs save them in capitals
    return bare or cell_text(cell)


def number_cell(number: float, decimal: str) -> str:
    """The number, written so that no point or comma in it can be taken for one between thousands."""
    text = repr(number)
    return (f"{text}0" if _THOUSANDS.fullmatch(text) else text).replace(".", decimal)


def decimal_marks(cells: list[str]) -> set[str]:
    """The decimal marks that the cells prove: ``.`` for 2.5, ``,`` for 2,5, nothing for 1.500 or 7."""
    tidy = [_tidy(cell) for cell in cells]
    return {
        "," if "," in cell else "."
        for cell in tidy
        if _DECIMAL.fullmatch(cell) and not _THOUSANDS.fullmatch(cell)
    }


def cell_number(cell: str, marks: set[str]) -> int | float:
    """The number of a cell; ``marks`` are the decimal marks of the table.

    Raises ``ValueError`` for what is no number, or may be two.
    """
    text = _tidy(cell)
    if _WHOLE.fullmatch(text):
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(
            "this must be a number, such as 15, -10 or 2.5 (a program may have made a date of it)"
        )
    mark = "," if "," in text else "."
    if _THOUSANDS.fullmatch(text) and marks != {mark}:
        whole = text.replace(mark, "")
        part = float(text.replace(mark, "."))
        raise ValueError(f"this may be {whole} or {part:g}: write {whole}, or {text}0 with one more digit")
    return float(text.replace(",", "."))


def _needs_apostrophe(text: str) -> bool:
    if not text or text[0] in "=+-@＝＋－＠\t\r\n" or text.casefold() in _TRUE_FALSE:
        return bool(text)
    if len(text) > 40 or not any(char.isdigit() for char in text):
        return False
    parts = (word.casefold() for word in re.findall(r"[^\W\d_]+", text))
    return all(word in _DATED or word[:3] in _DATED for word in parts)  # a number, a date, a time, an amount


def _tidy(cell: str) -> str:
    return cell.removeprefix("'").strip().replace("−", "-")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"

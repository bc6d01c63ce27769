"""Small workbooks, written by hand: as little XML as readers of .xlsx and .ods need."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Sheets = dict[str, Sequence[Sequence[Any]]]
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"
_EPOCH = dt.datetime(1899, 12, 30)


def write_xlsx(path: Path, sheets: Sheets) -> Path:
    """A workbook with these sheets; cells are text, numbers, booleans, dates, times or ``None``."""
    numbers = range(1, len(sheets) + 1)
    names = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>'
        for n, name in zip(numbers, sheets, strict=True)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_LINKS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    styles = f'<Relationship Id="rId0" Type="{_LINKS}/styles" Target="styles.xml"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types"/>')
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_LINKS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{links}{styles}</Relationships>',
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>{names}</sheets></workbook>',
        )
        # Kinds of cells: plain, a date with its time, a date.
        file.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        for n, rows in zip(numbers, sheets.values(), strict=True):
            text = "".join(
                f'<row r="{at}">{"".join(_cell(cell, f"{chr(65 + place)}{at}") for place, cell in enumerate(row))}</row>'
                for at, row in enumerate(rows, 1)
            )
            file.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f'<worksheet xmlns="{_MAIN}"><sheetData>{text}</sheetData></worksheet>',
            )
    return path


def _cell(cell: Any, at: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return f'<c r="{at}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float):
        return f'<c r="{at}"><v>{cell!r}</v></c>'
    if isinstance(cell, dt.datetime):
        return f'<c r="{at}" s="1"><v>{(cell - _EPOCH) / dt.timedelta(days=1)!r}</v></c>'
    if isinstance(cell, dt.date):
        return f'<c r="{at}" s="2"><v>{(cell - _EPOCH.date()).days}</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'


def write_ods(path: Path, sheets: Sheets) -> Path:
    """The same as an OpenDocument spreadsheet."""
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>"
        + "".join(f"<table:table-row>{''.join(map(_open_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        file.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{_OPEN}:manifest:1.0"/>')
        file.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{_OPEN}:office:1.0" xmlns:table="{_OPEN}:table:1.0" '
            f'xmlns:text="{_OPEN}:text:1.0"><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return path


def _open_cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, bool):
        return f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(cell).lower()}"/>'
    if isinstance(cell, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{cell!r}"/>'
    if isinstance(cell, dt.date):
        return f'<table:table-cell office:value-type="date" office:date-value="{cell.isoformat()}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'

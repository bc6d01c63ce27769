"""A text that begins with a quote of its own swallows the rows until the next quote: such files are refused, others of several lines are not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from leadlens.features import DataError
from leadlens.pipeline.sources.csv_files import open_csv

HEADER = "lead_id,created_at,title,note"


def rows(folder: Path, *lines: str, name: str = "leads.csv") -> pa.Table:
    path = folder / name
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return pa.Table.from_batches(list(open_csv(path, "utf-8", "project.yaml: data.leads")))


def plain(number: int, title: str = "Buyer", note: str = "ok") -> str:
    return f"L{number},2024-01-01,{title},{note}"


@pytest.mark.parametrize("apart", [1, 2, 10, 9_000])
@pytest.mark.parametrize("column", ["title", "note"])
def test_rows_between_two_loose_quotes_are_not_lost(tmp_path: Path, apart: int, column: str) -> None:
    lines = [plain(number) for number in range(9_100)]
    lines[5], lines[5 + apart] = (plain(n, **{column: '"7 inch screen'}) for n in (5, 5 + apart))
    with pytest.raises(
        DataError, match=f"opened in line 7 and ends a text in the middle of line {7 + apart}\\n"
    ) as refused:
        rows(tmp_path, *lines)
    assert '7"" screen' in str(refused.value)


@pytest.mark.parametrize(
    "note",
    [
        '"Dear all,\nsee below, as agreed, and call back, please\nBest"',
        '"L9,2024-01-01,Buyer,ok\nL10,2024-01-01,Buyer,ok"',
        '"he said ""yes"",\nthen, well, ""no"", he said"',
        '"a, b\nc, d"',
        '7" screen',
        '"one, two, three\nfour"',
    ],
)
def test_texts_of_several_lines_and_quotes_inside_are_read(tmp_path: Path, note: str) -> None:
    found = rows(tmp_path, plain(1), plain(2, note=note), plain(3))
    assert found["lead_id"].to_pylist() == ["L1", "L2", "L3"]
    assert found["note"][1].as_py() == (note[1:-1].replace('""', '"') if note.startswith('"') else note)


def test_a_quote_in_another_row_is_no_reason_to_refuse_a_text_of_several_lines(tmp_path: Path) -> None:
    found = rows(
        tmp_path, plain(1, note='"Dear all,\nagreed\nBest, x, y, z"'), plain(2, title='"Acme" Ltd'), plain(3)
    )
    assert found["lead_id"].to_pylist() == ["L1", "L2", "L3"]

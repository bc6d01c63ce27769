"""JSON lines, lists in JSON, and zip archives as sources: the same history as of CSV, and what is wrong by file and line."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import struct
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import LeadlensError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import differences, open_prepared
from leadlens.pipeline.sources import open_history, zip_files
from leadlens.pipeline.sources.json_files import open_json
from tests.pipeline.little_project import LittleProject


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


def lines(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", lines=True, date_format="iso").encode()


def listed(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", date_format="iso", indent=2).encode()


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


WRITTEN = {
    "leads.jsonl": lines,
    "leads.ndjson": lines,
    "leads.json": listed,
    "lines.json": lines,
    "leads.jsonl.gz": lambda frame: gzip.compress(lines(frame)),
    "one.zip": lambda frame: packed({"export/leads.csv": csv(frame), "__MACOSX/._leads.csv": b"\0"}),
    "lines.zip": lambda frame: packed({"leads.jsonl.gz": gzip.compress(lines(frame))}),
    "two.zip": lambda frame: packed({"leads.csv": csv(frame), "other.csv": b"a\n1\n"}),
    "evil.zip": lambda frame: packed({"../../leads.csv": csv(frame)}),
}


def tables(history) -> dict[str, pd.DataFrame]:  # type: ignore[no-untyped-def]
    frames = {}
    for name in ("leads", "events"):
        names = ", ".join(sorted(set(history.engine.columns(name)) - {"event_id"}))
        frames[name] = history.engine.frame(f"SELECT {names} FROM {name} ORDER BY ALL")
    return frames


@pytest.mark.parametrize("name", WRITTEN)
def test_every_form_gives_the_same_history(little: LittleProject, name: str) -> None:
    little.leads.loc[::7, "income"] = None
    little.leads["postcode"] = [f"0{1000 + number % 5}" for number in range(len(little.leads))]
    with open_history(load_project(little.write())) as history:
        want = tables(history)
    for table in ("leads", "events"):
        file = f"data/{table}-{name}"
        little.files[file] = WRITTEN[name](getattr(little, table))
        little.data[table] = {"read": file} | ({"table": "leads.csv"} if name == "two.zip" else {})
    file_ = load_project(little.write())
    prepared = open_prepared(file_)
    for opened in (open_history(file_), prepared.history()):
        with opened as found:
            for table, frame in tables(found).items():
                pd.testing.assert_frame_equal(frame, want[table], obj=table)
    assert differences(file_, prepared) == ()
    outside = {path.name for path in little.folder.parent.iterdir()}
    assert "leads.csv" not in outside


def test_many_archives_are_read_one_by_one(little: LittleProject) -> None:
    for number in range(3):
        little.files[f"data/part{number}.zip"] = packed({"events.csv": csv(little.events[number::3])})
    little.data["events"] = {"read": "data/part*.zip"}
    path = little.write()
    assert open_prepared(load_project(path)).version == 1
    (little.folder / "data" / "part3.zip").write_bytes(packed({"events.csv": csv(little.events[:1])}))
    grown = open_prepared(load_project(path))
    assert grown.version == 2
    assert differences(load_project(path), grown) == ()


def test_objects_in_objects_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    rows = [
        '{"id": 1.10, "page": {"url": "/", "tags": ["a", 7, 0.5]}, "ok": true}',
        "",
        '{"id": "007", "none": null, "page": {}}',
    ]
    path.write_text("\n".join(rows))
    batches = list(open_json(path, "utf-8", "x"))
    assert [row for batch in batches for row in batch.to_pylist()] == [
        {
            "id": "1.10",
            "page.url": "/",
            "page.tags": '["a", 7, 0.5]',
            "ok": "true",
            "none": None,
            "page": None,
        },
        {"id": "007", "page.url": None, "page.tags": None, "ok": None, "none": None, "page": None},
    ]


BAD = {
    "a.jsonl": (b'{"lead_id": "1"}\n{"lead_id": \n', "line 2", "this is not JSON"),
    "b.jsonl": (b'{"lead_id": "1"}\n[1]\n', "line 2", "a row is an object"),
    "c.json": (b'{\n"results": [{"a": 1}]\n}', "such as results", "this file is one object"),
    "d.jsonl": (b"", "empty", "empty"),
    "e.jsonl": (b'{"a": {"b": 1}, "a.b": 2}', "a.b", "two values of a row"),
    "f.jsonl": (b'{"Name": 1, "name": 2}', "Name, name", "differ only by case"),
    "g.jsonl": ("ä".encode("latin-1"), "latin-1", "not UTF-8 text"),
    "h.jsonl": (b'{"a": NaN}', "NaN", "this is not JSON"),
    "i.jsonl": (b'{"a": ' + b"[" * 100_000, "line 1", "this is not JSON"),
    "j.json": (b"[1, 2]", "item 1", "a row is an object"),
    "a.zip": (b"PK\x03\x04 no archive", "a.zip", "this zip archive cannot be read"),
    "b.zip": (packed({"readme.md": b"x"}), "readme.md", "no CSV or JSON file"),
    "c.zip": (packed({"a.csv": b"a\n1\n", "b.csv": b"b\n2\n"}), "table: a.csv", "is not set"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_named(little: LittleProject, name: str) -> None:
    raw, *words = BAD[name]
    little.files[f"data/{name}"] = raw
    little.data["leads"] = {"read": f"data/{name}"}
    with pytest.raises(LeadlensError) as refused:
        open_history(load_project(little.write()))
    text = str(refused.value)
    assert [word for word in words if word not in text] == [], text


def test_a_member_that_is_not_there(little: LittleProject) -> None:
    little.files["data/x.zip"] = packed({"contacts.csv": b"a\n1\n"})
    little.data["leads"] = {"read": "data/x.zip", "table": "contact.csv"}
    with pytest.raises(LeadlensError, match=r"did you mean: contacts\.csv"):
        open_history(load_project(little.write()))


def test_a_member_with_a_password(little: LittleProject) -> None:
    raw = bytearray(packed({"a.csv": b"a\n1\n"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", raw, raw.index(mark) + at, 1)
    little.files["data/x.zip"] = bytes(raw)
    little.data["leads"] = {"read": "data/x.zip"}
    with pytest.raises(LeadlensError, match="needs a password"):
        open_history(load_project(little.write()))


def test_an_archive_made_to_fill_the_disk(little: LittleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_files, "_SUSPECT_BYTES", 1 << 20)
    monkeypatch.setattr(zip_files, "_BLOCK", 1 << 16)
    little.files["data/x.zip"] = packed({"a.csv": b"a\n" + b"1\n" * (1 << 22)})
    little.data["leads"] = {"read": "data/x.zip"}
    with pytest.raises(LeadlensError, match="300 times as large"):
        open_history(load_project(little.write()))


def test_of_two_files_of_one_name_the_last_counts(tmp_path: Path) -> None:
    """As any program that unpacks the archive would keep it."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", "a\n2\n")
    for member in (None, "a.csv"):
        with zip_files.unpacked(path, member, "x") as (copy, _):
            assert copy.read_text() == "a\n2\n"


def test_an_archive_takes_half_of_the_disk_at_most(
    little: LittleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(little.folder)._replace(free=1000)
    monkeypatch.setattr(zip_files.shutil, "disk_usage", lambda path: free)
    little.files["data/x.zip"] = packed({"a.csv": b"a\n" + b"1\n" * 500})
    little.data["leads"] = {"read": "data/x.zip"}
    with pytest.raises(LeadlensError, match="more than half of the disk that is left"):
        open_history(load_project(little.write()))


def test_hidden_files_of_an_archive_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(packed({".hidden.csv": b"a\n1\n", "__MACOSX/b.csv": b"a\n1\n", "a.csv": b"a\n1\n"}))
    assert zip_files.readable_members(path, "x") == ["a.csv"]


def test_a_large_list_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadlens.pipeline.sources.json_files._BLOCK_ROWS", 3)
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": number} for number in range(10)]))
    sizes = [batch.num_rows for batch in open_json(path, "utf-8", "x")]
    assert sizes == [0, 3, 3, 3, 1]

"""Lists of values: what a file beside the sheet may hold, where it may lie, and what a mistake says."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from leadlens.features import UsageError
from leadlens.models.scorecard import Sheet, check_sheet, score_sheet
from leadlens.models.scorecard.language.lists import MOST_VALUES, read_list
from tests.models.histories import DAY, START, open_small, set_spine

SHEET = """\
sheet: small
attributes: [{label: Rival, when: company IN rivals, points: -5}]
lists: {rivals: %s}
"""


def load(folder: Path, told: str) -> Sheet:
    path = folder / "small.yaml"
    path.write_text(SHEET % told, encoding="utf-8")
    return Sheet.load(path)


def of_file(folder: Path, content: str | bytes, name: str = "rivals.txt") -> tuple[str, ...]:
    raw = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(raw)
    return load(folder, name).lists["rivals"]


def mistake(folder: Path, told: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(folder, told)
    message = str(caught.value)
    assert f"{folder / 'small.yaml'}:3: " in message
    assert "rivals" in message
    return message


def refused(folder: Path, content: str | bytes, name: str = "rivals.txt") -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return mistake(folder, name)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("Acme\nBolt\n", ("Acme", "Bolt")),
        ("Acme\r\nBolt\r\n", ("Acme", "Bolt")),
        ("Acme\rBolt", ("Acme", "Bolt")),
        (b"\xef\xbb\xbfAcme\r\n\xc3\x9cber GmbH", ("Acme", "Über GmbH")),
        ("# of March\n\n  Acme  \n\t\n   # Bolt\nBolt # of Bern\n", ("Acme", "Bolt # of Bern")),
        ("Bolt\nAcme\nBolt\n", ("Bolt", "Acme")),
        ('O\'Neil "&" Sons, Inc; --\n李明\n', ('O\'Neil "&" Sons, Inc; --', "李明")),
        ("one\u00a0\ntwo words\n", ("one", "two words")),
    ],
)
def test_a_text_file_holds_a_value_a_line(tmp_path: Path, content: str | bytes, values: tuple[str]) -> None:
    assert of_file(tmp_path, content) == values


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("Acme,Bern\nBolt,Rome\n", ("Acme", "Bolt")),
        ('"Acme, Inc",Bern\r\n"the ""B""",x\r\n', ("Acme, Inc", 'the "B"')),
        ("\ufeffname,city\nAcme,Bern\n", ("name", "Acme")),
        ("\n,\nAcme\n\n  ,x\n#1 Bolt\n", ("Acme", "#1 Bolt")),
    ],
)
def test_of_a_csv_the_first_column_is_read_and_every_row(
    tmp_path: Path, content: str, values: tuple[str]
) -> None:
    assert of_file(tmp_path, content, "rivals.csv") == values
    assert of_file(tmp_path, content, "rivals.CSV") == values


def test_a_file_may_lie_in_a_folder_below(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    assert of_file(tmp_path, "Acme", "lists/rivals.txt") == ("Acme",)
    (tmp_path / "linked.txt").symlink_to(tmp_path / "lists" / "rivals.txt")
    assert load(tmp_path, "linked.txt").lists["rivals"] == ("Acme",)
    assert load(tmp_path, "./lists/../lists/rivals.txt").lists["rivals"] == ("Acme",)


@pytest.mark.parametrize("content", ["", "\n\n", "# Acme\n", "   \r\n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    assert "this list is empty: no lead could ever match it" in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"Acme\nBolt\ncaf\xe9\n", "rivals.txt, line 3: this is not UTF-8 text"),
        ("Acme\n".encode("utf-16"), "rivals.txt, line 1: this is not UTF-8 text"),
        ("Acme\n".encode("utf-16-le"), "rivals.txt, line 1: the value holds an invisible character, U+0000"),
        ("Acme\r\nBo\x00lt\r\n", "rivals.txt, line 2: the value holds an invisible character, U+0000"),
        ("Acme\n\nBo\x0clt\n", "rivals.txt, line 3: the value holds an invisible character, U+000C"),
        ("Acme\n\u202eBolt\n", "rivals.txt, line 2: the value holds an invisible character, U+202E"),
        ("Acme\n" + "x" * 1_001, "rivals.txt, line 2: the value is longer than 1,000 characters"),
        ("x" * 5_000_001, "'rivals.txt' is larger than 5 MB: make it a column of the leads"),
        (
            "".join(f"{n}\n" for n in range(MOST_VALUES + 1)),
            "rivals.txt, line 50001: this list has more than 50,000 values",
        ),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_mistake_in_a_file_names_file_and_line(tmp_path: Path, content: str | bytes, told: str) -> None:
    message = refused(tmp_path, content)
    assert told in message
    assert len(message) < 1_200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('Acme\n"Bolt\nCore\n', "line 3: a quote is opened and not closed"),
        ('Acme\n"Bo"lt,x\n', "line 2: a quote is opened and not closed, or closed too early"),
        ('Acme\n"Bo\nlt",x\n', "line 3: the value holds an invisible character, a line end"),
        ("Acme\n" + "x" * 200_000, "line 2: this is not CSV"),
        (b"Acme\n\xff", "line 2: this is not UTF-8 text"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_mistake_in_a_csv_names_file_and_line(tmp_path: Path, content: str | bytes, told: str) -> None:
    assert f"rivals.csv, {told}" in refused(tmp_path, content, "rivals.csv")


def test_as_many_values_as_allowed(tmp_path: Path) -> None:
    assert len(of_file(tmp_path, "".join(f"{n}\n" for n in range(MOST_VALUES)))) == MOST_VALUES


def test_a_missing_file_is_told_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "rivals_2026.txt").write_text("Acme")
    message = mistake(tmp_path, "rivals.txt")
    assert (
        "there is no file 'rivals.txt' that can be read beside the sheet; there are rivals_2026.txt"
        in message
    )
    assert "there is no file" in mistake(tmp_path, "nowhere/rivals.txt")
    assert "there is no file" in mistake(tmp_path, "rivals_2026.txt/rivals.txt")
    assert "there is no file" in mistake(tmp_path, "r" * 5_000)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "folder.txt").mkdir()
    for name in ("pipe.txt", "folder.txt", "."):
        assert f"{name}' is not a file" in mistake(tmp_path, name)
    assert "U+0000" in mistake(tmp_path, r'"a\0b.txt"')
    (tmp_path / "a.txt").symlink_to("b.txt")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert "there is no file 'a.txt'" in mistake(tmp_path, "a.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "rivals.txt").write_text("Acme")
    (tmp_path / "rivals.txt").chmod(stat.S_IWUSR)
    assert "there is no file 'rivals.txt' that can be read" in mistake(tmp_path, "rivals.txt")


def test_a_file_outside_the_folder_is_refused_and_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "sheets"
    inside.mkdir()
    (tmp_path / "secret.txt").write_text("hunter2")
    (tmp_path / "sheets_2").mkdir()
    (tmp_path / "sheets_2" / "secret.txt").write_text("hunter2")
    (inside / "link.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "folder").symlink_to(tmp_path)
    names = [
        "../secret.txt",
        "folder/secret.txt",
        "link.txt",
        "../sheets_2/secret.txt",
        "/etc/hostname",
        "/dev/zero",
    ]
    names += [str(tmp_path / "secret.txt"), "../nowhere.txt", "folder/nowhere.txt", "folder/../../secret.txt"]
    for name in names:
        message = mistake(inside, name)
        assert "is somewhere else: list files must be in the folder of the sheet or below it" in message, name
        assert "hunter2" not in message


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("[]", "this list is empty"),
        ("['', ' ']", "this list is empty"),
        ("", "a list of values is expected"),
        ("3", "a list of values is expected"),
        ("{a: b}", "a list of values is expected"),
        ("[a, 3]", "YAML reads '3' as something else: put it in quotes"),
        ("[a, yes]", "YAML reads 'true' as something else"),
        ("[a, 2026-01-31]", "YAML reads '2026-01-31' as something else"),
        ("[a, ~]", "the values of a list are texts: write [one, two]"),
        ("[[a]]", "the values of a list are texts: write [one, two]"),
        ('[a, "b\\0"]', "value 2: the value holds an invisible character, U+0000"),
        ('[a, "b\\nc"]', "value 2: the value holds an invisible character, a line end"),
    ],
)
def test_a_mistake_in_a_list_in_the_sheet(tmp_path: Path, told: str, says: str) -> None:
    assert says in mistake(tmp_path, told)


def test_a_sheet_that_is_no_file_names_none() -> None:
    with pytest.raises(ValueError, match="that is not read from a file cannot name one"):
        read_list("rivals.txt", None)


def test_the_version_follows_the_values_of_the_file(tmp_path: Path) -> None:
    def version(content: str) -> str:
        of_file(tmp_path, content)
        return load(tmp_path, "rivals.txt").version

    before = version("Acme\nBolt\n")
    assert version("# of March\nAcme\r\n\r\nBolt") == before == load(tmp_path, "[Acme, Bolt]").version
    assert version("Acme\nBolt\nCore\n") != before
    assert version("Acme\nbolt\n") != before
    assert version("Acme\nBolt\n") == before


def test_a_list_survives_in_the_record_of_a_sheet_without_its_file(tmp_path: Path) -> None:
    of_file(tmp_path, "Acme\nBolt\n")
    sheet = load(tmp_path, "rivals.txt")
    (tmp_path / "rivals.txt").unlink()
    assert Sheet.model_validate(sheet.content()).version == sheet.version


VALUES = [
    "Acme",
    "O'Neil",
    "'); DROP TABLE leads; --",
    "%",
    "A_me",
    "\\",
    '"',
    "a, b",
    "Ünïcødé 李",
    "${HOME}",
]


def test_every_value_matches_itself_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "rivals.txt").write_text("\n".join(VALUES), encoding="utf-8")
    others: list[Any] = ["acme", "Acme ", "Axme", "#", None, "Acme, O'Neil"]
    leads = [{"lead_id": f"{n:02}", "company": company} for n, company in enumerate([*VALUES, *others])]
    history = open_small(leads, lead_attributes={"company": "text"})
    spine = set_spine(history, [(lead["lead_id"], START + DAY) for lead in leads])
    scores = score_sheet(load(tmp_path, "rivals.txt"), history, spine).scores
    assert scores["total"].tolist() == [-5.0] * len(VALUES) + [0.0] * len(others)
    assert history.engine.count("leads") == len(leads)


def test_a_long_list_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "rivals.txt").write_text("".join(f"firm {n}\n" for n in range(MOST_VALUES)), encoding="utf-8")
    leads = [{"lead_id": "a", "company": f"firm {MOST_VALUES - 1}"}, {"lead_id": "b", "company": "firm"}]
    history = open_small(leads, lead_attributes={"company": "text"})
    spine = set_spine(history, [("a", START + DAY), ("b", START + DAY)])
    sheet = load(tmp_path, "rivals.txt")
    assert score_sheet(sheet, history, spine).scores["total"].tolist() == [-5.0, 0.0]
    assert not [finding for finding in check_sheet(sheet, history) if "rivals" in finding.message]

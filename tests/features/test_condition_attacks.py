"""Nothing that is no condition gets through, wherever in a sheet it stands, and nothing of it is ever run."""

from __future__ import annotations

import ctypes
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leadlens.features import History, UsageError
from leadlens.features.conditions.condition import Condition
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, score_sheet
from tests.features.condition_attacks import BY_KIND, COLUMNS, LISTS, TABLES, attacks
from tests.models.histories import DAY, START, open_small, set_spine

EVERY = attacks()
# what a message must not hold: the insides of Python and of the parser
INSIDES = re.compile(
    r"sqlglot|pydantic|duckdb|Traceback|<class|object at 0x|\bexp\.|\bToken\b|TokenType|Expecting|Unexpected"
    r"|Error\(|Exception|NoneType|\bNone\b|\bTrue\b|\bFalse\b"
)
_IN_OPEN, _IN_CREATE, _IN_MODIFY = 0x20, 0x100, 0x2


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        Condition.parse(text, COLUMNS, "sheet.yaml:7 ('Rule')", TABLES, LISTS)
    return caught.value


def test_there_are_attacks_of_every_kind() -> None:
    assert len({text for _, text in EVERY}) == len(EVERY) > 600
    assert min(map(len, BY_KIND.values())) > 10


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_attack_is_refused_in_plain_words(kind: str) -> None:
    for text in (text for told, text in EVERY if told == kind):
        error = refusal(text)
        assert error.where == "sheet.yaml:7 ('Rule')"
        assert error.__cause__ is None
        assert error.fix
        assert len(str(error)) < 1_200
        # what was typed may hold any word; what we say about it may not
        said = f"{error.what}\n{error.fix}"
        assert [word for word in INSIDES.findall(said) if word not in text] == [], text[:200]
        assert [word for word in re.findall(r"'([A-Z][A-Z_]+)'", error.what) if word not in text] == []


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_attack_is_refused_within_a_tenth_of_a_second(kind: str) -> None:
    for text in (text for told, text in EVERY if told == kind):
        took = []
        for _ in range(3):
            started = time.thread_time()  # of this thread alone: other work on the machine is not its fault
            refusal(text)
            took.append(time.thread_time() - started)
        assert statistics.median(took) < 0.1, text[:200]


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """The names of files in the folder that anybody opens, makes or changes in the meantime (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    assert handle >= 0
    assert libc.inotify_add_watch(handle, os.fsencode(folder), _IN_OPEN | _IN_CREATE | _IN_MODIFY) >= 0
    seen: list[str] = []
    try:
        yield seen
        try:
            raw = os.read(handle, 1_000_000)
        except BlockingIOError:
            raw = b""
        while raw:
            length = int.from_bytes(raw[12:16], sys.byteorder)
            seen.append(os.fsdecode(raw[16 : 16 + length].rstrip(b"\0")))
            raw = raw[16 + length :]
    finally:
        os.close(handle)


def opened() -> History:
    history = open_small(
        [{"lead_id": "a", "age": 40.0, "name": "x", "company": "Acme"}],
        [{"lead_id": "a", "occurred_at": START, "event_type": "email_opened", "page": "p"}],
        lead_attributes={
            "age": "number",
            "name": "text",
            "student": "boolean",
            "created": "time",
            "company": "text",
        },
        account_attributes={"industry": "category", "size": "number"},
        event_properties={
            "age": "number",
            "name": "text",
            "student": "boolean",
            "created": "time",
            "page": "text",
        },
    )
    history.engine.connection.execute("CREATE TABLE canary AS SELECT TRUE AS alive")
    set_spine(history, [("a", START + DAY)])
    return history


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    found = opened()
    yield found
    found.engine.connection.close()


@pytest.fixture
def cage(tmp_path: Path) -> Path:
    (tmp_path / "cage").mkdir()
    (tmp_path / "cage" / "canary.csv").write_text("alive\ntrue\n")
    return tmp_path / "cage"


def tables(history: History) -> dict[str, Any]:
    rows = history.engine.connection.execute(
        "SELECT table_name, CAST(estimated_size AS VARCHAR) FROM duckdb_tables() "
        "UNION ALL SELECT name, value FROM duckdb_settings() "
        "UNION ALL SELECT database_name, path FROM duckdb_databases()"
    ).fetchall()
    return {**dict(rows), "alive": history.engine.connection.execute("FROM canary").fetchall()}


def score(folder: Path, history: History, **settings: Any) -> Any:
    document = {
        "sheet": "attacked",
        "lists": {"rivals": ["Acme"], "sectors": ["IT"]},
        "attributes": [{"label": "Rule", "when": "age > 1", "points": 1, "key": "grown_up"}],
        **settings,
    }
    path = folder / "attacked.yaml"
    # JSON is YAML; with escapes every character arrives, whatever it is
    written = json.dumps(document, ensure_ascii=False)
    path.write_text(re.sub("[^ -~]", lambda char: f"\\U{ord(char[0]):08x}", written), encoding="ascii")
    return score_sheet(Sheet.load(path), history, Spine(history.engine, "spine"))


PLACES: dict[str, Any] = {
    "attributes": lambda text: {"attributes": [{"label": "Rule", "when": text, "points": 1}]},
    "actions": lambda text: {"actions": [{"label": "Act", "when": text, "points": 1}]},
    "after": lambda text: {
        "actions": [{"label": "Act", "when": "event_type = 'x'", "points": 1, "after": text}]
    },
    "of": lambda text: {
        "actions": [{"label": "Act", "when": "event_type = 'x'", "points": 1, "per": "value", "of": text}]
    },
    "disqualify": lambda text: {"disqualify": [{"label": "Bar", "when": text}]},
    "for": lambda text: {"for": text},
    "thresholds": lambda text: {"thresholds": {"mql": {"when": text}, "sql": 50}},
    "routes": lambda text: {"routes": [{"label": "Route", "when": text, "action": "call"}]},
}


@pytest.mark.skipif(sys.platform != "linux", reason="files are watched by inotify")
@pytest.mark.parametrize("place", PLACES)
def test_of_an_attack_in_a_sheet_nothing_runs(
    place: str, tmp_path: Path, cage: Path, history: History
) -> None:
    before = tables(history)
    texts = [text for _, text in attacks(str(cage / "canary.csv"), str(cage / "new.txt"))]
    if place != "attributes":  # the same code reads all: a share of the attacks for each
        texts = texts[list(PLACES).index(place) :: len(PLACES)]
    home = os.getcwd()
    with watched(cage) as touched:
        for text in texts:
            with pytest.raises(UsageError) as caught:
                score(tmp_path, history, **PLACES[place](text))
            assert len(str(caught.value)) < 1_500
    assert touched == []
    assert tables(history) == before
    assert sorted(os.listdir(cage)) == ["canary.csv"]
    assert not (Path(home) / "x.db").exists()
    assert score(tmp_path, history).scores["total"].tolist() == [1.0]


@pytest.mark.skipif(sys.platform != "linux", reason="files are watched by inotify")
def test_texts_labels_and_lists_may_hold_an_attack_and_nothing_runs(
    tmp_path: Path, cage: Path, history: History
) -> None:
    """In quotes it is a text like any other: it is compared, and told in the ledger."""
    texts = [
        text
        for _, text in attacks(str(cage / "canary.csv"), str(cage / "new.txt"))
        if text.isprintable() and len(text) < 900 and not any("\ud800" <= char <= "\udfff" for char in text)
    ]
    texts = list({text.strip(): None for text in texts})
    rules: list[dict[str, Any]] = []
    share = texts[::12]
    for number, text in enumerate(share):
        literal = "'" + text.replace("'", "''") + "'"
        rules.append({"label": text, "when": f"name <> {literal} AND NOT name LIKE {literal}", "points": 0.5})
        rules.append({"label": f"{number}", "when": f"company IN ({literal}, 'Acme')", "points": 0.5})
    before = tables(history)
    with watched(cage) as touched:
        found = score(
            tmp_path,
            history,
            attributes=rules,
            lists={"rivals": texts},
            disqualify=[{"label": f"Bar {texts[0]}", "when": "name IN rivals"}],
            actions=[
                {"label": f"{text} did", "when": "event_type = 'email_opened'", "points": 1} for text in share
            ],
            routes=[{"label": texts[1], "when": "total > 0", "action": texts[2], "queue": texts[3]}],
        )
    assert len(texts) > 500
    assert touched == []
    assert tables(history) == before
    likes_all = sum(set(text) <= {"%"} for text in share)
    assert found.scores["total"].tolist() == [2.0 * len(share) - 0.5 * likes_all]
    assert set(found.ledger["rule"]) >= set(share)
    assert found.scores.loc[0, ["route", "action", "queue"]].tolist() == texts[1:4]


@pytest.mark.skipif(sys.platform != "linux", reason="files are watched by inotify")
def test_the_guards_of_these_tests_see_what_an_attack_would_do(cage: Path) -> None:
    history = opened()
    connection = history.engine.connection
    before = tables(history)
    with watched(cage) as touched:
        connection.execute(f"SELECT content FROM read_text('{cage / 'canary.csv'}')").fetchall()
    assert "canary.csv" in touched
    with watched(cage) as touched:
        connection.execute(f"COPY canary TO '{cage / 'new.txt'}' (FORMAT csv)")
    assert "new.txt" in {name.removeprefix("tmp_") for name in touched}
    connection.execute("UPDATE canary SET alive = FALSE")
    assert tables(history) != before
    connection.close()

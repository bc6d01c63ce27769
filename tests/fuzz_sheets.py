"""Throw broken score sheets and conditions at their readers: each must come out as a sheet or as a clean message.

``python -m tests.fuzz_sheets --minutes 10`` mutates valid sheets as text (characters, lines, YAML tags, anchors,
numbers) and as values (each setting replaced by odd values of every kind), and the conditions in them. What is
read is then held against a small history; a share is scored. Anything but a ``UsageError`` in plain words, or a
case that takes two seconds to read, is printed with its seed and its text, and the exit code is 1.
``--seed 17 --cases 1`` runs one case again.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from leadlens.features import History, UsageError
from leadlens.features.conditions.condition import Condition
from leadlens.features.spine import Spine
from leadlens.features.yaml_model import read_yaml
from leadlens.models.scorecard import Sheet, check_sheet, score_sheet
from leadlens.models.scorecard.language.parsing import parse_conditions
from tests.features.condition_attacks import COLUMNS, LISTS, TABLES
from tests.fuzz_mutations import of_condition, of_text, of_values
from tests.models.histories import DAY, START, open_small, set_spine

LONGEST = 2.0  # seconds that reading a case may keep the processor busy
_HANGS = 60.0  # seconds after which a case is stopped
_HERE = Path(__file__).parent
_SHEETS = [
    *sorted((_HERE / "models/sheets").glob("*.yaml")),
]
_INSIDES = re.compile(
    r"sqlglot|pydantic|Traceback|<class|object at 0x|TokenType|Value error|NoneType|function-"
)

EVERYTHING = """\
sheet: everything
about: One of every setting
for: "company NOT IN rivals OR company IS NULL"
lists:
  rivals: rivals.txt
  firms: firms.csv
  sectors: [IT, Finance]
base: {fit: 20, engagement: 0}
dimensions: [platform, services]
products: [platform, services]
total: [fit, engagement]
scale: {zero: -10, hundred: 120}
groups:
  - {name: e_mail, cap: 25}
attributes:
  - {label: Grown up, when: age >= 18 AND NOT student, points: 15, key: grown_up}
  - {label: Sector, when: account.industry IN sectors, points: 5, group: e_mail, dimension: platform, also: [services]}
  - {label: Rival, when: "lower(company) LIKE 'ac%' OR company IN firms", points: -30.5}
actions:
  - {label: Page, when: event_type = 'page_viewed', points: 1, per: each, within: 30d, cap: 5, decay: {half_life: 30d}}
  - {label: Pages, when: page IS NOT NULL, points: 2, per: value, of: page, decay: {to_zero: 60d}, also: [platform]}
  - {label: Days, when: value BETWEEN 1 AND 3, points: 3, per: day, group: e_mail}
  - {label: Thrice, when: "TRUE", points: 4, at_least: {days: 3}, key: thrice}
  - {label: Later, when: event_type = 'demo', points: 0, after: event_type = 'form', key: demo}
  - {label: Quiet, when: event_type <> 'email_sent', points: -5, silent: 30d}
disqualify:
  - {label: Student, when: student AND created < DATE '2026-01-31'}
  - {label: Left, when: event_type = 'left', on: action}
thresholds:
  mql: 30
  sql: {points: 55, keep: 45, when: "rule.demo AND age IS NOT NULL AND fit_grade IN ('A', 'B')"}
grades: {fit: [75, 50, 25], engagement: [7.5, 5, 2.5]}
routes:
  - {label: Call, when: "stage <> 'Lead' AND NOT disqualified AND trend >= 0", action: call, queue: reps, reason: Now}
  - {label: Rest, when: feature.any__trend > 3 OR score < 50, action: nurture}
"""
BESIDE = {
    "rivals.txt": "# of March\nAcme\nO'Neil\n",
    "firms.csv": 'firm,city\n"Bolt, Inc",Bern\n',
    "empty.txt": "",
}

_CONDITIONS = """age > 1 | name = 'x' | student AND age IN (1, 2) | name IS NOT NULL | length(trim(name)) > 3
| created BETWEEN DATE '2026-01-01' AND '2026-02-01' | NOT name IN rivals | lower(account.industry) LIKE 'a%'
| coalesce(name, 'x') <> 'y' OR age / 2 > 1 + age | -age < 2.5 | "Größe in cm" NOT IN (1, 2) | student IS TRUE
| name NOT ILIKE '%it''s_' AND (date < created OR "Job" IN sectors) | coalesce(date, created, '2026-01-31') > date"""
CONDITIONS = _CONDITIONS.split("|")


class Hang(BaseException):
    """A case that takes too long; no ``except Exception`` may swallow it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise ``Hang`` in the main thread after so long."""

    def stop(*_: object) -> None:
        raise Hang(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Fuzzer:
    """Runs cases; ``counts`` tells what became of them. Of the sheets that are read a share is scored."""

    def __init__(self, folder: Path, scored: float = 0.2) -> None:
        self.folder, self.scored, self.counts = folder, scored, Counter[str]()
        self.slowest = (0.0, 0)
        self._read = 0.0
        for name, content in BESIDE.items():
            (folder / name).write_text(content, encoding="utf-8")
        self.history = _history()
        self.texts = [EVERYTHING, EVERYTHING, EVERYTHING, *(path.read_text("utf-8") for path in _SHEETS)]
        self.documents = [self._document(text) for text in self.texts]

    def _document(self, text: str) -> Any:
        (self.folder / "valid.yaml").write_text(text, encoding="utf-8")
        Sheet.load(self.folder / "valid.yaml")
        return read_yaml(self.folder / "valid.yaml", "score sheet")[0]

    def case(self, seed: int) -> tuple[Callable[[], str], str]:
        """What to run, and the text it runs on."""
        rng = random.Random(seed)
        which = rng.randrange(len(self.texts))
        match rng.randrange(10):
            case 0 | 1 | 2 | 3:
                text = of_text(self.texts[which], rng)
            case 4 | 5 | 6:
                document = of_values(self.documents[which], rng)
                try:
                    text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
                except ValueError:  # a whole number of thousands of digits
                    text = of_text(self.texts[which], rng)
                text = text if rng.random() < 0.5 else yaml.safe_dump(document, allow_unicode=True)
            case _:
                text = of_condition(rng.choice(CONDITIONS), rng)
                return lambda: self.condition(text), text
        raw = text.encode("utf-8", "surrogatepass")
        if rng.random() < 0.03:  # not UTF-8, or not text at all
            at = rng.randrange(len(raw) + 1)
            raw = raw[:at] + rng.randbytes(rng.choice([1, 4, 40])) + raw[at:]
        if rng.random() < 0.01:
            raw = text.encode("utf-16", "surrogatepass")
        return lambda: self.sheet(raw, scored=rng.random() < self.scored), repr(raw)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            self._read += time.process_time() - started

    def condition(self, text: str) -> str:
        """Refused, or run over a row."""
        try:
            with self._reading():
                found = Condition.parse(text, COLUMNS, "sheet.yaml:7", TABLES, LISTS)
        except UsageError as error:
            return _clean(error, "sheet.yaml:7")
        dialect = self.history.engine.dialect
        held = found.sql(dialect, {"": "l", "account": "a"})
        self.history.engine.value(f"SELECT bool_or({held}) FROM odd_rows AS l, odd_accounts AS a")
        return "condition accepted"

    def sheet(self, raw: bytes, scored: bool) -> str:
        """Refused, or read, recorded, read again, held against the history and perhaps scored."""
        path = self.folder / "fuzzed.yaml"
        path.write_bytes(raw)
        try:
            with self._reading():
                sheet = Sheet.load(path)
        except UsageError as error:
            return _clean(error, str(path))
        again = Sheet.model_validate(json.loads(json.dumps(sheet.content())))
        if (again.version, again.content()) != (sheet.version, sheet.content()):
            raise AssertionError(f"the record of the sheet is another sheet: {again.content()}")
        try:
            if scored:
                check_sheet(sheet, self.history)
                score_sheet(sheet, self.history, Spine(self.history.engine, "spine"), movement=True)
                return "sheet scored"
            with self._reading():
                parse_conditions(sheet, self.history)
        except UsageError as error:
            return _clean(error, str(path)).replace("refused", "read, conditions refused")
        return "sheet accepted"

    def run(self, seed: int) -> str | None:
        """Run a case; the report of a crash, else ``None``."""
        run, text = self.case(seed)
        self._read = 0.0
        try:
            with limited(_HANGS):
                self.counts[run()] += 1
            self.slowest = max(self.slowest, (self._read, seed))
            if self._read < LONGEST:
                return None
            told = f"{self._read:.1f} seconds of reading"
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever is no message to the user is what is looked for
            told = traceback.format_exc(limit=-12)
        self.counts["CRASH"] += 1
        return f"--- seed {seed}: {told}\n--- the text:\n{text[:20_000]}\n"


def _clean(error: UsageError, where: str) -> str:
    message = str(error)
    assert type(error) is UsageError
    assert where in message, f"the message does not say where: {message[:2_000]}"
    assert len(message) < 15_000, f"a message of {len(message):,} characters: {message[:2_000]}"
    said = "\n".join(line for line in message.split("\n") if not line.startswith("  received: "))
    assert not _INSIDES.search(said), f"insides of the program are told: {message[:2_000]}"
    return "condition refused" if where == "sheet.yaml:7" else "sheet refused"


def _history() -> History:
    moments = [START + n * DAY for n in range(6)]
    kinds = ["page_viewed", "demo", "form", "left", "email_sent", "it's; --"]
    pages, values = ["p", "q", None, "p", "", "'"], [1, 2, None, 0, 1e308, -1]
    first = {"age": 40.0, "name": "x", "company": "Acme", "student": False, "account_id": "f"}
    second = {"age": -1e308, "name": "", "company": "%", "student": True, "created": START}
    history = open_small(
        [{"lead_id": "a", **first}, {"lead_id": "b", **second}, {"lead_id": "c"}],
        [
            {"lead_id": lead, "occurred_at": at, "event_type": kind, "page": page, "value": value}
            for lead in "ab"
            for at, kind, page, value in zip(moments, kinds, pages, values, strict=True)
        ],
        [{"account_id": "f", "industry": "IT", "size": 12.0}],
        lead_attributes={name: COLUMNS[name] for name in ("age", "name", "student", "created")}
        | {"company": "category"},
        account_attributes=TABLES["account"],
        event_properties={"page": "category", "value": "number"},
    )
    set_spine(history, [(lead, moments[n]) for lead in "abc" for n in (0, 3, 5)])
    history.engine.connection.execute(_ODD_ROWS)
    history.engine.connection.execute("CREATE TABLE odd_accounts AS SELECT 'IT' AS industry, 3.0 AS size")
    return history


# what no condition may fail over: gaps, ends of ranges, texts that are not dates
_ODD_ROWS = """CREATE TABLE odd_rows AS SELECT * FROM (VALUES
    ('x', 1.0, 'it''s', TRUE, TIMESTAMP '2026-01-31', TIMESTAMP '1969-12-31', '', 180.0, 'IT'),
    ('', 1e308, 'abc%_\\', FALSE, TIMESTAMP 'infinity', NULL, '💥', -0.0, ''),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('2026-01-31', 'nan'::DOUBLE, '1', TRUE, TIMESTAMP '9999-12-31', TIMESTAMP '1000-01-01', 'x', -1e308, 'y'))
    AS r(event_type, age, name, student, created, date, comment, "Größe in cm", "Job")"""


def main(arguments: list[str] | None = None) -> int:
    """Run cases for so many minutes or so many cases; 1 if one crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_sheets", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--cases", type=int, help="stop after so many cases")
    parser.add_argument("--seed", type=int, default=0, help="of the first case; the next ones count up")
    parser.add_argument("--keep-going", action="store_true", help="report every crash, not only the first")
    told = parser.parse_args(arguments)
    ends, crashed, seed = time.monotonic() + 60 * told.minutes, False, told.seed
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(Path(folder))
        while (told.cases is None or seed < told.seed + told.cases) and time.monotonic() < ends:
            report = fuzzer.run(seed)
            if report:
                print(report, flush=True)
                crashed = True
                if not told.keep_going:
                    break
            seed += 1
    print(f"{seed - told.seed:,} cases from seed {told.seed}: {dict(fuzzer.counts.most_common())}")
    print(f"slowest to read: {fuzzer.slowest[0]:.2f} s (seed {fuzzer.slowest[1]})")
    return int(crashed)


if __name__ == "__main__":
    sys.exit(main())

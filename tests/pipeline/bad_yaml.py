"""Kinds of bad input: a project file that is not the YAML it should be."""

from __future__ import annotations

from tests.pipeline.kinds import Table, text

YAML = Table()
wrong_use, reported = YAML.wrong_use, YAML.reported
FINE = """name: little
data:
  leads: {read: data/leads.csv}
  conversions: {read: data/conversions.parquet}
outcome: {horizon: 10d}
"""
_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{number}: &a{number} [{','.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)

reported("a byte order mark", leads=160)(text(FINE.encode("utf-8-sig")))
reported("an anchor", leads=160)(text(FINE + "judge: &judge {test_share: 0.5}\n"))
wrong_use("an empty file", "holds no settings")(text(""))
wrong_use("comments only", "holds no settings")(text("# to be written\n"))
wrong_use("a list", "holds no settings", "['a', 'b']")(text("- a\n- b\n"))
wrong_use("a word", "holds no settings", "hello")(text("hello"))
wrong_use("a file of another kind", "data is missing")(text('{"name": "x"}'))
wrong_use("a key that stands twice", "project.yaml:6: this key occurs twice", "on line 1")(
    text(FINE + "name: other\n")
)
wrong_use("a tab", "project.yaml:7: this is not valid YAML", "'\\t'")(
    text(FINE + "judge:\n\ttest_share: 0.5\n")
)
wrong_use("a quote that is never closed", "project.yaml:7: this is not valid YAML")(
    text(FINE + 'about: "abc\n')
)
wrong_use("a line too far to the right", "project.yaml:6: this is not valid YAML")(text(FINE + "  x: 1\n"))
wrong_use("two documents", "project.yaml:6: this is not valid YAML")(text(FINE + "---\nname: b\n"))
wrong_use("a control character", "this is not valid YAML", "#x0007")(text(FINE + "about: a\x07b\n"))
wrong_use("a tag that runs a program", "plain values only", "!!python/object/apply:os.system")(
    text(FINE + "about: !!python/object/apply:os.system ['true']\n")
)
wrong_use("a tag of somebody's own", "plain values only", "!secret")(text(FINE + "about: !secret x\n"))
wrong_use("bytes", "plain values only", "!!binary")(text(FINE + "about: !!binary aGVsbG8=\n"))
wrong_use("a set", "plain values only", "!!set")(text(FINE + "known_after: !!set {a, b}\n"))
wrong_use("aliases of aliases of aliases", "too large", "aliases")(text(FINE + _BOMB))
wrong_use("an alias inside itself", "nested too deeply")(text(FINE + "known_after: &a [*a]\n"))
wrong_use("a thousand brackets", "nested too deeply")(text("a: " + "[" * 1000 + "]" * 1000))
wrong_use("five megabytes", "larger than 1 MB", "5,000,1")(text(FINE + "# " + "x" * 5_000_000))
wrong_use("Latin-1", "project.yaml:6: this project file is not UTF-8")(
    text((FINE + "about: Zürich\n").encode("latin-1"))
)
wrong_use("UTF-16", "not UTF-8 text")(text(FINE.encode("utf-16")))
wrong_use("a list as key", "project.yaml:6: a key is a plain word")(text(FINE + "? [a, b]\n: 1\n"))
wrong_use("a number as key", "unknown key", "received: 1")(text(FINE + "1: 2\n"))
wrong_use("a merge key", "unknown key", "received: <<")(text(FINE + "<<: {about: x}\n"))
wrong_use("a date that no calendar has", "project.yaml:6", "out of range", "2024-02-31")(
    text(FINE + "judge: {test_from: 2024-02-31}\n")
)
wrong_use("a moment before all calendars", "judge.test_from", "between the years 1000 and 9000")(
    text(FINE + "judge: {test_from: 0001-01-01T00:00:00+10:00}\n")
)
wrong_use("a number that is none", "project.yaml:6", "0x_")(text(FINE + "model: {trials: 0x_}\n"))
wrong_use("a duration that YAML takes for a number", "outcome.horizon", "630")(
    text(FINE.replace("10d", "10:30"))
)
wrong_use("a no that YAML takes for false", "outcome.kind.1", "in quotes")(
    text(FINE.replace("10d", "10d, kind: [sale, no]"))
)
wrong_use("a name that YAML takes for a number", "name: text is expected", "in quotes")(
    text(FINE.replace("little", "5"))
)
wrong_use("infinity", "judge.test_share", "less than 1")(text(FINE + "judge: {test_share: .inf}\n"))
wrong_use("not a number", "judge.test_share", "less than 1")(text(FINE + "judge: {test_share: .nan}\n"))

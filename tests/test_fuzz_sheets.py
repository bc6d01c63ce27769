"""A short run of the fuzzer, the same cases each time, and that it would see a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadlens.models.scorecard import Sheet
from tests.fuzz_sheets import Fuzzer, main


def test_three_hundred_broken_sheets_and_conditions_are_told_in_plain_words(tmp_path: Path) -> None:
    fuzzer = Fuzzer(tmp_path, scored=0.02)
    assert [report for seed in range(300) if (report := fuzzer.run(seed))] == []
    assert sum(fuzzer.counts.values()) == 300
    for outcome in ("sheet refused", "sheet accepted", "condition refused", "condition accepted"):
        assert fuzzer.counts[outcome] > 0, fuzzer.counts


def test_a_crash_is_reported_with_its_seed_and_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(path: Path) -> Sheet:
        raise LookupError("a slip")

    monkeypatch.setattr(Sheet, "load", lambda path: broken(path) if path.name == "fuzzed.yaml" else None)
    assert main(["--seed", "5", "--cases", "20"]) == 1
    told = capsys.readouterr().out
    assert "--- seed " in told
    assert "LookupError: a slip" in told
    assert "--- the text:" in told

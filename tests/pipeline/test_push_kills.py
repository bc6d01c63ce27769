"""A push that is killed at any step of a misbehaving CRM goes on where it was (`python -m tests.push_kills` does it a hundred times)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.crm_server import FakeCrm
from tests.push_kills import STAGES, PushKills


def test_each_lead_is_sent_at_least_once_and_applied_exactly_once(tmp_path: Path) -> None:
    kills = PushKills(tmp_path, 3, leads=600)
    for number, stage in enumerate(STAGES):
        kills.kill(("hubspot", "salesforce", "https")[number % 3], stage)
    tallies = kills.tallies.values()
    assert [text for tally in tallies for text in tally.wrong] == []
    assert sum(tally.too_late for tally in tallies) <= 1, "kills came while the push worked"
    assert sum(tally.sent for tally in tallies) > 4 * 600, "some leads were in doubt, and sent again"


@pytest.mark.parametrize(
    ("leads", "changed", "message"),
    [
        ({"a": 1}, {"a": 1, "b": 0}, "other scores"),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}, "so often"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 1}, "never sent"),
    ],
)
def test_the_judge_sees_what_is_wrong(
    leads: dict[str, int], changed: dict[str, int], message: str, tmp_path: Path
) -> None:
    crm = FakeCrm("https", leads={lead: {"score": score} for lead, score in leads.items()})
    crm.changed.update(changed)
    if message != "never sent":
        crm.received.update(["a", "b"])
    kills = PushKills(tmp_path, 3, leads=2)
    assert message in " ".join(kills._wrong(crm, {"a": 1, "b": 2}, {}, {}, "here"))

"""Kill `leadlens push` at every step of a misbehaving CRM; then see that each lead was sent at least once and applied exactly once.

    python -m tests.push_kills --count 100 --seed 7
    python -m tests.push_kills --large 100000     # no kills: so many leads, of which one in a hundred is refused

Each round pushes a night of scores, or the night after, to HubSpot, Salesforce or a plain server that is busy, breaks connections off before and
after it has applied a batch, applies half of one, lets tokens expire and answers nonsense. The command is killed (SIGKILL) when a batch
arrives, when it is applied, when it is answered, or at any moment. Then it runs again until nothing waits, by itself at first and without being killed.
Prints a table.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.forked_jobs import ForkedJob, ForkedJobs
from tests.pipeline.crm_server import FAULTS, FakeCrm, serving
from tests.pipeline.pushed_leads import PushedLeads, scores_at

KINDS = ("hubspot", "salesforce", "https")
STAGES = ("before", "applied", "answered", "any moment")
_NAMES = {
    "before": "a batch arrived",
    "applied": "it was applied",
    "answered": "it was answered",
    "any moment": "any moment",
}
_MOST_RUNS = 12


@dataclass
class Tally:
    """What became of the kills of one kind."""

    kills: int = 0
    too_late: int = 0
    leads: int = 0
    sent: int = 0
    faults: int = 0
    runs: int = 0
    wrong: list[str] = field(default_factory=list)


class PushKills:
    """Rounds of one seed, each in a folder of its own."""

    def __init__(self, folder: Path, seed: int, *, leads: int) -> None:
        self.folder, self.rng, self.leads = folder, random.Random(seed), leads
        self.jobs = ForkedJobs(folder / "printed")
        self.tallies = {stage: Tally() for stage in STAGES}
        self._rounds = 0

    def kill(self, kind: str, stage: str) -> None:
        """One round."""
        self._rounds += 1
        folder = self.folder / str(self._rounds)
        folder.mkdir()
        tally, rng = self.tallies[stage], self.rng
        leads = PushedLeads(folder, self.leads)
        choices = [fault for fault in FAULTS if fault != "500"]  # without a Retry-After these take seconds
        crm = FakeCrm(kind, chance=0.2, choices=choices, seed=rng.randrange(2**31), keep_asked=False)
        with serving(crm):
            batches = -(-self.leads // {"hubspot": 100, "salesforce": 200, "https": 500}[kind])
            if rng.random() < 0.5:  # the night after
                self._until_done(leads, crm, folder)
                leads.frame["score"] = 100 - leads.frame["score"]
                leads.night()
            was, before = scores_at(crm), dict(crm.changed)
            crm.received.clear()
            expected = leads.expected(crm)
            job = self._killed(leads, crm, folder, stage, rng.randint(1, batches))
            tally.kills += 1
            tally.too_late += job.end() != 137
            tally.runs += self._until_done(leads, crm, folder)
            tally.leads += self.leads
            tally.sent += crm.received.total()
            tally.wrong += self._wrong(crm, expected, was, before, f"{kind}, {stage}, round {self._rounds}")

    def _start(self, leads: PushedLeads, crm: FakeCrm, folder: Path) -> ForkedJob:
        return self.jobs.start(
            "push", leads.config, "--to", crm.to, home=folder / "state", **crm.environment()
        )

    def _killed(self, leads: PushedLeads, crm: FakeCrm, folder: Path, stage: str, number: int) -> ForkedJob:
        job = self._start(leads, crm, folder)
        first = crm.writes
        if stage == "any moment":
            time.sleep(self.rng.uniform(0.05, 1.5))
            if job.works:
                job.signal(signal.SIGKILL)
            return job

        def watch(write: int, at: str) -> None:
            if write - first >= number and at == stage and job.works:
                job.signal(signal.SIGKILL)

        crm.watch = watch
        job.end()
        crm.watch = None
        return job

    def _until_done(self, leads: PushedLeads, crm: FakeCrm, folder: Path) -> int:
        for run in range(1, _MOST_RUNS + 1):
            job = self._start(leads, crm, folder)
            code = job.end()
            if code == 0:
                return run
            if code != 3:
                raise AssertionError(f"exit code {code}: {job.out}{job.err}")
        raise AssertionError(f"not done after {_MOST_RUNS} runs: {job.out}")

    def _wrong(
        self, crm: FakeCrm, expected: dict[str, int], was: dict[str, int], before: dict[str, int], where: str
    ) -> list[str]:
        """What is not as it should be: the scores, a lead that was not sent, or applied not once but never or twice."""
        wrong = [] if scores_at(crm) == expected else [f"{where}: the CRM has other scores than lead_scores"]
        news = {lead for lead, score in expected.items() if was.get(lead) != score}
        if never := [lead for lead in news if not crm.received[lead]]:
            wrong.append(f"{where}: {len(never)} leads were never sent")
        applied = {lead: crm.changed[lead] - before.get(lead, 0) for lead in expected}
        if odd := Counter(times for lead, times in applied.items() if times != int(lead in news)):
            wrong.append(f"{where}: leads were applied so often (times: leads) {dict(odd)}")
        return wrong


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds and print the table; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--leads", type=int, default=2_000)
    parser.add_argument("--large", type=int)
    options = parser.parse_args(arguments)
    if options.large:
        wrong = [large(kind, options.large) for kind in KINDS]
        return int(any(wrong))
    with tempfile.TemporaryDirectory() as folder:
        kills = PushKills(Path(folder), options.seed, leads=options.leads)
        for number in range(options.count):
            kills.kill(KINDS[number % len(KINDS)], STAGES[number % len(STAGES)])
            print(f"{number + 1} of {options.count}", end="\r", file=sys.stderr, flush=True)
    print_table(kills)
    return int(any(tally.wrong for tally in kills.tallies.values()))


def large(kind: str, count: int) -> bool:
    """Push so many leads of which one in a hundred is refused, then those again; whether anything was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        jobs, leads = ForkedJobs(Path(folder) / "printed"), PushedLeads(Path(folder), count)
        crm = FakeCrm(kind, keep_asked=False, bad=frozenset(leads.frame["lead_id"][::100]))
        said = []
        with serving(crm):
            for _ in range(2):
                began = time.monotonic()
                job = jobs.start(
                    "push", leads.config, "--to", crm.to, home=Path(folder) / "state", **crm.environment()
                )
                said.append((job.end(), crm.writes, round(time.monotonic() - began, 1)))
                crm.bad = frozenset()
        right = (
            [code for code, _, _ in said] == [1, 0]
            and scores_at(crm) == leads.expected(crm)
            and set(crm.changed.values()) == {1}
        )
        print(f"{kind:<12}{count:>10,}  exit codes, requests until then, seconds: {said}  right: {right}")
    return not right


def print_table(kills: PushKills) -> None:
    """What became of all kills, by when they came."""
    print(
        f"{'killed when':<18}{'kills':>7}{'too late':>10}{'leads':>10}{'sent':>10}{'runs after':>12}{'wrong':>7}"
    )
    for stage, tally in kills.tallies.items():
        print(
            f"{_NAMES[stage]:<18}{tally.kills:>7}{tally.too_late:>10}{tally.leads:>10,}{tally.sent:>10,}"
            f"{tally.runs:>12}{len(tally.wrong):>7}"
        )
    for tally in kills.tallies.values():
        for text in tally.wrong:
            print(text)


if __name__ == "__main__":
    sys.exit(main())

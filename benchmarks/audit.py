"""The audit against documented leaks: five real data sets and two simulated worlds, with nothing declared.

Run by ``make bench-audit``. Every declaration that keeps a leak out (`known_after`, `data.events.where`, the filters
in a `query`) is taken out of the shipped project files, so that the audit must find the leaks by itself. Prints
what was found, missed and wrongly flagged per data set, the confusion table, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data_sets import DATA, ROOT

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile
    from leadlens.pipeline.jobs.audit import Audit


@dataclass(frozen=True)
class Truth:
    """What the publisher's description (or the simulation) says of a data set.

    ``leaks`` and ``disputed`` (documented as suspect: neither leak nor clean) are columns of leads, or event types.
    """

    leaks: frozenset[str]
    disputed: frozenset[str] = frozenset()


TRUTH = {
    "bank_marketing": Truth(frozenset({"duration"})),
    "x_education_leads": Truth(
        frozenset(
            {"tags", "lead_quality", "lead_profile"}
            | {f"asymmetrique_{what}_{how}" for what in ("activity", "profile") for how in ("index", "score")}
        ),
        frozenset({"last_activity", "last_notable_activity"}),
    ),
    "olist_marketing_funnel": Truth(
        frozenset(
            {"seller_id", "sdr_id", "sr_id", "won_date", "business_segment", "lead_type", "lead_behaviour_profile",
             "has_company", "has_gtin", "average_stock", "business_type", "declared_product_catalog_size",
             "declared_monthly_revenue"}
        ),
    ),
    "cdnow": Truth(frozenset()),
    "bpic2012_loan_leads": Truth(
        frozenset(
            {"A_APPROVED", "A_REGISTERED", "A_ACTIVATED", "O_ACCEPTED", "A_DECLINED", "A_CANCELLED", "O_DECLINED",
             "O_CANCELLED", "approved_ts", "declined_ts", "cancelled_ts", "first_offer_sent_ts",
             "offer_accepted_ts", "last_event_ts", "outcome"}
        ),
    ),
}  # fmt: skip
WORLDS = ("b2b_software", "car_dealer")


@dataclass(frozen=True)
class Score:
    """One data set's part of the confusion table."""

    found: tuple[str, ...]
    missed: tuple[str, ...]
    wrongly_flagged: tuple[str, ...]
    clean: int
    disputed: tuple[str, ...]
    proven: int

    def line(self, name: str) -> tuple[str, ...]:
        """A row of the printed table."""
        leaks = len(self.found) + len(self.missed)
        return (
            name,
            str(leaks),
            str(len(self.found)),
            str(self.proven),
            str(self.clean),
            str(len(self.wrongly_flagged)),
        )


def main() -> None:
    """Audit every data set that is there and both worlds."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=[*TRUTH, *WORLDS])
    arguments.add_argument("--seed", type=int, default=7, help="of the simulated worlds")
    options = arguments.parse_args()
    scores: dict[str, Score] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names:
            if name not in WORLDS and not DATA.is_dir():
                print(
                    f"{name}: skipped, the real data sets are not here (set LEADLENS_DATA)", file=sys.stderr
                )
                continue
            started = time.perf_counter()
            scores[name] = run(name, Path(folder), options.seed)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    for line in table_of(scores):
        print(line)
    print(json.dumps({"bench": "audit", "figures": figures_of(scores)}))


def run(name: str, folder: Path, seed: int = 7) -> Score:
    """Audit one data set with its leaks undeclared, and print what was found."""
    from leadlens.pipeline.jobs.audit import audit

    file, truth = (world if name in WORLDS else real)(name, folder, seed)
    result = audit(file)
    score = judge(result, truth)
    print(
        f"== {name}: exit code {result.exit_code}, rebuilt {result.rebuilt.rows} rows, {result.rebuilt.mismatched} mismatches"
    )
    for item in result.flagged:
        if item.suspected:
            kind = _kind(item.subject.name, truth)
            probes = ", ".join(f"{e.probe} ({e.strength})" for e in item.evidence)
            print(f"  {kind:<9} {item.verdict:<8} {item.subject!s:<42} {probes}")
    for missed in score.missed:
        print(f"  leak      MISSED   {missed}")
    print()
    return score


def real(name: str, folder: Path, seed: int = 0) -> tuple[ProjectFile, Truth]:
    """A shipped project without anything that keeps a documented leak out."""
    from leadlens.pipeline.config import load_project

    file = load_project(ROOT / "configs" / f"{name}.yaml")
    project = file.project.model_copy(update={"known_after": ()})
    if name == "olist_marketing_funnel":
        # Every column of closed_deals joined onto the leads, as somebody who ignores time would.
        path = _with_closed_deals(folder)
        leads = project.data.leads.model_copy(update={"read": str(path)})
        project = project.model_copy(update={"data": project.data.model_copy(update={"leads": leads})})
    if name == "bpic2012_loan_leads":
        # All activities are events, and all timestamps of `cases` are columns. The contract's own two stay: the
        # approval is the conversion, and a case that was declined or cancelled is closed.
        leads = project.data.leads.model_copy(
            update={
                "query": "SELECT case_id AS lead_id, reg_ts AS created_at, least(declined_ts, cancelled_ts) AS closed_at, "
                "amount_req AS amount, * EXCLUDE (case_id, reg_ts, amount_req) FROM source"
            }
        )
        assert project.data.events is not None
        assert project.data.events.query is not None
        query = project.data.events.query.partition(" WHERE ")[0]
        events = project.data.events.model_copy(update={"query": query})
        data = project.data.model_copy(update={"leads": leads, "events": events})
        project = project.model_copy(update={"data": data})
    return replace(file, project=project), TRUTH[name]


def world(name: str, folder: Path, seed: int = 7, leads: int | None = None) -> tuple[ProjectFile, Truth]:
    """A simulated world with both of its planted leaks undeclared."""
    from leadlens.pipeline.config import load_project
    from leadlens.pipeline.demo import simulate, write_world

    made = simulate(name, seed=seed, leads=leads)
    place = folder / f"{name}_{seed}"
    write_world(made, place / "data")
    file = load_project(ROOT / "configs" / f"demo_{name}.yaml")
    data = file.project.data
    assert data.events is not None
    data = data.model_copy(update={"events": data.events.model_copy(update={"where": None})})
    project = file.project.model_copy(update={"known_after": (), "data": data, "scorecards": ()})
    return replace(file, path=place / "project.yaml", project=project), Truth(
        frozenset(made.truth["leaks"].values())
    )


def judge(result: Audit, truth: Truth) -> Score:
    """Compare an audit with the truth; a leak counts as found whether it is proven or suspected."""
    flagged = {item.subject.name: item.verdict for item in reversed(result.flagged) if item.suspected}
    flagged.pop("the split in time", None)
    known = truth.leaks | truth.disputed
    clean = {subject.name for subject in result.examined} - known
    return Score(
        found=tuple(sorted(truth.leaks & flagged.keys())),
        missed=tuple(sorted(truth.leaks - flagged.keys())),
        wrongly_flagged=tuple(sorted(flagged.keys() - known)),
        clean=len(clean),
        disputed=tuple(sorted(truth.disputed & flagged.keys())),
        proven=sum(flagged[name] == "proven" for name in truth.leaks & flagged.keys()),
    )


def table_of(scores: dict[str, Score]) -> list[str]:
    """The confusion table, per data set and in all."""
    head = ("data", "leaks", "found", "of them proven", "clean", "wrongly flagged")
    rows = [score.line(name) for name, score in scores.items()]
    total = tuple(str(sum(int(row[at]) for row in rows)) for at in range(1, len(head)))
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(row)} |" for row in (*rows, ("all", *total))]
    leaks, found, _, clean, wrong = map(int, total)
    lines += [
        "",
        "| | flagged | not flagged |",
        "|---|---|---|",
        f"| documented leak | {found} | {leaks - found} |",
        f"| clean | {wrong} | {clean - wrong} |",
    ]
    disputed = [f"{name}.{column}" for name, score in scores.items() for column in score.disputed]
    return [
        *lines,
        "",
        f"Documented as suspect, neither leak nor clean; flagged: {', '.join(disputed) or 'none'}.",
    ]


def figures_of(scores: dict[str, Score]) -> dict[str, Any]:
    """For the line of JSON."""
    return {
        "leaks_found": sum(len(score.found) for score in scores.values()),
        "leaks_missed": sum(len(score.missed) for score in scores.values()),
        "clean_accused": sum(len(score.wrongly_flagged) for score in scores.values()),
        "clean_not_accused": sum(score.clean - len(score.wrongly_flagged) for score in scores.values()),
        "leaks_proven": sum(score.proven for score in scores.values()),
        "disputed_accused": sum(len(score.disputed) for score in scores.values()),
        "per_data": {
            name: {
                "found": list(s.found),
                "missed": list(s.missed),
                "wrongly_accused": list(s.wrongly_flagged),
            }
            for name, s in scores.items()
        },
    }


def _with_closed_deals(folder: Path) -> Path:
    import pandas as pd

    source = DATA / "olist_marketing_funnel"
    leads = pd.read_parquet(source / "marketing_qualified_leads.parquet")
    deals = pd.read_parquet(source / "closed_deals.parquet")
    path = folder / "olist_joined.parquet"
    leads.merge(deals, on="mql_id", how="left").to_parquet(path, index=False)
    return path


def _kind(name: str, truth: Truth) -> str:
    return "leak" if name in truth.leaks else "disputed" if name in truth.disputed else "CLEAN"


if __name__ == "__main__":
    main()

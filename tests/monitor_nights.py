"""Count the alarms of `leadlens monitor` on simulated worlds whose leads convert as they always did, and where they do not.

    python -m tests.monitor_nights --weeks 16        # by hand: some minutes; prints the table

The world of `tests.drift_nights` is scored every week by a model of its beginning, and watched every second week from
when the first horizon is over. Stable: nothing else happens. Then, on copies of the last week, what must raise an alarm: half of
the conversions never happen from the day on whose scores are judged; three times as many leads convert; a source of events stops.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.monitor import monitor
from tests.drift_nights import DAY, Dealer, Tables, at_home

WEEK = 7


def _fewer(tables: Tables, since: datetime, leads: pd.DataFrame) -> Tables:
    """Three of four conversions from then on never happen."""
    found = tables["conversions"]
    gone = (found["converted_at"] >= since) & (pd.RangeIndex(len(found)) % 4 > 0)
    return tables | {"conversions": found[~gone]}


def _more(tables: Tables, since: datetime, leads: pd.DataFrame) -> Tables:
    """Every fourth open lead converts a week later, whatever was said of it."""
    found = tables["conversions"]
    still = leads[leads["closed_at"].isna() & (leads["created_at"] < since)]
    still = still[~still["lead_id"].isin(found["lead_id"])].iloc[::4]
    new = pd.DataFrame({"lead_id": still["lead_id"], "converted_at": since + 7 * DAY})
    return tables | {"conversions": pd.concat([found, new], ignore_index=True)}


def _silent(tables: Tables, since: datetime, leads: pd.DataFrame) -> Tables:
    """No event came in for a week."""
    events = tables["events"]
    return tables | {"events": events[events["known_at"] < events["known_at"].max() - 7 * DAY]}


FAULTS: dict[str, Callable[[Tables, datetime, pd.DataFrame], Tables]] = {
    "three of four conversions gone": _fewer,
    "every fourth open lead converts": _more,
    "no event for a week": _silent,
}


def watch(dealer: Dealer, tables: Tables, now: datetime, home: Path) -> tuple[str, list[str]]:
    """``alarm``, ``warn`` or ``pass``, and the codes."""
    with at_home(home), tempfile.TemporaryDirectory() as out:
        found = monitor(
            load_project(dealer.write(tables)),
            as_of=now,
            to=f"duckdb:///{dealer.folder / 'scores.duckdb'}",
            out=Path(out),
        )
    codes = sorted({f"{each.code}:{each.level}" for each in found.findings})
    return ("alarm" if found.alarms else "warn" if found.warnings else "pass"), codes


def main() -> None:
    """Exit code 1 if a stable week raises an alarm, or a fault none."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weeks", type=int, default=16)
    parser.add_argument("--leads", type=int, default=6000)
    parser.add_argument("--world", default="car_dealer")
    options = parser.parse_args()
    verdicts: dict[str, list[str]] = {"stable": [], "fault": []}
    with tempfile.TemporaryDirectory() as folder:
        dealer = Dealer(Path(folder), options.leads, options.weeks * WEEK, options.world)
        horizon = 45 if options.world == "b2b_software" else 30
        dealer.train()
        home = dealer.folder / "home"
        for week in range(1, options.weeks + 1):
            night, now = week * WEEK, dealer.begins + week * WEEK * DAY
            tables = dealer.evening(night)
            print(f"week {week:>2}  score: {dealer.score(tables, now)[0]}", flush=True)
            if week % 2 == 0 and now - timedelta(days=horizon) > dealer.begins + WEEK * DAY:
                verdict, codes = watch(dealer, tables, now, home)
                verdicts["stable"].append(verdict)
                print(f"week {week:>2}  monitor: {verdict}  {', '.join(codes)}", flush=True)
        for name, fault in FAULTS.items():
            with tempfile.TemporaryDirectory() as copy:
                own = shutil.copytree(home, Path(copy) / "home")
                since = now - timedelta(days=horizon)
                verdict, codes = watch(dealer, fault(tables, since, tables["leads"]), now, Path(own))
            verdicts["fault"].append(verdict)
            print(f"{name:<34}  {verdict}  {', '.join(codes)}", flush=True)
    print(f"\n{'':<8}{'pass':>6}{'warn':>6}{'alarm':>6}")
    for what, found in verdicts.items():
        print(f"{what:<8}" + "".join(f"{found.count(name):>6}" for name in ("pass", "warn", "alarm")))
    sys.exit("alarm" in verdicts["stable"] or verdicts["fault"].count("alarm") < len(FAULTS))


if __name__ == "__main__":
    main()

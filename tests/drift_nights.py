"""Nights of a simulated dealer: good ones, which must stop nothing, and planted faults, each of which must be told.

    python -m tests.drift_nights --nights 30        # by hand: some minutes; prints the confusion table

The world of the demo is cut at the end of each day, as its exports would have been, and scored the night after. Good
nights have weekends, growth, a holiday on which little comes in, and a campaign that changes where leads come from; with
``--weekly`` all e-mails of a week go out on one morning.
After the last one each fault is planted on its own, on a copy of the state.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import yaml

from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.night_gate import NightRefused
from leadlens.pipeline.demo import WORLDS, simulate
from leadlens.pipeline.drift.comparing import Difference, summary
from leadlens.pipeline.jobs.demo import configs_folder
from leadlens.pipeline.jobs.score import score
from leadlens.pipeline.jobs.train import train

Tables = dict[str, pd.DataFrame]
DAY = timedelta(days=1)


@dataclass
class Dealer:
    """A project whose sources are those of one evening after another; ``begins`` is the evening of the training."""

    folder: Path
    leads: int
    nights: int
    world: str = "car_dealer"
    weekly: bool = False
    tables: Tables = field(init=False)
    begins: datetime = field(init=False)

    def __post_init__(self) -> None:
        spec = WORLDS[self.world]
        self.tables = dict(simulate(self.world, leads=self.leads).tables)
        events = self.tables["events"]
        self.tables["events"] = events.assign(known_at=events["known_at"].fillna(events["occurred_at"]))
        self.begins = datetime(*spec.start.timetuple()[:3]) + (spec.days - self.nights - 1) * DAY
        if self.weekly:
            self._newsletter()
        self._holiday()
        self._campaign()

    def evening(self, night: int) -> Tables:
        """What an export at the end of a day holds; night 0 is the training's."""
        now = self.begins + night * DAY
        leads = self.tables["leads"]
        leads = leads[leads["created_at"] < now].copy()
        leads["closed_at"] = leads["closed_at"].where(leads["closed_at"] < now)
        came = {"events": "known_at", "conversions": "converted_at", "changes": "known_at"}
        others = {
            name: frame[frame[column] < now] for name, column in came.items() for frame in [self.tables[name]]
        }
        own = others["events"]["lead_id"].isin(leads["lead_id"])
        accounts = {"accounts": self.tables["accounts"]} if len(self.tables["accounts"]) else {}
        return {"leads": leads, **others, "events": others["events"][own], **accounts}

    def write(self, tables: Tables) -> Path:
        """The project with these sources."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        (self.folder / "scorecards").mkdir(exist_ok=True)
        for name, frame in tables.items():
            frame.to_parquet(self.folder / "data" / f"{name}.parquet", index=False)
        sheet = f"scorecards/demo_{self.world}.yaml"
        shutil.copyfile(configs_folder() / sheet, self.folder / sheet)
        settings = yaml.safe_load((configs_folder() / f"demo_{self.world}.yaml").read_text(encoding="utf-8"))
        del settings["data"]["ends"]
        settings["model"] = {"trials": 1, "folds": 2}
        (self.folder / "project.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        return self.folder

    def train(self) -> None:
        """A model on what was known at the beginning."""
        with at_home(self.folder / "home"):
            train(load_project(self.write(self.evening(0))))

    def score(
        self, tables: Tables, as_of: datetime, home: Path | None = None
    ) -> tuple[str, list[Difference]]:
        """``stop``, ``warn`` or ``pass``, and what differs; of a night that stops, what stopped it."""
        with at_home(home or self.folder / "home"):
            try:
                done = score(
                    load_project(self.write(tables)),
                    as_of=as_of,
                    to=f"duckdb:///{self.folder / 'scores.duckdb'}",
                )
            except NightRefused as refused:
                return "stop", [
                    difference for difference in refused.differences if difference.level == "stop"
                ]
            return ("warn" if done.differences else "pass"), list(done.differences)

    def good_nights(self) -> Iterator[tuple[int, str, list[Difference]]]:
        """All nights one after the other."""
        for night in range(1, self.nights + 1):
            yield night, *self.score(self.evening(night), self.begins + night * DAY)

    def fault(self, name: str) -> tuple[str, list[Difference]]:
        """Plant one fault in the night after the last."""
        with tempfile.TemporaryDirectory() as folder:
            home = shutil.copytree(self.folder / "home", Path(folder) / "home")
            as_of = self.begins + self.nights * DAY
            late = timedelta(days=515) if name == "data that ended 515 days ago" else timedelta()
            return self.score(FAULTS[name](self.evening(self.nights), as_of), as_of + late, home)

    def _holiday(self) -> None:
        """Three days in the middle on which a tenth of the usual comes in."""
        first = self.begins + (self.nights // 3) * DAY
        for name, column in (("leads", "created_at"), ("events", "known_at")):
            frame = self.tables[name]
            lately = (frame[column] >= first) & (frame[column] < first + 3 * DAY)
            self.tables[name] = frame[~lately | (np.arange(len(frame)) % 10 == 0)].reset_index(drop=True)

    def _newsletter(self) -> None:
        """What is sent in a week is sent on Wednesday at nine, and answered as long after it as it was."""
        events = self.tables["events"]
        mails = events["event_type"].str.startswith("email")
        days = (2 - events["occurred_at"].dt.day_of_week) % 7
        wednesday = (
            events["occurred_at"].dt.normalize() + pd.to_timedelta(days, unit="D") + timedelta(hours=9)
        )
        moved = (wednesday - events["occurred_at"]).where(mails, timedelta())
        self.tables["events"] = events.assign(
            occurred_at=events["occurred_at"] + moved, known_at=events["known_at"] + moved
        )

    def _campaign(self) -> None:
        """In the last half most leads of two other sources stay away, so that the mix changes."""
        leads = self.tables["leads"]
        away = sorted(leads["source"].dropna().unique())[:2]
        lately = leads["created_at"] >= self.begins + (self.nights // 2) * DAY
        gone = lately & leads["source"].isin(away) & (np.arange(len(leads)) % 3 > 0)
        self.tables["leads"] = leads[~gone].reset_index(drop=True)


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    """The state folder of this process."""
    with mock.patch.dict(os.environ, {"LEADLENS_HOME": str(home)}):
        yield


Fault = Callable[[Tables, datetime], Tables]


def _in(table: str, change: Callable[[pd.DataFrame, datetime], pd.DataFrame]) -> Fault:
    return lambda tables, now: tables | {table: change(tables[table].copy(), now)}


def _renamed(frame: pd.DataFrame, since: datetime) -> pd.DataFrame:
    """What was a page view is called otherwise from then on."""
    hit = (frame["event_type"] == "page_viewed") & (frame["known_at"] >= since)
    return frame.assign(event_type=frame["event_type"].mask(hit, "pageview"))


def _replaced(
    column: str, change: Callable[[pd.Series], pd.Series]
) -> Callable[[pd.DataFrame, datetime], pd.DataFrame]:
    return lambda frame, now: frame.assign(**{column: change(frame[column])})


FAULTS: dict[str, Fault] = {
    "events: a header only": _in("events", lambda frame, now: frame.iloc[:0]),
    "events: half of them": _in("events", lambda frame, now: frame.iloc[::2]),
    "events: five times, under new ids": _in(
        "events",
        lambda frame, now: pd.concat(
            [
                frame.assign(
                    event_id=frame["event_id"] + f"-{n}",
                    occurred_at=frame["occurred_at"] + n * timedelta(seconds=1),
                )
                for n in range(5)
            ],
            ignore_index=True,
        ),
    ),
    "events: none for three days": _in("events", lambda frame, now: frame[frame["known_at"] < now - 3 * DAY]),
    "event type renamed in all": _in("events", lambda frame, now: _renamed(frame, datetime(2000, 1, 1))),
    "event type renamed three days ago": _in("events", lambda frame, now: _renamed(frame, now - 3 * DAY)),
    "event property gone": _in("events", lambda frame, now: frame.assign(page=None)),
    "income in thousands": _in("leads", _replaced("income", lambda income: income / 1000)),
    "income unknown": _in("leads", lambda frame, now: frame.assign(income=np.nan)),
    "income half text": _in(
        "leads",
        _replaced("income", lambda income: income.astype("str").mask(income > income.median(), "a lot")),
    ),
    "a level renamed": _in(
        "leads", _replaced("source", lambda source: source.replace(source.mode()[0], "Another name"))
    ),
    "age in months": _in("leads", _replaced("age", lambda age: age * 12)),
    "column gone": _in("leads", lambda frame, now: frame.drop(columns="occupation")),
    "leads: half of them": _in("leads", lambda frame, now: frame.iloc[::2]),
    "all leads closed": _in("leads", lambda frame, now: frame.assign(closed_at=frame["created_at"])),
    "no lead closed": _in("leads", lambda frame, now: frame.assign(closed_at=pd.NaT)),
    "conversions: a header only": _in("conversions", lambda frame, now: frame.iloc[:0]),
    "data that ended 515 days ago": lambda tables, now: tables,
}

# What leads need so that a fault can be planted; lead_id where nothing is said.
COLUMNS = {
    "income in thousands": "income",
    "income unknown": "income",
    "income half text": "income",
    "a level renamed": "source",
    "age in months": "age",
    "column gone": "occupation",
}


def main() -> None:
    """Print the confusion table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--leads", type=int, default=6000)
    parser.add_argument("--world", default="car_dealer")
    parser.add_argument("--weekly", action="store_true", help="all e-mails of a week in one morning")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dealer = Dealer(Path(folder), options.leads, options.nights, options.world, options.weekly)
        dealer.train()
        told: dict[str, list[str]] = {"good night": [], "fault": []}
        for night, verdict, differences in dealer.good_nights():
            told["good night"].append(verdict)
            print(f"night {night:>2}  {verdict}", flush=True)
            for message in summary(differences):
                print(f"    {message}", flush=True)
        for name in FAULTS:
            if (column := COLUMNS.get(name, "lead_id")) not in dealer.tables["leads"]:
                print(f"{name:<36}  not tried: leads of this world have no {column}")
                continue
            verdict, differences = dealer.fault(name)
            told["fault"].append(verdict)
            codes = sorted({difference.code for difference in differences})
            print(f"{name:<36}  {verdict}  {', '.join(codes)}", flush=True)
    print(f"\n{'':<12}{'pass':>6}{'warn':>6}{'stop':>6}")
    for what, verdicts in told.items():
        print(
            f"{what:<12}" + "".join(f"{verdicts.count(verdict):>6}" for verdict in ("pass", "warn", "stop"))
        )
    sys.exit("stop" in told["good night"] or "pass" in told["fault"])


if __name__ == "__main__":
    main()

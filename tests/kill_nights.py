"""A project with a champion and two nights, the second of which changes, closes and adds leads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.forked_jobs import ForkedJobs
from tests.pipeline.little_project import LittleProject

NIGHT, NEXT = "2024-05-24", "2024-05-25"


def trained_state(folder: Path) -> Path:
    """A state folder with a champion for ``LittleProject``."""
    jobs, home = ForkedJobs(folder / "printed"), folder / "home"
    config = LittleProject(folder / "project").write()
    for arguments in (("train", config, "--trials", "1"), ("promote", config, "--force", "a small example")):
        job = jobs.start(*arguments, home=home)
        if job.end():
            raise RuntimeError(job.err)
    return home


def grow(project: LittleProject, times: int) -> list[str]:
    """Give the project many more leads; those that the next night closes."""
    for name, key in (("leads", "lead_id"), ("events", "lead_id"), ("conversions", "lead_id")):
        frame = getattr(project, name)
        copies = []
        for number in range(times):
            copy = frame.assign(**{key: frame[key] + f"-{number}"})
            if name == "events":
                copy["event_id"] = copy["event_id"] + f"-{number}"
            copies.append(copy)
        setattr(project, name, pd.concat(copies, ignore_index=True))
    bought = set(project.conversions["lead_id"])
    still = [lead for lead in project.leads["lead_id"] if lead not in bought]
    return still[::7]


def next_night(project: LittleProject) -> None:
    """Some leads are closed, some are gone, some are new, and many do something."""
    bought = set(project.conversions["lead_id"])
    still = [lead for lead in project.leads["lead_id"] if lead not in bought]
    when = pd.Timestamp(NIGHT) + pd.Timedelta(hours=6)
    project.leads.loc[project.leads["lead_id"].isin(still[::7]), "closed_at"] = when
    project.leads = project.leads[~project.leads["lead_id"].isin(still[3::31])]
    new = project.leads.tail(40).assign(created_at=when)
    new["closed_at"] = pd.NaT
    new["lead_id"] += "-new"
    project.leads = pd.concat([project.leads, new], ignore_index=True)
    acts = project.events[project.events["event_type"] == "email_opened"].assign(occurred_at=when)
    acts["event_id"] += "-again"
    project.events = pd.concat([project.events, acts], ignore_index=True)

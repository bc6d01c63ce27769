"""Audit data that make a probe fire, and similar data that must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from leadlens.pipeline.audit.data import AuditData, Gain, SplitOverlap
from leadlens.pipeline.audit.evidence import Subject

START = pd.Timestamp("2024-01-01")
COLUMN = Subject("lead", "column")
MAIL = Subject("event", "mail")


class Cases(NamedTuple):
    """Where a probe must fire, with the subject and strength of its evidence, and where it must be silent."""

    fires: tuple[tuple[Callable[[], AuditData], Subject, str], ...]
    silent: tuple[Callable[[], AuditData], ...]


def leads(count: int = 2000, rate: float = 0.1, seed: int = 0) -> pd.DataFrame:
    """A lead an hour, scored after a day; converted ones buy ten days after they were created."""
    rng = np.random.default_rng(seed)
    created = START + pd.to_timedelta(np.arange(count), unit="h")
    converted = rng.permutation(count) < rate * count
    return pd.DataFrame(
        {
            "created_at": created,
            "first_as_of": created + pd.Timedelta(days=1),
            "as_of": created + pd.Timedelta(days=1),
            "converted": converted,
            "out_of_time": np.arange(count) >= 0.75 * count,
            "converted_at": pd.Series(created + pd.Timedelta(days=10)).where(converted),
            "closed_at": pd.Series(pd.NaT, index=range(count), dtype="datetime64[us]"),
        },
        index=pd.Index([f"L{number}" for number in range(count)], name="lead_id"),
    ).set_axis([f"L{number}" for number in range(count)])


def data(
    make: Callable[[pd.DataFrame, np.random.Generator], Any],
    name: str = "column",
    kind: str = "category",
    **options: Any,
) -> AuditData:
    """Audit data with one column, made of the leads."""
    table = leads(**{key: options.pop(key) for key in ("count", "rate", "seed") if key in options})
    values = make(table, np.random.default_rng(99))
    values = (
        pd.Series(list(values), index=table.index)
        if not isinstance(values, pd.Series)
        else values.set_axis(table.index)
    )
    subject = Subject("lead", name)
    return AuditData(
        leads=table,
        columns={subject: values},
        kinds={subject: kind},  # type: ignore[dict-item]
        data_end=START + pd.Timedelta(days=400),
        **options,
    )


def event(event_type: str = "mail", value: str = "", **counts: Any) -> dict[str, Any]:
    """A row of ``AuditData.events``: an ordinary event type that a fifth of the leads have."""
    row = {
        "event_type": event_type, "value": value, "leads": 400, "converted": 60, "days_ahead": 5.0, "ended": 500,
        "ended_leads": 300, "at_end": 5, "at_end_leads": 5, "at_end_converted": 2, "before": 100, "late": 2, "after": 50,
        "others_after": 40,
    }  # fmt: skip
    return {**row, **counts}


def with_event(*rows: Mapping[str, Any]) -> Callable[[], AuditData]:
    """Audit data with these event types."""
    return lambda: AuditData(leads=leads(), events=pd.DataFrame(rows))


def flip(hit: pd.Series, rng: np.random.Generator, when_yes: float, when_no: float) -> np.ndarray:
    """True with one chance for converted leads and with another for the others."""
    return rng.random(len(hit)) < np.where(hit, when_yes, when_no)


def edits(**counts: int) -> Callable[[], AuditData]:
    """Audit data with one attribute that has a history in `changes`."""
    row = {"kind": "lead", "name": "column", "edited": 100, "edited_after": 20, "hidden": 400, "hidden_converted": 60,
           "rest": 1600, "rest_converted": 140}  # fmt: skip
    return lambda: AuditData(leads=leads(), edits=pd.DataFrame([{**row, **counts}]))


def filled(when_yes: float, when_no: float, rate: float = 0.1) -> Callable[[], AuditData]:
    return lambda: data(
        lambda found, rng: pd.Series("x", index=found.index).where(
            flip(found["converted"], rng, when_yes, when_no)
        ),
        rate=rate,
    )


def known_at_times(*shares: float) -> Callable[[], AuditData]:
    """A column known for these shares of the leads of equal stretches of time."""

    def make(found: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
        share = np.repeat(shares, -(-len(found) // len(shares)))[: len(found)]
        return pd.Series("x", index=found.index).where(rng.random(len(found)) < share)

    return lambda: data(make)


def number(apart: float, name: str = "column", rate: float = 0.1) -> Callable[[], AuditData]:
    """A normal distribution, shifted by ``apart`` standard deviations for converted leads."""
    return lambda: data(
        lambda found, rng: rng.standard_normal(len(found)) + apart * found["converted"],
        name,
        "number",
        rate=rate,
    )


def stages(yes: float, no: float, wrongly: float = 0.0, rate: float = 0.1) -> Callable[[], AuditData]:
    """Stages: ``won`` for a share of the converted leads and ``wrongly`` of the others, ``lost`` for a share of those, else ``open``."""

    def make(found: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
        won, lost = flip(found["converted"], rng, yes, wrongly), flip(found["converted"], rng, 0.0, no)
        return np.where(won, "won", np.where(lost, "lost", "open"))

    return lambda: data(make, rate=rate)


def dates(ahead: float, beyond: float = 0.0) -> Callable[[], AuditData]:
    """Dates of which a share is after the as-of date, and of those a share after the end of the data."""

    def make(found: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
        late, far = rng.random(len(found)) < ahead, rng.random(len(found)) < beyond
        days = np.where(late, np.where(far, 500, 5), -5)
        return found["as_of"] + pd.to_timedelta(days, unit="D")

    return lambda: data(make, kind="time")


def counter(of: str, agrees: float = 1.0) -> Callable[[], AuditData]:
    """A number that equals a count of the lead's events: those seen, or all there are."""
    rng = np.random.default_rng(5)
    found = leads()
    seen = rng.poisson(3.0, len(found))
    total = seen + rng.poisson(2.0, len(found))
    counts = pd.DataFrame(
        {"lead_id": found.index, "event_type": "visit", "seen": seen, "until": total, "total": total}
    )
    right = rng.random(len(found)) < agrees
    values = counts[of].where(right, rng.poisson(4.0, len(found))).astype("float64")
    made = data(lambda _found, _rng: values, kind="number")
    return lambda: replace(made, counts=counts)


CASES: dict[str, Cases] = {
    "filled-only-for-converted": Cases(
        fires=(
            (filled(0.97, 0.01), COLUMN, "proof"),
            (filled(0.3, 0.0), COLUMN, "proof"),
            (with_event(event(leads=150, converted=150, days_ahead=20.0)), MAIL, "proof"),
            (with_event(event(leads=150, converted=150, days_ahead=0.01)), MAIL, "strong"),
            (with_event(event(value="page=welcome", leads=60, converted=60)), Subject("event", "mail", "page=welcome"), "proof"),
        ),
        silent=(
            filled(0.9, 0.3),  # a legitimate field that buyers fill in more often
            filled(0.05, 0.0),  # ten leads only
            filled(0.95, 0.6, rate=0.8),  # most leads convert anyway
            with_event(event(leads=1600, converted=1200)),  # three in four convert: a step of the funnel
            with_event(event(leads=15, converted=15)),
        ),
    ),
    "filled-in-bulk": Cases(
        fires=((known_at_times(1.0, 0.02, 0.98), COLUMN, "weak"),),
        silent=(known_at_times(0.0, 0.0, 1.0), known_at_times(1.0, 0.0), known_at_times(0.7, 0.4, 0.8)),
    ),
    "too-good-alone": Cases(
        fires=((number(5.0), COLUMN, "proof"), (number(2.2, rate=0.3), COLUMN, "strong"), (stages(0.97, 0.97), COLUMN, "proof")),
        silent=(number(1.2), number(0.0), lambda: data(lambda found, rng: [f"id{n}" for n in range(len(found))])),
    ),
    "too-good-beside-the-others": Cases(
        fires=((lambda: AuditData(leads=leads(), gains=(Gain(COLUMN, 0.95, 0.8),)), COLUMN, "strong"),),
        silent=(
            lambda: AuditData(leads=leads(), gains=(Gain(COLUMN, 0.77, 0.5),)),  # the only column there is
            lambda: AuditData(leads=leads(), gains=(Gain(COLUMN, 0.93, 0.9),)),
        ),
    ),
    "outcome-in-disguise": Cases(
        fires=(
            (stages(0.9, 0.6), COLUMN, "strong"),
            (stages(0.3, 0.3, 0.002, 0.3), COLUMN, "weak"),
            (stages(0.2, 0.0), COLUMN, "strong"),  # a single value, and nobody who does not convert has it
        ),
        silent=(stages(0.4, 0.0, 0.004, 0.3), stages(0.0, 0.4), stages(0.0, 0.0), stages(0.05, 0.0)),
    ),
    "counts-stop-at-conversion": Cases(
        fires=(
            (with_event(event(ended=200, at_end=198, at_end_leads=198, at_end_converted=198)), MAIL, "proof"),
            (with_event(event(ended=200, at_end=100, at_end_leads=90, at_end_converted=0)), MAIL, "strong"),
            (with_event(event(after=0)), MAIL, "note"),
            (counter("total"), COLUMN, "proof"),
        ),
        silent=(
            with_event(event()),
            with_event(event(ended=200, at_end=100, at_end_leads=90, at_end_converted=50)),  # ends by either outcome
            counter("seen"),
            counter("total", agrees=0.5),
        ),
    ),
    "recorded-after-dated-before": Cases(
        fires=((with_event(event(before=100, late=95)), MAIL, "strong"),),
        silent=(with_event(event(before=100, late=30)), with_event(event(before=12, late=12))),
    ),
    "changes-after-conversion": Cases(
        fires=((edits(edited_after=90), COLUMN, "strong"), (edits(hidden=150, hidden_converted=145), COLUMN, "proof")),
        silent=(edits(), edits(edited=10, edited_after=10)),
    ),
    "dated-after-the-look": Cases(
        fires=((dates(0.3), COLUMN, "proof"),),
        silent=(dates(0.0), dates(0.005), dates(0.3, beyond=0.4)),  # the last: plans, which reach beyond the data
    ),
    "shared-across-the-fence": Cases(
        fires=(
            (lambda: AuditData(leads=leads(), split=SplitOverlap(leads=500, shared=40, rows=1500)), Subject("split", "the split in time"), "strong"),
            (lambda: AuditData(leads=leads(), split=SplitOverlap(leads=500, shared=40, rows=1500, repeat=True)), Subject("split", "the split in time"), "note"),
            (lambda: AuditData(leads=leads(), split=SplitOverlap(leads=500, rows=1500, immature=20)), Subject("split", "the split in time"), "note"),
        ),
        silent=(lambda: AuditData(leads=leads(), split=SplitOverlap(leads=500, rows=1500)),),
    ),
    "named-after-the-fact": Cases(
        fires=(
            (number(1.2, "call_duration", rate=0.3), Subject("lead", "call_duration"), "strong"),
            (number(0.0, "Lead Quality"), Subject("lead", "Lead Quality"), "weak"),
        ),
        silent=(number(2.0, "income"), number(2.0, "poutcome")),
    ),
}  # fmt: skip

"""What `backtest` and `monitor` print for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leadlens.models.judging.back_tests import LENS_NAMES
from leadlens.pipeline.cli.render.tables import table

if TYPE_CHECKING:
    from leadlens.pipeline.drift.monitoring import Monitoring
    from leadlens.pipeline.jobs.backtest import BackTesting


def render_backtest(result: BackTesting) -> list[str]:
    """`leadlens backtest`."""
    tests = result.tests
    rows = [
        (
            f"{test.date:%Y-%m-%d}",
            f"{test.train_converted:,}",
            f"{test.converted_leads:,}",
            f"{found['calls']:,.0f}",
            *(f"{found[lens]:,.0f}" if math.isfinite(found[lens]) else "" for lens in tests.lenses),
        )
        for test, found in zip(tests.tests, tests.found.to_dict("records"), strict=True)
    ]
    names = (LENS_NAMES[lens].removeprefix("the ") for lens in tests.lenses)
    return [
        *tests.story(),
        *table(rows, ("from", "converted before", "converted", "calls", *names)).split("\n"),
        f"page: {result.page}",
    ]


def render_monitor(found: Monitoring) -> list[str]:
    """`leadlens monitor`."""
    rows = [
        (
            f"{each.date:%Y-%m-%d}",
            f"{each.leads:,}",
            f"{each.hot:,}",
            "" if each.mql is None else f"{each.mql:,}",
            "" if each.converted is None else f"{each.converted:,}",
        )
        for each in found.checkpoints
    ]
    head = ("day", "open leads", "score 60 or more", "MQL by the sheet", "converted")
    return [
        f"{found.headline()}.",
        *found.story(),
        *(table(rows, head).split("\n") if rows else []),
        f"page: {found.page}",
    ]

"""Four simulated back-tests and a date that was left out, for tests of what is said of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from leadlens.models.judging.back_tests import BASE_RATE, BEFORE, BackTest, BackTests, LeftOut
from leadlens.models.judging.lenses import MODEL, RULES


def back_tests_example() -> BackTests:
    """Their leads convert by a third; the model ranks them well, the sheet by chance."""
    return BackTests(
        project="little",
        horizon="10 days",
        tests=tuple(back_test(number, before=number > 0) for number in range(4)),
        left_out=(LeftOut(date=datetime(2024, 12, 2), why="too few <conversions>"),),
        calls_a_week=2,
        random_split=None,
    )


def back_test(number: int, *, before: bool) -> BackTest:
    date, rng = datetime(2025, 1, 1) + timedelta(days=30 * number), np.random.default_rng(number)
    label = (np.arange(60) % 3 == 0).astype(float)
    model = np.clip(0.2 + 0.5 * label + rng.normal(0, 0.05, 60), 0.01, 0.99)
    noise = rng.uniform(0.1, 0.6, 60)
    lenses = {MODEL: model, RULES: noise, BASE_RATE: np.full(60, 1 / 3)} | ({BEFORE: noise} if before else {})
    rows = pd.DataFrame(
        {
            "lead_id": [f"{number}-{n // 2}" for n in range(60)],
            "as_of": [date + timedelta(hours=12 * n) for n in range(60)],
            "label": label,
            "left_at": pd.NaT,
            "row_id": range(60),
            "probability": model,
            "score": 50.0,
            "grade": "A",
        }
    )
    return BackTest(
        date=date,
        ends=date + timedelta(days=30),
        kind="learned",
        train_rows=100,
        train_leads=50,
        train_converted=20,
        rows=rows,
        probability=lenses,
        rank=lenses,
    )

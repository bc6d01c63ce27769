"""Back-tests as their page shows them: every number a text, every table a list of rows."""

from __future__ import annotations

import math
from typing import Any

from leadlens.models.judging.back_tests import BASE_RATE, BEFORE, LENS_NAMES, BackTests, Estimate
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.metrics import METRICS
from leadlens.models.judging.wording import METRIC_NAMES
from leadlens.pipeline.report.words import METRIC_WORDS, MISSING, signed

_SHOWN = {MODEL: "Model", RULES: "Sheet", BEFORE: "Model before", BASE_RATE: "At random"}
_BETTER = {"model": "model", "other": "the other", "unclear": "not clear"}


def back_tests_view(tests: BackTests) -> dict[str, Any]:
    """Everything the template names."""
    within = f" if it converts within {tests.horizon} of being called" if tests.horizon else " by its outcome"
    tables = [
        _found(tests),
        _calls(tests),
        _ranking(tests),
        _measures(tests),
        _random(tests),
        _left_out(tests),
    ]
    return {
        "project": tests.project,
        "subject": "back-tests",
        "headline": tests.headline(),
        "status": None,
        "advice": "",
        "about": f"Each date with what was known by then. A lead counts once in a period, and as converted{within}.",
        "checks": [],
        "story": tests.story(),
        "tables": [table for table in tables if table["rows"]],
        "setup": _setup(tests),
    }


def _found(tests: BackTests) -> dict[str, Any]:
    """Of the periods that all lenses have, so that counts compare."""
    whole = tests.found.dropna()
    where = "all periods" if len(whole) == len(tests.tests) else f"the {len(whole)} periods that all have"
    count = whole.sum()
    return {
        "id": "found",
        "title": "Converting leads found in the same calls",
        "intro": f"In {count['calls']:,.0f} calls, {where}.",
        "head": ("Called by", "Found"),
        "rows": [(_SHOWN[lens], f"{count[lens]:,.0f}") for lens in tests.lenses] if len(whole) else [],
    }


def _calls(tests: BackTests) -> dict[str, Any]:
    rows = []
    for test, found in zip(tests.tests, tests.found.to_dict("records"), strict=True):
        rows.append(
            (
                f"{test.date:%Y-%m-%d}",
                f"{test.train_converted:,}",
                f"{test.leads:,}",
                f"{test.converted_leads:,}",
                f"{found['calls']:,.0f}",
                *(_number(found[lens]) for lens in tests.lenses),
            )
        )
    total = tests.found.sum(min_count=1)
    leads = sum(test.leads for test in tests.tests)
    converted = sum(test.converted_leads for test in tests.tests)
    rows.append(
        (
            "All",
            "",
            f"{leads:,}",
            f"{converted:,}",
            f"{total['calls']:,.0f}",
            *(_number(total[lens]) for lens in tests.lenses),
        )
    )
    return {
        "id": "same-calls",
        "title": f"{tests.calls_a_week:,} calls a week",
        "intro": "Each week the leads that are open are called best first, by their latest snapshot, each lead once in a period. "
        "Converted before: leads learned from, whose conversion was known at the date.",
        "head": (
            "From",
            "Converted before",
            "Leads",
            "Converted",
            "Calls",
            *(_SHOWN[lens] for lens in tests.lenses),
        ),
        "rows": rows,
    }


def _ranking(tests: BackTests) -> dict[str, Any]:
    lenses = [lens for lens in tests.lenses if lens != BASE_RATE]
    return {
        "id": "ranking",
        "title": "Date by date",
        "intro": "ROC AUC and log loss on the snapshots of each period; the base rate is that of what was learned from.",
        "head": (
            "From",
            "Snapshots",
            *(f"ROC AUC, {LENS_NAMES[lens]}" for lens in lenses),
            *(f"Log loss, {LENS_NAMES[lens]}" for lens in tests.lenses),
        ),
        "rows": [
            (
                f"{test.date:%Y-%m-%d}",
                f"{len(test.rows):,}",
                *(_figure(test.figures.get(lens, {}).get("roc_auc", math.nan)) for lens in lenses),
                *(_figure(test.figures.get(lens, {}).get("log_loss", math.nan)) for lens in tests.lenses),
            )
            for test in tests.tests
        ],
    }


def _measures(tests: BackTests) -> dict[str, Any]:
    rows = []
    for lens in tests.lenses[1:]:
        for metric in METRICS:
            difference = tests.difference(lens, metric)
            rows.append(
                (
                    f"{METRIC_NAMES[metric]}, model less {LENS_NAMES[lens].removeprefix('the ')}: {METRIC_WORDS[metric]}",
                    _figure(tests.figure(MODEL, metric).value),
                    _figure(tests.figure(lens, metric).value),
                    signed(difference.value, 3),
                    _between(difference, 3),
                    _BETTER[tests.better(lens, metric)],
                )
            )
        more = tests.more(lens)
        rows.append(
            (
                f"Converting leads found, model less {LENS_NAMES[lens].removeprefix('the ')}",
                "",
                "",
                signed(more.value),
                _between(more, 0),
                "model" if more.low > 0 else "the other" if more.high < 0 else "not clear",
            )
        )
    return {
        "id": "over-periods",
        "title": "Over all periods",
        "intro": "Means over periods; the 90 % interval of the difference is Student's over periods, which lie next to each other "
        "and are not quite independent.",
        "head": ("Measure", "Model", "Other", "Difference", "90 % interval", "Better"),
        "rows": rows,
    }


def _random(tests: BackTests) -> dict[str, Any]:
    split = tests.random_split
    rows = (
        []
        if split is None
        else [
            (METRIC_NAMES[metric], _figure(split.over_time[metric]), _figure(split.figures[metric]))
            for metric in METRICS
        ]
    )
    return {
        "id": "random-split",
        "title": "Split by time, and at random",
        "intro": "The same rows of the latest date, dealt by lead at random: what a random split promises, beside what happened.",
        "head": ("Measure", "By time", "At random"),
        "rows": rows,
    }


def _left_out(tests: BackTests) -> dict[str, Any]:
    return {
        "id": "left-out",
        "title": "Dates left out",
        "intro": f"{len(tests.left_out)} of {len(tests.left_out) + len(tests.tests)}.",
        "head": ("Date", "Why"),
        "rows": [(f"{each.date:%Y-%m-%d}", each.why) for each in tests.left_out],
    }


def _setup(tests: BackTests) -> list[tuple[str, str]]:
    first, last = tests.tests[0], tests.tests[-1]
    return [
        ("Learned from", "All rows whose outcome was known at the date; features are chosen on them alone"),
        ("Judged on", f"Snapshots from each date to the next, {first.date:%Y-%m-%d} to {last.ends:%Y-%m-%d}"),
        ("Model before", "The model of the date before, on the same snapshots"),
        ("Conversion", f"Within {tests.horizon}" if tests.horizon else "The outcome of the lead"),
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else MISSING


def _figure(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else MISSING


def _between(estimate: Estimate, digits: int) -> str:
    if not math.isfinite(estimate.low):
        return MISSING
    return f"{signed(estimate.low, digits)} to {signed(estimate.high, digits)}"

"""Chances in words, by score band; and words that are never used."""

from __future__ import annotations

import json
import re

import pytest

from leadlens.models.judging import Comparison, compare, report_model
from leadlens.models.judging.chances import UNKNOWN, chance, chance_of_score
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.statistics import wilson
from leadlens.pipeline.report.page import model_page, page
from tests.models.judged_example import judged_example

NEVER = re.compile(r"\b(looks|honest(ly)?|trustworthy|means?|generous(ly)?)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def result() -> Comparison:
    return compare(*judged_example(), resamples=5)


@pytest.fixture(scope="module")
def html(result: Comparison) -> str:
    return page(result)


def test_a_chance_needs_thirty_leads_of_its_band() -> None:
    assert chance(29, 29, 0.1) == UNKNOWN
    assert chance(30, 15, 0.1) == "of 100 such leads 50 convert (36 to 64); of all, 10"
    assert chance(100, 1, 0.1).startswith("of 100 such leads 1 converts (")
    assert chance(100, 0, 0.1).startswith("of 100 such leads 0 convert (0 to ")


def test_a_count_lies_in_its_own_interval() -> None:
    for leads in (30, 31, 47, 200, 5000):
        for conversions in range(0, leads + 1, max(1, leads // 40)):
            words = chance(leads, conversions, 0.05)
            found = re.fullmatch(
                r"of 100 such leads (\d+|fewer than 1) converts? \((\d+) to (\d+)\); of all, 5", words
            )
            assert found, words
            count, low, high = (0 if "f" in text else int(text) for text in found.groups())
            assert low <= count <= high
            assert [low, high] == [round(100 * float(end)) for end in wilson(conversions, leads)]


def test_the_chance_of_a_score_is_that_of_its_band(result: Comparison, html: str) -> None:
    base = result.conversions / result.leads
    for lens in (MODEL, RULES):
        for row in result.bands[result.bands["lens"] == lens].itertuples():
            first = float(row.band.split("–")[0])
            expected = chance(row.leads, row.conversions, base)
            assert chance_of_score(result.bands, lens, first, base) == expected
            assert chance_of_score(result.bands, lens, first + 0.4, base) == expected
            assert (
                row.leads == 0
                or f'<td data-label="In words">{expected[:1].upper()}{expected[1:]}</td>' in html
            )
    assert chance_of_score(result.bands, MODEL, float("nan"), base) == UNKNOWN
    assert chance_of_score(result.bands.iloc[:0], MODEL, 50.0, base) == UNKNOWN


def test_some_words_are_never_used(result: Comparison, html: str) -> None:
    """Of what we say of a result nothing is a judgement of taste."""
    alone = report_model(judged_example()[0], resamples=5)
    shown = (html, model_page(alone))
    texts = [re.sub(r"<(script|style).*?</\1>", "", each, flags=re.DOTALL) for each in shown]
    told = [result.to_dict(), alone.to_dict()]
    texts += [json.dumps([one[key] for key in ("headline", "story", "trust", "status")]) for one in told]
    for text in texts:
        assert not NEVER.findall(text)

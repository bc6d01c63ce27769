"""The law of a raw lead: given as JSON, it has the row that it would have in the data: features, score, reasons, ledger."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from leadlens import load_project, train
from leadlens.features import DataError
from leadlens.features.spine import build_scoring_spine
from leadlens.models.judging.plain import plain
from leadlens.models.prediction import with_points
from leadlens.models.reasons import reasons_of
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_leads
from leadlens.pipeline.jobs.score_lead import LeadScorer
from leadlens.pipeline.raw_lead.answer import LeadAnswer
from leadlens.pipeline.raw_lead.request import parse_raw_lead
from leadlens.pipeline.registry.mlflow_registry import Registry
from tests.laws.raw_leads import DAYS, START, RandomWorld
from tests.pipeline.page_example import served

SEED = int(os.environ.get("LEADLENS_SEED", "5"))
NIGHTS = 3
LEADS = max(8, int(os.environ.get("LEADLENS_EXAMPLES", "24")) // NIGHTS)


@pytest.fixture(scope="module")
def world() -> RandomWorld:
    return RandomWorld.make(SEED)


@pytest.fixture(scope="module")
def project(world: RandomWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFile]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(tmp_path_factory.mktemp("home")))
        file = load_project(world.write(tmp_path_factory.mktemp("raw") / "project"))
        train(file)
        yield file


@pytest.fixture(scope="module")
def scorer(project: ProjectFile) -> LeadScorer:
    return LeadScorer.open(project)


def night(scorer: LeadScorer, as_of: datetime) -> ScoredLeads:
    """All leads that are open, as the night scores them."""
    history = scorer.prepared.history()
    with history, build_scoring_spine(history, as_of, spine_policy(scorer.project)) as spine:
        return score_leads(history, spine, scorer.served.bundle, scorer.sheets)


def same_row(alone: ScoredLeads, every: ScoredLeads, lead_id: str) -> None:
    """Whether a lead alone is, to the last bit, the lead among all."""
    (row,) = every.spine.index[every.spine["lead_id"] == lead_id]
    (own,) = alone.spine.index
    pd.testing.assert_frame_equal(
        alone.matrix.frame.reset_index(drop=True),
        every.matrix.frame.loc[[row]].reset_index(drop=True),
        check_exact=True,
    )
    mine, among = alone.prediction, every.prediction
    assert mine.base_value == among.base_value
    for ours, theirs in ((mine.table, among.table), (mine.contributions, among.contributions)):
        pd.testing.assert_frame_equal(
            ours.reset_index(drop=True), theirs.loc[[row]].reset_index(drop=True), check_exact=True
        )
    assert alone.reasons()[0] == reasons_among(every, row)
    assert alone.sheet is not None
    assert every.sheet is not None
    pd.testing.assert_frame_equal(
        alone.sheet.reset_index(drop=True), every.sheet.loc[[row]].reset_index(drop=True), check_exact=True
    )
    assert alone.rules is not None
    assert every.rules is not None
    lines, theirs = (
        rules.readable_ledger().query("row_id == @wanted").drop(columns="row_id").reset_index(drop=True)
        for rules, wanted in ((alone.rules, own), (every.rules, row))
    )
    pd.testing.assert_frame_equal(lines, theirs, check_exact=True)
    counted = lines.loc[lines["counts"].astype(bool), "points"].sum()
    assert counted == pytest.approx(alone.sheet["total"].iloc[0], abs=1e-9)
    total = mine.base_value + sum(reason.points for reason in alone.reasons()[0])
    assert total == pytest.approx(mine.table["score"].iloc[0], abs=1e-9)


def reasons_among(every: ScoredLeads, row: int) -> object:
    values = with_points(every.matrix.frame, every.points).loc[[row]]
    place = every.matrix.frame.index.get_loc(row)
    contributions = every.prediction.contributions.loc[[row]]
    return reasons_of(contributions, values, every.columns, None, every.as_of[[place]])[0]


def test_a_lead_as_json_is_the_lead_in_the_data(world: RandomWorld, scorer: LeadScorer) -> None:
    chance, checked, with_colleagues, bots = random.Random(SEED), 0, 0, 0
    for _ in range(NIGHTS):
        as_of = START + timedelta(
            days=chance.uniform(DAYS / 4, DAYS + 40), microseconds=chance.randrange(10**6)
        )
        every = night(scorer, as_of)
        for lead_id in chance.sample(sorted(every.spine["lead_id"]), LEADS):
            text = json.dumps(world.raw(lead_id, as_of, chance))
            alone, shown, notes = scorer.scored(parse_raw_lead(text))
            assert shown == as_of
            same_row(alone, every, lead_id)
            checked += 1
            with_colleagues += bool((alone.matrix.frame["colleagues"] > 0).any())
            bots += any("retracted" in note and "clicks" in note for note in notes)
    assert checked >= 24
    assert with_colleagues > checked / 3, "colleagues are read from the history"
    assert bots > 0, "some leads were clicked for by a machine"


def test_over_http_it_is_the_same_answer(
    world: RandomWorld, project: ProjectFile, scorer: LeadScorer
) -> None:
    chance, as_of = random.Random(SEED + 2), START + timedelta(days=DAYS)
    own = {"Content-Type": "application/json"}
    with served(project) as site:
        for lead_id in chance.sample(sorted(night(scorer, as_of).spine["lead_id"]), 3):
            raw = world.raw(lead_id, as_of, chance)
            got = site.ask("POST", f"/{project.project.name}/api/score", json.dumps(raw).encode(), own)
            assert got.status == 200, got.text
            assert json.loads(got.text) == plain(scorer.score(raw, "the request").to_dict())
            LeadAnswer.model_validate_json(got.text)
        for body, said in (
            (b"{", "JSON"), (b"[]", ""), (b"null", ""), (b"\xff", ""), (b'{"lead": {"created_at": "soon"}}', "created_at"),
            (json.dumps({"lead": {"created_at": "2025-01-01"}, "evnts": []}).encode(), "events"),
        ):  # fmt: skip
            got = site.ask("POST", f"/{project.project.name}/api/score", body, own)
            assert got.status == 400, (body, got.text)
            assert said in json.dumps(json.loads(got.text)["error"])


def test_a_lead_that_nobody_knew_is_the_lead_that_is_known_later(
    world: RandomWorld, scorer: LeadScorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead scored as JSON before it is in the data, and by the night after it came into them."""
    chance = random.Random(SEED + 1)
    known = {row["Key"]: row for row in world.leads}
    lead_id = next(key for key, row in known.items() if str(row["account_id"]).startswith("A1"))
    renamed = RandomWorld(**{name: [dict(row) for row in rows] for name, rows in vars(world).items()})
    for row in (*renamed.leads, *renamed.events, *renamed.conversions):
        for name in ("Key", "lead_id"):
            if row.get(name) == lead_id:
                row[name] = "newcomer"
    as_of = START + timedelta(days=DAYS + 100)
    for row in renamed.leads:
        if row["Key"] == "newcomer":
            row["closed_at"] = None
    renamed.conversions = [row for row in renamed.conversions if row["lead_id"] != "newcomer"]
    before = RandomWorld(
        **{
            name: [row for row in rows if "newcomer" not in (row.get("Key"), row.get("lead_id"))]
            for name, rows in vars(renamed).items()
        }
    )
    with_it, without = (
        load_project(renamed.write(tmp_path / "after")),
        load_project(before.write(tmp_path / "before")),
    )
    early = LeadScorer.open(without)
    alone, _, notes = early.scored(renamed.raw("newcomer", as_of, chance))
    assert not any("the history has lead" in note for note in notes)
    same_row(alone, night(LeadScorer.open(with_it), as_of), "newcomer")


def test_events_that_are_known_later_are_told_and_count_as_none(
    world: RandomWorld, scorer: LeadScorer
) -> None:
    chance, as_of = random.Random(SEED + 3), START + timedelta(days=DAYS)
    raw = world.raw(str(night(scorer, as_of).spine["lead_id"].iloc[0]), as_of, chance)
    known = [row for row in raw["events"] if not str(row.get("occurred_at")) > as_of.isoformat()]
    later = {**known[0], "event_id": "later", "known_at": None}
    without = plain(scorer.score({**raw, "events": known}).to_dict())
    for hours, told in ((0, ""), (1, "1 event was known only after"), (30, "2 events were known only after")):
        more = [
            {**later, "event_id": f"later {nth}", "occurred_at": (as_of + timedelta(hours=nth)).isoformat()}
            for nth in (1, 30)
            if nth <= hours
        ]
        found = plain(scorer.score({**raw, "events": [*known, *more]}).to_dict())
        notes = found.pop("notes")
        assert found == {name: value for name, value in without.items() if name != "notes"}
        assert [note for note in notes if "known only after" in note] == (
            [f"{told} {as_of:%Y-%m-%d %H:%M}: not counted as of then"] if told else []
        )


def test_the_registered_model_takes_the_same_json(
    world: RandomWorld, project: ProjectFile, scorer: LeadScorer
) -> None:
    """Away from its project it knows neither colleagues nor accounts; of a lead without them it says the same."""
    mlflow = Registry(project.project.name).mlflow
    model = mlflow.pyfunc.load_model(f"models:/{project.project.name}@challenger")
    chance, as_of = random.Random(SEED), START + timedelta(days=DAYS)
    open_leads = night(scorer, as_of).spine["lead_id"]
    alone = [row["Key"] for row in world.leads if row["account_id"] in (None, "-")]
    raws = [world.raw(str(key), as_of, chance) for key in alone if key in set(open_leads)][:4]
    expected = [json.loads(json.dumps(scorer.score(raw).to_dict(), default=str)) for raw in raws]
    for answer in expected:
        del answer["model_version"], answer["alias"]
        answer["notes"] = [note for note in answer["notes"] if "the history has lead" not in note]
    assert len(expected) == 4
    given = pd.DataFrame({"raw_lead": [raws[0], json.dumps(raws[1]), *raws[2:]]})
    assert model.predict(given).to_dict("records") == expected
    body = {"dataframe_records": [{"raw_lead": raw} for raw in raws]}
    schema = model.metadata.get_input_schema()
    served = scoring_server.invocations(json.dumps(body), "application/json", model, schema)
    assert served.status == 200
    assert json.loads(served.response)["predictions"] == expected
    wrong = {"dataframe_records": [{"raw_lead": {"lead": {"created_at": "2024-05-01", "citty": "Rome"}}}]}
    with pytest.raises(MlflowException, match="raw_lead 1: lead: leads have no such column") as refused:
        scoring_server.invocations(json.dumps(wrong), "application/json", model, schema)
    assert "did you mean: city?" in str(refused.value)
    with pytest.raises(MlflowException, match=r"the input lacks .* columns: any__count"):
        model.predict(pd.DataFrame({"income": [1.0]}))
    with pytest.raises(DataError, match="does not take raw leads"):
        LeadScorer.of_bundle(replace(scorer.served.bundle, raw=None))

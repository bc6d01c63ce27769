"""Laws of the corridor: whoever asks about a lead, and by which way, gets one and the same row and number."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from leadlens import (
    compare,
    explain,
    load_project,
    open_history,
    promote,
    score,
    score_lead,
    train,
    write_starter,
)
from leadlens.features import DataError, Finding, UsageError
from leadlens.features.spine import Spine, build_scoring_spine
from leadlens.pipeline.cli.render.jobs import render_explanation
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.judged import compare_lenses, out_of_time, score_out_of_time
from leadlens.pipeline.dataset.lead_scores import lead_scores
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.dataset.scored_leads import ScoredLeads, score_leads
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.jobs.train import Training
from leadlens.pipeline.raw_lead.answer import LeadAnswer
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.scorecards.project import load_sheets
from tests.pipeline.little_project import leadlens


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> ProjectFile:
    folder = tmp_path_factory.mktemp("corridor")
    write_starter(folder)
    return load_project(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(home))


@pytest.fixture(scope="module")
def trained(starter: ProjectFile, home: Path) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(home))
        return train(starter, trials=3)


def test_the_row_that_is_scored_is_the_row_that_was_learned_from(
    starter: ProjectFile, trained: Training
) -> None:
    """Every row of the training set, scored by ``score_leads``: features, rule points and probability alike."""
    rows = trained.training_set
    history = open_history(starter)
    with split_snapshots(history, starter.project) as split:
        scored = score_leads(history, split.both, trained.bundle, load_sheets(starter))
    pd.testing.assert_frame_equal(scored.matrix.frame, rows.matrix.frame, rtol=1e-12, atol=0)
    assert rows.rules is not None
    assert scored.rules is not None
    pd.testing.assert_frame_equal(scored.rules.scores, rows.rules.scores, check_exact=True)
    judged = out_of_time(rows, trained.bundle).scored.prediction
    again = scored.prediction.table.loc[rows.test]
    pd.testing.assert_frame_equal(judged.table, again, check_exact=True)
    pd.testing.assert_frame_equal(
        judged.contributions, scored.prediction.contributions.loc[rows.test], check_exact=True
    )


def test_the_nightly_row_of_a_lead_is_its_training_row(starter: ProjectFile, trained: Training) -> None:
    """The spine of a night, as of each of some moments, and the rows that training made of the same leads then."""
    rows = trained.training_set
    spine = rows.matrix.spine.set_index("row_id")
    history, sheets = open_history(starter), load_sheets(starter)
    checked = 0
    for as_of in sorted(spine.loc[rows.test, "as_of"].unique())[::40]:
        then: datetime = pd.Timestamp(as_of).to_pydatetime()
        with build_scoring_spine(history, then, spine_policy(starter.project)) as night:
            scored = score_leads(history, night, trained.bundle, sheets, movement=True)
        tonight = scored.spine.reset_index().set_index("lead_id")["row_id"]
        for row_id, learned in spine[spine["as_of"] == as_of].iterrows():
            mine = scored.matrix.frame.loc[tonight[learned["lead_id"]]]
            # sums of decayed events differ in the last bit by the order in which an engine adds them up
            pd.testing.assert_series_equal(
                mine, rows.matrix.frame.loc[row_id], check_names=False, rtol=1e-12, atol=0
            )
            checked += 1
    assert checked > 5


def test_one_lead_has_one_number_everywhere(starter: ProjectFile, trained: Training, tmp_path: Path) -> None:
    """Terminal, notebook, JSON, data base and the frame agree on a lead to the last digit."""
    target = tmp_path / "scores.duckdb"
    done = score(starter, to=f"duckdb:///{target}", force="these data are of 2025")
    with duckdb.connect(str(target), read_only=True) as database:
        stored = database.execute("SELECT * FROM lead_scores").df().set_index("lead_id")
    frame = done.scores.set_index("lead_id")
    assert list(stored.loc[frame.index, "probability"]) == list(frame["probability"])
    ranked = frame.sort_values("score").index
    for lead_id in (ranked[0], ranked[len(ranked) // 2], ranked[-1]):
        one, row = explain(starter, lead_id), stored.loc[lead_id]
        assert one.probability == row["probability"] == frame.loc[lead_id, "probability"]
        assert (one.shown, one.grade) == (row["score"], row["grade"])
        assert (one.rule_points, one.rule_grade, one.rule_stage) == (
            row["rule_points"], row["rule_grade"], row["rule_stage"],
        )  # fmt: skip
        assert one.route == (row["route"] if isinstance(row["route"], str) else None)
        base, *reasons = json.loads(row["reasons"])
        assert base["points"] == round(one.start, 3)
        assert [line["points"] for line in reasons[:10]] == [round(r.points, 3) for r in one.reasons[:10]]
        assert sum(line["points"] for line in reasons) == pytest.approx(one.score - one.start, abs=0.01)
        assert one.start + sum(reason.points for reason in one.reasons) == pytest.approx(one.score, abs=1e-6)
        lines = render_explanation(one)
        printed = [
            float(line.split()[0])
            for line in lines[3 : next(i for i, x in enumerate(lines) if "= score" in x)]
        ]
        assert sum(printed) == pytest.approx(one.score, abs=0.05 * len(printed) + 1e-9), (
            "what is printed sums"
        )
        assert f"score {row['score']}, grade {row['grade']}" in lines[2]


def test_a_lead_given_as_json_is_printed_as_the_lead_in_the_data(
    starter: ProjectFile, trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`leadlens score-lead` of a file, of standard input and the function, beside `leadlens explain`."""

    def table(name: str) -> pd.DataFrame:
        return pd.read_csv(starter.folder / "data" / f"{name}.csv", dtype=str, keep_default_na=False)

    score(starter, dry_run=True)
    lead_id = "L000646"
    (lead,) = table("leads").query("lead_id == @lead_id").to_dict("records")
    events = table("events").query("lead_id == @lead_id").to_dict("records")
    as_of = datetime(2025, 6, 20)
    raw = {"lead": lead, "events": events, "as_of": as_of.isoformat()}
    known = explain(starter, lead_id, as_of=as_of)
    one = score_lead(starter, raw)
    assert any("the history has lead L000646, too" in note for note in one.notes)
    assert one.to_dict() | {"notes": []} == known.to_dict() | {"notes": []}
    path = tmp_path / "lead.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    answer = leadlens("score-lead", starter.path, path, "--json")
    assert answer.facts == one.to_dict()
    assert answer.facts == LeadAnswer.model_validate_json(answer.out).model_dump(mode="json"), (
        "as its schema says"
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    printed = leadlens("score-lead", starter.path, "-").out.splitlines()
    assert [line for line in printed if not line.startswith("note:")] == render_explanation(known)
    later = leadlens("score-lead", starter.path, path, "--as-of", "2025-06-25", "--json").facts
    assert later["as_of"] == "2025-06-25T00:00:00"
    misspelt = {**raw, "events": [{**events[0], "event_type": "page_viewd"}]}
    assert any("did you mean 'page_viewed'?" in note for note in score_lead(starter, misspelt).notes)
    path.write_text('{"lead": {"created_at": "2025-06-01", "cuntry": "CH"}}', encoding="utf-8")
    wrong = leadlens("score-lead", starter.path, path)
    assert wrong.code == 2
    assert "lead.json: lead: leads have no such column" in wrong.err
    path.write_text('{"lead": {"created_at": "2025-06-01", "closed_at": "2025-06-02"}}', encoding="utf-8")
    closed = leadlens("score-lead", starter.path, path)
    assert closed.code == 1
    assert "this lead is not open as of then" in closed.err


def test_smaller_reasons_are_the_rest_and_not_nothing(starter: ProjectFile, trained: Training) -> None:
    """The line that stands for all reasons left out bears exactly their sum: on paper, in a notebook, in the table."""
    scores = score(starter, dry_run=True).scores.set_index("lead_id")
    rests = 0
    for lead_id in scores.index[:5]:
        one = explain(starter, lead_id)
        small = [reason.points for reason in one.reasons if abs(reason.points) < 0.5]
        (line,) = [line for line in render_explanation(one) if "smaller reasons" in line]
        assert line == f"  {sum(small):>+8.1f}  {len(small)} smaller reasons"
        cells = re.findall(r"<td>smaller reasons</td>\s*<td>([^<]*)</td>", one._repr_html_())
        assert float(cells[0]) == pytest.approx(sum(small), abs=1e-3)
        last = scores.loc[lead_id, "reasons"][-1]
        assert last["points"] == round(sum(reason.points for reason in one.reasons[10:]), 3)
        rests += abs(sum(small)) > 0.1
    assert rests > 1, "some of these leads must have a rest worth a line"


def test_the_comparison_judges_the_very_scores(starter: ProjectFile, trained: Training) -> None:
    """From the history or from the training set at hand: the same rows, numbers and figures; the model's own."""
    history, sheets = open_history(starter), load_sheets(starter)
    with split_snapshots(history, starter.project) as split:
        fresh = score_out_of_time(starter, history, split, [trained.bundle], sheets)[0]
    kept = out_of_time(trained.training_set, trained.bundle)
    pd.testing.assert_frame_equal(fresh.frame(), kept.frame(), check_exact=True)
    assert fresh.base_rate == kept.base_rate
    judged = fresh.frame().set_index("row_id")
    table = fresh.scored.prediction.table
    assert (judged["probability"] == table["probability"]).all()
    assert compare_lenses(starter, fresh, "1", []).figures() == trained.figures
    odd = Finding("odd", "120 leads are odd: still in", share=0.3)
    worried = compare_lenses(
        starter, replace(fresh, findings=(odd, Finding("cold", "the heating is off"))), "1", []
    )
    assert worried.meta["findings"] == [{"message": odd.message, "share": 0.3}]
    assert worried.to_dict()["headline"].startswith("Do not decide yet: ")


def test_a_model_is_not_judged_on_rows_that_it_has_seen(
    starter: ProjectFile, trained: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(trained.bundle.recipe, test_from="2099-01-01T00:00:00")
    eager = Registered(replace(trained.bundle, recipe=recipe), "1", "challenger", trained.run_id)
    assert not out_of_time(trained.training_set, trained.bundle).seen
    monkeypatch.setattr(Registry, "open", lambda self, alias: eager if alias == "challenger" else None)
    # Else compare opens the copy that is kept.
    monkeypatch.setattr("leadlens.pipeline.jobs.compare.serving_model", lambda name: eager)
    for job in (compare, promote):
        for rows in (None, trained.training_set):
            with pytest.raises(DataError, match="the model has seen these leads"):
                job(starter, rows=rows)


def test_rows_of_another_model_are_refused(trained: Training) -> None:
    recipe = replace(trained.bundle.recipe, sheet_version="another")
    with pytest.raises(UsageError, match="made for another model"):
        out_of_time(trained.training_set, replace(trained.bundle, recipe=recipe))


def test_judged_rows_are_scored_leads_like_any_other(trained: Training) -> None:
    rows = trained.training_set
    scores = lead_scores(out_of_time(rows, trained.bundle).scored)
    assert len(scores) == len(rows.test)
    assert all(
        sum(line["points"] for line in ledger if line["dimension"] in ("fit", "engagement")) == points
        for ledger, points in zip(scores["ledger"], scores["rule_points"], strict=True)
    )


def test_a_lead_scores_the_same_alone_and_among_all(starter: ProjectFile, trained: Training) -> None:
    history, sheets = open_history(starter), load_sheets(starter)
    with build_scoring_spine(history, history.data_end, spine_policy(starter.project)) as spine:
        every = score_leads(history, spine, trained.bundle, sheets, movement=True)

        def alone(row_id: int) -> ScoredLeads:
            sql = f"SELECT * FROM {spine} WHERE row_id = {row_id}"
            with Spine.make(history.engine, "one", sql) as one:
                return score_leads(history, one, trained.bundle, sheets, movement=True)

        table = lead_scores(every)
        for place in (0, len(table) // 3, len(table) - 1):
            pd.testing.assert_frame_equal(
                lead_scores(alone(place)), table.iloc[[place]].reset_index(drop=True), check_exact=True
            )

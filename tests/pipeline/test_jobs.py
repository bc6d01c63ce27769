"""The whole way through on the starter project: train, register, compare, explain, score, promote."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from leadlens import compare, explain, load_project, open_history, promote, score, train, write_starter
from leadlens.features import DataError, UsageError, matrix
from leadlens.features.matrix import build_matrix
from leadlens.features.spine import Spine, build_scoring_spine
from leadlens.models.judging import ModelReport
from leadlens.models.lead_model import Explanation as Explained
from leadlens.models.lead_model import LeadModel
from leadlens.models.prediction import predict_frame, sheet_points, with_points
from leadlens.pipeline.cli.render.jobs import render_explanation, render_scoring, render_training
from leadlens.pipeline.cli.render.registry import render_promotion
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.config.model import Scores
from leadlens.pipeline.config.page import Page
from leadlens.pipeline.dataset.judged import compare_lenses, out_of_time
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.jobs.train import Training
from leadlens.pipeline.prepared import event_update, open_prepared
from leadlens.pipeline.published.asked import Query
from leadlens.pipeline.published.copy import PublishedScores
from leadlens.pipeline.published.folder import CopyFolder
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.report.page import page
from leadlens.pipeline.state import state_folder
from tests.pipeline.little_project import thin_out
from tests.pipeline.page_example import served

TRIALS = 3
ENDED = datetime(2025, 7, 1)  # the starter's data


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFile]:
    """The starter project, with a store of its own for this module."""
    folder = tmp_path_factory.mktemp("starter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_starter(folder / "project")
        yield load_project(folder / "project")


@pytest.fixture(scope="module")
def trained(starter: ProjectFile) -> Training:
    return train(starter, trials=TRIALS)


def test_the_next_step_is_not_one_that_would_be_refused(trained: Training) -> None:
    assert render_training(replace(trained, refused=()), "starter")[-1].endswith("leadlens promote starter")
    assert "promote" not in render_training(replace(trained, refused=("it learned nothing",)), "starter")[-1]


def test_a_warning_is_printed_once_and_each_roc_auc_says_what_it_is_of(trained: Training) -> None:
    warned = replace(trained, warnings=("a column is odd", *trained.warnings))
    assert trained.comparison is not None
    assert any(line.startswith("Note: ") for line in trained.comparison.story()), (
        "the page has them in its story"
    )
    printed = "\n".join(render_training(warned, "starter"))
    for warning in warned.warnings:
        assert printed.count(warning) == 1
    assert f"ROC AUC {trained.signal.ranking.roc_auc:.3f} among rows of the same age (p" in printed


def test_training_reports_both_lenses_on_later_rows(trained: Training) -> None:
    assert set(trained.figures) == {"leadlens", "scorecard"}
    assert trained.figures["leadlens"]["roc_auc"] > 0.6
    assert all(math.isfinite(value) for lens in trained.figures.values() for value in lens.values())
    assert trained.rows["train"] > trained.rows["test"] > 100
    assert trained.trials == TRIALS
    json.dumps(trained.to_dict(), allow_nan=False)


def test_equal_seeds_give_equal_models(
    starter: ProjectFile, trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path))
    again = train(starter, trials=TRIALS)
    assert again.figures == trained.figures
    assert again.bundle.model.to_dict() == trained.bundle.model.to_dict()
    assert again.bundle.recipe == trained.bundle.recipe


def test_the_run_in_mlflow_holds_what_a_reader_wants(trained: Training) -> None:
    client = Registry(trained.project).client
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["data_fingerprint"] == trained.bundle.recipe.data_fingerprint
    assert run.data.metrics["leadlens.roc_auc"] == pytest.approx(trained.figures["leadlens"]["roc_auc"])
    artifacts = {item.path for item in client.list_artifacts(trained.run_id)}
    expected = {
        "gains.svg",
        "calibration.svg",
        "importance.csv",
        "partial_dependence.csv",
        "shap_summary.png",
        "shap_waterfall.png",
        "thresholds.csv",
        "report.html",
        "report.json",
        "trials.csv",
    }
    assert expected <= artifacts


def test_the_registered_model_is_text_and_loads_by_pyfunc(trained: Training) -> None:
    mlflow = Registry(trained.project).mlflow
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{trained.project}@challenger"))
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {"", ".json", ".txt", ".py", ".yaml", ".yml"}, "nothing that would have to be unpickled"
    loaded = mlflow.pyfunc.load_model(f"models:/{trained.project}@challenger")
    assert loaded.metadata.signature is not None
    rows = trained.training_set
    later = rows.test[:50]
    names = [*trained.bundle.model.columns, *trained.bundle.model.rule_names]
    given = with_points(rows.matrix.frame.loc[later], sheet_points(rows.rules, later))[names]
    pd.testing.assert_frame_equal(loaded.predict(given), predict_frame(trained.bundle.model, given))


def test_compare_writes_one_page_and_its_json(
    starter: ProjectFile, trained: Training, tmp_path: Path
) -> None:
    done = compare(starter, out=tmp_path / "report")
    facts = json.loads(done.json.read_text(encoding="utf-8"))
    assert facts["rows"] == trained.rows["test"]
    assert "<html" in done.page.read_text(encoding="utf-8")
    assert done.comparison.figures()["leadlens"] == pytest.approx(trained.figures["leadlens"])
    leads = pd.read_csv(starter.folder / "data" / "leads.csv").set_index("lead_id")["full_name"]
    assert done.leads is not None
    listed = pd.read_csv(done.leads).set_index("lead_id")
    assert len(listed) == done.comparison.leads
    assert listed["name"].to_dict() == leads[listed.index].to_dict()
    html = done.page.read_text(encoding="utf-8")
    assert f'<th scope="row">{escape(listed["name"].iloc[0])}' in html
    assert listed.index[0] not in html, "names instead of ids"


def test_a_report_names_nobody_where_the_page_must_not(
    starter: ProjectFile, trained: Training, tmp_path: Path
) -> None:
    for settings in (Page(name=[], email=[], company=[], owner=[]), Page(publish=False)):
        file = replace(starter, project=starter.project.model_copy(update={"page": settings}))
        done = compare(file, out=tmp_path / "report")
        assert done.leads is not None
        listed = pd.read_csv(done.leads)
        assert listed[["name", "email", "company", "owner"]].isna().all(axis=None)
        assert f'<th scope="row">{listed["lead_id"].iloc[0]}</th>' in done.page.read_text(encoding="utf-8")


def test_both_lenses_of_a_lead_sum_to_their_scores(starter: ProjectFile, trained: Training) -> None:
    leads = score(starter, dry_run=True).scores.sort_values("score")["lead_id"]
    for lead in (leads.iloc[0], leads.iloc[len(leads) // 2], leads.iloc[-1]):
        found = explain(starter, lead)
        assert found.start + sum(reason.points for reason in found.reasons) == pytest.approx(
            found.score, abs=1e-6
        )
        main = found.ledger[found.ledger["dimension"].isin(("fit", "engagement"))]
        assert main["points"].sum() == pytest.approx(found.rule_points, abs=1e-9)
        assert 1 <= found.shown <= 99
        json.dumps(found.to_dict(), allow_nan=False, default=str)


def test_a_running_process_explains_as_the_night_scores_and_sees_what_changes(
    starter: ProjectFile, trained: Training
) -> None:
    night = score(starter, dry_run=True).scores.set_index("lead_id")
    leads = list(night.index[:4])
    for lead in leads:
        found = explain(starter, lead)
        row = night.loc[lead]
        assert (found.probability, found.rule_points) == (row["probability"], row["rule_points"])
    sheet = starter.resolve(starter.project.scorecards[0])
    text = sheet.read_text(encoding="utf-8")
    try:
        sheet.write_text(f"{text}\nbase: {{fit: 7}}\n", encoding="utf-8")
        assert explain(starter, leads[0]).rule_points == night.loc[leads[0], "rule_points"] + 7
    finally:
        sheet.write_text(text, encoding="utf-8")
    assert explain(starter, leads[0]).rule_points == night.loc[leads[0], "rule_points"]


def test_explain_names_the_nearest_lead(starter: ProjectFile, trained: Training) -> None:
    with pytest.raises(UsageError) as refused:
        explain(starter, "L0000O1")
    assert refused.value.nearest
    sold = open_history(starter).engine.value("SELECT min(lead_id) FROM conversions")
    with pytest.raises(DataError, match="not open"):
        explain(starter, sold)


def test_a_past_score_is_replayed_from_what_was_known_to_its_run(
    starter: ProjectFile, trained: Training, tmp_path: Path
) -> None:
    path, to = starter.folder / "data" / "events.csv", f"duckdb:///{tmp_path / 'scores.duckdb'}"
    before = score(starter, as_of=ENDED, to=to)
    lead, text = before.scores["lead_id"].iloc[0], path.read_text(encoding="utf-8")
    old = explain(starter, lead, as_of=ENDED)
    with duckdb.connect(str(tmp_path / "scores.duckdb")) as database:
        [(version, stages)] = database.execute("SELECT data_version, stages FROM scoring_runs").fetchall()
    assert version == before.data_version == trained.bundle.recipe.data_version
    assert {"read", "features", "score"} <= {stage["name"] for stage in json.loads(stages)}
    header = text.splitlines()[0].split(",")
    late = {
        "lead_id": lead,
        "occurred_at": str(before.as_of),
        "event_type": "pricing_viewed",
        "event_id": "late",
    }
    try:
        path.write_text(text + ",".join(late.get(name, "") for name in header) + "\n", encoding="utf-8")
        assert score(starter, dry_run=True).data_version == version + 1
        later = before.as_of + timedelta(hours=1)
        assert (
            explain(starter, lead, as_of=later).to_dict()
            != explain(starter, lead, as_of=later, data_version=version).to_dict()
        )
        assert explain(starter, lead, as_of=before.as_of, data_version=version).to_dict() == old.to_dict()
        with pytest.raises(DataError, match="no longer kept"):
            explain(starter, lead, data_version=version + 7)
    finally:
        path.write_text(text, encoding="utf-8")


def test_train_and_score_see_the_same_row(starter: ProjectFile, trained: Training) -> None:
    """A lead looked at on a day gives the same features whether it is learned from or scored."""
    rows = trained.training_set
    spine = rows.matrix.spine.set_index("row_id")
    for row in rows.test[::200]:
        lead, as_of = spine.loc[row, "lead_id"], spine.loc[row, "as_of"].to_pydatetime()
        history = open_history(starter)
        spine_then = build_scoring_spine(history, as_of, spine_policy(starter.project))
        one = Spine.make(history.engine, "one", f"SELECT * FROM {spine_then} WHERE lead_id = '{lead}'")
        scored = build_matrix(history, rows.plan, one).frame.iloc[0]
        pd.testing.assert_series_equal(scored, rows.matrix.frame.loc[row], check_names=False, rtol=1e-12)


def test_scoring_twice_changes_nothing(starter: ProjectFile, trained: Training, tmp_path: Path) -> None:
    target = f"duckdb:///{tmp_path / 'scores.duckdb'}"
    first, second = (score(starter, as_of=ENDED, to=target) for _ in range(2))
    assert first.written is not None
    assert second.written is not None
    assert first.written.inserted == len(first.scores) > 0
    assert (second.written.inserted, second.written.updated) == (0, 0)
    assert "challenger" in " ".join(first.warnings)
    with duckdb.connect(str(tmp_path / "scores.duckdb")) as database:
        stored = database.execute(
            "SELECT score, probability, reasons, ledger, rule_points FROM lead_scores"
        ).df()
    assert len(stored) == len(first.scores)
    for row in stored.head(50).itertuples():
        reasons, ledger = json.loads(row.reasons), json.loads(row.ledger)
        total = sum(reason["points"] for reason in reasons)
        assert np.clip(round(total), 1, 99) == pytest.approx(row.score, abs=1)
        main = [line["points"] for line in ledger if line["dimension"] in ("fit", "engagement")]
        assert sum(main) == pytest.approx(row.rule_points)


def test_a_night_is_published_for_the_page(starter: ProjectFile, trained: Training, tmp_path: Path) -> None:
    to, folder = f"duckdb:///{tmp_path / 'scores.duckdb'}", CopyFolder.of(starter.project.name)

    def shown(**page: object) -> ProjectFile:
        own = {"page": Page.model_validate(page), "scores": Scores(to=to)}  # a trial would change no page
        return replace(starter, project=starter.project.model_copy(update=own))

    score(starter, dry_run=True)
    before = folder.latest()
    score(shown(publish=False), as_of=ENDED, to=to)
    assert folder.latest() == before
    night = score(shown(url="https://leads.example.com/"), as_of=ENDED, to=to, replace_newer=True)
    latest = folder.latest()
    assert latest is not None
    assert latest != before
    copy = PublishedScores(latest)
    assert copy.run_id == night.run_id
    shadow = f"duckdb:///{tmp_path / 'shadow.duckdb'}"
    score(starter, as_of=ENDED, to=shadow, challenger=True, replace_newer=True)
    assert folder.latest() == latest, "sales see the champion's scores"
    assert copy.as_of == night.as_of
    asked = Query(disqualified=True)
    assert {row.lead_id for row in copy.every(asked)} == set(night.scores["lead_id"])
    best = copy.leads(asked).rows[0]
    lead, told = copy.lead(best.lead_id), explain(starter, best.lead_id, as_of=ENDED)
    assert lead is not None
    assert (best.score, best.grade, best.rule_stage) == (told.shown, told.grade, told.rule_stage)
    assert lead.route == told.route
    assert lead.sheet_score is not None
    assert 1 <= lead.sheet_score <= 99
    assert sum(line.points for line in lead.reasons) == pytest.approx(told.score, abs=0.01)
    assert sum(line.points for line in lead.ledger) == pytest.approx(told.rule_points)
    with duckdb.connect(str(tmp_path / "scores.duckdb")) as database:
        [(url,)] = database.execute(
            "SELECT explanation_url FROM lead_scores WHERE lead_id = ?", [best.lead_id]
        ).fetchall()
    assert url == f"https://leads.example.com/{starter.project.name}/leads/{best.lead_id}"


@pytest.mark.parametrize("compiled", [False, True])
def test_a_history_in_many_parts_gives_the_same_scores(
    starter: ProjectFile, trained: Training, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    """As if the starter's history were large: prepared in many parts, scored one by one, by compiled loops or not."""
    want = score(starter, dry_run=True).scores
    monkeypatch.setattr(event_update, "_LEADS_A_PART", 150)
    if not compiled:
        monkeypatch.setattr(matrix, "_compiles", lambda *_: False)
    with tempfile.TemporaryDirectory() as other:
        shutil.move(state_folder() / "prepared", other)
        try:
            prepared = open_prepared(starter)
            got = score(starter, dry_run=True).scores
        finally:
            shutil.rmtree(state_folder() / "prepared")
            shutil.move(f"{other}/prepared", state_folder())
    assert prepared.parts > 5
    if compiled:
        pd.testing.assert_frame_equal(got, want, check_exact=True)
    else:
        pd.testing.assert_frame_equal(got, want, rtol=1e-9)


def test_scores_go_to_postgresql(starter: ProjectFile, trained: Training, postgres_url: str) -> None:
    first, second = (score(starter, as_of=ENDED, to=postgres_url) for _ in range(2))
    assert first.written is not None
    assert second.written is not None
    assert first.written.inserted == len(first.scores)
    assert second.written.unchanged == len(first.scores)


def test_as_of_then_is_blind_to_what_came_later(starter: ProjectFile, trained: Training) -> None:
    history = open_history(starter)
    middle = history.engine.value("SELECT median(occurred_at) FROM events")
    then = score(starter, as_of=middle, dry_run=True)
    created = history.engine.frame("SELECT lead_id, created_at FROM leads").set_index("lead_id")["created_at"]
    assert (created[then.scores["lead_id"]] <= middle).all()
    assert len(then.scores) > 0


def test_promotion_is_a_gate(
    starter: ProjectFile, trained: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    import leadlens.pipeline.jobs.promote as gate

    with monkeypatch.context() as patch:
        patch.setattr(gate, "_rival", lambda _, own, __: (own.label.to_numpy(float), "a rival who knows"))
        with pytest.raises(DataError, match="worse"):
            promote(starter)
        assert gate.Registry(starter.project.name).open("champion") is None
        promoted = promote(starter, force="a trial in one region")
        assert promoted.forced == "a trial in one region"
    try:
        # One judgement of one pair: what `compare` says, and no other word of it.
        said = compare(starter).comparison.to_dict()["headline"]
        assert promoted.judgement == said
        passed = replace(promoted, overruled=(), forced=None, interval=(-0.2, -0.1))
        assert f"{said}." in render_promotion(passed)
        assert "better" not in "".join(render_promotion(passed)[:2])
        assert "already champion" in render_promotion(promote(starter))[0]
        assert score(starter, dry_run=True).alias == "champion"
    finally:  # other tests of this module ask what happens before there is one
        name, client = starter.project.name, gate.Registry(starter.project.name).client
        client.delete_model_version_tag(name, trained.version, "leadlens.promoted_at")
        client.delete_registered_model_alias(name, "champion")


def test_a_changed_sheet_is_said_and_the_model_keeps_its_own(starter: ProjectFile, trained: Training) -> None:
    path = starter.folder / "scorecards" / "starter.yaml"
    text = path.read_text(encoding="utf-8")
    before = score(starter, dry_run=True).scores.set_index("lead_id")
    try:
        path.write_text(text.replace("points: 10}", "points: 17}"), encoding="utf-8")
        after = score(starter, dry_run=True)
    finally:
        path.write_text(text, encoding="utf-8")
    assert any("changed since" in warning for warning in after.warnings)
    changed = after.scores.set_index("lead_id")
    pd.testing.assert_series_equal(changed["probability"], before["probability"])
    assert (changed["rule_points"] >= before["rule_points"]).all()
    assert (changed["rule_points"] > before["rule_points"]).any()


@pytest.fixture
def plain(starter: ProjectFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter without its score sheet, with a store of its own."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    write_starter(tmp_path / "plain")
    path = tmp_path / "plain" / "project.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("scorecards: [scorecards/starter.yaml]", ""), encoding="utf-8")
    return path


def test_a_project_without_a_sheet_goes_all_the_way(plain: Path) -> None:
    file = load_project(plain)
    assert set(train(file, trials=1).figures) == {"leadlens"}
    assert (
        promote(file, force="the starter has too few conversions for a model alone").rival == "the base rate"
    )
    done = score(file, dry_run=True)
    assert done.alias == "champion"
    assert "rule_points" not in done.scores
    assert explain(file, done.scores["lead_id"].iloc[0]).rule_points is None
    alone = compare(file, out=plain.parent / "report")
    assert isinstance(alone.comparison, ModelReport)
    assert "no score sheet" in alone.comparison.story()[0]
    night = score(file, as_of=ENDED, to=f"duckdb:///{plain.parent / 'plain.duckdb'}")
    with served(file) as site:
        for path in (
            "compare",
            "threshold",
            "leads",
            "health",
            "sheets",
            f"leads/{night.scores['lead_id'].iloc[0]}",
        ):
            got = site.get(f"/{file.project.name}/{path}")
            assert got.status == 200, (path, got.text)
        assert "no sheet to compare" in site.get(f"/{file.project.name}/compare").text
        assert "No sheet applies" in got.text
    text = plain.read_text(encoding="utf-8")
    plain.write_text(text.replace("  events:\n    read: data/events.csv\n", ""), encoding="utf-8")
    with pytest.raises(DataError, match="columns that the data do not have") as refused:
        score(load_project(plain), dry_run=True)
    assert "events.page" in str(refused.value)


def test_a_changed_sheet_or_outcome_trains_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of yesterday's sheet is not gone on with, and does not stand in the way."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    write_starter(tmp_path / "project")
    thin_out(tmp_path / "project")
    sheet = tmp_path / "project" / "scorecards" / "starter.yaml"
    assert train(load_project(tmp_path / "project"), trials=1).version == "1"
    text = sheet.read_text(encoding="utf-8")
    sheet.write_text(text.replace("points: 20}", "points: 25}"), encoding="utf-8")
    assert train(load_project(tmp_path / "project"), trials=1).version == "2"
    won = tmp_path / "project" / "data" / "conversions.csv"
    lines = won.read_text(encoding="utf-8").splitlines()
    won.write_text("\n".join(lines[:-5]) + "\n", encoding="utf-8")
    assert train(load_project(tmp_path / "project"), trials=1).version == "3"


def test_scoring_says_what_is_unlike_training(starter: ProjectFile, trained: Training) -> None:
    late = score(starter, as_of=datetime(2030, 1, 1), dry_run=True)
    assert any("the data end at" in warning for warning in late.warnings)
    assert any("twice as old" in warning for warning in late.warnings)
    early = score(starter, as_of=datetime(2001, 1, 1), dry_run=True)
    assert len(early.scores) == 0
    assert any("no lead is open" in warning for warning in early.warnings)


def test_data_that_tell_nothing_are_refused(tmp_path: Path) -> None:
    days = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(200), unit="D")
    leads = pd.DataFrame({"lead_id": [f"L{n}" for n in range(200)], "created_at": days})
    leads.assign(town=[f"town {n}" for n in range(200)]).to_csv(tmp_path / "leads.csv", index=False)
    sold = leads.iloc[::5].rename(columns={"created_at": "converted_at"})
    sold.to_csv(tmp_path / "sold.csv", index=False)
    told = "name: nothing\ndata:\n  leads: {read: leads.csv}\n  conversions: {read: sold.csv}\n"
    (tmp_path / "project.yaml").write_text(told)
    with pytest.raises(DataError, match="nothing to learn from"):
        train(load_project(tmp_path))


@pytest.mark.parametrize(("unrounded", "shown"), [(49.5, 50), (50.5, 50), (1.49, 1), (98.5, 98)])
def test_a_score_is_shown_as_the_same_number_everywhere(
    starter: ProjectFile, trained: Training, monkeypatch: pytest.MonkeyPatch, unrounded: float, shown: int
) -> None:
    def explained(self: LeadModel, frame: pd.DataFrame, points: object = None) -> Explained:
        names = [*self.columns, *self.rule_names]
        return Explained(unrounded, pd.DataFrame(0.0, index=frame.index, columns=names))

    monkeypatch.setattr(LeadModel, "explain", explained)
    monkeypatch.setattr(
        "leadlens.models.prediction.score", lambda log_odds, average: np.full(len(log_odds), unrounded)
    )
    scored = score(starter, dry_run=True)
    assert set(scored.scores["score"]) == {shown}, "lead_scores"
    lead = scored.scores.loc[0, "lead_id"]
    assert render_scoring(scored)[-1].split()[1] == str(shown)
    found = explain(starter, lead)
    assert found.to_dict()["shown"] == shown
    assert f"score {shown}, grade" in "\n".join(render_explanation(found))
    assert f"<b>{shown}</b> (" in found._repr_html_()
    rows = trained.training_set
    judged = compare_lenses(starter, out_of_time(rows, trained.bundle), "1", [])
    assert set(judged.quadrant_leads["score"]) == {shown}, "report.json"
    listed = set(re.findall(r'<b class="model">(\d+)</b> [A-D][1-4]', page(judged)))
    assert listed == {str(shown)}, "report.html"
    names = [*trained.bundle.model.columns, *trained.bundle.model.rule_names]
    later = rows.test[:5]
    given = with_points(rows.matrix.frame.loc[later], sheet_points(rows.rules, later))[names]
    assert set(predict_frame(trained.bundle.model, given)["score"]) == {shown}, "mlflow.pyfunc"

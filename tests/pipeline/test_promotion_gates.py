"""What makes a champion: signal beyond chance, data without proven leaks, or a reason that is kept and shown."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens import compare, explain, load_project, promote, train
from leadlens.pipeline.cli.render.jobs import render_explanation
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.gates import PromotionRefused, Refusal
from leadlens.pipeline.registry.bundle import Recipe
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.registered import Alias, Registered
from leadlens.pipeline.runs import RunStore
from tests.pipeline.little_project import LittleProject, leadlens

LEADS = 900


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def flat(folder: Path, *, shuffled: bool = False, leads: int = LEADS) -> LittleProject:
    """One row per lead and a label that its income and city tell something of; or the same labels, dealt anew."""
    rng = np.random.default_rng(3)
    income, city = rng.normal(3000, 800, leads), rng.choice(["Bern", "Rome", "Oslo"], leads)
    odds = -1.5 + 1.2 * (income - 3000) / 800 + 0.8 * (city == "Oslo")
    won = rng.random(leads) < 1 / (1 + np.exp(-odds))
    project = LittleProject(folder / ("shuffled" if shuffled else "flat"))
    project.leads = pd.DataFrame(
        {
            "lead_id": [f"L{number:04}" for number in range(leads)],
            "created_at": pd.Timestamp("2024-03-01") + pd.to_timedelta(12 * np.arange(leads), unit="h"),
            "income": income.round(),
            "city": city,
            "visits": rng.poisson(3, leads),
            "won": rng.permutation(won) if shuffled else won,
        }
    )
    project.settings = {
        "name": project.folder.name,
        "data": {"leads": project.data["leads"]},
        "outcome": {"column": "won"},
        "model": {"trials": 1},
    }
    return project


def recent(project: LittleProject) -> LittleProject:
    """The same leads, the last of them of yesterday."""
    created = project.leads["created_at"]
    yesterday = pd.Timestamp.now().normalize() - pd.Timedelta(days=1)
    project.leads["created_at"] = created + (yesterday - created.max())
    return project


def trained(project: LittleProject) -> ProjectFile:
    file = load_project(project.write())
    train(file, trials=1)
    return file


def champion(file: ProjectFile) -> object:
    return Registry(file.project.name).open("champion")


def test_a_model_with_signal_becomes_champion(tmp_path: Path) -> None:
    file = trained(flat(tmp_path))
    gate = promote(file)
    assert gate.signal is not None
    assert gate.signal.learned
    assert gate.signal.ranking.p < 0.001
    assert gate.signal.same_time is not None
    assert gate.signal.same_time.p < 0.001
    assert gate.overruled == gate.notes == ()
    assert champion(file) is not None
    assert re.fullmatch(
        r"Promotion\(flat/1 is champion now; log loss 0\.\d{4} against 0\.\d{4} of the base rate on [\d,]+ out-of-time rows, "
        r"difference -0\.\d{4} \(-0\.\d{4} to -0\.\d{4}\)\)",
        repr(gate),
    )
    shown = gate._repr_html_()
    assert shown.startswith("<p>flat/1 is champion now</p>")
    assert "<table" in shown
    assert repr(promote(file)) == "Promotion(flat/1 was champion already)"
    refusal = Refusal(gate="signal", what="learned <nothing>", value="", why="", fix="")
    forced = replace(gate, forced="a <trial>", overruled=(refusal,))
    assert "flat/1 is champion now by force: a <trial>; log loss" in repr(forced)
    assert "by force: a &lt;trial&gt;</p><p>overruled: learned &lt;nothing&gt;</p>" in forced._repr_html_()


def test_shuffled_labels_are_said_by_train_and_refused_by_promote(tmp_path: Path) -> None:
    path = flat(tmp_path, shuffled=True).write()
    told = leadlens("train", path, "--trials", "1")
    assert told.code == 0
    assert "The model learned nothing: it ranks out-of-time leads no better than chance." in told.out
    assert "promote would refuse this model: the model learned nothing" in told.out
    assert leadlens("train", path, "--trials", "1", "--json").facts["signal"]["learned"] is False
    refused = leadlens("promote", path, "--json")
    assert refused.code == 1
    (refusal,) = refused.facts["refusals"]
    assert refusal["gate"] == "signal"
    assert refusal["figures"]["p"] > 0.01
    assert "ROC AUC" in refused.err
    assert "--force" in refused.err
    assert champion(load_project(path)) is None, "there never was a champion: no excuse"


def test_check_says_ready_only_where_a_quick_look_finds_signal(tmp_path: Path) -> None:
    leads = 1_400
    ready = leadlens("check", recent(flat(tmp_path, leads=leads)).write())
    assert ready.code == 0
    assert ready.out.startswith("flat: ready\n")
    assert "a quick look finds signal: a small model ranks" in ready.out
    path = recent(flat(tmp_path, leads=leads, shuffled=True)).write()
    told = leadlens("check", path)
    assert told.code == 0, "it is a quick look, no gate"
    assert told.out.startswith("shuffled: usable\n  no signal found in this quick look: a small model ranks")
    assert "finds signal" not in told.out
    facts = leadlens("check", path, "--json").facts
    assert [reason["code"] for reason in facts["readiness"]["reasons"]] == ["no-signal"]
    assert facts["quick_look"]["found"] is False
    assert facts["quick_look"]["p"] > 0.01
    little = leadlens("check", LittleProject(tmp_path / "little").write(), "--json").facts["quick_look"]
    assert little["found"], "88 leads are enough where there is much to see"


def campaigns(folder: Path) -> LittleProject:
    """One of two campaigns runs for 45 leads, then the other; nothing but which of them it is tells anything."""
    project = flat(folder)
    rng = np.random.default_rng(8)
    spring = np.arange(LEADS) // 45 % 2 == 0
    project.leads["won"] = rng.random(LEADS) < np.where(spring, 0.6, 0.1)
    project.leads["campaign"] = np.where(spring, "spring", "autumn")
    return project


def test_a_model_that_only_knows_when_leads_came_is_told(tmp_path: Path) -> None:
    path = campaigns(tmp_path).write()
    told = leadlens("train", path, "--trials", "1")
    warning = "the model is not shown to know more of a lead than when it came: of its ROC AUC of 0."
    assert f"  - {warning}" in told.out
    promoted = leadlens("promote", path, "--json")
    assert promoted.code == 0, "a warning: it does know more than the base rate"
    [note] = promoted.facts["notes"]
    assert note.startswith(warning)
    signal = promoted.facts["signal"]
    assert signal["p"] < 0.001
    assert signal["same_time"]["p"] > 0.01
    assert signal["time_only"] == note


def test_without_an_order_nothing_can_be_said_of_time(tmp_path: Path) -> None:
    project = campaigns(tmp_path)
    project.leads = project.leads.drop(columns="created_at").sample(frac=1, random_state=0)
    project.settings["order"] = "none"
    signal = train(load_project(project.write()), trials=1).signal
    assert signal.learned
    assert signal.same_time is None
    assert signal.time_only is None


def test_force_needs_a_reason_which_is_kept_and_shown(tmp_path: Path) -> None:
    file = trained(flat(tmp_path, shuffled=True))
    assert leadlens("promote", file.path, "--force").code == 2
    assert leadlens("promote", file.path, "--force", " ").code == 2
    assert champion(file) is None
    told = leadlens("promote", file.path, "--force", "to see the CRM side work")
    assert told.code == 0
    assert "by force (to see the CRM side work)" in told.out
    assert "Overruled: the model learned nothing" in told.out
    tags = Registry(file.project.name).client.get_model_version_by_alias(file.project.name, "champion").tags
    assert tags["leadlens.forced"] == "to see the CRM side work"
    assert "learned nothing" in tags["leadlens.refused"]
    for again in (
        ("promote",),
        ("score", "--dry-run"),
        ("score", "--dry-run"),
        ("explain", "L0899"),
    ):  # from the second on from the kept copy
        assert "to see the CRM side work" in leadlens(again[0], file.path, *again[1:]).out
    lead = explain(file, "L0899")
    [note] = lead.notes
    assert note == (
        "shuffled/1 was promoted by force: to see the CRM side work "
        "(overruled: the model learned nothing: it ranks out-of-time leads no better than chance)"
    )
    assert f"note: {note}" in render_explanation(lead)
    assert note in lead._repr_html_()
    compared = compare(file)
    assert note in compared.comparison.meta["warnings"]
    assert "to see the CRM side work" in compared.page.read_text(encoding="utf-8")


def test_force_where_no_gate_refuses_leaves_no_mark(tmp_path: Path) -> None:
    file = trained(flat(tmp_path))
    assert promote(file, force="in a hurry").overruled == ()
    tags = Registry(file.project.name).client.get_model_version_by_alias(file.project.name, "champion").tags
    assert "leadlens.forced" not in tags


def test_a_challenger_without_signal_does_not_replace_a_champion(tmp_path: Path) -> None:
    """Nor where the champion is as bad: not worse than a rival is not enough."""
    project = flat(tmp_path, shuffled=True)
    file = trained(project)
    promote(file, force="there must be one")
    train(file, trials=1)
    with pytest.raises(PromotionRefused, match="learned nothing") as refused:
        promote(file)
    assert [refusal.gate for refusal in refused.value.refusals] == ["signal"]
    served = champion(file)
    assert served is not None
    assert served.version == "1"  # type: ignore[attr-defined]


def test_too_few_conversions_are_not_called_no_signal(tmp_path: Path) -> None:
    file = trained(flat(tmp_path, leads=110))
    with pytest.raises(PromotionRefused, match="too few conversions to show") as refused:
        promote(file)
    assert "from chance eight times in ten" in str(refused.value)


def leaking(folder: Path) -> LittleProject:
    """A vendor's own "likelihood to close", which knows the outcome."""
    project = flat(folder)
    won = project.leads["won"].to_numpy()
    noise = np.random.default_rng(5).normal(0, 6, len(won))
    project.leads["likelihood_to_close"] = (20 + 60 * won + noise).round()
    return project


def test_a_proven_leak_is_named_by_train_and_refused_by_promote(tmp_path: Path) -> None:
    path = leaking(tmp_path).write()
    told = leadlens("train", path, "--trials", "1")
    assert told.code == 0
    assert "leads.likelihood_to_close is a proven leak that the model uses" in told.out
    assert "list likelihood_to_close under known_after" in told.out
    assert "promote would refuse this model: the model uses 1 proven leak" in told.out
    refused = leadlens("promote", path, "--json")
    assert refused.code == 1
    (refusal,) = refused.facts["refusals"]
    assert refusal["gate"] == "leak"
    assert refusal["figures"]["leaks"] == ["leads.likelihood_to_close"]
    file = load_project(path)
    assert champion(file) is None
    assert "uses 1 proven leak: leads.likelihood_to_close" in leadlens("score", path, "--dry-run").out
    assert leadlens("promote", path, "--force", "the vendor says that it is known in advance").code == 0
    told = leadlens("score", path, "--dry-run")
    assert "promoted by force: the vendor says that it is known in advance" in told.out


def test_declared_it_is_no_leak_of_the_model(tmp_path: Path) -> None:
    project = leaking(tmp_path)
    project.settings["known_after"] = ["likelihood_to_close"]
    file = load_project(project.write())
    assert train(file, trials=1).audit.flagged == ()
    assert promote(file).overruled == ()


def test_a_model_whose_data_were_not_audited_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of earlier versions."""
    file = trained(flat(tmp_path))
    registered = Registry.open

    def unaudited(self: Registry, alias: Alias) -> Registered | None:
        found = registered(self, alias)
        if found is None:
            return None
        recipe = replace(found.bundle.recipe, audit=None)
        assert "audit" not in recipe.to_dict(), "it is written as it was then"
        return replace(found, bundle=replace(found.bundle, recipe=Recipe.from_dict(recipe.to_dict())))

    monkeypatch.setattr(Registry, "open", unaudited)
    with pytest.raises(PromotionRefused, match="were not audited") as refused:
        promote(file)
    assert [refusal.gate for refusal in refused.value.refusals] == ["audit"]


def test_every_gate_that_refuses_is_named(tmp_path: Path) -> None:
    """A leak in training that is gone from the later rows: known by the audit, and worthless."""
    project = leaking(tmp_path)
    late = np.arange(LEADS) >= 0.7 * LEADS
    column = project.leads["likelihood_to_close"].to_numpy()
    project.leads["likelihood_to_close"] = np.where(
        late, np.random.default_rng(6).permutation(column), column
    )
    project.leads = project.leads.drop(columns=["income", "city"])
    answer = leadlens("promote", trained(project).path, "--json")
    assert answer.code == 1
    gates = [refusal["gate"] for refusal in answer.facts["refusals"]]
    assert gates[0] == "leak"
    assert "signal" in gates
    assert f"{len(gates)} gates refuse" in answer.err


def test_scores_before_the_end_of_training_say_that_the_model_has_seen_that_future(tmp_path: Path) -> None:
    project = LittleProject(tmp_path / "little")
    file = load_project(project.write())
    recipe = train(file, trials=1).bundle.recipe
    known = recipe.knows_to
    assert known == pd.Timestamp(recipe.trained_to) + pd.Timedelta(days=10), (
        "outcomes are known a horizon later"
    )
    to = f"duckdb:///{tmp_path / 'scores.duckdb'}"
    before, after = (known + pd.Timedelta(hours=hours) for hours in (-1, 0))
    told = leadlens("score", file.path, "--as-of", str(before), "--to", to, "--json")
    assert any("has seen this future" in warning for warning in told.facts["warnings"])
    [record] = RunStore(tmp_path / "home" / "runs").records()
    assert any("has seen this future" in warning for warning in record.warnings)
    for as_of in (str(after), None):
        done = leadlens("score", file.path, *(("--as-of", as_of) if as_of else ()), "--dry-run", "--json")
        assert not any("has seen this future" in warning for warning in done.facts["warnings"])

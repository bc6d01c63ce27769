"""The vocabulary benchmark at tiny size: what counts as new, and that both sides are judged on the same rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.data_sets import project_of
from benchmarks.vocabulary import Vocabulary, as_before, gains_of, measure, new_columns, table_of
from leadlens.features.durations import parse_duration
from leadlens.features.matrix import plan_columns
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan, Rate, Touch
from leadlens.pipeline.config import load_project


def rows_of(plan: FeaturePlan, mails: tuple[str, ...] = ()) -> Any:
    """As much of a training set as tells its columns."""
    columns = plan_columns(plan)
    frame = pd.DataFrame({column.name: mails or ("x",) for column in columns})
    return SimpleNamespace(plan=plan, matrix=SimpleNamespace(columns=columns, frame=frame))


WIDE = FeaturePlan(
    keys=(
        EventKey("any", "Any activity", amounts=("paid",), cadence=True),
        EventKey("call", "Call", "call", amounts=("paid",)),
        EventKey("channel=web", "Channel: web", prop="channel", value="web", share=True),
    ),
    windows=(parse_duration("1d"), parse_duration("7d")),
    touches=(Touch("last", "event_type", "Last action", ("call",)), Touch("first", "channel", "First", ("web",))),
    rates=(Rate("mail_opened_per_sent", "Opened per sent", "call", "channel=web"),),
    attributes=(
        AttributeFeature("lead", "mail", "email_kind", "Mail", "demographic"),
        AttributeFeature("lead", "mail", "email_valid", "Mail", "demographic"),
        AttributeFeature("account", "size", "range", "Size", "firmographic"),
        AttributeFeature("lead", "plan__share", "number", "Share", "demographic"),
    ),
    hours=True, purchases=True, lead_age=True, colleagues=True,
)  # fmt: skip


def test_what_is_new_is_told_by_its_kind() -> None:
    new = new_columns(rows_of(WIDE), chosen_windows=False)
    assert {
        "any__sessions_7d", "any__per_session", "any__weekend", "any__surge", "any__active_days_1d", "any__sum_paid_7d",
        "call__sum_paid", "call__mean_paid", "channel=web__share", "mail_opened_per_sent", "first_channel",
        "bought__count", "best_colleague_30d", "mail.email_valid",
    } <= new.keys()  # fmt: skip
    assert not new.keys() & {
        "any__count", "any__count_1d", "any__active_days", "any__sum_paid", "any__mean_paid", "any__first", "call__recency",
        "channel=web__count_7d", "last_action", "lead_age", "mail.email_kind", "account.size.range", "plan__share",
        "colleagues", "colleagues_active_30d",
    }  # fmt: skip


def test_windows_are_new_where_the_project_names_none() -> None:
    chosen = new_columns(rows_of(WIDE), chosen_windows=True)
    assert chosen["call__count_1d"] == "windows of 1 and 365 days"
    assert "call__count_7d" not in chosen


def test_disposable_mail_was_corporate() -> None:
    rows = rows_of(WIDE, ("disposable", "free"))
    before = as_before(rows, new_columns(rows, chosen_windows=False))
    assert list(before["mail.email_kind"]) == ["corporate", "free"]
    assert "mail.email_valid" not in before


def test_the_gain_is_with_minus_without_and_averaged_over_seeds() -> None:
    lead = np.arange(400)
    label = pd.Series(lead % 2)
    spine = pd.DataFrame({"row_id": lead, "lead_id": lead})
    rows: Any = SimpleNamespace(test=lead, label=label, matrix=SimpleNamespace(spine=spine))
    sharp, blunt = np.where(label == 1, 0.9, 0.1), np.full(400, 0.5)
    better = gains_of(rows, [(sharp, blunt)])
    assert better["roc_auc"].difference == pytest.approx(0.5)
    assert better["log_loss"].high < 0
    mixed = gains_of(rows, [(sharp, blunt), (blunt, sharp)])
    assert mixed["roc_auc"].difference == pytest.approx(0)
    assert mixed["roc_auc"].by_seed == pytest.approx((0.5, -0.5))


def test_nothing_is_trained_without_new_columns(tmp_path: Path) -> None:
    leads = [f"L{n},{n % 7},{int(n % 7 > 4)}" for n in range(200)]
    (tmp_path / "leads.csv").write_text("lead_id,visits,bought\n" + "\n".join(leads))
    (tmp_path / "project.yaml").write_text(
        "name: flat\norder: none\ndata: {leads: {read: leads.csv}}\noutcome: {column: bought, positive: ['1']}\n"
    )
    found = measure(load_project(tmp_path))
    assert found == Vocabulary(1, {}, {})
    assert "| `flat` | 1 | 1 | no new columns |" in table_of({"flat": found})


def test_a_world_is_trained_on_both_sides(tmp_path: Path) -> None:
    file = project_of("demo_car_dealer", tmp_path, leads=700)
    model = file.project.model.model_copy(update={"trials": 1})
    features = file.project.features.model_copy(update={"max_event_keys": 5})
    file = type(file)(
        **{**vars(file), "project": file.project.model_copy(update={"model": model, "features": features})}
    )
    found = measure(file)
    assert found.new["sessions"] >= 2
    assert found.figures()["columns_without"] == found.columns - sum(found.new.values())
    for gain in found.gains.values():
        assert gain.low <= gain.difference <= gain.high
        assert gain.with_new - gain.without == pytest.approx(gain.difference)
        assert gain.with_new != gain.without

"""How columns are read by default, what is left out, and how the project file changes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from leadlens.features.accounts.rollups import ROLLUPS, colleague_steps
from leadlens.features.attributes import lookups
from leadlens.features.attributes.planning import plan_rollups
from leadlens.features.engines import Step, StepReport
from leadlens.features.errors import UsageError
from leadlens.features.history import History, Kind
from leadlens.features.matrix import build_matrix
from leadlens.features.plan import AttributeFeature, FeaturePlan
from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import Spine, SpinePolicy, build_spine
from tests.models.histories import START, open_small, set_spine

NUMBER = 40


def planned(values: dict[str, tuple[Kind, list[Any]]], **settings: Any) -> list[str]:
    """Names of the attribute features planned for columns of leads; values are repeated over 40 leads."""
    leads = [
        {"lead_id": f"L{n}"} | {name: told[n % len(told)] for name, (_, told) in values.items()}
        for n in range(NUMBER)
    ]
    history = open_small(leads, lead_attributes={name: kind for name, (kind, _) in values.items()})
    spine = set_spine(history, [(f"L{n}", START + timedelta(days=1)) for n in range(NUMBER)])
    plan = plan_vocabulary(history, spine, FeatureSettings(**settings))
    return [feature.name for feature in plan.attributes]


MAILS = [f"p{n}@{domain}" for n, domain in enumerate(["gmail.com", "firm.io", "uzh.ch", "x y"] * 4)]
PHONES = ["+41 79 669 12 34", "+41 44 668 18 00", "+41 44 668 1", None]
READ: list[tuple[str, Kind, list[Any], list[str]]] = [
    ("contact", "text", MAILS[:3], ["contact.email_kind"]),
    ("email", "text", [*MAILS[:3] * 3, "a..b@firm.io"], ["email.email_kind", "email.email_valid"]),
    ("do_not_email", "category", ["Yes", "No"], ["do_not_email"]),
    ("email_domain", "text", ["gmail.com", "firm.io"], ["email_domain.email_kind"]),
    ("phone", "text", PHONES, ["phone.filled", "phone.phone_valid", "phone.phone_kind"]),
    ("mobile", "number", [41796691234.0, 41446681800.0, None], ["mobile.filled", "mobile.phone_kind"]),
    ("phone", "category", ["yes", "no"], ["phone"]),
    ("job_title", "text", ["CEO", "Buyer"], ["job_title.seniority", "job_title.function"]),
    ("title", "category", ["Mr", "Ms"], ["title"]),
    ("company_size", "category", ["1-10", "51-200", "10k+"], ["company_size.range"]),
    ("dates", "category", ["1-10", "51-200", "10k+"], ["dates"]),
    ("income", "category", ["1200", "3400"], ["income"]),
    ("zip", "text", ["8001", "3011"], ["zip.postcode_area"]),
    ("birth_date", "time", [datetime(1990, 5, 1), datetime(1980, 5, 1)], ["birth_date.years"]),
    ("trial_start", "time", [datetime(2026, 1, 1), datetime(2026, 2, 1)], ["trial_start.age"]),
    ("year_founded", "number", [1990.0, 2010.0], ["year_founded.years"]),
    ("founders", "number", [1.0, 2.0], ["founders"]),
    ("keen", "boolean", [True, False], ["keen"]),
]


@pytest.mark.parametrize(("column", "kind", "values", "features"), READ)
def test_columns_are_read_by_name_kind_and_values(
    column: str, kind: Kind, values: list[Any], features: list[str]
) -> None:
    assert planned({column: (kind, values)}) == features


def test_what_is_alike_for_all_leads_is_left_out() -> None:
    alike: dict[str, tuple[Kind, list[Any]]] = {
        "a": ("number", [1.0]), "b": ("category", ["x"]), "c": ("boolean", [True]), "d": ("text", [None]),
        "e": ("number", [None]), "title": ("text", ["Gärtner", "Maler"]),
    }  # fmt: skip
    assert planned(alike) == []
    assert planned({"a": ("number", [1.0])}, read={"a": ("number",)}) == ["a"]  # but for what is asked for


def test_one_lead_that_differs_is_enough() -> None:
    rare: dict[str, tuple[Kind, list[Any]]] = {
        "a": ("number", [1.0] * 39 + [2.0]), "b": ("category", ["x"] * 39 + ["y"]),
        "c": ("boolean", [False] * 39 + [True]), "d": ("number", [None] * 39 + [1.0]),
    }  # fmt: skip
    assert planned(rare) == ["a", "b", "c", "d"]


def test_a_number_is_dialled_from_the_country_beside_it() -> None:
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "phone": ("text", ["044 668 18 00", "079 669 12 34", "044 668 1 800 8"]),
        "country": ("category", ["CH", "CH", "CH", "DE"]),
    }
    assert planned(columns) == ["phone.phone_valid", "phone.phone_kind", "country"]


def test_the_project_file_says_how_a_column_is_read() -> None:
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "size": ("category", ["1-10", "51-200"]),
        "age": ("number", [20.0, 40.0]),
    }
    assert planned(columns, read={"size": ("size_band", "category"), "age": ()}) == ["size.size_band", "size"]


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ({"sise": ("range",)}, "did you mean.*size"),
        ({"size": ("rnage",)}, "cannot be read like that"),
        ({"size": ("flag",)}, "a column of kind category cannot be read as flag"),
    ],
)
def test_a_reading_that_cannot_be_is_told(read: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(UsageError, match=f"(?is){told}"):
        planned({"size": ("category", ["1-10", "51-200"])}, read=read)


def test_categories_are_chosen_by_what_was_known_then() -> None:
    """A value that was learned after the last look is none of the plan's."""
    leads = [{"lead_id": f"L{n}", "city": "Bern"} for n in range(NUMBER)]
    changes = [
        {
            "entity": "lead",
            "id": f"L{n}",
            "attribute": "city",
            "value": city,
            "known_at": START + timedelta(days=days),
        }
        for n in range(NUMBER)
        for city, days in ((("Rome", "Oslo")[n % 2], 0), ("Bern", 9))
    ]
    history = open_small(leads, changes=changes, lead_attributes={"city": "category"})
    spine = set_spine(history, [(f"L{n}", START + timedelta(days=3)) for n in range(NUMBER)])
    (feature,) = plan_vocabulary(history, spine).attributes
    assert feature.categories == ("Oslo", "Rome")


def test_values_are_read_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    leads = [{"lead_id": f"L{n}", "email": f"p{n}@{('gmail.com', 'firm.io')[n % 2]}"} for n in range(NUMBER)]
    history = open_small(leads, lead_attributes={"email": "text"})
    spine = set_spine(history, [(f"L{n}", START + timedelta(days=1)) for n in range(NUMBER)])
    plan = FeaturePlan(attributes=(AttributeFeature("lead", "email", "email_kind", "E-mail", "demographic"),))
    whole = build_matrix(history, plan, spine).frame
    monkeypatch.setattr(lookups, "_MOST_VALUES", 7)
    parts = build_matrix(history, plan, spine).frame
    assert parts.equals(whole)
    assert list(parts["email.email_kind"].value_counts()) == [NUMBER // 2] * 2


def _firm(leads: int, firms: int) -> tuple[History, Spine]:
    """Leads that come one a day, each with an event a week, in so many firms; looked at twelve times each."""
    rows = [
        {"lead_id": f"L{n}", "account_id": f"A{n % firms}", "created_at": START + timedelta(hours=n)}
        for n in range(leads)
    ]
    events = [
        {"lead_id": f"L{n}", "occurred_at": START + timedelta(hours=n, days=7 * week), "event_type": "call"}
        for n in range(leads)
        for week in range(8)
    ]
    history = open_small(rows, events)
    policy = SpinePolicy(at_ages=tuple(timedelta(days=5 * at) for at in range(12)), repeat=True)
    return history, build_spine(history, policy)


def test_one_big_firm_costs_little_more_than_many_small_ones() -> None:
    """No table on the way to the roll-ups grows with the pairs of leads, or with events times snapshots."""
    largest = []
    for firms in (200, 1):
        history, spine = _firm(400, firms)
        reports: list[StepReport] = []
        history.engine.run(colleague_steps(history, spine), reports.append)
        largest.append(max(report.rows for report in reports))
    assert largest[1] < 5 * largest[0], largest


def test_rollups_are_planned_where_they_have_something_to_tell() -> None:
    assert plan_rollups(*_firm(20, 20)) == ()
    shared, spine = _firm(20, 4)
    assert "account_last_activity" in plan_rollups(shared, spine)
    assert "account_conversions" not in plan_rollups(shared, spine)
    converted = ", ".join(f"('L{n}', TIMESTAMP '2026-03-04 00:00:00')" for n in range(4))
    shared.engine.run(
        [Step("conversions", f"SELECT * FROM (VALUES {converted}) AS c(lead_id, converted_at)")]
    )
    assert plan_rollups(shared, spine) == tuple(column.name for column in ROLLUPS)
    shared.engine.run([Step("events", "SELECT * FROM events WHERE FALSE")])
    assert "best_colleague_30d" not in plan_rollups(shared, spine)

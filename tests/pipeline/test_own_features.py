"""Features that a scientist brings: a function over what was known, or columns of a matrix; used, named, fenced, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import leadlens
from leadlens.features.errors import UsageError
from leadlens.features.own import Known, OwnFeature
from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.dataset import Dataset
from leadlens.pipeline.jobs.experiment import Experiment
from leadlens.pipeline.jobs.list_features import list_features
from leadlens.pipeline.registry.mlflow_registry import Registry
from tests.pipeline.little_project import LittleProject
from tests.pipeline.little_project import leadlens as command


@leadlens.feature(
    label="Time on pricing", family="behavioural", unit="seconds", phrase="{value} seconds on pricing"
)
def pricing_seconds(rows: pd.DataFrame, known: Known) -> pd.Series:
    pricing = known.events[known.events["page"] == "Pricing"]
    return pricing.groupby("row_id")["seconds"].sum().reindex(rows.index, fill_value=0)


@leadlens.feature(label="City in capitals", family="demographic")
def capitals(rows: pd.DataFrame, known: Known) -> pd.Series:
    return known.leads["city"].str.upper()


def own(function: Callable[..., Any], name: str = "mine") -> OwnFeature:
    return leadlens.feature(label="Mine", family="behavioural", name=name)(function)


def with_future(folder: Path) -> LittleProject:
    """What a row must not see: an edit, a retraction, and an event that was entered late."""
    project = LittleProject(folder).use("accounts", "changes")
    created = project.leads.set_index("lead_id")["created_at"]
    late = project.events["event_id"].isin(["v7-5", "v9-5"])
    project.events = project.events.assign(
        known_at=project.events["occurred_at"].where(~late, created["L009"] + pd.Timedelta(days=40)),
        retracted_at=pd.Series(pd.NaT, index=project.events.index, dtype="datetime64[us]").where(
            project.events["event_id"] != "v11-1", created["L011"] + pd.Timedelta(days=30)
        ),
    )
    later = {
        "attribute": "city",
        "value": ["Lima", "Quito"],
        "known_at": created["L002"] + pd.Timedelta(days=9),
    }
    project.changes = pd.concat(
        [project.changes, pd.DataFrame({"entity": "lead", "id": "L002", **later})]
    ).assign()
    project.settings["model"] = {"trials": 1, "folds": 2}
    return project


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        yield leadlens.training_set(with_future(folder).write())


@pytest.fixture(scope="module")
def mine(dataset: Dataset) -> Dataset:
    return dataset.with_features(pricing_seconds, capitals)


@pytest.fixture(scope="module")
def experiment(mine: Dataset) -> Experiment:
    made: Experiment = leadlens.train(mine)
    return made


def test_a_function_sees_what_was_known_as_of_each_row_and_no_more(dataset: Dataset) -> None:
    seen: list[tuple[pd.DataFrame, ...]] = []

    def watching(rows: pd.DataFrame, known: Known) -> pd.Series:
        seen.append((known.events, known.conversions, known.leads, known.accounts))
        return rows["as_of"].dt.day

    dataset.with_features(own(watching))
    events, bought, leads, accounts = seen[0]
    spine = dataset.rows.matrix.spine.set_index("row_id")
    raw = dataset.history.engine.frame("SELECT * FROM events")
    slow = {
        row.Index: raw[
            (raw["lead_id"] == row.lead_id)
            & (raw["occurred_at"] < row.as_of)
            & (raw["known_at"] < row.as_of)
            & ~(raw["retracted_at"] < row.as_of)
        ]["seconds"].sum()
        for row in spine.itertuples()
    }
    assert events.groupby("row_id")["seconds"].sum().reindex(spine.index, fill_value=0).to_dict() == slow
    assert "retracted_at" not in events
    assert len(bought) == 0  # a lead that has bought is no row any more
    assert "closed_at" not in leads
    at = spine.index[spine["lead_id"] == "L002"][0]
    assert pd.isna(leads.loc[at, "city"])  # the first edit came later, so what it was then is not known
    assert set(accounts["industry"]) == {"IT", "Steel"}


def test_own_features_are_columns_with_a_label_and_a_family(mine: Dataset, dataset: Dataset) -> None:
    frame = mine.to_pandas()
    raw = dataset.history.engine.frame(
        "SELECT lead_id, sum(seconds) AS s FROM events WHERE page = 'Pricing' GROUP BY 1"
    )
    expected = frame["lead_id"].map(raw.set_index("lead_id")["s"]).fillna(0)
    untouched = ~frame["lead_id"].isin(["L007", "L009", "L011"])
    assert (frame["pricing_seconds"] == expected)[untouched].all()
    assert frame["pricing_seconds"].max() == 3
    assert [(c.name, c.label, c.family, c.kind) for c in mine.columns[-2:]] == [
        ("pricing_seconds", "Time on pricing", "behavioural", "number"),
        ("capitals", "City in capitals", "demographic", "category"),
    ]
    assert mine.rows.own == ("pricing_seconds", "capitals")
    assert "pricing_seconds" not in dataset.to_pandas()


def test_they_are_used_named_in_reasons_and_logged_and_the_model_is_not_registered(
    mine: Dataset, experiment: Experiment
) -> None:
    table = experiment.own_features
    assert list(table.index) == ["pricing_seconds", "capitals"]
    assert table.loc["pricing_seconds", "points"] > 0.5
    assert "pricing_seconds" in experiment.trained.model.columns
    texts = [reason.text for row in experiment.explain().reasons() for reason in row]
    assert any("3 seconds on pricing" in text for text in texts)
    registry = Registry("little")
    run = registry.client.get_run(experiment.run_id)
    assert run.data.params["own_features"] == "pricing_seconds, capitals"
    assert registry.client.search_model_versions("name = 'little'") == []
    assert json.loads(json.dumps(experiment.to_dict()))["own_features"][0]["name"] == "pricing_seconds"
    assert "Time on pricing" in experiment._repr_html_()


def test_a_feature_that_gives_the_outcome_away_is_named(dataset: Dataset) -> None:
    bought = set(dataset.history.engine.frame("SELECT lead_id FROM conversions")["lead_id"])
    cheat = dataset.with_features(own(lambda rows, known: rows["lead_id"].isin(bought), "cheat"))
    noted = [text for text in leadlens.train(cheat).warnings if text.startswith("cheat ")]
    assert noted
    assert "is it known as of the row?" in noted[0]


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "fewer rows": (lambda rows, known: known.events.groupby("row_id").size().iloc[:-3], r"no value for 3 of"),
    "by lead": (lambda rows, known: rows.set_index("lead_id")["as_of"].dt.day, "its index holds no row_ids"),
    "rows twice": (lambda rows, known: known.events.set_index("row_id")["seconds"], "rows twice"),
    "other rows": (
        lambda rows, known: pd.Series(1.0, index=[*rows.index, 10**6]),
        "gives 1 values for rows that it was not asked for",
    ),
    "short array": (lambda rows, known: np.ones(3), "gives a ndarray"),
    "a list": (lambda rows, known: [1.0] * len(rows), "gives a list"),
    "a number": (lambda rows, known: 3, "gives an int"),
    "nothing": (lambda rows, known: None, "gives a NoneType"),
    "two columns": (lambda rows, known: rows, "gives a DataFrame"),
    "dates": (lambda rows, known: rows["as_of"], "gives dates or durations"),
    "durations": (lambda rows, known: rows["as_of"] - rows["created_at"], "gives dates or durations"),
    "infinite": (lambda rows, known: 1 / (rows.index.to_series() % 2), "infinite numbers"),
    "mixed": (lambda rows, known: pd.Series(["a", 1.5] * len(rows), dtype=object).iloc[: len(rows)].set_axis(rows.index), "several or strange kinds: float, str"),
    "fails": (lambda rows, known: rows["no_such"], "mine fails"),
    "all alike": (lambda rows, known: pd.Series(np.nan, index=rows.index), "the same for every training row"),
    "other rows' values": (
        lambda rows, known: known.leads["income"] - known.leads["income"].mean(),
        "gives different values when it is computed again",
    ),
    "chance": (lambda rows, known: pd.Series(np.random.default_rng().normal(size=len(rows)), index=rows.index), "gives different values when"),
    "row by place": (
        lambda rows, known: pd.Series(np.arange(len(rows)), index=rows.index),
        "gives different values when",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_function_that_goes_wrong_is_refused_in_words(dataset: Dataset, wrong: str) -> None:
    function, message = WRONG[wrong]
    with pytest.raises(UsageError, match=message) as refused:
        dataset.with_features(own(function))
    assert "mine" in str(refused.value)
    assert "how to fix it" in str(refused.value)


def test_a_function_that_remembers_later_rows_is_refused(dataset: Dataset) -> None:
    """Whatever it reads elsewhere nobody can cut; what it makes of the rows that it is given, the rebuild tells."""

    def visits_of_the_day(rows: pd.DataFrame, known: Known) -> pd.Series:
        return rows.groupby(rows["as_of"].dt.to_period("M"))["lead_id"].transform("size")

    with pytest.raises(UsageError, match=r"lead L\d+ as of 2024-.* among all rows, .* of that time"):
        dataset.with_features(own(visits_of_the_day))


def test_names_that_are_taken_and_features_that_are_not_declared_are_refused(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="this name already"):
        dataset.with_features(own(pricing_seconds.function, "Income"))
    with pytest.raises(UsageError, match="this name already"):
        dataset.with_features(pricing_seconds, pricing_seconds)
    with pytest.raises(UsageError, match="this label already"):
        dataset.with_features(own(pricing_seconds.function, "one"), own(pricing_seconds.function, "two"))
    with pytest.raises(UsageError, match="needs a label and a family"):
        dataset.with_features(pricing_seconds.function)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"no such family(.|\n)*did you mean: behavioural"):
        leadlens.feature(label="x", family="behavioral")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="needs a label"):
        leadlens.feature(label=" ", family="behavioural")
    with pytest.raises(UsageError, match="needs a name"):
        leadlens.feature(label="x", family="behavioural")(lambda rows, known: 0)


@pytest.mark.parametrize(
    "values",
    [[True, False, None], [Decimal("1.5"), 2, None], pd.array([1, None, 3], dtype="Int64"), [1.5, np.nan, 3]],
    ids=["truths", "decimals", "nullable", "floats"],
)
def test_numbers_of_any_kind_are_numbers(dataset: Dataset, values: Any) -> None:
    given = pd.Series(values)

    def repeated(rows: pd.DataFrame, known: Known) -> Any:
        return given.iloc[rows.index.to_numpy() % 3].set_axis(rows.index)

    column = dataset.with_features(own(repeated)).rows.matrix.frame["mine"]
    assert column.dtype == np.float64
    assert column.isna().sum() == (column.index % 3 == list(given.isna()).index(True)).sum()


def test_one_function_does_not_see_what_another_did_to_the_tables(dataset: Dataset) -> None:
    def spoils(rows: pd.DataFrame, known: Known) -> pd.Series:
        rows["as_of"] = pd.Timestamp(0)
        events = known.events
        events["seconds"] = -1.0
        return known.leads["income"]

    made = dataset.with_features(own(spoils), pricing_seconds)
    assert made.rows.matrix.frame["pricing_seconds"].max() == 3


def test_more_rows_than_fit_at_once_give_the_same(
    mine: Dataset, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.features.own.making._AT_ONCE", 17)
    again = dataset.with_features(pricing_seconds, capitals)
    pd.testing.assert_frame_equal(again.rows.matrix.frame, mine.rows.matrix.frame)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A written matrix with one more column; the project file is beside it."""
    folder = tmp_path_factory.mktemp("matrix")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "home"))
        project = LittleProject(folder)
        project.settings["model"] = {"trials": 1, "folds": 2}
        out = folder / "matrix"
        list_features(load_project(project.write()), out)
        features = pd.read_parquet(out / "features.parquet")
        features["rainy"] = (features["row_id"] % 7).astype(float)
        features.to_parquet(out / "features.parquet", index=False)
        yield out


def declare(matrix: Path, own: Any) -> None:
    manifest = json.loads((matrix / "matrix.json").read_text())
    (matrix / "matrix.json").write_text(json.dumps(manifest | {"own": own}))


def test_columns_added_to_a_matrix_are_features_once_they_are_declared(matrix: Path) -> None:
    config = matrix.parent / "project.yaml"
    declare(matrix, {})
    refused = command("train", config, "--matrix", matrix)
    assert refused.code == 2
    assert "columns that Leadlens did not make" in refused.err
    assert '"own": {"rainy": {"label":' in refused.err
    declare(matrix, {"rainy": {"label": "Rainy days", "family": "demographic"}})
    done = command("train", config, "--matrix", matrix)
    assert done.code == 0
    assert "not registered: `leadlens score` could not compute the added columns" in done.out
    assert "Rainy days" in done.out
    assert "known as of each row: rainy" in done.out
    assert Registry("little").client.search_model_versions("name = 'little'") == []


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"rainy": {"label": "Rain"}}, "no such family"),
        ({"rainy": {"family": "demographic"}}, "needs a label"),
        ({"rainy": {"label": "Rain", "family": "demographic", "colour": "blue"}}, "no such setting"),
        ({"rainy": {"label": "R", "family": "demographic"}, "windy": {"label": "W", "family": "demographic"}}, "1 features are missing"),
        (["rainy"], "holds no training matrix"),
        ({"rainy": {"label": "R", "family": "demographic"}, "Income": {"label": "R", "family": "demographic"}}, "this name already"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_refused(matrix: Path, own: Any, message: str) -> None:
    declare(matrix, own)
    refused = command("train", matrix.parent / "project.yaml", "--matrix", matrix)
    assert refused.code in (1, 2)
    assert message in refused.err

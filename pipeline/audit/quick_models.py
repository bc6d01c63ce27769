"""Quick models that measure a suspect: one small boosting with fixed settings, on the project's out-of-time rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.columns import FeatureColumn
from leadlens.models.data_checks.time_proxy import find_time_proxies
from leadlens.models.learners.classifier import LeadClassifier
from leadlens.pipeline.audit.data import GOOD, Gain
from leadlens.pipeline.audit.evidence import Subject
from leadlens.pipeline.audit.measures import auc
from leadlens.pipeline.dataset.training_set import TrainingSet

_FOLDS = 3
_MOST_ROWS = 20_000  # for cross-fitting, which is done many times
_STRONGEST = 3


@dataclass(frozen=True)
class QuickSet:
    """A matrix with, per column, the subject it is made from (``None``: several)."""

    frame: pd.DataFrame
    label: NDArray[np.bool_]
    out_of_time: NDArray[np.bool_]
    leads: pd.Series
    subjects: tuple[Subject | None, ...]

    def made_from(self, subjects: Iterable[Subject]) -> list[str]:
        """The columns that are made from any of the subjects, or from values within them."""
        wanted = list(subjects)
        return [
            name for name, own in self.named() if own is not None and any(_within(own, one) for one in wanted)
        ]

    def named(self) -> list[tuple[str, Subject | None]]:
        """Columns with what they are made from."""
        return list(zip(map(str, self.frame.columns), self.subjects, strict=True))

    def over(self, frame: pd.DataFrame) -> QuickSet:
        """The same rows with other columns."""
        return replace(self, frame=frame, subjects=(None,) * frame.shape[1])

    def auc_out_of_time(self, columns: Sequence[str]) -> float:
        """ROC AUC on the out-of-time rows of a model trained on the others."""
        if not columns:
            return 0.5
        model = _model(int((~self.out_of_time).sum())).fit(
            self.frame.loc[~self.out_of_time, list(columns)], self.label[~self.out_of_time]
        )
        score = model.decision_function(self.frame.loc[self.out_of_time, list(columns)])
        return auc(score, self.label[self.out_of_time])

    def auc_random(self, columns: Sequence[str]) -> float:
        """ROC AUC on the same rows of models trained on random leads of all times."""
        if not columns:
            return 0.5
        score = self._cross_fitted(columns, self.frame.index, only=self.out_of_time)
        return auc(score[self.out_of_time], self.label[self.out_of_time])

    def gains(self, columns: Sequence[str], suspects: Mapping[Subject, pd.DataFrame]) -> list[Gain]:
        """What each suspect adds to all ``columns`` and, where these are good, what the strongest sources add to the others.

        Cross-fitted over the leads of all times, so that drift between training and test period does not blur it.
        """
        rows = np.sort(np.random.default_rng(0).permutation(len(self.frame))[:_MOST_ROWS])
        index, label = self.frame.index[rows], self.label[rows]
        names = list(columns)
        if not names:
            return []

        def fitted_auc(over: QuickSet, names: Sequence[str]) -> float:
            return auc(over._cross_fitted(names, index)[rows], label) if len(names) else 0.5

        full, gains = fitted_auc(self, names), []
        for subject, frame in suspects.items():
            wider = self.over(pd.concat([self.frame[names], frame.add_prefix("flagged ")], axis=1))
            gains.append(Gain(subject, fitted_auc(wider, list(wider.frame.columns)), full))
        if full < GOOD:  # then none of them can be too good beside the others, and models cost time
            return gains
        importance = self._importance(names, index, label)
        for subject in sorted(importance, key=lambda subject: -importance[subject])[:_STRONGEST]:
            made = set(self.made_from([subject]))
            others = [name for name in names if name not in made]
            gains.append(Gain(subject, full, fitted_auc(self, others)))
        return gains

    def _importance(
        self, columns: list[str], index: pd.Index, label: NDArray[np.bool_]
    ) -> dict[Subject, float]:
        model = _model(len(index)).fit(self.frame.loc[index, columns], label)
        gain = dict(zip(columns, model.booster_.feature_importance("gain"), strict=True))
        by_subject: dict[Subject, float] = {}
        for name, own in self.named():
            if own is not None and name in gain:
                whole = Subject(own.kind, own.name)
                by_subject[whole] = by_subject.get(whole, 0.0) + float(gain[name])
        return by_subject

    def _cross_fitted(
        self, columns: Sequence[str], index: pd.Index, only: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Scores of rows by models not trained on their leads; NaN outside ``index`` and ``only``."""
        codes = pd.factorize(self.leads)[0]
        fold = (np.random.default_rng(0).permutation(codes.max() + 1) % _FOLDS)[codes]
        inside = self.frame.index.isin(index)
        score = np.full(len(self.frame), np.nan)
        for number in range(_FOLDS):
            train = inside & (fold != number)
            test = inside & (fold == number) & (only if only is not None else True)
            if not test.any() or len(np.unique(self.label[train])) < 2:
                continue
            model = _model(int(train.sum())).fit(self.frame.loc[train, list(columns)], self.label[train])
            score[test] = model.decision_function(self.frame.loc[test, list(columns)])
        return score


def quick_set(rows: TrainingSet) -> QuickSet:
    """The training set of a project, both parts."""
    return QuickSet(
        rows.matrix.frame,
        rows.label.to_numpy() == 1,
        (rows.part == "test").to_numpy(),
        rows.matrix.spine["lead_id"],
        tuple(subject_of(column) for column in rows.matrix.columns),
    )


def time_proxy_names(quick: QuickSet, as_of: pd.Series) -> list[str]:
    """The time-proxy columns, which training leaves out too."""
    early = ~quick.out_of_time
    return [proxy.name for proxy in find_time_proxies(quick.frame.loc[early], as_of[early])]


def subject_of(column: FeatureColumn) -> Subject | None:
    """The column of the data or the event type that a feature is made from.

    >>> condition = "event_type = 'mail' AND page = 'x'"
    >>> print(subject_of(FeatureColumn(name="n", label="n", family="behavioural", condition=condition)))
    events.mail (page=x)
    """
    condition = column.condition
    table, _, name = condition.partition(".")
    if table in ("leads", "accounts") and name:
        return Subject("lead" if table == "leads" else "account", name)
    if condition.startswith("event_type = '"):
        kind, _, rest = condition.removeprefix("event_type = '").partition("' AND ")
        if not rest:
            return Subject("event", kind.removesuffix("'"))
        prop, _, value = rest.removesuffix("'").partition(" = '")
        return Subject("event", kind, f"{prop}={value}")
    return None


def _within(own: Subject, subject: Subject) -> bool:
    return own == subject or (own.kind == subject.kind and own.name == subject.name and not subject.value)


def _model(rows: int) -> LeadClassifier:
    """A small model with fixed settings; with few rows its leaves are smaller."""
    return LeadClassifier(
        n_trees=60, learning_rate=0.15, min_child_samples=min(50, max(5, rows // 40)), n_jobs=1
    )

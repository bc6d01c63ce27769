"""Quick models that show what a suspect is worth: one fixed small boosting, on the project's own later rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.columns import FeatureColumn
from models.data_checks.time_proxy import find_time_proxies
from models.learners.classifier import LeadClassifier
from pipeline.audit.evidence import Subject
from pipeline.audit.measures import auc
from pipeline.audit.payload import Gain
from pipeline.dataset.training_set import TrainingSet

_FOLDS = 3
_MOST_ROWS = 20_000  # for cross-fitting, which is done many times
_STRONGEST = 3


@dataclass(frozen=True)
class QuickSet:
    """A matrix with, per column, the subject it is made from (``None``: of many things)."""

    frame: pd.DataFrame
    label: NDArray[np.bool_]
    later: NDArray[np.bool_]
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

    def auc_later(self, columns: Sequence[str]) -> float:
        """ROC AUC on the later rows of a model that learned from the earlier ones."""
        if not columns:
            return 0.5
        model = _model(int((~self.later).sum())).fit(
            self.frame.loc[~self.later, list(columns)], self.label[~self.later]
        )
        score = model.decision_function(self.frame.loc[self.later, list(columns)])
        return auc(score, self.label[self.later])

    def auc_random(self, columns: Sequence[str]) -> float:
        """The same on the same later rows, by models that saw a random part of the leads of all times."""
        if not columns:
            return 0.5
        score = self._cross_fitted(columns, self.frame.index, only=self.later)
        return auc(score[self.later], self.label[self.later])

    def gains(self, columns: Sequence[str], suspects: Mapping[Subject, pd.DataFrame]) -> list[Gain]:
        """What the strongest sources of ``columns`` add to all the others, and what each suspect adds to them all.

        By cross-fitting over the leads of all times: no drift between earlier and later rows blurs it.
        """
        rows = np.sort(np.random.default_rng(0).permutation(len(self.frame))[:_MOST_ROWS])
        index, hit = self.frame.index[rows], self.label[rows]
        told = list(columns)
        if not told:
            return []

        def judged(over: QuickSet, names: Sequence[str]) -> float:
            return auc(over._cross_fitted(names, index)[rows], hit) if len(names) else 0.5

        full, found = judged(self, told), []
        for subject, frame in suspects.items():
            wider = self.over(pd.concat([self.frame[told], frame.add_prefix("accused ")], axis=1))
            found.append(Gain(subject, judged(wider, list(wider.frame.columns)), full))
        weights = self._weights(told, index, hit)
        for subject in sorted(weights, key=lambda subject: -weights[subject])[:_STRONGEST]:
            made = set(self.made_from([subject]))
            found.append(Gain(subject, full, judged(self, [name for name in told if name not in made])))
        return found

    def _weights(self, columns: list[str], index: pd.Index, hit: NDArray[np.bool_]) -> dict[Subject, float]:
        model = _model(len(index)).fit(self.frame.loc[index, columns], hit)
        weight = dict(zip(columns, model.booster_.feature_importance("gain"), strict=True))
        of: dict[Subject, float] = {}
        for name, own in self.named():
            if own is not None and name in weight:
                whole = Subject(own.kind, own.name)
                of[whole] = of.get(whole, 0.0) + float(weight[name])
        return of

    def _cross_fitted(
        self, columns: Sequence[str], index: pd.Index, only: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Scores of rows by models that did not see their leads; NaN outside ``index`` and ``only``."""
        codes = pd.factorize(self.leads)[0]
        fold = (np.random.default_rng(0).permutation(codes.max() + 1) % _FOLDS)[codes]
        inside = self.frame.index.isin(index)
        score = np.full(len(self.frame), np.nan)
        for number in range(_FOLDS):
            learn = inside & (fold != number)
            judge = inside & (fold == number) & (only if only is not None else True)
            if not judge.any() or len(np.unique(self.label[learn])) < 2:
                continue
            model = _model(int(learn.sum())).fit(self.frame.loc[learn, list(columns)], self.label[learn])
            score[judge] = model.decision_function(self.frame.loc[judge, list(columns)])
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


def clock_names(quick: QuickSet, as_of: pd.Series) -> list[str]:
    """Columns that mostly tell the time, which training leaves out too."""
    early = ~quick.later
    return [found.name for found in find_time_proxies(quick.frame.loc[early], as_of[early])]


def subject_of(column: FeatureColumn) -> Subject | None:
    """The column of the data or the event type that a feature is made from.

    >>> print(subject_of(FeatureColumn("n", "n", "behavioural", condition="event_type = 'mail' AND page = 'x'")))
    events.mail (page=x)
    """
    told = column.condition
    table, _, name = told.partition(".")
    if table in ("leads", "accounts") and name:
        return Subject("lead" if table == "leads" else "account", name)
    if told.startswith("event_type = '"):
        kind, _, rest = told.removeprefix("event_type = '").partition("' AND ")
        if not rest:
            return Subject("event", kind.removesuffix("'"))
        prop, _, value = rest.removesuffix("'").partition(" = '")
        return Subject("event", kind, f"{prop}={value}")
    return None


def _within(own: Subject, subject: Subject) -> bool:
    return own == subject or (own.kind == subject.kind and own.name == subject.name and not subject.value)


def _model(rows: int) -> LeadClassifier:
    """Small and always the same; leaves of little data are smaller."""
    return LeadClassifier(
        n_trees=60, learning_rate=0.15, min_child_samples=min(50, max(5, rows // 40)), n_jobs=1
    )

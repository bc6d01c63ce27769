"""The incremental AUC of flagged subjects: quick models without any of them, and with each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from leadlens.features import History, Step
from leadlens.features.visibility import visible
from leadlens.pipeline.audit.data import Gain
from leadlens.pipeline.audit.evidence import Flagged, Subject
from leadlens.pipeline.audit.opened_data import KeptOut
from leadlens.pipeline.audit.quick_models import QuickSet, quick_set, time_proxy_names
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set

_MOST_SUSPECTS = 10


@dataclass(frozen=True)
class IncrementalAuc:
    """The features of everything (``full``), and those that contain nothing of suspected event types (``clean``).

    ``activity`` has, per suspected event type, how often and how recently each row sees it; ``time_proxies`` are
    columns of ``clean``. All have the same rows. A suspected event type is part of the count of all events too, so
    leaving out its own columns is not enough.
    """

    full: QuickSet
    clean: QuickSet
    time_proxies: tuple[str, ...]
    activity: Mapping[Subject, pd.DataFrame]

    def clean_columns(self, flagged: Iterable[Flagged], hidden: KeptOut) -> list[str]:
        """The clean columns that are made from nothing suspected or kept out, and are no time proxies."""
        out = set(self.clean.made_from(_suspected(flagged))) | set(self.time_proxies)
        out |= {name for name, own in self.clean.named() if own is not None and hidden.holds(own)}
        return [str(name) for name in self.clean.frame.columns if name not in out]

    def gains(self, flagged: Sequence[Flagged], hidden: KeptOut) -> list[Gain]:
        """What the first suspects and, where all are good together, the strongest sources add to all the other columns."""
        suspects = [item.subject for item in flagged if item.verdict == "suspect"][:_MOST_SUSPECTS]
        made = {subject: frame for subject in suspects if (frame := self._made(subject)).shape[1]}
        # Time proxies do no harm in models trained on leads of all times.
        columns = {*self.clean_columns(flagged, hidden), *self.time_proxies}
        columns -= set(self.clean.made_from(_suspected(flagged)))
        return self.clean.gains([str(name) for name in self.clean.frame if name in columns], made)

    def auc_with(self, columns: Sequence[str], subject: Subject) -> float | None:
        """Out-of-time ROC AUC of the columns and those of one subject; ``None`` if it makes none."""
        more = self._made(subject)
        if not more.shape[1]:
            return None
        frame = pd.concat([self.clean.frame[list(columns)], more.add_prefix("flagged ")], axis=1)
        return self.clean.over(frame).auc_out_of_time(list(frame.columns))

    def _made(self, subject: Subject) -> pd.DataFrame:
        return self.activity.get(subject, self.full.frame[self.full.made_from([subject])])


def incremental_auc(
    file: ProjectFile, history: History, rows: TrainingSet, flagged: Sequence[Flagged], hidden: KeptOut
) -> IncrementalAuc:
    """Build the clean features; meanwhile suspected and kept-out events are taken out of the history."""
    full = quick_set(rows)
    leaking = [subject for subject in _suspected(flagged) if subject.kind == "event"]
    activity = {subject: visible_activity(history, rows, subject) for subject in leaking}
    leaking += [Subject("event", name) for name in hidden.event_types]
    clean = full
    if leaking:
        condition = " OR ".join(is_one(history, subject) for subject in leaking)
        history.engine.run(
            [
                Step("audit_all_events", "SELECT * FROM events"),
                Step("events", f"SELECT * FROM audit_all_events AS e WHERE NOT ({condition})"),
            ]
        )
        clean = quick_set(build_training_set(file, history, evenly=True, room=rows.room))
        history.engine.run([Step("events", "SELECT * FROM audit_all_events")])
        history.engine.drop("audit_all_events")
    proxies = tuple(time_proxy_names(clean, rows.matrix.spine["as_of"]))
    return IncrementalAuc(full, clean, proxies, activity)


def visible_activity(history: History, rows: TrainingSet, subject: Subject) -> pd.DataFrame:
    """How often a row sees such events, and how many days ago the last one was; indexed as the matrix."""
    history.engine.register("audit_rows", rows.matrix.spine)
    ago = history.engine.dialect.seconds_between("s.as_of", "max(e.occurred_at)")
    activity = history.engine.frame(f"""
        SELECT s.row_id, CAST(count(e.lead_id) AS DOUBLE) AS times, {ago} / 86400.0 AS days_ago
        FROM audit_rows AS s
        LEFT JOIN events AS e ON {visible()} AND {is_one(history, subject)}
        GROUP BY s.row_id, s.as_of
        ORDER BY s.row_id
    """).set_index("row_id")
    history.engine.drop("audit_rows")
    return activity


def _suspected(flagged: Iterable[Flagged]) -> list[Subject]:
    return [item.subject for item in flagged if item.suspected]


def is_one(history: History, subject: Subject) -> str:
    """A condition on events ``e``: is it of the subject's type and value."""
    literal, quote = history.engine.dialect.literal, history.engine.dialect.quote
    condition = f"e.event_type = {literal(subject.name)}"
    if subject.value:
        prop, _, value = subject.value.partition("=")
        condition += f" AND coalesce(CAST(e.{quote(prop)} AS VARCHAR) = {literal(value)}, FALSE)"
    return f"({condition})"

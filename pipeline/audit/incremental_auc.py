"""What the accused are worth: quick models without any of them, and with each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from features import History, Step
from features.visibility import visible
from pipeline.audit.evidence import Flagged, Subject
from pipeline.audit.opened_data import KeptOut
from pipeline.audit.payload import Gain
from pipeline.audit.quick_models import QuickSet, clock_names, quick_set
from pipeline.config import ProjectFile
from pipeline.dataset.training_set import TrainingSet, build_training_set

_MOST_SUSPECTS = 10


@dataclass(frozen=True)
class Worth:
    """The features of everything (``full``), and those that hold nothing of the accused event types (``clean``).

    ``acts`` has, per accused event type, how often and how lately it is seen from each row. All have the same
    rows. An event type that is accused is in the count of all events too, so it is not
    enough to leave its own columns out.
    """

    full: QuickSet
    clean: QuickSet
    clock: tuple[str, ...]
    acts: Mapping[Subject, pd.DataFrame]

    def honest(self, accused: Iterable[Flagged], hidden: KeptOut) -> list[str]:
        """The clean columns that are made from nothing accused, kept out, or telling the time."""
        out = set(self.clean.made_from(_bad(accused))) | set(self.clock)
        out |= {name for name, own in self.clean.named() if own is not None and hidden.holds(own)}
        return [str(name) for name in self.clean.frame.columns if name not in out]

    def gains(self, accused: Sequence[Flagged], hidden: KeptOut) -> list[Gain]:
        """What the strongest sources and the first suspects add to all the other columns."""
        suspects = [item.subject for item in accused if item.verdict == "suspect"][:_MOST_SUSPECTS]
        made = {subject: frame for subject in suspects if (frame := self._made(subject)).shape[1]}
        # Columns that tell the time do no harm where leads of all times are learned from.
        columns = {*self.honest(accused, hidden), *self.clock} - set(self.clean.made_from(_bad(accused)))
        return self.clean.gains([str(name) for name in self.clean.frame if name in columns], made)

    def with_subject(self, columns: Sequence[str], subject: Subject) -> float | None:
        """ROC AUC on the later rows of the columns and those of one subject; ``None`` if it makes none."""
        more = self._made(subject)
        if not more.shape[1]:
            return None
        frame = pd.concat([self.clean.frame[list(columns)], more.add_prefix("accused ")], axis=1)
        return self.clean.over(frame).auc_later(list(frame.columns))

    def _made(self, subject: Subject) -> pd.DataFrame:
        return self.acts.get(subject, self.full.frame[self.full.made_from([subject])])


def worth(
    file: ProjectFile, history: History, rows: TrainingSet, accused: Sequence[Flagged], hidden: KeptOut
) -> Worth:
    """Build the clean features, for which accused and kept-out events are taken out of the history for a while."""
    full = quick_set(rows)
    bad = [subject for subject in _bad(accused) if subject.kind == "event"]
    acts = {subject: acts_seen(history, rows, subject) for subject in bad}
    bad += [Subject("event", name) for name in hidden.event_types]
    clean = full
    if bad:
        told = " OR ".join(is_one(history, subject) for subject in bad)
        history.engine.run(
            [
                Step("audit_all_events", "SELECT * FROM events"),
                Step("events", f"SELECT * FROM audit_all_events AS e WHERE NOT ({told})"),
            ]
        )
        clean = quick_set(build_training_set(file, history))
        history.engine.run([Step("events", "SELECT * FROM audit_all_events")])
        history.engine.drop("audit_all_events")
    return Worth(full, clean, tuple(clock_names(clean, rows.matrix.spine["as_of"])), acts)


def acts_seen(history: History, rows: TrainingSet, subject: Subject) -> pd.DataFrame:
    """How often a row sees such events, and how many days ago the last one was; indexed as the matrix."""
    history.engine.register("audit_rows", rows.matrix.spine)
    ago = history.engine.dialect.seconds_between("s.as_of", "max(e.occurred_at)")
    found = history.engine.frame(
        f"SELECT s.row_id, CAST(count(e.lead_id) AS DOUBLE) AS times, {ago} / 86400.0 AS days_ago FROM audit_rows AS s "
        f"LEFT JOIN events AS e ON {visible()} AND {is_one(history, subject)} GROUP BY s.row_id, s.as_of ORDER BY s.row_id"
    ).set_index("row_id")
    history.engine.drop("audit_rows")
    return found


def _bad(accused: Iterable[Flagged]) -> list[Subject]:
    return [item.subject for item in accused if item.accused]


def is_one(history: History, subject: Subject) -> str:
    """A condition on events ``e``."""
    literal, quote = history.engine.dialect.literal, history.engine.dialect.quote
    condition = f"e.event_type = {literal(subject.name)}"
    if subject.value:
        prop, _, value = subject.value.partition("=")
        condition += f" AND coalesce(CAST(e.{quote(prop)} AS VARCHAR) = {literal(value)}, FALSE)"
    return f"({condition})"

"""`leadlens check`: what the data hold, whether they are enough, and what looks wrong. Nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from features import DataError, Finding, History, LeadlensError, nearest
from features.errors import listed
from features.label import build_labels
from features.planning import plan_features
from features.spine import build_spine
from models.data_checks.readiness import Readiness, Reason, judge_readiness
from models.data_checks.suspects import Suspect, find_suspects
from pipeline.config import ProjectFile
from pipeline.dataset.training_set import (
    build_training_set,
    feature_settings,
    load_sheets,
    outcome_horizon,
    spine_policy,
)
from pipeline.html import table_html
from pipeline.scorecards.project import notes_of
from pipeline.sources import open_history


@dataclass(frozen=True)
class Check:
    """What `leadlens check` found.

    ``counts`` has rows per table and of the spine; ``label_rate`` is over mature rows; ``missing`` is the share
    of unknown values per column; ``findings`` come from opening the data, ``suspects`` know too much.
    """

    project: str
    counts: dict[str, int]
    first: datetime
    data_end: datetime
    clock: str
    conversions: int
    label_rate: float | None
    features: int
    missing: dict[str, float]
    constant: tuple[str, ...]
    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...]
    readiness: Readiness

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "counts": self.counts,
            "first": self.first.isoformat() if self.clock == "time" else None,
            "data_end": self.data_end.isoformat() if self.clock == "time" else None,
            "clock": self.clock,
            "conversions": self.conversions,
            "label_rate": self.label_rate,
            "features": self.features,
            "missing": self.missing,
            "constant": list(self.constant),
            "findings": [vars(finding) for finding in self.findings],
            "suspects": [{**vars(suspect), "message": suspect.message} for suspect in self.suspects],
            "readiness": {
                "level": self.readiness.level,
                "reasons": [vars(reason) for reason in self.readiness.reasons],
            },
        }

    def _repr_html_(self) -> str:
        lines = [f"<p><b>{self.project}</b>: {self.readiness.level}</p>"]
        told = [
            *(reason.message for reason in self.readiness.reasons),
            *(item.message for item in self.findings),
        ]
        told += [suspect.message for suspect in self.suspects]
        counts = pd.DataFrame({"rows": self.counts})
        missing = pd.DataFrame(
            {"share missing": {name: share for name, share in self.missing.items() if share}}
        )
        return "".join(
            [*lines, table_html(counts), table_html(pd.DataFrame({"": told})), table_html(missing)]
        )


def check(file: ProjectFile) -> Check:
    """Read config and data and report on them. Raises ``LeadlensError`` only if they cannot be read at all."""
    history = open_history(file)
    engine, project = history.engine, file.project
    findings = list(history.findings)
    findings += _labels(history, file.project.features.labels)
    if sheet := load_sheets(file):
        findings += sheet.check(history)
        findings += [Finding("sheet-not-active", note, "note") for note in notes_of(file)]
    counts = {
        table: engine.count(table)
        for table in ("leads", "accounts", "events", "conversions", "changes", "verdicts", "answers")
    }
    counts["spine"] = build_spine(history, spine_policy(project))
    horizon = outcome_horizon(project)
    build_labels(history, horizon, project.outcome.kind)
    mature = engine.frame(
        "SELECT count(*) AS n, coalesce(sum(label), 0) AS hits, count(DISTINCT s.lead_id) AS leads, "
        "count(DISTINCT CASE WHEN label = 1 THEN s.lead_id END) AS converted FROM labels AS l "
        "JOIN spine AS s ON s.row_id = l.row_id WHERE label IS NOT NULL"
    ).iloc[0]
    rows, hits = int(mature["n"]), int(mature["hits"])
    counts["mature"] = rows
    first = _moment(engine.value("SELECT min(created_at) FROM leads"))
    missing, constant = _missing(history)
    features, suspects, stop = _features(file, history)
    readiness = judge_readiness(
        leads=int(mature["leads"]),
        conversions=int(mature["converted"]),
        first=first,
        data_end=history.data_end,
        horizon=horizon,
        now=datetime.now(UTC).replace(tzinfo=None) if history.clock == "time" else None,
        vanished=_vanished(history),
        one_class=hits in (0, rows),
    )
    if stop is not None:
        readiness = Readiness("not ready", (*readiness.reasons, Reason("no-training-set", stop, "not ready")))
    return Check(
        project.name,
        counts,
        first,
        history.data_end,
        history.clock,
        int(mature["converted"]),
        hits / rows if rows else None,
        features,
        missing,
        constant,
        tuple(findings),
        tuple(suspects),
        readiness,
    )


def _labels(history: History, labels: Mapping[str, str]) -> Iterator[Finding]:
    """Words for what is not there, with the name that may be meant."""
    if not labels:
        return
    engine = history.engine
    types = list(engine.frame("SELECT DISTINCT event_type AS t FROM events ORDER BY t")["t"])
    columns = [*history.lead_attributes, *history.account_attributes, *history.event_properties]
    for name in labels:
        known = ["any", *columns, *types]
        kind = next((kind for kind in types if name.startswith(f"{kind}: ")), None)
        if kind is not None:
            known = [f"{kind}: {value}" for value in _values(history, kind)]
        if name not in known:
            near = nearest(name, known)
            meant = f"; did you mean {listed(near)}?" if near else ""
            what = (
                "no event of this type has this value" if kind else "no column and no event type is called so"
            )
            yield Finding("label-unused", f"features.labels: {listed([name])}: {what}{meant}")


def _values(history: History, event_type: str) -> set[str]:
    dialect = history.engine.dialect
    found: set[str] = set()
    for name, kind in history.event_properties.items():
        if kind in ("category", "boolean"):
            text = dialect.text(dialect.quote(name))
            where = f"event_type = {dialect.literal(event_type)} AND {dialect.quote(name)} IS NOT NULL"
            found |= set(history.engine.frame(f"SELECT DISTINCT {text} AS v FROM events WHERE {where}")["v"])
    return found


def _features(file: ProjectFile, history: History) -> tuple[int, list[Suspect], str | None]:
    """Number of features, the suspects among them, and why no training set can be built (if so)."""
    try:
        rows = build_training_set(file, history)
    except DataError as error:
        build_spine(history, spine_policy(file.project))
        plan = plan_features(history, feature_settings(file.project))
        return (
            len(plan.keys) + len(plan.attributes),
            [],
            f"{error.what}; {error.fix}" if error.fix else error.what,
        )
    except LeadlensError:
        raise
    train = rows.rows("train")
    columns = rows.matrix.columns
    return len(columns), find_suspects(rows.matrix.frame.loc[train], rows.label[train], columns), None


def _missing(history: History) -> tuple[dict[str, float], tuple[str, ...]]:
    shares: dict[str, float] = {}
    constant: list[str] = []
    tables = (
        ("leads", "", history.lead_attributes),
        ("accounts", "accounts.", history.account_attributes),
        ("events", "events.", history.event_properties),
    )
    for table, prefix, attributes in tables:
        for name in attributes:
            quoted = history.engine.dialect.quote(name)
            told = history.engine.frame(
                f"SELECT count(*) AS n, count({quoted}) AS known, count(DISTINCT {quoted}) AS kinds FROM {table}"
            ).iloc[0]
            if told["n"]:
                shares[prefix + name] = round(1 - float(told["known"] / told["n"]), 4)
                if told["kinds"] <= 1:
                    constant.append(prefix + name)
    return shares, tuple(constant)


def _vanished(history: History) -> list[str]:
    """Event types of the first three quarters of the history that the last quarter lacks."""
    found = history.engine.frame(
        "WITH span AS (SELECT min(occurred_at) AS a, max(occurred_at) AS b FROM events) "
        "SELECT event_type AS t, count(*) AS n FROM events, span GROUP BY event_type, a, b "
        "HAVING max(occurred_at) < a + (b - a) * 3 / 4 AND count(*) >= 20 ORDER BY n DESC, t"
    )
    return list(found["t"])


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(str(value))

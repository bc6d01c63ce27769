"""`leadlens check`: what the data hold, whether they are enough, and what may be wrong with them. Nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from leadlens.features import DataError, DuckDBEngine, Finding, History, nearest
from leadlens.features.errors import listed
from leadlens.features.label import Labels, build_labels
from leadlens.features.matrix import build_matrix, plan_columns
from leadlens.features.plan import FeaturePlan
from leadlens.features.planning import plan_features, plan_vocabulary
from leadlens.features.spine import Spine, build_spine
from leadlens.features.unused_columns import ColumnProfile, UnusedColumn, column_profiles, unused_columns
from leadlens.models.data_checks.proxies import Proxies, find_proxies
from leadlens.models.data_checks.quick_look import QuickLook, quick_look
from leadlens.models.data_checks.readiness import Readiness, Reason, judge_readiness
from leadlens.models.data_checks.suspects import Suspect, find_suspects
from leadlens.models.scorecard import ScorecardSet
from leadlens.pipeline.cluster import engine_settings, workers_of
from leadlens.pipeline.config import Project, ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.judged import comparable
from leadlens.pipeline.dataset.lead_sample import LeadSample, Room, fitting_rows
from leadlens.pipeline.dataset.policies import feature_settings, outcome_horizon
from leadlens.pipeline.dataset.protected import protected_groups, sheets_that_read, unprotected_note
from leadlens.pipeline.dataset.time_split import split_by_time
from leadlens.pipeline.dataset.training_set import engagement_note, refuse_no_features
from leadlens.pipeline.html import table_html
from leadlens.pipeline.jobs.read import COUNTED
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.scorecards.project import load_sheets, notes_of
from leadlens.pipeline.sources.lone_end import CODE as LONE_END
from leadlens.pipeline.sources.lone_end import lone_end
from leadlens.pipeline.state import open_to_others
from leadlens.pipeline.threads import one_blas_thread


@dataclass(frozen=True, kw_only=True)
class Check:
    """The report of `leadlens check`.

    ``counts`` has rows per table and of the spine; ``label_rate`` is over mature rows; ``missing`` is the share
    of unknown values per column, ``unused`` are the columns that give no feature, with the reason; ``findings`` come
    from opening the data, ``suspects`` know too much. ``look`` is a quick look for signal in the training rows; ``None``
    where there are too few to look at.
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
    unused: tuple[UnusedColumn, ...]
    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...]
    readiness: Readiness
    look: QuickLook | None = None

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
            "unused_columns": [vars(column) for column in self.unused],
            "findings": [vars(finding) for finding in self.findings],
            "suspects": [{**vars(suspect), "message": suspect.message} for suspect in self.suspects],
            "readiness": {
                "level": self.readiness.level,
                "reasons": [vars(reason) for reason in self.readiness.reasons],
            },
            "quick_look": self.look.to_dict() if self.look else None,
        }

    def _repr_html_(self) -> str:
        lines = [f"<p><b>{self.project}</b>: {self.readiness.level}</p>"]
        messages = [
            *(reason.message for reason in self.readiness.reasons),
            *([self.look.message] if self.look and self.look.found else []),
            *(item.message for item in self.findings),
        ]
        messages += [suspect.message for suspect in self.suspects]
        messages += [f"No feature of {column.message}" for column in self.unused]
        counts = pd.DataFrame({"rows": self.counts})
        missing = pd.DataFrame(
            {"share missing": {name: share for name, share in self.missing.items() if share}}
        )
        return "".join(
            [*lines, table_html(counts), table_html(pd.DataFrame({"": messages})), table_html(missing)]
        )


@one_blas_thread
def check(
    file: ProjectOrPath,
    *,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> Check:
    """Read config and data and report on them. Raises ``LeadlensError`` only if they cannot be read at all.

    ``engine`` and ``master`` stand in for the project's own: with ``"spark"`` the workers of a cluster read what is new.
    """
    file = as_project(file)
    settings = engine_settings(file, engine, master)
    with workers_of(file, settings, progress) as workers:
        history = open_prepared(file, workers=workers).history()
    tables, project = history.engine, file.project
    findings = [Finding("old-spelling", note, "note") for note in file.notes]
    if warning := open_to_others():
        findings.append(Finding("open-state", warning))
    findings += [Finding("literal-secret", message) for message in file.literal_secrets]
    if settings.name != "spark" and (unused := {"master", "spark"} & file.project.engine.model_fields_set):
        problem = f"engine.{min(unused)} has no effect: the engine is {settings.name} (engine.name, or --engine spark)"
        findings.append(Finding("engine-unused", problem, "note"))
    findings += history.findings
    findings += _labels(history, file.project.features.labels)
    if sheet := load_sheets(file):
        findings += sheet.check(history)
        findings += [Finding("sheet-not-active", note, "note") for note in notes_of(file)]
    chosen = training_spine(history, project)
    if chosen.note:
        findings.append(Finding("default-spine", chosen.note, "note"))
    counts = {table: tables.count(table) for table in COUNTED}
    horizon = outcome_horizon(project)
    with (
        build_spine(history, chosen.policy) as spine,
        build_labels(history, spine, horizon, project.outcome.kind) as labels,
    ):
        counts["spine"] = spine.rows
        mature = tables.frame(
            f"""
            SELECT
              count(*) AS n,
              coalesce(sum(label), 0) AS conversions,
              count(DISTINCT s.lead_id) AS leads,
              count(DISTINCT CASE WHEN label = 1 THEN s.lead_id END) AS converted
            FROM {labels} AS l
            JOIN {spine} AS s ON s.row_id = l.row_id
            WHERE label IS NOT NULL
            """
        ).iloc[0]
        ready = _features(file, history, spine, labels, at_ages=bool(chosen.policy.at_ages))
        plan, sample = ready.plan, ready.sample
        findings += _protected(history, project, sheet, ready)
        findings = list(_with_rows(findings, history, spine, labels, horizon))
    if (graded := engagement_note(plan_columns(plan), project)) is not None:
        findings.append(Finding("no-engagement", graded, "note"))
    if sample is not None:
        findings.append(Finding("sampled", sample.message, "warning"))
    rows, conversions = int(mature["n"]), int(mature["conversions"])
    counts["mature"] = rows
    first = _moment(tables.value("SELECT min(created_at) FROM leads"))
    profiles = column_profiles(history)
    missing, constant = _missing(profiles)
    readiness = judge_readiness(
        leads=int(mature["leads"]),
        conversions=int(mature["converted"]),
        first=first,
        data_end=history.data_end,
        horizon=horizon,
        now=datetime.now(UTC).replace(tzinfo=None) if history.clock == "time" else None,
        vanished=_vanished(history),
        one_class=conversions in (0, rows),
        look=ready.look,
        strangers=max(
            (found.share or 0.0 for found in history.findings if found.code == "event-unknown-lead"),
            default=0.0,
        ),
    )
    if ready.stop is not None:
        stop = Reason("no-training-set", ready.stop, "not ready")
        readiness = Readiness("not ready", (*readiness.reasons, stop))
    return Check(
        project=project.name,
        counts=counts,
        first=first,
        data_end=history.data_end,
        clock=history.clock,
        conversions=int(mature["converted"]),
        label_rate=conversions / rows if rows else None,
        features=ready.features,
        missing=missing,
        constant=constant,
        unused=tuple(unused_columns(history, plan, feature_settings(project), profiles)),
        findings=tuple(findings),
        suspects=tuple(ready.suspects),
        readiness=readiness,
        look=ready.look,
    )


def _with_rows(
    findings: Iterable[Finding], history: History, spine: Spine, labels: Labels, horizon: timedelta
) -> Iterator[Finding]:
    """The same findings; where a few rows move the end of the data, with the share of the rows to learn from."""
    for finding in findings:
        if (
            finding.code == LONE_END
            and isinstance(history.engine, DuckDBEngine)
            and (end := lone_end(history.engine))
        ):
            over = history.engine.dialect.plus("s.as_of", horizon)
            changed = history.engine.count(
                f"{labels} AS l JOIN {spine} AS s ON s.row_id = l.row_id "
                f"WHERE l.label IS NOT NULL AND {over} > TIMESTAMP '{end.ends}'"
            )
            finding = end.finding(horizon, changed, spine.rows, "row")
        yield finding


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
            what = "no event of this type has this value" if kind else "no column or event type has this name"
            yield Finding("label-unused", f"features.labels: {listed([name])}: {what}{meant}")


def _values(history: History, event_type: str) -> set[str]:
    dialect = history.engine.dialect
    values: set[str] = set()
    for name, kind in history.event_properties.items():
        if kind in ("category", "boolean"):
            text = dialect.text(dialect.quote(name))
            where = f"event_type = {dialect.literal(event_type)} AND {dialect.quote(name)} IS NOT NULL"
            values |= set(history.engine.frame(f"SELECT DISTINCT {text} AS v FROM events WHERE {where}")["v"])
    return values


@dataclass(frozen=True, kw_only=True)
class _Learnable:
    """What there is to learn from: the plan of the features and their number, what they tell of the outcome, and why no
    training set can be built, if so; ``sample`` says how rows were drawn."""

    plan: FeaturePlan
    features: int
    suspects: Sequence[Suspect] = ()
    look: QuickLook | None = None
    sample: LeadSample | None = None
    stop: str | None = None
    proxies: Sequence[Proxies] = ()


def _protected(
    history: History, project: Project, sheets: ScorecardSet | None, ready: _Learnable
) -> Iterator[Finding]:
    """Protected columns that sheets or other features bring back, and columns that may be meant to be protected."""
    if (proposed := unprotected_note(history, project, ready.plan)) is not None:
        yield Finding("protected-unnamed", proposed, "note")
    for message in sheets_that_read(history, project, sheets):
        yield Finding("protected-in-sheet", message)
    for each in ready.proxies:
        yield Finding("protected-proxy", each.message, "warning" if each.found else "note")


def _features(
    file: ProjectFile, history: History, spine: Spine, labels: Labels, *, at_ages: bool
) -> _Learnable:
    settings = feature_settings(file.project)
    try:
        with split_by_time(history, spine, labels, file.project) as split:
            plan = plan_features(history, split.train, settings)
            with fitting_rows(history.engine, split.train, split.outcomes, Room.of(file, plan)) as rows:
                matrix = build_matrix(history, plan, rows.spine)
            refuse_no_features(matrix)
    except DataError as error:
        plan = plan_vocabulary(history, spine, settings)
        why = f"{error.what}; {error.fix}" if error.fix else error.what
        return _Learnable(plan=plan, features=len(plan.keys) + len(plan.attributes), stop=why)
    label = rows.outcomes["label"].astype(int)
    groups = protected_groups(history, file.project, matrix.spine.set_index("row_id")["lead_id"])
    return _Learnable(
        plan=plan,
        features=len(matrix.columns),
        suspects=find_suspects(matrix.frame, label, matrix.columns, rows.weight),
        look=quick_look(
            matrix.frame,
            label,
            lead=matrix.spine["lead_id"],
            as_of=None if history.clock == "none" else matrix.spine["as_of"],
            stratum=comparable(file.project, matrix.spine, at_ages=at_ages),
        ),
        sample=rows.sample,
        proxies=()
        if groups is None
        else find_proxies(matrix.frame, matrix.columns, groups, matrix.spine["lead_id"]),
    )


def _missing(profiles: Iterable[ColumnProfile]) -> tuple[dict[str, float], tuple[str, ...]]:
    filled = [profile for profile in profiles if profile.rows]
    shares = {profile.shown: round(1 - profile.known / profile.rows, 4) for profile in filled}
    return shares, tuple(profile.shown for profile in filled if profile.distinct <= 1)


def _vanished(history: History) -> list[str]:
    """Event types of the first three quarters of the history that the last quarter lacks."""
    types = history.engine.frame(
        "WITH span AS (SELECT min(occurred_at) AS a, max(occurred_at) AS b FROM events) "
        "SELECT event_type AS t, count(*) AS n FROM events, span GROUP BY event_type, span.a, span.b "
        "HAVING max(occurred_at) < span.a + (span.b - span.a) * 3 / 4 AND count(*) >= 20 ORDER BY n DESC, t"
    )
    return list(types["t"])


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(str(value))

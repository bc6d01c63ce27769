"""Gather the audit data with a few statements over the contract tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from leadlens.features import History, Step
from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.history import Kind
from leadlens.features.spine import Spine, kind_filter
from leadlens.pipeline.audit.data import AuditData, SplitOverlap
from leadlens.pipeline.audit.event_data import event_counts, event_statistics
from leadlens.pipeline.audit.evidence import Subject
from leadlens.pipeline.config import Project
from leadlens.pipeline.dataset.policies import outcome_horizon
from leadlens.pipeline.dataset.training_set import TrainingSet

_MOST_LEADS = 50_000


def gather(history: History, project: Project, rows: TrainingSet) -> AuditData:
    """The leads of a training set, both parts, with their later outcomes.

    Of more than 50,000 leads a sample of that size, always the same one.
    """
    engine = history.engine
    spine = rows.matrix.spine.assign(label=rows.label.to_numpy(), part=rows.part.to_numpy())
    engine.register("audit_spine", spine)
    engine.run(_lead_steps(history, project))
    engine.run(attribute_steps(history, Spine(engine, "audit_last")))
    kinds = _subjects(history)
    quote = engine.dialect.quote
    attributes = "".join(
        f", {subject.kind}_as_of.{quote(subject.name)} AS {quote(f'attribute {number}')}"
        for number, subject in enumerate(kinds)
    )
    leads = engine.frame(f"""
        SELECT f.*{attributes}
        FROM audit_leads AS f
        JOIN lead_as_of ON lead_as_of.row_id = f.row_id
        JOIN account_as_of ON account_as_of.row_id = f.row_id
        ORDER BY f.created_at, f.lead_id
    """).set_index("lead_id")
    columns = {subject: leads.pop(f"attribute {number}") for number, subject in enumerate(kinds)}
    any_events, numbers = bool(engine.count("events")), "number" in history.lead_attributes.values()
    empty = AuditData(leads=leads)
    data = AuditData(
        leads=leads.drop(columns="row_id").astype({"converted": bool, "out_of_time": bool}),
        columns=columns,
        kinds=kinds,
        changed=_changed(history),
        clock=history.clock,
        data_end=pd.Timestamp(history.data_end),
        events=event_statistics(history) if any_events else empty.events,
        edits=_edits(history) if engine.count("changes") else empty.edits,
        counts=event_counts(history) if any_events and numbers else empty.counts,
        split=_split_overlap(project, rows),
    )
    engine.drop("audit_spine", "audit_last", "audit_leads", "audit_events", "audit_edits")
    engine.drop("lead_as_of", "account_as_of", "lead_changed", "account_changed")
    return data


def _subjects(history: History) -> Mapping[Subject, Kind]:
    return {
        **{Subject("lead", name): kind for name, kind in history.lead_attributes.items()},
        **{Subject("account", name): kind for name, kind in history.account_attributes.items()},
    }


def _changed(history: History) -> frozenset[Subject]:
    attributes = history.engine.frame("SELECT DISTINCT entity, attribute FROM changes")
    return frozenset(
        Subject("account" if entity == "account" else "lead", name)
        for entity, name in attributes.itertuples(index=False)
    )


def _lead_steps(history: History, project: Project) -> list[Step]:
    """``audit_leads``: one row per lead with its outcome, and ``audit_events``: its events beside it.

    A lead that converts after the horizon counts as converted too: a leak follows the sale, not the horizon. With
    ``repeat``, and in flat data, whose outcome has no date, the label of the last spine row is the outcome;
    then ``until``, before which events may reveal it, is the as-of date of that row, and no lead ever ends.
    """
    by_label = project.spine.repeat or project.outcome.column is not None
    if by_label:
        outcome = """
            f.label = 1 AS converted,
            CAST(NULL AS TIMESTAMP) AS converted_at,
            f.as_of AS until,
            CAST(NULL AS TIMESTAMP) AS ended_at
        """
    else:
        outcome = f"""
            f.converted_at IS NOT NULL AS converted,
            f.converted_at,
            coalesce(f.converted_at, {history.engine.dialect.literal(history.data_end)}) AS until,
            coalesce(f.converted_at, f.closed_at) AS ended_at
        """
    own = "a.row_id, a.lead_id, a.created_at, a.as_of, a.first_as_of, a.part, a.label, l.closed_at"
    last = f"""
        SELECT row_id, lead_id, as_of, created_at, part, label, first_as_of
        FROM (
            SELECT
                *,
                row_number() OVER (PARTITION BY lead_id ORDER BY as_of DESC) AS place,
                min(as_of) OVER (PARTITION BY lead_id) AS first_as_of
            FROM audit_spine
        ) AS placed
        WHERE place = 1
        ORDER BY md5(lead_id), lead_id
        LIMIT {_MOST_LEADS}
    """
    leads = f"""
        SELECT
            f.row_id, f.lead_id, f.created_at, f.as_of, f.first_as_of, f.part = 'test' AS out_of_time, f.closed_at,
            {outcome}
        FROM (
            SELECT {own}, min(c.converted_at) AS converted_at
            FROM audit_last AS a
            JOIN leads AS l ON l.lead_id = a.lead_id
            LEFT JOIN conversions AS c
                ON c.lead_id = a.lead_id AND c.converted_at >= a.first_as_of
                {kind_filter(history, project.outcome.kind, "c")}
            GROUP BY {own}
        ) AS f
    """
    # The prefix keeps our columns apart from whatever properties the events have.
    events = """
        SELECT
            f.lead_id,
            f.created_at AS audit_created_at,
            f.as_of AS audit_as_of,
            f.converted AS audit_converted,
            f.converted_at AS audit_converted_at,
            f.ended_at AS audit_ended_at,
            f.until AS audit_until,
            e.* EXCLUDE (lead_id)
        FROM audit_leads AS f
        JOIN events AS e ON e.lead_id = f.lead_id
    """
    return [Step("audit_last", last), Step("audit_leads", leads), Step("audit_events", events)]


def _edits(history: History) -> pd.DataFrame:
    first_edits = """
        SELECT
            c.entity AS kind,
            c.attribute AS name,
            f.lead_id,
            any_value(f.converted) AS converted,
            min(c.known_at) >= any_value(f.converted_at) AS after,
            min(c.known_at) >= any_value(f.as_of) AS hidden
        FROM audit_leads AS f
        JOIN leads AS l ON l.lead_id = f.lead_id
        JOIN changes AS c ON c.id = CASE WHEN c.entity = 'account' THEN l.account_id ELSE l.lead_id END
        GROUP BY c.entity, c.attribute, f.lead_id
    """
    history.engine.run([Step("audit_edits", first_edits)])
    edits = history.engine.frame("""
        SELECT
            kind,
            name,
            count(*) FILTER (WHERE converted) AS edited,
            count(*) FILTER (WHERE converted AND after) AS edited_after,
            count(*) FILTER (WHERE hidden) AS hidden,
            count(*) FILTER (WHERE hidden AND converted) AS hidden_converted
        FROM audit_edits
        GROUP BY kind, name
        ORDER BY kind, name
    """)
    total = history.engine.frame(
        "SELECT count(*) AS leads, count(*) FILTER (WHERE converted) AS converted FROM audit_leads"
    )
    edits["rest"] = int(total["leads"][0]) - edits["hidden"]
    edits["rest_converted"] = int(total["converted"][0]) - edits["hidden_converted"]
    return edits.astype(dict.fromkeys(edits.columns[2:], np.int64))


def _split_overlap(project: Project, rows: TrainingSet) -> SplitOverlap:
    spine, part = rows.matrix.spine, rows.part.to_numpy()
    train, test = spine[part == "train"], spine[part == "test"]
    flat = project.outcome.column is not None
    immature = 0 if flat else int((train["as_of"] + outcome_horizon(project) > rows.test_from).sum())
    return SplitOverlap(
        leads=int(test["lead_id"].nunique()),
        shared=len(set(train["lead_id"]) & set(test["lead_id"])),
        rows=len(train),
        immature=immature,
        repeat=project.spine.repeat,
    )

"""Gather the facts: a few statements over the contract tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features import History, Step
from features.attributes.as_of import attribute_steps
from features.history import Kind
from features.spine import Spine, kind_filter
from pipeline.audit.event_payload import event_counts, event_facts
from pipeline.audit.evidence import Subject
from pipeline.audit.payload import Facts, Split
from pipeline.config import Project
from pipeline.dataset.policies import outcome_horizon
from pipeline.dataset.training_set import TrainingSet

_MOST_LEADS = 50_000


def gather(history: History, project: Project, rows: TrainingSet) -> Facts:
    """Look at the leads of a training set, both parts, with what came of them later.

    Of more than 50,000 leads as many are drawn, always the same ones.
    """
    engine = history.engine
    looks = rows.matrix.spine.assign(label=rows.label.to_numpy(), part=rows.part.to_numpy())
    engine.register("audit_looks", looks)
    engine.run(_lead_steps(history, project))
    engine.run(attribute_steps(history, Spine(engine, "audit_last")))
    kinds = _subjects(history)
    quote = engine.dialect.quote
    picked = "".join(
        f", {subject.kind}_as_of.{quote(subject.name)} AS {quote(f'attribute {number}')}"
        for number, subject in enumerate(kinds)
    )
    leads = engine.frame(
        f"SELECT f.*{picked} FROM audit_leads AS f JOIN lead_as_of ON lead_as_of.row_id = f.row_id "
        "JOIN account_as_of ON account_as_of.row_id = f.row_id ORDER BY f.created_at, f.lead_id"
    ).set_index("lead_id")
    columns = {subject: leads.pop(f"attribute {number}") for number, subject in enumerate(kinds)}
    any_events, numbers = bool(engine.count("events")), "number" in history.lead_attributes.values()
    empty = Facts(leads)
    facts = Facts(
        leads=leads.drop(columns="row_id").astype({"converted": bool, "later": bool}),
        columns=columns,
        kinds=kinds,
        changed=_changed(history),
        clock=history.clock,
        data_end=pd.Timestamp(history.data_end),
        events=event_facts(history) if any_events else empty.events,
        edits=_edits(history) if engine.count("changes") else empty.edits,
        counts=event_counts(history) if any_events and numbers else empty.counts,
        split=_split(history, project, rows),
    )
    engine.drop("audit_looks", "audit_last", "audit_leads", "audit_events", "audit_edits")
    engine.drop("lead_as_of", "account_as_of", "lead_changed", "account_changed")
    return facts


def _subjects(history: History) -> Mapping[Subject, Kind]:
    return {
        **{Subject("lead", name): kind for name, kind in history.lead_attributes.items()},
        **{Subject("account", name): kind for name, kind in history.account_attributes.items()},
    }


def _changed(history: History) -> frozenset[Subject]:
    found = history.engine.frame("SELECT DISTINCT entity, attribute FROM changes")
    return frozenset(
        Subject("account" if entity == "account" else "lead", name)
        for entity, name in found.itertuples(index=False)
    )


def _lead_steps(history: History, project: Project) -> list[Step]:
    """``audit_leads``: one row per lead with its outcome, and ``audit_events``: its events beside it.

    Whoever converts after the horizon counts as converted too: a leak follows the sale, not the horizon. With
    ``repeat``, and in flat data, whose outcome has no moment, the label of the last look is the outcome;
    then ``until``, before which events may tell of it, is that look, and no lead ever ends.
    """
    dialect = history.engine.dialect
    by_label = project.spine.repeat or project.outcome.column is not None
    if by_label:
        outcome = "f.label = 1 AS converted, CAST(NULL AS TIMESTAMP) AS converted_at, f.as_of AS until, "
        outcome += "CAST(NULL AS TIMESTAMP) AS ended_at"
    else:
        outcome = (
            "f.converted_at IS NOT NULL AS converted, f.converted_at, "
            f"coalesce(f.converted_at, {dialect.literal(history.data_end)}) AS until, "
            "coalesce(f.converted_at, f.closed_at) AS ended_at"
        )
    return [
        Step(
            "audit_last",
            "SELECT row_id, lead_id, as_of, created_at, part, label, first_as_of FROM (SELECT *, "
            "row_number() OVER (PARTITION BY lead_id ORDER BY as_of DESC) AS place, "
            "min(as_of) OVER (PARTITION BY lead_id) AS first_as_of FROM audit_looks) AS placed "
            f"WHERE place = 1 ORDER BY md5(lead_id), lead_id LIMIT {_MOST_LEADS}",
        ),
        Step(
            "audit_leads",
            f"SELECT f.row_id, f.lead_id, f.created_at, f.as_of, f.first_as_of, f.part = 'test' AS later, f.closed_at, {outcome} "
            "FROM (SELECT a.row_id, a.lead_id, a.created_at, a.as_of, a.first_as_of, a.part, a.label, l.closed_at, "
            "min(c.converted_at) AS converted_at FROM audit_last AS a JOIN leads AS l ON l.lead_id = a.lead_id "
            "LEFT JOIN conversions AS c ON c.lead_id = a.lead_id AND c.converted_at >= a.first_as_of"
            f"{kind_filter(history, project.outcome.kind, 'c')} "
            "GROUP BY a.row_id, a.lead_id, a.created_at, a.as_of, a.first_as_of, a.part, a.label, l.closed_at) AS f",
        ),
        Step(
            "audit_events",
            # Named apart from whatever properties the events have.
            "SELECT f.lead_id, f.created_at AS audit_created_at, f.as_of AS audit_as_of, f.converted AS "
            "audit_converted, f.converted_at AS audit_converted_at, f.ended_at AS audit_ended_at, f.until AS audit_until, "
            "e.* EXCLUDE (lead_id) FROM audit_leads AS f JOIN events AS e ON e.lead_id = f.lead_id",
        ),
    ]


def _edits(history: History) -> pd.DataFrame:
    history.engine.run(
        [
            Step(
                "audit_edits",
                "SELECT c.entity AS kind, c.attribute AS name, f.lead_id, any_value(f.converted) AS converted, "
                "min(c.known_at) >= any_value(f.converted_at) AS after, min(c.known_at) >= any_value(f.as_of) AS hidden "
                "FROM audit_leads AS f JOIN leads AS l ON l.lead_id = f.lead_id JOIN changes AS c ON "
                "c.id = CASE WHEN c.entity = 'account' THEN l.account_id ELSE l.lead_id END "
                "GROUP BY c.entity, c.attribute, f.lead_id",
            )
        ]
    )
    found = history.engine.frame(
        "SELECT kind, name, count(*) FILTER (WHERE converted) AS edited, "
        "count(*) FILTER (WHERE converted AND after) AS edited_after, count(*) FILTER (WHERE hidden) AS hidden, "
        "count(*) FILTER (WHERE hidden AND converted) AS hidden_converted FROM audit_edits GROUP BY kind, name "
        "ORDER BY kind, name"
    )
    total = history.engine.frame(
        "SELECT count(*) AS n, count(*) FILTER (WHERE converted) AS hits FROM audit_leads"
    )
    found["rest"] = int(total["n"][0]) - found["hidden"]
    found["rest_converted"] = int(total["hits"][0]) - found["hidden_converted"]
    return found.astype(dict.fromkeys(found.columns[2:], np.int64))


def _split(history: History, project: Project, rows: TrainingSet) -> Split:
    spine, part = rows.matrix.spine, rows.part.to_numpy()
    early, later = spine[part == "train"], spine[part == "test"]
    flat = project.outcome.column is not None
    untold = 0 if flat else int((early["as_of"] + outcome_horizon(project) > rows.test_from).sum())
    return Split(
        leads=int(later["lead_id"].nunique()),
        shared=len(set(early["lead_id"]) & set(later["lead_id"])),
        rows=len(early),
        untold=untold,
        repeat=project.spine.repeat,
    )

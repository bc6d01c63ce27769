"""Choose how each column of leads and accounts is read, from its name, its kind and its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from leadlens.features.accounts.rollups import SHARED
from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.attributes.column_values import Asked, differing, frequent_values, samples
from leadlens.features.attributes.columns import expression
from leadlens.features.attributes.lookups import lookups_of, make_lookups
from leadlens.features.attributes.personal import names_id, names_person_id, personal_text
from leadlens.features.attributes.ranges import is_shown
from leadlens.features.attributes.readings import FITS, beside_of, default_readings
from leadlens.features.errors import UsageError, listed
from leadlens.features.history import History, Kind
from leadlens.features.phrases import words
from leadlens.features.plan import AttributeFeature, FeaturePlan, Reading
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import Spine
from leadlens.features.withheld import Why, Withheld

_OPEN = ("category", "email_country", "phone_country", "postcode_area")  # read with a list of frequent values
# Another feature already says that the value is missing: the known ones alone must differ.
_KNOWN_ONLY = ("email_valid", "email_country", "phone_valid", "phone_kind", "phone_country")
_FEWEST = 5  # leads that share a value that is kept
_FEW = 50  # different numbers, whatever they are called


def plan_attributes(history: History, settings: FeatureSettings, spine: Spine) -> dict[str, Any]:
    """``attributes`` and ``withheld`` of a ``FeaturePlan``, by what was known of each lead as of its latest row.

    Nothing later is read. Readings with the same result for all leads are left out, and of names of people, free text
    and ids only whether they are filled in is read, unless ``settings.read`` asks for more.
    Raises ``UsageError`` where ``settings.read`` names an unknown column, or a reading that does not fit.
    """
    _check_read(history, settings)
    if not history.lead_attributes and not history.account_attributes:
        return {"attributes": (), "withheld": ()}
    engine = history.engine
    last = f"SELECT max(row_id) AS row_id FROM {spine} GROUP BY lead_id"
    with Spine.make(
        engine, "latest_rows", f"SELECT s.* FROM {spine} AS s JOIN ({last}) AS t ON t.row_id = s.row_id"
    ) as latest:
        steps = attribute_steps(history, latest)
        made = [step.name for step in steps]
        try:
            engine.run(steps)
            chosen, withheld = _candidates(history, settings)
            candidates = FeaturePlan(attributes=tuple(chosen))
            made += make_lookups(history, candidates, latest)
            supported = tuple(_supported(history, candidates, settings, latest))
            return {"attributes": supported, "withheld": tuple(withheld)}
        finally:
            engine.drop(*made)


def _candidates(history: History, settings: FeatureSettings) -> tuple[list[AttributeFeature], list[Withheld]]:
    candidates: list[AttributeFeature] = []
    withheld: list[Withheld] = []
    for source, attributes in (("lead", history.lead_attributes), ("account", history.account_attributes)):
        read = {
            column: kind
            for column, kind in attributes.items()
            if column not in settings.left_out and (history.clock == "time" or kind != "time")
        }
        sampled = samples(
            history, source, {column: read[column] for column in read if column not in settings.read}
        )
        for column, kind in read.items():
            if source == "account" or column in settings.firmographic:
                family = "firmographic"
            else:
                family = "behavioural" if column in settings.behavioural else "demographic"
            readings = settings.read.get(column)
            if readings is None:
                sample = sampled[column]
                readings = default_readings(column, kind, sample, attributes, history.clock == "time")
                if why := _why_withheld(history, source, column, readings, sample):
                    withheld.append(
                        Withheld(f"{source}s", column, why, "number" if kind == "number" else "category")
                    )
                    readings = ("filled",)
            label = settings.labels.get(column, words(column))
            candidates += [
                AttributeFeature(
                    source=source,  # type: ignore[arg-type]
                    column=column,
                    reading=reading,
                    label=label,
                    family=family,  # type: ignore[arg-type]
                    beside=beside_of(reading, attributes),
                )
                for reading in readings
            ]
    return candidates, withheld


def _why_withheld(
    history: History, source: str, column: str, readings: Sequence[Reading], sample: Sequence[str]
) -> Why | None:
    """Why the content of a column that would be read as it is, or has too many values, must not be; else ``None``."""
    if readings in (("category",), ("filled",)):
        return personal_text(column, sample)
    if readings != ("number",) or not names_id(column):
        return None
    if names_person_id(column):
        return "id"
    value = history.engine.dialect.quote(column)
    counts = history.engine.frame(
        f"""
        SELECT
          count({value}) AS known,
          count(DISTINCT {value}) AS n,
          count(CASE WHEN {value} <> floor({value}) THEN 1 END) AS broken
        FROM {source}_as_of
        """
    ).iloc[0]
    return "id" if not counts["broken"] and counts["n"] > max(_FEW, 0.1 * counts["known"]) else None


def _supported(
    history: History, plan: FeaturePlan, settings: FeatureSettings, latest: Spine
) -> list[AttributeFeature]:
    """The candidates that distinguish leads, with the values that are kept as they are."""
    tables = lookups_of(history, plan)
    known = _frequent_values(history, plan, settings)
    chosen: list[AttributeFeature] = []
    asked: list[tuple[Asked, str | None]] = []
    for feature in plan.attributes:
        table, column = tables.get(feature, (None, ""))
        read = f"{table.name}.{column}" if table else None
        if feature in known:
            if not known[feature] and feature.reading in _OPEN:
                continue
            feature = replace(feature, categories=known[feature])
        chosen.append(feature)
        among = read if feature.reading in _KNOWN_ONLY else None
        asked.append((Asked(feature.source, expression(history, feature, read), table), among))
    differ = differing(history, latest, asked)
    return [
        feature
        for feature, differs in zip(chosen, differ, strict=True)
        if differs or feature.column in settings.read
    ]


def _frequent_values(
    history: History, plan: FeaturePlan, settings: FeatureSettings
) -> dict[AttributeFeature, tuple[str, ...]]:
    """What is kept as it is, of the features that keep some: frequent values, and ranges as they are written."""
    dialect, tables = history.engine.dialect, lookups_of(history, plan)

    def own(feature: AttributeFeature) -> Asked:
        return Asked(feature.source, dialect.text(f"{feature.source}.{dialect.quote(feature.column)}"))

    def read(feature: AttributeFeature) -> Asked:
        if feature not in tables:
            return own(feature)
        table, column = tables[feature]
        return Asked(feature.source, f"{table.name}.{column}", table)

    open_ = [feature for feature in plan.attributes if feature.reading in _OPEN]
    ranges = [feature for feature in plan.attributes if feature.reading == "range"]
    most = settings.max_categories
    values = frequent_values(history, list(map(read, open_)), most, _FEWEST)
    texts = frequent_values(history, list(map(own, ranges)), most, 1)
    return {
        **{feature: tuple(found) for feature, found in zip(open_, values, strict=True)},
        **{feature: tuple(filter(is_shown, found)) for feature, found in zip(ranges, texts, strict=True)},
    }


def plan_rollups(history: History, spine: Spine) -> tuple[str, ...]:
    """The roll-ups of accounts that the data support: none where no account has two leads."""
    engine = history.engine
    if not engine.count(f"{SHARED} AS shared"):
        return ()
    chosen = ["colleagues"]
    if engine.count(
        f"""
        events AS e
        JOIN leads AS l ON l.lead_id = e.lead_id
        JOIN {SHARED} AS a ON a.account_id = l.account_id
        """
    ):
        chosen += ["colleagues_active_30d", "best_colleague_30d", "account_last_activity"]
    after = engine.value(
        f"""
        SELECT count(DISTINCT s.lead_id)
        FROM {spine} AS s
        JOIN leads AS l ON l.lead_id = s.lead_id
        JOIN (
          SELECT
            o.account_id, min(c.converted_at) AS first_at, min(c.lead_id) AS one, max(c.lead_id) AS other
          FROM conversions AS c
          JOIN leads AS o ON o.lead_id = c.lead_id
          GROUP BY o.account_id
        ) AS f
          ON f.account_id = l.account_id AND f.first_at < s.as_of
          AND NOT (f.one = f.other AND f.one = s.lead_id)
        """
    )
    if int(after or 0) >= 5:
        # Without dates nothing was so many days ago.
        chosen += ["account_conversions", *(["account_last_conversion"] if history.clock == "time" else [])]
    return tuple(chosen)


def _check_read(history: History, settings: FeatureSettings) -> None:
    own = (history.lead_attributes, history.account_attributes)
    known = [column for attributes in own for column in attributes]
    for column, readings in settings.read.items():
        if column not in known:
            if column in history.event_properties and tuple(readings) == ("category",):
                continue  # what is withheld of events, asked for all the same
            raise UsageError(
                "this column is not in the data", value=column, known=known, where="features.read"
            )
        for reading in readings:
            where = f"features.read.{column}"
            if reading not in get_args(Reading):
                raise UsageError(
                    "a column cannot be read like that", value=reading, known=get_args(Reading), where=where
                )
            for kind in (attributes[column] for attributes in own if column in attributes):
                _check_fit(history, reading, kind, where)


def _check_fit(history: History, reading: Reading, kind: Kind, where: str) -> None:
    fitting = [name for name, kinds in FITS.items() if kind in kinds]
    if kind not in FITS[reading]:
        raise UsageError(
            f"a column of kind {kind} cannot be read as {reading}",
            value=reading,
            where=where,
            fix=f"one of {listed(fitting)}; or change the column's kind by a cast in `query`",
        )
    if history.clock != "time" and (reading in ("age", "years") or kind == "time"):
        raise UsageError(
            f"{reading} needs dates, and the data have none",
            value=f"order: {history.clock}",
            where=where,
            fix="give leads a created_at, or read the column as it is",
        )

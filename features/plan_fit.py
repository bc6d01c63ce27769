"""A stored plan meets the data of another day: columns that are gone, or are of another kind than when it was made."""

from __future__ import annotations

from leadlens.features.attributes.readings import FITS
from leadlens.features.errors import DataError, listed
from leadlens.features.history import History, Kind
from leadlens.features.plan import FeaturePlan

_NAMES: dict[Kind, str] = {
    "number": "a number",
    "boolean": "true or false",
    "time": "a date",
    "category": "text",
    "text": "text",
}
_COUNTED: tuple[Kind, ...] = ("category", "boolean", "text")  # properties whose values are counted


def refuse_unfit(history: History, plan: FeaturePlan) -> None:
    """Raise ``DataError`` unless the data have every column of the plan, each of a kind that it can be read as."""
    attributes = {"lead": history.lead_attributes, "account": history.account_attributes}
    lacking: list[str] = []
    wrong: dict[str, str] = {}
    for item in plan.attributes:
        own, table = attributes[item.source], f"{item.source}s"
        lacking += [f"{table}.{name}" for name in (item.column, item.beside) if name and name not in own]
        kind = own.get(item.column)
        if kind is not None and kind not in FITS[item.reading]:
            wrong[f"{table}.{item.column}"] = _changed(history, table, item.column, FITS[item.reading], kind)
    for key in plan.keys:
        for name in (key.prop, *key.amounts):
            fitting: tuple[Kind, ...] = ("number",) if name in key.amounts else _COUNTED
            kind = history.event_properties.get(name or "")
            if name is not None and kind is None:
                lacking.append(f"events.{name}")
            elif name is not None and kind is not None and kind not in fitting:
                wrong[f"events.{name}"] = _changed(history, "events", name, fitting, kind)
    if lacking:
        raise DataError(
            "the features need columns that the data do not have",
            value=", ".join(sorted(set(lacking))),
            why="a model can only score rows made as its training rows were",
            fix="restore the columns in `data`, or train again without them",
        )
    if wrong:
        raise DataError(
            "columns are not what they were in training",
            value="; ".join(f"{name} {change}" for name, change in sorted(wrong.items())),
            why="a model can only score rows made as its training rows were",
            fix="correct the export; if these texts mean “not known”, list them under `missing`; else train again",
        )


def _changed(history: History, table: str, column: str, fitting: tuple[Kind, ...], kind: Kind) -> str:
    """What became of a column, with the values that did it."""
    engine = history.engine
    name, was = engine.dialect.quote(column), _NAMES[fitting[0]]
    if not engine.count(f"{table} WHERE {name} IS NOT NULL"):
        return f"was {was} and is empty in every row now"
    text = engine.dialect.text(name)
    odd = f"{name} IS NOT NULL"
    if "number" in fitting and _NAMES[kind] == "text":
        odd += f" AND {engine.dialect.try_cast(name, 'number')} IS NULL"
    values = engine.frame(f"SELECT DISTINCT {text} AS v FROM {table} WHERE {odd} ORDER BY v LIMIT 3")["v"]
    return f"was {was} and is {_NAMES[kind]} now (such as {listed(map(repr, values))})"

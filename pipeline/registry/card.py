"""The model card of a version: data, label, rows, features, figures with intervals, groups and limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leadlens.features import humanize
from leadlens.models.judging.groups import FEWEST, in_order
from leadlens.models.judging.plain import plain
from leadlens.models.judging.wording import METRIC_NAMES, percent
from leadlens.models.statistics import wilson
from leadlens.pipeline.registry.bundle import Recipe

if TYPE_CHECKING:
    from leadlens.features import FeatureColumn, History
    from leadlens.models.judging.signal import Signal
    from leadlens.models.sheet_check import SheetCheck

CARD, CARD_TEXT = "card.json", "card.md"
_FEWEST, _MOST_LEVELS, _MOST_COLUMNS = 50, 8, 3
_LENSES = {"leadlens": "Model", "scorecard": "Score sheet"}


def model_card(
    recipe: Recipe,
    history: History,
    *,
    kind: str,
    sheet: SheetCheck | None,
    rows: Mapping[str, int],
    conversions: Mapping[str, int],
    features: Sequence[FeatureColumn],
    measures: pd.DataFrame,
    signal: Signal,
    groups: Sequence[Mapping[str, Any]],
    protected: pd.DataFrame | None,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """JSON-ready. ``sheet`` says what the sheet costs the model, and whether it is left out. ``measures`` has metric, value, low, high and, where there is a sheet, lens; all are out of time."""
    project, spine = recipe.project, recipe.spine or {}
    outcome = project["outcome"]
    engine = history.engine
    card: dict[str, Any] = plain(
        {
            "project": project["name"],
            "about": project.get("about") or "",
            "data": {
                "version": recipe.data_version,
                "fingerprint": recipe.data_fingerprint,
                "config_fingerprint": recipe.project_fingerprint,
                "end": history.shown(history.data_end),
                "rows": {name: engine.count(name) for name in ("leads", "accounts", "events", "conversions")},
            },
            "label": {
                "horizon": None if outcome.get("column") else outcome["horizon"],
                "kinds": outcome.get("kind") or [],
                "column": outcome.get("column"),
            },
            "spine": {
                "settings": {name: value for name, value in project["spine"].items() if value},
                "at_ages": spine.get("at_ages") or [],
                "chosen": spine.get("chosen"),
                "oldest_days": spine.get("oldest_days"),
                "learned_to": recipe.trained_to,
                "judged_from": recipe.test_from,
            },
            "rows": dict(rows),
            "conversions": dict(conversions),
            "model": {
                "kind": kind,
                "sheet_version": recipe.sheet_version or None,
                "sheet": sheet.to_dict() if sheet else None,
            },
            "features": {
                "count": len(features),
                "families": pd.Series([each.family for each in features], dtype=object)
                .value_counts()
                .to_dict(),
                "labels": [each.label for each in features],
                "left_out": dict(recipe.dropped),
            },
            "metrics": [
                {
                    "lens": row.get("lens", "leadlens"),
                    **{k: row[k] for k in ("metric", "value", "low", "high")},
                }
                for row in measures.to_dict("records")
            ],
            "signal": {"verdict": signal.verdict, "figures": signal.figures},
            "groups": list(groups),
            "protected": protected,
            "limits": list(_limits(recipe, signal, warnings)),
        }
    )
    return card


def _limits(recipe: Recipe, signal: Signal, warnings: Sequence[str]) -> Iterator[str]:
    spine = recipe.spine or {}
    if recipe.project["order"] is None:
        yield f"it has seen nothing after {recipe.trained_to[:10]}, nor outcomes after {recipe.knows_to:%Y-%m-%d}"
    if spine.get("oldest_days"):
        yield f"it learned from leads up to {spine['oldest_days']:,.0f} days old; scores of older ones are guesses"
    if not signal.learned:
        yield f"{signal.verdict}: {signal.ranking.power}"
    for name, reason in recipe.dropped.items():
        yield f"{name} is left out: {reason}"
    yield from warnings


def groups_of(
    spine: pd.DataFrame,
    frame: pd.DataFrame,
    columns: Mapping[str, FeatureColumn],
    weights: pd.Series,
    probability: np.ndarray,
    label: np.ndarray,
    *,
    by_age: bool,
) -> list[dict[str, Any]]:
    """Predicted and actual conversion by age of the lead and by the levels of the three categories that move scores most.

    Frames by row_id, ``weights`` by feature. A lead counts once in each group that it was in, as of its first snapshot there. Groups
    of fewer than fifty leads are put together as ``(other)``.
    """
    found = []
    if by_age:
        age = (spine["as_of"] - spine["created_at"]).map(_days)
        found += _groups("Age of the lead", age, spine, probability, label)
    strongest = weights.sort_values(ascending=False, kind="stable")
    names = [
        str(n) for n in strongest.index if n in columns and columns[str(n)].kind == "category" and n in frame
    ]
    for name in names[:_MOST_COLUMNS]:
        values = frame[name].astype(object).where(frame[name].notna(), "(unknown)")
        found += _groups(columns[name].label, values, spine, probability, label)
    return found


def _days(age: pd.Timedelta) -> str:
    """As people say it: 0 days, 12 hours, 7 days."""
    return humanize(age.to_pytimedelta()) if age else "0 days"


def _groups(
    name: str, values: pd.Series, spine: pd.DataFrame, probability: np.ndarray, label: np.ndarray
) -> list[dict[str, Any]]:
    leads = spine["lead_id"].groupby(values.to_numpy()).nunique().sort_values(ascending=False)
    shown = set(leads[leads >= _FEWEST].index[:_MOST_LEVELS])
    group = values.map(lambda value: value if value in shown else "(other)").to_numpy()
    rows = pd.DataFrame({"group": group, "lead": spine["lead_id"].to_numpy(), "p": probability, "y": label})
    snapshots = rows["group"].value_counts()
    rows = rows.iloc[np.argsort(spine["as_of"].to_numpy(), kind="stable")].drop_duplicates(["group", "lead"])
    found = []
    for level, part in sorted(rows.groupby("group"), key=lambda each: in_order(each[0])):
        if len(part) < _FEWEST:
            continue
        low, high = wilson(part["y"].sum(), len(part))
        found.append(
            {
                "by": name,
                "group": str(level),
                "rows": int(snapshots[level]),
                "leads": len(part),
                "predicted": float(part["p"].mean()),
                "converted": float(part["y"].mean()),
                "low": float(low),
                "high": float(high),
            }
        )
    return found


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """The card as Markdown, a line each."""
    data, spine, label, features = card["data"], card["spine"], card["label"], card["features"]
    counts = ", ".join(f"{count:,} {name}" for name, count in data["rows"].items() if count)
    outcome = (
        f"column {label['column']}"
        if label["column"]
        else f"a conversion within {label['horizon']} of the as-of"
    )
    kinds = f" of kind {', '.join(label['kinds'])}" if label["kinds"] else ""
    ages = f"; leads at ages {', '.join(spine['at_ages'])}" if spine["at_ages"] else ""
    left_out = "; without the score sheet" if (card["model"].get("sheet") or {}).get("left_out") else ""
    families = ", ".join(f"{count} {name}" for name, count in features["families"].items())
    rows, conversions = card["rows"], card["conversions"]
    return [
        f"# {card['project']}",
        "",
        card["about"],
        "",
        *(f"- Promoted by force: {why}" for why in (card.get("forced"),) if why),
        *(f"- Rolled back: {why}" for why in (card.get("rolled_back"),) if why),
        f"- Data: version {data['version']} of the prepared history ({counts}"
        + (f"; to {data['end'][:10]}" if data["end"] else "")
        + f"), fingerprint of the training rows {data['fingerprint']}",
        f"- Label: {outcome}{kinds}",
        f"- Learned from {rows['train']:,} rows ({conversions['train']:,} conversions) up to {spine['learned_to'][:10]}{ages}; judged on "
        f"{rows['test']:,} out-of-time rows ({conversions['test']:,}) from {spine['judged_from'][:10]}",
        f"- Model: {card['model']['kind']}; {features['count']} features ({families}){left_out}",
        f"- Signal: {card['signal']['verdict']}; {card['signal']['figures']}",
        "",
        "| out of time | value | 90 % interval |",
        "|---|---:|---:|",
        *(
            f"| {_LENSES.get(each['lens'], each['lens'])}, {METRIC_NAMES.get(each['metric'], each['metric'])} | "
            f"{_number(each['value'])} | {_number(each['low'])} to {_number(each['high'])} |"
            for each in card["metrics"]
        ),
        "",
        *_group_lines(card["groups"]),
        *_protected_lines(card.get("protected") or ()),
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
    ]


def _group_lines(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    if not groups:
        return []
    return [
        "| group | leads | predicted | converted | 90 % interval |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {each['by']}: {each['group']} | {each['leads']:,} | {percent(each['predicted'])} | "
            f"{percent(each['converted'])} | {percent(each['low'])} to {percent(each['high'])} |"
            for each in groups
        ),
        "",
    ]


def _protected_lines(rates: Sequence[Mapping[str, Any]]) -> list[str]:
    """How protected groups fare by the model; of small groups that they are too small."""
    rates = [each for each in rates if each["lens"] == "leadlens"]
    if not rates:
        return []

    def cells(each: Mapping[str, Any]) -> str:
        if each["predicted"] is None:
            return f"fewer than {FEWEST}: nothing is said | | | |"
        return (
            " | ".join(
                [
                    _share_of(each, "called"),
                    percent(each["predicted"]),
                    _share_of(each, "converted"),
                    _share_of(each, "reached"),
                ]
            )
            + " |"
        )

    return [
        "| protected group | leads | called | predicted | converted | reached |",
        "|---|---:|---:|---:|---:|---:|",
        *(f"| {each['by']}: {each['group']} | {each['leads']:,} | {cells(each)}" for each in rates),
        "",
        "A lead counts once; called: among the best that sales can call; reached: of those that convert, called before.",
        "",
    ]


def _share_of(each: Mapping[str, Any], name: str) -> str:
    if each[name] is None:
        return "–"
    return f"{percent(each[name])} ({percent(each[f'{name}_low'])} to {percent(each[f'{name}_high'])})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"

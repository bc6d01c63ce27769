"""The charts of a comparison, one function each; the page, the app and MLflow's pictures share them."""

from __future__ import annotations

import altair as alt
import pandas as pd

from models.judging import Comparison
from models.judging.lenses import MODEL
from models.judging.wording import percent
from pipeline.report.theme import (
    HEAT,
    MODEL_COLOUR,
    NAMES,
    QUIET,
    RULES_COLOUR,
    Drawing,
    Width,
    lens_colour,
    styled,
    with_names,
)

# On a phone a rule's name may take a third of the width; vl-convert has no window and takes the wide form.
ROOM = alt.ExprRef("windowSize()[0] < 600 ? 130 : 280")
FEWEST = 5  # fewer leads are too few for a bar


def gains_chart(comparison: Comparison, width: Width = "container", height: int = 320) -> Drawing:
    """Share of the leads that convert, reached by calls for a share of the leads, with a line at sales capacity."""
    at = comparison.capacity
    curve = with_names(comparison.gains)
    x = alt.X("called:Q", title="Calls, as a share of the leads", axis=alt.Axis(format="%", tickCount=5))
    y = alt.Y(
        "found:Q",
        title="Leads that convert, reached",
        axis=alt.Axis(format="%", tickCount=5),
        scale=alt.Scale(domain=[0, 1]),
    )
    share = at.calls / comparison.leads
    found = [at.model / comparison.conversions, at.rules / comparison.conversions]
    texts = [f"model reaches {at.model:,.0f}", f"sheet reaches {at.rules:,.0f}"]
    marks = pd.DataFrame(
        {"lens": list(NAMES.values()), "called": share, "found": found, "text": texts, "floor": 0}
    )
    anybody = curve.loc[curve["lens"] == NAMES[MODEL], ["called", "random"]]
    chance = alt.Chart(anybody.rename(columns={"random": "found"})).mark_line(
        color=QUIET, strokeDash=[4, 4], strokeWidth=1.2
    )
    line = alt.Chart(pd.DataFrame({"called": [share]})).mark_rule(color=QUIET, strokeWidth=1.2)
    lines = alt.Chart(curve).mark_line(strokeWidth=3, interpolate="linear")
    tips = [
        alt.Tooltip("lens:N", title="Lens"),
        alt.Tooltip("called:Q", title="Called", format=".0%"),
        alt.Tooltip("found:Q", title="Reached", format=".1%"),
        alt.Tooltip("lift:Q", title="Lift", format=".2f"),
    ]
    dots = alt.Chart(marks).mark_point(filled=True, size=90, opacity=1)
    # The corner under the diagonal is the one place where no curve runs.
    left = share < 0.55
    labels = [
        alt.Chart(marks.loc[[row]]).mark_text(
            align="left" if left else "right", dx=8 if left else -8, dy=dy, fontWeight="bold", fontSize=13
        )
        for row, dy in zip(marks.index, (-26, -9), strict=True)
    ]
    layers = [
        chance.encode(x, y),
        line.encode(x),
        lines.encode(x, y, lens_colour(), tooltip=tips),
        dots.encode(x, y, lens_colour()),
        *(label.encode(x, alt.Y("floor:Q"), lens_colour(), text="text:N") for label in labels),
    ]
    words = (
        f"Gains curve. Calls for {percent(share)} of the leads reach {percent(found[0])} of those that convert "
        f"by the model and {percent(found[1])} by the score sheet."
    )
    return styled(alt.layer(*layers), words, width, height)


def calibration_chart(comparison: Comparison, width: Width = "container", height: int = 320) -> Drawing:
    """Predicted against actual conversion in ten equal-count bins; on the diagonal both agree."""
    curve = with_names(comparison.calibration)
    top = float(min(1.0, 1.05 * max(curve["claimed"].max(), curve["high"].max())))
    scale = alt.Scale(domain=[0, top], nice=False)
    x = alt.X("claimed:Q", title="Predicted conversion", scale=scale, axis=alt.Axis(format="%", tickCount=5))
    y = alt.Y("actual:Q", title="Actual conversion", scale=scale, axis=alt.Axis(format="%", tickCount=5))
    diagonal = alt.Chart(pd.DataFrame({"claimed": [0, top], "actual": [0, top]})).mark_line(
        color=QUIET, strokeDash=[4, 4], strokeWidth=1.2
    )
    base = alt.Chart(curve)
    tips = [
        alt.Tooltip("lens:N", title="Lens"),
        alt.Tooltip("claimed:Q", title="Predicted", format=".1%"),
        alt.Tooltip("actual:Q", title="Actual", format=".1%"),
        alt.Tooltip("rows:Q", title="Rows", format=","),
    ]
    words = "Calibration. " + " ".join(
        f"{NAMES[lens]}: off by {100 * comparison.measure(lens, 'ece'):.1f} percentage points on average."
        for lens in NAMES
    )
    layers = alt.layer(
        diagonal.encode(x, y),
        base.mark_rule(strokeWidth=2, opacity=0.35).encode(x, alt.Y("low:Q"), lens_colour(), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(x, y, lens_colour()),
        base.mark_point(filled=True, size=60, opacity=1).encode(x, y, lens_colour(), tooltip=tips),
    )
    return styled(layers, words, width, height)


def bands_chart(comparison: Comparison, width: Width = "container", height: int = 280) -> Drawing:
    """Conversion per score band, rules beside model, with 90 % intervals and the average as a line."""
    bands = with_names(comparison.bands)
    order = list(dict.fromkeys(bands["band"]))
    bands = bands[bands["leads"] >= FEWEST]
    x = alt.X(
        "band:N",
        title="Score shown (50 = average lead)",
        sort=order,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(labelAngle=0, labelOverlap=True),
    )
    offset = alt.XOffset("lens:N", sort=list(NAMES.values()))
    y = alt.Y("rate:Q", title="Converted", axis=alt.Axis(format="%", tickCount=5))
    tips = _tally_tips("band", "Band")
    average = alt.Chart(pd.DataFrame({"rate": [comparison.conversions / comparison.leads]})).mark_rule(
        color=QUIET, strokeDash=[4, 4]
    )
    layers = alt.layer(
        alt.Chart(bands).mark_bar(cornerRadiusEnd=2).encode(x, offset, y, lens_colour(), tooltip=tips),
        alt.Chart(bands)
        .mark_rule(color=QUIET, strokeWidth=1.4)
        .encode(x, offset, alt.Y("low:Q"), y2="high:Q"),
        average.encode(y),
    )
    best = bands[bands["lens"] == NAMES[MODEL]].iloc[-1]
    words = (
        f"Conversion by score band. In the model's top band, {best['band']}, {percent(best['rate'])} convert."
    )
    return styled(layers, words, width, height)


def grade_chart(comparison: Comparison, lens: str, width: Width = "container", height: int = 230) -> Drawing:
    """Heat map of one lens: conversion and count per grade, fit A–D down, activity 1–4 across."""
    cells = comparison.grades
    top = max(float(cells["rate"].max()), 1e-9)
    mine = cells[(cells["lens"] == lens) & (cells["leads"] > 0)]
    mine = mine.assign(text=[percent(rate) for rate in mine["rate"]], count=[f"{n:,}" for n in mine["leads"]])
    x = alt.X(
        "activity:N",
        title="Engagement",
        scale=alt.Scale(domain=_graded(mine["activity"], "1234")),
        axis=alt.Axis(labelAngle=0, domain=False, ticks=False),
    )
    y = alt.Y(
        "fit:N",
        title="Fit",
        scale=alt.Scale(domain=_graded(mine["fit"], "ABCD")),
        axis=alt.Axis(domain=False, ticks=False, titleAngle=0),
    )
    heat = alt.Color("rate:Q", scale=alt.Scale(domain=[0, top], range=HEAT), legend=None)
    ink = alt.condition(f"datum.rate > {top * 0.4}", alt.value("#ffffff"), alt.value("#10233f"))
    base = alt.Chart(mine)
    layers = alt.layer(
        base.mark_rect(cornerRadius=4, stroke="rgba(128,128,128,0.25)").encode(
            x, y, heat, tooltip=_tally_tips("grade", "Grade")
        ),
        base.mark_text(dy=-6, fontSize=14, fontWeight="bold").encode(x, y, text="text:N", color=ink),
        base.mark_text(dy=11, fontSize=11).encode(x, y, text="count:N", color=ink),
    )
    words = f"Conversion by grade, {NAMES[lens].lower()}: fit A to D by engagement 1 to 4."
    return styled(layers, words, width, height)


def _graded(used: pd.Series, grades: str) -> list[str]:
    """All grades of a side, or the sign for none where the lens does not grade it."""
    return list(grades) if used.isin(list(grades)).any() else ["–"]


def audit_chart(comparison: Comparison, width: Width = "container", most: int = 30) -> Drawing:
    """Per rule: the points given, and its worth with the 90 % interval, on the common scale."""
    audit = comparison.audit[comparison.audit["worth"].notna()].head(most)
    order = audit["rule"].tolist()
    x_title = "Points (+10 doubles the odds)"
    y = alt.Y(
        "rule:N",
        title=None,
        sort=order,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(labelLimit=ROOM, grid=False, domain=False, ticks=False),
    )
    x = alt.X("points:Q", title=x_title)
    kinds = alt.Scale(domain=["Sheet gives", "Worth"], range=[RULES_COLOUR, MODEL_COLOUR])
    shapes = alt.Scale(domain=["Sheet gives", "Worth"], range=["diamond", "circle"])
    legend = alt.Legend(orient="top", title=None, columnPadding=8)
    given = audit.assign(points=audit["given"], who="Sheet gives")
    worth = audit.assign(points=audit["worth"], who="Worth")
    both = pd.concat([given, worth])[["rule", "points", "who", "words", "leads"]].dropna(subset=["points"])
    tips = [
        alt.Tooltip("rule:N", title="Rule"),
        alt.Tooltip("who:N", title="Who"),
        alt.Tooltip("points:Q", title="Points", format="+.1f"),
        alt.Tooltip("words:N", title="Verdict"),
        alt.Tooltip("leads:Q", title="Leads", format=","),
    ]
    layers = alt.layer(
        alt.Chart(pd.DataFrame({"points": [0]})).mark_rule(color=QUIET).encode(x),
        alt.Chart(audit)
        .mark_rule(color=MODEL_COLOUR, strokeWidth=4, opacity=0.3)
        .encode(alt.X("low:Q", title=x_title), y, x2="high:Q"),
        alt.Chart(both)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            x,
            y,
            alt.Color("who:N", scale=kinds, legend=legend),
            alt.Shape("who:N", scale=shapes, legend=legend),
            tooltip=tips,
        ),
    )
    words = "Point audit: for each rule the points the sheet gives and what it is worth."
    return styled(layers, words, width, 30 * max(len(order), 2))


def _tally_tips(column: str, title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("lens:N", title="Lens"),
        alt.Tooltip(f"{column}:N", title=title),
        alt.Tooltip("rate:Q", title="Converted", format=".1%"),
        alt.Tooltip("conversions:Q", title="Conversions", format=","),
        alt.Tooltip("leads:Q", title="Leads", format=","),
    ]

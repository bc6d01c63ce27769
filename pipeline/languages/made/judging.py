"""What a comparison says, by ``leadlens.models.judging``: headline, advice, story, checks, verdicts and chances."""

from __future__ import annotations

from leadlens.pipeline.languages.marks import N_, NN_, NP_, P_

STATUS = (
    N_("Ready to decide"),
    N_("Decide with care"),
    N_("Do not decide yet"),
    N_("Decide with care: {list_finding}"),
    N_("Do not decide yet: {list_finding}"),
    N_("Do not decide yet: {n} of {judged} converted, and a decision needs {n_needed}"),
    N_("Do not decide yet: {text}"),
    P_("finding", "little evidence"),
    P_("finding", "difference not clear"),
    P_("finding", "predicts too much"),
    P_("finding", "predicts too little"),
    P_("finding", "poorly calibrated"),
    P_("finding", "data not in order ({percent})"),
    NP_("judged", "{n} out-of-time lead", "{n} out-of-time leads"),
    NP_(
        "judged", "{n} out-of-time leads in {n_rows} snapshot", "{n} out-of-time leads in {n_rows} snapshots"
    ),
)

CHECKS = (
    N_("Enough evidence"),
    N_("Little evidence"),
    N_("Clear difference"),
    N_("Difference not clear"),
    N_("Well calibrated"),
    N_("Poorly calibrated"),
    N_("Predicts too much"),
    N_("Predicts too little"),
    N_("Data in order"),
    N_("Data not in order ({percent})"),
    N_("No hot band"),
    N_("Hot leads convert more"),
    N_("Hot leads do not convert more"),
    N_("Many equal ranks"),
    N_("Note"),
    N_("{n} of {judged} converted"),
    N_("{n} of {judged} converted; {n_better} would be better"),
    N_("{n} of {judged} converted, and a decision needs {n_needed}"),
    N_("from {signed_low} to {signed_high} leads reached by the model beyond the sheet (90 % interval)"),
    N_("the model reaches {n_few} to {n_many} more leads that convert (90 % interval)"),
    N_("the sheet reaches {n_few} to {n_many} more leads that convert (90 % interval)"),
    N_(
        "the model predicted that {percent_claimed} convert and {percent} did; "
        "over ten bins it is off by {n} percentage points on average"
    ),
    N_(
        "the model predicted that {percent_claimed} of the snapshots convert and {percent} did; "
        "over ten bins it is off by {n} percentage points on average"
    ),
    N_("no finding concerns {percent} or more of the leads or events"),
    N_("no lead reaches a score of 60, twice the average odds"),
    N_(
        "{percent_leads} of the leads reach a score of 60 and hold {percent_conversions} of the conversions; "
        "{percent_rate} convert"
    ),
    N_(
        "{percent_leads} of the leads reach a score of 60 and hold {percent_conversions} of the conversions; "
        "{percent_rate} convert, {n} times those that never exceed 40"
    ),
    N_("for {n} of the model's {n_calls} calls a random draw decides between equal ranks"),
    N_("for {n} of the sheet's {n_calls} calls a random draw decides between equal ranks"),
)

HEADLINE = (
    N_(
        "No clear difference: the model reaches {n_model}, the sheet {n_sheet}, of {n_all} ({signed_low} to {signed_high})"
    ),
    NN_(
        "The model reaches {n} more lead that convert: {n_model}, the sheet {n_sheet}, of {n_all} ({signed_low} to {signed_high})",
        "The model reaches {n} more leads that convert: {n_model}, the sheet {n_sheet}, of {n_all} ({signed_low} to {signed_high})",
    ),
    NN_(
        "The sheet reaches {n} more lead that convert: {n_sheet}, the model {n_model}, of {n_all} ({signed_low} to {signed_high})",
        "The sheet reaches {n} more leads that convert: {n_sheet}, the model {n_model}, of {n_all} ({signed_low} to {signed_high})",
    ),
    N_(
        "The model reaches {n} of the {n_all} leads that convert in {n_calls} calls; at random it would be {n_random}"
    ),
    N_(
        "The model reaches {n} of the {n_all} leads that convert in {n_calls} calls; at random it would be {n_random} "
        "(90 % interval {n_low} to {n_high})"
    ),
)

ADVICE = (
    N_("Change nothing before that is settled: the checks say what it takes."),
    N_("Call by the model's score."),
    N_("Go on calling by the sheet."),
    N_("Neither list is shown to be better: go on as you do, and compare again when more have converted."),
    N_("Do not call by its score yet: it is not shown to reach more than calls at random."),
    NN_(
        "Look at 1 rule of the sheet, {quoted} first.",
        "Look at {n} rules of the sheet, {quoted} first.",
    ),
)

POPULATION = (
    P_("span", "{length}"),
    P_("population", "{judged}{when}; {n} leads ({percent}) converted"),
    P_("population", "{judged}{when}; {n} leads ({percent}) converted within {span}"),
    P_("population", "{judged}{when}; {n} leads ({percent}) converted within {span} of a snapshot"),
    P_("population", "{judged}{when}; {n} leads ({percent}) converted of a snapshot"),
    P_("when", " ({iso_first} to {iso_last})"),
    P_("population", "{judged}; {n} leads ({percent}) converted"),
    P_("population", "{judged}; {n} leads ({percent}) converted within {span}"),
    P_("population", "{judged}; {n} leads ({percent}) converted within {span} of a snapshot"),
    P_("population", "{judged}; {n} leads ({percent}) converted of a snapshot"),
)

STORY = (
    N_("Both lenses were compared on the same {population}."),
    N_("The model was judged on {population}."),
    N_("There is no score sheet to compare it with."),
    N_(
        "Calling the same {n_calls} of {n_leads} out-of-time leads, the model reaches {n_model} of the {n_all} that convert, "
        "the sheet {n_sheet}: {more}."
    ),
    N_("At random: {n}."),
    N_(
        "A higher score can catch more conversions than a lower one: leads reach it later, and a conversion counts only within "
        "the horizon after the snapshot that reaches it."
    ),
    P_("more", "no clear difference (90 % interval {signed_low} to {signed_high})"),
    P_("more", "{n} more (90 % interval {n_few} to {n_many})"),
    P_("more", "{n} fewer (90 % interval {n_few} to {n_many})"),
    N_(
        "All leads are on one list and are called once, best first: the data do not say when leads came and left, so the "
        "weeks of sales cannot be replayed."
    ),
    NN_(
        "Replayed in 1 weekly list: of the leads that are open as of each, the best by their latest snapshot are called, "
        "{percent} as many as are new; nobody is called twice.",
        "Replayed in {n} weekly lists: of the leads that are open as of each, the best by their latest snapshot are called, "
        "{percent} as many as are new; nobody is called twice.",
    ),
    N_(
        "{n} of the {n_all} convert before a weekly list has them, or too late after it: nobody reaches them."
    ),
    N_(
        "The sheet's own threshold makes {n_calls} leads ({percent}) {stage}: calling them reaches {n_sheet} that convert, "
        "as many calls by the model {n_model}: {more}."
    ),
    N_(
        "The model's probabilities are off by {n_model} percentage points on average, "
        "the sheet's by {n_sheet} once its points are calibrated to probabilities."
    ),
    N_("Both lenses choose exactly the same {n} leads; {percent} of them convert."),
    N_(
        "Both call {n_both} leads hot; {percent_both} of those convert; of the {n_model} that only the model calls hot "
        "{percent_model} convert, of the {n_sheet} that only the sheet calls hot {percent_sheet}."
    ),
    N_(
        "They share no hot lead; of the {n_model} that only the model calls hot {percent_model} convert, "
        "of the {n_sheet} that only the sheet calls hot {percent_sheet}."
    ),
    NN_("Of the sheet's 1 rule: {list_judgement}.", "Of the sheet's {n} rules: {list_judgement}."),
    N_("Look at {quoted} first: the direction is wrong."),
    N_("Of {n} sound rules {chance} flagged by chance."),
    N_("Of 1 sound rule {chance} flagged by chance."),
    P_("chance", "hardly one is"),
    P_("chance", "one is"),
    P_("chance", "two are"),
    P_("chance", "three are"),
    P_("chance", "four are"),
    P_("chance", "five are"),
    P_("chance", "six are"),
    P_("chance", "seven are"),
    P_("chance", "eight are"),
    P_("chance", "nine are"),
    P_("chance", "ten are"),
    P_("chance", "{n} are"),
    NN_(
        "The sheet disqualifies {n} leads; {n_converted} of them converted anyway.",
        "The sheet disqualifies {n} leads; {n_converted} of them converted anyway.",
    ),
    N_("For {n} of the calls a random draw decides between equal scores."),
    N_("Note: {text}"),
)

VERDICTS = (
    P_("rule", "Disqualified: {label}"),
    P_("verdict", "Wrong direction"),
    P_("verdict", "Too many points"),
    P_("verdict", "Too few points"),
    P_("verdict", "Too mild"),
    P_("verdict", "Too harsh"),
    P_("verdict", "Not settled"),
    P_("verdict", "Too few leads"),
    P_("verdict", "Supported"),
    P_("judgement", "{n} wrong direction"),
    P_("judgement", "{n} too many points"),
    P_("judgement", "{n} too few points"),
    P_("judgement", "{n} too mild"),
    P_("judgement", "{n} too harsh"),
    P_("judgement", "{n} not settled"),
    P_("judgement", "{n} too few leads"),
    P_("judgement", "{n} supported"),
    N_("{verdict}: {why}"),
    N_("{verdict}: {why}; raw rates point the other way: other rules explain it"),
    P_("why", "leads with it convert more"),
    P_("why", "leads with it convert less"),
    P_("why", "the data support at least {n}"),
    P_("why", "the data support at most {n}"),
    P_("why", "the data support {signed} or more"),
    P_("why", "the data support {signed} or less"),
    P_("why", "the interval holds both 0 and the points"),
    P_("why", "the interval holds 0"),
    P_("why", "its worth cannot be estimated"),
    P_("why", "none have it"),
    NP_("why", "{n} has it", "{n} have it"),
    P_("why", "all but {n} have it"),
    P_("why", "all have it"),
    P_("why", "none has it"),
    P_("why", "it gives no points, so the ledger does not say who has it"),
)

CHANCES = (
    N_("too few to say"),
    N_("Too few to say"),
    NN_(
        "Of 100 such leads {n} converts ({n_low} to {n_high}); of all, {few}",
        "Of 100 such leads {n} convert ({n_low} to {n_high}); of all, {few}",
    ),
    N_("Of 100 such leads fewer than 1 convert ({n_low} to {n_high}); of all, {few}"),
    P_("few", "fewer than 1"),
    P_("few", "{n}"),
)

"""Words that the copies and the stores of the page hold: stages, trends, steps of a preview, lines of the log, differences of sheets."""

from __future__ import annotations

from leadlens.pipeline.languages.marks import N_, NN_, P_

WORDS = (
    N_("Disqualified"),
    N_("rising"),
    N_("steady"),
    N_("falling"),
    P_("job", "running"),
    P_("job", "failed"),
    P_("job", "done"),
)

MOVED = (P_("phrase", "Grades of the model"),)

LOG = (
    P_("logged", "accepted"),
    P_("logged", "rejected"),
    P_("logged", "before"),
    P_("logged", "after"),
    P_("logged", "reason"),
    P_("logged", "changes"),
    P_("logged", "archived"),
    P_("logged", "preview"),
    P_("logged", "rows"),
    P_("logged", "run"),
    P_("logged", "capacity"),
    P_("logged", "owner"),
    P_("logged", "stage"),
    P_("logged", "grade"),
    P_("logged", "status"),
    P_("logged", "sort"),
    P_("logged", "disqualified"),
    P_("logged", "q"),
    P_("logged value", "draft"),
    P_("logged value", "test"),
    P_("logged value", "active"),
    P_("logged value", "archived"),
    P_("logged value", "withdrawn"),
    P_("logged value", "accepted"),
    P_("logged value", "rejected"),
    P_("logged value", "open"),
    P_("logged value", "closed"),
    P_("logged value", "any"),
    P_("logged value", "score"),
    P_("logged value", "points"),
    P_("logged value", "moved"),
)

RUNS = (
    N_("started"),
    N_("done"),
    N_("refused"),
    N_("failed"),
    N_("killed"),
    N_("stopped"),
    N_("no champion yet: the challenger scores (leadlens promote makes it champion)"),
    N_(
        "left out, because they say who a lead is and not what it is like: {text}; to use one: {text_setting}"
    ),
    N_("Flat data say whether leads converted and not when: past scores are not judged"),
    N_(
        "tonight is unlike the nights before, or what the model learned from: nothing was written ({sentence}; {sentence_why})"
    ),
    N_(
        "the score sheet changed since the model was trained: train again, and the model starts from its points"
    ),
    N_("beyond its limit: {sentence}"),
    N_("scores made from such data would replace good ones"),
    N_("No score was written by {iso}: there is none whose horizon is over"),
    P_("whose", "the last nights"),
    P_("whose", "the training data"),
    N_("{label}: values are distributed differently than in {whose} (PSI {n})"),
    N_("{label}: {n}, after {n_before} in {whose}"),
    N_(
        "{n} of {n_leads} leads scored by {iso} converted, where {n_expected} were expected "
        "(chance allows {n_low} to {n_high})"
    ),
    N_("The scores of {iso} did not tell who would convert: ROC AUC {n}, no more than chance gives"),
    N_(
        "{percent} of open leads score {n} or more, after {percent_before} in the months before; "
        "sales can call {percent_capacity}, and no more leads convert"
    ),
    NN_(
        "{n} lead of {n_waiting} not pushed ({sentence})", "{n} leads of {n_waiting} not pushed ({sentence})"
    ),
    NN_("the CRM refused {n} lead", "the CRM refused {n} leads"),
    N_("{text} does not answer, or is too busy"),
    N_("{text} accepts none of the leads that it is sent"),
    N_("{text} does not allow this: {text_said}"),
    N_("{text} refuses all that is sent (status {n}): {text_said}"),
    N_("the server refuses the token: {text}"),
    N_(
        "the server refuses the token: {text} (it is wrong, has expired, or was withdrawn; what was acknowledged until now is kept)"
    ),
    N_(
        "there is no token for {text} (it comes from the environment alone, so that no file and no log holds it)"
    ),
)

PREVIEW = (
    N_("Reading the data"),
    N_("Scoring {n} open leads by both versions"),
    N_("Scoring past leads by both versions"),
    N_("No outcome of these leads is known yet"),
)

SHEETS = (
    N_("There is no such sheet in this project ({text})."),
    N_("There is no such version of this sheet ({text})."),
    N_("Version {version} of {sheet} is already in this stage ({text})."),
    N_("Version {version} of {sheet} is {text}, not ready for this ({other})."),
    N_("From {text} it can go to {other}."),
    N_("This must be above 0: a cap of 30 lets a rule give or take at most 30 points"),
    N_("Keep must be below points ({n}): it is where the stage is lost again"),
    N_("SQL comes after MQL: it cannot be lower than {n}"),
    P_("difference", "attribute “{label}”: {change}"),
    P_("difference", "action “{label}”: {change}"),
    P_("difference", "disqualifier “{label}”: {change}"),
    P_("difference", "route “{label}”: {change}"),
    P_("difference", "order of disqualify: {change}"),
    P_("difference", "order of routes: {change}"),
    P_("difference", "{setting}: {change}"),
    P_("change", "added"),
    P_("change", "removed"),
    P_("change", "added ({text})"),
    P_("change", "removed ({text})"),
    P_("change", "none → {text}"),
    P_("change", "{text} → none"),
)
CONDITIONS = (
    P_("condition", "false"),
    P_("condition", "not ({condition})"),
    P_("condition", "the company's {column}"),
    P_("condition", "the list {name}"),
    P_("condition", "true"),
    P_("condition", "{first} and {second}"),
    P_("condition", "{first} or {second}"),
    P_("condition", "{low} to {high}"),
    P_("condition", "{what} begins with {value}"),
    P_("condition", "{what} contains {value}"),
    P_("condition", "{what} does not begin with {value}"),
    P_("condition", "{what} does not contain {value}"),
    P_("condition", "{what} does not end with {value}"),
    P_("condition", "{what} does not match"),
    P_("condition", "{what} ends with {value}"),
    P_("condition", "{what} is after {value}"),
    P_("condition", "{what} is at least {value}"),
    P_("condition", "{what} is at most {value}"),
    P_("condition", "{what} is before {value}"),
    P_("condition", "{what} is false"),
    P_("condition", "{what} is from {value}"),
    P_("condition", "{what} is in {value}"),
    P_("condition", "{what} is known"),
    P_("condition", "{what} is less than {value}"),
    P_("condition", "{what} is more than {value}"),
    P_("condition", "{what} is none of {value}"),
    P_("condition", "{what} is not in {value}"),
    P_("condition", "{what} is not known"),
    P_("condition", "{what} is not true"),
    P_("condition", "{what} is not {value}"),
    P_("condition", "{what} is on or after {value}"),
    P_("condition", "{what} is on or before {value}"),
    P_("condition", "{what} is one of {value}"),
    P_("condition", "{what} is true"),
    P_("condition", "{what} is {value}"),
    P_("condition", "{what} matches"),
)

"""The ground truth of the software vendor: what really drives conversion, and a verdict on each written rule."""

from __future__ import annotations

from leadlens.pipeline.demo.spec import Driver, Verdict

DRIVERS = (
    Driver(
        "Started a free trial",
        "event_type = 'trial_started'",
        "action",
        +1,
        "Raises the daily chance 3.7 times, fading.",
    ),
    Driver(
        "Read the documentation",
        "event_type = 'page_viewed' and page = 'docs'",
        "action",
        +1,
        "Follows intent most closely and adds to it; the sheet has no rule for it.",
        in_sheet=False,
    ),
    Driver(
        "Viewed the pricing page",
        "event_type = 'page_viewed' and page = 'pricing'",
        "action",
        +1,
        "Follows intent, also before the lead was known.",
    ),
    Driver(
        "Started a chat", "event_type = 'chat_started'", "action", +1, "Follows intent, and the answers help."
    ),
    Driver(
        "Unsubscribed",
        "event_type = 'unsubscribed'",
        "action",
        -1,
        "Intent is low, and no mail brings it back.",
    ),
    Driver(
        "Visited the careers page",
        "event_type = 'page_viewed' and page = 'careers'",
        "action",
        -1,
        "Most of these visitors are job seekers, who never buy.",
    ),
    Driver(
        "Director or head of a team",
        "seniority = 'director'",
        "attribute",
        +1,
        "They own the budget: the best titles, with 0.5 to 0.8 log-odds of fit.",
    ),
    Driver(
        "Between 50 and 800 employees",
        "account.employees >= 50 and account.employees <= 800",
        "attribute",
        +1,
        "Smaller ones have no budget, larger ones take longer than a quarter.",
    ),
    Driver(
        "Software or finance industry",
        "account.industry in ('software', 'finance')",
        "attribute",
        +1,
        "Half a log-odds of fit each.",
    ),
    Driver(
        "Referred or brought by a partner",
        "source in ('referral', 'partner')",
        "attribute",
        +1,
        "The best sources; the sheet has no rule for them.",
        in_sheet=False,
    ),
    Driver("Student or intern", "seniority = 'student'", "attribute", -1, "They read a lot and never buy."),
)

VERDICTS = (
    Verdict(
        "Executive title", "too many points", "Executives delegate: hardly better than the average title."
    ),
    Verdict("Director or head of a team", "right", "They own the budget."),
    Verdict("Manager", "useless", "Just about average; staff are below."),
    Verdict("Software or finance industry", "right", "Half a log-odds of fit."),
    Verdict(
        "Large firm", "wrong direction", "Above 1,000 employees the decision takes longer than the horizon."
    ),
    Verdict("Mid-sized firm", "right", "The sweet spot."),
    Verdict("Phone number given", "right", "Keen people leave a number."),
    Verdict(
        "Free-mail address", "right", "Mostly students and job seekers; a freelancer's address says nothing."
    ),
    Verdict("Submitted a form", "useless", "Three in four leads come by a form; the others are no worse."),
    Verdict(
        "Downloaded a whitepaper", "useless", "Moves with neither fit nor intent; students like them too."
    ),
    Verdict(
        "Opened an e-mail",
        "too many points",
        "For one lead in four a scanner opens every mail, and opens ignore intent.",
    ),
    Verdict(
        "Clicked in an e-mail",
        "too many points",
        "A person's click is a sign; scanners click three links of every mail.",
    ),
    Verdict(
        "Viewed a page",
        "too many points",
        "Students and job seekers read five times as much: which page is what counts.",
    ),
    Verdict("Viewed the pricing page", "right", "Follows intent."),
    Verdict("Viewed the platform page", "right", "A mild sign of intent, and of the product wanted."),
    Verdict("Viewed the services page", "right", "A mild sign of intent, and of the product wanted."),
    Verdict(
        "Attended a webinar",
        "too many points",
        "A third of a log-odds, less than its points among the others.",
    ),
    Verdict("Started a chat", "too few points", "As telling as the pricing page."),
    Verdict("Started a free trial", "right", "The strongest single act, but it fades within weeks."),
    Verdict("Visited the careers page", "right", "Job seekers."),
    Verdict("Unsubscribed", "right", "Intent is gone."),
)

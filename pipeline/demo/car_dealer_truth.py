"""The ground truth of the car dealer: what really drives conversion, and a verdict on each written rule."""

from __future__ import annotations

from leadlens.pipeline.demo.spec import Driver, Verdict

DRIVERS = (
    Driver(
        "Booked a test drive",
        "event_type = 'test_drive_booked'",
        "action",
        +1,
        "Raises the daily chance tenfold, fading.",
    ),
    Driver(
        "Looked at the financing page",
        "event_type = 'page_viewed' and page = 'financing'",
        "action",
        +1,
        "Follows intent most closely and doubles the chance; the sheet has no rule for it.",
        in_sheet=False,
    ),
    Driver(
        "Viewed the directions page",
        "event_type = 'page_viewed' and page = 'directions'",
        "action",
        +1,
        "Who looks up the way comes by: three times the chance for a week.",
    ),
    Driver(
        "Asked for a trade-in price",
        "event_type = 'trade_in_requested'",
        "action",
        +1,
        "Ready to part with the old car.",
    ),
    Driver(
        "Clicked in an e-mail",
        "event_type = 'email_clicked'",
        "action",
        +1,
        "Only people click here; follows intent.",
    ),
    Driver(
        "Unsubscribed", "event_type = 'unsubscribed'", "action", -1, "Bought elsewhere, or lost interest."
    ),
    Driver(
        "Visited the careers page",
        "event_type = 'page_viewed' and page = 'careers'",
        "action",
        -1,
        "Most of these visitors are job seekers, who do not buy.",
    ),
    Driver("Aged 40 to 60", "age >= 40 and age <= 60", "attribute", +1, "The age of the dealer's buyers."),
    Driver(
        "Income of 100,000 and more",
        "income >= 100000",
        "attribute",
        -1,
        "The rich look around and buy another make: the sheet has the sign wrong.",
    ),
    Driver(
        "Lives an hour away",
        "place in ('Łęgowo', 'elsewhere')",
        "attribute",
        -1,
        "Too far for the workshop; the sheet has no rule for it.",
        in_sheet=False,
    ),
    Driver("Phone number given", "phone is not null", "attribute", +1, "Keen people leave a number."),
    Driver("Student", "occupation = 'student'", "attribute", -1, "They look at every car and buy none."),
)

VERDICTS = (
    Verdict("Aged 35 to 65", "right", "Close to the truth, which peaks at 48."),
    Verdict("High income", "wrong direction", "The rich buy another make."),
    Verdict("Middle income", "right", "The dealer's buyers."),
    Verdict("Lives near the showroom", "right", "Nearness helps, though distance hurts more."),
    Verdict("Phone number given", "too few points", "One of the best attributes, for three points."),
    Verdict(
        "Sent the form vehicle of interest", "useless", "Two in three leads send it; the others buy as often."
    ),
    Verdict(
        "Opened an e-mail",
        "useless",
        "Privacy proxies open every mail of one lead in three, and opens ignore intent.",
    ),
    Verdict("Clicked in an e-mail", "right", "Only people click here."),
    Verdict("Viewed the directions page", "right", "Who looks up the way comes by."),
    Verdict(
        "Viewed a page",
        "useless",
        "Past the first view nothing: students and enthusiasts read most. Which page is what counts.",
    ),
    Verdict("Downloaded a brochure", "useless", "Moves with neither fit nor intent."),
    Verdict("Entered the prize draw", "wrong direction", "Students and enthusiasts collect prizes."),
    Verdict("Started a chat", "right", "Follows intent."),
    Verdict("Asked for a trade-in price", "too few points", "As telling as a test drive, for three points."),
    Verdict("Booked a test drive", "right", "The strongest act, but it fades within weeks."),
    Verdict("Visited the careers page", "right", "Job seekers."),
    Verdict("Unsubscribed", "right", "Interest is gone."),
)

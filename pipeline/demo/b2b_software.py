"""The B2B software vendor: accounts with several contacts, mailings, a website, webinars, chats and free trials."""

from __future__ import annotations

from datetime import date

from leadlens.pipeline.demo.b2b_software_truth import DRIVERS, VERDICTS
from leadlens.pipeline.demo.spec import (
    WANTED,
    Amount,
    Choice,
    Contact,
    Interest,
    LeakingAttribute,
    LeakingEvent,
    Level,
    Outcome,
    Persona,
    Process,
    Product,
    Response,
    Seasonality,
    WorldSpec,
    visit,
)

_BUYER = Persona("buyer", weight=0.74)
_STUDENT = Persona(
    "student",
    weight=0.09,
    fit=-2.6,
    lost=0.8,
    free_mail=0.85,
    has_account=False,
    rates={"other_page": 5.0, "docs_page": 1.3, "whitepaper": 1.3, "pricing_page": 0.3, "trial": 0.5},
    values={
        "job_title": {"Student": 0.75, "PhD Student": 0.15, "Intern": 0.1},
    },
)
_JOB_SEEKER = Persona(
    "job_seeker",
    weight=0.08,
    fit=-2.4,
    lost=0.3,
    free_mail=0.9,
    has_account=False,
    rates={"careers_page": 80.0, "other_page": 6.0, "pricing_page": 0.4, "chat": 0.5, "trial": 0.2},
)
_COMPETITOR = Persona(
    "competitor",
    weight=0.03,
    fit=-2.5,
    rates={"pricing_page": 2.0, "docs_page": 1.5, "webinar": 1.5, "chat": 0.1},
)
_FREELANCER = Persona("freelancer", weight=0.06, fit=0.1, free_mail=0.8, has_account=False)


def _title(title: str, weight: float, fit: float, seniority: str, function: str) -> Level:
    return Level(title, weight, fit, sets={"seniority": seniority, "function": function})


_JOB_TITLE = Choice(
    "job_title",
    (
        # Directors and heads buy; executives delegate; staff cannot sign.
        _title("CEO", 5, 0.0, "executive", "management"),
        _title("Chief Technology Officer", 5, 0.1, "executive", "it"),
        _title("Chief Information Officer", 3, 0.1, "executive", "it"),
        _title("Geschäftsführerin", 2, 0.0, "executive", "management"),
        _title("VP Engineering", 4, 0.6, "director", "engineering"),
        _title("VP of Operations", 4, 0.5, "director", "operations"),
        _title("Head of Data", 6, 0.8, "director", "engineering"),
        _title("Directeur des systèmes d'information", 3, 0.7, "director", "it"),
        _title("IT Director", 6, 0.7, "director", "it"),
        _title("Engineering Manager", 10, 0.3, "manager", "engineering"),
        _title("IT Manager", 11, 0.3, "manager", "it"),
        _title("Product Manager", 8, 0.1, "manager", "product"),
        _title("Marketing Manager", 7, -0.4, "manager", "marketing"),
        _title("Software Engineer", 14, -0.3, "staff", "engineering"),
        _title("Systems Administrator", 10, -0.2, "staff", "it"),
        _title("Business Analyst", 9, -0.3, "staff", "operations"),
        _title("HR Generalist", 5, -0.7, "staff", "hr"),
        _title("Student", 0, 0.0, "student", "education"),
        _title("PhD Student", 0, 0.0, "student", "education"),
        _title("Intern", 1, -0.6, "student", "education"),
    ),
    missing=0.07,
)
_SOURCE = Choice(
    "source",
    (
        Level("organic_search", 30),
        Level("paid_search", 18, -0.1),
        Level("paid_social", 14, -0.5, trend=0.4),
        Level("referral", 9, 0.7),
        Level("event", 12, 0.1, trend=-0.3),
        Level("content_syndication", 12, -0.6),
        Level("partner", 5, 0.5),
    ),
)
_COUNTRY = Choice(
    "country",
    (
        Level("US", 34, 0.1),
        Level("DE", 16, 0.2),
        Level("GB", 14, 0.1),
        Level("FR", 9),
        Level("ES", 7, -0.1),
        Level("PL", 6, -0.1),
        Level("IN", 9, -0.5),
        Level("BR", 5, -0.4),
    ),
    missing=0.02,
)
_INDUSTRY = Choice(
    "industry",
    (
        Level("software", 22, 0.5),
        Level("finance", 14, 0.5),
        Level("manufacturing", 17, 0.0),
        Level("retail", 14, -0.1),
        Level("healthcare", 11, 0.1),
        Level("media", 8, -0.1),
        Level("education", 7, -0.6),
        Level("public_sector", 7, -0.8),
    ),
    missing=0.06,
)
_EMPLOYEES = Amount(
    "employees",
    median=160,
    spread=1.5,
    low=1,
    high=60_000,
    # The sweet spot is 50 to 800: small firms have no budget, large ones take longer than a quarter.
    fit=((5, -0.7), (50, 0.4), (400, 0.5), (800, 0.3), (1_200, -0.7), (20_000, -1.4)),
    missing=0.08,
    late=0.15,
)
_REVENUE = Amount("revenue_musd", median=25, spread=1.4, low=0.1, high=9_000, step=0.1, missing=0.2)

_PROCESSES = (
    Process(
        "email",
        "email_sent",
        1.05,
        at_start=0.9,
        properties={
            "channel": {"email": 1},
            "campaign": {"newsletter": 0.45, "nurture": 0.3, "product_news": 0.15, "webinar_invitation": 0.1},
        },
    ),
    Process(
        "form",
        "form_submitted",
        0.02,
        at_start=0.75,
        properties={"asset": {"ebook": 5, "contact": 2, "demo": 1}},
    ),
    visit("other_page", {"home": 4, "blog": 4, "about": 1, "features": 2}, 0.5, anonymous=True),
    visit("product_page", {WANTED: 1}, 0.3, intent=0.4, fit=0.1, anonymous=True),
    visit("pricing_page", {"pricing": 1}, 0.14, intent=0.8, anonymous=True, boost=0.4, half_life=14),
    visit("docs_page", {"docs": 1}, 0.2, intent=1.0, boost=0.5, half_life=10),
    visit("directions_page", {"directions": 1}, 0.01),
    visit("careers_page", {"careers": 1}, 0.005),
    Process(
        "whitepaper",
        "whitepaper_downloaded",
        0.1,
        at_start=0.2,
        properties={"asset": {"state_of_data": 3, "buyers_guide": 2, "security_checklist": 1}},
    ),
    # Attendance lists are uploaded by hand, days later.
    Process(
        "webinar",
        "webinar_attended",
        0.05,
        intent=0.3,
        boost=0.3,
        half_life=30,
        late=0.7,
        late_hours=50,
        properties={"campaign": {"product_tour": 2, "trends_talk": 3}},
    ),
    Process("chat", "chat_started", 0.04, intent=0.9, boost=0.6, late=0.5, late_hours=10),
    Process("trial", "trial_started", 0.03, intent=0.9, fit=0.15, boost=1.3, half_life=25, once=True),
    Process(
        "unsubscribe",
        "unsubscribed",
        0.035,
        intent=-0.5,
        boost=-1.0,
        half_life=200,
        once=True,
        stops=("email",),
    ),
)
_RESPONSES = (
    Response("open", "email_opened", to="email", chance=0.3, intent=0.05, delay_hours=9, scanned=0.95),
    Response(
        "click",
        "email_clicked",
        to="open",
        chance=0.16,
        intent=0.6,
        delay_hours=0.1,
        scanned=0.85,
        scanner_repeats=3,
    ),
)

B2B_SOFTWARE = WorldSpec(
    name="b2b_software",
    about="A vendor of business software: about two contacts an account, sold within weeks or not at all.",
    start=date(2024, 1, 1),
    days=546,
    leads=12_000,
    accounts=0.42,
    follow=180,
    discovery=14,
    personas=(_BUYER, _STUDENT, _JOB_SEEKER, _COMPETITOR, _FREELANCER),
    lead_attributes=(_JOB_TITLE, _SOURCE, _COUNTRY),
    account_attributes=(_INDUSTRY, _EMPLOYEES, _REVENUE),
    contact=Contact(free_mail=0.12, disposable=0.01, phone=0.38),
    scanners=0.28,
    interest=Interest(project=0.3),
    seasonality=Seasonality(
        hours=(1, 1, 1, 1, 1, 2, 4, 12, 30, 40, 40, 35, 25, 35, 40, 38, 30, 20, 10, 8, 7, 6, 4, 2),
        weekdays=(1.2, 1.3, 1.25, 1.2, 1.0, 0.3, 0.3),
    ),
    processes=_PROCESSES,
    responses=_RESPONSES,
    outcome=Outcome(
        kind="won",
        per_day=0.0003,
        fit=1.05,
        intent=1.05,
        trend=-0.1,
        lost_per_day=0.009,
        lost_intent=-0.4,
        products=(Product("platform", 0.65, value=18_000), Product("services", 0.35, value=7_500, fit=-0.1)),
    ),
    leaking_attribute=LeakingAttribute(
        "contract_type", {"annual": 0.6, "monthly": 0.3, "multi_year": 0.1}, filled=0.97, noise=0.01
    ),
    leaking_event=LeakingEvent(
        "onboarding_mail",
        share=0.96,
        within_hours=12,
        properties={"channel": "email", "campaign": "onboarding"},
    ),
    drivers=DRIVERS,
    verdicts=VERDICTS,
)

"""The car dealer: private people, a vehicle-of-interest form, mailings, the way to the showroom, test drives."""

from __future__ import annotations

from datetime import date

from leadlens.pipeline.demo.car_dealer_truth import DRIVERS, VERDICTS
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

_BUYER = Persona("buyer", weight=0.76)
_STUDENT = Persona(
    "student",
    weight=0.1,
    fit=-2.2,
    lost=0.4,
    rates={
        "other_page": 7.0,
        "vehicle_page": 6.0,
        "prize_draw": 8.0,
        "financing_page": 0.3,
        "test_drive": 0.6,
    },
    values={"occupation": {"student": 0.9, "employee": 0.1}},
)
_JOB_SEEKER = Persona(
    "job_seeker",
    weight=0.05,
    fit=-2.0,
    rates={
        "careers_page": 80.0,
        "other_page": 4.0,
        "directions_page": 1.5,
        "form": 0.8,
        "financing_page": 0.4,
    },
    values={"occupation": {"unemployed": 0.4, "employee": 0.6}},
)
_ENTHUSIAST = Persona(
    "enthusiast",
    weight=0.09,
    fit=-1.3,
    rates={"vehicle_page": 6.0, "other_page": 7.0, "brochure": 3.0, "prize_draw": 8.0, "test_drive": 1.5},
)

_AGE = Amount(
    "age",
    median=43,
    spread=0.34,
    low=18,
    high=88,
    fit=((18, -0.9), (30, 0.1), (48, 0.5), (62, 0.3), (80, -0.7)),
    missing=0.12,
)
_INCOME = Amount(
    "income",
    median=46_000,
    spread=0.5,
    low=6_000,
    high=900_000,
    step=500,
    # The middle buys here; the rich look around and buy elsewhere.
    fit=((12_000, -0.9), (35_000, 0.2), (80_000, 0.5), (95_000, -0.3), (130_000, -1.0)),
    missing=0.25,
    late=0.2,
)
_OCCUPATION = Choice(
    "occupation",
    (
        Level("employee", 46),
        Level("civil_servant", 11, 0.3),
        Level("self_employed", 14, 0.3),
        Level("executive", 7, 0.0),
        Level("retired", 14, 0.0),
        Level("unemployed", 4, -0.8),
        Level("student", 1, -0.5),
    ),
    missing=0.08,
)
_PLACE = Choice(
    "place",
    (
        # By distance: Altstadt lives next door, Łęgowo is an hour away.
        Level("Altstadt", 20, 0.3),
        Level("Neuhof", 22, 0.5),
        Level("Grünwald", 18, 0.3),
        Level("Saint-Rémy", 14, 0.0),
        Level("Østby", 10, -0.3),
        Level("Łęgowo", 9, -0.8),
        Level("elsewhere", 7, -1.2),
    ),
    missing=0.04,
)
_SOURCE = Choice(
    "source",
    (
        Level("search", 30),
        Level("marketplace", 25, 0.1, trend=0.2),
        Level("social", 18, -0.4, trend=0.3),
        Level("newspaper", 9, 0.0, trend=-0.4),
        Level("recommendation", 8, 0.6),
        Level("fair", 10, -0.2),
    ),
)

_PROCESSES = (
    Process(
        "email",
        "email_sent",
        1.25,
        at_start=0.8,
        properties={
            "channel": {"email": 1},
            "campaign": {"vehicle_of_interest": 0.4, "newsletter": 0.4, "service_offer": 0.2},
        },
    ),
    Process(
        "form",
        "form_submitted",
        0.03,
        intent=0.1,
        at_start=0.62,
        properties={"asset": {"vehicle_of_interest": 1}},
    ),
    visit("other_page", {"home": 5, "news": 3, "opening_hours": 1}, 0.3, anonymous=True),
    visit("vehicle_page", {WANTED: 1}, 0.4, intent=0.2, anonymous=True),
    visit("financing_page", {"financing": 1}, 0.12, intent=1.0, boost=0.7, half_life=10),
    visit("directions_page", {"directions": 1}, 0.07, intent=0.9, boost=1.1, half_life=8),
    visit("careers_page", {"careers": 1}, 0.005),
    Process("brochure", "brochure_downloaded", 0.12, at_start=0.15),
    Process("prize_draw", "prize_draw_entered", 0.04, at_start=0.03),
    Process("trade_in", "trade_in_requested", 0.03, intent=0.7, boost=0.9, half_life=20, once=True),
    Process("chat", "chat_started", 0.03, intent=0.7, boost=0.5, late=0.5, late_hours=10),
    # The showroom enters its appointments in the evening, sometimes days later.
    Process(
        "test_drive",
        "test_drive_booked",
        0.035,
        intent=0.9,
        boost=2.4,
        half_life=14,
        once=True,
        late=0.5,
        late_hours=20,
    ),
    Process(
        "unsubscribe",
        "unsubscribed",
        0.05,
        intent=-0.4,
        boost=-0.8,
        half_life=200,
        once=True,
        stops=("email",),
    ),
)
_RESPONSES = (
    Response("open", "email_opened", to="email", chance=0.3, intent=0.0, delay_hours=7, scanned=0.97),
    Response("click", "email_clicked", to="open", chance=0.17, intent=0.7, delay_hours=0.1, scanned=0.01),
)

CAR_DEALER = WorldSpec(
    name="car_dealer",
    about="A car dealer: private people who buy within weeks, near the showroom, or not at all.",
    start=date(2024, 3, 1),
    days=487,
    leads=10_000,
    accounts=0.0,
    follow=120,
    discovery=10,
    personas=(_BUYER, _STUDENT, _JOB_SEEKER, _ENTHUSIAST),
    lead_attributes=(_AGE, _INCOME, _OCCUPATION, _PLACE, _SOURCE),
    account_attributes=(),
    contact=Contact(free_mail=1.0, disposable=0.015, phone=0.45),
    scanners=0.3,
    interest=Interest(warm_start=0.45, rise=0.02, fall=0.06),
    seasonality=Seasonality(
        hours=(2, 1, 1, 1, 1, 2, 5, 10, 14, 16, 20, 22, 24, 22, 20, 20, 22, 26, 32, 38, 40, 34, 20, 8),
        weekdays=(0.9, 0.9, 0.9, 0.9, 1.0, 1.4, 1.1),
    ),
    processes=_PROCESSES,
    responses=_RESPONSES,
    outcome=Outcome(
        kind="sale",
        per_day=0.00056,
        fit=1.1,
        intent=1.2,
        trend=-0.08,
        lost_per_day=0.018,
        lost_intent=-0.4,
        products=(
            Product("compact", 0.35, value=21_000),
            Product("estate", 0.25, value=33_000, fit=0.1),
            Product("suv", 0.25, value=39_000),
            Product("electric", 0.15, value=37_000, fit=-0.3),
        ),
    ),
    leaking_attribute=LeakingAttribute(
        "financing_plan", {"loan": 0.5, "leasing": 0.3, "cash": 0.2}, filled=0.97, noise=0.01
    ),
    leaking_event=LeakingEvent(
        "handover_mail", share=0.96, within_hours=12, properties={"channel": "email", "campaign": "handover"}
    ),
    drivers=DRIVERS,
    verdicts=VERDICTS,
)

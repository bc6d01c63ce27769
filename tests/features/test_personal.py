"""Names of people, free text and ids are recognised by name and by content, and plain categories are not."""

from __future__ import annotations

from time import process_time

import pytest

from leadlens.features.attributes.personal import names_id, names_person_id, personal_text
from leadlens.features.withheld import Withheld, withheld_note

NAMES = ("Anna", "Tom", "Maria")
FULL = ("Anna Schmidt", "Tom O'Neil", "Dr. Eva Novák", "García, José", "Jean-Pierre Dubois")
CITIES = ("Bern", "Florence", "Sydney", "Charlotte", "Oslo", "San José", "Jackson", "Paris")
FIRMS = ("Acme Inc.", "Globex", "Weber GmbH", "Smith & Sons", "Umbrella Corp", "Initech", "Stark Industries")


@pytest.mark.parametrize(
    "column",
    [
        "last_name", "LastName", "Last Name", "First name", "surname", "contact_full_name", "Nachname", "Vorname",
        "Ansprechpartner", "Prénom", "nom_de_famille", "apellidos", "Cognome", "achternaam", "imię", "Nazwisko", "förnamn",
        "efternavn", "sukunimi", "příjmení", "vezetéknév", "soyadı", "Фамилия", "姓名", "氏名", "이름",
    ],
)  # fmt: skip
def test_columns_that_are_called_after_names_are_names(column: str) -> None:
    """Whatever is in them: nobody's list knows all names of people."""
    assert personal_text(column, ["Qwxyz", "Abcde"]) == "personal-name"


@pytest.mark.parametrize("column", ["owner", "customer", "client_name", "Account Manager", "hubspot_owner", "assigned_to", "nom", "handled_by", "col_7", "x"])  # fmt: skip
@pytest.mark.parametrize("values", [NAMES, FULL, ("王小明", "李雷", "张伟"), ("김민준", "이서연", "박지후"), ("Иван Петров", "Ольга Смирнова", "Мария")])  # fmt: skip
def test_names_are_known_by_content(column: str, values: tuple[str, ...]) -> None:
    assert personal_text(column, values) == "personal-name"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("city", CITIES), ("Wohnort", CITIES), ("birthplace", CITIES), ("company", FIRMS), ("account_name", FIRMS), ("firm", FIRMS), ("x", FIRMS),
        ("country", ("Georgia", "Jordan", "Chad", "Germany")), ("month", ("April", "May", "June")), ("product", ("Clio", "Zoe", "Mia")),
        ("car_model", ("Alexa", "Clio", "Mercedes")), ("industry", ("Offices of real estate agents and brokers",) * 30),
        ("job_title", ("Head of Marketing", "Chief of Staff", "CEO")), ("colour", ("Brown", "Green", "White")),
        ("how_did_you_hear", ("Word of mouth", "Social media", "From a friend of mine who knows you")),
        ("lead_source", ("Google", "Organic Search", "Referral sites")), ("comment_count", ("one", "two of them in all", "three")),
        ("message_type", ("a form that was sent", "chat")), ("feedback", ("positive", "negative")), ("description", ("Basic", "Pro")),
        ("customer_type", ("Anna", "Tom", "Maria")), ("partner", ("Google Ads", "Meta", "Fair")), ("customer", FIRMS),
        ("x", ("Berlin", "Hamburg", "Munich", "Cologne", "Paris", "Austin")), ("x", ("Austin", "Charlotte", "Madison", "Dallas", "Houston", "Phoenix", "Aurora", "Denver")),
        ("x", ("Mercedes", "Ford", "Audi", "Skoda")), ("x", ("married", "single")), ("salutation", ("Herr", "Frau")), ("x", ("Mr.", "Mrs.", "Dr.")),
        ("segment", ("SMB", "Enterprise")), ("owner", ("Inside Sales", "Partner Team", "North")), ("plan_name", ("Anna", "Tom", "Maria")),
        ("campaign_id", ("C-1", "C-2")), ("store_id", ("S12", "S13")), ("number_of_children", ("one", "two")), ("title", ("Mr", "Ms", "Dr.")),
        ("marital", ("married", "single")), ("reason", ("It was too expensive for us at the time",) * 25), ("state", ("Virginia", "Georgia", "Carolina")),
        ("ad", ("Banner A", "Banner B")), ("specialization", ("Business Administration", "Banking, Investment And Insurance", "Select")),
    ],
)  # fmt: skip
def test_plain_categories_raise_no_alarm(column: str, values: tuple[str, ...]) -> None:
    assert personal_text(column, values) is None


@pytest.mark.parametrize(
    "column",
    ["notes", "Note", "sales_comment", "Bemerkungen", "Kommentar", "remarques", "observaciones", "Mensagem", "commenti",
     "opmerkingen", "uwagi", "poznámka", "megjegyzés", "açıklama", "комментарий", "备注"],
)  # fmt: skip
def test_columns_that_people_write_into_are_free_text(column: str) -> None:
    assert personal_text(column, ["ill, will call later", "ok", "busy"]) == "free-text"
    assert personal_text(column, ["ok", "busy"]) is None


def test_sentences_are_free_text_whatever_their_column_is_called() -> None:
    told = [f"customer number {number} will call back after the holidays" for number in range(30)]
    assert personal_text("x", told) == "free-text"
    assert personal_text("x", told[:19]) is None


def test_many_long_values_take_no_time() -> None:
    began = process_time()
    for start in ("ab ", "dr ", "(", "Anna, "):
        personal_text("x", [start * 200_000] * 300)
    assert process_time() - began < 2


def test_ids_say_who_by_their_name() -> None:
    assert personal_text("OwnerId", ["0055g000001", "0055g000002"]) == "id"
    assert personal_text("customer_no", ["K-17", "K-18"]) == "id"
    assert personal_text("owner_id", ["north", "south"]) is None
    assert [names_id(name) for name in ("lead_number", "recordNo", "paid", "zip_no", "phone_number")] == [True, True, False, False, False]  # fmt: skip
    assert not names_person_id("product_id")


def test_what_is_left_out_says_how_to_bring_it_back() -> None:
    items = (Withheld("leads", "last: name", "personal-name", "category"), Withheld("events", "note", "free-text", "category"))  # fmt: skip
    assert items[0].reason.endswith('features.read: {"last: name": [category]}')
    note = withheld_note(items)
    assert note is not None
    assert "last: name (names of people), events.note (free text)" in note
    assert withheld_note(()) is None

"""The page in four languages: whole catalogues, the reader's choice, numbers and dates, and nothing of ours left in English."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import Catalog, Message

from leadlens.pipeline.app import choosing
from leadlens.pipeline.languages.catalogue import TRANSLATED, catalogue, compiled, recogniser
from leadlens.pipeline.languages.extracting import extracted, is_translated, updated
from leadlens.pipeline.languages.language import NAMES, Language, language, own_phrases
from leadlens.pipeline.languages.recogniser import PLACE
from tests.models.judged_example import RULES
from tests.pipeline.page_example import HOSTILE, Night, Served, address, little_file, publish, served
from tests.pipeline.test_app_browser import JOBS, PEOPLE, STATES, VERSION, site  # noqa: F401

EACH = pytest.mark.parametrize("code", TRANSLATED)
FORMS = {"de": 2, "fr": 2, "id": 1}
_VALUES = re.compile(r"%\((\w+)\)s|%%")
_TAGS = re.compile(r"</?[a-z]+[^>]*>")


def forms(message: Message) -> list[str]:
    string = message.string
    return [string] if isinstance(string, str) else list(string or ())


def parts(text: str) -> Counter[str]:
    """What a translation must have too: values, tags and doubled signs."""
    return Counter(each[0] for pattern in (_VALUES, _TAGS, PLACE) for each in pattern.finditer(text))


@EACH
def test_every_message_is_translated_with_all_its_values(code: str) -> None:
    catalog = catalogue(code)
    assert catalog.num_plurals == FORMS[code]
    for message in catalog:
        if not message.id:
            continue
        assert is_translated(message), message.id
        assert not message.fuzzy, message.id
        if isinstance(message.id, str):
            assert parts(forms(message)[0]) == parts(message.id), message.id
            continue
        assert len(forms(message)) == FORMS[code], message.id
        singular, plural = map(parts, message.id)
        assert parts(forms(message)[-1]) == plural, message.id
        assert parts(forms(message)[0]) <= singular | plural, message.id


@EACH
def test_the_catalogue_has_the_messages_of_code_and_templates_and_no_others(code: str) -> None:
    file = Path(choosing.__file__).parents[1] / f"languages/{code}.po"
    assert updated(code, extracted()).decode() == file.read_text(encoding="utf-8"), (
        "run `make languages`, and translate what is new"
    )


def test_nothing_of_a_catalogue_is_english() -> None:
    """Long messages that read the same in two languages were forgotten."""
    for code in TRANSLATED:
        same = {
            message.id
            for message in catalogue(code)
            if isinstance(message.id, str) and message.string == message.id and len(_words(message.id)) > 2
        }
        assert same == set()


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", PLACE.sub("", _VALUES.sub("", text)))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"), ("de", "de"), ("de, fr", "de"), ("de-CH, fr;q=0.9", "de"), ("ja, fr;q=0.5, de;q=0.4", "fr"), ("in-ID", "id"),
        ("fr;q=0, id;q=0.1", "id"), ("*", "en"), ("de;q=x", "en"), (",,;;" * 200, "en"), ("DE", "de"),
    ],
)  # fmt: skip
def test_a_browser_asks_for_its_language(header: str, code: str) -> None:
    assert choosing.asked_for(header) == code


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("own")
    reasons = {
        "L1": [("Viewed the pricing page", 8.0), ("Opened an e-mail 1,234 times in 30 days", 3.5), ("Asked us; twice: +3", 1.0)],
        "L2": [("Rang the bell twice in 30 days", 2.0), (HOSTILE[0], 1.0), ("Never: rang the bell", 1.5)],
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLENS_HOME", str(folder / "state"))
        file = little_file(folder)
        people = {"L1": {"name": HOSTILE[0], "company": "10 smaller reasons"}, "L2": {"name": "Two"}}
        publish(file, Night({"L1": 66, "L2": 50}, people, reasons=reasons), "one")
        with served(file) as page:
            yield page


def cookie_of(answer_headers: Mapping[str, str]) -> str:
    return answer_headers["set-cookie"].partition(";")[0]


def test_a_choice_is_kept_in_the_browser_and_wins(own: Served) -> None:
    assert '<html lang="en">' in own.get("/little/leads").text
    assert '<html lang="fr">' in own.get("/little/leads", Accept_Language="fr").text
    chosen = own.post("/language", {"language": "de", "back": "/little/leads?q=two"})
    assert (chosen.status, chosen.headers["location"]) == (303, "/little/leads?q=two")
    kept = chosen.headers["set-cookie"]
    assert "SameSite=lax" in kept
    assert "HttpOnly" in kept
    page = own.get("/little/leads", Accept_Language="fr", Cookie=cookie_of(chosen.headers)).text
    assert '<html lang="de">' in page
    assert "Reihenfolge" in page


def test_a_choice_is_guarded_and_leads_nowhere_else(own: Served) -> None:
    forged = own.post("/language", {"language": "de", "back": "/"}, Sec_Fetch_Site="cross-site")
    assert forged.status == 403
    assert "set-cookie" not in forged.headers
    assert own.get("/language").status == 404, "looking changes nothing"
    for back in (
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil",
        "",
        "/a\r\nX: y",
        "/ b",
    ):
        answer = own.post("/language", {"language": "fr", "back": back})
        assert answer.headers["location"] == "/", back
    unknown = own.post("/language", {"language": "../en", "back": "/little/leads"})
    assert (unknown.status, "set-cookie" in unknown.headers) == (303, False)
    assert '<html lang="en">' in own.get("/little/leads", Cookie="language=<script>").text


def test_the_footer_leads_back_to_where_it_was(own: Served) -> None:
    assert (
        'name="back" value="/little/leads?q=two&amp;sort=moved"'
        in own.get("/little/leads?q=two&sort=moved").text
    )
    refused = own.post(f"{address('L1')}/verdict", {"verdict": "perhaps"})
    assert refused.status == 400
    assert f'name="back" value="{address("L1")}"' in refused.text, "the page that the form was on"


def test_reasons_are_translated_and_what_users_wrote_is_not(own: Served) -> None:
    german = own.get(address("L1"), Accept_Language="de").text
    assert "E-Mail geöffnet, 1.234-mal in 30 Tagen" in german
    assert "Jeder Lead beginnt bei" in german
    assert "10 smaller reasons" in german, "a company of that name"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in german
    assert "<script" not in german
    listed = own.get("/little/leads", Accept_Language="de").text
    assert "E-Mail geöffnet, 1.234-mal in 30 Tagen: +4" in listed
    other = own.get(address("L2"), Accept_Language="id").text
    assert "Rang the bell dua kali dalam 30 hari" in other
    assert "Tidak pernah: rang the bell" in other
    assert "<script" not in other


def test_programs_are_answered_in_english(own: Served) -> None:
    answer = own.get("/little/api/leads/nobody", Accept_Language="de")
    assert answer.status == 404
    assert "There is no lead with this id" in answer.text
    reasons = own.get("/little/api/leads/L1", Accept_Language="de").text
    assert "Opened an e-mail 1,234 times in 30 days" in reasons


def test_numbers_and_dates_are_those_of_the_language() -> None:
    texts = {
        code: [language(code).local(*each) for each in (("n", "1,234.5"), ("signed", "−12.5"), ("percent", "4.3 %"), ("date", "3 Jun 2025"), ("minute", "3 Jun 2025 14:05"), ("iso", "2025-06-03"))]
        for code in NAMES
    }  # fmt: skip
    assert texts["en"] == ["1,234.5", "−12.5", "4.3 %", "3 Jun 2025", "3 Jun 2025 14:05", "2025-06-03"]
    assert texts["de"] == [
        "1.234,5",
        "−12,5",
        "4,3\xa0%",
        "3. Juni 2025",
        "3. Juni 2025 14:05",
        "3. Juni 2025",
    ]
    assert texts["fr"] == [
        "1\u202f234,5",
        "−12,5",
        "4,3\xa0%",
        "3 juin 2025",
        "3 juin 2025 14:05",
        "3 juin 2025",
    ]
    assert texts["id"] == ["1.234,5", "−12,5", "4,3%", "3 Jun 2025", "3 Jun 2025 14.05", "3 Jun 2025"]
    assert language("de").local("date", "–") == "–"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("de", ["0 kleinere Gründe", "1 kleinerer Grund", "2 kleinere Gründe"]),
        ("fr", ["0 raison mineure", "1 raison mineure", "2 raisons mineures"]),
        ("id", ["0 alasan kecil", "1 alasan kecil", "2 alasan kecil"]),
    ],
)
def test_plurals_are_those_of_the_language(code: str, said: list[str]) -> None:
    texts = ["0 smaller reasons", "1 smaller reason", "2 smaller reasons"]
    assert [language(code).word(text, "reason") for text in texts] == said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("de", ["67\xa0% der Aktivität am Wochenende", "100\xa0% der Aktivität in Bürozeiten", "7,1\xa0%", "Letzter Wert von „page“: financing"]),
        ("fr", ["67\xa0% de l’activité le week-end", "100\xa0% de l’activité", "7,1\xa0%", "Dernière valeur de «\xa0page\xa0»\xa0: financing"]),
        ("id", ["67% aktivitas pada akhir pekan", "100% aktivitas", "7,1%", "Nilai “page” terakhir: financing"]),
    ],
)  # fmt: skip
def test_shares_are_percentages_and_a_column_is_no_word_of_the_sentence(code: str, said: list[str]) -> None:
    texts = (
        "67 % of activity at weekends", "100 % of activity in office hours", "Opened an e-mail: 7.1 % of all activity", "Last page: financing",
    )  # fmt: skip
    for text, words in zip(texts, said, strict=True):
        assert words in language(code).word(text, "reason")
    assert said[0] in language(code).word("0.67 of activity at weekends", "reason"), (
        "as earlier nights wrote it"
    )


def test_a_projects_own_words_stay() -> None:
    own = own_phrases(["Opened an e-mail"])
    for text in ("Opened an e-mail twice", "Never: opened an e-mail"):
        assert "geöffnet" in language("de").word(text, "reason")
        kept = language("de").word(text, "reason", own)
        assert "pened an e-mail" in kept
        assert kept != text, "what stands around it is ours"


def test_what_is_not_known_is_marked_as_english() -> None:
    said = list(language("de").say("All is well. The tide is out. Too few points: it never matched."))
    assert said == [
        ("Alles in Ordnung. ", True),
        ("The tide is out. ", False),
        ("Too few points: it never matched.", False),
    ]


@pytest.mark.parametrize(
    "piece", ["a. ", ": ", " (", "{n} ", "“", "1,", "Never: ", " in 30 days", "not so", "; ", "% "]
)
def test_long_and_odd_texts_are_soon_given_up(piece: str) -> None:
    text = (piece * 2_000)[:1_990]
    began = time.thread_time()
    for context in ("", "reason", "detail", "difference"):
        assert language("de").word(text, context)
        assert language("de").word(text * 40, context) == text * 40
    assert time.thread_time() - began < 2.0


# ---- every page in a language that puts each message into brackets: what stands outside is a user's, or was forgotten

OPEN, CLOSE = "⟦", "⟧"


def pseudo() -> Language:
    """German numbers and dates, and every message in brackets."""
    catalog = Catalog(locale="de")
    for message in catalogue("de"):
        if message.id:
            texts = (message.id,) if isinstance(message.id, str) else message.id
            marked = tuple(f"{OPEN}{text}{CLOSE}" for text in texts)
            catalog.add(message.id, marked if len(marked) > 1 else marked[0], context=message.context)
    return Language("xx", language("de").locale, compiled(catalog), recogniser)


class Outside(HTMLParser):
    """All that people read of a page and that stands in no brackets; ``marked`` of it says that it is English."""

    SPOKEN = ("aria-label", "data-label", "title", "placeholder", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.skips, self.english = 0, 0, 0
        self.outside: list[str] = []
        self.marked: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        for name in self.SPOKEN:
            if given.get(name):
                self._read(str(given[name]), attribute=True)
        if tag in ("input", "meta", "link", "br", "line", "circle", "rect", "polyline"):
            return
        self._open.append(
            "en"
            if given.get("lang") == "en" and tag == "span"
            else "code"
            if tag in ("code", "style") or given.get("lang")
            else ""
        )

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if "code" in self._open[1:]:
            return
        if "en" in self._open:
            self.marked.append(data)
        else:
            self._read(data)

    def _read(self, text: str, attribute: bool = False) -> None:
        depth, said = 0 if attribute else self.depth, ""
        for sign in text:
            depth += (sign == OPEN) - (sign == CLOSE)
            said += sign if depth == 0 and sign != CLOSE else " " * (said[-1:] != " ")
        if not attribute:
            self.depth = depth
        self.outside.append(said)


USERS = sorted(
    {
        "Leadlens", "little", "other", "mia@firm.example", "tom@firm.example", "half of the e-mail addresses are gone",
        "call, senior reps: asked for a price", "Who is worth a call", "points", "fit", "interest", "engagement",
        "Large firm", "Opened a mail", "Started a trial", "Viewed the pricing page", "1a2b3c4d5e6f", VERSION[-12:], "two",
        *NAMES.values(), *HOSTILE, *(rule.label for rule in RULES), "Student", "Called us first", *(str(value) for person in PEOPLE.values() for value in person.values()), *PEOPLE,
        "points.yaml", "MQL", "SQL", "Lead", "gone", "account.employees", "it cannot be read\n  received:", "Juni", "Nov", "Dez",
    },
    key=len,
    reverse=True,
)  # fmt: skip


@pytest.fixture
def in_brackets(site: Served, monkeypatch: pytest.MonkeyPatch) -> Served:  # noqa: F811
    made = pseudo()
    monkeypatch.setitem(NAMES, "xx", "xx")
    monkeypatch.setattr(choosing, "language", lambda code: made if code == "xx" else language(code))
    return site


@pytest.mark.parametrize("path", STATES)
def test_every_page_is_translated_throughout(in_brackets: Served, path: str) -> None:
    got = in_brackets.get(path, Cookie="language=xx")
    page = Outside()
    page.feed(got.text)
    left = re.sub(r"\d+\.? [A-Z]\w{2,}\b", " ", "\n".join(page.outside))  # days
    for text in USERS:
        left = left.replace(text, " ")
    forgotten = [line for line in left.splitlines() if re.search(r"[A-Za-z]{2,}", line)]
    assert '<html lang="xx">' in got.text
    assert "<script" not in got.text
    assert "<img" not in got.text
    assert forgotten == []
    assert page.depth == 0
    assert all(any(user in text for user in USERS) for text in page.marked), page.marked

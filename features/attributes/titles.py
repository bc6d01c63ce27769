"""Job titles: rank and line of work, by short word lists in seven languages; the first list that fits decides."""

from __future__ import annotations

import re
import unicodedata

STAFF, OTHER = "staff", "other"

# Word lists are read without accents and in small letters. Their order is the order of asking: an assistant to
# the CEO is no executive, "vice president" is asked before "president", a product owner owns no company.
_SENIORITY: tuple[tuple[str, str], ...] = (
    (
        STAFF,
        r"assist(?:ant(?:e|in)?|enz|ente?|entin)\b(?! (?:vice|vp|director|manager|professor|general|dean))|asistente"
        r"|secretary(?! general)|sekretar\w*|secretaire|secretari[ao]|\w+assistent(?:in)?",
    ),
    (
        "student",
        r"student(?:s|e|essa|in|en)?\b(?! (?:affairs|services|success|life|support|recruitment|engagement))"
        r"|studierende\w*|intern|internship|trainee|apprentice|praktikant\w*|werkstudent\w*|azubi|auszubildende\w*"
        r"|lehrling|etudiante?|stagiaire|alternante?|apprentie?|estudiante|becari[oa]|practicante|tirocinante"
        r"|stagista|estagiari[oa]|estudante|stagiair|leerling",
    ),
    ("vice president", r"[aersg]?vp|vice[ -]?president\w*|vizeprasident\w*|vice[ -]?presidente"),
    (
        "executive",
        r"c[acdefhimoprstx]o|ciso|chro|chief|(?:co[ -]?)?founder|(?:co[ -]?)?grunder(?:in)?|(?:co[ -]?)?fondat\w+"
        r"|(?:co[ -]?)?fundador\w*|oprichter|(?<!product )(?<!process )(?<!data )(?<!service )owner|proprietor"
        r"|(?<!business )(?<!channel )partner(?! (?:manager|marketing|success|sales|development|relation|enablement))"
        r"|president\w*|managing director|geschaftsfuhr\w+|geschaftsleit\w+|inhaber(?:in)?|vorstand\w*|vorsitzende\w*"
        r"|verwaltungsrat\w*|pdg|p-dg|directeur general|directrice generale|president-directeur\w*|gerante?"
        r"|proprietaire|director(?:a)? general|gerente general|duen[oa]|propietari[oa]|titolare|socio|socia"
        r"|amministrator[ei] delegat[oa]|amministratore unico|eigenaar|algemeen directeur|diretora? geral"
        r"|chair(?:man|woman|person)?|board member",
    ),
    (
        "director",
        r"director\w*|directeur|directrice|direktor\w*|direttor[ei]|direttrice|diretora?|head|hoofd|leiter(?:in)?"
        r"|(?:abteilungs|bereichs|ressort|standort|niederlassungs|werks|haupt|hauptabteilungs)leit\w+|general manager"
        r"|dean",
    ),
    (
        "manager",
        r"manager\w*|\w+manager(?:in)?|lead(?! gen)|\w*leiter(?:in)?|\w*leitung|leader|supervisor\w*|foreman|teamlead\w*"
        r"|responsable|chef|cheffe|gerente|jef[ea]|encargad[oa]|responsabile|capo|gestora?|gestore|verantwortliche\w*"
        r"|teamleider|manageur|meister",
    ),
)
_FUNCTION: tuple[tuple[str, str], ...] = (
    ("legal", r"legal|lawyer|attorney|counsel|jurist\w*|juridique|jurid\w+|avocat\w*|abogad[oa]|avvocat[oa]|advogad[oa]"
     r"|rechtsanwalt\w*|recht|syndikus|notar\w*|compliance|datenschutz\w*|paralegal|advocaat|clo"),
    ("HR", r"hr|hrbp|chro|human resources?|human capital|people (?:ops|operations|partner|manager|officer|and culture"
     r"|lead)|head of people|personal(?:abteilung|leit\w+|referent\w*|wesen|chef\w*|manager\w*|entwickl\w*)"
     r"|recruit\w*|talent|ressources humaines|drh|rh|rrhh|recursos humanos|risorse umane|payroll|personeelszaken"),
    ("finance", r"cfo|finance|financial|finanz\w*|financ\w+|finanza|financeiro|accountant|accounting|accounts? payable"
     r"|buchhalt\w*|controll(?:er|ing)|kontroll\w*|treasur\w*|audit\w*|comptab\w*|contab\w+|contador[a]?|tax|steuer\w*"
     r"|bookkeep\w*|investment|investor relations|daf|boekhoud\w*|tesorer\w*"),
    ("purchasing", r"purchas\w*|procurement|buyer|sourcing|einkauf\w*|einkaufer\w*|beschaffung\w*|achats?|acheteu\w*"
     r"|compras|comprador[a]?|acquisti|inkoop\w*|inkoper|category manager"),
    ("marketing", r"cmo|marketing|\w+marketing|brand|branding|content|seo|sem|demand gen\w*|growth|communications?"
     r"|kommunikation\w*|pr|public relations|social media|werb\w+|advertising|mercadeo|mercadotecnia|campaigns?"
     r"|comunicaci?[oz]\w+|community manager|copywriter|media"),
    ("customer service", r"customer (?:success|service|support|care|experience)|client (?:success|services?)|support"
     r"|helpdesk|kundenservice|kundendienst|kundenbetreu\w*|service ?desk|service client|atencion al cliente"
     r"|servizio clienti|klantenservice|call ?center"),
    ("sales", r"sales|cro|salesman|seller|revenue|account (?:executive|manager)|key account\w*|bdr|sdr|business development"
     r"|vertrieb\w*|verkauf\w*|\w+vertrieb|aussendienst\w*|commercial\w*|vent[ae]s?|vendite|vendas|vendeu\w*|vendedora?"
     r"|comercial|verkoop\w*|verkoper|partnerships?|partner manager|channel"),
    ("product", r"product|produkt\w*|produit|producto|prodotto|produto|cpo|ux|ui"),
    ("IT and engineering", r"cto|cio|ciso|it|ict|edv|informati\w+|information (?:technology|systems?|security)|software"
     r"|\w*developer|entwickl\w*|desarrollador[a]?|developp\w*|sviluppat\w+|desenvolvedora?|programm\w+|devops|sre"
     r"|engineer\w*|\w*ingenieur\w*|ingenier[oa]|ingegnere|engenheir[oa]|architect|architekt\w*|technolog\w*|technical"
     r"|tech|technique|technik\w*|tecnic\w*|data|analytics|cloud|cyber\w*|security|network|sysadmin|systems?|web\w*"
     r"|machine learning|ai|qa"),
    ("research and education", r"research\w*|forsch\w*|scientist|wissenschaft\w*|chercheu\w*|investigador[a]?|professor\w*"
     r"|prof|lecturer|teacher|lehrer\w*|dozent\w*|enseignant\w*|docente|profesora?|university|faculty|dean|r&d|r & d"
     r"|education|training|trainer|ricercat\w+|pesquisador[a]?|school"),
    ("operations", r"coo|operations?|operativ\w*|logisti\w*|supply chain|warehouse|lager\w*|production|produktion\w*"
     r"|produzione|produccion|producao|manufactur\w*|plant|werk\w*|quality|qualitat\w*|qualite|calidad|facilit\w*"
     r"|maintenance|instandhalt\w*|operaciones|operazioni|operacoes|projects?|projekt\w*|program|pmo|fleet|fuhrpark\w*"),
    ("student", r"student\w*|studierende\w*|etudiante?|estudiante|studentessa|estudante|schuler\w*|pupil"),
    ("general management", r"ceo|geschaftsfuhr\w+|geschaftsleit\w+|(?:managing|general) (?:director|manager|partner)"
     r"|(?:co[ -]?)?founder|(?:co[ -]?)?grunder\w*|(?:co[ -]?)?fondat\w+|(?:co[ -]?)?fundador\w*|owner|president\w*"
     r"|inhaber\w*|vorstand\w*|chairman|chair\w*|pdg|directeur general|directrice generale|directora? general|gerente"
     r"|gerante?|duen[oa]|propietari[oa]|proprietaire|titolare|amministrat\w+|eigenaar|oprichter|partner|proprietor"
     r"|verwaltungsrat\w*|board member|entrepreneur|unternehmer\w*|self[ -]employed|selbststandig\w*"),
)  # fmt: skip

SENIORITIES = tuple(dict.fromkeys(name for name, _ in _SENIORITY))
FUNCTIONS = (*(name for name, _ in _FUNCTION), OTHER)


def _compiled(lists: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(rf"(?<!\w)(?:{words})(?!\w)")) for name, words in lists)


_RANKS, _LINES = _compiled(_SENIORITY), _compiled(_FUNCTION)


def seniority(title: str) -> str:
    """The rank in a title; ``staff`` where there is none.

    >>> [seniority(title) for title in ("CFO", "Assistentin der Geschäftsführung", "Directrice des ventes", "Clerk")]
    ['executive', 'staff', 'director', 'staff']
    """
    return _first(title, _RANKS, STAFF)


def function(title: str) -> str:
    """The line of work in a title, ``other`` where there is none.

    >>> [function(title) for title in ("Head of Product Marketing", "Leiterin Einkauf", "Founder", "Astronaut")]
    ['marketing', 'purchasing', 'general management', 'other']
    """
    return _first(title, _LINES, OTHER)


def _first(title: str, lists: tuple[tuple[str, re.Pattern[str]], ...], otherwise: str) -> str:
    words = plain(title)
    return next((name for name, pattern in lists if pattern.search(words)), otherwise)


def plain(text: str) -> str:
    """Small letters without accents, points or double spaces: ``"V.P., Führung"`` becomes ``"vp, fuhrung"``.

    >>> plain("V.P.  Führung")
    'vp fuhrung'
    """
    spread = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in spread if not unicodedata.combining(c) and c != ".").split())

"""PostgreSQL's errors for users: the cause, the fix, and never a password."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

import psycopg
from sqlalchemy import URL

from leadlens.features.errors import LeadlensError, RoomError, UnavailableError
from leadlens.pipeline.writeback.names import TableNames

# By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), longest match first.
_BY_STATE: dict[str, tuple[str, str]] = {
    "25006": ("this PostgreSQL server is read-only", "connect to the primary, not to a standby"),
    "22001": ("a value is longer than its column", "make the column type text"),
    "22P05": ("the encoding of the database lacks a character", "use a database with encoding UTF8"),
    "22": ("PostgreSQL cannot store a value", "see the reason above; fix the value at its source"),
    "23": ("a constraint of the table refuses a row", "drop the constraint or give the column a default"),
    "3F000": ("there is no such schema", "create the schema, or name the table without it"),
    "40P01": ("another session and this one are in a deadlock", "run again"),
    "40": ("another session changed the same rows", "run again"),
    "42501": ("this user lacks a permission", ""),
    "53100": ("the disk of the PostgreSQL server is full", "free some space and run again"),
    "53": ("the PostgreSQL server is out of a resource", "run again later"),
    "54000": ("a lead_id is too long for PostgreSQL's index", "use ids of less than 2,700 bytes"),
    "55P03": ("another session locks the table for too long", "wait for it, or end it, and run again"),
    "57014": ("the statement was cancelled", "raise statement_timeout for this user, and run again"),
    "57": ("the PostgreSQL server is shutting down", "run again when it is back"),
}

_FULL = ("53100", "53200", "53400")
# Connections, conflicts with others, too many connections, locks, cancelled statements, a server on its way down.
_TRY_AGAIN = ("08", "25006", "28", "40", "53300", "55P03", "57")

# While connecting there is no SQLSTATE; libpq's text is all there is.
_BY_TEXT: tuple[tuple[str, str, str], ...] = (
    (
        r"password authentication failed|no password supplied|authentication failed",
        "PostgreSQL rejects the user or the password",
        "check both; a password in ${NAME} is written as it is, one in the URL itself percent-encoded (@ is %40, : is %3A, % is %25)",
    ),
    (
        r'database ".*" does not exist',
        "there is no such database",
        "create it, or correct its name in the URL",
    ),
    (r'role ".*" does not exist', "there is no such user", "create it, or correct its name in the URL"),
    (
        r"refused|No such file or directory",
        "no PostgreSQL server answers there",
        "check host and port, and that the server runs",
    ),
    (
        r"translate host name|resolve host|Name or service not known|getaddrinfo",
        "there is no host with that name",
        "correct the host in the URL",
    ),
    (r"timeout|timed out", "the PostgreSQL server did not answer in time", "check host, port and firewall"),
    (
        r"no pg_hba.conf entry",
        "the PostgreSQL server accepts no connections from here",
        "ask its administrator",
    ),
    (
        r"invalid connection option|invalid .* value",
        "an option after the ? in the PostgreSQL URL is invalid",
        "correct or remove it",
    ),
    (r"SSL|certificate", "no encrypted connection could be established", "check sslmode in the URL"),
    (r"too many (clients|connections)", "the PostgreSQL server has no connection left", "run again later"),
)


def explained(error: psycopg.Error, url: URL, shown: str, names: TableNames) -> LeadlensError:
    """The error for a user; *why* quotes the driver without the password."""
    what, fix = _meaning(error, names)
    message = _one_line(error)
    return _kind(error)(what, where=shown, why=f"nothing was written: {_without(message, url)}", fix=fix)


def _kind(error: psycopg.Error) -> type[LeadlensError]:
    """The class, and so the exit code: whether to try again, to make room, or to change something first."""
    state = error.sqlstate or ""
    if state.startswith(_FULL):
        return RoomError
    # Without a state there was no connection yet, or it broke.
    lost = not state and isinstance(error, psycopg.OperationalError)
    return UnavailableError if lost or state.startswith(_TRY_AGAIN) else LeadlensError


def _meaning(error: psycopg.Error, names: TableNames) -> tuple[str, str]:
    state = error.sqlstate
    if state == "42501":
        return _BY_STATE[state][0], (
            f"let an administrator GRANT the user SELECT, INSERT, UPDATE on {names.scores}, "
            f"{names.history} and {names.runs}, TEMPORARY on the database, "
            "and for the first run CREATE on the schema"
        )
    for length in (5, 2):
        if state and state[:length] in _BY_STATE:
            return _BY_STATE[state[:length]]
    if state is None:
        for pattern, what, fix in _BY_TEXT:
            if re.search(pattern, str(error)):
                return what, fix
        if isinstance(error, psycopg.OperationalError):
            return "the connection to PostgreSQL failed", "check the server, and run again"
    return "PostgreSQL refused the scores", "see the reason above"


def _one_line(error: psycopg.Error) -> str:
    primary = error.diag.message_primary
    detail = error.diag.message_detail if error.sqlstate in ("23502", "23514", "55P03") else None
    lines = [primary, detail] if primary else str(error).splitlines()[:1]
    return ": ".join(line.strip() for line in lines if line) or type(error).__name__


def _without(message: str, url: URL) -> str:
    if url.password:
        password = str(url.password)
        for form in sorted({password, quote(password, safe=""), quote_plus(password)}, key=len, reverse=True):
            message = message.replace(form, "***")
    return message

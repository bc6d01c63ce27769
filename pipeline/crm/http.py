"""JSON over HTTP to one server: tried again when it is busy, never redirected, its token sent nowhere else."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from leadlens.features.errors import LeadlensError, UnavailableError, UsageError
from leadlens.features.secrets import masked
from leadlens.pipeline.crm.credentials import Credentials
from leadlens.pipeline.runs.record import now

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_RENEWALS = 2  # of one request: a token that is refused when it is new is no token
_LARGEST_ANSWER = 64 * 2**20
_LONGEST_SAID = 300


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server is waited for.

    Attributes
    ----------
    tries : of one request, the first included.
    first, longest : seconds before the second try, doubled for each further one, and the most that is waited; a Retry-After of
        the server counts instead, up to ``longest_asked``.
    connect, answer, whole : seconds for a connection, for the next bytes of an answer, and for all of it.
    in_a_row : batches that get no answer, one after the other, before a push stops.
    """

    tries: int = 8
    first: float = 1.0
    longest: float = 60.0
    longest_asked: float = 900.0
    connect: float = 10.0
    answer: float = 60.0
    whole: float = 300.0
    in_a_row: int = 3


@dataclass(frozen=True)
class Answer:
    """What a server said: its status below 500, and its JSON (``None`` for an empty answer)."""

    status: int
    body: Any

    @property
    def said(self) -> str:
        """What is wrong, in the server's words, on one line."""
        found = self.body
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, dict):
            found = found.get("message") or found.get("error_description") or found.get("error") or found
        text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)
        return one_line(text) or f"status {self.status}"


class NoAnswerError(UnavailableError):
    """A request was tried as often as patience allows. Whether the server did what it asks is not known."""


class Server:
    """One server. ``requests`` are sent one after the other.

    Parameters
    ----------
    origin : scheme, host and port; paths are appended to it, and no request leaves it.
    credentials : give the token, and a new one when it has expired; ``None`` where none is sent.
    sleep : waits between tries.

    Attributes
    ----------
    retried : requests that were made again.
    left_today : requests that the account may still make today, as HubSpot and Salesforce say with each answer; ``None`` where none did.
    """

    def __init__(
        self,
        origin: str,
        credentials: Credentials | None,
        patience: Patience,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.origin, self.retried = origin, 0
        self.left_today: int | None = None
        self._credentials, self._patience, self._sleep = credentials, patience, sleep
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc would replace the token
        self._session.proxies.update(requests.utils.get_environ_proxies(origin))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def ask(
        self,
        method: str,
        path: str,
        payload: Any = None,
        *,
        form: Mapping[str, str] | None = None,
        text: str | None = None,
        headers: Mapping[str, str] | None = None,
        signed: bool = True,
    ) -> Answer:
        """One request and its answer, tried again while the server is busy, silent or talks nonsense.

        ``payload`` is sent as JSON, ``text`` is JSON already, ``form`` is sent as a form; ``signed`` with the token. An answer with a status of 400 to 499 is
        returned: what it means depends on the protocol. Raises ``NoAnswerError``, and ``UsageError`` where the token is refused
        or the server redirects.
        """
        if payload is not None:
            text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
        body = None if text is None else text.encode()
        problem, renewed = "", 0
        credentials = self._credentials if signed else None
        for attempt in range(self._patience.tries):
            if attempt:
                self.retried += 1
            try:
                given = dict(headers or {})
                if body is not None:
                    given["Content-Type"] = "application/json"
                if credentials is not None and (token := credentials.token(self)):
                    given["Authorization"] = f"Bearer {token}"
                status, answered, wait = self._once(method, path, form or body, given)
            except (requests.RequestException, OSError, ValueError) as error:
                problem, wait = _problem(error), None
            else:
                if status == 401 and credentials is not None:
                    renewed += 1
                    if renewed > _RENEWALS or not credentials.renew():
                        raise credentials.refused(Answer(status, answered).said)
                    continue
                if 300 <= status < 400:
                    raise _redirected(self.origin, status)
                if status not in _BUSY:
                    return Answer(status, answered)
                problem = f"status {status}: {Answer(status, answered).said}"
            if attempt + 1 < self._patience.tries:
                self._sleep(self._pause(attempt, wait))
        raise NoAnswerError(
            f"{self.origin.partition('://')[2]} does not answer, or is too busy",
            why=f"it was asked {self._patience.tries} times; the last time: {problem}",
            fix="run the same command later",
        )

    def ask_form(self, path: str, form: dict[str, str]) -> tuple[int, object, str]:
        """A token, asked for with a form; see ``leadlens.pipeline.crm.credentials``."""
        answer = self.ask("POST", path, form=form, signed=False)
        return answer.status, answer.body, answer.said

    def _once(
        self, method: str, path: str, data: Any, headers: Mapping[str, str]
    ) -> tuple[int, Any, float | None]:
        """Status, JSON, and the seconds that the server asks to be waited."""
        patience = self._patience
        ends = time.monotonic() + patience.whole
        with self._session.request(
            method,
            self.origin + path,
            data=data,
            headers={"Accept": "application/json", "User-Agent": "leadlens", **headers},
            timeout=(patience.connect, patience.answer),
            allow_redirects=False,
            stream=True,
        ) as response:
            text = bytearray()
            for piece in response.iter_content(65_536):
                text += piece
                if len(text) > _LARGEST_ANSWER or time.monotonic() > ends:
                    raise ValueError("the answer is too long, or takes too long")
            answered = _read(bytes(text), response.status_code)
            left = _left_today(response.headers)
            self.left_today = self.left_today if left is None else left
            return response.status_code, answered, _asked(response.headers.get("Retry-After"))

    def _pause(self, attempt: int, asked: float | None) -> float:
        if asked is not None:
            return min(asked, self._patience.longest_asked)
        # With some chance in it: of many clients, not all come again at once.
        return min(self._patience.first * 2.0**attempt, self._patience.longest) * random.uniform(0.5, 1.0)


def one_line(text: str) -> str:
    """What a server said, as part of a message of ours: cut, on one line, without secrets."""
    line = masked(" ".join(text.split()))
    return line if len(line) <= _LONGEST_SAID else f"{line[: _LONGEST_SAID - 1]}…"


def _read(text: bytes, status: int) -> Any:
    """The JSON of an answer. Of an error whatever it says; what claims to be done must be readable."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        if status < 300:
            raise ValueError("the answer is not JSON") from None
        return text[:_LONGEST_SAID].decode(errors="replace")


def _asked(header: str | None) -> float | None:
    """Seconds of a Retry-After, which is a number or a date.

    >>> _asked("3"), _asked(None), _asked("soon")
    (3.0, None, None)
    """
    if header is None:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(header).replace(tzinfo=None) - now()).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def _left_today(headers: Mapping[str, str]) -> int | None:
    """How many requests are left, of what an answer says.

    >>> _left_today({"Sforce-Limit-Info": "api-usage=10018/100000"}), _left_today({})
    (89982, None)
    """
    if found := re.search(r"api-usage=([0-9]+)/([0-9]+)", headers.get("Sforce-Limit-Info") or ""):
        return max(int(found[2]) - int(found[1]), 0)
    left = headers.get("X-HubSpot-RateLimit-Daily-Remaining") or ""
    return int(left) if left.isdecimal() else None


def _problem(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not accepted"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed or broke off"
    return one_line(str(error)) or type(error).__name__


def _redirected(origin: str, status: int) -> LeadlensError:
    return UsageError(
        f"{origin.partition('://')[2]} redirects to another address (status {status})",
        why="scores and the token go to the address that was named, and nowhere else",
        fix="name the address that it redirects to, if you trust it",
    )

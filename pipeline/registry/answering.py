"""Whether an MLflow server answers, asked in seconds: MLflow itself would try for many minutes."""

from __future__ import annotations

from leadlens.features.errors import UnavailableError
from leadlens.features.secrets import masked

_CONNECT, _ANSWER = 5, 10  # seconds


def refuse_silent(uri: str) -> None:
    """Raise ``UnavailableError`` for an http(s) server that cannot be reached or does not answer; any answer will do."""
    if not uri.lower().startswith(("http://", "https://")):
        return
    import requests

    try:
        requests.get(f"{uri.rstrip('/')}/health", timeout=(_CONNECT, _ANSWER), stream=True).close()
    except requests.exceptions.SSLError:
        pass  # it answers; MLflow has its own settings for certificates
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        slow = isinstance(error, requests.exceptions.Timeout)
        raise UnavailableError(
            f"the MLflow server {'does not answer' if slow else 'cannot be reached'}",
            where=masked(uri),
            why="models and runs are kept there",
            fix="start it, or correct MLFLOW_TRACKING_URI; without that variable they are kept in the state folder",
        ) from None

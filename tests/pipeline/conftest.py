"""Fixtures that several tests of the pipeline share."""

from tests.pipeline.chromium import browser
from tests.pipeline.postgres import postgres_server, postgres_url

__all__ = ["browser", "postgres_server", "postgres_url"]

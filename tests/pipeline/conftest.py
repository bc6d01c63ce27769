"""Fixtures that several tests of the pipeline share."""

from tests.pipeline.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

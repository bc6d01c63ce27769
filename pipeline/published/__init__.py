"""Copies for readers, of a night and of a comparison: how they are published, and how they are read."""

from pipeline.published.compared import PublishedComparison
from pipeline.published.comparing import publish_comparison
from pipeline.published.copy import Lead, LeadRow, Leads, PublishedScores, Query
from pipeline.published.folder import CopyFolder
from pipeline.published.publishing import Publishing

__all__ = [
    "CopyFolder",
    "Lead",
    "LeadRow",
    "Leads",
    "PublishedComparison",
    "PublishedScores",
    "Publishing",
    "Query",
    "publish_comparison",
]

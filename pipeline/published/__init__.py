"""The copy of a night for readers: how it is published, and how it is read."""

from pipeline.published.copy import Lead, LeadRow, Leads, PublishedScores, Query
from pipeline.published.folder import CopyFolder
from pipeline.published.publishing import Publishing

__all__ = ["CopyFolder", "Lead", "LeadRow", "Leads", "PublishedScores", "Publishing", "Query"]

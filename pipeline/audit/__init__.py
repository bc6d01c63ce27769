"""The leak audit: its data and evidence, the registered probes, the rebuild by the oracle, quick models."""

from pipeline.audit.data import AuditData
from pipeline.audit.evidence import Evidence, Flagged, Subject, flag
from pipeline.audit.probes import PROBES
from pipeline.audit.registry import Probe

__all__ = ["PROBES", "AuditData", "Evidence", "Flagged", "Probe", "Subject", "flag"]

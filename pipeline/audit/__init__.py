"""The leak audit: its data and evidence, the registered probes, the rebuild by the oracle, quick models."""

from leadlens.pipeline.audit.data import AuditData
from leadlens.pipeline.audit.evidence import Evidence, Flagged, Subject, flag
from leadlens.pipeline.audit.probes import PROBES
from leadlens.pipeline.audit.registry import Probe

__all__ = ["PROBES", "AuditData", "Evidence", "Flagged", "Probe", "Subject", "flag"]

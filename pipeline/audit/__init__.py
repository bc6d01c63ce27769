"""What the audit looks at: evidence, the registered leak probes, the rebuild by the oracle, quick models."""

from pipeline.audit.evidence import Evidence, Flagged, Subject, accuse
from pipeline.audit.payload import Facts
from pipeline.audit.probes import PROBES
from pipeline.audit.registry import Probe

__all__ = ["PROBES", "Evidence", "Facts", "Flagged", "Probe", "Subject", "accuse"]

"""What the audit looks at: evidence, the registered leak probes, the rebuild by the oracle, quick models."""

from pipeline.audit.evidence import Accused, Evidence, Subject, accuse
from pipeline.audit.payload import Facts
from pipeline.audit.probes import PROBES
from pipeline.audit.registry import Probe

__all__ = ["PROBES", "Accused", "Evidence", "Facts", "Probe", "Subject", "accuse"]

"""The prepared history: sources read once, kept by lead and time, extended by what is new (docs/adr/0020)."""

from leadlens.pipeline.prepared.opening import merged_into, open_history, open_lead, open_prepared
from leadlens.pipeline.prepared.verifying import differences

__all__ = ["differences", "merged_into", "open_history", "open_lead", "open_prepared"]

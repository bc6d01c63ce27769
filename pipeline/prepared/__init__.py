"""The prepared history: sources read once, kept by lead and time, extended by what is new (docs/adr/0020)."""

from pipeline.prepared.opening import open_history, open_lead, open_prepared

__all__ = ["open_history", "open_lead", "open_prepared"]

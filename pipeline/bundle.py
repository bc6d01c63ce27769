"""Where the bundle stood up to 0.3.0: the code that is stored with those registered models imports it from here."""

from leadlens.pipeline.registry.bundle import Bundle

__all__ = ["Bundle"]

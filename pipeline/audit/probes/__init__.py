"""The leak probes, one idea per file; importing this package registers all of them."""

from leadlens.pipeline.audit.probes import dates, disguise, filled, names, split, strength, timing
from leadlens.pipeline.audit.registry import PROBES

__all__ = ["PROBES", "dates", "disguise", "filled", "names", "split", "strength", "timing"]

"""The options that every benchmark over a generated world has: how large it is, and where it is stored."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.data_sets import ROOT


def world_parser(about: str | None, *, leads: int, events: int) -> argparse.ArgumentParser:
    """A parser with ``--leads``, ``--events`` and ``--folder``; ``about`` is the module's docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=leads)
    parser.add_argument("--events", type=int, default=events)
    parser.add_argument("--folder", type=Path, default=ROOT / ".leadlens" / "bench")
    return parser

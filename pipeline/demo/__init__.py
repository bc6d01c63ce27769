"""Simulated worlds with a known ground truth: ``simulate`` one, and ``write_world`` its data for a project."""

from leadlens.pipeline.demo.world import WORLDS, World, simulate, write_world

__all__ = ["WORLDS", "World", "simulate", "write_world"]

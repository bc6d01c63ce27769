"""Simulated worlds with a known ground truth: ``simulate`` one, ``write_world`` it as a project's data."""

from pipeline.demo.world import WORLDS, World, simulate, write_world

__all__ = ["WORLDS", "World", "simulate", "write_world"]

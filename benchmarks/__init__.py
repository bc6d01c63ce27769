"""Measurements: quality on real data, speed against named alternatives and the physical limit."""

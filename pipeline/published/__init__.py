"""Copies for readers, of a night and of a comparison: how they are published, and how they are read."""

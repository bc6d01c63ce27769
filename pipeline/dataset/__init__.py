"""Rows to learn from, to judge on and to score: spine, labels, split, features, both lenses."""

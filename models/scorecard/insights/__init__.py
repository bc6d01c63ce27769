"""Questions about scores: what changed, what if nothing happens, what sales said, how two sheets differ."""

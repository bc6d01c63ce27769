"""Everything that commands print for people."""

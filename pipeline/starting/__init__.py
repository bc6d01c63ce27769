"""`leadlens init --from`: what an export holds, and the project that reads it."""

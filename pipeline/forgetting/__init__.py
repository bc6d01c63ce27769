"""Forget a person: in every store that Leadlens writes, so that a killed run is completed by the next."""

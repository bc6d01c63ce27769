"""Nights: small projects whose sources change from one night to the next, and what must hold of their histories."""

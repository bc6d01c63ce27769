"""Rows that are not what they seem: merged leads, colleagues, tests, mail scanners."""

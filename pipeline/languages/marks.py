"""Marks on English messages, for those who extract them; the text itself is untouched.

A message with values names them, and a name begins with what it is: ``{n_leads}`` is a number, ``{percent}`` a share, ``{share}`` one that stands as 0.67 and is translated as 67 %,
``{date}``, ``{times}`` a message of the context ``times``, ``{list_times}`` several of them with commas, ``{sentence}`` anything
that is said, ``{quoted}`` names in quotes; all other values are a user's and stay as they are (:mod:`leadlens.pipeline.languages.recogniser`).
"""

from __future__ import annotations


def N_(message: str) -> str:
    """A sentence that is translated when it is shown.

    >>> N_("Your role is {role}.").format(role="viewer")
    'Your role is viewer.'
    """
    return message


def NN_(singular: str, plural: str) -> tuple[str, str]:
    """A sentence of one and of several; the count is the plural's first number."""
    return singular, plural


def P_(context: str, message: str) -> str:
    """A message of a context: a part of other sentences, or a word that means something else elsewhere."""
    return message


def NP_(context: str, singular: str, plural: str) -> tuple[str, str]:
    """The same of one and of several."""
    return singular, plural

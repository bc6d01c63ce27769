"""Where names and counts lead to: pages of ``leadlens app``, or a place in the same document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_DOTS, _ESCAPED = re.compile(r"~*\.\.?"), re.compile(r"~+\.\.?")


def segment(text: str) -> str:
    """A text as one part of an address. Browsers take ``.`` and ``..`` for steps, escaped or not, so these begin with a tilde.

    >>> segment("L 1/2"), segment(".."), segment("~..")
    ('L%201%2F2', '~..', '~~..')
    """
    return quote(f"~{text}" if _DOTS.fullmatch(text) else text, safe="")


def of_segment(text: str) -> str:
    """The inverse of ``segment``, of what is unquoted already.

    >>> of_segment("~.."), of_segment("~~."), of_segment("~a")
    ('..', '~.', '~a')
    """
    return text[1:] if _ESCAPED.fullmatch(text) else text


@dataclass(frozen=True)
class Links:
    """``base`` is where the project's pages are; without it counts lead to lists below, and names nowhere."""

    base: str | None = None

    def lead(self, lead_id: str) -> str | None:
        """The page of a lead."""
        return None if self.base is None else f"{self.base}/leads/{segment(lead_id)}"

    def rule(self, label: str) -> str | None:
        """The page of a rule."""
        return None if self.base is None else f"{self.base}/rules/{segment(label)}"

    def cell(self, cell: str, share: float) -> str:
        """The leads of a cell at a capacity.

        >>> Links("/shop").cell("model only", 0.075), Links().cell("model only", 0.2)
        ('/shop/compare/model-only?capacity=7.5', '#model-only')
        """
        name = cell.replace(" ", "-")
        return f"#{name}" if self.base is None else f"{self.base}/compare/{name}?capacity={100 * share:g}"

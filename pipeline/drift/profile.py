"""What a night looked like: counts and shares of the data and of the scores, without a value of a single lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from leadlens.pipeline.drift.histogram import Histogram

_FORMAT = 1


class Flow(NamedTuple):
    """Rows that came in during the latest ``days``, and in a lean one of such spans in the nine weeks before.

    One span in ten was leaner: those of holidays.
    """

    days: int
    latest: int
    lean: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One night.

    Attributes
    ----------
    as_of, data_end : of the scores and of the data (naive = UTC).
    model : name and version that scored; ``""`` for data alone.
    tables : rows of each contract table.
    kinds : kind of each attribute and event property, by ``leads.income``.
    missing : by the same names, unknown values and rows; ``new leads.income`` counts leads of the latest four weeks.
    flows : what came in lately of a table or an ``event type …``: see ``Flow``.
    types : events of each type that twenty or more leads have; ``""`` are all others together.
    open : leads that were open.
    left_out : open leads that are not scored, by the setting that leaves them out (``data.finished``).
    grades : scored leads per grade of the model.
    features : the model's main features, and attributes; of a training with very many leads of a sample of them.
    """

    as_of: datetime
    data_end: datetime
    model: str = ""
    tables: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    flows: Mapping[str, tuple[Flow, ...]] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    open: int | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    grades: Mapping[str, int] = field(default_factory=dict)
    features: Mapping[str, Histogram] = field(default_factory=dict)

    def scored(
        self, model: str, open_leads: int, grades: Mapping[str, int], features: Mapping[str, Histogram]
    ) -> Profile:
        """The same night with its scores."""
        return replace(self, model=model, open=open_leads, grades=dict(grades), features=dict(features))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; a few kilobytes as text."""
        return {
            "leadlens_profile": _FORMAT,
            **vars(self),
            "as_of": self.as_of.isoformat(),
            "data_end": self.data_end.isoformat(),
            "features": {name: histogram.to_dict() for name, histogram in self.features.items()},
        }

    @classmethod
    def from_dict(cls, plain: Any) -> Profile | None:
        """The inverse of ``to_dict``; ``None`` for what this version cannot read."""
        try:
            plain = dict(plain)
            if plain.pop("leadlens_profile") != _FORMAT:
                return None
            for name in ("as_of", "data_end"):
                plain[name] = datetime.fromisoformat(plain[name])
            plain["missing"] = {key: tuple(value) for key, value in plain["missing"].items()}
            plain["flows"] = {
                key: tuple(Flow(*flow) for flow in value) for key, value in plain["flows"].items()
            }
            plain["features"] = {
                name: Histogram.from_dict(value) for name, value in plain["features"].items()
            }
            return cls(**plain)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

"""How far each main feature moved since the training and since the last nights, in the middle and in the tails."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from leadlens.pipeline.drift.histogram import Histogram, psi
from leadlens.pipeline.drift.profile import Profile


@dataclass(frozen=True, kw_only=True)
class FeatureMoves:
    """One feature.

    Attributes
    ----------
    psi_training, psi_nights : population stability index beyond chance, against the training and, as the median, against the
        last nights; ``None`` where there is nothing to compare with.
    low_tail, high_tail : share of leads in the lowest and the highest bin of a number, now; ``None`` for a category.
    tail_z : the graver of the two tails against the training, in standard deviations of chance.
    """

    name: str
    label: str
    moves: bool
    psi_training: float | None
    psi_nights: float | None
    low_tail: float | None
    high_tail: float | None
    tail_z: float | None


def feature_moves(night: Profile, reference: Profile | None, nights: Sequence[Profile]) -> list[FeatureMoves]:
    """Of all main features, those that moved most since the training first."""
    found = []
    for name, now in night.features.items():
        trained = reference.features.get(name) if reference else None
        if trained is not None and not trained.same_bins(now):
            trained = None
        lately = [
            psi(other.features[name].counts, now.counts)
            for other in nights
            if name in other.features and other.features[name].same_bins(now)
        ]
        tails = _tails(now)
        found.append(
            FeatureMoves(
                name=name,
                label=now.label,
                moves=now.moves,
                psi_training=None if trained is None else psi(trained.counts, now.counts),
                psi_nights=median(lately) if lately else None,
                low_tail=None if tails is None else tails[0] / max(1, now.leads),
                high_tail=None if tails is None else tails[1] / max(1, now.leads),
                tail_z=None if trained is None else _tail_z(trained, now),
            )
        )
    return sorted(found, key=lambda each: -(each.psi_training or 0.0))


def grade_moves(night: Profile, reference: Profile | None, nights: Sequence[Profile]) -> FeatureMoves | None:
    """The same of the grades that the model gave; ``None`` where it gave none, or there is nothing to compare with."""

    def moved(other: Profile) -> float:
        names = sorted({*night.grades, *other.grades})
        return psi(*([each.grades.get(name, 0) for name in names] for each in (other, night)))

    trained = reference if reference is not None and reference.grades else None
    lately = [moved(other) for other in nights if other.grades and other.model == night.model]
    if not night.grades or (trained is None and not lately):
        return None
    return FeatureMoves(
        name="grades",
        label="Grades of the model",
        moves=False,
        psi_training=None if trained is None else moved(trained),
        psi_nights=median(lately) if lately else None,
        low_tail=None,
        high_tail=None,
        tail_z=None,
    )


def _tails(histogram: Histogram) -> tuple[int, int] | None:
    """Leads in the lowest and the highest bin; the last count is of unknown values."""
    if histogram.kind != "number" or not histogram.edges:
        return None
    return histogram.counts[0], histogram.counts[-2]


def _tail_z(before: Histogram, now: Histogram) -> float | None:
    """Two proportions, pooled, for either tail: the larger of the two."""
    one, other = _tails(before), _tails(now)
    if one is None or other is None or not before.leads or not now.leads:
        return None
    found = []
    for then, later in zip(one, other, strict=True):
        pooled = (then + later) / (before.leads + now.leads)
        error = math.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / before.leads + 1 / now.leads))
        found.append((later / now.leads - then / before.leads) / error)
    return max(found, key=abs)

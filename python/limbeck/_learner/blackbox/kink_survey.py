"""Which stretches of a line are worth the queries of a gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._learner.blackbox.line_kinks import LineKinks

__all__ = ["KinkSurvey"]


class KinkSurvey:
    """Kinks on a line, and the stretches between them in which gradients are worth their queries."""

    def __init__(self, kinks: LineKinks, reach: float, shortest: float) -> None:
        stretches = kinks.stretches(-reach, reach)
        self.slopes = np.array([stretch.slope for stretch in stretches])
        values = np.array([stretch.value for stretch in stretches])
        self._known: NDArray[np.bool_] = np.isfinite(self.slopes).all(axis=1)
        # Two stretches tell the place of the kink between them better than the points beside it.
        self.places = kinks.places.copy()
        bends, jumps = np.diff(self.slopes, axis=0), np.diff(values, axis=0)
        for j in np.flatnonzero(self._known[:-1] & self._known[1:]):
            output = int(np.argmax(np.abs(bends[j])))
            if bends[j, output]:
                self.places[j] = -jumps[j, output] / bends[j, output]
        self._ends = np.concatenate([[-reach], self.places, [reach]])
        self.lengths = np.diff(self._ends)
        self._known &= self.lengths > shortest

    def middle(self, j: int) -> float:
        """The middle of a stretch."""
        return float(self._ends[j] + self._ends[j + 1]) / 2

    def is_straight(self, j: int) -> bool:
        """Whether all points on a stretch lie on one straight line."""
        return bool(np.isfinite(self.slopes[j]).all())

    def widest(self, within: float) -> int | None:
        """The longest stretch whose middle is so near to the line's origin; None if none is known."""
        middles = np.abs(self._ends[:-1] + self._ends[1:]) / 2
        near = np.where(self._known & (middles <= within), self.lengths, 0.0)
        if not near.any():
            near = np.where(self._known, self.lengths, 0.0)
        return int(np.argmax(near)) if near.any() else None

    def usable(self, home: int) -> NDArray[np.bool_]:
        """Stretches that a gradient is worth its queries in, and that at home if it is straight, however short."""
        usable = self._known.copy()
        usable[home] = self.is_straight(home)
        return usable

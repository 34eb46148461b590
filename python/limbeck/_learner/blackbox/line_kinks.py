"""All kinks of a piecewise linear function on a line, each checked.

Two points beside each other give a straight piece: a value and a slope. Where the pieces at the ends of an interval
differ, they meet at the only place where a single kink can be; two points around that place show whether each piece
holds up to there. If they do not, a piece elsewhere cuts the interval in two. If they do, they tell the
place to more digits, and two points still closer show whether it is one kink or two that are close.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, KinkSettings

__all__ = ["LineKinks", "LineSearch", "Stretch", "Values", "straight_line"]

Values = Callable[[Float64Array], Float64Array]


class Stretch(NamedTuple):
    """Part of a line between two kinks: the function is ``value + slope * t`` there; NaN where not known."""

    start: float
    stop: float
    slope: Float64Array
    value: Float64Array


class _Piece(NamedTuple):
    """Two points beside each other, and their slope (q,) with its rounding error."""

    left: float
    right: float
    left_value: Float64Array
    right_value: Float64Array
    slope: Float64Array
    error: float


class _Interval(NamedTuple):
    """What lies between two pieces.

    Attributes
    ----------
    start, stop : _Piece
        To the left and to the right.
    is_confirmed : bool
        Whether both hold up to close to the place where they meet.
    is_refuted : bool
        Whether they do not: the interval is cut elsewhere. Of kinks at equal distances one may lie where others' pieces
        meet, and the points around that place would be no piece.
    """

    start: _Piece
    stop: _Piece
    is_confirmed: bool = False
    is_refuted: bool = False


class LineKinks(NamedTuple):
    """What a line shows.

    Attributes
    ----------
    places : ndarray of shape (n,)
        Kinks, in order.
    unresolved : list of tuple of float
        Intervals with something that is no single kink.
    t, values : ndarray of shape (m,) and (m, q)
        The points asked at, in order.
    is_complete : bool
        Whether the search came to its end: the function is piecewise linear and has no more kinks than allowed.
    noise, slope_error : float
        Difference between values that rounding explains, and error of the slopes.
    """

    places: Float64Array
    unresolved: list[tuple[float, float]]
    t: Float64Array
    values: Float64Array
    is_complete: bool
    noise: float
    slope_error: float

    def stretches(self, low: float, high: float) -> list[Stretch]:
        """The stretches between neighbouring kinks, as least squares through all points on each.

        A stretch whose points do not lie on one straight line is not known: there is one more kink, close to its end.
        """
        ends = np.concatenate([[low], self.places, [high]])
        found = []
        for start, stop in pairwise(ends):
            own = (self.t > start) & (self.t < stop)
            t, values = self.t[own], self.values[own]
            nothing = np.full(self.values.shape[1], np.nan)
            known = Stretch(start, stop, nothing, nothing)
            if len(t) >= 2 and not any(a < stop and b > start for a, b in self.unresolved):
                off, at_zero, slope = straight_line(t, values)
                if off <= self.noise + self.slope_error * (high - low):
                    known = Stretch(start, stop, slope, at_zero)
            found.append(known)
        return found


def straight_line(t: Float64Array, y: Float64Array) -> tuple[float, Float64Array, Float64Array]:
    """Largest difference from the straight line of least squares through points, its values at zero and slopes (q,)."""
    middle, mean = t.mean(), y.mean(axis=0)
    centred = t - middle
    slope = centred @ (y - mean) / (centred @ centred)
    off = float(np.abs(y - mean - np.outer(centred, slope)).max())
    return off, mean - slope * middle, slope


class LineSearch:
    """A search for all kinks on one line.

    Parameters
    ----------
    values : callable
        Values (m, q) at places (m,) of the line.
    noise : float
        Rounding error of a value.
    spacing : float
        Of the two points of a piece, over the length of the interval.
    most_kinks : int
        A line with more ends the search.
    rng : numpy.random.Generator
        For cuts.
    settings : KinkSettings
        Numbers that no caller sets.
    slope_error : float
        Error of a slope however far its points are apart, as where the values are residuals of a network.
    """

    def __init__(
        self,
        values: Values,
        noise: float,
        spacing: float,
        most_kinks: int,
        rng: np.random.Generator,
        settings: KinkSettings = DISTILLATION_SETTINGS.kinks,
        slope_error: float = 0.0,
    ) -> None:
        self._slope_error = slope_error
        self._values, self._noise, self._spacing = values, noise, spacing
        self._most_kinks, self._rng, self._settings = most_kinks, rng, settings
        self._t: list[Float64Array] = []
        self._answers: list[Float64Array] = []

    def run(self, low: float, high: float, intervals: int) -> LineKinks:
        """Find the kinks between two places; a number of intervals is looked into to begin with."""
        width = (high - low) / intervals
        ends = np.linspace(low, high, intervals + 1)
        jitter = self._settings.jitter
        ends[1:-1] += self._rng.uniform(-jitter, jitter, intervals - 1) * width
        ends[[0, -1]] += np.array([1.0, -1.0]) * self._spacing * width
        pieces = self._pieces(ends, np.full(intervals + 1, self._spacing * width))
        open_ = [_Interval(a, b) for a, b in pairwise(pieces)]
        kinks: list[float] = []
        unresolved: list[tuple[float, float]] = []
        complete = True
        shortest = self._settings.shortest_interval * self._spacing**1.5 * (high - low)
        while open_ := self._with_kinks(open_, unresolved, shortest):
            crossings = [self._crossing(interval) for interval in open_]
            middles = self._pieces(*np.array([(m, half) for m, half, _ in crossings]).T)
            further = []
            for interval, (place, _, is_crossing), middle in zip(open_, crossings, middles, strict=True):
                a, b = interval.start, interval.stop
                if not is_crossing:
                    further += [_Interval(a, middle), _Interval(middle, b)]
                elif not self._confirms(middle, a, b):
                    further.append(_Interval(a, b, is_refuted=True))
                elif interval.is_confirmed or middle.right - middle.left < shortest:
                    kinks.append(place)
                else:
                    further.append(_beside(middle, a, b, self._noise))
            open_ = further
            if self._is_hopeless(len(kinks), len(unresolved)):
                complete = False
                break
        t = np.concatenate(self._t)
        order = np.argsort(t)
        values = np.concatenate(self._answers)[order]
        return LineKinks(np.sort(kinks), unresolved, t[order], values, complete, self._off(0.0), self._slope_error)

    def _is_hopeless(self, kinks: int, unresolved: int) -> bool:
        """Whether there are more kinks than allowed, jumps, or points enough of a function that bends everywhere."""
        settings = self._settings
        asked = sum(len(t) for t in self._t)
        due = settings.first_points + settings.points_per_neuron * self._most_kinks
        is_smooth = asked > due and asked > settings.points_per_kink * kinks
        return kinks > self._most_kinks or unresolved > kinks + settings.jumps or is_smooth

    def _pieces(self, middles: Float64Array, halves: Float64Array) -> list[_Piece]:
        """Straight pieces around some places."""
        left, right = middles - halves, middles + halves
        both = np.concatenate([left, right])
        answers = self._values(both)
        self._t.append(both)
        self._answers.append(answers)
        low, high = answers[: len(left)], answers[len(left) :]
        length = right - left  # as rounded
        slopes = (high - low) / length[:, None]
        errors = self._slope_error + 2 * self._noise / length
        return [
            _Piece(*piece)
            for piece in zip(left.tolist(), right.tolist(), low, high, slopes, errors.tolist(), strict=True)
        ]

    def _with_kinks(
        self, intervals: list[_Interval], unresolved: list[tuple[float, float]], shortest: float
    ) -> list[_Interval]:
        """The intervals whose ends do not lie on one straight line; those too short to be cut are unresolved."""
        kept = []
        for interval in intervals:
            a, b = interval.start, interval.stop
            length, error = b.left - a.right, a.error + b.error
            there = np.abs(a.right_value + a.slope * length - b.left_value).max()
            if np.abs(a.slope - b.slope).max() <= error and there <= self._off(error * length):
                continue
            if length < shortest:
                unresolved.append((a.right, b.left))
            else:
                kept.append(interval)
        return kept

    def _off(self, error: float) -> float:
        """Difference between two values that rounding explains, beside an error of their prediction."""
        return self._settings.slack * self._noise + error

    def _crossing(self, interval: _Interval) -> tuple[float, float, bool]:
        """Where two pieces meet, half the spacing of points there, and whether that is well between them."""
        a, b = interval.start, interval.stop
        length, error = b.left - a.right, a.error + b.error
        bend = b.slope - a.slope
        j = int(np.argmax(np.abs(bend)))
        half = self._spacing * length
        if abs(bend[j]) > 2 * error and not interval.is_refuted:
            place = a.right - float((b.left_value - a.right_value - b.slope * length)[j] / bend[j])
            wide = max(half, self._settings.slack * self._off(error * length) / abs(bend[j]))
            if a.right + 2 * wide < place < b.left - 2 * wide:
                return place, wide, True
        return a.right + self._rng.uniform(*self._settings.cut) * length, half, False

    def _confirms(self, middle: _Piece, a: _Piece, b: _Piece) -> bool:
        """Whether the two points around a crossing lie on the piece to the left and on that to the right."""
        before, after = middle.left - a.right, b.left - middle.right
        left = np.abs(a.right_value + a.slope * before - middle.left_value).max()
        right = np.abs(b.left_value - b.slope * after - middle.right_value).max()
        return bool(left <= self._off(2 * a.error * before) and right <= self._off(2 * b.error * after))


def _beside(middle: _Piece, a: _Piece, b: _Piece, noise: float) -> _Interval:
    """The interval around a crossing, between two pieces as long as they are known to be straight."""
    before = _joined(a.left, a.left_value, middle.left, middle.left_value, a, noise)
    after = _joined(middle.right, middle.right_value, b.right, b.right_value, b, noise)
    return _Interval(before, after, True)


def _joined(
    left: float, left_value: Float64Array, right: float, right_value: Float64Array, piece: _Piece, noise: float
) -> _Piece:
    """A longer piece; its slope has the error that no distance of the points makes smaller as before."""
    length = right - left
    systematic = piece.error - 2 * noise / (piece.right - piece.left)
    error = max(systematic, 0.0) + 2 * noise / length
    return _Piece(left, right, left_value, right_value, (right_value - left_value) / length, error)

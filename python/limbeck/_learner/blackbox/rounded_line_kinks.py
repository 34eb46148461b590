"""All kinks on a line of a piecewise linear function whose values are rounded coarsely.

Slopes from two points beside each other lose most digits there. In their place, some points are spread over an
interval: if one straight line goes through them but for rounding, the interval has no kink; if two do, and meet between
the points of one and those of the other, there is one, and points closer to it on both sides show whether it is one
alone. Otherwise the interval is cut in two, which share its points.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.line_kinks import LineKinks, Values, straight_line
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, KinkSettings

__all__ = ["RoundedLineSearch"]


class _Interval(NamedTuple):
    """Part of the line, between two points asked at; how often closer points around its one kink were asked for."""

    start: float
    stop: float
    looks: int = 0


class _Found(NamedTuple):
    """Kinks, and intervals with something that is no single kink."""

    kinks: list[float]
    unresolved: list[tuple[float, float]]


class _Hinge(NamedTuple):
    """Two straight lines that meet between the points of one and those of the other.

    Attributes
    ----------
    place : float
        Where they meet.
    before, after : float
        The last point on the left one, and the first on the right one.
    bend : float
        Largest difference of their slopes over the outputs.
    """

    place: float
    before: float
    after: float
    bend: float


class RoundedLineSearch:
    """A search for all kinks on one line, for values with rounding errors that are large.

    Parameters
    ----------
    values : callable
        Values (m, q) at places (m,) of the line.
    noise : callable
        Rounding error of a value, so far: it grows with the largest value.
    most_kinks : int
        A line with more ends the search.
    rng : numpy.random.Generator
        For places and cuts.
    settings : KinkSettings
        Numbers that no caller sets.
    slope_error : float
        Error of a slope however far its points are apart, as where the values are residuals of a network.
    """

    def __init__(
        self,
        values: Values,
        noise: Callable[[], float],
        most_kinks: int,
        rng: np.random.Generator,
        settings: KinkSettings = DISTILLATION_SETTINGS.kinks,
        slope_error: float = 0.0,
    ) -> None:
        self._values, self._noise, self._slope_error = values, noise, slope_error
        self._most_kinks, self._rng, self._settings = most_kinks, rng, settings
        self._t, self._y = np.empty(0), np.empty((0, 0))

    def run(self, low: float, high: float, intervals: int) -> LineKinks:
        """Find the kinks between two places; a number of intervals is looked into to begin with."""
        settings = self._settings
        width = (high - low) / intervals
        ends = np.linspace(low, high, intervals + 1)
        ends[1:-1] += self._rng.uniform(-settings.jitter, settings.jitter, intervals - 1) * width
        self._ask(ends)
        open_ = [_Interval(a, b) for a, b in pairwise(ends.tolist())]
        by_rounding = settings.rounded.shortest_by_rounding * self._noise() / self._spread
        shortest = (high - low) * max(settings.rounded.shortest_part, by_rounding)
        found = _Found([], [])
        complete = self._look_into(open_, shortest, found)
        for _ in range(settings.rounded.rounds):
            # A kink so near to a point that two intervals share shows in both of them together.
            left = self._not_straight(found, low, high) if complete else []
            if not left:
                break
            complete = self._look_into(left, shortest, found)
            found = _Found(self._once(found.kinks), found.unresolved)
        off, places = settings.slack * self._noise(), np.array(self._once(found.kinks))
        return LineKinks(places, found.unresolved, self._t, self._y, complete, off, self._slope_error)

    def _look_into(self, open_: list[_Interval], shortest: float, found: _Found) -> bool:
        """Find the kinks in some intervals; False if the function is no sum of so few hinges."""
        while open_:
            self._ask(np.concatenate([self._missing(interval) for interval in open_]))
            further = []
            for interval in open_:
                if self._is_straight(interval):
                    continue
                hinge = self._hinge(interval)
                if hinge is not None and not self._is_close(hinge, interval):
                    further.append(interval._replace(looks=interval.looks + 1))
                elif hinge is not None:
                    found.kinks.append(hinge.place)
                elif interval.stop - interval.start < shortest:
                    if not self._is_straight_but_for_an_end(interval):
                        found.unresolved.append((interval.start, interval.stop))
                else:
                    further += self._halves(interval)
            open_ = further
            likely = sum(interval.looks > 0 for interval in open_)
            if self._is_hopeless(len(found.kinks), likely, len(found.unresolved)):
                return False
        return True

    def _once(self, places: list[float]) -> list[float]:
        """Kinks in order, those that two neighbouring intervals both found once: two that one alone explains."""
        kept = sorted(places)
        i = 0
        while i + 1 < len(kept):
            low = kept[i - 1] if i else -np.inf
            high = kept[i + 2] if i + 2 < len(kept) else np.inf
            t = self._t[(self._t > low) & (self._t < high)]
            few = 2 * self._settings.rounded.points_of_line
            hinge = self._hinge(_Interval(float(t[0]), float(t[-1]))) if len(t) >= few else None
            if hinge is None:
                i += 1
            else:
                kept[i : i + 2] = [hinge.place]
        return kept

    def _not_straight(self, found: _Found, low: float, high: float) -> list[_Interval]:
        """The stretches between kinks whose points do not lie on one straight line, for no reason known."""
        intervals = []
        for start, stop in pairwise([low, *sorted(found.kinks), high]):
            t = self._t[(self._t >= start) & (self._t <= stop)]
            if len(t) < 2 * self._settings.rounded.points_of_line:
                continue
            whole = _Interval(float(t[0]), float(t[-1]))
            is_known = any(a < stop and b > start for a, b in found.unresolved)
            if not (is_known or self._is_straight(whole)):
                intervals.append(whole)
        return intervals

    @property
    def _spread(self) -> float:
        """Range of the values so far; the smallest number above zero if they are equal."""
        return max(float(np.ptp(self._y, axis=0).max()), float(np.finfo(np.float64).tiny))

    def _is_hopeless(self, kinks: int, likely: int, unresolved: int) -> bool:
        """Whether there are more kinks than allowed, jumps, or points enough of a function that bends everywhere."""
        settings, asked = self._settings, len(self._t)
        due = settings.first_points + settings.points_per_neuron * self._most_kinks
        is_smooth = asked > due and asked > settings.points_per_kink * (kinks + likely)
        return kinks > self._most_kinks or unresolved > kinks + settings.jumps or is_smooth

    def _ask(self, t: Float64Array) -> None:
        """Ask at places, and keep all in order."""
        if not len(t):
            return
        y = self._values(t)
        if not len(self._t):
            self._y = np.empty((0, y.shape[1]))
        both = np.append(self._t, t)
        order = np.argsort(both, kind="stable")
        self._t, self._y = both[order], np.concatenate([self._y, y])[order]

    def _points(self, interval: _Interval) -> tuple[Float64Array, Float64Array]:
        """Places and values in an interval, its ends included."""
        first, last = np.searchsorted(self._t, interval.start), np.searchsorted(self._t, interval.stop, side="right")
        return self._t[first:last], self._y[first:last]

    def _missing(self, interval: _Interval) -> Float64Array:
        """Places to ask at next: in the widest gaps of an interval, or beside its one kink."""
        t, _ = self._points(interval)
        hinge = self._hinge(interval) if interval.looks else None
        if hinge is not None:
            return self._beside(hinge, interval)
        places = t.tolist()
        asked = []
        while len(places) < self._settings.rounded.points_of_interval:
            j = int(np.argmax(np.diff(places)))
            place = places[j] + float(self._rng.uniform(*self._settings.cut)) * (places[j + 1] - places[j])
            places.insert(j + 1, place)
            asked.append(place)
        return np.array(asked)

    def _allowed(self, interval: _Interval) -> float:
        """Difference of a value from a straight line that rounding, and errors of slopes, explain."""
        return self._settings.slack * self._noise() + self._slope_error * (interval.stop - interval.start)

    def _is_straight(self, interval: _Interval) -> bool:
        """Whether all points of an interval lie on one straight line."""
        t, y = self._points(interval)
        return straight_line(t, y)[0] <= self._allowed(interval)

    def _is_straight_but_for_an_end(self, interval: _Interval) -> bool:
        """Whether all points but the first, or all but the last, lie on one straight line."""
        t, y = self._points(interval)
        return min(straight_line(t[1:], y[1:])[0], straight_line(t[:-1], y[:-1])[0]) <= self._allowed(interval)

    def _hinge(self, interval: _Interval) -> _Hinge | None:
        """The two straight lines through all points of an interval that meet in it, if there are."""
        t, y = self._points(interval)
        allowed, few = self._allowed(interval), self._settings.rounded.points_of_line
        for i in np.argsort(_bends(t, y, few))[::-1]:
            left, right = slice(0, int(i) + few), slice(int(i) + few, None)
            (off, a, b), (beyond, c, e) = straight_line(t[left], y[left]), straight_line(t[right], y[right])
            if max(off, beyond) > allowed:
                continue
            j = int(np.argmax(np.abs(e - b)))
            before, after, bend = float(t[left][-1]), float(t[right][0]), float(np.abs(e[j] - b[j]))
            # What a point off by rounding does to the slopes.
            if bend <= self._settings.rounded.least_bend * allowed * (1 / (before - t[0]) + 1 / (t[-1] - after)):
                continue
            place, slack = float((a[j] - c[j]) / (e[j] - b[j])), allowed / bend
            if before - slack <= place <= after + slack:
                return _Hinge(min(max(place, before), after), before, after, bend)
        return None

    def _beside(self, hinge: _Hinge, interval: _Interval) -> Float64Array:
        """Places closer to a kink than the points around it, which show whether it is one alone; none if too close."""
        settings = self._settings.rounded
        half = settings.look * (hinge.after - hinge.before)
        half = max(half, settings.look_slack * self._allowed(interval) / hinge.bend)
        places = np.array([hinge.place - half, hinge.place + half])
        return places[(places > hinge.before) & (places < hinge.after)]

    def _is_close(self, hinge: _Hinge, interval: _Interval) -> bool:
        """Whether the points to both sides of a kink are so close that no closer ones are worth it."""
        return interval.looks >= self._settings.rounded.looks or not len(self._beside(hinge, interval))

    def _halves(self, interval: _Interval) -> list[_Interval]:
        """The two parts of an interval, cut at one of its points."""
        t, _ = self._points(interval)
        inner = t[1:-1]
        middle = interval.start + float(self._rng.uniform(*self._settings.cut)) * (interval.stop - interval.start)
        cut = float(inner[np.argmin(np.abs(inner - middle))])
        return [_Interval(interval.start, cut), _Interval(cut, interval.stop)]


def _bends(t: Float64Array, y: Float64Array, few: int) -> Float64Array:
    """How much the slope changes across each gap that has some points to both sides: the likely places of a kink."""
    slopes = np.diff(y, axis=0) / np.diff(t)[:, None]
    changes = np.abs(np.diff(slopes, axis=0)).max(axis=1)
    # Gap g lies between points g and g + 1; the slope changes at the points to its two sides.
    gaps = np.arange(few - 1, len(t) - few)
    return np.asarray(np.maximum(changes[gaps - 1], changes[gaps]))

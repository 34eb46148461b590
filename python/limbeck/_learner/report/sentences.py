"""Sentences about the parts of a network: its neurons, the curves that parallel ones make, and its linear part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.curves import Curve, Jump
from limbeck._learner.diagnostics.reading import Reading
from limbeck._learner.report.numbers import NOTHING, clipped, number
from limbeck._learner.report.typography import Typography
from limbeck._learner.report.wording import Wording
from limbeck._tables.column_encodings import Feature

__all__ = ["PartSentences", "has_slopes", "is_of_one_feature", "switches_on"]

# Part of a direction's squared length in one feature, from which on the sentence is about that feature alone, in its
# own unit: the direction is then within 6 degrees of it. Less will do where all other coefficients are within so many
# of their standard errors of nothing.
_ALONE, _ALMOST_ALONE, _WITHIN = 0.99, 0.8, 2.5
# The same, from which on it is about that feature in its own unit, where all others are at their means: within 10
# degrees, a place on one feature says more than a sum of standardised ones.
_MOSTLY_ALONE = 0.97
# Standard deviations: a place without an error is printed to a ten-thousandth of one, so that few rows change sides.
_FINE = 0.1
_CANCELLED = 0.01  # a sum of few terms is rounded by 1e-14 of their size, not by the 1e-12 of a fit
_FAINT_SLOPE = 1e-6  # of the spread: what a decay has made of a slope that is not there
# Of the spread: fits of rows without noise end some 1e-11 of it off, where some slopes rest on few of the rows.
_EXACT = 1e-10
_CONSTANT_ROUNDING = 8 * float(np.finfo(np.float64).eps)  # of the constant that labels are rounded at
_SHOWN, _FAINT = 5, 0.1  # features of a direction, and relative to the largest


def _size_of(reading: Reading) -> float:
    """Size of the terms of a network, neurons and slopes for a standard deviation each, in the unit of its label."""
    return float(np.abs(reading.weights).sum() + np.linalg.norm(reading.linear))


def has_slopes(reading: Reading, slopes: Float64Array | None = None) -> bool:
    """Whether the linear part, or what is left of its slopes, is more than rounding."""
    slopes = reading.linear if slopes is None else slopes
    rounding = NOTHING * _size_of(reading) + _EXACT * reading.spread + _CONSTANT_ROUNDING * abs(reading.constant)
    return bool(np.linalg.norm(slopes) > rounding)


def is_of_one_feature(lead: int, i: int, reading: Reading) -> bool:
    """Whether all other coefficients of a neuron's direction are nothing, or within their errors of it."""
    direction = reading.directions[i]
    if direction[lead] ** 2 > _ALONE or len(direction) == 1:
        return True
    others = np.arange(len(direction)) != lead
    if reading.errors is None or direction[lead] ** 2 < _ALMOST_ALONE:
        return False
    return bool((np.abs(direction) < _WITHIN * reading.errors.directions[i])[others].all())


def _is_mostly_of_one(lead: int, i: int, reading: Reading) -> bool:
    return bool(reading.directions[i, lead] ** 2 > _MOSTLY_ALONE)


def switches_on(i: int, reading: Reading, names: Sequence[str], features: Sequence[Feature] = ()) -> str:
    """Where a neuron is on, in few words."""
    lead = int(np.argmax(np.abs(reading.directions[i])))
    if not is_of_one_feature(lead, i, reading):
        return f"on above {number(float(reading.thresholds[i]) + 0.0, resolution=0.1)}"
    above, at, unit = _place_of(i, lead, reading)
    words = Wording(clipped(names[lead]), features[lead] if features else None)
    place = words.place(at, _FINE * unit) or number(at, resolution=_FINE * unit)
    return f"{words.name} {words.side(above)} {place}"


def _place_of(i: int, lead: int, reading: Reading) -> tuple[bool, float, float]:
    """Whether a neuron is on above a place on a feature, the place, and the feature's unit along its direction."""
    along = reading.directions[i, lead]
    unit = float(reading.scales[lead] / abs(along))
    at = float(reading.means[lead] + np.sign(along) * reading.thresholds[i] * unit)
    return bool(along > 0), at, unit


class PartSentences:
    """Sentences about the parts of a network.

    Parameters
    ----------
    reading : Reading
        What each part does.
    names : sequence of str
        Names of the features.
    target : str
        Name of the label.
    typography : Typography
        How numbers and names are set.
    features : sequence of Feature
        What the features were made of; empty where they are numbers as they are.
    """

    def __init__(
        self,
        reading: Reading,
        names: Sequence[str],
        target: str,
        typography: Typography,
        features: Sequence[Feature] = (),
    ) -> None:
        self._reading, self._set = reading, typography
        self._names, self._target = [typography.name(name) for name in names], typography.name(target)
        made_of: Sequence[Feature | None] = features or [None] * len(names)
        self._words = [Wording(name, feature) for name, feature in zip(self._names, made_of, strict=True)]
        self.has_errors = self.has_unknown_errors = self.has_sums = False  # in the sentences made so far
        self._curved = {i for curve in reading.curves for i in curve.members}

    @property
    def absorbed(self) -> list[int]:
        """Features whose slope in the linear part is in the sentence about their curve."""
        return [curve.feature for curve in self._reading.curves if curve.feature is not None]

    def all(self) -> list[tuple[str, str, float]]:
        """Title, sentence and share of every part: curves and neurons in their order, and the linear part."""
        reading = self._reading
        singles = [i for i in range(len(reading.weights)) if i not in self._curved]
        parts = [(i, f"Neuron {i}", self.neuron(i), float(reading.shares[i])) for i in singles]
        parts += [
            (curve.members[0], _neurons(curve.members), self.curve(curve), curve.share) for curve in reading.curves
        ]
        found = [part[1:] for part in sorted(parts, key=lambda part: part[0])]
        return [*found, ("Linear part", self.linear(), self._linear_share())]

    def shares(self) -> Float64Array:
        """Share of every part, in the order of its sentences."""
        return np.array([share for _, _, share in self.all()])

    def _linear_share(self) -> float:
        return float(self._reading.shares[-1] - sum(curve.linear_share for curve in self._reading.curves))

    def _number(
        self,
        value: float,
        error: float | None,
        signed: bool = False,
        scale: float = 0.0,
        resolution: float | None = None,
    ) -> str:
        if not (scale if resolution is None else resolution):
            resolution = abs(value)  # four digits of any size
        self.has_unknown_errors |= error is not None and not np.isfinite(error)
        text = self._set.number(value, error, signed, scale, resolution)
        self.has_errors |= self._set.plus_minus in text
        return text

    def _place(
        self, at: float, error: float | None, unit: float, resolution: float, words: Wording | None = None
    ) -> str:
        """Where a kink is, as a number, a date or a category; ``unit`` is the standard deviation of what it is on."""
        if words is not None and (place := words.place(at, resolution)) is not None:
            _, error = _unless_rounding(at, error, unit)
            if error is None or not np.isfinite(error) or not words.is_date:
                return place
            self.has_errors = True
            return f"{place}{self._set.plus_minus}{words.distance(error)}"
        return self._number(*_unless_rounding(at, error, unit), False, unit, resolution)

    # ---- A neuron ----

    def neuron(self, i: int) -> str:
        """Where a neuron is on, what it does there, and how much that matters."""
        reading, errors = self._reading, self._reading.errors
        weight, threshold = float(reading.weights[i]), float(reading.thresholds[i])
        weight_error = None if errors is None else float(errors.output[i])
        threshold_error = None if errors is None else float(errors.thresholds[i])
        moves = f"{self._target} {'rises' if weight > 0 else 'falls'} by"
        lead = int(np.argmax(np.abs(reading.directions[i])))
        alone = is_of_one_feature(lead, i, reading)
        if alone or _is_mostly_of_one(lead, i, reading):
            words, (above, at, unit) = self._words[lead], _place_of(i, lead, reading)
            side = words.side(above)
            slope = self._number(abs(weight) / unit, _times(weight_error, 1 / unit))
            start = self._place(at, _times(threshold_error, unit), unit, _FINE * unit, words)
            others = "" if alone else f" ({self._others(i, lead)})"
            where = f"where {words.name} is {side} {start}{others}"
            does = f"{moves} {slope} {words.each} {side} that"
        else:
            start = self._place(threshold, threshold_error, 1.0, 1.0)
            where = f"where {self._sum(reading.directions[i])} is above {start}"
            does = f"{moves} {self._number(abs(weight), weight_error)} per unit beyond"
            largest = 0.0 if errors is None else float(errors.directions[i].max())
            self.has_unknown_errors |= not np.isfinite(largest)
            if not largest <= NOTHING:
                where += f" (coefficients {self._set.sign}{self._set.space}{_short(largest)})"
        active, share = self._set.percentage(reading.active[i]), self._set.percentage(reading.shares[i])
        return f"{where}, {does}. On in {active} of the rows, {share} of the variance."

    def _others(self, i: int, lead: int) -> str:
        """What else moves a kink that is told as a place on one feature."""
        direction = np.delete(self._reading.directions[i], lead)
        k = int(np.argmax(np.abs(direction)))
        name, ratio = self._names[k + (k >= lead)], direction[k] / self._reading.directions[i, lead]
        means, unit = ("at its mean", " standardised") if self._reading.counts_in_deviations else ("0", "")
        most = f"{abs(ratio):.2f} of{unit} {name} most"
        return f"all else {means}, which {'adds to' if ratio > 0 else 'takes from'} it: {most}"

    # ---- A curve ----

    def curve(self, curve: Curve) -> str:
        """Slopes, kinks and steps of neurons that act as one function."""
        of = self._names[curve.feature] if curve.feature is not None else f"u = {self._sum(curve.direction)}"
        each = self._words[curve.feature].each if curve.feature is not None else "for each unit of u"
        whole = [(jump.first, jump.last) for jump in curve.jumps] == [(0, len(curve.knots) - 1)]
        kind = "a step in" if whole else "a curve of"
        together = "" if len(curve.members) == 1 else "together "
        text = f"{together}{kind} {of}: {self._slope(curve, 0)} {each}"
        jumps = {jump.first: jump for jump in curve.jumps}
        place = 0
        while place < len(curve.knots):
            jump = jumps.get(place)
            after = place if jump is None else jump.last
            text += f" up to {self._knot(curve, place)}"
            if jump is not None:
                text += f", where {self._target} {self._jump(curve, jump)}"
            text += f", then {self._slope(curve, after + 1)}" if after < len(curve.knots) - 1 else ""
            place = after + 1
        return f"{text}, and beyond {self._slope(curve, -1)}. {self._set.percentage(curve.share)} of the variance."

    def _jump(self, curve: Curve, jump: Jump) -> str:
        error = None if curve.knot_errors is None else jump.error
        height = self._number(abs(jump.height), error, False, _CANCELLED * self._size(curve), self._reading.spread)
        way = "rises" if jump.height > 0 else "falls"
        return f"{way} by {height} until {self._knot(curve, jump.last)}"

    def _slope(self, curve: Curve, place: int) -> str:
        unit = 1.0 if curve.feature is None else float(self._reading.scales[curve.feature])
        value, error = self._visible(
            float(curve.slopes[place]), None if curve.slope_errors is None else float(curve.slope_errors[place])
        )
        text = self._number(value / unit, _times(error, 1 / unit), True, _CANCELLED * self._size(curve) / unit, 0.0)
        return f"slope {text.removeprefix('+') if text == '+0' else text}"

    def _visible(self, slope: float, error: float | None) -> tuple[float, float | None]:
        """A slope for each standard deviation; nothing, if it is rounding or faint and within its error of nothing."""
        slope, error = _unless_rounding(slope, error, self._reading.spread)
        faint = _FAINT_SLOPE * self._reading.spread
        if error is not None and max(abs(slope), error) < faint and abs(slope) < _WITHIN * error:
            return 0.0, None
        return slope, error

    def _size(self, curve: Curve) -> float:
        """Size of the neurons of a curve, whose slopes and steps may be much smaller."""
        return float(np.abs(self._reading.weights[list(curve.members)]).sum())

    def _knot(self, curve: Curve, place: int) -> str:
        """Where a kink is, to the digits by which it differs from the next one."""
        gaps = np.diff(curve.knots)[max(place - 1, 0) : place + 1]
        error = None if curve.knot_errors is None else float(curve.knot_errors[place])
        mean, unit = 0.0, 1.0
        if curve.feature is not None:
            mean, unit = float(self._reading.means[curve.feature]), float(self._reading.scales[curve.feature])
        resolution = unit * float(min(_FINE, gaps.min(initial=1.0)))
        words = None if curve.feature is None else self._words[curve.feature]
        return self._place(mean + unit * float(curve.knots[place]), _times(error, unit), unit, resolution, words)

    # ---- The linear part ----

    def linear(self) -> str:
        """The constant and the slopes of the linear part."""
        reading, errors = self._reading, self._reading.errors
        size = _size_of(reading)
        starts = sum(curve.start for curve in reading.curves)
        constant = reading.constant + starts
        slopes = np.array([self._visible_linear(j)[0] for j in range(len(reading.linear))])
        slopes[self.absorbed] = 0.0
        # Means far from 0 leave rounding of their own in the value there, of each slope's part.
        steepness = np.abs(reading.linear) + np.abs(reading.weights) @ np.abs(reading.directions)
        far = float(steepness @ np.abs(reading.means / reading.scales))
        scale = size + _CONSTANT_ROUNDING / NOTHING * far
        sloped = has_slopes(reading, slopes)
        if abs(constant) <= NOTHING * scale and not sloped:
            return "none."
        error = None if errors is None else float(errors.bias)
        if errors is not None and reading.curves:
            error = reading.curves[0].start_error
        value, error = _unless_rounding(constant, error, reading.spread)
        start = self._number(value, error, scale=scale, resolution=reading.spread or size)
        if not sloped:
            return f"{start}{self._curves_at_0(' where ', ' is 0', ' are 0')}, a constant."
        shown = _largest(slopes)
        texts = ", ".join(f"{self._linear_slope(j)} {self._words[j].term}" for j in shown)
        every = "every feature" if not self.absorbed else "every other feature"
        where = f"the mean of {every}" if reading.counts_in_deviations else "0"
        where = f"at {where}{self._curves_at_0(', ', ' at 0', ' at 0')}"
        share = self._set.percentage(self._linear_share())
        share = share[0].upper() + share[1:]
        return f"{start} {where}; per unit {texts}{_rest(slopes, shown)}. {share} of the variance."

    def _linear_slope(self, j: int) -> str:
        slope, error = self._visible_linear(j)
        unit = float(self._reading.scales[j])
        return self._number(slope / unit, _times(error, 1 / unit), True, _size_of(self._reading) / unit, 0.0)

    def _visible_linear(self, j: int) -> tuple[float, float | None]:
        errors = self._reading.errors
        return self._visible(float(self._reading.linear[j]), None if errors is None else float(errors.linear[j]))

    def _curves_at_0(self, before: str, one: str, more: str) -> str:
        """The condition on curves under which the constant is the value."""
        count = len(self._reading.curves)
        return "" if not count else f"{before}the curve{one}" if count == 1 else f"{before}the curves{more}"

    # ---- Directions ----

    def _sum(self, direction: Float64Array) -> str:
        """The largest coefficients as a sum."""
        self.has_sums = True
        shown = _largest(direction)
        text = ""
        for place, j in enumerate(shown):
            negative = direction[j] < 0
            sign = self._set.minus if negative else "+"
            text += (f" {sign} " if place else sign if negative else "") + f"{abs(direction[j]):.2f} {self._names[j]}"
        rest = _rest(direction, shown)
        standardised = " (standardised)" if self._reading.counts_in_deviations else ""
        return f"{text}{f' ({rest.strip()})' if rest else ''}{standardised}"


def _neurons(members: Sequence[int]) -> str:
    """Numbers of neurons: "Neuron 2", "Neurons 0 and 1", "Neurons 0, 2 and 5"."""
    numbers = [str(i) for i in members]
    return f"Neurons {', '.join(numbers[:-1])} and {numbers[-1]}" if len(numbers) > 1 else f"Neuron {numbers[0]}"


def _largest(direction: Float64Array) -> list[int]:
    size = np.abs(direction)
    order = np.argsort(-size, kind="stable")[:_SHOWN]
    return [int(j) for j in order if size[j] > _FAINT * size[order[0]]]


def _rest(direction: Float64Array, shown: Sequence[int]) -> str:
    left = int((np.abs(direction) > NOTHING * np.abs(direction).max()).sum()) - len(shown)
    return f" and {left} smaller" if left > 0 else ""


def _unless_rounding(value: float, error: float | None, spread: float) -> tuple[float, float | None]:
    """A number and its error; nothing, if both are what a fit of rows without noise may be off by."""
    size = abs(value) if error is None else max(abs(value), error)
    return (0.0, None) if size < _EXACT * spread else (value, error)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * float(factor)


def _short(error: float) -> str:
    """Two digits of an error."""
    if not np.isfinite(error):
        return "?"
    return f"{error:.1e}" if 0 < error < 1e-4 or error >= 1e6 else f"{float(f'{error:.2g}'):g}"

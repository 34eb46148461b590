"""Resolving a clump: its neurons learned from the rows between their kinks.

Near-collinear neurons differ only where some of their gates are open and others shut: in a narrow band around the
hyperplane of the clump's centre. Outside the band their sum is a linear function on either side, whatever their number.
So the rows of the band, with the coordinate along the centre stretched until the band is as wide as the others, are a
learning problem of their own: a few neurons, now far apart, in as many dimensions, and only as many rows as matter.
What is found there goes back into the network in the place of the clump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.candidates import collapse
from limbeck._learner.model.clumps import centre_of
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["ClumpProblem", "excess_band"]

_MOST_ROWS = 4000
_ROWS_PER_PARAMETER = 2.5
_NARROWING = (1.0, 0.5, 0.25)
_STARTS = 3
_MOST_BANDS = 12
_BANDS = tuple(0.5 * 2.0**-i for i in range(_MOST_BANDS))
_ROWS_OF_BAND = 20


def excess_band(errors: Float64Array, distance: Float64Array) -> tuple[float, float]:
    """Half-width of the band around a hyperplane where squared residuals are most clearly too large, and how clearly.

    Parameters
    ----------
    errors : ndarray of shape (n,)
        Squared residuals.
    distance : ndarray of shape (n,)
        Distances of the rows to the hyperplane.

    Returns
    -------
    band, z : float
        ``z`` is the excess in standard errors of a mean over as many rows.
    """
    mean, spread = float(errors.mean()), float(errors.std())
    if spread == 0:
        return _BANDS[0], 0.0
    # The bands are powers of two, so a distance's binary exponent tells which of them it is in.
    place = np.where(distance > 0, np.clip(-np.frexp(distance)[1], 0, _MOST_BANDS), _MOST_BANDS)
    counts = np.bincount(place, minlength=_MOST_BANDS + 1)[::-1].cumsum()[::-1]
    sums = np.bincount(place, weights=errors, minlength=_MOST_BANDS + 1)[::-1].cumsum()[::-1]
    enough = np.flatnonzero(counts[1:] > _ROWS_OF_BAND)
    if not len(enough):
        return _BANDS[0], -np.inf
    z = (sums[1:][enough] / counts[1:][enough] - mean) * np.sqrt(counts[1:][enough]) / spread
    best = int(np.argmax(z))
    return _BANDS[enough[best]], float(z[best])


@dataclass
class ClumpProblem:
    """The learning problem inside the band of one clump.

    Attributes
    ----------
    model : Model
        The network as it is.
    members : list of int
        The neurons to replace.
    centre : ndarray of shape (d,)
        Unit normal of the band.
    band : float
        Half its width.
    rows : Rows
        Rows of the band, stretched along the centre by 1 / band; labels less everything but the members.
    """

    model: Model
    members: list[int]
    centre: Float64Array
    band: float
    rows: Rows

    @classmethod
    def into(
        cls, model: Model, members: list[int], band: float, rows: Rows, others: list[tuple[Float64Array, float]]
    ) -> ClumpProblem:
        """Cut out the band, less the bands ``others`` (normals, half-widths), whose rows have errors of their own."""
        centre = centre_of(model, members)
        along, *beside = rows.along(np.array([centre, *(normal for normal, _ in others)])).T
        inside = np.abs(along) < band
        for distance, (_, width) in zip(beside, others, strict=True):
            inside &= np.abs(distance) > width
        index = np.flatnonzero(inside)[:_MOST_ROWS]
        part = rows.part(index)
        rest = _kept(model, members)
        stretched = part.X + np.outer((1 / band - 1) * along[index], centre)
        return cls(model, members, centre, band, Rows(stretched, part.residuals(rest), part.weights, rows.n_threads))

    def has_rows_for(self, parts: int) -> bool:
        """Whether there are rows enough to tell ``parts`` neurons apart."""
        return bool(len(self.rows) > _ROWS_PER_PARAMETER * (parts + 1) * (self.rows.X.shape[1] + 1))

    def current(self) -> Model:
        """The members as they are, in the stretched coordinates."""
        keep = [*self.members, self.model.width]
        parameters = self.model.parameters[keep]
        parameters[:, :-1] += np.outer(parameters[:, :-1] @ self.centre, self.centre) * (self.band - 1)
        return Model(self.model.signs[self.members], parameters)

    def put_back(self, inner: Model) -> Model:
        """The network with ``inner`` in the place of the members."""
        rest = _kept(self.model, self.members)
        parameters = inner.parameters.copy()
        parameters[:, :-1] += np.outer(parameters[:, :-1] @ self.centre, self.centre) * (1 / self.band - 1)
        return Model(np.append(rest.signs, inner.signs), np.concatenate([rest.parameters[:-1], parameters]))

    def starts(self, parts: int, fit: Fit, rng: np.random.Generator, afresh: bool) -> Iterator[Model]:
        """Models of at most ``parts`` neurons to begin from: narrower copies and, ``afresh``, wide ones collapsed."""
        current = self.current()
        if current.width == parts:
            for factor in _NARROWING:
                yield _narrowed(current, self.centre, factor)
        if not afresh:
            return
        line, error = fit(linear_model(self.rows.X.shape[1]), self.rows)
        size = np.sqrt(error)
        for _ in range(_STARTS):
            wide = line
            for j in range(2 * parts + 2):
                offset = rng.standard_normal(len(self.centre))
                offset -= (offset @ self.centre) * self.centre
                u = self.centre + 0.5 * offset / np.linalg.norm(offset)
                wide = wide.with_neuron(u / np.linalg.norm(u), size * (-1.0) ** j * rng.uniform(0.5, 1.5))
            wide, _ = fit(wide, self.rows)
            yield collapse(wide, self.rows, parts, fit)[0]

    def resolve(
        self, parts: int, fit: Fit, rng: np.random.Generator, afresh: bool = True
    ) -> tuple[Model, float] | None:
        """The best model of at most ``parts`` neurons in the band, if better than the members, and its gain.

        The gain is the number of rows times the logarithm of the ratio of the errors, the same model refined being the
        measure: what a longer refinement alone would have reached is no gain of the zoom.
        """
        _, before = fit(self.current(), self.rows)
        found = [fit(start, self.rows) for start in self.starts(parts, fit, rng, afresh)]
        if not found:
            return None
        model, after = min(found, key=lambda pair: pair[1])
        if not 0 <= after < before:
            return None
        gain = len(self.rows) * float(np.log(before / max(after, np.finfo(float).tiny)))
        return self.put_back(model), gain


def _kept(model: Model, members: list[int]) -> Model:
    """The network without the members and without the linear part, which the zoom finds anew."""
    keep = [i for i in range(model.width) if i not in members]
    return Model(model.signs[keep], np.vstack([model.parameters[keep], np.zeros_like(model.parameters[-1:])]))


def _narrowed(model: Model, centre: Float64Array, factor: float) -> Model:
    """Offsets from the mean shrunk, and differences of weights raised by as much: dipoles keep their strength."""
    along = model.neurons[:, :-1] @ centre
    turned = model.neurons * np.sign(along)[:, None]
    last = model.parameters[-1] + model.signs[along < 0] @ model.neurons[along < 0]  # s relu(z) = s relu(-z) + s z
    heights = np.maximum(np.abs(along), np.finfo(float).tiny)
    weights, rows = model.signs * heights, turned / heights[:, None]
    weights = weights.mean() + (weights - weights.mean()) / factor
    rows = rows.mean(axis=0) + factor * (rows - rows.mean(axis=0))
    return Model(np.where(weights < 0, -1.0, 1.0), np.vstack([np.abs(weights)[:, None] * rows, last]))

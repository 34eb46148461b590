"""Resolution of a clump: its neurons learned from the rows between their kinks.

Near-collinear neurons differ only where some of their gates are open and others shut: in a narrow band around the
hyperplane of the clump's centre. Outside the band their sum is a linear function on either side, whatever their number.
So the rows of the band, with the coordinate along the centre stretched until the band is as wide as the others, are a
learning problem of their own: a few neurons, now far apart, in as many dimensions, and only as many rows as matter.
The neurons learned there replace the clump in the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.candidates import collapse
from limbeck._learner.gaussian.settings import DEFAULTS, ClumpSettings
from limbeck._learner.model.clumps import centre_of
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["ClumpProblem", "excess_band"]


def excess_band(
    errors: Float64Array, distance: Float64Array, settings: ClumpSettings = DEFAULTS.clumps
) -> tuple[float, float]:
    """Half-width of the band around a hyperplane where squared residuals are most clearly too large, and how clearly.

    Parameters
    ----------
    errors : ndarray of shape (n,)
        Squared residuals.
    distance : ndarray of shape (n,)
        Distances of the rows to the hyperplane.
    settings : ClumpSettings
        Number of bands to compare, of half-widths 1 / 2, 1 / 4 and so on, and the rows that one must have.

    Returns
    -------
    half_width, excess : float
        The excess of the mean in the band in standard errors of a mean over as many rows.
    """
    half_widths = 0.5 * 2.0 ** -np.arange(settings.n_bands)
    mean, spread = float(errors.mean()), float(errors.std())
    if spread == 0:
        return float(half_widths[0]), 0.0
    # The bands are powers of two, so a distance's binary exponent tells which of them it is in.
    near = distance < half_widths[0]
    distance = distance[near]
    place = np.where(distance > 0, np.minimum(-np.frexp(distance)[1], settings.n_bands), settings.n_bands)
    counts = np.bincount(place, minlength=settings.n_bands + 1)[::-1].cumsum()[::-1]
    sums = np.bincount(place, weights=errors[near], minlength=settings.n_bands + 1)[::-1].cumsum()[::-1]
    enough = np.flatnonzero(counts[1:] > settings.min_rows_of_band)
    if not len(enough):
        return float(half_widths[0]), -np.inf
    z = (sums[1:][enough] / counts[1:][enough] - mean) * np.sqrt(counts[1:][enough]) / spread
    best = int(np.argmax(z))
    return float(half_widths[enough[best]]), float(z[best])


@dataclass(frozen=True)
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
    half_width : float
        Half the width of the band.
    rows : Rows
        Rows of the band, stretched along the centre by 1 / half_width; labels less everything but the members.
    settings : ClumpSettings
        Numbers of rows and starts.
    """

    model: Model
    members: list[int]
    centre: Float64Array
    half_width: float
    rows: Rows
    settings: ClumpSettings = DEFAULTS.clumps

    @classmethod
    def cut_out(
        cls,
        model: Model,
        members: list[int],
        half_width: float,
        rows: Rows,
        others: list[tuple[Float64Array, float]],
        settings: ClumpSettings = DEFAULTS.clumps,
    ) -> ClumpProblem:
        """Take the rows of a band outside the bands ``others`` (normals, half-widths), whose errors have other reasons.

        The first ``settings.max_rows`` of them are used.
        """
        centre = centre_of(model, members)
        along, *beside = rows.along(np.array([centre, *(normal for normal, _ in others)])).T
        inside = np.abs(along) < half_width
        for distance, (_, width) in zip(beside, others, strict=True):
            inside &= np.abs(distance) > width
        index = np.flatnonzero(inside)[: settings.max_rows]
        part = rows.part(index)
        stretched = part.X + np.outer((1 / half_width - 1) * along[index], centre)
        labels = part.residuals(_without_members(model, members))
        return cls(model, members, centre, half_width, replace(part, X=stretched, y=labels), settings)

    def has_rows_for(self, width: int) -> bool:
        """Whether there are rows enough to tell ``width`` neurons apart."""
        parameters = (width + 1) * (self.rows.n_features + 1)
        return bool(len(self.rows) > self.settings.rows_per_parameter * parameters)

    def members_stretched(self) -> Model:
        """The members and the linear part as they are, in the stretched coordinates."""
        keep = [*self.members, self.model.width]
        parameters = self.model.parameters[keep]
        parameters[:, :-1] += np.outer(parameters[:, :-1] @ self.centre, self.centre) * (self.half_width - 1)
        return Model(self.model.signs[self.members], parameters)

    def with_replaced(self, inner: Model) -> Model:
        """The network with ``inner``, of the stretched coordinates, in the place of the members and the linear part."""
        rest = _without_members(self.model, self.members)
        parameters = inner.parameters.copy()
        parameters[:, :-1] += np.outer(parameters[:, :-1] @ self.centre, self.centre) * (1 / self.half_width - 1)
        return Model(np.append(rest.signs, inner.signs), np.concatenate([rest.parameters[:-1], parameters]))

    def starts(
        self, members: Model, width: int, fit: Fit, rng: np.random.Generator, random_starts: bool
    ) -> Iterator[Model]:
        """Yield models of at most ``width`` neurons to refine: contracted members, and collapsed random networks.

        ``members`` are those stretched, and the first start where they are as many.
        """
        if members.width == width:
            for factor in self.settings.contractions:
                yield members if factor == 1 else _contracted(members, self.centre, factor)
        if not random_starts:
            return
        linear, error = fit(linear_model(self.rows.n_features), self.rows)
        for _ in range(self.settings.wide_starts):
            wide, _ = fit(self._around_centre(linear, 2 * width + 2, np.sqrt(error), rng), self.rows)
            yield collapse(wide, self.rows, width, fit)[0]

    def _around_centre(self, linear: Model, count: int, size: float, rng: np.random.Generator) -> Model:
        """A linear model with neurons in random directions around the centre, of alternating signs."""
        model = linear
        for j in range(count):
            offset = rng.standard_normal(len(self.centre))
            offset -= (offset @ self.centre) * self.centre
            u = self.centre + self.settings.offset * offset / np.linalg.norm(offset)
            model = model.with_neuron(u / np.linalg.norm(u), size * (-1.0) ** j * rng.uniform(*self.settings.sizes))
        return model

    def resolve(
        self, width: int, fit: Fit, rng: np.random.Generator, random_starts: bool = True
    ) -> tuple[Model, float] | None:
        """The network with the best of at most ``width`` neurons in the place of the members, and its gain.

        The gain is the number of rows times the logarithm of the ratio of the errors, where the members are refined as
        well: what a longer refinement alone would have reached is no gain. None if there is none.
        """
        members = self.members_stretched()
        as_they_are, before = fit(members, self.rows)
        fitted = [
            (as_they_are, before) if start is members else fit(start, self.rows)
            for start in self.starts(members, width, fit, rng, random_starts)
        ]
        if not fitted:
            return None
        model, after = min(fitted, key=lambda pair: pair[1])
        if not 0 <= after < before:
            return None
        gain = len(self.rows) * float(np.log(before / max(after, np.finfo(float).tiny)))
        return self.with_replaced(model), gain


def _without_members(model: Model, members: list[int]) -> Model:
    """The network without the members and without the linear part, which the resolution fits anew."""
    keep = [i for i in range(model.width) if i not in members]
    return Model(model.signs[keep], np.vstack([model.parameters[keep], np.zeros_like(model.parameters[-1:])]))


def _contracted(model: Model, centre: Float64Array, factor: float) -> Model:
    """Offsets from the mean shrunk, and differences of weights raised by as much: dipoles keep their strength."""
    along = model.neurons[:, :-1] @ centre
    flipped = model.neurons * np.sign(along)[:, None]
    last = model.parameters[-1] + model.signs[along < 0] @ model.neurons[along < 0]  # s relu(z) = s relu(-z) + s z
    heights = np.maximum(np.abs(along), np.finfo(float).tiny)
    weights, rows = model.signs * heights, flipped / heights[:, None]
    weights = weights.mean() + (weights - weights.mean()) / factor
    rows = rows.mean(axis=0) + factor * (rows - rows.mean(axis=0))
    return Model(np.where(weights < 0, -1.0, 1.0), np.vstack([np.abs(weights)[:, None] * rows, last]))

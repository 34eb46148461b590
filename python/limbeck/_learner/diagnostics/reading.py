"""What each part of a network does on rows of data, in numbers that do not depend on the features' units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.curves import Curve, Parts, curves_of
from limbeck._learner.diagnostics.settings import DIAGNOSTICS, DiagnosticsSettings
from limbeck._learner.diagnostics.standard_errors import StandardErrors
from limbeck._learner.model.coordinates import weighted_mean
from limbeck.network import ReLUNetwork

__all__ = ["Reading", "in_deviations", "moments_of", "read", "some_rows"]


@dataclass(frozen=True)
class Reading:
    """A network with its features counted in standard deviations from their means, and what its parts do on the rows.

    With v = (x - means) / scales the network is ``constant + linear @ v + sum_i weights[i] * relu(directions[i] @ v -
    thresholds[i])``, neurons in the order of the network.

    Attributes
    ----------
    means, scales : ndarray of shape (d,)
        Means and standard deviations of the features; a feature that does not vary has scale 1.
    weights : ndarray of shape (k,)
        What the network gains by each standard deviation beyond a neuron's threshold.
    directions : ndarray of shape (k, d)
        Unit rows.
    thresholds : ndarray of shape (k,)
        A neuron is on where ``directions[i] @ v`` is above this.
    linear : ndarray of shape (d,)
        Slopes of the linear part.
    constant : float
        Value of the linear part where all features are at their means.
    active : ndarray of shape (k,)
        Fraction of the rows that a neuron is on for.
    shares : ndarray of shape (k + 1,)
        Shares of each neuron and, last, the linear part in the variance of the network's values: covariance of the
        part with the whole over the variance of the whole. They add up to 1; what others cancel may be negative or
        above 1.
    errors : limbeck.results.StandardErrors or None
        Standard errors of ``directions``, ``weights`` (its ``output``), ``thresholds``, ``linear`` and ``constant``
        (its ``bias``), if they were asked for.
    curves : tuple of Curve
        Neurons that act as a function of one feature or of one direction, read together as a piecewise linear curve of
        it: what each of them does alone may be what the others, or the linear part, cancel.
    spread : float
        Standard deviation of the network's values on the rows.
    """

    means: Float64Array
    scales: Float64Array
    weights: Float64Array
    directions: Float64Array
    thresholds: Float64Array
    linear: Float64Array
    constant: float
    active: Float64Array
    shares: Float64Array
    errors: StandardErrors | None = None
    curves: tuple[Curve, ...] = ()
    spread: float = 0.0

    @property
    def counts_in_deviations(self) -> bool:
        """Whether v is not just x: some feature has another mean than 0 or another standard deviation than 1."""
        return bool(self.means.any() or (self.scales != 1).any())

    @property
    def parts(self) -> Parts:
        """What the curves are made of."""
        return Parts(self.weights, self.directions, self.thresholds, self.linear)

    @property
    def network(self) -> ReLUNetwork:
        """The network of v, neurons in the same order."""
        return ReLUNetwork(
            self.directions, self.weights, linear=self.linear, bias=self.constant, thresholds=-self.thresholds
        )


def some_rows(X: Float64Array, weights: Float64Array | None, max_rows: int) -> tuple[Float64Array, Float64Array | None]:
    """At most ``max_rows`` rows, drawn without replacement and always the same, and their weights."""
    if len(X) <= max_rows:
        return X, weights
    at = np.sort(np.random.default_rng(0).choice(len(X), max_rows, replace=False))
    return X[at], None if weights is None else weights[at]


def moments_of(X: Float64Array, weights: Float64Array | None) -> tuple[Float64Array, Float64Array]:
    """Means and standard deviations of columns, 1 for one that does not vary."""
    means = weighted_mean(X, weights)
    scales = np.sqrt(weighted_mean(np.square(X - means), weights))
    return means, np.where(scales > 0, scales, 1.0)


def in_deviations(X: Float64Array, means: Float64Array, scales: Float64Array) -> Float64Array:
    """Features in standard deviations from their means; no copy where that changes nothing."""
    return (X - means) / scales if means.any() or (scales != 1).any() else X


def read(
    network: ReLUNetwork,
    X: Float64Array,
    weights: Float64Array | None = None,
    *,
    means: Float64Array | None = None,
    scales: Float64Array | None = None,
    settings: DiagnosticsSettings = DIAGNOSTICS,
) -> Reading:
    """Measure a network on rows.

    Parameters
    ----------
    network : ReLUNetwork
        On the features as they are.
    X : ndarray of shape (n, d)
        Rows, of which at most 20,000 are looked at.
    weights : ndarray of shape (n,), optional
        Weights of the rows.
    means, scales : ndarray of shape (d,), optional
        What to count features from and in; default means and standard deviations of the rows.
    settings : DiagnosticsSettings
        Number of rows, and what is a curve.

    Returns
    -------
    Reading
    """
    X, weights = some_rows(X, weights, settings.reading_rows)
    if means is None or scales is None:
        means, scales = moments_of(X, weights)
    inner = X @ network.weights.T + network.thresholds
    added = np.column_stack([np.maximum(inner, 0) * network.output, X @ network.linear])
    added -= weighted_mean(added, weights)
    total = added.sum(axis=1)
    counted = total if weights is None else weights * total
    variance = float(counted @ total)
    sizes = np.linalg.norm(network.weights * scales, axis=1)
    sizes = np.where(sizes > 0, sizes, 1.0)
    parts = Parts(
        weights=network.output * sizes,
        directions=network.weights * scales / sizes[:, None],
        thresholds=-(network.thresholds + network.weights @ means) / sizes,
        linear=network.linear * scales,
    )
    return Reading(
        means=means,
        scales=scales,
        weights=parts.weights,
        directions=parts.directions,
        thresholds=parts.thresholds,
        linear=parts.linear,
        constant=network.bias + float(network.linear @ means),
        active=weighted_mean((inner > 0).astype(np.float64), weights),
        shares=added.T @ counted / variance if variance > 0 else np.zeros(added.shape[1]),
        curves=curves_of(parts, in_deviations(X, means, scales), added, weights, settings) if network.width else (),
        spread=float(np.sqrt(variance / (len(X) if weights is None else weights.sum()))),
    )

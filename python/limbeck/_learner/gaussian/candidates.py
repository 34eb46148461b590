"""Candidate networks inside a span, from several sources, each refined by Levenberg-Marquardt.

All work is on rows projected to the span (r coordinates), where a refinement takes milliseconds. Three sources,
cheapest first:

- *eigen*: one neuron along each leading eigenvector of the second moment, signed by its eigenvalue. Exact starts when
  directions are few and far apart; refinement turns them into the neurons.
- *peaks*: one neuron at a time at the strongest peak of a scale-space search over directions, all neurons so far
  refined after each.
- *wide*: more neurons than wanted from random directions, refined, then close ones merged and faint ones dropped,
  refined again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import factorial

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.settings import DEFAULTS, CandidateSettings
from limbeck._learner.model.clumps import cluster
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = [
    "Candidate",
    "candidates",
    "collapse",
    "from_eigenvectors",
    "from_wide",
    "kink_weight",
    "profile_derivatives",
    "scale_space_peaks",
]


@dataclass(frozen=True)
class Candidate:
    """A model in the coordinates of the span, with the source that proposed it and its error on the rows used."""

    model: Model
    source: str
    error: float


def _even_profile(top: int) -> tuple[list[int], Float64Array]:
    """Even orders up to ``top`` and weights of a test function that is sharp at a kink.

    The Hermite coefficient of |t| at order l, in the normalised polynomials, is 2 He_{l-2}(0) / sqrt(2 pi l!); it falls
    like l^(-5/4). Its signs, times l^(-1/2), give a test function that weighs the orders almost evenly.
    """
    orders = list(range(2, top + 1, 2))
    signs = [(-1.0) ** (l // 2 - 1) for l in orders]
    return orders, np.array([s / np.sqrt(l) for s, l in zip(signs, orders, strict=True)])


def scale_space_peaks(
    Z: Float64Array,
    residual: Float64Array,
    rng: np.random.Generator,
    n_threads: int | None = None,
    settings: CandidateSettings = DEFAULTS.candidates,
) -> Float64Array:
    """Directions at which a residual has a kink, strongest first, from coarse to fine scales.

    Parameters
    ----------
    Z : ndarray of shape (n, r)
        Inputs in the span, N(0, I_r).
    residual : ndarray of shape (n,)
        Labels less what a model explains.
    rng : numpy.random.Generator
        For the directions to start from.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.
    settings : CandidateSettings
        Orders of the test functions, and numbers of rows, directions and steps.

    Returns
    -------
    ndarray of shape (m, r)
        Unit directions, distinct modulo sign, one or more for each scale.
    """
    if len(Z) > settings.peak_rows:  # drawn: rows may come in any order
        drawn = np.sort(rng.choice(len(Z), settings.peak_rows, replace=False))
        Z, residual = Z[drawn], residual[drawn]
    r = Z.shape[1]
    start = rng.standard_normal((settings.directions_per_dimension * r, r))
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    peaks: list[Float64Array] = []
    for top in settings.orders:
        orders, weights = _even_profile(top)
        norms = np.array([np.sqrt(float(factorial(l))) for l in orders])
        scores = moments.contract_to_scalar(Z, residual, start, orders, n_threads=n_threads) / norms @ weights
        best = start[np.argsort(-np.abs(scores))[: settings.climbs]]
        for peak in _climb(Z, residual, best, orders, weights / norms, settings.climb_steps):
            if all(abs(peak @ other) < settings.same_peak for other in peaks):
                peaks.append(peak)
    return np.array(peaks)


def _derivatives(orders: list[int], weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Coefficients, in He_0, He_1, ..., of psi' and psi'' for psi = sum_l w_l He_l."""
    first, second = np.zeros(max(orders)), np.zeros(max(orders))
    for l, w in zip(orders, weights, strict=True):
        first[l - 1] = w * l
        second[l - 2] = w * l * (l - 1)
    return first, second


def profile_derivatives(top: int) -> tuple[Float64Array, Float64Array]:
    """Coefficients, in He_0, He_1, ..., of psi' and psi'' for the test function psi of even orders up to ``top``."""
    orders, weights = _even_profile(top)
    return _derivatives(orders, weights / np.array([np.sqrt(float(factorial(l))) for l in orders]))


def _climb(
    Z: Float64Array, residual: Float64Array, starts: Float64Array, orders: list[int], weights: Float64Array, steps: int
) -> Float64Array:
    """Fixed-point ascent of the score's size from several directions (rows) at once.

    The score along u is mean r psi(<u, z>), psi = sum_l w_l He_l; its gradient on the sphere is that of the vector
    contractions of all orders together, mean r (psi'(t) z - psi''(t) u), and He_l' = l He_{l-1}.
    """
    from numpy.polynomial.hermite_e import hermeval  # numpy.polynomial takes 12 ms to import

    first, second = _derivatives(orders, weights)
    u = starts
    for _ in range(steps):
        t = Z @ u.T
        gradient = (residual[:, None] * hermeval(t, first)).T @ Z - (residual @ hermeval(t, second))[:, None] * u
        size = np.linalg.norm(gradient, axis=1, keepdims=True)
        u = np.divide(gradient, size, out=u.copy(), where=size > 0)
    return np.asarray(u)


def kink_weight(rows: Rows, residual: Float64Array, u: Float64Array) -> float:
    """Least-squares weight of a neuron along u: twice the weight of |<u, z>|, centred."""
    kink = np.abs(rows.along(u[None])[:, 0])
    kink -= kink.mean()
    size = float(np.square(kink).sum())
    return 2 * float((kink * residual).sum()) / size if size > 0 else 0.0


def from_eigenvectors(rows: Rows, values: Float64Array, vectors: Float64Array, width: int, fit: Fit) -> Candidate:
    """One neuron along each leading eigenvector (row) of the second moment, refined on the rows."""
    model = linear_model(rows.X.shape[1])
    for value, u in zip(values[:width], vectors, strict=False):
        model = model.with_neuron(u, value * np.sqrt(2 * np.pi))
    return _candidate("eigen", fit(model, rows))


def _from_peaks(
    rows: Rows, width: int, fit: Fit, rng: np.random.Generator, settings: CandidateSettings = DEFAULTS.candidates
) -> Candidate:
    """Neurons one by one at the best of the residuals' peaks, all refined on the rows after each."""
    model, _ = fit(linear_model(rows.X.shape[1]), rows)
    for _ in range(width):
        if fit.out_of_time():
            break
        residual = rows.residuals(model)
        trials = []
        for u in scale_space_peaks(rows.X, residual, rng, rows.n_threads, settings):
            trial = model.with_neuron(u, kink_weight(rows, residual, u))
            trials.append(fit(trial, rows, max_steps=settings.trial_steps))
        best, _ = min(trials, key=lambda trial: trial[1])
        model, _ = fit(best, rows, max_steps=settings.steps_after_each)
    return _candidate("peaks", fit(model, rows))


def from_wide(
    rows: Rows, width: int, fit: Fit, rng: np.random.Generator, settings: CandidateSettings = DEFAULTS.candidates
) -> Candidate:
    """More neurons than wanted, in random directions of either sign, refined and collapsed to at most ``width``."""
    r = rows.X.shape[1]
    count = 2 * width + 2
    model = linear_model(r)
    size = float(np.std(rows.y)) / np.sqrt(count)
    for i in range(count):
        u = rng.standard_normal(r)
        model = model.with_neuron(np.asarray(u / np.linalg.norm(u)), size * (-1.0) ** i)
    model, _ = fit(model, rows)
    return _candidate("wide", collapse(model, rows, width, fit, settings.merge_angle))


def _candidate(source: str, fitted: tuple[Model, float]) -> Candidate:
    model, error = fitted
    return Candidate(model, source, error)


def collapse(
    model: Model, rows: Rows, width: int, fit: Fit, merge_angle: float = DEFAULTS.candidates.merge_angle
) -> tuple[Model, float]:
    """Merge close neurons and drop faint ones until at most ``width`` are left, refining as they go.

    Returns the model and its mean squared error on the rows.
    """
    model, error = fit(model.merged(cluster(model.directions, merge_angle)), rows)
    while model.width > width:
        # Several at a time while far too many: the faintest count least.
        surplus = model.width - width if fit.out_of_time() else max(1, (model.width - width) // 2)
        for _ in range(surplus):
            model = model.without(int(np.argmin(model.sizes)))
        model, error = fit(model, rows)
        groups = cluster(model.directions, merge_angle)
        if len(groups) < model.width:
            model, error = fit(model.merged(groups), rows)
    return model, error


def candidates(
    rows: Rows,
    curvature: Float64Array,
    width: int,
    fit: Fit,
    rng: np.random.Generator,
    settings: CandidateSettings = DEFAULTS.candidates,
) -> Iterator[Candidate]:
    """Yield models of at most ``width`` neurons from one source after another, without end.

    Parameters
    ----------
    rows : Rows
        Rows in the coordinates of the span.
    curvature : ndarray of shape (r, r)
        Second moment of the residual labels in the span.
    width : int
        Largest number of neurons.
    fit : Fit
        How to refine.
    rng : numpy.random.Generator
        For random starts; the sources after the first differ from round to round.
    settings : CandidateSettings
        Settings of the sources.
    """
    sources: list[Callable[[], Candidate]] = [
        lambda: from_wide(rows, width, fit, rng, settings),
        lambda: _from_peaks(rows, width, fit, rng, settings),
        lambda: from_wide(rows, width, fit, rng, settings),
    ]
    if width <= rows.X.shape[1]:
        values, vectors = eigh(curvature)
        order = np.argsort(-np.abs(values))
        yield from_eigenvectors(rows, values[order], vectors.T[order], width, fit)
    while True:
        for source in sources:
            yield source()

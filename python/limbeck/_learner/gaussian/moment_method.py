"""The moment method alone: span, critical scales inside it and directions from moments, weights by least squares.

After Chen, Dou, Goel, Klivans and Meka (COLT 2023, arXiv 2304.10524). The span comes from contractions of moments of
growing orders. Inside it the lines of the neurons are fitted to the moments of all even orders at once, weighed by
their standard errors (generalised method of moments), one more at a time: at the strongest peak of what the others
leave, or a clump split in two at a finer scale. Contractions along the lines found turn them out of the span, and what
the network leaves unexplained is searched for more. Moments are means of labels times polynomials, and their model is
the population's: the loss of the network is never followed, so the error is the sampling error of the moments, of order
k d / n.

What is a theorem and what is not: the paper's algorithm, with a net in place of the fit, has a guarantee of
(d / error)^f(k) samples for every network; the fit from many starts has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from limbeck import moments as moments_of_data
from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.fixed_point import fitted_to_rows, greedy_fixed_points
from limbeck._learner.gaussian.hermite_moments import HermiteMoments, hermite_moments, hermite_table, kink_coefficient
from limbeck._learner.gaussian.high_orders import with_high_orders
from limbeck._learner.gaussian.moment_fit import (
    Lines,
    fitted_lines,
    lines_of_growing_width,
    unit_rows,
    with_best_weights,
)
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings, MomentMethodSettings
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["method_of_moments", "network_inside"]

_BATCH = 4096


@dataclass(frozen=True, eq=False)
class _Problem:
    """Rows, their labels less linear part and mean, and what the method may do."""

    rows: Rows
    even: Float64Array
    max_width: int
    progress: Progress
    rng: np.random.Generator
    settings: GaussianSettings

    @property
    def how(self) -> MomentMethodSettings:
        return self.settings.moment_method

    @property
    def weights(self) -> Float64Array:
        """Weights of the rows, of mean 1."""
        weights = self.rows.weights
        return np.ones(len(self.rows)) if weights is None else weights / weights.mean()

    def moments(self, basis: Float64Array, errors: dict[int, float] | None = None) -> HermiteMoments:
        """Moments inside a span."""
        return hermite_moments(self.rows.along(basis), self.even, self.weights, self.rng, self.how, errors)


def method_of_moments(
    rows: Rows,
    linear: Model,
    subspace: Subspace,
    max_width: int,
    is_given: bool,
    progress: Progress,
    rng: np.random.Generator,
    settings: GaussianSettings = DEFAULTS,
) -> tuple[Model, Subspace]:
    """The network of at most ``max_width`` neurons that the moments show, and the span, of all orders.

    Parameters
    ----------
    rows : Rows
        Standard Gaussian inputs and labels.
    linear : Model
        The linear fit.
    subspace : Subspace
        Span of the directions according to the moments of orders up to 6.
    max_width : int
        Largest number of neurons.
    is_given : bool
        Whether that width is expected: a network is then fitted even where no moment shows a direction.
    progress : Progress
        Gets a report of every network; ends the work when time is up.
    rng : numpy.random.Generator
        For random directions and signs.
    settings : GaussianSettings
        Settings, of which those of the moment method, of high orders and of the span are used.
    """
    even = rows.residuals(linear)
    even -= np.average(even, weights=rows.weights)
    problem = _Problem(rows, even, max_width, progress, rng, settings)
    how = problem.how
    most = min(max_width, rows.X.shape[1])
    labelled = Rows(rows.X, even * problem.weights, n_threads=rows.n_threads)
    subspace = with_high_orders(labelled, subspace, most, max_width, rng, settings.high_orders)
    basis = subspace.basis
    if not len(basis):
        if not is_given:
            return linear, subspace
        basis = subspace.eigenvectors[: min(max_width, how.dimensions_of_chance)]
    if len(basis) > how.widest_span:
        model = greedy_fixed_points(rows, even, linear, basis, max_width, is_given, progress, rng, settings)
        return model, subspace
    best, least = linear, float(np.mean(rows.errors(linear)))
    for _ in range(how.rounds):
        moments = problem.moments(basis)
        lines = _settled(problem, _discovered(problem, moments), basis, moments)
        model = fitted_to_rows(rows, lines.directions)
        error = float(np.mean(rows.errors(model)))
        progress.report("moments", model.width, error / rows.variance)
        if error >= least:
            break
        best, least = model, error
        more = _unexplained(problem, best, basis, most - len(basis))
        if not len(more) or progress.out_of_time():
            break
        basis = np.vstack([basis, more])
    return best, subspace


def network_inside(
    rows: Rows,
    even: Float64Array,
    linear: Model,
    basis: Float64Array,
    max_width: int,
    is_given: bool,
    progress: Progress,
    rng: np.random.Generator,
    settings: GaussianSettings = DEFAULTS,
) -> Model:
    """The network whose lines inside a span fit its moments, or the linear model where that is better.

    Parameters
    ----------
    rows, linear, max_width, is_given, progress, rng, settings
        As for :func:`method_of_moments`.
    even : ndarray of shape (n,)
        Labels less their linear part and mean.
    basis : ndarray of shape (r, d)
        Orthonormal rows.
    """
    if len(basis) > settings.moment_method.widest_span:
        return greedy_fixed_points(rows, even, linear, basis, max_width, is_given, progress, rng, settings)
    problem = _Problem(rows, even, max_width, progress, rng, settings)
    lines = _discovered(problem, problem.moments(basis))
    model = fitted_to_rows(rows, unit_rows(lines.directions @ basis))
    error = float(np.mean(rows.errors(model)))
    progress.report("moments", model.width, error / rows.variance)
    return model if error < float(np.mean(rows.errors(linear))) else linear


def _discovered(problem: _Problem, moments: HermiteMoments) -> Lines:
    """Lines inside a span, of the width whose objective and penalty are least."""
    how = problem.how
    best: tuple[Lines, float] | None = None
    for lines, criterion in lines_of_growing_width(moments, problem.max_width, problem.rng, how):
        if best is None or criterion < best[1]:
            best = lines, criterion
        if problem.progress.out_of_time():
            break
    assert best is not None
    return best[0]


def _settled(problem: _Problem, inside: Lines, basis: Float64Array, moments: HermiteMoments) -> Lines:
    """Lines in R^d turned out of the span they were found in, and fitted again in the span that they have then.

    Turns that are only noise are taken in the first steps, since the span has as much of its own, but no dimension is
    added to it; in the last step, only turns that stand out.
    """
    how = problem.how
    for step in range(how.settling_steps):
        lines = replace(inside, directions=unit_rows(inside.directions @ basis))
        last = step == how.settling_steps - 1
        lines = replace(lines, directions=_turned(problem, lines, basis, moments.errors, only_clear=last))
        if last:
            break
        _, _, rows = np.linalg.svd(lines.weights[:, None] * lines.directions, full_matrices=False)
        basis = np.ascontiguousarray(rows[: len(basis)])
        moments = problem.moments(basis, moments.errors)
        inside = with_best_weights(moments, unit_rows(lines.directions @ basis.T))
        inside = fitted_lines(moments, inside, how.steps, how)
    return lines


def _turned(
    problem: _Problem, lines: Lines, basis: Float64Array, errors: dict[int, float], *, only_clear: bool
) -> Float64Array:
    """Directions (k, d) turned out of a span by the vector contractions of all orders along them.

    For a direction e outside the span the moments ``M_l[u_i, ..., u_i, e]`` are linear in the components of all lines
    along e, with the same k x k matrix for every e: weighted least squares, of which the matrix is the precision.
    """
    w, U = lines.weights, lines.directions
    cosines, precision = U @ U.T, np.zeros((len(w), len(w)))
    profile = np.zeros(max(errors))
    for l, error in errors.items():
        precision += (kink_coefficient(l) / error) ** 2 * l * cosines ** (l - 1)
        profile[l - 1] = kink_coefficient(l) * sqrt(l) / error**2
    precision *= np.outer(w, w)
    X, labels = problem.rows.X, problem.even * problem.weights
    gradient = np.zeros_like(U)
    for start in range(0, len(X), _BATCH):
        part = X[start : start + _BATCH]
        scores = np.tensordot(profile, hermite_table(U @ part.T, len(profile) - 1), axes=1)
        gradient += (scores * labels[start : start + _BATCH]) @ part
    gradient *= w[:, None] / len(X)
    gradient -= (gradient @ basis.T) @ basis
    dimensions = X.shape[1] - len(basis)
    values, vectors = eigh(precision)
    components = vectors.T @ gradient
    turns = np.zeros_like(components)
    for m, (value, component) in enumerate(zip(values, components, strict=True)):
        if value <= problem.how.faint * values[-1] or not dimensions:
            continue
        evidence = float(component @ component) / value  # chi-squared of so many dimensions, if there is no turn
        small = dimensions / value < problem.how.small_turn**2
        clear = evidence > dimensions + problem.how.standard_errors * sqrt(2 * dimensions)
        if clear or (small and not only_clear):
            shrink = 1.0 if small else max(0.0, 1 - (dimensions - 2) / evidence)  # James and Stein's
            turns[m] = shrink * component / value
    return unit_rows(U + vectors @ turns)


def _unexplained(problem: _Problem, model: Model, basis: Float64Array, most: int) -> Float64Array:
    """Directions outside a span that the second moment of a network's residuals shows.

    Of the second moment, only the block outside the span is looked at: to it, turns of the network's lines out of the
    span add terms of second order only.
    """
    X, d = problem.rows.X, problem.rows.n_features
    if most < 1 or d > problem.settings.span.direct_features:
        return basis[:0]
    residuals = problem.rows.residuals(model)
    residuals -= np.average(residuals, weights=problem.rows.weights)
    residuals *= problem.weights
    signs = problem.rng.choice([-1.0, 1.0], (len(X), problem.how.residual_flips))
    labels = np.column_stack([residuals, residuals[:, None] * signs])
    second = moments_of_data.contract(X, labels, np.zeros((1, d)), 2, n_threads=problem.rows.n_threads)[:, 0]
    outside = np.eye(d) - basis.T @ basis
    spectra = [eigh(outside @ matrix @ outside) for matrix in second]
    band = problem.how.residual_margin * max(float(np.abs(values).max()) for values, _ in spectra[1:])
    values, vectors = spectra[0]
    order = np.argsort(-np.abs(values))[:most]
    shown = vectors.T[order][np.abs(values[order]) > band]
    return np.asarray(shown @ outside)

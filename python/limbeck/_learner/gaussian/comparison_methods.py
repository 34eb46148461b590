"""Two other moment methods, to compare with: the span from all orders at once, in one stage.

One stage, after Chen and Narayanan (arXiv 2307.12496): one random direction g, and the matrices
``M_l = T_l[g, ..., g, ., .] = c_l sum_i w_i <u_i, g>^(l - 2) u_i u_i'`` of the even orders l up to 2 k. For k lines of
which no two have the same ``<u_i, g>^2``, as for almost every g, the Vandermonde matrix of these squares has an
inverse. So some combination of the matrices is ``w_i u_i u_i'`` for every i: with exact moments their ranges add up to
the span of all lines.

Subspace, after Diakonikolas and Kane (arXiv 2307.12840): the tensors of the even orders up to k as matrices
d x d^(l - 1), and a subspace outside of which all of these are small. Outside the span of what they show,
``sum_i w_i <u_i, v> u_i^(l - 1)`` vanishes for every l, and powers from k - 1 on of k distinct lines are linearly
independent: with exact moments the subspace is the span. Here the matrices are not formed: their ranges come from
contractions to vectors along many random directions, since powers g^(l - 1) span all symmetric tensors. The paper's
theorem, by Schur polynomials, is that what is left out by a subspace with small errors costs little in higher orders.

What differs from both papers, and why no theorem of theirs carries over: an order counts in units of what chance makes
of it (labels with random signs) in place of the papers' thresholds, the subspace has no more dimensions than lines, and
in place of a net of all networks inside it, lines are fitted to its moments from many starts, as the method of several
stages does it. Unlike that one, no line is turned out of the span afterwards, and nothing is searched for in what the
network leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.moment_method import network_inside
from limbeck._learner.gaussian.settings import DEFAULTS, ComparisonSettings, GaussianSettings
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows

__all__ = ["COMPARISONS", "MOMENT_METHODS", "one_stage_grams", "span_of_grams", "subspace_grams", "with_one_stage"]


def one_stage_grams(rows: Rows, signs: Float64Array, width: int, rng: np.random.Generator) -> dict[int, Float64Array]:
    """Squares (q, d, d) of the contractions along one random direction, for the even orders up to twice a width.

    Parameters
    ----------
    rows : Rows
        Inputs, N(0, I), and labels less their linear part and mean, times the weights.
    signs : ndarray of shape (n, q)
        Signs of the labels, a column for each result.
    width : int
        Number of lines.
    rng : numpy.random.Generator
        Draws the direction.
    """
    labels = rows.y[:, None] * signs
    g = rng.standard_normal((1, rows.n_features))
    grams = {}
    for order in range(2, 2 * width + 1, 2):
        matrices = moments.contract(rows.X, labels, g / np.linalg.norm(g), order, n_threads=rows.n_threads)[:, 0]
        grams[order] = matrices @ matrices
    return grams


def subspace_grams(
    rows: Rows,
    signs: Float64Array,
    width: int,
    rng: np.random.Generator,
    settings: ComparisonSettings = DEFAULTS.comparison,
) -> dict[int, Float64Array]:
    """Grams (q, d, d) of the tensors as matrices of d rows, for the even orders up to a width: of order 2, squares.

    Parameters
    ----------
    rows, signs, width : Rows, ndarray of shape (n, q), int
        As for :func:`one_stage_grams`.
    rng : numpy.random.Generator
        Draws the directions.
    settings : ComparisonSettings
        Number of directions.
    """
    labels = rows.y[:, None] * signs
    second = moments.contract(rows.X, labels, np.zeros((1, rows.n_features)), 2, n_threads=rows.n_threads)[:, 0]
    grams = {2: second @ second}
    for order in range(4, width + width % 2 + 1, 2):
        G = rng.standard_normal((settings.directions, rows.n_features))
        G /= np.linalg.norm(G, axis=1, keepdims=True)
        vectors = moments.contract_to_vector(rows.X, labels, G, order, n_threads=rows.n_threads)
        grams[order] = np.swapaxes(vectors, 1, 2) @ vectors
    return grams


def span_of_grams(
    grams: dict[int, Float64Array], most: int, margin: float
) -> tuple[Float64Array, list[int], Float64Array]:
    """Directions in which grams of true labels stand out of those of labels with random signs.

    Parameters
    ----------
    grams : dict of ndarray of shape (1 + flips, d, d)
        By order, the first with the labels as they are.
    most : int
        Largest number of directions.
    margin : float
        Between an eigenvalue and the largest with random signs.

    Returns
    -------
    basis, orders, strengths : ndarray of shape (r, d), list of int, ndarray of shape (r,)
        Orthonormal rows, the order that shows each best, and the root of its eigenvalue over the bar.
    """
    tiny = np.finfo(np.float64).tiny
    units = {order: max(_largest(gram[1:]), tiny) for order, gram in grams.items()}
    total = np.sum([gram / units[order] for order, gram in grams.items()], axis=0)
    bar = max(margin * _largest(total[1:]), tiny)
    values, columns = eigh(total[0])
    taken = np.flatnonzero(values > bar)[::-1][:most]
    basis = np.ascontiguousarray(columns.T[taken])
    orders = [max(grams, key=lambda order: float(v @ grams[order][0] @ v) / units[order]) for v in basis]
    return basis, orders, np.sqrt(values[taken] / bar)


def _largest(grams: Float64Array) -> float:
    """Largest eigenvalue of any."""
    return max(float(eigh(gram)[0][-1]) for gram in grams)


COMPARISONS: dict[str, Callable[..., dict[int, Float64Array]]] = {
    "one stage": one_stage_grams,
    "subspace": subspace_grams,
}

MOMENT_METHODS = ("stages", *COMPARISONS)


def with_one_stage(
    method: str,
    rows: Rows,
    linear: Model,
    subspace: Subspace,
    max_width: int,
    is_given: bool,
    progress: Progress,
    rng: np.random.Generator,
    settings: GaussianSettings = DEFAULTS,
) -> tuple[Model, Subspace]:
    """The network of at most ``max_width`` neurons that a method of one stage finds, and the span.

    Parameters
    ----------
    method : {"one stage", "subspace"}
        Where the span comes from; see above.
    rows, linear, subspace, max_width, is_given, progress, rng, settings
        As for :func:`limbeck._learner.gaussian.moment_method.method_of_moments`; of ``subspace``, only what does not
        belong to the span itself is kept.
    """
    how = settings.comparison
    even = rows.residuals(linear)
    even -= np.average(even, weights=rows.weights)
    weights = 1.0 if rows.weights is None else rows.weights / rows.weights.mean()
    labelled = Rows(rows.X, even * weights, n_threads=rows.n_threads)
    signs = np.column_stack([np.ones(len(rows)), rng.choice([-1.0, 1.0], (len(rows), how.flips))])
    grams = COMPARISONS[method](labelled, signs, min(max_width, how.most_width), rng)
    basis, orders, strengths = span_of_grams(grams, min(max_width, rows.n_features), how.margin)
    shown = replace(subspace, basis=basis, orders=np.array(orders, dtype=np.int64), strengths=strengths)
    if not len(basis):
        if not is_given:
            return linear, shown
        basis = shown.eigenvectors[: min(max_width, settings.moment_method.dimensions_of_chance)]
    return network_inside(rows, even, linear, basis, max_width, is_given, progress, rng, settings), shown

"""The learner of several labels for Gaussian inputs: neurons by one mixture of the labels, refined on all of them.

A mixture of the outputs of a network is a network of one output with the same neurons, each with some mixture of its
output weights, which a random one does not make zero. So the search is that for one label; then neurons are refined on
all labels together, which costs about as much as on one. What is left over is mixed in turn, and searched for more.
"""

from __future__ import annotations

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.learner import learn_gaussian
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model
from limbeck._learner.model.shared_pruning import is_worth, without_needless_neurons
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows

__all__ = ["learn_shared"]

# Mixtures that are searched at most: each one after the first finds what those before have missed, and of generic
# networks the first misses nothing.
_MOST_MIXTURES = 4
# Mixtures that one is chosen from.
_MIXTURES_DRAWN = 100


def learn_shared(
    rows: SharedRows,
    width: int | None,
    max_width: int,
    fit: SharedFit,
    progress: Progress,
    rng: np.random.Generator,
    settings: GaussianSettings = DEFAULTS,
) -> SharedModel:
    """The network of several outputs that rows of N(0, I) show.

    Parameters
    ----------
    rows : SharedRows
        Inputs, and labels of sizes about one.
    width : int, optional
        Largest number of neurons; None to choose it.
    max_width : int
        Largest number of neurons when it is chosen.
    fit : SharedFit
        How to refine; its ``thresholds`` tells whether neurons may have some.
    progress : Progress
        Gets a report of every network; ends the search when time is up.
    rng : numpy.random.Generator
        For mixtures and starts.
    settings : GaussianSettings
        Settings of the learner of one label.
    """
    most, variance = max_width if width is None else width, rows.variance
    best, error = fit(shared_linear_model(rows.X.shape[1], rows.Y.shape[1]), rows)
    for _ in range(_MOST_MIXTURES):
        left = most - best.width
        if not left or error <= EXACT * variance or (best.width and progress.out_of_time()):
            break
        residuals = rows.Y - best(rows.X, rows.n_threads) if best.width else rows.Y
        mixture = _mixture(rows, residuals, rng)
        one = Rows(rows.X, residuals @ mixture, rows.weights, rows.n_threads)
        if not np.ptp(one.y):
            break
        how = Fit(thresholds=fit.thresholds, deadline=fit.deadline)
        given = left if width is not None else None
        found, _, thresholds = learn_gaussian(
            one, np.arange(len(rows)), given, left, True, how, progress, rng, settings
        )
        if not found.width:
            break
        progress.enter("refine")
        start = best.with_neurons(found.neurons, np.outer(found.signs, mixture))
        refit = SharedFit(fit.max_steps, fit.tolerance, thresholds or fit.thresholds, fit.deadline)
        trial, there = refit(start, rows)
        progress.report("shared", trial.width, there / variance)
        if not is_worth(error, there, trial.size - best.size, rows):
            break
        best, error, fit = trial, there, refit
    if progress.out_of_time():
        return best
    return without_needless_neurons(best, error, fit, rows)[0]


def _mixture(rows: SharedRows, labels: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Weights (q,) of the mixture of labels that shows the faintest direction of their common span best.

    The second moment of label j is a sum over the neurons of ``c_ij u_i u_i'``. Side by side those of all labels show
    the span of all neurons; where a neuron nearly cancels in a mixture, an eigenvalue of its moment there is small.
    """
    d, q = rows.X.shape[1], labels.shape[1]
    squares, vectors = np.linalg.eigh(np.cov(labels.T).reshape(q, q))
    sizes = np.sqrt(np.maximum(squares, 0.0))
    # Principal components count by their size, with random signs and weights.
    drawn = rng.choice([-1.0, 1.0], (_MIXTURES_DRAWN, q)) * rng.uniform(0.5, 1.5, (_MIXTURES_DRAWN, q))
    mixtures = drawn * sizes @ vectors.T
    lengths = np.linalg.norm(mixtures, axis=1, keepdims=True)
    mixtures /= np.where(lengths > 0, lengths, 1.0)
    zero = np.zeros((1, d))
    weighted = labels if rows.weights is None else labels * (rows.weights / rows.weights.mean())[:, None]
    moment = moments.contract(rows.X, weighted - weighted.mean(axis=0), zero, 2, n_threads=rows.n_threads)[:, 0]
    basis, strengths, _ = np.linalg.svd(moment.transpose(1, 0, 2).reshape(d, q * d), full_matrices=False)
    # Sampling alone leaves singular values of a matrix of d rows and q d columns up to this size.
    chance = sizes.max() * (np.sqrt(d) + np.sqrt(q * d)) / np.sqrt(len(rows))
    rank = max(1, int(np.count_nonzero(strengths > chance)))
    inside = np.einsum("ia,jab,bl->jil", basis[:, :rank].T, moment, basis[:, :rank])
    eigenvalues = np.abs(np.linalg.eigvalsh(np.einsum("mj,jil->mil", mixtures, inside)))
    spread = np.sqrt(np.einsum("mj,mj->m", mixtures @ np.cov(labels.T).reshape(q, q), mixtures))
    return np.asarray(mixtures[int(np.argmax(eigenvalues.min(axis=1) / np.where(spread > 0, spread, np.inf)))])

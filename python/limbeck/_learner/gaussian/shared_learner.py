"""The learner of several labels for Gaussian inputs: neurons by one mixture of the labels, refined on all of them.

A mixture of the outputs of a network is a network of one output with the same neurons, each with some mixture of its
output weights, which a random one does not make zero. So the search is that for one label; then neurons are refined on
all labels together, which costs about as much as on one. What is left over is mixed in turn, and searched for more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.directions import span_of
from limbeck._learner.gaussian.learner import learn_gaussian
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings
from limbeck._learner.gaussian.span_search import ScoreTests
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, NOISELESS, Rows
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model
from limbeck._learner.model.shared_pruning import is_worth, without_needless_neurons
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows

__all__ = ["learn_shared"]

# Mixtures that are searched at most: each one after the first finds what those before have missed, and of generic
# networks the first misses nothing.
_MOST_MIXTURES = 4
# Mixtures that the search begins with, at most, as long as more than chance is left: in a mixture where neurons nearly
# cancel some are missed, or others stand in for them.
_MOST_STARTS = 3
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
    search = _Search(rows, width, max_width if width is None else width, progress, rng, settings)
    line, error = fit(shared_linear_model(rows.X.shape[1], rows.Y.shape[1]), rows)
    best = empty = _Found(line, error, fit)
    starts: list[_Found] = []
    for _ in range(_MOST_STARTS):
        if search.is_over(best) or (trial := search.beyond(empty)) is None:
            break
        starts.append(trial)
        best = trial if search.is_better(trial, best) else best
        if not search.shows_more(best):
            break
    is_first, best = best in (empty, *starts[:1]), search.completed(best)
    if not is_first and not search.is_over(best):
        other = search.completed(starts[0])
        best = other if search.is_better(other, best) else best
    if progress.out_of_time():
        return best.model
    return without_needless_neurons(best.model, best.error, best.fit, rows)[0]


@dataclass(frozen=True, eq=False)
class _Found:
    """A model, its mean squared error, and how it was refined."""

    model: SharedModel
    error: float
    fit: SharedFit


@dataclass(frozen=True)
class _Search:
    """Searches by mixtures of what a model leaves of the labels; see :func:`learn_shared` for the fields."""

    rows: SharedRows
    width: int | None
    most: int
    progress: Progress
    rng: np.random.Generator
    settings: GaussianSettings

    def is_over(self, found: _Found) -> bool:
        """Whether a model is exact or as wide as allowed, or time is up."""
        width = found.model.width
        exact = found.error <= EXACT * self.rows.variance
        return exact or width >= self.most or bool(width and self.progress.out_of_time())

    def completed(self, found: _Found) -> _Found:
        """A model with the neurons that further mixtures of what it leaves show."""
        for _ in range(_MOST_MIXTURES):
            if self.is_over(found) or self.leaves_noise(found) or (trial := self.beyond(found)) is None:
                break
            found = trial
        return found

    def is_better(self, trial: _Found, best: _Found) -> bool:
        """Whether a model is worth what it has more parameters than another, or the other is not worth its own."""
        more = trial.model.size - best.model.size
        if more > 0:
            return is_worth(best.error, trial.error, more, self.rows)
        return trial.error < best.error or (more < 0 and not is_worth(trial.error, best.error, -more, self.rows))

    def left_by(self, model: SharedModel) -> Float64Array:
        """Labels (n, q) less values of the neurons and the linear part; of a model without neurons the labels."""
        rows = self.rows
        return np.asarray(rows.Y - model(rows.X, rows.n_threads) if model.width else rows.Y)

    def shows_more(self, found: _Found) -> bool:
        """Whether second moments show more in what a model leaves than sampling does."""
        _, _, strengths, chance = _moments(self.rows, self.left_by(found.model))
        return bool(strengths[0] > chance)

    def leaves_noise(self, found: _Found) -> bool:
        """Whether what a model leaves shows no neuron: not in second moments, nor in score tests inside its span.

        A search there would be in vain, and take as long as the one before. What few labels without noise leave is no
        noise, and shows: all of it is neurons.
        """
        model, rows, how = found.model, self.rows, self.settings.span_search
        if not model.width or found.error <= NOISELESS * rows.variance or self.shows_more(found):
            return False
        gates = Model(np.ones(model.width), np.vstack([model.neurons, np.zeros_like(model.neurons[:1])]))
        basis = span_of(gates)
        if len(basis) > how.max_dimensions:
            return False
        inside = Rows(rows.X, rows.Y[:, 0], rows.weights, rows.n_threads).projected(basis)
        gates = gates.projected(basis)
        values = gates(inside.X, inside.n_threads)
        labels = [replace(inside, y=values + left) for left in self.left_by(model).T if np.ptp(left)]
        tests = (ScoreTests(gates, each, found.fit.thresholds, self.rng, how) for each in labels)
        return not any(test.show_neuron for test in tests)

    def beyond(self, found: _Found) -> _Found | None:
        """A model with neurons found in one mixture of what another leaves; None where that is not worth them."""
        rows, fit, best = self.rows, found.fit, found.model
        left = self.left_by(best)
        mixture = _mixture(rows, left, self.rng)
        one = Rows(rows.X, left @ mixture, rows.weights, rows.n_threads)
        if not np.ptp(one.y):
            return None
        how = Fit(thresholds=fit.thresholds, deadline=fit.deadline)
        most = self.most - best.width
        given = most if self.width is not None else None
        model, _, thresholds = learn_gaussian(
            one, np.arange(len(rows)), given, most, True, how, self.progress, self.rng, self.settings
        )
        if not model.width:
            return None
        self.progress.enter("refine")
        start = best.with_neurons(model.neurons, np.outer(model.signs, mixture))
        refit = SharedFit(fit.max_steps, fit.tolerance, thresholds or fit.thresholds, fit.deadline)
        trial, error = refit(start, rows)
        self.progress.report("shared", trial.width, error / rows.variance)
        return _Found(trial, error, refit) if is_worth(found.error, error, trial.size - best.size, rows) else None


def _mixture(rows: SharedRows, labels: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Weights (q,) of the mixture of labels that shows the faintest direction of their common span best.

    The second moment of label j is a sum over the neurons of ``c_ij u_i u_i'``. Side by side those of all labels show
    the span of all neurons; where a neuron nearly cancels in a mixture, an eigenvalue of its moment there is small.
    """
    q = labels.shape[1]
    squares, vectors = np.linalg.eigh(np.cov(labels.T).reshape(q, q))
    sizes = np.sqrt(np.maximum(squares, 0.0))
    # Principal components count by their size, with random signs and weights.
    drawn = rng.choice([-1.0, 1.0], (_MIXTURES_DRAWN, q)) * rng.uniform(0.5, 1.5, (_MIXTURES_DRAWN, q))
    mixtures = drawn * sizes @ vectors.T
    lengths = np.linalg.norm(mixtures, axis=1, keepdims=True)
    mixtures /= np.where(lengths > 0, lengths, 1.0)
    moment, basis, strengths, chance = _moments(rows, labels)
    rank = max(1, int(np.count_nonzero(strengths > chance)))
    inside = np.einsum("ia,jab,bl->jil", basis[:, :rank].T, moment, basis[:, :rank])
    eigenvalues = np.abs(np.linalg.eigvalsh(np.einsum("mj,jil->mil", mixtures, inside)))
    spread = np.sqrt(np.einsum("mj,mj->m", mixtures @ np.cov(labels.T).reshape(q, q), mixtures))
    return np.asarray(mixtures[int(np.argmax(eigenvalues.min(axis=1) / np.where(spread > 0, spread, np.inf)))])


def _moments(rows: SharedRows, labels: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array, float]:
    """Second moments (q, d, d) of labels, left singular vectors and values side by side, and what chance leaves."""
    d, q = rows.X.shape[1], labels.shape[1]
    weighted, count = labels, float(len(rows))
    if rows.weights is not None:
        weighted = labels * (rows.weights / rows.weights.mean())[:, None]
        count = float(rows.weights.sum() ** 2 / np.square(rows.weights).sum())  # rows of one weight that tell as much
    zero = np.zeros((1, d))
    moment = moments.contract(rows.X, weighted - weighted.mean(axis=0), zero, 2, n_threads=rows.n_threads)[:, 0]
    basis, strengths, _ = np.linalg.svd(moment.transpose(1, 0, 2).reshape(d, q * d), full_matrices=False)
    # Sampling alone leaves singular values of a matrix of d rows and q d columns up to this size.
    covariance = np.cov(labels.T, aweights=rows.weights).reshape(q, q)
    largest = float(np.sqrt(max(0.0, np.linalg.eigvalsh(covariance)[-1])))
    return moment, basis, strengths, largest * (np.sqrt(d) + np.sqrt(q * d)) / np.sqrt(count)

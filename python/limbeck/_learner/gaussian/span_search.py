"""Search inside the span of a network's neurons, where one more neuron costs r parameters instead of d.

The directions of k neurons may span r < k dimensions. A search in all d dimensions then stops too early in noise: what
another neuron gains does not pay for d parameters, although r describe it. And many neurons in few dimensions have many
local optima, most of which a search in few dimensions can afford to visit. So the rows are projected to the span, a
score test tells whether the residuals there show another neuron, and if they do, more neurons than wanted are fitted
and given up one by one, for the width of the best criterion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from limbeck import moments
from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.selection import EXTRA_PENALTY, EXTRA_PER_NEURON
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows

__all__ = ["best_in_span", "gram", "hinges_along"]

_MOST_DIMENSIONS = 6  # in more, the directions of the score test are too far apart to meet a neuron
_QUIET = (
    12.0  # squared score of chi-squared with one degree of freedom; the largest of some 100 is below in 9 of 10 draws
)
_DIRECTIONS_IN_A_PLANE, _DIRECTIONS_PER_DIMENSION = 32, 24
_LEVELS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)  # quantiles along a direction at which thresholds are tested
_LEVELS_ON_A_LINE = 40
_BESIDE = 0.15  # radians from a neuron: a neuron that stands for two close ones shows there
_TEST_ROWS = 50_000
_SEARCH_ROWS = 20_000
_ROWS_PER_PARAMETER = 20
_BLOCK = 8192
# Neurons to begin with, times the width at hand, and more: what few reach, many miss, and the other way round.
_STARTS = ((1.0, 6), (2.0, 6), (1.0, 6), (3.0, 4))
# A function that is no sum of so few ReLUs has always something left: without an end, a product of two features took
# five times as long for the same R2.
_MOST_ATTEMPTS, _ATTEMPTS_AT_FULL_WIDTH = 8, 2
# In the criterion. On 20 networks of six neurons in three dimensions (50,000 rows, noise 0.3) one false neuron, of five
# parameters, gained 2.5; no true neuron was lost at 4.
_LEAST_GAIN = 4.0
_TOLERANCE = 1e-5
_STEPS = 60


@dataclass(frozen=True)
class _Span:
    """Rows in the coordinates of a span.

    Attributes
    ----------
    basis : ndarray of shape (r, d)
        Orthonormal rows.
    rows : Rows
        In r coordinates; labels less what is linear outside the span.
    outside : ndarray of shape (d,)
        That linear part.
    dimensions : int
        d.
    """

    basis: Float64Array
    rows: Rows
    outside: Float64Array
    dimensions: int

    @classmethod
    def of(cls, basis: Float64Array, model: Model, rows: Rows) -> _Span:
        """The span of a basis; the model tells what is linear outside it."""
        linear = model.parameters[-1, :-1]
        outside = linear - (linear @ basis.T) @ basis
        inside = Rows(rows.along(basis), rows.y - rows.along(outside[None])[:, 0], rows.weights, rows.n_threads)
        return cls(basis, inside, outside, rows.n_features)

    def lifted(self, model: Model) -> Model:
        """A model in the coordinates of the span as one in all dimensions."""
        lifted = model.lifted(self.basis)
        lifted.parameters[-1, :-1] += self.outside
        return lifted

    def criterion(self, width: int, error: float, thresholds: bool) -> float:
        """Corrected Akaike criterion of so many neurons in this span, the choice of the span counted."""
        n, r = self.rows.count, len(self.basis)
        parameters = width * (r + thresholds) + r + 1 + r * (self.dimensions - r)
        freedom = n - parameters - 1
        if freedom <= 0:
            return np.inf
        penalty = (2 * n / freedom + EXTRA_PENALTY) * parameters
        penalty += EXTRA_PER_NEURON * (1 + thresholds) * width
        return n * float(np.log(max(error / self.rows.variance, EXACT))) + penalty

    def part(self, count: int) -> _Span:
        """The same with the first rows alone, which are in random order."""
        return _Span(self.basis, self.rows.part(slice(count)), self.outside, self.dimensions)


@dataclass(frozen=True)
class _State:
    """A model in the coordinates of a span, its mean squared error and its criterion."""

    model: Model
    error: float
    criterion: float


def best_in_span(
    model: Model, rows: Rows, most: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> Model | None:
    """A network of at most ``most`` neurons in the span of the model's that the rows prefer; None if there is none.

    Parameters
    ----------
    model : Model
        Refined on the rows.
    rows : Rows
        In random order.
    most : int
        Largest number of neurons.
    fit : Fit
        Whether thresholds move, threads and deadline.
    progress : Progress
        Told of every network that is better; ends the search when time is up.
    rng : numpy.random.Generator
        For directions and starts.
    """
    if not model.width:
        return None
    rows = rows.part(slice(_TEST_ROWS))
    _, sizes, vectors = np.linalg.svd(model.neurons[:, :-1], full_matrices=False)
    rank = int((sizes > 1e-6 * sizes[0]).sum())
    if rank <= _MOST_DIMENSIONS:
        # In the whole span first, as the model is: mostly nothing is missing, and no fit is needed to see it.
        span = _Span.of(np.ascontiguousarray(vectors[:rank]), model, rows)
        if _shown(model.projected(span.basis), span, fit.thresholds, rng) is None:
            return None
    fit = fit.changed(max_steps=_STEPS, tolerance=_TOLERANCE)
    span, state = _reduced(model, rows, vectors[:rank], fit)
    if len(span.basis) > _MOST_DIMENSIONS:
        return None
    better = _searched(span, state, most, fit, progress, rng)
    return None if better is state else span.lifted(better.model)


def hinges_along(
    direction: Float64Array, line: Model, rows: Rows, most: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> Model:
    """The best network of at most ``most`` parallel neurons with thresholds, all along one direction (d,)."""
    span = _Span.of(direction[None], line, rows.part(slice(_TEST_ROWS)))
    fit = fit.changed(max_steps=_STEPS, tolerance=_TOLERANCE, thresholds=True)
    model, error = fit(linear_model(1), span.rows)
    state = _State(model, error, span.criterion(0, error, True))
    return span.lifted(_searched(span, state, most, fit, progress, rng).model)


def _reduced(model: Model, rows: Rows, vectors: Float64Array, fit: Fit) -> tuple[_Span, _State]:
    """The span of the fewest leading directions that cost the fit no more than their parameters, and the fit in it."""
    best: tuple[_Span, _State] | None = None
    for rank in range(len(vectors), 0, -1):
        span = _Span.of(np.ascontiguousarray(vectors[:rank]), model, rows)
        state = _fitted(model.projected(span.basis), span, fit)
        if best is not None and state.criterion > best[1].criterion:
            break
        best = span, state
    assert best is not None
    return best


def _fitted(model: Model, span: _Span, fit: Fit) -> _State:
    model, error = fit(model.alive(), span.rows)
    return _State(model, error, span.criterion(model.width, error, fit.thresholds))


def _searched(span: _Span, state: _State, most: int, fit: Fit, progress: Progress, rng: np.random.Generator) -> _State:
    """The best state that growing, and starts of too many neurons, lead to; the one given if none is clearly better."""
    begun = best = state
    in_vain, at_full_width = 0, 0
    for _ in range(_MOST_ATTEMPTS):
        at_full_width += best.model.width >= most
        if in_vain > len(_STARTS) or at_full_width > _ATTEMPTS_AT_FULL_WIDTH:
            break
        if best.error <= EXACT * span.rows.variance or progress.out_of_time():
            break
        tests = _shown(best.model, span, fit.thresholds, rng)
        if tests is None:
            break
        if in_vain == 0:
            trial = _grown(best, tests, span, most, fit)
        else:
            share, more = _STARTS[in_vain - 1]
            trial = _narrowed(best, span, int(share * best.model.width) + more, most, fit, rng)
        in_vain += 1
        if trial.criterion < best.criterion - _LEAST_GAIN:
            best, in_vain = trial, 0
            progress.report("span", best.model.width, best.error / span.rows.variance)
    return best if best.criterion < begun.criterion - _LEAST_GAIN else begun


def _grown(best: _State, tests: _Tests, span: _Span, most: int, fit: Fit) -> _State:
    """Neurons added one by one where the score is largest, for as long as they pay."""
    while best.model.width < most:
        trial = min((_fitted(m, span, fit) for m in tests.additions(best.model)), key=lambda s: s.criterion)
        if trial.criterion >= best.criterion - _LEAST_GAIN:
            break
        best = trial
        tests = _Tests(best.model, span, fit.thresholds, tests.rng)
        if tests.largest < _QUIET:
            break
    return best


def _narrowed(best: _State, span: _Span, wide: int, most: int, fit: Fit, rng: np.random.Generator) -> _State:
    """The best of the widths that a start of many neurons goes through as they are given up one by one."""
    few = span.part(max(_SEARCH_ROWS, _ROWS_PER_PARAMETER * (wide + 1) * (len(span.basis) + 1)))
    model, _ = fit(_spread(few.rows, wide, fit.thresholds, rng), few.rows)
    found: list[_State] = []
    for width in range(min(most, model.width), max(0, min(best.model.width, most, model.width) - 2), -1):
        model, _ = pruned(model, few.rows, fit, width)
        model, error = fit(model, few.rows)
        found.append(_State(model, error, few.criterion(model.width, error, fit.thresholds)))
    return _fitted(min(found, key=lambda s: s.criterion).model, span, fit)


def _spread(rows: Rows, count: int, thresholds: bool, rng: np.random.Generator) -> Model:
    """Neurons spread over directions, and with thresholds over quantiles, their sizes from least squares."""
    r = rows.n_features
    directions = _directions(r, count, rng)
    levels = np.zeros(count)
    if thresholds:
        order = rng.permutation(count) if r > 1 else np.arange(count)
        levels = np.array(
            [np.quantile(z, (i + 0.5) / count) for z, i in zip(rows.along(directions).T, order, strict=True)]
        )
    design = np.column_stack([np.maximum(rows.along(directions) - levels, 0.0), rows.X, np.ones(len(rows))])
    inner = gram(np.column_stack([design, rows.y]), rows)
    inner, slope = inner[:-1, :-1], inner[:-1, -1]
    inner[np.diag_indices_from(inner)] += 1e-6 * np.trace(inner) / len(inner)
    coef = np.linalg.solve(inner, slope)
    sizes = np.maximum(np.abs(coef[:count]), 1e-3 * np.abs(coef[:count]).max())
    neurons = sizes[:, None] * np.column_stack([directions, -levels])
    return Model(np.where(coef[:count] < 0, -1.0, 1.0), np.vstack([neurons, coef[count:]]))


def _directions(r: int, count: int, rng: np.random.Generator) -> Float64Array:
    """Unit directions: evenly spaced modulo sign in a plane, else random."""
    if r == 1:
        return np.ones((count, 1))
    if r == 2:
        angles = np.pi * (np.arange(count) + rng.uniform()) / count
        return np.column_stack([np.cos(angles), np.sin(angles)])
    found = rng.standard_normal((count, r))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def gram(columns: Float64Array, rows: Rows) -> Float64Array:
    """``C' V C`` of columns (n, m), V the weights of the rows."""
    weights = np.ones((len(columns), 1)) if rows.weights is None else rows.weights[:, None]
    return np.asarray(moments.weighted_grams(columns, weights, n_threads=rows.n_threads)[0])


class _Tests:
    """Score tests (Rao's) for one more neuron, over directions and thresholds.

    Each candidate column is taken beside all derivatives of the model, so that what refining would explain counts for
    nothing; its squared score is chi-squared with one degree of freedom where there is no such neuron.
    """

    def __init__(self, model: Model, span: _Span, thresholds: bool, rng: np.random.Generator) -> None:
        self.rng = rng
        rows, r = span.rows, len(span.basis)
        near = [_beside(u, rng) for u in model.directions] if r > 1 else []
        spread = _directions(
            r, _DIRECTIONS_IN_A_PLANE if r == 2 else _DIRECTIONS_PER_DIMENSION * r if r > 1 else 1, rng
        )
        directions = np.vstack([spread, *near])
        levels = np.zeros((len(directions), 1))
        if thresholds:
            shares = np.arange(1, _LEVELS_ON_A_LINE) / _LEVELS_ON_A_LINE if r == 1 else np.array(_LEVELS)
            levels = np.quantile(rows.along(directions), shares, axis=0).T
        self.hinges = np.column_stack([np.repeat(directions, levels.shape[1], axis=0), -levels.ravel()])
        total = np.zeros((0, 0))
        for start in range(0, len(rows), _BLOCK):
            part = rows.part(slice(start, start + _BLOCK))
            block = gram(
                np.column_stack([_derivatives(model, part, thresholds), self._columns(part), part.residuals(model)]),
                part,
            )
            total = block if not total.size else total + block
        known = len(total) - len(self.hinges) - 1
        scale = np.sqrt(np.maximum(np.diag(total), 1e-300))
        total = total / np.outer(scale, scale)
        inner = total[:known, :known] + 1e-10 * np.eye(known)
        beside = total[known:, known:] - total[known:, :known] @ np.linalg.solve(inner, total[:known, known:])
        left = np.maximum(np.diag(beside), 0.0)
        usable = left[:-1] > 1e-6  # less is rounding
        self.slopes = np.divide(beside[:-1, -1], left[:-1], out=np.zeros(len(left) - 1), where=usable)
        gains = self.slopes * beside[:-1, -1]
        self.slopes *= scale[-1] / scale[known:-1]
        self.scores = rows.count * gains / max(left[-1], 1e-300)

    @property
    def largest(self) -> float:
        """The largest squared score."""
        return float(self.scores.max(initial=0.0))

    def _columns(self, rows: Rows) -> Float64Array:
        return np.asarray(np.maximum(rows.along(self.hinges[:, :-1]) + self.hinges[:, -1], 0.0))

    def additions(self, model: Model) -> Iterator[Model]:
        """The model with one more neuron, at each of the few best places."""
        order = np.argsort(-self.scores)
        taken: list[Float64Array] = []
        for i in order:
            row = self.hinges[i]
            if any(abs(row[:-1] @ other[:-1]) > 0.97 and abs(row[-1] - other[-1]) < 0.2 for other in taken):
                continue
            taken.append(row)
            size = self.slopes[i]
            parameters = np.insert(model.parameters, model.width, abs(size) * row, axis=0)
            yield Model(np.append(model.signs, 1.0 if size >= 0 else -1.0), parameters)
            if len(taken) == 3:
                return


def _shown(model: Model, span: _Span, thresholds: bool, rng: np.random.Generator) -> _Tests | None:
    """Tests that show another neuron; None if they show none.

    One draw of directions: with more of them, false neurons were kept on 2 of 14 networks.
    """
    tests = _Tests(model, span, thresholds, rng)
    return tests if tests.largest >= _QUIET else None


def _beside(u: Float64Array, rng: np.random.Generator) -> Float64Array:
    """A few unit directions at a small angle from u."""
    across = rng.standard_normal((4, len(u)))
    across -= np.outer(across @ u, u)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.asarray(np.cos(_BESIDE) * u + np.sin(_BESIDE) * across)


def _derivatives(model: Model, rows: Rows, thresholds: bool) -> Float64Array:
    """Derivatives of the model by all its parameters, (n, k (r + thresholds) + r + 1)."""
    X = np.column_stack([rows.X, np.ones(len(rows))])
    own = X if thresholds else rows.X
    gates = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1] > 0 if model.width else np.empty((len(X), 0))
    return np.column_stack([*(gate[:, None] * own for gate in gates.T), X])

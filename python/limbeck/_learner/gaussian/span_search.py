"""Search inside the span of a network's neurons, where one more neuron costs r parameters instead of d.

The directions of k neurons may span r < k dimensions. A search in all d dimensions then stops too early in noise: the
gain of another neuron does not pay for d parameters, although r describe it. And many neurons in few dimensions have
many local optima, most of which a search in few dimensions can afford to visit. So the rows are projected to the span,
and where a score test shows another neuron in the residuals there, more neurons than wanted are fitted and pruned one
by one, to the width of the best criterion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from limbeck import _kernels, moments
from limbeck._base.arrays import Float64Array, thread_count
from limbeck._learner.gaussian.criterion import corrected_criterion
from limbeck._learner.gaussian.directions import DEPENDENT, span_of
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel
from limbeck._learner.gaussian.settings import CriterionSettings, SpanSearchSettings
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows

__all__ = ["ScoreTests", "best_in_span", "gram", "hinges_along"]

_BLOCK = 2048  # rows whose columns are held at once: with a hundred columns they stay in the second-level cache
_ROUNDING = 1e-6  # of a column's sum of squares: a smaller remainder beside the derivatives is rounding
_RIDGE = 1e-10  # added to a Gram matrix of unit diagonal


@dataclass(frozen=True)
class _SpanRows:
    """Rows in the coordinates of a span.

    Attributes
    ----------
    basis : ndarray of shape (r, d)
        Orthonormal rows.
    rows : Rows
        In r coordinates; labels less what is linear outside the span.
    outside : ndarray of shape (d,)
        The linear part outside the span.
    """

    basis: Float64Array
    rows: Rows
    outside: Float64Array

    @classmethod
    def of(cls, basis: Float64Array, model: Model, rows: Rows) -> _SpanRows:
        """Project rows to a basis (orthonormal rows), less the linear part that a model has outside it."""
        linear = model.parameters[-1, :-1]
        outside = linear - (linear @ basis.T) @ basis
        inside = Rows(rows.along(basis), rows.y - rows.along(outside[None])[:, 0], rows.weights, rows.n_threads)
        return cls(basis, inside, outside)

    def lifted(self, model: Model) -> Model:
        """A model in the coordinates of the span as one in all dimensions."""
        lifted = model.lifted(self.basis)
        lifted.parameters[-1, :-1] += self.outside
        return lifted

    def scored(self, model: Model, error: float, thresholds: bool, settings: CriterionSettings) -> ScoredModel:
        """A model in the coordinates of the span with its mean squared error and criterion.

        The parameters of the choice of the span count: its r dimensions among d.
        """
        r, d = self.basis.shape
        parameters = model.width * (r + thresholds) + r + 1 + r * (d - r)
        relative = error / self.rows.variance
        criterion = corrected_criterion(relative, self.rows.count, parameters, model.width, thresholds, settings)
        return ScoredModel(model, error, criterion)

    def part(self, count: int) -> _SpanRows:
        """The span with the first rows alone, which are in random order."""
        return replace(self, rows=self.rows.part(slice(count)))


def best_in_span(model: Model, selector: ModelSelector, max_width: int, fit: Fit | None = None) -> Model | None:
    """The network of at most ``max_width`` neurons in the span of the model's with a better criterion, if there is one.

    Parameters
    ----------
    model : Model
        Refined on the rows.
    selector : ModelSelector
        Its rows, in random order, its progress, random numbers and settings are those of the search.
    max_width : int
        Largest number of neurons.
    fit : Fit, optional
        Whether thresholds move, and the deadline; default the selector's own.
    """
    if not model.width:
        return None
    fit, how = fit or selector.fit, selector.settings.span_search
    rows = selector.rows.part(slice(how.test_rows))
    basis = span_of(model, DEPENDENT)
    if len(basis) <= how.max_dimensions:
        # In the whole span first, as the model is: mostly nothing is missing, and no fit is needed to see it.
        span = _SpanRows.of(basis, model, rows)
        if not _SpanSearch(span, max_width, fit, selector).tests(model.projected(span.basis)).show_neuron:
            return None
    search, start = _reduced(model, rows, basis, max_width, fit, selector)
    if len(search.span.basis) > how.max_dimensions:
        return None
    best = search.run(start)
    return None if best is start else search.span.lifted(best.model)


def hinges_along(direction: Float64Array, linear: Model, selector: ModelSelector, max_width: int) -> Model:
    """The best network of at most ``max_width`` parallel neurons with thresholds, all along one direction (d,).

    Parameters
    ----------
    direction : ndarray of shape (d,)
        Unit vector.
    linear : Model
        A linear fit: its part beside the direction is kept.
    selector : ModelSelector
        Its rows, in random order, its fit, progress, random numbers and settings are those of the search.
    max_width : int
        Largest number of neurons.
    """
    how = selector.settings.span_search
    span = _SpanRows.of(direction[None], linear, selector.rows.part(slice(how.test_rows)))
    search = _SpanSearch(span, max_width, selector.fit.changed(thresholds=True), selector)
    return span.lifted(search.run(search.fitted(linear_model(1))).model)


def _reduced(
    model: Model, rows: Rows, basis: Float64Array, max_width: int, fit: Fit, selector: ModelSelector
) -> tuple[_SpanSearch, ScoredModel]:
    """A search in the fewest leading directions that cost the fit no more than their parameters, and the fit there."""
    best: tuple[_SpanSearch, ScoredModel] | None = None
    for rank in range(len(basis), 0, -1):
        span = _SpanRows.of(np.ascontiguousarray(basis[:rank]), model, rows)
        search = _SpanSearch(span, max_width, fit, selector)
        fitted = search.fitted(model.projected(span.basis))
        if best is not None and fitted.criterion > best[1].criterion:
            break
        best = search, fitted
    assert best is not None
    return best


class _SpanSearch:
    """A search for models of at most ``max_width`` neurons in the coordinates of a span."""

    def __init__(self, span: _SpanRows, max_width: int, fit: Fit, selector: ModelSelector) -> None:
        self.span, self.max_width = span, max_width
        self.progress, self.rng = selector.progress, selector.rng
        self.settings, self.penalties = selector.settings.span_search, selector.settings.criterion
        self.fit = fit.changed(max_steps=self.settings.steps, tolerance=self.settings.tolerance)

    def run(self, start: ScoredModel) -> ScoredModel:
        """The best model that growing, and fits of too many neurons, lead to; the start if none is clearly better."""
        best, how = start, self.settings
        in_vain, at_full_width = 0, 0
        for _ in range(how.max_attempts):
            at_full_width += best.model.width >= self.max_width
            if in_vain > len(how.starts) or at_full_width > how.attempts_at_full_width:
                break
            if best.error <= EXACT * self.span.rows.variance or self.progress.out_of_time():
                break
            tests = self.tests(best.model)
            if not tests.show_neuron:
                break
            if in_vain == 0:
                trial = self._grown(best, tests)
            else:
                factor, more = how.starts[in_vain - 1]
                trial = self._pruned(best, int(factor * best.model.width) + more)
            in_vain += 1
            if trial.criterion < best.criterion - how.min_gain:
                best, in_vain = trial, 0
                self.progress.report("span", best.model.width, best.error / self.span.rows.variance)
        return best if best.criterion < start.criterion - how.min_gain else start

    def tests(self, model: Model) -> ScoreTests:
        """Score tests for one more neuron.

        One draw of directions: with more of them, false neurons were kept on 2 of 14 networks.
        """
        return ScoreTests(model, self.span.rows, self.fit.thresholds, self.rng, self.settings)

    def fitted(self, model: Model) -> ScoredModel:
        """A model refined on the rows of the span, and scored."""
        model, error = self.fit(model.alive(), self.span.rows)
        return self.span.scored(model, error, self.fit.thresholds, self.penalties)

    def _grown(self, best: ScoredModel, tests: ScoreTests) -> ScoredModel:
        """The model with neurons added one by one where the score is largest, for as long as they pay."""
        while best.model.width < self.max_width:
            trial = min((self.fitted(m) for m in tests.additions(best.model)), key=lambda s: s.criterion)
            if trial.criterion >= best.criterion - self.settings.min_gain:
                break
            best = trial
            tests = self.tests(best.model)
            if not tests.show_neuron:
                break
        return best

    def _pruned(self, best: ScoredModel, count: int) -> ScoredModel:
        """The best of the widths that a start of ``count`` neurons goes through as they are pruned one by one."""
        how, thresholds = self.settings, self.fit.thresholds
        few = self.span.part(max(how.fit_rows, how.rows_per_parameter * (count + 1) * (len(self.span.basis) + 1)))
        model, _ = self.fit(_spread(few.rows, count, thresholds, self.rng), few.rows)
        trials: list[ScoredModel] = []
        most = min(self.max_width, model.width)
        for width in range(most, max(0, min(best.model.width, most) - 2), -1):
            model, _ = pruned(model, few.rows, self.fit, width)
            model, error = self.fit(model, few.rows)
            trials.append(few.scored(model, error, thresholds, self.penalties))
        return self.fitted(min(trials, key=lambda s: s.criterion).model)


def _spread(rows: Rows, count: int, thresholds: bool, rng: np.random.Generator) -> Model:
    """``count`` neurons spread over directions, and with thresholds over quantiles; sizes by least squares."""
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
    return np.asarray(moments.weighted_grams(columns, rows.row_weights[:, None], n_threads=rows.n_threads)[0])


class ScoreTests:
    """Score tests (Rao's) for one more neuron, over directions and thresholds.

    Each candidate column is taken beside all derivatives of the model, so that what refining would explain counts for
    nothing; its squared score is chi-squared with one degree of freedom where there is no such neuron.

    Attributes
    ----------
    hinges : ndarray of shape (m, r + 1)
        Unit directions and thresholds.
    scores, slopes : ndarray of shape (m,)
        Squared score of each hinge, and its weight by least squares beside the derivatives.
    """

    def __init__(
        self, model: Model, rows: Rows, thresholds: bool, rng: np.random.Generator, settings: SpanSearchSettings
    ) -> None:
        self.settings = settings
        self.hinges = _hinges(model, rows, thresholds, rng, settings)
        inner, cross, sizes = self._products(model, rows, thresholds)
        known = len(inner) - 1
        scale = np.sqrt(np.maximum(np.diag(inner), 1e-300))
        of_hinges = np.sqrt(np.maximum(sizes, 1e-300))
        inner, cross = inner / np.outer(scale, scale), cross / np.outer(of_hinges, scale)
        # Hinges, and last the residuals, beside the derivatives.
        cross = np.vstack([cross, inner[-1:]])
        inner = inner[:known, :known] + _RIDGE * np.eye(known)
        reach = np.linalg.solve(inner, cross[:, :known].T)
        squares = np.maximum(
            np.append(sizes / np.square(of_hinges), cross[-1, -1]) - np.sum(cross[:, :known] * reach.T, axis=1), 0.0
        )
        products = cross[:-1, -1] - cross[:-1, :known] @ reach[:, -1]
        usable = squares[:-1] > _ROUNDING
        self.slopes = np.divide(products, squares[:-1], out=np.zeros(len(products)), where=usable)
        gains = self.slopes * products
        self.slopes *= scale[-1] / of_hinges
        self.scores = rows.count * gains / max(squares[-1], 1e-300)

    def _products(self, model: Model, rows: Rows, thresholds: bool) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Weighted products of the model's derivatives and, last, residuals; of hinges with these; hinges' squares."""
        known, m = model.width * (rows.n_features + thresholds) + rows.n_features + 1, len(self.hinges)
        inner, cross, sizes = np.zeros((known + 1, known + 1)), np.zeros((m, known + 1)), np.zeros(m)
        size = min(len(rows), _BLOCK)
        hinges, columns = np.empty((m, size)), np.empty((known + 1, size))  # the same memory for all: new takes longer
        for start in range(0, len(rows), _BLOCK):
            part = rows.part(slice(start, start + _BLOCK))
            beyond, derivatives = hinges[:, : len(part)], columns[:, : len(part)]
            np.add(part.along(self.hinges[:, :-1]).T, self.hinges[:, -1:], out=beyond)
            np.maximum(beyond, 0.0, out=beyond)
            _fill_derivatives(derivatives[:-1], model, part, thresholds)
            derivatives[-1] = part.residuals(model)
            weighted = derivatives if part.weights is None else derivatives * part.weights
            inner += _products_of_rows(derivatives, weighted, rows.n_threads)
            cross += _products_of_rows(beyond, weighted, rows.n_threads)
            sizes += np.einsum("ij,ij->i", beyond, beyond if part.weights is None else beyond * part.weights)
        return inner, cross, sizes

    @property
    def largest(self) -> float:
        """The largest squared score."""
        return float(self.scores.max(initial=0.0))

    @property
    def show_neuron(self) -> bool:
        """Whether the largest score is more than chance explains."""
        return self.largest >= self.settings.quiet

    def additions(self, model: Model) -> Iterator[Model]:
        """The model with one more neuron, at each of the few best places."""
        how, taken = self.settings, list[Float64Array]()
        for i in np.argsort(-self.scores):
            row = self.hinges[i]
            if any(
                abs(row[:-1] @ other[:-1]) > how.same_cosine and abs(row[-1] - other[-1]) < how.same_threshold
                for other in taken
            ):
                continue
            taken.append(row)
            size = self.slopes[i]
            parameters = np.insert(model.parameters, model.width, abs(size) * row, axis=0)
            yield Model(np.append(model.signs, 1.0 if size >= 0 else -1.0), parameters)
            if len(taken) == how.additions:
                return


def _hinges(
    model: Model, rows: Rows, thresholds: bool, rng: np.random.Generator, settings: SpanSearchSettings
) -> Float64Array:
    """Unit directions and thresholds (m, r + 1): spread over the span, and beside the neurons of the model."""
    r = rows.n_features
    near = [_beside(u, settings.beside, rng) for u in model.directions] if r > 1 else []
    count = {1: 1, 2: settings.directions_in_plane}.get(r, settings.directions_per_dimension * r)
    directions = np.vstack([_directions(r, count, rng), *near])
    levels = np.zeros((len(directions), 1))
    if thresholds:
        on_line = np.arange(1, settings.levels_on_line) / settings.levels_on_line
        levels = np.quantile(rows.along(directions), on_line if r == 1 else np.array(settings.levels), axis=0).T
    return np.column_stack([np.repeat(directions, levels.shape[1], axis=0), -levels.ravel()])


def _beside(u: Float64Array, angle: float, rng: np.random.Generator) -> Float64Array:
    """Four random unit directions at an angle (radians) from u."""
    across = rng.standard_normal((4, len(u)))
    across -= np.outer(across @ u, u)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.asarray(np.cos(angle) * u + np.sin(angle) * across)


def _fill_derivatives(columns: Float64Array, model: Model, rows: Rows, thresholds: bool) -> None:
    """Write the derivatives of the model by all its parameters: (k (r + thresholds) + r + 1, n)."""
    X = np.vstack([rows.X.T, np.ones(len(rows))])
    own = X if thresholds else X[:-1]
    if model.width:
        gates = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1] > 0
        for i, gate in enumerate(gates.T):
            np.multiply(gate, own, out=columns[i * len(own) : (i + 1) * len(own)])
    columns[model.width * len(own) :] = X


def _products_of_rows(left: Float64Array, right: Float64Array, n_threads: int | None) -> Float64Array:
    """``left @ right.T``, by a kernel that keeps to the number of threads."""
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    return np.asarray(_kernels.project(left, right, thread_count(n_threads)))

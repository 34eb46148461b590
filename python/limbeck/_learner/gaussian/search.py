"""From a span to a network: candidates one after another, each polished, until nothing is left to explain.

Candidates are found inside a span (``discovery``), refined in all d dimensions, and made as good as they can be
(``_polish``). The best network so far has a span of its own, usually far sharper than the one that the moments gave, in
which the next round looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import Candidate, candidates, from_eigenvectors, from_wide
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel, with_linear_part
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["missed_directions", "search"]

_ROUNDS = 4
_CANDIDATES_PER_ROUND = 4
_SPAN_ROWS_PER_PARAMETER = 25
_NOISE_FACTOR = 300.0  # by how much more rows for an error as large as the variance
_FAINT_DIMENSION = 1e-3
_MISSED = 0.5  # sine of the angle between the neurons' span and a direction that they do not cover
_SAME = 4.0  # times what noise explains: two fits differ by no more
_ROUGH = 0.05  # of what noise leaves open: a start for more rows need not come closer
_DECAYS = (0.006, 0.02)
_WIDE_STARTS = 3
_AGREEMENT = 0.01  # relative difference of errors of two candidates that count as one solution
_NOISY = 1e-3  # relative errors above this count as noise, until shown otherwise
_PROMISING = 1.5  # how much larger the error may be, before polishing, than that of the best network


def _clear_span(model: Model, most: int) -> Float64Array:
    """Orthonormal basis (r, d) of what the neurons span, faint dimensions left out."""
    _, sizes, basis = np.linalg.svd(model.neurons[:, :-1], full_matrices=False)
    return np.ascontiguousarray(basis[: max(1, min(most, int((sizes > _FAINT_DIMENSION * sizes[0]).sum())))])


def missed_directions(model: Model, basis: Float64Array, most: int) -> Float64Array:
    """Orthonormal rows: what a basis (orthonormal rows) holds clearly beside the span of the neurons."""
    if not model.width:
        return basis
    own = _clear_span(model, most)
    _, sizes, beside = np.linalg.svd(basis - (basis @ own.T) @ own, full_matrices=False)
    return np.ascontiguousarray(beside[sizes > _MISSED])


def _curvature_of(model: Model) -> Float64Array:
    """Second moment that the neurons of a model make."""
    rows = model.neurons[:, :-1]
    return np.asarray((rows.T * (model.signs / model.sizes)) @ rows / np.sqrt(2 * np.pi))


def search(
    best: ScoredModel,
    rows: Rows,
    selector: ModelSelector,
    subspace: Subspace,
    width: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> tuple[ScoredModel, bool]:
    """The best network of at most ``width`` neurons that candidates lead to, and whether it leaves nothing to explain.

    Parameters
    ----------
    best : Priced
        Network to do better than.
    rows : Rows
        Rows to refine candidates on, in all d dimensions.
    selector : Polisher
        Makes the promising ones better, on more rows.
    subspace : Subspace
        Span of the directions according to the moments.
    width : int
        Largest number of neurons.
    fit : Fit
        How to refine in all d dimensions.
    progress : Progress
        Told of every candidate; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    """
    basis = subspace.basis if subspace.rank else subspace.eigenvectors[:width]
    if 0 < subspace.rank < width:
        basis = np.vstack([basis, subspace.hints])
    curvature = (subspace.eigenvectors.T * subspace.eigenvalues) @ subspace.eigenvectors
    best = _begun(best, rows, selector, subspace, width, fit, progress, rng)
    span_fit = fit.changed(max_steps=60, tolerance=1e-4)
    settled = _Settled(selector)
    for number in range(_ROUNDS):
        if progress.out_of_time() or selector.is_exact(best):
            return best, selector.is_exact(best)
        before = best.criterion
        missed = missed_directions(best.model, subspace.basis, width)
        own = number > 0 or (not len(missed) and settled(best, basis))
        if own:
            basis = np.vstack([_clear_span(best.model, width), missed])
            curvature = _curvature_of(best.model)
        count = _rows_inside(len(basis), width, best.error / selector.variance)
        inside = selector.rows.part(slice(count)).projected(basis)
        nearest = np.inf
        agreed = False
        stream = candidates(inside, basis @ curvature @ basis.T, width, span_fit, rng)
        for candidate in islice(stream, _CANDIDATES_PER_ROUND):
            if progress.out_of_time() or selector.is_exact(best):
                return best, selector.is_exact(best)
            if own and _is_same(candidate, best, inside, basis):
                agreed = True
            elif candidate.error <= 1.5 * nearest:  # one that is clearly worse inside the span will not win outside
                nearest = min(nearest, candidate.error)
                lifted = candidate.model.lifted(basis)
                # A noisy fit to the few rows in all dimensions would lead away from what many rows showed in the span.
                if candidate.error < _NOISY * selector.variance:
                    lifted, _ = fit(lifted, rows)
                better = _better(best, lifted, candidate.source, selector, width, progress)
                agreed = best.model.width > 0 and better.error > (1 - _AGREEMENT) * best.error
                best = better
            if (
                agreed
                and own
                and not len(missed_directions(best.model, subspace.basis, width))
                and settled(best, basis)
            ):
                return best, True
        if best.model.width == 0:
            return best, subspace.rank == 0  # neither moments nor candidates show anything
        if number and best.criterion >= before:
            break
    return best, False


def _begun(
    best: ScoredModel,
    rows: Rows,
    selector: ModelSelector,
    subspace: Subspace,
    width: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> ScoredModel:
    """What the leading eigenvectors of the second moment lead to: a start that needs no span, for that may be in part.

    A network found on rows enough has these directions already, or could not use them.
    """
    d = rows.X.shape[1]
    shown = subspace.rank == 0 or bool((subspace.orders == 2).any())
    if width > d or not shown or (best.model.width and not selector.has_few_rows):
        return best
    rough = fit.changed(tolerance=max(fit.tolerance, _ROUGH * (width + 1) * (d + 1) / len(rows)))
    values, leading = subspace.eigenvalues, subspace.eigenvectors[:width]
    if subspace.rank >= width:
        # Most of the way is gone inside the span, where a step costs next to nothing.
        span = with_linear_part(leading, best.model)
        start = from_eigenvectors(rows.projected(span), values, leading @ span.T, width, fit)
        model, _ = rough(start.model.lifted(span), rows)
        return _better(best, model, "eigen", selector, width, progress)
    start = from_eigenvectors(rows, values, leading, width, rough)
    best = _better(best, start.model, "eigen", selector, width, progress)
    if selector.has_few_rows and 2 * best.model.width >= width:
        best = _from_decay(best, rows, selector, values, leading, width, rough, progress, rng)
    return best


def _from_decay(
    best: ScoredModel,
    rows: Rows,
    selector: ModelSelector,
    values: Float64Array,
    vectors: Float64Array,
    width: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> ScoredModel:
    """The best of what weight decay leads to in all dimensions, from the eigenvectors and from random directions.

    Few rows have many optima, and paths by way of weight decay end in others.
    """
    sources: list[tuple[str, Callable[[], Candidate]]] = [
        ("eigen", partial(from_eigenvectors, rows, values, vectors, width, fit.changed(decay=decay)))
        for decay in _DECAYS
    ]
    if (2 * width + 3) * (rows.X.shape[1] + 1) < len(rows):
        wide = fit.changed(decay=_DECAYS[0], max_steps=40, tolerance=1e-3)
        sources += [("wide", partial(from_wide, rows, width, wide, rng))] * _WIDE_STARTS
    for name, source in sources:
        if selector.is_exact(best) or progress.out_of_time():
            break
        best = _better(best, source().model, name, selector, width, progress)
    return best


class _Settled:
    """Whether a network leaves nothing to explain along a basis; asked once of it, whatever basis comes later."""

    def __init__(self, selector: ModelSelector) -> None:
        self._polisher = selector
        self._of: ScoredModel | None = None
        self._answer = False

    def __call__(self, best: ScoredModel, basis: Float64Array) -> bool:
        if best is not self._of:
            self._of = best
            self._answer = best.model.width > 0 and self._polisher.is_settled(best, basis)
        return self._answer


def _is_same(candidate: Candidate, best: ScoredModel, inside: Rows, basis: Float64Array) -> bool:
    """Whether a candidate is the best network up to what few rows leave open, in a span that all but holds its neurons.

    One with more neurons is not: what they add may be too little for these rows to tell, and not for all rows.
    """
    ours = best.model.projected(basis)
    difference = candidate.model(inside.X, inside.n_threads) - ours(inside.X, inside.n_threads)
    noise = best.error * (candidate.model.parameters.size + basis.shape[1]) / len(inside)
    return candidate.model.width <= ours.width and bool(np.square(difference).mean() < _SAME * noise)


def _rows_inside(r: int, width: int, error: float) -> int:
    """How many rows to look for neurons in a span with: more the more noise there may be (relative error)."""
    return int(_SPAN_ROWS_PER_PARAMETER * (r + 1) * (width + 1) * (1 + _NOISE_FACTOR * error))


def _better(
    best: ScoredModel, model: Model, source: str, selector: ModelSelector, width: int, progress: Progress
) -> ScoredModel:
    """The candidate, polished, if that makes it better than the best so far."""
    error = float(selector.rows.errors(model).mean())
    if error <= _PROMISING * best.error and not progress.out_of_time():
        trial = selector.improve(model, width, best.criterion)
        if trial.criterion < best.criterion:
            best = trial
    progress.report(f"discovery: {source}", best.model.width, best.error / selector.variance)
    return best

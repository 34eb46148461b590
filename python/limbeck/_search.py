"""From a span to a network: try candidates until the held-out rows say that nothing is left to explain.

Candidates are found inside a span (``discovery``), refined in all d dimensions, and judged on rows that took no part in
either. The best network so far has a span of its own, usually far sharper than the one that the moments gave, in which
the next round looks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from limbeck._model import Fit, Float64Array, Model, Rows, linear_model
from limbeck._progress import Progress
from limbeck.discovery import candidates, from_eigenvectors
from limbeck.scales import angles_modulo_sign

__all__ = ["EXACT", "search", "trim"]

_ROUNDS = 4
_CANDIDATES_PER_ROUND = 4
_SPAN_ROWS_PER_PARAMETER = 25
EXACT = 1e-20  # mean squared error over the labels' variance that only rounding leaves
_AGREEMENT = 0.01
_STRUCTURE = 5.0  # standard errors; a residual that passes is noise as far as its kinks can tell
_FAINT_DIMENSION = 1e-3
# In a network exact to rounding: relative sizes and angles below which a neuron may be an artefact. Larger ones cannot
# be: ReLUs along different lines are linearly independent.
_FAINT = 1e-3
_TRIM_STEPS = 40


@dataclass
class _Best:
    model: Model
    errors: Float64Array  # squared, on the check rows
    source: str

    @property
    def error(self) -> float:
        return float(self.errors.mean())


def _has_structure(model: Model, check: Rows, errors: Float64Array) -> bool:
    """Whether squared residuals depend on the distance to some neuron's kink, as those of a wrong neuron do."""
    if not model.width:
        return False
    spread = errors - errors.mean()
    distance = np.abs(check.X @ model.directions.T)
    distance -= distance.mean(axis=0)
    scale = np.sqrt((np.square(distance) * np.square(spread)[:, None]).sum(axis=0))
    z = np.abs(spread @ distance) / np.where(scale > 0, scale, 1.0)
    return bool(z.max() > _STRUCTURE)


def _span_of(model: Model, most: int) -> Float64Array:
    """Orthonormal basis (r, d) of what the neurons span, faint dimensions left out."""
    rows = model.parameters[:-1, :-1]
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return np.ascontiguousarray(basis[: max(1, min(most, int((sizes > _FAINT_DIMENSION * sizes[0]).sum())))])


def search(
    rows: Rows,
    check: Rows,
    basis: Float64Array,
    curvature: Float64Array,
    width: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> tuple[Model, bool]:
    """The best network of at most ``width`` neurons, and whether it leaves nothing to explain as far as can be told.

    Parameters
    ----------
    rows, check : Rows
        Rows to fit and rows to judge by, in all d dimensions.
    basis : ndarray of shape (r, d)
        Span of the directions according to the moments.
    curvature : ndarray of shape (d, d)
        Second moment of the residual labels.
    width : int
        Largest number of neurons.
    fit : Fit
        How to refine in all d dimensions.
    progress : Progress
        Told of every candidate; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    """
    variance = float(np.var(check.y))
    model, _ = fit(linear_model(rows.X.shape[1]), rows)
    best = _Best(model, check.errors(model), "linear")
    if len(basis) < width <= rows.X.shape[1]:
        # The span may be found in part only: leading eigenvectors of the second moment are a start that needs no span.
        start = from_eigenvectors(rows, curvature, width, fit)
        errors = check.errors(start.model)
        if errors.mean() < best.error:
            best = _Best(start.model, errors, start.source)
        progress.report("discovery: eigen", start.model.width, best.error / variance)
        if best.error <= EXACT * variance or progress.out_of_time():
            return best.model, best.error <= EXACT * variance
    span_fit = Fit(max_steps=60, tolerance=1e-4, n_threads=fit.n_threads, deadline=fit.deadline)
    for number in range(_ROUNDS):
        count = _SPAN_ROWS_PER_PARAMETER * (len(basis) + 1) * (width + 1)
        inside = rows.part(slice(count)).projected(basis)
        nearest = np.inf
        confirmed = False
        stream = candidates(inside, basis @ curvature @ basis.T, width, span_fit, rng)
        for candidate in islice(stream, _CANDIDATES_PER_ROUND):
            # One that is clearly worse inside the span will not win outside.
            if candidate.error <= 1.5 * nearest:
                nearest = min(nearest, candidate.error)
                lifted, _ = fit(candidate.model.lifted(basis), rows)
                errors = check.errors(lifted)
                confirmed |= best.source != "linear" and abs(errors.mean() - best.error) <= _AGREEMENT * best.error
                if errors.mean() < best.error:
                    best = _Best(lifted, errors, candidate.source)
                progress.report(f"discovery: {candidate.source}", lifted.width, best.error / variance)
            if best.error <= EXACT * variance or progress.out_of_time():
                return best.model, best.error <= EXACT * variance
            if confirmed and not _has_structure(best.model, check, best.errors):
                return best.model, True
        best = _Best(best.model.alive(), best.errors, best.source)
        if best.model.width == 0:
            break
        basis = _span_of(best.model, len(basis) + number)
        curvature = (
            (best.model.parameters[:-1, :-1].T * (best.model.signs / best.model.sizes))
            @ (best.model.parameters[:-1, :-1])
            / np.sqrt(2 * np.pi)
        )
    return best.model, False


def trim(model: Model, rows: Rows, check: Rows, fit: Fit, progress: Progress) -> Model:
    """Drop or merge neurons for as long as the held-out error does not clearly rise.

    "Clearly": by more than a standard error of the difference to the best network, row by row; where the network is
    exact to rounding, beyond rounding.

    Parameters
    ----------
    model : Model
        Network to make smaller.
    rows, check : Rows
        Rows to refit and rows to judge by.
    fit : Fit
        How to refine.
    progress : Progress
        Ends the trimming when time is up.
    """
    variance = float(np.var(check.y))
    # Every network is compared with the best one seen, not with the one before: small losses must not add up.
    reference = check.errors(model)
    exact = reference.mean() <= EXACT * variance
    while model.width and not progress.out_of_time() and not (exact and _is_tidy(model)):
        trials = [fit(smaller, rows, max_steps=_TRIM_STEPS)[0] for smaller in _smaller(model)]
        trial = min(trials, key=lambda m: float(check.errors(m).mean()))
        errors = check.errors(trial)
        rise = errors - reference
        allowed = EXACT * variance if exact else rise.std() / np.sqrt(len(rise))
        if rise.mean() > allowed:
            break
        model = trial
        if rise.mean() < 0:
            reference = errors
        progress.report("trim", model.width, float(errors.mean()) / variance)
    return model


def _is_tidy(model: Model) -> bool:
    """Whether no neuron is faint and no two are close, as far as a solution exact to rounding could hide them."""
    angles = angles_modulo_sign(model.directions)[np.triu_indices(model.width, 1)]
    return bool(model.sizes.min() > _FAINT * model.sizes.max() and angles.min(initial=np.inf) > _FAINT)


def _smaller(model: Model) -> list[Model]:
    """Two ways to lose a neuron: the faintest dropped, the closest two merged."""
    ways = [model.without(int(np.argmin(model.sizes)))]
    if model.width > 1:
        angles = angles_modulo_sign(model.directions) + np.diag(np.full(model.width, np.inf))
        i, j = (int(v) for v in np.unravel_index(np.argmin(angles), angles.shape))
        ways.append(model.merged([[i, j], *([k] for k in range(model.width) if k not in (i, j))]))
    return ways

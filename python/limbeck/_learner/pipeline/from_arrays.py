"""Learning from rows that are in memory: options, search, last refinement, result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, row_weights, thread_count
from limbeck._base.progress import Progress
from limbeck._learner.diagnostics.diagnostics import Diagnostics, FitRecord
from limbeck._learner.gaussian.learner import (
    learn_gaussian,
    noise_variance,
    refined,
    rows_to_search,
    without_needless_linear_part,
)
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.gaussian.thresholds import HINGE_SCORE, hinge_scores
from limbeck._learner.model.coordinates import CONSTANT, Standardization, Whitening, standardization, whitening
from limbeck._learner.model.input_tests import MOST_ROWS, detect_inputs
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import NOISELESS, Rows
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.tabular.cross_validation import Refit
from limbeck._learner.tabular.learner import fit_any, with_more_rows

__all__ = [
    "FEWEST_ROWS",
    "LARGEST",
    "SMALLEST",
    "ConstantFeaturesError",
    "Options",
    "SearchResult",
    "check_features",
    "check_labels",
    "check_sizes",
    "finish",
    "learn_rows",
    "learned",
    "mean_alone",
    "require_enough_rows",
    "search",
    "weighted_rows",
]

FEWEST_ROWS = 10
# Squares beyond these sizes of y overflow or vanish in float64.
LARGEST, SMALLEST = 1e150, 1e-150
_SAMPLE_BYTES = 1 << 27
_MISFIT_ROWS = 10_000  # looked at for hinges that a network for Gaussian inputs has left


class ConstantFeaturesError(ValueError):
    """No feature varies, up to rounding."""


@dataclass(frozen=True)
class Options:
    """What the caller asked for; see :func:`learn`."""

    width: int | None
    max_width: int
    inputs: str
    refine: bool
    validation: float
    rng: np.random.Generator
    n_threads: int | None
    constant_features: bool = False  # whether to answer with the mean where no feature varies
    asked_rows: int | None = None  # to search on, where the caller says how many

    def sample_rows(self, asked: int | None) -> SampleRows:
        """How many rows a search is made on where there are more."""
        return SampleRows(asked, self.most)

    @property
    def most(self) -> int:
        """Largest number of neurons."""
        return self.max_width if self.width is None else self.width


@dataclass(frozen=True)
class SampleRows:
    """Number of rows to search on, as asked for or by the number of features."""

    asked: int | None
    width: int

    def __call__(self, d: int) -> int:
        return self.asked or max(_SAMPLE_BYTES // (8 * max(1, d)), rows_to_search(self.width, d))


@dataclass
class SearchResult:
    """The outcome of the search, in coordinates of its own, and what it was made on.

    ``rows`` are the user's, ``inner`` the same in those coordinates, labels over ``unit``.
    """

    kind: str
    rows: Rows
    inner: Rows
    unit: float
    coordinates: Whitening | None
    used: NDArray[np.intp]
    held_out: NDArray[np.intp]
    fit: Fit
    model: Model
    subspace: Subspace | None = None
    thresholds: bool = True
    has_linear_part: bool = True
    decay: float | Float64Array = 0.0
    decay_of_all: float | Float64Array = 0.0
    noise: float = np.nan


def learn_rows(rows: Rows, options: Options, progress: Progress, names: tuple[str, ...], target: str) -> Learned:
    """Learn from rows in memory."""
    check_labels(float(rows.y.min()), float(rows.y.max()))
    low, high = rows.X.min(axis=0), rows.X.max(axis=0)
    check_sizes(np.maximum(high, -low), names)
    if not options.constant_features:
        check_features(low, high)
    found = search(rows, options, progress)
    if progress.stopped_early and len(found.held_out):
        _leave_to_constant(found)
    residuals = found.inner.part(found.held_out).residuals(found.model)
    if found.kind != "any":
        finish(found, found.inner, options.refine, progress, joining=len(found.held_out) > 0)
    return learned(found, residuals, None, options, progress, names, target)


def mean_alone(rows: Rows, validation: float, seed: int, names: tuple[str, ...], target: str) -> Learned:
    """Learn the mean of the labels, of rows whose features may all be constant."""
    options = Options(0, 0, "any", True, validation, np.random.default_rng(seed), rows.n_threads, True)
    return learn_rows(rows, options, Progress(None, False, None), names, target)


def search(rows: Rows, options: Options, progress: Progress, *, largest: float | None = None) -> SearchResult:
    """Find a network on the rows that are not held out.

    If they are a sample of more, ``largest`` is the size of the labels of all.
    """
    n_threads, rng = options.n_threads, options.rng
    fit = Fit(tolerance=1e-4, deadline=progress.deadline)
    held_out, used = _split(len(rows), options.validation, rng)
    if len(used) < FEWEST_ROWS:
        sampled = "" if largest is None else " sampled (see sample_rows)"
        raise ValueError(
            f"validation={options.validation!r} leaves {len(used)} of {len(rows)} rows{sampled} to learn from, too few"
        )
    progress.enter("inputs")
    kind = options.inputs
    if kind == "auto":
        kind = detect_inputs(rows.X[_drawn(used, MOST_ROWS)], n_threads)
    if kind == "any" and not options.refine:
        raise ValueError("refine=False is the moment method, for Gaussian inputs; these are not: see inputs")
    # A power of two: no digit of y changes.
    size = float(np.abs(rows.y).max()) if largest is None else largest
    unit = float(2.0 ** np.round(np.log2(size))) if size > 0 else 1.0
    begun = _begun(kind, rows, used, held_out, unit, fit)
    if kind == "any":
        return _searched_any(begun, options, progress, whole=largest is None)
    if not np.ptp(rows.y[used]):
        return _constant(begun)
    found = _searched_gaussian(begun, options, progress)
    unsure = options.inputs == "auto" and options.refine and not progress.out_of_time()
    if unsure and (not found.model.width or _is_misfit(found)):
        # The inputs passed for Gaussian, and no neuron was found, or the network leaves something to explain: what
        # needs no such inputs may do better.
        general = _searched_any(
            _begun("any", rows, used, held_out, unit, fit), options, progress, whole=largest is None
        )
        if general.noise <= _cross_validated_error(found):
            return general
    return found


def _begun(
    kind: str, rows: Rows, used: NDArray[np.intp], held_out: NDArray[np.intp], unit: float, fit: Fit
) -> SearchResult:
    """A search that has its coordinates, and nothing else yet."""
    coordinates = None if kind == "standard" else _coordinates(rows, used, kind)
    inner = Rows(rows.X if coordinates is None else coordinates(rows.X), rows.y / unit, rows.weights, rows.n_threads)
    return SearchResult(kind, rows, inner, unit, coordinates, used, held_out, fit, linear_model(inner.n_features))


def _searched_any(found: SearchResult, options: Options, progress: Progress, *, whole: bool) -> SearchResult:
    """The search for inputs of any distribution, on no more rows than it asks for.

    Where the rows are the whole and no sample, the network is refined on all of them that are used.
    """
    progress.enter("widths")
    few = used = found.used
    inner, fit = found.inner, found.fit
    if options.asked_rows is None and len(used) > (most := rows_to_search(options.most, inner.n_features)):
        few = np.sort(options.rng.permutation(used)[:most])
    fitted = fit_any(inner.part(few), options.width, options.max_width, fit, progress, options.rng)
    if whole and len(few) < len(used):
        progress.enter("refine")
        fitted = with_more_rows(fitted, inner.part(used), len(few), fit)
    else:
        found.used = few
    found.model, found.noise, found.decay = with_smallest_linear_part(fitted.model), fitted.error, fitted.decay
    return found


def _constant(found: SearchResult) -> SearchResult:
    """A constant, where all labels learned from are equal and only those held out differ."""
    found.model.parameters[-1, -1] = found.inner.y[found.used[0]]
    found.thresholds = found.fit.thresholds
    return found


def _searched_gaussian(found: SearchResult, options: Options, progress: Progress) -> SearchResult:
    """The search for Gaussian inputs."""
    # Kinks at an estimated mean are off by its error: thresholds make up for that.
    found.fit = fit = found.fit.changed(thresholds=found.kind == "gaussian" and options.refine)
    masked = _without(found.inner, found.held_out)
    found.model, found.subspace, found.thresholds = learn_gaussian(
        masked, found.used, options.width, options.max_width, options.refine, fit, progress, options.rng
    )
    return found


def _drawn(used: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of the row numbers, in rising order: rows may be sorted, or repeat themselves at some distance.

    The generator is its own, so that how many rows are looked at changes nothing else.
    """
    return used if len(used) <= most else np.sort(np.random.default_rng(0).permutation(used)[:most])


def _is_misfit(found: SearchResult) -> bool:
    """Whether the residuals of a network show hinges along single features, which noise does not."""
    some = _drawn(found.used, _MISFIT_ROWS)
    inner = found.inner.part(some)
    if inner.mean_error(found.model) <= NOISELESS * inner.variance:
        return False
    scale = standardization(found.rows.X[some])
    original = Rows(scale(found.rows.X[some]), inner.y, inner.weights, inner.n_threads)
    _, largest = hinge_scores(inner.residuals(found.model), np.eye(original.n_features), original)
    return largest > HINGE_SCORE


def _cross_validated_error(found: SearchResult) -> float:
    """Mean squared error of a network on the rows it was fitted to, times what its number of parameters calls for."""
    rows, model = found.inner.part(found.used), found.model
    taken = (model.width * (rows.n_features + found.thresholds) + rows.n_features + 1) / rows.count
    return rows.mean_error(model) / (1 - taken) ** 2 if taken < 1 else np.inf


def _leave_to_constant(found: SearchResult) -> None:
    """Put a constant in the place of a network that was cut short, where it is better on the rows held out."""
    held_out, used = found.inner.part(found.held_out), found.inner.part(found.used)
    constant = linear_model(used.n_features)
    constant.parameters[-1, -1] = np.average(used.y, weights=used.weights)
    if held_out.mean_error(constant) < held_out.mean_error(found.model):
        found.model, found.decay, found.noise = constant, 0.0, np.nan


def finish(
    found: SearchResult, everything: Rows | StreamedRows, refine: bool, progress: Progress, *, joining: bool
) -> None:
    """The last refinement of a network for Gaussian inputs, on all rows, if there are any to join."""
    if refine and joining:
        found.model = refined(found.model, everything, found.fit.changed(thresholds=found.thresholds), progress)
    if refine and not found.thresholds:
        found.model, found.has_linear_part = without_needless_linear_part(found.model, everything, progress)
    elif refine:
        found.model = with_smallest_linear_part(found.model)
    found.noise = noise_variance(found.model, everything, found.has_linear_part, found.thresholds)


def learned(
    found: SearchResult,
    residuals: Float64Array,
    everything: StreamedRows | None,
    options: Options,
    progress: Progress,
    names: tuple[str, ...],
    target: str,
) -> Learned:
    """The result in the user's coordinates and units."""
    rows, unit = found.rows, found.unit
    held = found.inner.part(found.held_out)
    mse = float(held.errors_of(residuals).mean()) if len(held) else np.nan
    model = Model(found.model.signs, found.model.parameters * unit)
    network = model.network()
    if found.coordinates is not None:
        network = found.coordinates.pull_back(network).normalized()
    progress.finish()
    origin = FitRecord(
        model=model,
        rows=replace(found.inner, y=rows.y),
        original=rows,
        used=found.used,
        held_out=found.held_out,
        joined=found.kind != "any" or everything is not None,
        thresholds=found.thresholds,
        has_linear_part=found.has_linear_part,
        decay=found.decay,
        coordinates=found.coordinates,
        standard=found.kind == "standard",
        refined=bool(options.refine),
        everything=everything,
        decay_of_everything=found.decay_of_all,
        refit=None if progress.stopped_early else partial(refitted, found.kind, options.width, options.max_width),
    )
    evidence = Diagnostics(network, origin)
    return Learned(
        network=network,
        inputs=found.kind,
        validation_mse=mse * unit**2,
        validation_r2=1 - mse / held.variance if len(held) and np.ptp(held.y) else np.nan,
        validation_targets=rows.y[found.held_out],
        validation_residuals=residuals * unit,
        noise_variance=found.noise * unit**2,
        clumps=evidence.clumps,
        subspace=None if found.subspace is None else found.subspace.scaled(unit),
        history=progress.history,
        timings=progress.timings,
        stopped_early=progress.stopped_early,
        feature_names=names,
        target_name=target,
        _evidence=evidence,
    )


def refitted(kind: str, width: int | None, max_width: int, rows: Rows) -> Refit:
    """Search on other rows, all of them, as a result's was made: by which it can be cross-validated."""
    options = Options(width, max_width, kind, True, 0.0, np.random.default_rng(0), rows.n_threads)
    progress = Progress(None, False, None)
    found = search(rows, options, progress)
    if kind != "any":
        finish(found, found.inner, True, progress, joining=False)
    model = Model(found.model.signs, found.model.parameters * found.unit)
    fit = Fit(thresholds=found.thresholds)
    return Refit(model, replace(found.inner, y=rows.y), fit, found.decay, found.coordinates)


# ---- Rows and checks ----


def weighted_rows(X: Float64Array, y: Float64Array, sample_weight: ArrayLike | None, n_threads: int | None) -> Rows:
    """The rows of positive weight."""
    if sample_weight is None:
        return Rows(X, y, n_threads=n_threads)
    weights = row_weights(sample_weight, X, thread_count(n_threads))
    if weights.any():
        weights = weights / weights.max()  # so that no sum overflows
    kept = weights > 0
    if np.count_nonzero(kept) < FEWEST_ROWS:
        raise ValueError(
            f"sample_weight must be positive in {FEWEST_ROWS} rows or more, is in {np.count_nonzero(kept)} of {len(X)}"
        )
    if not kept.all():
        X, y, weights = X[kept], y[kept], weights[kept]
    return Rows(X, y, weights / weights.mean(), n_threads)


def _without(rows: Rows, held_out: NDArray[np.intp]) -> Rows:
    """The rows with no weight for those held out: no copy of the rest is needed."""
    if not len(held_out):
        return rows
    weights = rows.row_weights.copy()
    weights[held_out] = 0.0
    return replace(rows, weights=weights)


def _split(n: int, fraction: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers held out and used, each in rising order."""
    count = round(fraction * n)
    order = rng.permutation(n)
    return np.sort(order[:count]), np.sort(order[count:])


def _coordinates(rows: Rows, used: NDArray[np.intp], kind: str) -> Whitening:
    """The change of coordinates that the learner of this kind works in, from the rows to learn from.

    Where no feature varies on those rows one is made zero, and the fit is a constant.
    """
    some, threads = rows.part(used), rows.n_threads
    scaled = standardization(some.X, some.weights)
    if scaled.n_kept:
        return whitening(some.X, threads, some.weights) if kind == "gaussian" else scaled
    if kind == "gaussian":
        raise ValueError(f"X is constant in every feature of the {len(used)} rows to learn from: no Gaussian is")
    return Standardization(scaled.mean, np.zeros(rows.n_features), np.arange(rows.n_features) == 0)


def require_enough_rows(n: int, d: int) -> None:
    """Raise ValueError where there is too little to learn from."""
    if n < FEWEST_ROWS or d == 0:
        raise ValueError(f"X must have at least {FEWEST_ROWS} rows and one feature, got shape {(n, d)}")


def check_labels(least: float, largest: float) -> None:
    """Labels must vary, and their squares stay in float64."""
    if least == largest:
        raise ValueError(f"y is constant ({least:g}): there is nothing to learn")
    size = max(abs(least), abs(largest))
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"the largest |y| is {size:g}, whose square leaves float64; scale y to between 1e-150 and 1e150"
        )


def check_features(low: Float64Array, high: Float64Array) -> None:
    """Some feature must vary, between these ends, by more than rounding."""
    if (high - low > 2 * CONSTANT * np.maximum(np.abs(low), np.abs(high))).any():
        return
    if (low == high).all():
        raise ConstantFeaturesError("X is constant in every feature: there is nothing to learn from")
    raise ConstantFeaturesError(
        f"X is constant in every feature up to rounding, below {2 * CONSTANT:g} of its size: subtract an offset first"
    )


def check_sizes(sizes: Float64Array, names: tuple[str, ...]) -> None:
    """Features whose squares leave float64 are refused: they would be lost without a word."""
    wrong = np.flatnonzero((sizes > LARGEST) | ((sizes > 0) & (sizes < SMALLEST)))
    if len(wrong):
        j = int(wrong[0])
        raise ValueError(
            f"X: the largest size in column {names[j]!r} is {sizes[j]:g}, whose square leaves float64; scale it to "
            "between 1e-150 and 1e150"
        )

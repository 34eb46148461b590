"""Learning from rows that are in memory: search, last refinement, result."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.prediction_range import PredictionRange
from limbeck._base.progress import Progress
from limbeck._learner.diagnostics.diagnostics import FitRecord
from limbeck._learner.gaussian.learner import (
    learn_gaussian,
    noise_variance,
    refined,
    without_needless_linear_part,
)
from limbeck._learner.gaussian.thresholds import hinge_scores_along
from limbeck._learner.model.coordinates import Standardization, Whitening, standardization, whitening
from limbeck._learner.model.input_tests import MOST_ROWS, detect_inputs
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import NOISELESS, Rows
from limbeck._learner.pipeline.any_inputs import search_any
from limbeck._learner.pipeline.checks import FEWEST_ROWS, TrainingData, check_features, check_labels, check_sizes
from limbeck._learner.pipeline.options import LearnOptions, PipelineSettings
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.pipeline.result_builder import Validation, build_result
from limbeck._learner.pipeline.search_result import SearchResult
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.tabular.cross_validation import Refit

__all__ = ["finish", "learn_rows", "learned", "mean_alone", "search"]


def learn_rows(data: TrainingData, options: LearnOptions, progress: Progress) -> Learned:
    """Learn from rows in memory.

    Parameters
    ----------
    data : TrainingData
        Rows, at least 10, and names.
    options : LearnOptions
        What is asked for.
    progress : Progress
        Reported to; it ends with the result.

    Raises
    ------
    ValueError
        Labels or all features are constant, or too large or small to be squared; too few rows are left to learn from.
    """
    rows = data.rows
    check_labels(float(rows.y.min()), float(rows.y.max()))
    low, high = rows.X.min(axis=0), rows.X.max(axis=0)
    check_sizes(np.maximum(high, -low), data.feature_names)
    if not options.accepts_constant_features:
        check_features(low, high)
    found = search(rows, options, progress)
    if progress.stopped_early and len(found.held_out):
        _leave_to_constant(found)
    residuals = found.inner.part(found.held_out).residuals(found.model)
    if found.kind != "any":
        finish(found, found.inner, options.refine, progress, joining=len(found.held_out) > 0)
    return learned(found, residuals, None, data, options, progress)


def mean_alone(data: TrainingData, validation: float, seed: int) -> Learned:
    """Learn the mean of the labels, of rows whose features may all be constant."""
    rng = np.random.default_rng(seed)
    options = LearnOptions(0, 0, "any", True, validation, rng, data.rows.n_threads, accepts_constant_features=True)
    return learn_rows(data, options, Progress(None, False, None))


def search(
    rows: Rows, options: LearnOptions, progress: Progress, *, largest_label: float | None = None
) -> SearchResult:
    """Find a network on the rows that are not held out.

    If they are a sample of more, ``largest_label`` is the size of the labels of all.
    """
    is_sample = largest_label is not None
    rng = options.rng
    fit = Fit(tolerance=options.settings.tolerance, deadline=progress.deadline)
    held_out, used = _split(len(rows), options.validation, rng)
    if len(used) < FEWEST_ROWS:
        sampled = " sampled (see sample_rows)" if is_sample else ""
        raise ValueError(
            f"validation={options.validation!r} leaves {len(used)} of {len(rows)} rows{sampled} to learn from, too few"
        )
    progress.enter("inputs")
    kind = "any" if options.bag else options.inputs
    if kind == "auto":
        kind = detect_inputs(rows.X[_subsample(used, MOST_ROWS)], options.n_threads)
    if kind == "any" and not options.refine:
        raise ValueError("refine=False is the moment method, for Gaussian inputs; these are not: see inputs")
    # A power of two: no digit of y changes.
    size = float(np.abs(rows.y).max()) if largest_label is None else largest_label
    unit = float(2.0 ** np.round(np.log2(size))) if size > 0 else 1.0
    begun = _in_coordinates(kind, rows, used, held_out, unit, fit, options.settings)
    if kind == "any":
        return search_any(begun, options, progress, is_sample=is_sample)
    if not np.ptp(rows.y[used]):
        return _constant(begun)
    found = _search_gaussian(begun, options, progress)
    unsure = options.inputs == "auto" and options.refine and not progress.out_of_time()
    if unsure and (not found.model.width or _is_misfit(found)):
        # The inputs passed for Gaussian, and no neuron was found, or the network leaves something to explain: a method
        # for inputs of any distribution may do better.
        begun = _in_coordinates("any", rows, used, held_out, unit, fit, options.settings)
        general = search_any(begun, options, progress, is_sample=is_sample)
        if general.noise <= _cross_validated_error(found):
            return general
    return found


def _in_coordinates(
    kind: str,
    rows: Rows,
    used: NDArray[np.intp],
    held_out: NDArray[np.intp],
    unit: float,
    fit: Fit,
    settings: PipelineSettings,
) -> SearchResult:
    """Begin a search: its coordinates, and a network of nothing."""
    coordinates = None if kind == "standard" else _coordinates(rows, used, kind)
    inner = Rows(rows.X if coordinates is None else coordinates(rows.X), rows.y / unit, rows.weights, rows.n_threads)
    model = linear_model(inner.n_features)
    return SearchResult(kind, rows, inner, unit, coordinates, used, held_out, fit, model, settings=settings)


def _constant(found: SearchResult) -> SearchResult:
    """Take a constant, where all labels learned from are equal and only those held out differ."""
    found.model.parameters[-1, -1] = found.inner.y[found.used[0]]
    found.thresholds = found.fit.thresholds
    return found


def _search_gaussian(found: SearchResult, options: LearnOptions, progress: Progress) -> SearchResult:
    """Search for Gaussian inputs."""
    # Kinks at an estimated mean are off by its error: thresholds make up for that.
    found.fit = fit = found.fit.changed(thresholds=found.kind == "gaussian" and options.refine)
    masked = _masked(found.inner, found.held_out)
    found.model, found.subspace, found.thresholds = learn_gaussian(
        masked,
        found.used,
        options.width,
        options.max_width,
        options.refine,
        fit,
        progress,
        options.rng,
        found.settings.gaussian,
        moment_method=options.moment_method,
    )
    return found


def _subsample(used: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Draw row numbers, in rising order: rows may be sorted, or repeat themselves at some distance.

    The generator is one of its own, so that how many rows are looked at changes no other random choice.
    """
    return used if len(used) <= most else np.sort(np.random.default_rng(0).permutation(used)[:most])


def _is_misfit(found: SearchResult) -> bool:
    """Whether the residuals of a network show hinges along single features, which noise does not."""
    some = _subsample(found.used, found.settings.misfit_rows)
    inner = found.inner.part(some)
    if inner.mean_error(found.model) <= NOISELESS * inner.variance:
        return False
    original = inner.X
    if found.coordinates is not None:
        original = found.rows.X[some]
        # Hinges are at quantiles of the distance from the mean; these rows, which passed for Gaussian, have none far
        # out.
        original = original - original.mean(axis=0)
    settings = found.settings.gaussian.thresholds
    residuals = inner.residuals(found.model)
    _, largest = hinge_scores_along(residuals, original, inner.weights, inner.count, settings)
    return largest > settings.hinge_score


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
        found.model, found.decay, found.noise, found.bag = constant, 0.0, np.nan, None


def finish(
    found: SearchResult, everything: Rows | StreamedRows, refine: bool, progress: Progress, *, joining: bool
) -> None:
    """Refine a network for Gaussian inputs once more, on all rows, if there are any to join."""
    if refine and joining:
        fit = found.fit.changed(thresholds=found.thresholds)
        found.model = refined(found.model, everything, fit, progress, found.settings.gaussian)
    if refine and not found.thresholds:
        found.model, found.has_linear_part = without_needless_linear_part(found.model, everything, progress)
    elif refine:
        found.model = with_smallest_linear_part(found.model)
    found.noise = noise_variance(found.model, everything, found.has_linear_part, found.thresholds)


def learned(
    found: SearchResult,
    residuals: Float64Array,
    everything: StreamedRows | None,
    data: TrainingData,
    options: LearnOptions,
    progress: Progress,
    labels: tuple[float, float] | None = None,
) -> Learned:
    """Make the result, in the user's coordinates and units.

    ``residuals`` are those of the rows held out, before they joined the others; ``everything`` is all rows, of which
    those in ``data`` are a sample, where they come in blocks; ``labels`` are then the least and the largest of all.
    """
    rows, unit = found.rows, found.unit
    held = found.inner.part(found.held_out)
    bounds = _prediction_range(found, options, labels)
    if bounds is not None:
        residuals = bounds.residuals(residuals * unit, rows.y[found.held_out]) / unit
    mse = float(held.errors_of(residuals).mean()) if len(held) else np.nan
    r2 = 1 - mse / held.variance if len(held) and np.ptp(held.y) else np.nan
    model = Model(found.model.signs, found.model.parameters * unit)
    network = model.network()
    if found.coordinates is not None:
        network = found.coordinates.pull_back(network).normalized()
    progress.finish()
    again = replace(options, inputs=found.kind, validation=0.0, sample_rows=None, rng=np.random.default_rng(0))
    refit = partial(refitted, again)
    fit = FitRecord(
        model=model,
        rows=replace(found.inner, y=rows.y),
        original=rows,
        used=found.used,
        held_out=found.held_out,
        joined=found.kind != "any" or everything is not None,
        thresholds=found.thresholds,
        keeps_zeros=found.fit.keeps_zeros,
        has_linear_part=found.has_linear_part,
        decay=found.decay,
        coordinates=found.coordinates,
        standard=found.kind == "standard",
        refined=options.refine,
        everything=everything,
        decay_of_everything=found.decay_of_everything,
        refit=None if progress.stopped_early or found.bag else refit,
        is_mean=found.bag is not None,
        prediction_range=bounds,
    )
    return build_result(
        Learned,
        network,
        fit,
        Validation(rows.y[found.held_out], residuals * unit, mse * unit**2, r2),
        progress,
        inputs=found.kind,
        noise_variance=found.noise * unit**2,
        subspace=None if found.subspace is None else found.subspace.scaled(unit),
        stopped_early=progress.stopped_early,
        feature_names=data.feature_names,
        target_name=data.target_name,
        columns=data.columns,
        encoding=data.encoding,
        prediction_range=bounds,
        bag=found.bag,
    )


def _prediction_range(
    found: SearchResult, options: LearnOptions, labels: tuple[float, float] | None
) -> PredictionRange | None:
    """Where predictions are kept, in the user's unit; None where the network continues linearly."""
    if found.kind != "any" or options.extrapolate == "linear":
        return None
    if labels is None:
        y = found.rows.y[found.used]
        labels = float(y.min()), float(y.max())
    if labels[0] == labels[1]:
        return None
    return PredictionRange.around(*labels, options.settings.tabular.prediction_margin)


def refitted(options: LearnOptions, rows: Rows) -> Refit:
    """Repeat the search of a result on other rows, without any held out, so that it can be cross-validated."""
    options = replace(options, rng=np.random.default_rng(0), n_threads=rows.n_threads)
    progress = Progress(None, False, None)
    found = search(rows, options, progress)
    is_any = found.kind == "any"
    if not is_any:
        finish(found, found.inner, True, progress, joining=False)
    model = Model(found.model.signs, found.model.parameters * found.unit)
    fit = found.fit if is_any else Fit(thresholds=found.thresholds)
    bounds = _prediction_range(found, options, None)
    return Refit(model, replace(found.inner, y=rows.y), fit, found.decay, found.coordinates, bounds)


# ---- Rows ----


def _masked(rows: Rows, held_out: NDArray[np.intp]) -> Rows:
    """Rows with weight zero where they are held out: no copy of the others is needed."""
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
    """Coordinates of the learner for a kind of inputs, from the rows to learn from.

    Where no feature varies on those rows one is made zero, and the fit is a constant.
    """
    some, threads = rows.part(used), rows.n_threads
    scaled = standardization(some.X, some.weights)
    if scaled.n_kept:
        return whitening(some.X, threads, some.weights) if kind == "gaussian" else scaled
    if kind == "gaussian":
        raise ValueError(f"X is constant in every feature of the {len(used)} rows to learn from: no Gaussian is")
    return Standardization(scaled.mean, np.zeros(rows.n_features), np.arange(rows.n_features) == 0)

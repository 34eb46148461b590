"""Learning several labels at once, from rows in memory: one network whose neurons they share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array, float_array, require_finite, same_length, thread_count
from limbeck._base.frames import column_names, feature_names
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.shared_learner import learn_shared
from limbeck._learner.model.coordinates import Whitening, whitening
from limbeck._learner.model.input_tests import detect_inputs
from limbeck._learner.model.shared_model import SharedModel, shared_linear_model
from limbeck._learner.model.shared_refinement import SharedFit, SharedRows
from limbeck._learner.pipeline.checks import (
    FEWEST_ROWS,
    GivenNames,
    check_features,
    check_labels,
    check_sizes,
    require_enough_rows,
    weighted_rows,
)
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._learner.pipeline.several_outputs import LearnedOutputs

__all__ = ["learn_several_labels", "number_of_labels"]

_MOST_TESTED = 65_536  # rows on which it is tested whether inputs are Gaussian


def number_of_labels(y: Any) -> int:  # noqa: ANN401
    """Columns of labels in memory; 1 for anything that is no table of several."""
    if hasattr(y, "__dask_graph__"):
        return 1
    names = column_names(y, "y")
    if names is not None:
        return len(names)
    if isinstance(y, list | tuple):
        first = y[0] if len(y) else None
        return len(first) if isinstance(first, list | tuple | np.ndarray) else 1
    shape: tuple[int, ...] = getattr(y, "shape", ())
    return int(shape[1]) if len(shape) == 2 else 1


def learn_several_labels(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    names: GivenNames,
    options: LearnOptions,
    progress: Progress,
) -> LearnedOutputs:
    """Learn a network of several outputs.

    Raises
    ------
    TypeError, ValueError
        See :func:`limbeck.learn`.
    """
    _require_gaussian_options(options, number_of_labels(y))
    rows, features = _checked_rows(X, y, sample_weight, names, options.n_threads)
    progress.enter("inputs")
    order = options.rng.permutation(len(rows))
    count = round(options.validation * len(rows))
    held_out, used = np.sort(order[:count]), np.sort(order[count:])
    if len(used) < FEWEST_ROWS:
        raise ValueError(f"validation={options.validation!r} leaves {len(used)} of {len(rows)} rows, too few")
    kind = _kind_of(rows.X[used], options, rows.Y.shape[1])
    coordinates = None if kind == "standard" else whitening(rows.X[used], rows.n_threads, _part(rows.weights, used))
    spread = rows.Y[used].std(axis=0)
    # Powers of two: no digit of y changes, and all labels count alike, to within a factor of two.
    units = np.ldexp(1.0, np.frexp(np.where(spread > 0, spread, 1.0))[1])
    inner = SharedRows(
        rows.X if coordinates is None else coordinates(rows.X), rows.Y / units, rows.weights, rows.n_threads
    )
    model, residuals, noise = _fitted(inner, used, held_out, kind, options, progress)
    return _result(
        rows, model.scaled(units), units * residuals, float((noise * units**2).mean()), held_out, kind, coordinates,
        (features, names.target or "y", column_names(X)), progress,
    )  # fmt: skip


def _require_gaussian_options(options: LearnOptions, q: int) -> None:
    """Raise ValueError for options that several labels have not."""
    several = f"y has {q} columns, and several labels are learned"
    if options.inputs == "any":
        raise ValueError(f'{several} for Gaussian inputs alone: with inputs="any", learn each column by itself')
    if not options.refine:
        raise ValueError(f"{several} with refinement: refine=False is for one label")
    if options.sample_rows is not None:
        raise ValueError(f"{several} from all rows: sample_rows is for one label")
    if options.bag is not None:
        raise ValueError(f"{several} by one network: bag is for one label")


def _checked_rows(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    names: GivenNames,
    n_threads: int | None,
) -> tuple[SharedRows, tuple[str, ...]]:
    """Rows of positive weight, and names of the features."""
    inputs, labels = (float_array(value, name, 2, np.float64, objects=True) for value, name in ((X, "X"), (y, "y")))
    features = feature_names(names.features, X, inputs.shape[1])
    same_length(inputs, "X", 0, labels, "y", 0, "rows")
    require_enough_rows(*inputs.shape)
    require_finite(thread_count(n_threads), X=inputs, y=labels)
    kept = weighted_rows(inputs, labels, sample_weight, n_threads)
    check_labels(float((kept.y - kept.y[0]).min(initial=0.0)), float((kept.y - kept.y[0]).max(initial=0.0)))
    low, high = kept.X.min(axis=0), kept.X.max(axis=0)
    check_sizes(np.maximum(high, -low), features)
    check_features(low, high)
    return SharedRows(kept.X, kept.y, kept.weights, n_threads), features


def _kind_of(X: Float64Array, options: LearnOptions, q: int) -> str:
    """How the inputs are treated, "standard" or "gaussian"."""
    if options.inputs != "auto":
        return options.inputs
    some = X if len(X) <= _MOST_TESTED else X[np.sort(np.random.default_rng(0).permutation(len(X))[:_MOST_TESTED])]
    kind = detect_inputs(some, options.n_threads)
    if kind == "any":
        raise ValueError(
            f"y has {q} columns, and several labels are learned for Gaussian inputs alone, which X does not look like: "
            'learn each column by itself, or pass inputs="gaussian" for what that gives'
        )
    return kind


def _part(values: Float64Array | None, rows: NDArray[np.intp]) -> Float64Array | None:
    return None if values is None else values[rows]


def _rows_of(rows: SharedRows, numbers: NDArray[np.intp]) -> SharedRows:
    return SharedRows(rows.X[numbers], rows.Y[numbers], _part(rows.weights, numbers), rows.n_threads)


def _fitted(
    rows: SharedRows,
    used: NDArray[np.intp],
    held_out: NDArray[np.intp],
    kind: str,
    options: LearnOptions,
    progress: Progress,
) -> tuple[SharedModel, Float64Array, Float64Array]:
    """The network refined on all rows, residuals of those held out before they joined, and noise by label."""
    # Kinks at an estimated mean are off by its error: thresholds make up for that.
    fit = SharedFit(tolerance=options.settings.tolerance, thresholds=kind == "gaussian", deadline=progress.deadline)
    fitted = rows if not len(held_out) else _rows_of(rows, used)
    model = learn_shared(
        fitted, options.width, options.largest_width, fit, progress, options.rng, options.settings.gaussian
    )
    if progress.stopped_early and len(held_out):
        model = _no_worse_than_constant(model, fitted, _rows_of(rows, held_out))
    checked = _rows_of(rows, held_out)
    residuals = checked.Y - model(checked.X, rows.n_threads)
    progress.enter("refine")
    if model.width and not progress.out_of_time():
        has_thresholds = fit.thresholds or bool(model.neurons[:, -1].any())
        last = SharedFit(thresholds=has_thresholds, deadline=progress.deadline)
        model, error = last(model, rows)
        progress.report("refine", model.width, error / rows.variance)
    squares = np.average(np.square(rows.Y - model(rows.X, rows.n_threads)), axis=0, weights=rows.weights)
    freedom = 1 - model.size / rows.Y.size
    noise = squares / freedom if freedom > 0 else np.full(rows.Y.shape[1], np.nan)
    return model.normalized().without_linear_part(), residuals, noise


def _no_worse_than_constant(model: SharedModel, used: SharedRows, held_out: SharedRows) -> SharedModel:
    """A constant in the place of a network that was cut short, where it is better on the rows held out."""
    constant = shared_linear_model(used.X.shape[1], used.Y.shape[1])
    constant.linear[:, -1] = np.average(used.Y, axis=0, weights=used.weights)
    return constant if held_out.error(constant) < held_out.error(model) else model


def _result(
    rows: SharedRows,
    model: SharedModel,
    residuals: Float64Array,
    noise: float,
    held_out: NDArray[np.intp],
    kind: str,
    coordinates: Whitening | None,
    names: tuple[tuple[str, ...], str, tuple[str, ...] | None],
    progress: Progress,
) -> LearnedOutputs:
    """Make the result, in the user's coordinates and units."""
    network = model.network()
    if coordinates is not None:
        network = coordinates.pull_back(network).normalized()
    targets, weights = rows.Y[held_out], _part(rows.weights, held_out)
    mse, r2 = np.nan, np.nan
    if len(held_out):
        squares = np.average(np.square(residuals), axis=0, weights=weights)
        spread = np.average(np.square(targets - np.average(targets, axis=0, weights=weights)), axis=0, weights=weights)
        mse = float(squares.mean())
        r2 = float(1 - squares.sum() / spread.sum()) if spread.any() else np.nan
    progress.finish()
    features, target, columns = names
    return LearnedOutputs(
        network=network,
        inputs=kind,
        validation_mse=mse,
        validation_r2=r2,
        validation_targets=targets,
        validation_residuals=residuals,
        noise_variance=noise,
        clumps=[],
        subspace=None,
        history=progress.history,
        timings=progress.timings,
        stopped_early=progress.stopped_early,
        feature_names=features,
        target_name=target,
        _columns=columns,
    )

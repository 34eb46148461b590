"""Checks before learning: arguments, rows, labels and weights, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arguments import fraction, random_generator
from limbeck._base.arrays import (
    Float64Array,
    float_array,
    integer,
    labels_array,
    require_finite,
    row_weights,
    same_length,
    thread_count,
)
from limbeck._base.frames import column_names, feature_names, target_name
from limbeck._learner.gaussian.comparison_methods import MOMENT_METHODS
from limbeck._learner.model.coordinates import CONSTANT
from limbeck._learner.model.input_tests import INPUTS
from limbeck._learner.model.rows import Rows
from limbeck._learner.pipeline.options import EXTRAPOLATIONS, MISSING, PIPELINE_SETTINGS, LearnOptions
from limbeck._tables.encoding import Encoding

__all__ = [
    "FEWEST_ROWS",
    "LARGEST",
    "SMALLEST",
    "ConstantFeaturesError",
    "GivenNames",
    "TrainingData",
    "check_features",
    "check_labels",
    "check_sizes",
    "checked_data",
    "checked_max_width",
    "checked_options",
    "require_enough_rows",
    "weighted_rows",
]

# With fewer there is next to nothing to choose a network by: one neuron of one feature has four parameters.
FEWEST_ROWS = 10
# Squares of labels beyond these sizes overflow or vanish in float64; those of a hundred million rows can be added up.
LARGEST, SMALLEST = 1e150, 1e-150


class ConstantFeaturesError(ValueError):
    """No feature varies, up to rounding."""


@dataclass(frozen=True)
class GivenNames:
    """Names that the caller gave to the features and to the label.

    Attributes
    ----------
    features : sequence of str or None
        One for each feature; None: those of the table's columns, or x0, x1, ...
    target : str or None
        The label's; None for blocks without a word on it, whose labels may have a name of their own.
    """

    features: Sequence[str] | None
    target: str | None

    @classmethod
    def of(cls, features: Sequence[str] | None, target: str | None, y: Any) -> GivenNames:  # noqa: ANN401
        """The arguments of :func:`limbeck.learn`, checked, and the name that labels in memory have.

        Raises
        ------
        TypeError, ValueError
            Names are no text, or not all different.
        """
        if features is not None:
            feature_names(features, None, len(features) if hasattr(features, "__len__") else 0)
        # A dask array's name is a key of its graph; the name of labels in blocks is known once they are read.
        labels = None if hasattr(y, "__dask_graph__") else y
        name = target_name(target, labels)
        return cls(features, None if target is None and labels is None else name)


@dataclass(frozen=True)
class TrainingData:
    """Checked rows in memory, and what their columns are called: what is handed on from the checks to the result.

    Attributes
    ----------
    rows : Rows
        X (n, d), y (n,) and weights of mean 1 or None, in float64, finite, rows of weight zero left out.
    feature_names : tuple of str
        d names.
    target_name : str
        Name of the label.
    columns : tuple of str or None
        Names of the columns of the table that X was; None if it was none.
    encoding : Encoding or None
        What became of these columns; None for arrays without gaps.
    """

    rows: Rows
    feature_names: tuple[str, ...]
    target_name: str
    columns: tuple[str, ...] | None = None
    encoding: Encoding | None = None


def checked_options(
    width: int | None,
    max_width: int | None,
    inputs: str,
    refine: bool,
    validation: float,
    seed: Any,  # noqa: ANN401
    sample_rows: int | None,
    n_threads: int | None,
    missing: str = "model",
    moment_method: str = "stages",
    extrapolate: str = "bounded",
    bag: int | None = None,
) -> LearnOptions:
    """The arguments of :func:`limbeck.learn` that are no data.

    Raises
    ------
    TypeError, ValueError
        One of them has the wrong type or value.
    """
    if not isinstance(refine, bool | np.bool_):
        raise TypeError(f"refine must be True or False, got {refine!r}")
    max_width = checked_max_width(width, max_width)
    _check_choice(inputs, "inputs", INPUTS)
    _check_choice(missing, "missing", MISSING)
    _check_choice(extrapolate, "extrapolate", EXTRAPOLATIONS)
    _check_choice(moment_method, "moment_method", MOMENT_METHODS)
    if refine and moment_method != MOMENT_METHODS[0]:
        raise ValueError(
            f"moment_method={moment_method!r} is for refine=False, the moment method alone; got refine=True"
        )
    if bag is not None:
        _check_bag(bag, inputs, sample_rows, refine=bool(refine))
    fraction(validation, "validation", "the rows")
    if sample_rows is not None:
        integer(sample_rows, "sample_rows", at_least=FEWEST_ROWS)
    thread_count(n_threads)
    rng = random_generator(seed)
    return LearnOptions(
        width,
        max_width,
        inputs,
        bool(refine),
        validation,
        rng,
        n_threads,
        sample_rows,
        missing=missing,
        moment_method=moment_method,
        extrapolate=extrapolate,
        bag=bag,
    )


def _check_choice(value: Any, name: str, choices: tuple[str, ...]) -> None:  # noqa: ANN401
    listed = f"one of {', '.join(choices)}; got {value!r}"
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, {listed}")
    if value not in choices:
        raise ValueError(f"{name} must be {listed}")


def _check_bag(bag: int, inputs: str, sample_rows: int | None, *, refine: bool) -> None:
    """Raise an error unless ``bag`` is a number of folds, and the other arguments allow a mean of networks."""
    integer(bag, "bag", at_least=2)
    if inputs in ("standard", "gaussian"):
        raise ValueError(f"bag is for inputs of any distribution, got bag={bag} with inputs={inputs!r}")
    if not refine:
        raise ValueError(f"bag is for refined networks, got bag={bag} with refine=False")
    if sample_rows is not None:
        raise ValueError(f"bag is for rows that are all in memory, got bag={bag} with sample_rows={sample_rows}")


def checked_max_width(width: int | None, max_width: int | None) -> int:
    """The largest number of neurons where ``width`` is None; raises an error unless both are such numbers or None."""
    if width is not None:
        integer(width, "width", at_least=0)
    return PIPELINE_SETTINGS.most_neurons if max_width is None else integer(max_width, "max_width", at_least=0)


def checked_data(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    names: GivenNames,
    n_threads: int | None,
) -> TrainingData:
    """Rows in memory as the learner takes them.

    Parameters
    ----------
    X : array_like or data frame of shape (n, d)
        Inputs.
    y : array_like or data frame of shape (n,) or (n, 1)
        Labels.
    sample_weight : array_like of shape (n,), optional
        Weights.
    names : GivenNames
        Names.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Raises
    ------
    TypeError, ValueError
        See :func:`limbeck.learn`.
    """
    columns = column_names(X)
    rows = float_array(X, "X", 2, np.float64, objects=True)
    labels = labels_array(y, "y", np.float64)
    features = feature_names(names.features, X, rows.shape[1])
    same_length(rows, "X", 0, labels, "y", 0, "rows")
    require_enough_rows(*rows.shape)
    require_finite(thread_count(n_threads), X=rows, y=labels)
    return TrainingData(
        weighted_rows(rows, labels, sample_weight, n_threads), features, names.target or target_name(None, y), columns
    )


def weighted_rows(X: Float64Array, y: Float64Array, sample_weight: ArrayLike | None, n_threads: int | None) -> Rows:
    """The rows of positive weight, with weights of mean 1.

    Raises
    ------
    TypeError, ValueError
        Weights are negative, not finite or not numbers, or positive in too few rows.
    """
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


def require_enough_rows(n: int, d: int) -> None:
    """Raise ValueError where there is too little to learn from."""
    if n < FEWEST_ROWS or d == 0:
        raise ValueError(f"X must have at least {FEWEST_ROWS} rows and one feature, got shape {(n, d)}")


def check_labels(least: float, largest: float) -> None:
    """Raise ValueError unless labels vary, and their squares stay in float64."""
    if least == largest:
        raise ValueError(f"y is constant ({least:g}): there is nothing to learn")
    size = max(abs(least), abs(largest))
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"the largest |y| is {size:g}, whose square leaves float64; scale y to between 1e-150 and 1e150"
        )


def check_features(low: Float64Array, high: Float64Array) -> None:
    """Raise ConstantFeaturesError unless some feature varies, between these ends, by more than rounding."""
    if (high - low > 2 * CONSTANT * np.maximum(np.abs(low), np.abs(high))).any():
        return
    if (low == high).all():
        raise ConstantFeaturesError("X is constant in every feature: there is nothing to learn from")
    raise ConstantFeaturesError(
        f"X is constant in every feature up to rounding, below {2 * CONSTANT:g} of its size: subtract an offset first"
    )


def check_sizes(sizes: Float64Array, names: tuple[str, ...]) -> None:
    """Raise ValueError for features whose squares leave float64: nothing could be learned from them."""
    wrong = np.flatnonzero((sizes > LARGEST) | ((sizes > 0) & (sizes < SMALLEST)))
    if len(wrong):
        j = int(wrong[0])
        raise ValueError(
            f"X: the largest size in column {names[j]!r} is {sizes[j]:g}, whose square leaves float64; scale it to "
            "between 1e-150 and 1e150"
        )
